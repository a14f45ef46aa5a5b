#pragma once

#include <reagent/lm/language_model.hpp>

#include <atomic>
#include <cstdlib>

/// Answers from a list, so that an example shows the same on every machine and needs no key. With REAGENT_LM set, the
/// examples ask that model instead.
class canned_model final : public reagent::lm_backend {
public:
    explicit canned_model(std::vector<std::string> answers) : answers_{std::move(answers)} {}

    std::string name() const override { return "example/canned"; }
    reagent::task<reagent::lm_response> complete(reagent::lm_context, const reagent::lm_request&) const override {
        reagent::lm_response r;
        r.text = answers_[next_++ % answers_.size()];
        r.usage = {1, 0, 0, {}};
        co_return r;
    }

private:
    std::vector<std::string> answers_;
    mutable std::atomic<std::size_t> next_ = 0;
};

inline reagent::language_model model_or(std::vector<std::string> answers) {
    if (const char* name = std::getenv("REAGENT_LM")) return reagent::language_model{name};
    return reagent::language_model{std::make_shared<canned_model>(std::move(answers))};
}
