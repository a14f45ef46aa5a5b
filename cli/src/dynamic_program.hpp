#pragma once

#include "commands.hpp"

#include <reagent/agents/react.hpp>
#include <reagent/evaluate/evaluation.hpp>
#include <reagent/module/saved_program.hpp>

namespace reagent::cli {

/// A module made from what the command line says; predictors have the paths that DSPy gives them.
class dynamic_program : public module {
public:
    dynamic_program(const reagent::signature& s, const std::string& kind, tools t) {
        if (kind == "cot")
            reasoned_ = std::make_unique<predictor>(*this, "predict", detail::with_reasoning(s));
        else if (kind == "react")
            agent_ = std::make_unique<detail::react_core>(s, std::move(t), react_options{});
        else
            alone_ = std::make_unique<predictor>(s);
    }
    const module& root() const {
        if (alone_) return *alone_;
        if (agent_) return *agent_;
        return *this;
    }
    task<json::object> call(run& r, json::object inputs) const {
        if (agent_) return agent_->call(r, std::move(inputs));
        return (alone_ ? alone_ : reasoned_)->call(r, std::move(inputs));
    }

private:
    std::unique_ptr<predictor> alone_, reasoned_;
    std::unique_ptr<detail::react_core> agent_;
};

/// A misspelt field of a metric ("exact_match:answer") is told before any model is asked. @throws program_error(mismatch)
void check_metric_field(const std::string& metric, const reagent::signature& s, const dataset& data);

/// The model with retries; the stand-in as it is.
language_model with_retries(language_model model);

}  // namespace reagent::cli
