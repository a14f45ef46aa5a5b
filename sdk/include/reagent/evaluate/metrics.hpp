#pragma once

#include <reagent/evaluate/typed_example.hpp>
#include <reagent/module/best_of_n.hpp>
#include <reagent/module/majority.hpp>

#include <functional>

namespace reagent {

/// What a metric is given: the example, the outputs by name, and the run that made them (its predictors' calls, its
/// violations).
struct rated_run {
    const example& expected;
    const json::object& outputs;
    const journal& history;
};

/// How good a result is, as a rule from 0 to 1. May ask models through the run.
using metric = std::function<task<judgement>(run&, const rated_run&)>;

namespace detail {

// What a function or a lambda without `auto` takes.
template <class F>
struct taken_by {};
template <class R, class... A>
struct taken_by<R (*)(A...)> {
    using types = std::tuple<std::remove_cvref_t<A>...>;
};
template <class C, class R, class... A>
struct taken_by<R (C::*)(A...) const> {
    using types = std::tuple<std::remove_cvref_t<A>...>;
};
template <class F>
requires requires { &F::operator(); }
struct taken_by<F> : taken_by<decltype(&F::operator())> {};

template <class T>
concept outputs_on_types = (reflect::structure<T> && json_convertible<T>) || std::is_constructible_v<T, json::object>;
template <class F, class Types = typename taken_by<F>::types>
inline constexpr bool takes_typed_pair = false;
template <class F, class E, class O>
inline constexpr bool takes_typed_pair<F, std::tuple<E, O>> =
    (std::is_same_v<E, example> || (reflect::structure<E> && json_convertible<E>)) && outputs_on_types<O>;
template <class F>
concept metric_on_types = requires {
    typename taken_by<F>::types;
}
&&takes_typed_pair<F>;

template <class E>
E expected_as(const example& e) {
    if constexpr (std::is_same_v<E, example>)
        return e;
    else
        return view<E>(e);
}
template <class O>
O outputs_as(const json::object& outputs) {
    if constexpr (std::is_constructible_v<O, json::object>)
        return O(outputs);
    else
        return from_json<O>(json::value(outputs), reading::lenient);
}

template <class F>
auto rate(const F& f, const rated_run& r) {
    if constexpr (std::is_invocable_v<const F&, const rated_run&>)
        return f(r);
    else if constexpr (std::is_invocable_v<const F&, const example&, const json::object&>)
        return f(r.expected, r.outputs);
    else if constexpr (metric_on_types<F>) {
        using types = typename taken_by<F>::types;
        return f(expected_as<std::tuple_element_t<0, types>>(r.expected),
                 outputs_as<std::tuple_element_t<1, types>>(r.outputs));
    } else {
        static_assert(metric_on_types<F>,
                      "reagent: a metric takes (const rated_run&), (const example&, const json::object&), or two "
                      "types: the example, or a "
                      "struct of its fields, and a struct of the outputs, or a prediction");
        return 0.0;
    }
}

}  // namespace detail

/// A metric from a function that returns bool, a number or a `judgement`. It takes `(const rated_run&)`, or the example
/// and the outputs:
/// `(const example&, const json::object&)`, or typed, where each is a struct (the example's may be `example`, the
/// outputs' a prediction):
///
///     auto m = rg::make_metric([](const labels& gold, const triage::output& got) { return gold.level == got.level; });
///
/// What does not fit the types is a failure of that example.
template <class F>
metric make_metric(F f) {
    return [f = std::move(f)](run&, const rated_run& r) -> task<judgement> {
        co_return detail::as_reward(detail::rate(f, r));
    };
}

/// A metric as it is, or what `make_metric` makes of a function.
template <class F>
metric as_metric(F f) {
    if constexpr (std::is_convertible_v<F, metric>)
        return f;
    else
        return make_metric(std::move(f));
}

// --- on texts; source: DSPy 3.3.1, dspy.evaluate.metrics -------------------------------------------------------------

/// Whether they are equal when normalized.
bool exact_match(std::string_view prediction, std::string_view gold);
bool exact_match(std::string_view prediction, const std::vector<std::string>& golds);  ///< any of them

/// Token F1 of the normalized texts, from 0 to 1; 0 where they share no token. With several golds, the best.
double token_f1(std::string_view prediction, std::string_view gold);
double token_f1(std::string_view prediction, const std::vector<std::string>& golds);

/// As `token_f1`, but "yes", "no" and "noanswer" match themselves only. Source: HotPotQA's evaluation.
double hotpot_f1(std::string_view prediction, std::string_view gold);
double hotpot_f1(std::string_view prediction, const std::vector<std::string>& golds);

/// Whether any passage holds any answer, both normalized and compared token by token.
bool passage_match(const std::vector<std::string>& passages, const std::vector<std::string>& answers);

// --- on a field, for `evaluate` ------------------------------------------------------------------------------------

/// Compare an output with the label of that name: text normalized, or a list of accepted texts; numbers and other JSON
/// by value.
metric exact_match_of(std::string field);
metric f1_of(std::string field);
/// Numbers that differ by at most `absolute`, or by at most `relative` times the label.
metric numeric_of(std::string field, double absolute = 0, double relative = 1e-9);
/// F1 over the leaves of a JSON value: path and value together.
metric json_f1_of(std::string field);
/// The weighted mean of several. @throws std::invalid_argument when the weights do not add up to more than 0
metric weighted(std::vector<std::pair<metric, double>> parts);

// --- judged by a model -----------------------------------------------------------------------------------------------

struct judge_options {
    language_model lm{};  ///< none: the run's own. Answers are kept in memory, so that the same is not judged twice
};

/// How much of the label an output says, and how much of the output the label bears out, as a judge sees it: F1 of
/// recall and precision, with the judge's reasoning as feedback. Its calls are the evaluation's `metric_usage`. Source:
/// DSPy 3, `SemanticF1`.
metric semantic_f1_of(std::string field, judge_options judge = {});

/// A score from 0 to 1 by a text that says what is good: "The reply is polite, names the order, and promises nothing."
/// The judge sees the example's inputs, its labels if there are any, and all outputs.
metric rubric(std::string what_is_good, judge_options judge = {});

/// "exact_match:answer", "f1:answer", "numeric:total", "json_f1:order", "semantic_f1:answer", "rubric:What is good.",
/// and those of `retrieval_metric_named` (retrieval_metrics.hpp)
/// @throws program_error(mismatch) naming what is known
metric metric_named(std::string_view text, judge_options judge = {});

}  // namespace reagent
