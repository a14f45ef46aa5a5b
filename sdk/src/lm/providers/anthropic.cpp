// Anthropic's messages.
// Source: Anthropic API reference, "Messages", "Streaming messages", "Extended thinking", "Tool use", "Structured outputs",
// "Prompt caching".
#include "../../base64.hpp"
#include "../saturating.hpp"
#include "reading.hpp"

#include <reagent/error.hpp>

namespace reagent::provider {
namespace {

constexpr std::uint64_t default_max_tokens = 8192;  // the protocol wants a limit in every request

finish_reason finish_of(const std::string& name) {
    if (name == "max_tokens" || name == "model_context_window_exceeded") return finish_reason::length;
    if (name == "tool_use") return finish_reason::tool_calls;
    if (name == "refusal") return finish_reason::content_filter;
    return name.empty() || name == "end_turn" || name == "stop_sequence" ? finish_reason::stop : finish_reason::other;
}

// Tokens read from and written to the cache are counted apart from the rest of the prompt.
void add_usage(usage& u, const json::value* from) {
    auto read = count_of(member(from, "cache_read_input_tokens")), written = count_of(member(from, "cache_creation_input_tokens"));
    auto fresh = count_of(member(from, "input_tokens"));
    if (saturating_sum(fresh, saturating_sum(read, written)) > 0) {
        u.prompt_tokens = saturating_sum(fresh, saturating_sum(read, written));
        u.cached_tokens = read;
    }
    if (auto out = count_of(member(from, "output_tokens"))) u.completion_tokens = out;
    if (auto t = count_of(member(member(from, "output_tokens_details"), "thinking_tokens"))) u.reasoning_tokens = t;
    u.calls = 1;
}

json::object image_block(const image& i) {
    if (!i.url.empty() && i.url.starts_with("data:"))
        throw lm_error{lm_errc::invalid_request, "anthropic takes no data: address for an image; use image::from_bytes"};
    json::object source;
    if (i.url.empty()) {
        source["type"] = "base64";
        source["media_type"] = i.media_type;
        source["data"] = base64(i.bytes);
    } else {
        source["type"] = "url";
        source["url"] = i.url;
    }
    return {{"type", "image"}, {"source", std::move(source)}};
}

json::array blocks_of(const message& m) {
    json::array blocks;
    for (const auto& b : m.reasoning_blocks) blocks.push_back(b);
    if (m.role == role::tool) {
        blocks.push_back({{"type", "tool_result"}, {"tool_use_id", m.tool_call_id}, {"content", m.content}});
        return blocks;
    }
    for (const auto& i : m.images) blocks.push_back(image_block(i));
    if (!m.content.empty()) blocks.push_back({{"type", "text"}, {"text", m.content}});  // an empty one is refused
    for (const auto& c : m.tool_calls)
        blocks.push_back({{"type", "tool_use"}, {"id", c.id}, {"name", c.name}, {"input", arguments_object(c)}});
    return blocks;
}

// Users and assistants take turns; the results of a turn's tool calls come first in the user's next turn, all together.
json::array turns_of(const std::vector<message>& messages, std::string& system) {
    json::array turns;
    for (const auto& m : messages) {
        if (m.role == role::system) {
            if (!system.empty()) system += "\n\n";
            system += m.content;
            continue;
        }
        std::string_view who = m.role == role::assistant ? "assistant" : "user";
        json::array blocks = blocks_of(m);
        if (blocks.empty()) continue;
        if (!turns.empty() && text_member(turns.back(), "role") == who) {
            auto& before = turns.back().as_object()["content"].as_array();
            before.insert(before.end(), blocks.begin(), blocks.end());
        } else
            turns.push_back({{"role", who}, {"content", std::move(blocks)}});
    }
    return turns;
}

class reader final : public stream_reader {
    void read_json(std::string_view, const json::value& data, std::vector<lm_event>& out) override {
        std::string type = text_member(data, "type");
        if (type == "message_start") {
            auto* m = member(data, "message");
            answer_.model = text_member(m, "model");
            answer_.request_id = text_member(m, "id");
            add_usage(answer_.usage, member(m, "usage"));
            used(answer_.usage, out);
        } else if (type == "content_block_start") {
            block_ = json::object{};
            if (auto* b = member(data, "content_block"); b && b->is_object()) block_ = json::value(*b, json::storage_ptr{}).get_object();
            std::string kind = text_member(member(data, "content_block"), "type");
            if (kind == "tool_use")
                call(calls_++, {text_member(member(data, "content_block"), "id"), text_member(member(data, "content_block"), "name"), {}},
                     out);
            else if (kind == "text")
                text(text_member(member(data, "content_block"), "text"), out);
        } else if (type == "content_block_delta") {
            auto* d = member(data, "delta");
            std::string kind = text_member(d, "type");
            if (kind == "text_delta")
                text(text_member(d, "text"), out);
            else if (kind == "input_json_delta" && calls_ > 0)
                call(calls_ - 1, {{}, {}, text_member(d, "partial_json")}, out);
            else if (kind == "thinking_delta") {
                append("thinking", text_member(d, "thinking"));
                reasoning(text_member(d, "thinking"), out);
            } else if (kind == "signature_delta")
                append("signature", text_member(d, "signature"));
        } else if (type == "content_block_stop") {
            auto* kind = block_.if_contains("type");
            if (kind && (*kind == "thinking" || *kind == "redacted_thinking")) answer_.reasoning_blocks.emplace_back(std::move(block_));
            block_ = json::object{};
        } else if (type == "message_delta") {
            if (auto reason = text_member(member(data, "delta"), "stop_reason"); !reason.empty()) answer_.finish = finish_of(reason);
            add_usage(answer_.usage, member(data, "usage"));
            used(answer_.usage, out);
        } else if (type == "message_stop")
            ended_ = true;
    }

