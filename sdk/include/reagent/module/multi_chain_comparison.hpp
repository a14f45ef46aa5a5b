#pragma once

#include <reagent/module/chain_of_thought.hpp>

namespace reagent {

namespace detail {

/// The signature with `reasoning_attempt_1` ... `reasoning_attempt_n` behind its inputs and the corrected reasoning
/// before its outputs.
signature with_attempts(signature s, std::size_t n);

/// "«I'm trying to ... I'm not sure but my prediction is ...»": first lines of the reasoning and of the last output.
std::string attempt_text(const json::object& outputs, const std::string& last_output);

/// `attempts` of the inputs, as the texts that the predictor takes.
void put_attempts(json::object& inputs, std::size_t wanted, const std::string& last_output);

[[noreturn]] void throw_attempt_count(std::size_t given, std::size_t wanted);

}  // namespace detail

/// Compares several reasoned answers and makes one of them: `co_await compare(run, attempts, "question"_f = question)`.
/// Source: Yoran et al., "Answering Questions by Meta-Reasoning over Multiple Chains of Thought", 2023; DSPy 3,
/// `dspy.MultiChainComparison`.
template <signature_type S>
class multi_chain_comparison : public module {
    static_assert(signature_traits<S>::valid);

public:
    using output_type = reasoned<S>;

    explicit multi_chain_comparison(std::size_t attempts = 3) : attempts_{attempts} {}
    multi_chain_comparison(module& parent, std::string name, std::size_t attempts = 3)
        : module{parent, std::move(name)}, attempts_{attempts} {}

    /// @param attempts as many as were promised to the constructor; their reasoning and last output are compared
    /// @throws std::invalid_argument at once for another number of attempts; else see predict::operator()
    template <class... Args>
    task<reasoned<S>> operator()(run& r, const std::vector<reasoned<S>>& attempts, Args&&... args) const {
        static_assert(detail::arguments_survive<Args...>());
        if (attempts.size() != attempts_) detail::throw_attempt_count(attempts.size(), attempts_);
        json::object inputs = detail::inputs_of<S>(args...);
        const std::string& last = signature_traits<S>::get().outputs.back().name;
        for (std::size_t i = 0; i < attempts.size(); ++i)
            inputs["reasoning_attempt_" + std::to_string(i + 1)] = detail::attempt_text(attempts[i].to_json(), last);
        return detail::typed<reasoned<S>>(predict_, r, std::move(inputs));
    }

    /// By name: every input of the signature, and `attempts`, a list of objects with the reasoning and the outputs of
    /// each; every output and the reasoning out. @throws std::invalid_argument at once for no list, or another number
    /// of attempts; else see predictor::call
    task<json::object> call(run& r, json::object inputs) const {
        detail::put_attempts(inputs, attempts_, signature_traits<S>::get().outputs.back().name);
        return predict_.call(r, std::move(inputs));
    }

private:
    std::size_t attempts_;
    predictor predict_{*this, "predict", detail::with_attempts(signature_traits<S>::get(), attempts_)};
};

}  // namespace reagent
