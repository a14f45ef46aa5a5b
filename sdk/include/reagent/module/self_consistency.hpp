#pragma once

#include <reagent/module/best_of_n.hpp>
#include <reagent/module/majority.hpp>
#include <reagent/module/parallel.hpp>

namespace reagent {

struct self_consistency_options {
    std::size_t n = 5;                 ///< answers that are asked for, at the same time
    majority_options vote{};           ///< what is counted
    sampling how{.temperature = 1.0};  ///< of every answer
};

namespace detail {

std::shared_ptr<const variation> nth_answer(const run& r, std::size_t i, const sampling& how);

// What is counted of an answer; a text or a number counts as it is.
template <class T>
json::object vote_of(const T& answer) {
    if constexpr (shown_by_name<T>)
        return answer.to_json();
    else {
        json::value v = reagent::to_json(answer);
        return v.is_object() ? std::move(v.get_object()) : json::object{{"value", std::move(v)}};
    }
}

template <class Module, class Kept>
auto voted(run& r, const Module& module, self_consistency_options options, Kept kept)
    -> task<typename task_value<decltype(kept->start(module, r))>::type> {
    std::vector<std::size_t> each(std::max<std::size_t>(1, options.n));
    auto ask = [&module, &kept](run& own, std::size_t) { return kept->start(module, own); };
    parallel_options side_by_side;
    auto nth = [&r, &options](std::size_t i) { return nth_answer(r, i, options.how); };
    side_by_side.vary = nth;
    auto answers = co_await parallel_map(r, each, ask, side_by_side);
    std::vector<json::object> shown;
    for (const auto& a : answers) shown.push_back(vote_of(a));
    std::vector<const json::object*> votes;
    for (const auto& s : shown) votes.push_back(&s);
    co_return std::move(answers[majority_index(votes, options.vote)]);
}

}  // namespace detail

/// `majority` as a module: asks for `n` answers at once, each one of its own, and returns the first of those that most
/// agree on.
///
///     rg::self_consistency vote{qa, {.n = 5}};
///     auto p = co_await vote(run, "question"_f = question);
///
/// The module must outlive this. Source: Wang et al., "Self-Consistency Improves Chain of Thought Reasoning in Language
/// Models", 2022.
template <class Module>
class self_consistency : public module {
public:
    explicit self_consistency(const Module& m, self_consistency_options options = {})
        : inner_{m}, options_{std::move(options)} {
        if constexpr (std::derived_from<Module, module>) works_with(m);
    }
    /// As a part of another module; the inner module keeps the path that it has.
    self_consistency(module& parent, std::string name, const Module& m, self_consistency_options options = {})
        : module{parent, std::move(name)}, inner_{m}, options_{std::move(options)} {
        if constexpr (std::derived_from<Module, module>) works_with(m);
    }
    explicit self_consistency(const Module&& m, self_consistency_options options = {})
        : self_consistency{m, std::move(options)} {
        static_assert(!std::is_class_v<Module>,
                      "reagent: self_consistency refers to its module, and this one would be gone; name it first");
    }

    template <class... Args>
    requires(!detail::by_name_only<Args...>) auto operator()(run& r, Args&&... args) const {
        static_assert(detail::arguments_survive<Args...>());
        return detail::voted(r, inner_, options_, detail::keep_inputs(args...));
    }

    /// By name, of a module that is a program.
    task<json::object> call(run& r, json::object inputs) const requires program_type<Module> {
        using kept = detail::kept_by_name<Module>;
        auto inner = std::make_shared<const kept>(kept{{std::move(inputs)}});
        return detail::named(detail::voted(r, inner_, options_, std::move(inner)));
    }

private:
    const Module& inner_;
    self_consistency_options options_;
};

}  // namespace reagent
