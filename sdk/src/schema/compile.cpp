#include "documents.hpp"
#include "meta_schemas.hpp"

#include <reagent/error.hpp>

#include <boost/json.hpp>

#include <algorithm>
#include <initializer_list>
#include <map>

namespace reagent {
namespace {

using node = schema::node;

/// Which keywords a draft does not have: there they are annotations.
bool is_known(std::string_view key, const schema_rules& rules) {
    using draft = json_schema_draft;
    auto among = [&](std::initializer_list<std::string_view> names) {
        return std::find(names.begin(), names.end(), key) != names.end();
    };
    if (!rules.validation && among({"type",
                                    "const",
                                    "enum",
                                    "minimum",
                                    "maximum",
                                    "exclusiveMinimum",
                                    "exclusiveMaximum",
                                    "multipleOf",
                                    "minLength",
                                    "maxLength",
                                    "pattern",
                                    "minItems",
                                    "maxItems",
                                    "uniqueItems",
                                    "minContains",
                                    "maxContains",
                                    "minProperties",
                                    "maxProperties",
                                    "required",
                                    "dependentRequired"}))
        return false;
    if (rules.draft == draft::any) return true;
    if (rules.draft == draft::draft7)
        return !among({"prefixItems", "minContains", "maxContains", "dependentRequired", "dependentSchemas",
                       "unevaluatedItems", "unevaluatedProperties", "$dynamicRef", "$recursiveRef"});
    if (rules.draft == draft::draft2019_09) return !among({"prefixItems", "$dynamicRef"});
    return !among({"additionalItems", "$recursiveRef"});
}

class compiler {
public:
    explicit compiler(schema_documents& documents, std::vector<std::unique_ptr<node>>& nodes)
        : documents_{documents}, nodes_{nodes} {}

    bool dynamic = false;

    const node* compile_root(const json::value& document) {
        const node* root = compile(document, documents_.root(), "$");
        // An outer resource can answer a `$dynamicRef`: so what the anchors of each that is reached name is compiled
        // too.
        for (std::size_t known = dynamic ? 0 : nodes_.size(); known != nodes_.size();) {
            known = nodes_.size();
            for (const auto& r : documents_.all())
                if (r->reached && r->dynamic.empty())
                    for (const auto& [name, source] : r->dynamic_anchors)
                        r->dynamic.emplace_back(name, compile(*source, *r, r->base));
        }
        return root;
    }

private:
    const node* compile(const json::value& source, schema::resource& within, const std::string& path, int depth = 0) {
        if (auto known = done_.find(&source); known != done_.end()) return known->second;
        if (depth > max_schema_depth) fail_schema(schema_errc::bad_document, path, "nested deeper than 200 levels");
        auto* own = documents_.beginning_at(source);
        schema::resource& in = own ? *own : within;
        in.reached = true;
        node* n = nodes_.emplace_back(std::make_unique<node>()).get();
        n->home = &in;
        n->contained_is_evaluated = in.rules.draft != json_schema_draft::draft2019_09;
        done_.emplace(&source, n);
        if (source.is_bool()) {
            n->never = !source.get_bool();
            n->empty = !n->never;
            return n;
        }
        if (!source.is_object()) fail_schema(schema_errc::bad_document, path, "expected an object or a boolean");
        place here{*n, in, source.get_object(), depth};
        bool alone = in.rules.draft == json_schema_draft::draft7 && source.get_object().contains("$ref");
        for (const auto& [key, value] : source.get_object())
            if (!alone || key == "$ref" || key == "default") keyword(here, key, value, path + "." + std::string{key});
        return n;
    }

    /// Where a keyword stands.
    struct place {
        node& n;
        schema::resource& in;
        const json::object& all;
        int depth;
    };

    void keyword(const place& at, std::string_view key, const json::value& v, const std::string& path) {
        node& n = at.n;
        bool assertion =
            is_known(key, at.in.rules) && (of_any(n, key, v, path, at.in.rules) || of_arrays(at, key, v, path) ||
                                           of_objects(at, key, v, path) || of_combinations(at, key, v, path));
        if (key == "default") n.fallback = v;
        if (assertion)
            n.empty = false, ++n.assertions;  // else an annotation, or `$defs`: compiled when something refers to them
    }

    static bool of_any(node& n, std::string_view key, const json::value& v, const std::string& path,
                       const schema_rules& rules) {
        if (key == "type")
            n.types = types(v, path);
        else if (key == "const")
            n.constant = v;
        else if (key == "enum")
            n.enumeration = array(v, path);
        else if (key == "minimum")
            n.minimum = limit(v, path);
        else if (key == "maximum")
            n.maximum = limit(v, path);
        else if (key == "exclusiveMinimum")
            n.exclusive_minimum = limit(v, path);
        else if (key == "exclusiveMaximum")
            n.exclusive_maximum = limit(v, path);
        else if (key == "multipleOf")
            positive(v, path), n.multiple_of = v;
        else if (key == "minLength")
            n.min_length = count(v, path);
        else if (key == "maxLength")
            n.max_length = count(v, path);
        else if (key == "pattern")
            n.pattern = regex(v, path), n.pattern_text = text(v, path);
        else if (key == "format" && rules.formats && v.is_string())
            return (n.format = format_called(v.get_string())) != nullptr;
        else
            return false;
        return true;
    }

