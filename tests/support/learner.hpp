#pragma once

#include "loopback_server.hpp"

#include <reagent/evaluate/example.hpp>
#include <reagent/lm/language_model.hpp>

#include <atomic>
#include <map>
#include <mutex>

namespace reagent::test {

struct learner_options {
    unsigned noise = 0;                 ///< how often, of 100, an answer is a guess whatever the demonstrations say
    unsigned without_hints = 0;         ///< added to the noise, less for each hint that the instructions hold
    bool proposes = true;               ///< answers requests for instructions, from what the prompt shows
    std::vector<std::string> labels{};  ///< what it guesses; empty: billing, delivery, account
};

/// A model that learns from its prompt: it answers as the demonstration whose inputs share most words with the
/// question's. Without a demonstration, and by noise, it guesses. Asked for `proposed_instruction` it writes
/// instructions from hints: more of them when it is shown failures, and those of the best attempt when it is shown
/// attempts. The same prompt always gets the same answer, unless the rollout differs. Speaks the field markers, so DSPy
/// can ask it too.
class learner final : public lm_backend {
public:
    explicit learner(learner_options options) : options_{std::move(options)} {}
    explicit learner(unsigned noise = 0) : options_{.noise = noise} {}

    std::string name() const override { return "test/learner"; }
    task<lm_response> complete(lm_context, const lm_request& request) const override;
    std::string answer(const std::vector<message>& messages, std::uint64_t rollout) const;

    mutable std::atomic<std::size_t> calls = 0, proposals = 0;

private:
    learner_options options_;
};

/// The phrases that make the learner's instructions better.
const std::vector<std::string>& learner_hints();

/// What stands under a field's marker in a prompt or an answer, until the next one.
std::string prompt_field(const std::string& text, const std::string& name);
/// The fields that a prompt's last message asks for: markers in backquotes.
std::vector<std::string> asked_fields(const std::string& text);
std::uint64_t hash_of(std::string_view text, std::uint64_t seed = 0);  ///< FNV-1a: the same everywhere

/// A learner as an OpenAI-compatible server on loopback; counts requests, and those that are equal to an earlier one.
class learner_server {
public:
    explicit learner_server(learner_options options = {}, std::chrono::milliseconds delay = {}, unsigned failures = 0,
                            unsigned short port = 0);

    std::string url() const { return server_.url("/v1"); }
    const learner& model() const { return model_; }
    std::size_t requests() const;
    /// Requests whose earlier equal was answered: the answer had left the server.
    std::size_t repeated() const;
    void forget();

private:
    server_response handle(const server_request& q);

    learner model_;
    std::chrono::milliseconds delay_;
    unsigned failures_;  // of 100 requests, answered with status 500
    mutable std::mutex mutex_;
    std::map<std::string, std::size_t> seen_;
    std::size_t requests_ = 0, repeated_ = 0;
    loopback_server server_;
};

/// Messages of three kinds (billing, delivery, account), each with words of its kind and words that say nothing;
/// `message` is the input, `intent` the label.
dataset support_messages(std::size_t n, std::uint64_t seed);

/// The same as JSON Lines.
std::string json_lines(const dataset& data);

}  // namespace reagent::test
