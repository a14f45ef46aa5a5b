// Which schema a reference means: base URIs, anchors, registered documents.
// Source: JSON Schema core, draft 7 section 8 and draft 2020-12 sections 8.2 and 9.
#include "documents.hpp"

#include "uri.hpp"

#include <reagent/error.hpp>

#include <boost/json.hpp>

#include <algorithm>
#include <array>

namespace reagent {
namespace {

// The base of a document without `$id`: relative references and relative names meet here.
constexpr std::string_view no_name = "schema://document/";

enum class holds { nothing, schema, list, members };

holds holds_of(std::string_view key, const json::value& v) {
    static constexpr std::array one{"additionalItems",
                                    "contains",
                                    "additionalProperties",
                                    "propertyNames",
                                    "not",
                                    "if",
                                    "then",
                                    "else",
                                    "unevaluatedItems",
                                    "unevaluatedProperties",
                                    "contentSchema"};
    static constexpr std::array lists{"allOf", "anyOf", "oneOf", "prefixItems"};
    static constexpr std::array members{"properties", "patternProperties", "dependentSchemas",
                                        "$defs",      "definitions",       "dependencies"};
    auto is_in = [&](const auto& names) { return std::find(names.begin(), names.end(), key) != names.end(); };
    if (key == "items") return v.is_array() ? holds::list : holds::schema;
    if (is_in(one)) return holds::schema;
    if (is_in(lists)) return v.is_array() ? holds::list : holds::nothing;
    if (is_in(members)) return v.is_object() ? holds::members : holds::nothing;
    return holds::nothing;
}

const json::string* text_member(const json::value& source, std::string_view key) {
    auto* found = source.is_object() ? source.get_object().if_contains(key) : nullptr;
    return found ? found->if_string() : nullptr;
}

std::string_view without_empty_fragment(std::string_view uri) {
    if (uri.ends_with('#')) uri.remove_suffix(1);
    return uri;
}

std::optional<std::string> unescaped(std::string_view token) {
    std::string text;
    for (std::size_t i = 0; i < token.size(); ++i) {
        if (token[i] != '~') {
            text += token[i];
            continue;
        }
        if (++i == token.size() || (token[i] != '0' && token[i] != '1')) return {};
        text += token[i] == '0' ? '~' : '/';
    }
    return text;
}

const json::value* child(const json::value& parent, std::string_view token) {
    auto name = unescaped(token);
    if (!name) return nullptr;
    if (parent.is_object()) return parent.get_object().if_contains(*name);
    if (!parent.is_array() || name->empty() || name->size() > 9) return nullptr;
    if (name->find_first_not_of("0123456789") != name->npos || (name->size() > 1 && name->front() == '0'))
        return nullptr;
    return parent.get_array().if_contains(static_cast<std::size_t>(std::stoul(*name)));
}

}  // namespace

void fail_schema(schema_errc code, const std::string& path, const std::string& what) {
    throw schema_error{code, "schema at " + path + ": " + what, {.attempted = "compiling a JSON Schema", .path = path}};
}

schema_documents::schema_documents(const json::value& document, const schema_options& options) : options_{options} {
    root_ = add(document, std::string{no_name}, {.draft = options.draft, .formats = options.assert_formats});
}

schema::resource* schema_documents::beginning_at(const json::value& source) const {
    auto found = by_source_.find(&source);
    return found == by_source_.end() ? nullptr : found->second;
}

schema::resource* schema_documents::add(const json::value& document, const std::string& uri,
                                        const schema_rules& rules) {
    auto* r = owned_.emplace_back(std::make_unique<schema::resource>()).get();
    r->base = uri;
    r->source = &document;
    r->rules = rules_of(document, rules);
    by_uri_.emplace(uri, r);
    by_source_.emplace(&document, r);
    index(document, *r, 0);
    return r;
}

// Names of a schema are looked for where schemas stand, not in `enum`, `const` or keywords that nobody knows.
void schema_documents::index(const json::value& source, schema::resource& in, int depth) {
    if (!source.is_object()) return;
    if (depth > max_schema_depth) fail_schema(schema_errc::bad_document, "$", "nested deeper than 200 levels");
    schema::resource& here = enter(source, in);
    name(source, here);
    for (const auto& [key, value] : source.get_object()) switch (holds_of(key, value)) {
            case holds::nothing: break;
            case holds::schema: index(value, here, depth + 1); break;
            case holds::list:
                for (const auto& item : value.get_array()) index(item, here, depth + 1);
                break;
            case holds::members:
                for (const auto& member : value.get_object()) index(member.value(), here, depth + 1);
                break;
        }
}

// A schema with an `$id` is a resource of its own: what stands in it is resolved from there.
schema::resource& schema_documents::enter(const json::value& source, schema::resource& in) {
    auto* id = text_member(source, "$id");
    bool old = in.rules.draft == json_schema_draft::draft7;
    if (!id || (old && text_member(source, "$ref"))) return in;  // draft 7: `$ref` hides what stands beside it
    auto uri = resolve_uri(in.base, *id);
    if (!uri) return in;
    bool only_fragment = id->starts_with('#');
    if (!uri->fragment.empty()) in.anchors.emplace(uri->fragment, &source);  // draft 7's anchor
    if (only_fragment) return in;
    if (in.source == &source) {
        in.base = uri->base;
        by_uri_.emplace(uri->base, &in);
        return in;
    }
    auto* r = owned_.emplace_back(std::make_unique<schema::resource>()).get();
    r->base = uri->base;
    r->source = &source;
    r->rules = rules_of(source, in.rules);
    by_uri_.emplace(uri->base, r);
    by_source_.emplace(&source, r);
    return *r;
}

void schema_documents::name(const json::value& source, schema::resource& in) {
    if (in.rules.draft == json_schema_draft::draft7) return;
    if (auto* anchor = text_member(source, "$anchor")) in.anchors.emplace(*anchor, &source);
    if (auto* anchor = text_member(source, "$dynamicAnchor")) {
        in.anchors.emplace(*anchor, &source);
        in.dynamic_anchors.emplace(*anchor, &source);
    }
    auto* recursive = source.get_object().if_contains("$recursiveAnchor");  // 2019-09: a dynamic anchor without a name
    if (recursive && recursive->is_bool() && recursive->get_bool() && in.source == &source)
        in.dynamic_anchors.emplace("", &source);
}

schema_rules schema_documents::rules_of(const json::value& source, const schema_rules& otherwise) const {
    auto* uri = text_member(source, "$schema");
    auto found = uri ? rules_called(without_empty_fragment(*uri)) : std::nullopt;
    if (!found) return otherwise;
    found->formats = found->formats || options_.assert_formats;
    return *found;
}

std::optional<schema_rules> schema_documents::rules_called(std::string_view uri) const {
    using draft = json_schema_draft;
    static constexpr std::pair<std::string_view, draft> drafts[]{
        {"http://json-schema.org/draft-04/schema", draft::draft7},
        {"http://json-schema.org/draft-06/schema", draft::draft7},
        {"http://json-schema.org/draft-07/schema", draft::draft7},
        {"https://json-schema.org/draft-07/schema", draft::draft7},
        {"https://json-schema.org/draft/2019-09/schema", draft::draft2019_09},
        {"https://json-schema.org/draft/2020-12/schema", draft::draft2020_12}};
    for (auto [name, which] : drafts)
        if (uri == name) return schema_rules{.draft = which};
    const json::value* own = registered(uri);
    auto* words = own && own->is_object() ? own->get_object().if_contains("$vocabulary") : nullptr;
    if (!words || !words->is_object()) return {};
    schema_rules rules{.draft = draft::draft2020_12, .validation = false};
    for (const auto& [name, required] : words->get_object()) {
        if (name.ends_with("/vocab/validation")) rules.validation = true;
        if (name.ends_with("/vocab/format-assertion")) rules.formats = true;
        if (name.starts_with("https://json-schema.org/draft/2019-09/")) rules.draft = draft::draft2019_09;
    }
    return rules;
}

const json::value* schema_documents::registered(std::string_view uri) const {
    for (const auto& [name, document] : options_.documents)
        if (without_empty_fragment(name) == uri) return &document;
    return nullptr;
}

// Registered documents may name each other, also by an `$id` inside of them: they are all read once one is needed.
void schema_documents::add_registered() {
    if (std::exchange(registered_added_, true)) return;
    for (const auto& [name, document] : options_.documents) {
        auto uri = resolve_uri(no_name, name);
        if (!uri)
            fail_schema(schema_errc::bad_document, "$",
                        "the registered document \"" + name + "\" has a name that is no URI");
        if (!by_uri_.contains(uri->base))
            add(document, uri->base, {.draft = options_.draft, .formats = options_.assert_formats});
    }
}

schema::resource* schema_documents::known(const std::string& uri) {
    if (auto found = by_uri_.find(uri); found != by_uri_.end()) return found->second;
    add_registered();
    if (auto found = by_uri_.find(uri); found != by_uri_.end()) return found->second;
    const json::value* meta = meta_schema(uri);
    return meta ? add(*meta, uri, {}) : nullptr;
}

schema_place schema_documents::find(schema::resource& from, std::string_view reference, const std::string& path) {
    auto uri = resolve_uri(from.base, reference);
    auto quoted = "\"" + std::string{reference.substr(0, 200)} + "\"";
    if (!uri) fail_schema(schema_errc::bad_document, path, quoted + " is no URI reference");
    schema::resource* in = uri->base == from.base ? &from : known(uri->base);
    if (!in)
        fail_schema(schema_errc::bad_document, path,
                    "no document is known as " + quoted + "; give it in schema_options.documents (nothing is fetched)");
    const std::string& fragment = uri->fragment;
    if (fragment.empty()) return {in->source, in, in->dynamic_anchors.contains("")};
    if (fragment.front() != '/') {
        auto found = in->anchors.find(fragment);
        if (found == in->anchors.end()) fail_schema(schema_errc::bad_document, path, "nothing is called " + quoted);
        return {found->second, in, in->dynamic_anchors.contains(fragment), fragment};
    }
    const json::value* at = in->source;
    for (std::size_t begin = 1; at && begin <= fragment.size();) {
        std::size_t end = std::min(fragment.find('/', begin), fragment.size());
        at = child(*at, std::string_view{fragment}.substr(begin, end - begin));
        if (at)
            if (auto* inner = beginning_at(*at)) in = inner;
        begin = end + 1;
    }
    if (!at) fail_schema(schema_errc::bad_document, path, "nothing stands at " + quoted);
    return {at, in};
}

}  // namespace reagent