    bool of_arrays(const place& at, std::string_view key, const json::value& v, const std::string& path) {
        node& n = at.n;
        bool tuple = at.in.rules.draft != json_schema_draft::draft2020_12;  // `items` may be a list
        if (key == "prefixItems")
            n.prefix_items = compile_list(at, v, path);
        else if (key == "items") {
            if (v.is_array() && tuple)
                n.prefix_items = compile_list(at, v, path);
            else
                n.items = sub(at, v, path);
        } else if (key == "additionalItems") {
            auto* items = at.all.if_contains("items");
            if (!items || !items->is_array()) return false;
            n.items = sub(at, v, path);
        } else if (key == "contains")
            n.contains = sub(at, v, path);
        else if (key == "minItems")
            n.min_items = count(v, path);
        else if (key == "maxItems")
            n.max_items = count(v, path);
        else if (key == "minContains")
            n.min_contains = count(v, path);
        else if (key == "maxContains")
            n.max_contains = count(v, path);
        else if (key == "uniqueItems")
            n.unique_items = boolean(v, path);
        else if (key == "unevaluatedItems")
            n.unevaluated_items = sub(at, v, path);
        else
            return false;
        return true;
    }

    bool of_objects(const place& at, std::string_view key, const json::value& v, const std::string& path) {
        node& n = at.n;
        auto member = [&](std::string_view name, const json::value& child) {
            return sub(at, child, path + "." + std::string{name});
        };
        if (key == "properties") {
            for (const auto& [name, child] : object(v, path)) n.properties.emplace_back(name, member(name, child));
        } else if (key == "patternProperties") {
            for (const auto& [name, child] : object(v, path))
                n.pattern_properties.emplace_back(regex(json::value(name), path), member(name, child));
        } else if (key == "additionalProperties")
            n.additional = sub(at, v, path);
        else if (key == "unevaluatedProperties")
            n.unevaluated_properties = sub(at, v, path);
        else if (key == "propertyNames")
            n.property_names = sub(at, v, path);
        else if (key == "required")
            n.required = texts(v, path);
        else if (key == "dependentRequired") {
            for (const auto& [name, names] : object(v, path))
                n.dependent_required.emplace_back(name, texts(names, path));
        } else if (key == "dependentSchemas") {
            for (const auto& [name, child] : object(v, path))
                n.dependent_schemas.emplace_back(name, member(name, child));
        } else if (key == "dependencies") {  // draft 7: either of the two above
            for (const auto& [name, child] : object(v, path)) {
                if (child.is_array())
                    n.dependent_required.emplace_back(name, texts(child, path));
                else
                    n.dependent_schemas.emplace_back(name, member(name, child));
            }
        } else if (key == "minProperties")
            n.min_properties = count(v, path);
        else if (key == "maxProperties")
            n.max_properties = count(v, path);
        else
            return false;
        return true;
    }

    bool of_combinations(const place& at, std::string_view key, const json::value& v, const std::string& path) {
        node& n = at.n;
        if (key == "anyOf")
            n.any_of = compile_list(at, v, path);
        else if (key == "oneOf")
            n.one_of = compile_list(at, v, path);
        else if (key == "allOf")
            n.all_of = compile_list(at, v, path);
        else if (key == "not")
            n.negated = sub(at, v, path);
        else if (key == "if")
            n.if_ = sub(at, v, path);
        else if (key == "then")
            n.then_ = sub(at, v, path);
        else if (key == "else")
            n.else_ = sub(at, v, path);
        else if (key == "$ref")
            n.reference = follow(at, documents_.find(at.in, text(v, path), path), path);
        else if (key == "$dynamicRef" || key == "$recursiveRef")
            follow_dynamic(at, key, text(v, path), path);
        else
            return false;
        return true;
    }

    const node* sub(const place& at, const json::value& v, const std::string& path) {
        return compile(v, at.in, path, at.depth + 1);
    }

    const node* follow(const place& at, const schema_place& to, const std::string& path) {
        return compile(*to.source, *to.resource, path, at.depth + 1);
    }

    void follow_dynamic(const place& at, std::string_view key, const std::string& target, const std::string& path) {
        auto to = documents_.find(at.in, target, path);
        at.n.dynamic_reference = follow(at, to, path);
        if (to.dynamic && (key == "$recursiveRef" || !to.anchor.empty()))
            at.n.dynamic_anchor = to.anchor, dynamic = true;
    }

