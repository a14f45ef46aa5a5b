// Cohere's chat, version 2. Source: Cohere API reference, "Chat" and "Chat with Streaming".
#include "../../base/text.hpp"
#include "call_arguments.hpp"
#include "reading.hpp"

#include <reagent/error.hpp>

#include <map>

namespace reagent::provider {
namespace {

finish_reason finish_of(const std::string& given) {
    const std::string name = to_upper(given);
    if (name == "MAX_TOKENS") return finish_reason::length;
    if (name == "TOOL_CALL") return finish_reason::tool_calls;
    if (name == "ERROR_TOXIC") return finish_reason::content_filter;
    if (name == "ERROR_LIMIT") return finish_reason::length;
    return name.empty() || name == "COMPLETE" || name == "STOP_SEQUENCE" ? finish_reason::stop : finish_reason::other;
}

void check_finish(const std::string& given, const std::string& why) {
    const std::string name = to_upper(given);
    if (name == "ERROR" || name == "TIMEOUT" || !trim(why).empty())
        throw lm_error{lm_errc::server_error, "the provider gave up the answer: " + (why.empty() ? name : why)};
}

usage usage_of(const json::value* u) {
    auto* tokens = member(u, "tokens");
    if (!tokens) tokens = member(u, "billed_units");
    return {.calls = 1,
            .prompt_tokens = count_of(member(tokens, "input_tokens")),
            .completion_tokens = count_of(member(tokens, "output_tokens")),
            .cached_tokens = count_of(member(u, "cached_tokens"))};
}

// A part of the content, of a type that it may have been given before.
content_words words_of(const json::value& part, const std::string& type) {
    if (part.is_string()) return {.text = std::string{part.get_string()}};
    std::string thinking = payload_text(member(part, "thinking"), "thinking"),
                text = payload_text(member(part, "text"), "text");
    if (names_thinking(type)) return {.reasoning = thinking.empty() ? thinking_of(part) : thinking};
    if (type.empty() || type == "text") return {.text = std::move(text), .reasoning = std::move(thinking)};
    return {.unread = {type}};
}

class reader final : public stream_reader {
    void read_json(std::string_view type, const json::value& data, std::vector<lm_event>& out) override {
        need_type(type, data);
        auto* delta = object_member(data, "delta");
        auto* m = object_member(delta, "message");
        if (type == "message-start") {
            if (std::exchange(started_, true) && has_begun()) begins_again(data);
            answer_.request_id = text_member(data, "id");
        } else if (type == "content-start" || type == "content-delta") {
            content(part_of(data, object_member(m, "content")), out);
        } else if (type == "tool-plan-delta")
            reasoning(payload_text(member(m, "tool_plan"), "tool_plan"), out);
        else if (type == "tool-call-start" || type == "tool-call-delta") {
            auto* c = object_member(m, "tool_calls");
            auto* f = object_member(c, "function");
            if (c) check_stands(*c);
            auto arguments = arguments_of("arguments", {f ? f : c, c});
            call({.index = index_of(member(data, "index")),
                  .id = text_member(c, "id"),
                  .name = text_member(f, "name"),
                  .arguments = std::move(arguments.text),
                  .whole = arguments.whole,
                  .elsewhere = arguments.elsewhere},
                 out);
            if (m) look_for_stray_arguments(*m, {"tool_calls", "content"});
        } else if (type == "message-end") {
            std::string reason = reason_of(member(delta, "finish_reason"));
            check_finish(reason, text_member(delta, "error"));
            end(reason.empty() ? finish_reason::other : finish_of(reason));
            used(usage_of(member(delta, "usage")), out);
            done_ = true;
        } else
            look_for_stray_arguments(data);
    }

    content_words part_of(const json::value& data, const json::value* part) {
        if (!part) return {};
        auto& type = types_[index_of(member(data, "index")).value_or(0)];
        if (auto given = text_member(part, "type"); !given.empty()) type = given;
        return words_of(*part, type);
    }

    std::map<std::uint64_t, std::string> types_;  // of the parts
    bool started_ = false;
};

class chat final : public protocol {
public:
    std::string_view name() const override { return "cohere"; }

