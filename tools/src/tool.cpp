#include <reagent/tools/function.hpp>

#include <reagent/schema/render.hpp>
#include <reagent/schema/repair.hpp>

#include "one_line.hpp"

#include <boost/json.hpp>

#include <cmath>

namespace reagent {
namespace {

// Whether other parts of a schema may name arguments that its `properties` do not.
bool names_elsewhere(const json::object& schema) {
    for (const char* key : {"$ref", "$dynamicRef", "allOf", "anyOf", "oneOf", "if", "dependentSchemas", "dependencies"})
        if (schema.contains(key)) return true;
    return false;
}

}  // namespace

tool::tool(std::string name, std::string description, json::object parameters, function call, tool_options options,
           bool takes_rest, bool uses_run)
    : tool{std::move(name), std::move(description), std::move(parameters), {}, std::move(call), options, takes_rest,
           uses_run} {}

tool::tool(std::string name, std::string description, json::object parameters, json::object checked, function call,
           tool_options options, bool takes_rest, bool uses_run) {
    bool good = !name.empty() && name.size() <= 64;
    for (char c : name)
        good = good &&
               ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-');
    if (!good)
        throw tool_error{tool_errc::bad_name,
                         "\"" + name + "\" cannot name a tool; use 1 to 64 letters, digits, `_` and `-`"};
    if (checked.empty()) checked = takes_rest ? json::object{{"type", "object"}} : parameters;
    if (takes_rest)
        checked["additionalProperties"] = true;
    else if (!checked.contains("additionalProperties") && !checked.contains("unevaluatedProperties") &&
             checked.contains("properties"))
        checked[names_elsewhere(checked) ? "unevaluatedProperties" : "additionalProperties"] = false;
    data_ = std::make_shared<const data>(data{std::move(name),
                                              std::move(description),
                                              std::move(parameters),
                                              schema{json::value(checked), {.assert_formats = true}},
                                              std::move(call),
                                              options,
                                              uses_run,
                                              checked,
                                              {}});
}

const json::object& tool::edit_schema() const { return data_->edit_schema; }

std::string tool::wrong_edit(const json::object& arguments) const {
    auto read = read_arguments(json::value(arguments));
    if (!read.ok() || !read.value.is_object()) return one_line(read.violations);
    return data_->convert_edit ? data_->convert_edit(read.value.get_object()) : "";
}

tool tool::with_edit_check(json::object schema, std::function<std::string(const json::object&)> convert) const {
    tool checked = *this;
    auto changed = std::make_shared<data>(*data_);
    for (const auto& [key, v] : data_->edit_schema)  // what else of it is checked
        if (!schema.contains(key)) schema[key] = v;
    changed->edit_schema = std::move(schema);
    changed->convert_edit = std::move(convert);
    checked.data_ = std::move(changed);
    return checked;
}

tool tool::with_private_arguments(std::set<std::string> names) const {
    tool marked = *this;
    auto changed = std::make_shared<data>(*data_);
    changed->private_arguments = std::move(names);
    marked.data_ = std::move(changed);
    return marked;
}

tool tool::with_flow(flow_flags f) const {
    tool declared = *this;
    auto changed = std::make_shared<data>(*data_);
    changed->options.flow = f;
    declared.data_ = std::move(changed);
    return declared;
}

namespace {

// Arguments with lists and objects that were written as their JSON text in their place, where the text does not fit and
// they do.
std::optional<json::value> without_double_encoding(const schema& check, const json::object& properties,
                                                   const json::value& arguments) {
    json::value changed = arguments;
    bool any = false;
    for (auto& [name, v] : changed.get_object()) {
        auto* s = properties.if_contains(name);
        if (!s || !v.is_string() || schema{*s}.validate(v).empty()) continue;
        if (!parse_json(v.get_string())) continue;
        auto inner = read_unambiguous_json(v.get_string());
        if (!inner.value || !inner.value->is_structured()) continue;
        v = std::move(*inner.value);
        any = true;
    }
    if (!any || !check.read(changed, reading::strict).ok()) return {};
    return changed;
}

// JSON has no infinity. A number that no double holds becomes one where any value may stand, and is refused everywhere
// else.
void find_infinities(const json::value& v, const std::string& path, std::vector<violation>& found) {
    if (v.is_double() && !std::isfinite(v.get_double()))
        found.push_back({path, "expected a number that a double holds, got " + describe(v)});
    else if (v.is_array())
        for (std::size_t i = 0; i < v.get_array().size(); ++i)
            find_infinities(v.get_array()[i], path + "[" + std::to_string(i) + "]", found);
    else if (v.is_object())
        for (const auto& [name, item] : v.get_object()) find_infinities(item, path + "." + std::string{name}, found);
}

}  // namespace

schema::outcome tool::read_arguments(const json::value& arguments) const {
    auto read = data_->check.read(arguments, reading::strict);
    const auto* known = data_->parameters.if_contains("properties");
    if (!read.ok() && arguments.is_object() && known && known->is_object() && !data_->parameters.contains("$defs"))
        if (auto meant = without_double_encoding(data_->check, known->get_object(), arguments))
            read = data_->check.read(*meant, reading::strict);
    if (read.ok()) find_infinities(read.value, "$", read.violations);
    if (!read.ok() || !read.value.is_object()) return read;
    // Strict reading changes nothing; defaults are filled in here.
    if (auto* properties = data_->parameters.if_contains("properties"); properties && properties->is_object())
        for (const auto& [name, s] : properties->get_object())
            if (s.is_object() && !read.value.get_object().contains(name))
                if (auto* fallback = s.get_object().if_contains("default")) read.value.get_object()[name] = *fallback;
    return read;
}

void detail::add_range(json::value& s, double least, double most) {
    auto& o = s.get_object();
    auto bound = [&](const char* key, double limit, bool tighter) {
        if (auto* own = o.if_contains(key); own && own->is_number() && tighter) return;
        o[key] = limit;
    };
    auto own = [&](const char* key, double otherwise) {
        auto* v = o.if_contains(key);
        return v && v->is_number() ? v->to_number<double>() : otherwise;
    };
    bound("minimum", least, own("minimum", least) >= least);
    bound("maximum", most, own("maximum", most) <= most);
}

void detail::add_argument(json::object& parameters, const argument& a, json::value s, bool optional) {
    bool good = !a.name.empty();
    for (char c : a.name)
        good = good && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_');
    if (!good)
        throw tool_error{tool_errc::bad_argument_name,
                         "\"" + a.name + "\" cannot name an argument; use letters, digits and `_`"};
    if (parameters["properties"].as_object().contains(a.name))
        throw tool_error{tool_errc::bad_argument_name, "two arguments of a tool are called \"" + a.name + "\""};
    if (!s.is_object()) s.emplace_object();
    auto& o = s.get_object();
    if (auto* definitions = o.if_contains("$defs"); definitions && definitions->is_object()) {
        json::object copy = definitions->get_object();
        if (!parameters.contains("$defs")) parameters["$defs"] = json::object{};
        for (auto& [name, d] : copy) parameters["$defs"].as_object()[name] = d;
        o.stable_erase("$defs");
    }
    if (!a.description.empty()) o["description"] = a.description;
    if (a.fallback) {
        if (auto wrong = schema{s, {.assert_formats = true}}.validate(*a.fallback); !wrong.empty())
            throw tool_error{tool_errc::bad_argument_name,
                             "the fallback of argument \"" + a.name + "\" does not fit its type: " + one_line(wrong)};
        o["default"] = *a.fallback;
    } else if (optional)
        o["default"] = nullptr;
    if (!a.fallback && !optional) {
        if (!parameters.contains("required")) parameters["required"] = json::array{};
        parameters["required"].as_array().emplace_back(a.name);
    }
    parameters["properties"].as_object()[a.name] = std::move(s);
}

void detail::throw_argument_count(const std::string& tool, std::size_t parameters, std::size_t names) {
    throw tool_error{tool_errc::bad_argument_name,
                     "the function of tool \"" + tool + "\" takes " + std::to_string(parameters) + " arguments, but " +
                         std::to_string(names) + " names are given; name every parameter, as in {\"a\", \"b\"}"};
}

task<json::value> detail::as_json(task<json::value> t) { return t; }

}  // namespace reagent