    std::vector<const node*> compile_list(const place& at, const json::value& v, const std::string& path) {
        std::vector<const node*> result;
        for (const auto& child : array(v, path))
            result.push_back(sub(at, child, path + "[" + std::to_string(result.size()) + "]"));
        return result;
    }

    static std::uint8_t types(const json::value& v, const std::string& path) {
        static const std::map<std::string, std::uint8_t, std::less<>> bits{
            {"null", node::null},     {"boolean", node::boolean}, {"integer", node::integer}, {"number", node::number},
            {"string", node::string}, {"array", node::array},     {"object", node::object}};
        auto bit = [&](const json::value& name) {
            auto found = bits.find(text(name, path));
            if (found == bits.end())
                fail_schema(schema_errc::bad_document, path, "unknown type " + json::serialize(name));
            return found->second;
        };
        if (!v.is_array()) return bit(v);
        std::uint8_t all = 0;
        for (const auto& name : v.get_array()) all |= bit(name);
        return all;
    }

    static text_pattern regex(const json::value& v, const std::string& path) {
        try {
            return text_pattern{text(v, path)};
        } catch (const std::runtime_error& e) {
            fail_schema(schema_errc::bad_document, path, std::string{"not a regular expression: "} + e.what());
        }
    }

    static std::string text(const json::value& v, const std::string& path) {
        if (!v.is_string()) fail_schema(schema_errc::bad_document, path, "expected a string");
        return std::string{v.get_string()};
    }
    static bool boolean(const json::value& v, const std::string& path) {
        if (!v.is_bool()) fail_schema(schema_errc::bad_document, path, "expected true or false");
        return v.get_bool();
    }
    static double number(const json::value& v, const std::string& path) {
        if (!v.is_number()) fail_schema(schema_errc::bad_document, path, "expected a number");
        return v.to_number<double>();
    }
    static const json::value& limit(const json::value& v, const std::string& path) { return number(v, path), v; }
    static double positive(const json::value& v, const std::string& path) {
        double d = number(v, path);
        if (!(d > 0)) fail_schema(schema_errc::bad_document, path, "expected a number above 0");
        return d;
    }
    static std::size_t count(const json::value& v, const std::string& path) {
        double d = number(v, path);
        if (!(d >= 0) || d > 1e15 || d != static_cast<double>(static_cast<std::size_t>(d)))
            fail_schema(schema_errc::bad_document, path, "expected a whole number of at least 0");
        return static_cast<std::size_t>(d);
    }
    static const json::array& array(const json::value& v, const std::string& path) {
        if (!v.is_array()) fail_schema(schema_errc::bad_document, path, "expected an array");
        return v.get_array();
    }
    static const json::object& object(const json::value& v, const std::string& path) {
        if (!v.is_object()) fail_schema(schema_errc::bad_document, path, "expected an object");
        return v.get_object();
    }
    static std::vector<std::string> texts(const json::value& v, const std::string& path) {
        std::vector<std::string> result;
        for (const auto& item : array(v, path)) result.push_back(text(item, path));
        return result;
    }

    schema_documents& documents_;
    std::vector<std::unique_ptr<node>>& nodes_;
    std::unordered_map<const json::value*, const node*> done_;
};

}  // namespace

const json::value* meta_schema(std::string_view uri) {
    static const json::value all = json::parse(built_in_meta_schemas);
    for (const auto& one : all.get_array()) {
        std::string_view id = one.at("$id").as_string();
        if (id.ends_with('#')) id.remove_suffix(1);
        if (id == uri) return &one;
    }
    return nullptr;
}

schema::schema() : schema{json::value(true)} {}

schema::schema(json::value document) : schema{std::move(document), schema_options{}} {}

schema::schema(json::value document, const schema_options& options) {
    auto c = std::make_shared<compiled>();
    c->document = std::move(document);
    schema_documents documents{c->document, options};
    compiler work{documents, c->nodes};
    c->root = work.compile_root(c->document);
    c->dynamic = work.dynamic;
    c->resources = documents.take();
    compiled_ = std::move(c);
}

const json::value& schema::document() const { return compiled_->document; }

bool schema::is_text() const {
    const node* n = compiled_->root;
    return n->types == node::string && !n->enumeration && !n->constant;
}

bool schema::is_any_text() const {
    const node& n = *compiled_->root;
    return is_text() && n.assertions == 1;
}

bool schema::takes_as_it_is(const json::value& value) const {
    const node* n = compiled_->root;
    while (n->assertions == 1 && !n->any_of.empty()) n = n->any_of.front();  // the first that fits counts
    return n->empty || (value.is_string() && n->types == node::string && n->assertions == 1);
}

bool schema::allows_null() const {
    auto alternatives = [](const node& n) {
        for (const node* a : n.any_of)
            if (a->types & node::null) return true;
        return false;
    };
    const node* n = compiled_->root;
    return (n->types & node::null) || (!n->types && alternatives(*n));
}

}  // namespace reagent
