#pragma once

#include <reagent/evaluate/evaluation.hpp>
#include <reagent/module/predictor.hpp>
#include <reagent/module/program.hpp>

#include <functional>
#include <string>
#include <vector>

namespace reagent {

/// A program as the server calls it: by name, with the shapes of what goes in and comes out.
struct served_program {
    const module* root = nullptr;  ///< what saved programs are loaded into; outlives the server
    program_function call{};
    json::value input{};   ///< JSON Schema of an object that refuses further members
    json::value output{};  ///< likewise of the answer; may be true: anything
    /// What the schema cannot say of an input: the struct's own `validate()`. Paths from "$".
    std::function<std::vector<violation>(const json::object&)> check{};
};

/// Of a signature that is known at run time. Inputs that may be null may be left out.
served_program served(const module& root, program_function call, const signature& s);
/// The inputs of the first predictor, and the outputs of the last: of a module that is called by name and says no more
/// of itself.
served_program served_by_predictors(const module& root, program_function call);

namespace detail {

json::value schema_of_fields(const std::vector<signature_field>& fields, bool inputs);

template <class Input>
std::vector<violation> check_input(const json::object& given) {
    conversion c;
    Input in{};
    from_value(json::value(given), in, c);
    return std::move(c.violations);
}

// A prediction has no struct: its names are those of its signature.
template <class Output>
json::value output_schema() {
    if constexpr (named_fields<Output>)
        return schema_of<Output>().document();
    else
        return true;
}

}  // namespace detail

/// Of a program with types. The module must outlive the server.
template <program_type M>
served_program served(const M& m) {
    auto call = as_program(m);
    if constexpr (detail::typed_program<M>) {
        using edge = detail::edge_types<M>;
        return {&m, call, detail::closed_schema_of<typename edge::input>().document(),
                detail::output_schema<typename edge::output>(), detail::check_input<typename edge::input>};
    } else if constexpr (std::derived_from<M, predictor>)
        return served(m, call, m.signature());
    else
        return served_by_predictors(m, call);
}

}  // namespace reagent
