#pragma once

#include <reagent/module/module.hpp>
#include <reagent/module/parameters.hpp>
#include <reagent/run/run.hpp>

#include <array>
#include <mutex>

namespace reagent {

/// What one call of a predictor may carry besides its inputs.
struct call_options {
    std::vector<json::object> history{};  ///< earlier turns, in order
    further_fields past{};                ///< shown behind the inputs
};

/// One call of a language model by a signature: the compiled core of `predict`, for signatures known at run time.
class predictor : public module {
public:
    explicit predictor(reagent::signature s);
    predictor(module& parent, std::string name, reagent::signature s);

    /// The signature as it was written; a run's parameters may change its texts, never its fields.
    const reagent::signature& signature() const { return signature_; }

    /// Its path; "self" where it is a program of its own.
    const std::string& predictor_path() const;

    /// Asks the model for the outputs. A chat completion that cannot be read is asked for once more as JSON, showing the
    /// model its answer and what is wrong with it.
    ///
    /// @param inputs field name to value; every input of the signature
    /// @return every output of the signature, converted to its type
    /// @throws signature_error(missing_input, unknown_field) before the call; parse_error; run_error; lm_error; http_error
    task<json::object> call(run& r, json::object inputs, call_options options = {}) const;

private:
    void check_inputs(const json::object& inputs) const;
    std::shared_ptr<const prompt_template> prompt_for(run& r, adapter a) const;

    reagent::signature signature_;
    mutable std::mutex mutex_;  // guards the templates, which are made at first use
    mutable std::array<std::shared_ptr<const prompt_template>, 3> prompts_;
};

/// The signature with a run's parameters for this predictor applied.
signature with_parameters(signature s, const predictor_parameters& p);

}  // namespace reagent
