// Source: OpenAI API reference, "The response object", "Streaming events"; Open Responses specification.
#include "protocol.hpp"

#include <boost/json.hpp>

#include <ctime>

namespace reagent::detail {
namespace {

json::object usage_of_response(const usage& u) {
    return {{"input_tokens", u.prompt_tokens},
            {"input_tokens_details", {{"cached_tokens", u.cached_tokens}}},
            {"output_tokens", u.completion_tokens},
            {"output_tokens_details", {{"reasoning_tokens", u.reasoning_tokens}}},
            {"total_tokens", u.prompt_tokens + u.completion_tokens}};
}

class response final : public model_protocol {
public:
    explicit response(answered_as a) : a_{std::move(a)} {}

    json::object whole(const std::string& text, const usage& used) override {
        auto o = head("completed");
        o["output"] = json::array{item("completed", json::array{part(text)})};
        o["usage"] = usage_of_response(used);
        o["completed_at"] = std::time(nullptr);
        return o;
    }
    // One statement each: they are numbered in the order in which they are made.
    std::string begin() override {
        std::string all = event("response.created", {{"response", head("in_progress")}});
        all += event("response.in_progress", {{"response", head("in_progress")}});
        all += event("response.output_item.added", {{"output_index", 0}, {"item", item("in_progress", json::array{})}});
        all += event("response.content_part.added", within({{"part", part("")}}));
        return all;
    }
    std::string grown(const std::string& text) override {
        return event("response.output_text.delta", within({{"delta", text}, {"logprobs", json::array{}}}));
    }
    std::string end(const std::string& text, const usage& used) override {
        std::string all = event("response.output_text.done", within({{"text", text}, {"logprobs", json::array{}}}));
        all += event("response.content_part.done", within({{"part", part(text)}}));
        all += event("response.output_item.done",
                     {{"output_index", 0}, {"item", item("completed", json::array{part(text)})}});
        all += event("response.completed", {{"response", whole(text, used)}});
        return all;
    }
    std::string failed(const model_refusal& why) override {
        auto o = head("failed");
        o["error"] = {{"code", why.status == 503 ? "rate_limit_exceeded" : "server_error"}, {"message", why.message}};
        return event("response.failed", {{"response", std::move(o)}});
    }

private:
    static json::object part(const std::string& text) {
        return {{"type", "output_text"}, {"text", text}, {"annotations", json::array{}}, {"logprobs", json::array{}}};
    }
    json::object item(const char* status, json::array content) const {
        return {{"type", "message"},
                {"id", "msg_" + a_.id},
                {"status", status},
                {"role", "assistant"},
                {"content", std::move(content)}};
    }
    json::object within(json::object more) const {
        json::object o{{"item_id", "msg_" + a_.id}, {"output_index", 0}, {"content_index", 0}};
        for (auto& [name, v] : more) o[name] = std::move(v);
        return o;
    }
    std::string event(const char* type, json::object more) {
        json::object o{{"type", type}, {"sequence_number", number_++}};
        for (auto& [name, v] : more) o[name] = std::move(v);
        return event_text(type, json::serialize(o));
    }
    json::object head(const char* status) const {
        json::object o{{"id", "resp_" + a_.id},
                       {"object", "response"},
                       {"created_at", a_.created},
                       {"status", status},
                       {"model", a_.model}};
        for (const char* nothing :
             {"completed_at", "error", "incomplete_details", "instructions", "max_output_tokens", "max_tool_calls",
              "previous_response_id", "prompt_cache_key", "safety_identifier", "usage", "user"})
            o[nothing] = nullptr;
        o["output"] = json::array{};
        o["tools"] = json::array{};
        o["tool_choice"] = "auto";
        o["parallel_tool_calls"] = true;
        o["truncation"] = "disabled";
        o["text"] = {{"format", {{"type", "text"}}}};
        o["reasoning"] = {{"effort", nullptr}, {"summary", nullptr}};
        o["temperature"] = o["top_p"] = 1.0;
        o["presence_penalty"] = o["frequency_penalty"] = 0.0;
        o["top_logprobs"] = 0;
        o["store"] = o["background"] = false;
        o["service_tier"] = "default";
        o["metadata"] = json::object{};
        return o;
    }

    answered_as a_;
    std::uint64_t number_ = 0;
};

}  // namespace

std::unique_ptr<model_protocol> response_protocol(answered_as a) { return std::make_unique<response>(std::move(a)); }

}  // namespace reagent::detail
