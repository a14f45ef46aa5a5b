#pragma once

#include <reagent/evaluate/example.hpp>
#include <reagent/lm/language_model.hpp>

#include <atomic>

namespace reagent::test {

/// A model that learns from its prompt: it answers with the label of the demonstration whose words are nearest to the question's. Without a
/// demonstration it guesses. The same prompt always gets the same answer, unless the rollout differs.
class learner final : public lm_backend {
public:
    /// @param noise how often, of 100, an answer is a guess whatever the prompt says
    explicit learner(unsigned noise = 0) : noise_{noise} {}

    std::string name() const override { return "test/learner"; }
    task<lm_response> complete(lm_context, const lm_request& request) const override;

    mutable std::atomic<std::size_t> calls = 0;

private:
    unsigned noise_;
};

/// Messages of three kinds (billing, delivery, account), each with words of its kind and words that say nothing; `message` is the input,
/// `intent` the label.
dataset support_messages(std::size_t n, std::uint64_t seed);

}  // namespace reagent::test
