#pragma once

#include <reagent/evaluate/example.hpp>
#include <reagent/schema/convert.hpp>

namespace reagent {

/// The fields of an example that a struct has, as that struct; others are left out. @throws schema_error naming every
/// field that is missing or does not fit
///
///     struct labels { std::string intent; std::optional<double> confidence; };
///     auto m = rg::make_metric([](const rg::example& e, const rg::json::object& outputs) {
///         return rg::view<labels>(e).intent == outputs.at("intent").as_string(); });
template <json_convertible T>
T view(const example& e) {
    return from_json<T>(json::value(e.fields), reading::lenient);
}

/// An example of a struct as its input and its output, for a signature that is one.
template <class Input, class Output>
example make_example(const Input& input, const Output& output) {
    example e;
    const json::value given = to_json(input), labels = to_json(output);
    for (const auto& [name, value] : given.as_object()) {
        e.inputs.emplace_back(name);
        e.fields[name] = value;
    }
    for (const auto& [name, value] : labels.as_object()) e.fields[name] = value;
    return e;
}

}  // namespace reagent
