// A schema as a provider takes it. What is left out is a wish that the prompt holds in words, and that the answer is
// checked for.
#include "dialect.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <map>
#include <set>

namespace reagent::provider {
namespace {

using words = std::vector<std::string_view>;

bool lists(const words& w, std::string_view name) {
    return w.empty() || std::find(w.begin(), w.end(), name) != w.end();
}

class fitter {
public:
    explicit fitter(const schema_rules& rules) : rules_{rules} {}

    json::value fit(const json::value& v) {
        if (v.is_object()) return fit_object(v.get_object());
        open_ = true;  // `true`: anything
        return v;
    }

    /// Whether some part of it may be anything, or an object with members that are not listed.
    bool is_open() const { return open_; }

private:
    json::value fit_object(const json::object& o) {
        json::object out;
        if (o.contains("$ref") && rules_.bare_references) {
            out["$ref"] = o.at("$ref");
            return out;
        }
        for (const auto& [key, v] : o) member(out, key, v);
        if (o.contains("oneOf") && !lists(rules_.keywords, "oneOf") && !o.contains("anyOf"))
            out["anyOf"] = fit_list(o.at("oneOf"));
        if (o.contains("allOf") && !out.contains("allOf")) open_ = true;
        if (auto* prefix = o.if_contains("prefixItems"); prefix && prefix->is_array() && !out.contains("prefixItems"))
            tuple(out, prefix->get_array());
        if (rules_.closed) close(out);
        return out;
    }

    void member(json::object& out, std::string_view key, const json::value& v) {
        if (!lists(rules_.keywords, key)) return;
        if (key == "properties" || key == "$defs" || key == "definitions")
            out[key] = v.is_object() ? fit_members(v.get_object()) : v;
        else if (key == "anyOf" || key == "oneOf" || key == "allOf" || key == "prefixItems")
            out[key] = fit_list(v);
        else if (key == "items" || (key == "additionalProperties" && v.is_object()))
            out[key] = v.is_object() ? fit(v) : v;
        else if (key == "format") {
            if (v.is_string() && lists(rules_.formats, v.get_string())) out[key] = v;
        } else if (key == "minItems" && !rules_.counts_items) {
            if (v == 0 || v == 1) out[key] = v;
        } else
            out[key] = v;
    }

    json::value fit_members(const json::object& members) {
        json::object out;
        for (const auto& [name, v] : members) out[name] = fit(v);
        return out;
    }

    json::value fit_list(const json::value& v) {
        if (!v.is_array()) return v;
        json::array out;
        for (const auto& item : v.get_array()) out.push_back(fit(item));
        return out;
    }

    // Where a list of items by place is not known: as many, each of one of the kinds.
    void tuple(json::object& out, const json::array& prefix) {
        json::array kinds;
        for (const auto& item : prefix) {
            json::value kind = fit(item);
            if (std::find(kinds.begin(), kinds.end(), kind) == kinds.end()) kinds.push_back(std::move(kind));
        }
        out["items"] =
            kinds.size() == 1 ? json::value(kinds.front()) : json::value(json::object{{"anyOf", std::move(kinds)}});
        for (const char* count : {"minItems", "maxItems"})
            if (lists(rules_.keywords, count) && rules_.counts_items) out[count] = prefix.size();
    }

    void close(json::object& out) {
        auto* type = out.if_contains("type");
        auto* properties = out.if_contains("properties");
        if (properties && properties->is_object()) {
            auto* more = out.if_contains("additionalProperties");
            if (more && !(more->is_bool() && !more->get_bool())) open_ = true;
            auto* required = out.if_contains("required");
            std::size_t count = required && required->is_array() ? required->get_array().size() : 0;
            if (count != properties->get_object().size()) open_ = true;
            if (!required) out["required"] = json::array{};
            if (!more) out["additionalProperties"] = false;
        } else if (type && *type == "object") {
            auto* more = out.if_contains("additionalProperties");
            if (!more || !more->is_bool() || more->get_bool()) open_ = true;
        } else if (type && *type == "array") {
            auto* items = out.if_contains("items");
            if (!items || !items->is_object()) open_ = true;
        } else if (!type && !out.contains("anyOf") && !out.contains("enum") && !out.contains("const") &&
                   !out.contains("$ref") && !out.contains("allOf"))
            open_ = true;
    }

    const schema_rules& rules_;
    bool open_ = false;
};

void collect_references(const json::value& v, std::set<std::string>& to) {
    if (v.is_array())
        for (const auto& item : v.get_array()) collect_references(item, to);
    else if (v.is_object())
        for (const auto& [key, part] : v.get_object()) {
            if (key == "$ref" && part.is_string()) to.emplace(part.get_string());
            if (key != "$defs" && key != "definitions") collect_references(part, to);
        }
}

// Whether a schema is reached again from within itself.
bool is_recursive(const json::object& schema) {
    std::map<std::string, std::set<std::string>> leads_to;
    for (const char* where : {"$defs", "definitions"})
        if (auto* defs = schema.if_contains(where); defs && defs->is_object())
            for (const auto& [name, d] : defs->get_object())
                collect_references(d, leads_to["#/" + std::string{where} + "/" + std::string{name}]);
    collect_references(schema, leads_to["#"]);
    for (const auto& [from, direct] : leads_to) {
        std::set<std::string> reached;
        std::vector<std::string> open{direct.begin(), direct.end()};
        while (!open.empty()) {
            std::string next = std::move(open.back());
            open.pop_back();
            if (!reached.insert(next).second) continue;
            if (auto found = leads_to.find(next); found != leads_to.end())
                open.insert(open.end(), found->second.begin(), found->second.end());
        }
        if (reached.contains(from)) return true;
    }
    return false;
}

}  // namespace

std::optional<fitted_schema> fitted(const json::object& schema, const rules& how) {
    const auto& rules = *how.schemas;
    if (!how.strict_schemas) return fitted_schema{schema, false};
    if (!rules.recursive && is_recursive(schema)) return {};
    fitter f{rules};
    json::value v = f.fit(schema);
    bool object = v.is_object() && (v.get_object().contains("properties") || v.get_object().contains("$ref"));
    if (rules.closed && (f.is_open() || !object)) {
        if (rules.only_closed) return {};
        return fitted_schema{schema, false};
    }
    return fitted_schema{std::move(v.get_object()), rules.closed};
}

}  // namespace reagent::provider
