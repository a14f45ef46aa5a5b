#pragma once

#include "loopback_server.hpp"

#include <reagent/lm/language_model.hpp>

#include <boost/json.hpp>

#include <deque>
#include <mutex>

namespace reagent::test {

/// A language model that answers from a list and remembers what it was asked.
class scripted_model final : public lm_backend {
public:
    explicit scripted_model(std::vector<lm_response> replies, bool structured = false)
        : replies_(replies.begin(), replies.end()), structured_{structured} {}
    static std::shared_ptr<scripted_model> texts(std::vector<std::string> texts, bool structured = false);

    std::string name() const override { return "test/scripted"; }
    bool has_structured_output() const override { return structured_; }
    task<lm_response> complete(lm_context, const lm_request& request) const override;

    std::vector<lm_request> requests() const {
        std::lock_guard lock{mutex_};
        return requests_;
    }
    /// Throws this instead of the reply with that number.
    mutable std::map<std::size_t, std::exception_ptr> failures;

private:
    mutable std::mutex mutex_;
    mutable std::deque<lm_response> replies_;
    mutable std::vector<lm_request> requests_;
    bool structured_;
};

/// Field values as a chat completion.
std::string chat_completion(const json::object& fields);

/// The body of an OpenAI chat completion.
std::string openai_text(const std::string& content);
std::string openai_calls(const std::vector<std::pair<std::string, std::string>>& name_and_arguments);

}  // namespace reagent::test