    lm_response finish() override {
        // A call without arguments streams none.
        for (auto& c : answer_.tool_calls)
            if (c.arguments.empty()) c.arguments = "{}";
        return stream_reader::finish();
    }

    void append(const char* key, const std::string& piece) {
        json::value& v = block_[key];
        if (!v.is_string()) v = "";
        v.get_string().append(piece);
    }

    json::object block_;  // that is being written
    std::size_t calls_ = 0;
};

class messages final : public protocol {
public:
    std::string_view name() const override { return "anthropic"; }
    http::header_list headers() const override { return {{"anthropic-version", "2023-06-01"}}; }
    http::header_list credentials(const secret& key) const override {
        if (key.empty()) return {};
        return {{"x-api-key", std::string{key.reveal()}}};
    }

    wire_call write(const call_settings& settings, const lm_request& r) const override {
        wire_call call{"/v1/messages", {}};
        const sampling s = r.sampling.or_else(settings.defaults);
        std::string system;
        json::array turns = turns_of(r.messages, system);
        json::object body{{"model", settings.model}, {"max_tokens", s.max_tokens.value_or(default_max_tokens)}};
        if (!system.empty()) {
            if (settings.cache_prompt)
                body["system"] = list_of({{"type", "text"}, {"text", system}, {"cache_control", {{"type", "ephemeral"}}}});
            else
                body["system"] = system;
        }
        body["messages"] = std::move(turns);
        if (!r.tools.empty()) {
            json::array tools;
            for (const auto& t : r.tools)
                tools.push_back({{"name", t.name}, {"description", t.description}, {"input_schema", t.parameters}});
            if (settings.cache_prompt && system.empty()) tools.back().as_object()["cache_control"] = {{"type", "ephemeral"}};
            body["tools"] = std::move(tools);
            json::object choice;
            switch (r.tool_choice.kind) {
                case tool_choice::automatic: break;
                case tool_choice::none: choice = {{"type", "none"}}; break;
                case tool_choice::required: choice = {{"type", "any"}}; break;
                case tool_choice::one: choice = {{"type", "tool"}, {"name", r.tool_choice.name}};
            }
            if (r.parallel_tool_calls && r.tool_choice.kind != tool_choice::none) {
                if (choice.empty()) choice = {{"type", "auto"}};
                choice["disable_parallel_tool_use"] = !*r.parallel_tool_calls;
            }
            if (!choice.empty()) body["tool_choice"] = std::move(choice);
        }
        json::object output;
        if (r.outputs_schema && settings.structured_output) output["format"] = {{"type", "json_schema"}, {"schema", *r.outputs_schema}};
        option_filter only{settings, name(), call.dropped};
        only.lacks(s.seed.has_value(), "seed");
        only.lacks(s.n.value_or(1) != 1, "n");
        if (s.reasoning_effort == effort::none)
            body["thinking"] = {{"type", "disabled"}};
        else if (s.reasoning_effort)
            output["effort"] = *s.reasoning_effort == effort::minimal ? "low" : to_string(*s.reasoning_effort);
        if (!output.empty()) body["output_config"] = std::move(output);
        if (s.temperature) body["temperature"] = *s.temperature;
        if (s.top_p) body["top_p"] = *s.top_p;
        if (!s.stop.empty()) body["stop_sequences"] = json::value_from(s.stop);
        if (settings.stream) body["stream"] = true;
        call.body = json::serialize(body);
        return call;
    }

    lm_response read(std::string_view body) const override {
        json::value parsed = parse_body(body, {});
        auto* content = member(parsed, "content");
        if (!content || !content->is_array()) malformed("has no `content`", body);
        lm_response r;
        for (const auto& block : content->get_array()) {
            std::string type = text_member(block, "type");
            if (type == "text")
                r.text += text_member(block, "text");
            else if (type == "tool_use") {
                std::string name = text_member(block, "name");
                if (name.empty()) malformed("has a tool call without a name", body);
                auto* input = member(block, "input");
                r.tool_calls.push_back({text_member(block, "id"), std::move(name), input ? json::serialize(*input) : "{}"});
            } else if (type == "thinking" || type == "redacted_thinking") {
                r.reasoning += text_member(block, "thinking");
                r.reasoning_blocks.push_back(block);
            }
        }
        r.finish = finish_of(text_member(parsed, "stop_reason"));
        add_usage(r.usage, member(parsed, "usage"));
        r.model = text_member(parsed, "model");
        r.request_id = text_member(parsed, "id");
        return r;
    }

    std::unique_ptr<stream_reader> stream() const override { return std::make_unique<reader>(); }
};

}  // namespace

const protocol& anthropic() {
    static const messages one;
    return one;
}

}  // namespace reagent::provider
