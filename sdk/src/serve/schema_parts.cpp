#include "schema_parts.hpp"

#include <reagent/module/saved_program.hpp>
#include <reagent/serve/served_program.hpp>

#include <boost/json.hpp>

namespace reagent {
namespace detail {
namespace {

void rename_references(json::value& v, const std::string& from, const std::string& to) {
    if (auto* all = v.if_array())
        for (auto& part : *all) rename_references(part, from, to);
    auto* o = v.if_object();
    if (!o) return;
    for (auto& [name, part] : *o) {
        if (name == "const" || name == "enum" || name == "default" || name == "examples") continue;
        if (name == "$ref" && part.is_string()) {
            std::string target{part.get_string()};
            if (target.starts_with(from)) part = to + target.substr(from.size());
        } else
            rename_references(part, from, to);
    }
}

}  // namespace

json::value moved_schema(json::value document, const std::string& name, const std::string& at, json::object& shared) {
    rename_references(document, "#/$defs/", at + name + ".");
    auto* o = document.if_object();
    auto* definitions = o ? o->if_contains("$defs") : nullptr;
    if (!definitions || !definitions->is_object()) return document;
    json::object moved = std::move(definitions->get_object());
    o->erase("$defs");
    for (auto& [key, shape] : moved) shared[name + "." + std::string{key}] = std::move(shape);
    return document;
}

json::value schema_of_fields(const std::vector<signature_field>& fields, bool inputs) {
    json::object properties, shared;
    json::array required;
    for (const auto& f : fields) {
        auto shape = moved_schema(f.shape.document(), f.name, "#/$defs/", shared);
        if (shape.is_bool()) shape = json::object{};
        if (auto* o = shape.if_object(); o && f.is_described() && !o->contains("description"))
            (*o)["description"] = f.description;
        properties[f.name] = std::move(shape);
        if (!inputs || !f.shape.allows_null()) required.emplace_back(f.name);
    }
    json::object o{{"type", "object"}, {"properties", std::move(properties)}};
    if (!required.empty()) o["required"] = std::move(required);
    if (inputs) o["additionalProperties"] = false;
    if (!shared.empty()) o["$defs"] = std::move(shared);
    return o;
}

}  // namespace detail

namespace {

// Inputs that may be null may be left out; the predictor wants all of them.
program_function with_nulls(program_function call, std::vector<std::string> optional) {
    if (optional.empty()) return call;
    return [call = std::move(call), optional = std::move(optional)](run& r, const json::object& inputs) {
        json::object all = inputs;
        for (const auto& name : optional)
            if (!all.contains(name)) all[name] = nullptr;
        return [](program_function program, run& own, json::object given) -> task<json::object> {
            co_return co_await program(own, given);
        }(call, r, std::move(all));
    };
}

}  // namespace

served_program served(const module& root, program_function call, const signature& s) {
    std::vector<std::string> optional;
    for (const auto& f : s.inputs)
        if (f.shape.allows_null()) optional.push_back(f.name);
    return {&root, with_nulls(std::move(call), std::move(optional)), detail::schema_of_fields(s.inputs, true),
            detail::schema_of_fields(s.outputs, false)};
}

served_program served_by_predictors(const module& root, program_function call) {
    auto all = predictors_of(root);
    if (all.empty())
        return {&root, std::move(call), json::object{{"type", "object"}}, json::object{{"type", "object"}}};
    signature s = all.front()->signature();
    s.outputs = all.back()->signature().outputs;
    return served(root, std::move(call), s);
}

}  // namespace reagent
