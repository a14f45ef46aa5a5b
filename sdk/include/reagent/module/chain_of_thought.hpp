#pragma once

#include <reagent/module/predict.hpp>

namespace reagent {

namespace detail {

/// The signature with `reasoning: str` before its outputs, unless it has an output of that name.
signature with_reasoning(signature s);

/// The signature with an input `hint: str`.
signature with_hint(signature s);

}  // namespace detail

/// A prediction that was reasoned out: `p.reasoning()`, or `p.get<"reasoning">()`.
template <signature_type S>
class reasoned : public prediction<S> {
public:
    reasoned() = default;
    explicit reasoned(json::object outputs) : prediction<S>{std::move(outputs)} { find_reasoning(); }

    void keep(json::object outputs) {
        prediction<S>::keep(std::move(outputs));
        find_reasoning();
    }

    const std::string& reasoning() const& { return reasoning_; }
    std::string reasoning() && { return std::move(reasoning_); }

    template <fixed_string Name>
    const auto& get() const& {
        if constexpr (is_added<Name>)
            return reasoning_;
        else
            return prediction<S>::template get<Name>();
    }
    template <fixed_string Name>
    auto get() && {
        if constexpr (is_added<Name>)
            return std::move(reasoning_);
        else
            return std::move(*this).prediction<S>::template get<Name>();
    }

private:
    template <fixed_string Name>
    static constexpr bool is_added =
        Name.view() == "reasoning" && signature_traits<S>::template output_index<Name>() == signature_traits<S>::npos;

    void find_reasoning() {
        if (auto* r = this->to_json().if_contains("reasoning"); r && r->is_string()) reasoning_ = r->get_string();
    }

    std::string reasoning_;
};

/// As `predict`, but the model reasons before it answers.
/// Source: Wei et al., "Chain-of-Thought Prompting Elicits Reasoning in Large Language Models", 2022.
template <signature_type S>
class chain_of_thought : public module {
    static_assert(signature_traits<S>::valid);

public:
    using output_type = reasoned<S>;

    chain_of_thought() = default;
    using module::module;

    /// @see predict::operator()
    template <class... Args>
    task<reasoned<S>> operator()(run& r, Args&&... args) const {
        static_assert(detail::arguments_survive<Args...>());
        return detail::typed<reasoned<S>>(predict_, r, detail::inputs_of<S>(args...));
    }

    /// By name: every input of the signature in, every output and the reasoning out. @see predictor::call
    task<json::object> call(run& r, json::object inputs) const { return predict_.call(r, std::move(inputs)); }

private:
    predictor predict_{*this, "predict", detail::with_reasoning(signature_traits<S>::get())};
};

/// As `chain_of_thought`, with a hint that the caller gives along: `cot(run, rg::hint{"count the dead too"},
/// inputs...)`.
class hint {
public:
    explicit hint(std::string t) : text{std::move(t)} {}  // no aggregate: g++ 12 destroys those twice inside co_await

    std::string text;
};

template <signature_type S>
class chain_of_thought_with_hint : public module {
    static_assert(signature_traits<S>::valid);

public:
    using output_type = reasoned<S>;

    chain_of_thought_with_hint() = default;
    using module::module;

    /// @see predict::operator()
    template <class... Args>
    task<reasoned<S>> operator()(run& r, const hint& h, Args&&... args) const {
        static_assert(detail::arguments_survive<Args...>());
        json::object inputs = detail::inputs_of<S>(args...);
        inputs["hint"] = h.text;
        return detail::typed<reasoned<S>>(predict_, r, std::move(inputs));
    }

    /// By name: every input of the signature and `hint` in, every output and the reasoning out. @see predictor::call
    task<json::object> call(run& r, json::object inputs) const { return predict_.call(r, std::move(inputs)); }

private:
    predictor predict_{*this, "predict", detail::with_hint(detail::with_reasoning(signature_traits<S>::get()))};
};

}  // namespace reagent
