#include "scripted_openai.hpp"

#include <reagent/error.hpp>
#include <reagent/schema/render.hpp>

namespace reagent::test {

std::shared_ptr<scripted_model> scripted_model::texts(std::vector<std::string> texts, bool structured) {
    std::vector<lm_response> replies;
    for (auto& t : texts) {
        lm_response r;
        r.text = std::move(t);
        r.usage = {1, 10, 5, {}};
        replies.push_back(std::move(r));
    }
    return std::make_shared<scripted_model>(std::move(replies), structured);
}

task<lm_response> scripted_model::complete(lm_context, const lm_request& request) const {
    std::lock_guard lock{mutex_};
    requests_.push_back(request);
    if (auto f = failures.find(requests_.size() - 1); f != failures.end()) std::rethrow_exception(f->second);
    if (replies_.empty()) throw lm_error{lm_errc::unavailable, "the script has no more replies"};
    lm_response r = std::move(replies_.front());
    replies_.pop_front();
    co_return r;
}

std::string chat_completion(const json::object& fields) {
    std::string text;
    for (const auto& [name, v] : fields)
        text += "[[ ## " + std::string{name} + " ## ]]\n" + (v.is_structured() ? dump_json(v) : python_str(v)) + "\n\n";
    return text + "[[ ## completed ## ]]";
}

namespace {
std::string completion(json::object message, const char* finish) {
    return json::serialize(json::object{
        {"id", "chatcmpl-1"},
        {"model", "scripted"},
        {"choices",
         json::array{json::object{{"index", 0}, {"message", std::move(message)}, {"finish_reason", finish}}}},
        {"usage", json::object{{"prompt_tokens", 10}, {"completion_tokens", 5}, {"total_tokens", 15}}}});
}
}  // namespace

std::string openai_text(const std::string& content) {
    return completion({{"role", "assistant"}, {"content", content}}, "stop");
}

std::string openai_calls(const std::vector<std::pair<std::string, std::string>>& calls) {
    json::array list;
    for (const auto& [name, arguments] : calls)
        list.push_back(json::object{{"id", "call_" + std::to_string(list.size())},
                                    {"type", "function"},
                                    {"function", json::object{{"name", name}, {"arguments", arguments}}}});
    return completion({{"role", "assistant"}, {"content", nullptr}, {"tool_calls", std::move(list)}}, "tool_calls");
}

}  // namespace reagent::test
