// Answers in XML, read with Expat (which Python's ElementTree uses too).
#include "../adapter/chat_scanner.hpp"
#include "../base/quoted.hpp"
#include "../base/text.hpp"
#include "../schema/comment.hpp"
#include "../schema/unicode.hpp"
#include "tree.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <memory>
#include <set>

namespace reagent::detail {
namespace {

// What stands in an element as text: entities as what they mean, raw text as it is, no comments, one form of line ends;
// tags stay.
std::string with_tags_as_text(std::string_view inner) {
    std::string out;
    auto lines = [&](std::string_view some) {
        for (std::size_t i = 0; i < some.size(); ++i)
            if (some[i] != '\r')
                out += some[i];
            else if (i + 1 >= some.size() || some[i + 1] != '\n')
                out += '\n';
    };
    auto up_to = [&](std::string_view begin, std::string_view end, bool shown) {
        inner.remove_prefix(begin.size());
        auto n = std::min(inner.find(end), inner.size());
        if (shown) lines(inner.substr(0, n));
        inner.remove_prefix(std::min(n + end.size(), inner.size()));
    };
    while (!inner.empty()) {
        auto n = std::min(inner.find_first_of("<&"), inner.size());
        lines(inner.substr(0, n));
        inner.remove_prefix(n);
        if (inner.starts_with("<!--"))
            up_to("<!--", "-->", false);
        else if (inner.starts_with("<![CDATA["))
            up_to("<![CDATA[", "]]>", true);
        else if (!inner.empty()) {
            auto end = std::min(inner.find(inner[0] == '<' ? '>' : ';'), inner.size() - 1) + 1;
            if (inner[0] == '<')
                lines(inner.substr(0, end));
            else
                out += xml_meaning(std::string{inner.substr(0, end)});
            inner.remove_prefix(end);
        }
    }
    return out;
}

const json::value* member(const json::value& schema, std::string_view name) {
    return schema.is_object() ? schema.get_object().if_contains(name) : nullptr;
}

const json::value& resolved(const json::value& shape, const json::value& document) {
    const json::value* s = &shape;
    for (int i = 0; i < 16; ++i) {
        auto* ref = member(*s, "$ref");
        if (!ref || !ref->is_string() || !ref->get_string().starts_with('#')) break;
        boost::system::error_code ec;
        auto* found = document.find_pointer(ref->get_string().subview(1), ec);
        if (!found) break;
        s = found;
    }
    return *s;
}

bool has_type(const json::value& shape, std::string_view type) {
    auto* t = member(shape, "type");
    return t && t->is_string() && t->get_string() == type;
}

bool says_two_things(const std::vector<const element*>& group) {
    return std::any_of(group.begin(), group.end(),
                       [&](const element* e) { return trim(e->inner) != trim(group.front()->inner); });
}

// A member that stands in an object twice, where only one can be meant.
struct two_members {};

// Something that would have to be left out.
struct left_out {
    std::string why;
};

// What separates items and says nothing.
bool is_blank(std::string_view text) { return text.find_first_not_of(" \t\r\n,;") == text.npos; }

void expect_no_comment_for_elements(const element& e) {
    if (comment_leaves_out(e.comments) || e.comments.find('<') != e.comments.npos)
        throw left_out{"the comment " + quoted(trim(e.comments), 60) + " stands for elements in `<" + e.name + ">`"};
}

// Elements and nothing else.
void expect_elements_only(const element& e) {
    for (const auto* text : {&e.text, &e.beside})
        if (!is_blank(*text))
            throw left_out{quoted(trim(*text), 60) + " stands beside the elements in `<" + e.name + ">`"};
    expect_no_comment_for_elements(e);
}

const json::value* properties_of(const json::value& shape) {
    auto* properties = member(shape, "properties");
    return properties && properties->is_object() ? properties : nullptr;
}

// Whether an element's children could be members of what a shape describes, or be so by what it does not say.
bool are_members(const element& e, const json::value& shape, const json::value& document, int depth = 0) {
    if (auto* any = member(shape, "anyOf"); any && any->is_array() && depth < 16)
        return std::any_of(any->get_array().begin(), any->get_array().end(), [&](const json::value& a) {
            return are_members(e, resolved(a, document), document, depth + 1);
        });
    if (!has_type(shape, "object")) return false;
    auto* properties = properties_of(shape);
    return !properties || std::any_of(e.children.begin(), e.children.end(),
                                      [&](const auto& c) { return properties->get_object().contains(c->name); });
}

// A text that is one item, by its looks: not several in one line or more.
bool is_one_item(std::string_view text) {
    if (text.starts_with('{')) return true;
    const bool marked = text.starts_with("- ") || text.starts_with("* ") || text.starts_with("\u2022") ||
                        text.starts_with("1. ") || text.starts_with("1) ");
    return !marked && text.find_first_of("\n,;|") == text.npos;
}

constexpr const char* how_to_write_items = "; write each item as an element `<item>`, and nothing beside them";

// The elements of a list: items, or the one that it is.
std::vector<const element*> items_in(const element& list, const json::value& shape, const json::value& document) {
    std::vector<const element*> items;
    const element* other = nullptr;
    for (const auto& c : list.children)
        if (c->name == "item")
            items.push_back(c.get());
        else
            other = c.get();
    if (!items.empty() || !are_members(list, shape, document)) {
        if (other)
            throw left_out{"`<" + other->name + ">` in the list `<" + list.name + ">` is no `<item>`" +
                           how_to_write_items};
        expect_elements_only(list);
        return items;
    }
    return {&list};
}

json::value value_of(const std::vector<const element*>& group, const json::value& shape, const json::value& document);

// An object's members, grouped by tag; `<entry key="k">` stands for member k.
json::object members_of(const element& parent, const json::value& shape, const json::value& document) {
    expect_elements_only(parent);
    std::vector<std::pair<std::string, std::vector<const element*>>> groups;
    for (const auto& child : parent.children) {
        std::string name = child->name == "entry" && !child->key.empty() ? child->key : child->name;
        auto at = std::find_if(groups.begin(), groups.end(), [&](const auto& g) { return g.first == name; });
        if (at == groups.end())
            groups.push_back({name, {child.get()}});
        else
            at->second.push_back(child.get());
    }
    static const json::value anything = json::object{};
    json::object o;
    for (const auto& [name, elements] : groups) {
        const json::value* child_shape = nullptr;
        if (auto* properties = member(shape, "properties")) child_shape = member(*properties, name);
        if (!child_shape) child_shape = member(shape, "additionalProperties");
        o[name] = value_of(elements, child_shape ? *child_shape : anything, document);
    }
    return o;
}

json::value value_of(const std::vector<const element*>& group, const json::value& declared,
                     const json::value& document) {
    const json::value* shape = &resolved(declared, document);
    const element& first = *group.front();
    if (auto* any = member(*shape, "anyOf"); any && any->is_array()) {
        const json::value* chosen = nullptr;
        bool null = false;
        for (const auto& a : any->get_array()) {
            if (has_type(a, "null"))
                null = true;
            else if (!chosen)
                chosen = &resolved(a, document);
        }
        if (null && first.children.empty() && trim(first.text).empty() && !says_two_things(group)) return nullptr;
        if (chosen) shape = chosen;
    }
    if (has_type(*shape, "array")) {
        auto* items = member(*shape, "items");
        static const json::value anything = json::object{};
        json::array list;
        if (group.size() == 1 && first.children.empty()) {
            std::string text{trim(first.text)};
            expect_no_comment_for_elements(first);
            if (text.empty()) return list;
            if (text.starts_with('[')) return json::value(json::string(text));
            if (!is_one_item(text))
                throw left_out{quoted(text, 60) + " may be one item or several" + how_to_write_items};
            return json::array{value_of({&first}, items ? *items : anything, document)};
        }
        const json::value& item_shape = items ? resolved(*items, document) : anything;
        auto holds_items = [&](const element* e) {
            return !has_type(item_shape, "array") &&
                   std::any_of(e->children.begin(), e->children.end(), [](const auto& c) { return c->name == "item"; });
        };
        if (group.size() > 1 && std::any_of(group.begin(), group.end(), holds_items))
            throw left_out{"the list `<" + first.name + ">` stands twice" + how_to_write_items};
        for (const element* e : group.size() == 1 ? items_in(first, item_shape, document) : group)
            list.push_back(value_of({e}, item_shape, document));
        return list;
    }
    if (group.size() > 1 && has_type(*shape, "string")) {
        json::array all;
        for (const element* e : group) all.push_back(value_of({e}, *shape, document));
        return all;
    }
    if (says_two_things(group)) throw two_members{};
    const bool is_object = has_type(*shape, "object") || (!first.children.empty() && !has_type(*shape, "string"));
    if (is_object && !first.attribute.empty())
        throw left_out{"what the attribute `" + first.attribute + "` of `<" + first.name + ">` says is no element"};
    if (has_type(*shape, "object") && first.children.empty() && trim(first.text).empty()) {
        expect_elements_only(first);
        return json::object{};
    }
    if (!first.children.empty() && is_object) return members_of(first, *shape, document);
    return json::value(json::string(trim(first.children.empty() ? first.text : with_tags_as_text(first.inner))));
}

}  // namespace

namespace {

bool is_list(const json::value& declared, const json::value& document) {
    const json::value& shape = resolved(declared, document);
    if (has_type(shape, "array")) return true;
    auto* any = member(shape, "anyOf");
    return any && any->is_array() &&
           std::any_of(any->get_array().begin(), any->get_array().end(),
                       [&](const json::value& a) { return has_type(resolved(a, document), "array"); });
}

// The completion without thinking that begins outside of every output. @param open whether one has no end
std::string without_thinking(const signature& s, std::string_view text, bool& open) {
    std::string out;
    auto take = [&](std::size_t n) {
        out += text.substr(0, n);
        text.remove_prefix(std::min(n, text.size()));
    };
    constexpr std::size_t longest_name = 256;
    std::set<std::string, std::less<>> unclosed;  // outputs that do not end in what is left
    int depth = 0;
    while (!text.empty()) {
        auto at = text.find('<');
        if (depth == 0) take(at);
        if (depth) text.remove_prefix(std::min(at, text.size()));
        if (text.empty()) break;
        auto tag = thinking_tag_at(text);
        auto tag_name = text.substr(std::min<std::size_t>(1 + tag.closes, text.size()), longest_name);
        tag_name = tag_name.substr(0, tag_name.find_first_of(" \t\r\n>"));
        if (tag.size && !s.output(to_lower(tag_name)) && (depth || !tag.closes)) {
            depth += tag.closes ? -1 : 1;
            text.remove_prefix(tag.size);
        } else if (depth)
            text.remove_prefix(1);
        else {
            const auto beginning = text.substr(1, longest_name);
            const std::string name{beginning.substr(0, beginning.find_first_of(" \t\r\n/>"))};
            auto end = s.output(name) && !unclosed.contains(name) ? text.find("</" + name) : text.npos;
            if (end == text.npos && s.output(name)) unclosed.insert(name);
            take(end == text.npos ? 1 : end);
            if (end != text.npos) take(2);
        }
    }
    open = depth > 0;
    return out;
}

// The output that holds what acts.
const signature_field* arguments_of(const signature& s) {
    for (const auto& f : s.outputs)
        if (f.kind == field_kind::arguments) return &f;
    return nullptr;
}

// What of an element is neither text nor element, nor the key of an entry.
std::string notes_in(const element& e, bool within) {
    if (!is_blank(e.comments)) return "the comment " + quoted(trim(e.comments), 60) + " stands in it";
    if (!e.attribute.empty()) return "the attribute `" + e.attribute + "` stands in it";
    if (!e.key.empty() && e.name != "entry") return "the attribute `key` stands in it";
    for (const auto& c : e.children)
        if (auto why = within ? notes_in(*c, true) : std::string{}; !why.empty()) return why;
    return {};
}

std::string text_beside_elements(const element& e) {
    if (e.children.empty()) return {};
    for (const auto* text : {&e.text, &e.beside})
        if (!trim(*text).empty()) return quoted(trim(*text), 60) + " stands beside the elements in it";
    for (const auto& c : e.children)
        if (auto why = text_beside_elements(*c); !why.empty()) return why;
    return {};
}

// What stands in a step of an agent beside what is read of it, and may say that
// it is not meant. Words may stand in front of it, and fences around it.
std::string beside_a_step(const signature& s, const element& root) {
    if (!is_blank(root.comments)) return "the comment " + quoted(trim(root.comments), 60) + " stands beside it";
    if (root.beside.find_first_not_of(" \t\r\n`") != root.beside.npos)
        return quoted(trim(root.beside), 60) + " stands behind it";
    for (const auto& child : root.children) {
        const auto* f = s.output(child->name);
        if (!f) continue;
        const bool acts = f->kind == field_kind::arguments;
        if (auto why = notes_in(*child, acts); !why.empty()) return why;
        if (auto why = acts ? text_beside_elements(*child) : std::string{}; !why.empty()) return why;
    }
    return {};
}

using elements = std::vector<const element*>;

// The outputs' elements. Where they are the outputs again and again, each once, the last time counts.
elements last_block(const signature& s, const element& root) {
    elements all;
    for (const auto& child : root.children)
        if (s.output(child->name)) all.push_back(child.get());
    const std::size_t n = s.outputs.size();
    if (n < 2 || all.size() <= n || all.size() % n) return all;
    for (std::size_t i = 0; i < all.size(); i += n)
        for (const auto& f : s.outputs)
            if (std::none_of(all.begin() + static_cast<std::ptrdiff_t>(i),
                             all.begin() + static_cast<std::ptrdiff_t>(i + n),
                             [&](const element* e) { return e->name == f.name; }))
                return all;
    return {all.end() - static_cast<std::ptrdiff_t>(n), all.end()};
}

// Whether a call of a step is repeated otherwise. What was thought may differ.
bool calls_differ(const signature& s, const element& root) {
    for (const auto& f : s.outputs) {
        if (f.kind != field_kind::arguments && f.shape.allows_null()) continue;
        elements group;
        for (const auto& child : root.children)
            if (child->name == f.name) group.push_back(child.get());
        if (!group.empty() && says_two_things(group)) return true;
    }
    return false;
}

}  // namespace

parsed_outputs parse_xml(const signature& s, std::string_view completion) {
    bool thinking = false;
    const auto tree = read_xml(without_thinking(s, completion, thinking));
    if (!tree.root)
        return parse_failure{adapter_errc::no_fields, {}, "the answer is no well-formed XML: " + tree.problem, {}};
    const auto& root = tree.root;
    const auto* acts = arguments_of(s);
    if (auto why = acts ? beside_a_step(s, *root) : std::string{}; !why.empty())
        return doubtful_arguments(acts->name, why);
    json::object found;
    const elements all = last_block(s, *root);
    if (acts && all.size() < root->children.size() && calls_differ(s, *root)) return holds_several_steps(*acts);
    for (const auto& f : s.outputs) {
        elements group;
        for (const auto* child : all)
            if (child->name == f.name) group.push_back(child);
        // Only a list may be written as several elements of its name.
        if (!is_list(f.shape.document(), f.shape.document())) {
            if (says_two_things(group)) return stands_twice(f.name);
            if (group.size() > 1) group.resize(1);
        }
        if (!group.empty()) try {
                auto v = tree.controls.show(value_of(group, f.shape.document(), f.shape.document()));
                const bool written = &f != acts || !is_blank(group.front()->inner);
                found[f.name] = written ? unescape_markers(std::move(v)) : json::value("");
            } catch (const two_members&) {
                return stands_twice(f.name);
            } catch (const left_out& beside) {
                const std::string why = beside.why + "; nothing of an answer is left out in silence";
                return parse_failure{
                    adapter_errc::bad_value, f.name, "field `" + f.name + "`: " + why, {{f.name, why}}};
            }
    }
    answer_form form{.text = completion};
    for (const auto& child : root->children) form.note(s, child->name);
    for (const auto* child : all)  // `<name zip="1">`
        if (const auto* f = s.output(child->attribute); f && !found.contains(f->name)) form.stray = child->attribute;
    auto outputs = read_outputs(s, std::move(found), form);
    if (!outputs && thinking) return ended_thinking(outputs.error());
    return outputs;
}

}  // namespace reagent::detail
