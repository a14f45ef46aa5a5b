// Source: OpenAI API reference, "The chat completion object", "The chat completion chunk object".
#include "protocol.hpp"

#include <boost/json.hpp>

namespace reagent::detail {
namespace {

json::object usage_of(const usage& u) {
    return {{"prompt_tokens", u.prompt_tokens},
            {"completion_tokens", u.completion_tokens},
            {"total_tokens", u.prompt_tokens + u.completion_tokens},
            {"prompt_tokens_details", {{"cached_tokens", u.cached_tokens}}},
            {"completion_tokens_details", {{"reasoning_tokens", u.reasoning_tokens}}}};
}

class chat final : public model_protocol {
public:
    explicit chat(answered_as a) : a_{std::move(a)} {}

    json::object whole(const std::string& text, const usage& used) override {
        json::object message{
            {"role", "assistant"}, {"content", text}, {"refusal", nullptr}, {"annotations", json::array{}}};
        json::object choice{
            {"index", 0}, {"message", std::move(message)}, {"logprobs", nullptr}, {"finish_reason", "stop"}};
        auto o = head("chat.completion");
        o["choices"] = json::array{std::move(choice)};
        o["usage"] = usage_of(used);
        o["service_tier"] = "default";
        return o;
    }
    std::string begin() override {
        return chunk({{"role", "assistant"}, {"content", ""}, {"refusal", nullptr}}, nullptr);
    }
    std::string grown(const std::string& text) override { return chunk({{"content", text}}, nullptr); }
    std::string end(const std::string&, const usage& used) override {
        std::string text = chunk(json::object{}, "stop");
        if (a_.wants_usage) {
            auto o = head("chat.completion.chunk");
            o["choices"] = json::array{};
            o["usage"] = usage_of(used);
            text += event_text("", json::serialize(o));
        }
        return text + event_text("", "[DONE]");
    }
    std::string failed(const model_refusal& why) override { return event_text("", json::serialize(body_of(why))); }

private:
    json::object head(const char* kind) const {
        return {{"id", "chatcmpl-" + a_.id},
                {"object", kind},
                {"created", a_.created},
                {"model", a_.model},
                {"system_fingerprint", nullptr}};
    }
    std::string chunk(json::object delta, json::value finish) const {
        json::object choice{
            {"index", 0}, {"delta", std::move(delta)}, {"logprobs", nullptr}, {"finish_reason", std::move(finish)}};
        auto o = head("chat.completion.chunk");
        o["choices"] = json::array{std::move(choice)};
        if (a_.wants_usage) o["usage"] = nullptr;
        return event_text("", json::serialize(o));
    }

    answered_as a_;
};

}  // namespace

std::unique_ptr<model_protocol> chat_protocol(answered_as a) { return std::make_unique<chat>(std::move(a)); }

}  // namespace reagent::detail