    wire_call write_request(const call_settings& settings, const rules& how, const lm_request& r) const override {
        wire_call call{"/v2/chat", {}};
        json::array messages;
        for (const auto& m : r.messages) {
            json::object item{{"role", reagent::to_string(m.role)}};
            if (!m.images.empty()) {
                json::array parts;
                for (const auto& i : m.images)
                    parts.push_back({{"type", "image_url"}, {"image_url", {{"url", image_address(i)}}}});
                if (!trim(m.content).empty()) parts.push_back({{"type", "text"}, {"text", m.content}});
                item["content"] = std::move(parts);
            } else if (!trim(m.content).empty() || m.tool_calls.empty())
                item[m.tool_calls.empty() ? "content" : "tool_plan"] = m.content;
            if (!m.tool_calls.empty()) {
                json::array calls;
                for (const auto& c : m.tool_calls)
                    calls.push_back({{"id", c.id},
                                     {"type", "function"},
                                     {"function", {{"name", c.name}, {"arguments", c.arguments}}}});
                item["tool_calls"] = std::move(calls);
            }
            if (m.role == role::tool) item["tool_call_id"] = m.tool_call_id;
            messages.push_back(std::move(item));
        }
        json::object body{{"model", settings.model}, {"messages", std::move(messages)}, {"stream", settings.stream}};
        option_filter only{settings, name(), call.dropped};
        if (!r.tools.empty()) {
            json::array tools;
            for (const auto& t : r.tools) tools.push_back(openai_tool(t));
            body["tools"] = std::move(tools);
            if (r.tool_choice.kind == tool_choice::none) body["tool_choice"] = "NONE";
            if (r.tool_choice.kind == tool_choice::required) body["tool_choice"] = "REQUIRED";
            only.lacks(r.tool_choice.kind == tool_choice::one, "tool_choice");
            only.lacks(r.parallel_tool_calls.has_value(), "parallel_tool_calls");
        }
        if (r.outputs_schema && settings.structured_output)
            if (auto schema = fitted(*r.outputs_schema, how))
                body["response_format"] = {{"type", "json_object"}, {"json_schema", std::move(schema->schema)}};
        const sampling s = r.sampling.or_else(settings.defaults);
        only.lacks(s.n.value_or(1) != 1, "n");
        if (s.temperature) body["temperature"] = *s.temperature;
        if (s.top_p) body["p"] = *s.top_p;
        if (s.max_tokens) body["max_tokens"] = *s.max_tokens;
        if (s.seed) body["seed"] = *s.seed;
        if (!s.stop.empty()) body["stop_sequences"] = json::value_from(s.stop);
        if (s.reasoning_effort)
            body["thinking"] = {{"type", *s.reasoning_effort == effort::none ? "disabled" : "enabled"}};
        call.body = json::serialize(body);
        return call;
    }

    lm_response read_answer(const json::value& parsed, std::string_view body, const rules& how) const override {
        auto* m = member(parsed, "message");
        if (!m || !m->is_object()) no_answer("has no `message`", parsed, body);
        std::string reason = reason_of(member(parsed, "finish_reason"));
        check_finish(reason, {});
        check_role(*m);
        lm_response r;
        if (auto* content = member(m, "content"); content && content->is_array())
            for (const auto& part : content->get_array()) take_content(r, words_of(part, text_member(part, "type")));
        else
            r.text = payload_text(content, "content");
        r.reasoning += text_member(m, "tool_plan");
        auto* calls = member(m, "tool_calls");
        if (calls && !calls->is_null() && !calls->is_array()) malformed("has `tool_calls` that are no list", body);
        if (calls && calls->is_array())
            for (const auto& c : calls->get_array()) {
                auto* f = object_member(c, "function");
                std::string name = text_member(f, "name");
                if (name.empty()) malformed("has a tool call without a name", body);
                check_stands(c);
                r.tool_calls.push_back(
                    {text_member(c, "id"), std::move(name), whole_arguments_of("arguments", {f, &c})});
            }
        r.finish = is_open(parsed, "finish_reason", how) ? finish_reason::other : finish_of(reason);
        r.usage = usage_of(member(parsed, "usage"));
        r.request_id = text_member(parsed, "id");
        return r;
    }

    std::unique_ptr<stream_reader> stream() const override { return std::make_unique<reader>(); }
};

}  // namespace

const protocol& cohere() {
    static const chat one;
    return one;
}

}  // namespace reagent::provider
