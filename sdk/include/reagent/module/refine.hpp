#pragma once

#include <reagent/module/best_of_n.hpp>

namespace reagent {

namespace detail {

/// Asks a model what each predictor of a program should do otherwise.
class advisor : public module {
public:
    advisor() = default;
    advisor(module& parent, std::string name) : module{parent, std::move(name)} {}

    struct attempt {
        const module* program = nullptr;  // null: its predictors are known by their calls only
        json::value inputs, outputs;
        judgement reward;
        double threshold = 1;
        std::string goal;
    };

    /// @param own the attempt's run handle; the call is made there
    /// @return predictor path to advice; predictors that are not to blame are left out. Empty when the answer is
    /// useless
    task<std::map<std::string, std::string, std::less<>>> operator()(run& own, attempt a) const;

private:
    predictor predict_{*this, "advise", advice_signature()};
    static signature advice_signature();
};

template <class T>
json::value shown_value(const T& v) {
    if constexpr (requires { v.to_json(); })
        return json::value(v.to_json());
    else if constexpr (convertible<T>())
        return to_value(v);
    else
        return nullptr;
}

template <class T>
void show_input(json::value& shown, const T& v) {
    if constexpr (requires {
                      v.name();
                      v.kept;
                  }) {
        if (!shown.is_object()) shown = json::object{};
        shown.get_object()[v.name()] = to_value(plain_argument(v));
    } else {
        if (!shown.is_array()) shown = json::array{};
        shown.get_array().push_back(shown_value(plain_argument(v)));
    }
}

}  // namespace detail

/// As best_of_n_options, and the goal.
struct refine_options {
    std::size_t n = 3;
    double threshold = 1.0;
    std::optional<std::size_t> max_failures{};
    sampling how{.temperature = 1.0};
    std::string goal{};  ///< what the reward looks for, in words: the model that gives advice sees no code

    operator best_of_n_options() const { return {n, threshold, max_failures, how}; }
};

/// As `best_of_n`, but between attempts a model is shown the program, what its predictors did, and the reward; its
/// advice for each predictor stands behind that predictor's inputs in the next attempt.
/// Source: DSPy 3, `dspy.Refine`; where DSPy shows Python source, the goal in words and the reward's feedback stand
/// here.
template <class Module, class Reward>
class refine : public module {
public:
    refine(const Module& m, Reward reward, refine_options options = {})
        : inner_{m}, reward_{std::move(reward)}, options_{std::move(options)} {
        if constexpr (std::derived_from<Module, module>) works_with(m);
    }

    /// As a part of another module; the inner module keeps the path that it has, the advisor's is below this.
    refine(module& parent, std::string name, const Module& m, Reward reward, refine_options options = {})
        : module{parent, std::move(name)}, inner_{m}, reward_{std::move(reward)}, options_{std::move(options)} {
        if constexpr (std::derived_from<Module, module>) works_with(m);
    }

    refine(const Module&& m, Reward reward, refine_options options = {})
        : refine{m, std::move(reward), std::move(options)} {
        static_assert(!std::is_class_v<Module>,
                      "reagent: refine refers to its module, and this one would be gone; name it first");
    }

    template <class... Args>
    requires(!detail::by_name_only<Args...>) auto operator()(run& r, Args&&... args) const {
        static_assert(detail::arguments_survive<Args...>());
        return detail::try_often(r, inner_, reward_, options_, detail::keep_inputs(args...), advice());
    }

    /// As `best_of_n::call`.
    task<json::object> call(run& r, json::object inputs) const requires program_type<Module> {
        using kept = detail::kept_by_name<Module>;
        auto inner = std::make_shared<const kept>(kept{{std::move(inputs)}});
        return detail::named(detail::try_often(r, inner_, reward_, options_, std::move(inner), advice()));
    }

private:
    auto advice() const {
        return [this](run& own, const auto& kept, const auto& value, const judgement& reward) {
            detail::advisor::attempt a;
            if constexpr (std::is_base_of_v<module, Module>) a.program = &inner_;
            std::apply([&](const auto&... input) { (detail::show_input(a.inputs, input), ...); }, kept.values);
            a.outputs = detail::shown_value(value);
            a.reward = reward;
            a.threshold = options_.threshold;
            a.goal = options_.goal;
            return advisor_(own, std::move(a));
        };
    }

    const Module& inner_;
    Reward reward_;
    refine_options options_;
    detail::advisor advisor_{*this, "advisor"};
};

}  // namespace reagent
