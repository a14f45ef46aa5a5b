#pragma once

#include <reagent/module/predict.hpp>
#include <reagent/module/program.hpp>
#include <reagent/run/invoke.hpp>

#include <cmath>
#include <limits>
#include <map>

namespace reagent {

/// What a reward or a metric says: how good something is, and what would make it better.
struct judgement {
    double score = 0;
    std::string feedback{};
    std::map<std::string, std::string> by_predictor{};  ///< further feedback, on what one predictor did; by its path
};

struct best_of_n_options {
    std::size_t n = 3;       ///< attempts at most
    double threshold = 1.0;  ///< the first attempt with this score or more is taken at once
    std::optional<std::size_t>
        max_failures{};  ///< attempts that may throw before the exception is passed on; default: all but one
    sampling how{.temperature = 1.0};  ///< of every attempt
};

namespace detail {

template <class T>
const T& plain_argument(const T& a) {
    return a;
}
template <class T>
requires requires(const T& a) { a.kept; }
const auto& plain_argument(const T& a) { return plain_argument(a.kept); }

inline judgement as_reward(judgement r) { return r; }
inline judgement as_reward(double score) { return {score, {}}; }

template <class T>
task<judgement> awaited_reward(task<T> work) {
    auto result = co_await std::move(work);
    co_return as_reward(std::move(result));
}

// A reward is called with the value; before it, if it likes, the run, and after it the program's inputs.
template <class Reward, class T, class... Inputs>
auto call_reward(const Reward& reward, run& r, const T& value, const Inputs&... inputs) {
    if constexpr (std::is_invocable_v<const Reward&, run&, const T&, const Inputs&...>)
        return reward(r, value, inputs...);
    else if constexpr (std::is_invocable_v<const Reward&, run&, const T&>)
        return reward(r, value);
    else if constexpr (std::is_invocable_v<const Reward&, const T&, const Inputs&...>)
        return reward(value, inputs...);
    else {
        static_assert(std::is_invocable_v<const Reward&, const T&>,
                      "reagent: a reward is called as reward(value), reward(value, inputs...), reward(run, value) or "
                      "reward(run, value, "
                      "inputs...)");
        return reward(value);
    }
}

template <class Reward, class T, class... Inputs>
task<judgement> rewarded(const Reward& reward, run& r, const T& value, const Inputs&... inputs) {
    using result = decltype(call_reward(reward, r, value, inputs...));
    if constexpr (requires { typename task_value<result>::type; })
        return awaited_reward(call_reward(reward, r, value, inputs...));
    else
        return [](judgement known) -> task<judgement> {
            co_return known;
        }(as_reward(call_reward(reward, r, value, inputs...)));
}

/// The attempts of one call: which branch each has, and which was the best.
class attempt_series {
public:
    attempt_series(run& r, const best_of_n_options& options);
    attempt_series(const attempt_series&) = delete;

    run& begin(std::map<std::string, std::string, std::less<>> advice = {});  ///< a handle for the next attempt
    bool scored(const judgement& reward);  ///< @return whether this is the best until now
    void failed(std::exception_ptr why);   ///< passes on what must not be tried again
    bool done() const;
    void finish();  ///< keeps the best attempt's trace. @throws the last failure when no attempt succeeded

    run& current() { return *handle_; }

private:
    run& parent_;
    best_of_n_options options_;
    std::size_t base_, next_ = 0, failures_ = 0;
    std::optional<run> handle_, best_;
    double best_score_ = -std::numeric_limits<double>::infinity();
    std::exception_ptr last_failure_;
};

// What `best_of_n` and `refine` share: `advise(series, kept inputs, value, reward)` is asked between attempts.
template <class Module, class Reward, class Kept, class Advise, class... Args>
auto try_often(run& r, const Module& module, Reward reward, best_of_n_options options, Kept kept, Advise advise)
    -> task<typename task_value<decltype(kept->start(module, r))>::type> {
    using T = typename task_value<decltype(kept->start(module, r))>::type;
    attempt_series series{r, options};
    std::optional<T> best;
    std::map<std::string, std::string, std::less<>> advice;
    while (!series.done()) {
        run& own = series.begin(advice);
        std::exception_ptr failure;
        std::optional<T> value;
        judgement score;
        try {
            auto start = [&] { return kept->start(module, own); };
            value.emplace(co_await attempts<T>(own, start));
            score = co_await kept->rewarded(reward, own, *value);
        } catch (const std::exception&) {
            failure = std::current_exception();
        }
        if (failure) {
            series.failed(failure);
            continue;
        }
        bool better = series.scored(score);
        if (!series.done()) advice = co_await advise(own, *kept, *value, score);
        if (better) best = std::move(value);
    }
    series.finish();
    co_return std::move(*best);
}

// The inputs of a call, kept for its attempts.
template <class... Args>
struct kept_inputs {
    std::tuple<typename owned_by<Args>::type...> values;

    template <class Module>
    auto start(const Module& m, run& r) const {
        return std::apply([&](const auto&... a) { return invoke(m, r, owned_by<Args>::give(a)...); }, values);
    }
    template <class Reward, class T>
    task<judgement> rewarded(const Reward& reward, run& r, const T& value) const {
        return std::apply([&](const auto&... a) { return detail::rewarded(reward, r, value, plain_argument(a)...); },
                          values);
    }
};

// What a program's call by name comes to, as a reward sees it.
template <class Module>
struct named_result {
    using type = typename Module::output_type;
};
template <typed_program Module>
struct named_result<Module> {
    using type = typename edge_types<Module>::output;
};

// Inputs by name go to `call`.
template <class... Args>
inline constexpr bool by_name_only = sizeof...(Args) == 1 &&
                                     (std::is_same_v<std::remove_cvref_t<Args>, json::object> && ...);

// The inputs of a call by name, kept for its attempts.
template <class Module>
struct kept_by_name {
    using result = typename named_result<Module>::type;
    std::tuple<json::object> values;

    task<result> start(const Module& m, run& r) const {
        if constexpr (typed_program<Module>) {
            auto input =
                from_json<typename edge_types<Module>::input>(json::value(std::get<0>(values)), reading::lenient);
            return forwarded(m, r, std::move(input));
        } else
            return read(m.call(r, std::get<0>(values)));
    }
    template <class Reward>
    task<judgement> rewarded(const Reward& reward, run& r, const result& value) const {
        return detail::rewarded(reward, r, value, std::get<0>(values));
    }

private:
    // `forward` may take a reference: the input lives as long as the task.
    template <class Input>
    static task<result> forwarded(const Module& m, run& r, Input input) {
        auto work = m.forward(r, std::move(input));
        co_return co_await std::move(work);
    }
    static task<result> read(task<json::object> work) {
        auto outputs = co_await std::move(work);
        co_return result(std::move(outputs));
    }
};

template <class Result>
task<json::object> named(task<Result> work) {
    auto result = co_await std::move(work);
    co_return by_name(result);
}

template <class... Args>
auto keep_inputs(const Args&... args) {
    return std::make_shared<const kept_inputs<Args...>>(kept_inputs<Args...>{{owned_by<Args>::keep(args)...}});
}

}  // namespace detail

/// Runs a module up to `n` times, each time with an answer of its own from the model, and returns the first result
/// whose reward reaches the threshold, or else the best. Attempts that throw count as failed; errors of the run itself
/// (budget, deadline, cancellation) end it. The trace keeps the best attempt.
///
///     rg::chain_of_thought<rg::sig<"question -> answer">> qa;
///     rg::best_of_n best{qa, [](const auto& p) { return p.template get<"answer">().size() < 20; }, {.n = 5}};
///     auto p = co_await best(run, "question"_f = question);
///
/// A reward returns bool, a number or a `judgement`, or a task of one of them; see `detail::call_reward` for what it
/// may take. The module must outlive this. Source: DSPy 3, `dspy.BestOfN`.
template <class Module, class Reward>
class best_of_n : public module {
public:
    best_of_n(const Module& m, Reward reward, best_of_n_options options = {})
        : inner_{m}, reward_{std::move(reward)}, options_{std::move(options)} {
        if constexpr (std::derived_from<Module, module>) works_with(m);
    }

    /// As a part of another module; the inner module keeps the path that it has.
    best_of_n(module& parent, std::string name, const Module& m, Reward reward, best_of_n_options options = {})
        : module{parent, std::move(name)}, inner_{m}, reward_{std::move(reward)}, options_{std::move(options)} {
        if constexpr (std::derived_from<Module, module>) works_with(m);
    }

    best_of_n(const Module&& m, Reward reward, best_of_n_options options = {})
        : best_of_n{m, std::move(reward), std::move(options)} {
        static_assert(!std::is_class_v<Module>,
                      "reagent: best_of_n refers to its module, and this one would be gone; name it first");
    }

    template <class... Args>
    requires(!detail::by_name_only<Args...>) auto operator()(run& r, Args&&... args) const {
        static_assert(detail::arguments_survive<Args...>());
        return detail::try_often(r, inner_, reward_, options_, detail::keep_inputs(args...), no_advice);
    }

    /// By name, of a module that is a program. The reward gets its outputs, typed, and may get the inputs as a
    /// `json::object`.
    task<json::object> call(run& r, json::object inputs) const requires program_type<Module> {
        using kept = detail::kept_by_name<Module>;
        auto inner = std::make_shared<const kept>(kept{{std::move(inputs)}});
        return detail::named(detail::try_often(r, inner_, reward_, options_, std::move(inner), no_advice));
    }

private:
    static constexpr auto no_advice = [](run&, const auto&, const auto&,
                                         const judgement&) -> task<std::map<std::string, std::string, std::less<>>> {
        co_return std::map<std::string, std::string, std::less<>>{};
    };
    const Module& inner_;
    Reward reward_;
    best_of_n_options options_;
};

}  // namespace reagent
