// OpenAI's responses. Nothing is stored at the provider: reasoning comes back encrypted and is sent again.
// Source: OpenAI API reference, "Create a model response" and "Streaming events".
#include "reading.hpp"

#include <reagent/error.hpp>

#include <set>

namespace reagent::provider {
namespace {

usage usage_of(const json::value* u) {
    return {.calls = 1,
            .prompt_tokens = count_of(member(u, "input_tokens")),
            .completion_tokens = count_of(member(u, "output_tokens")),
            .cached_tokens = count_of(member(member(u, "input_tokens_details"), "cached_tokens")),
            .reasoning_tokens = count_of(member(member(u, "output_tokens_details"), "reasoning_tokens"))};
}

lm_response read_response(const json::value& parsed, std::string_view body) {
    std::string status = text_member(parsed, "status");
    if (status == "failed" || status == "cancelled") {
        auto* e = member(parsed, "error");
        if (e && !e->is_null()) throw_error_object(*e);
        throw lm_error{lm_errc::server_error, "the provider gave up the response: its status is " + status};
    }
    auto* output = member(parsed, "output");
    if (!output || !output->is_array()) malformed("has no `output`", body);
    lm_response r;
    for (const auto& item : output->get_array()) {
        std::string type = text_member(item, "type");
        if (type == "message") {
            if (auto* content = member(item, "content"); content && content->is_array())
                for (const auto& part : content->get_array()) {
                    r.text += text_member(part, "text");
                    r.text += text_member(part, "refusal");
                }
        } else if (type == "function_call") {
            std::string name = text_member(item, "name");
            if (name.empty()) malformed("has a tool call without a name", body);
            r.tool_calls.push_back({text_member(item, "call_id"), std::move(name), text_member(item, "arguments")});
        } else if (type == "reasoning") {
            for (const char* where : {"summary", "content"})
                if (auto* parts = member(item, where); parts && parts->is_array()) r.reasoning += text_of(parts);
            r.reasoning_blocks.push_back(json::value(item, json::storage_ptr{}));
        }
    }
    std::string cause = text_member(member(parsed, "incomplete_details"), "reason");
    if (cause == "max_output_tokens")
        r.finish = finish_reason::length;
    else if (cause == "content_filter")
        r.finish = finish_reason::content_filter;
    else if (!cause.empty())
        r.finish = finish_reason::other;
    else if (!r.tool_calls.empty())
        r.finish = finish_reason::tool_calls;
    r.usage = usage_of(member(parsed, "usage"));
    r.model = text_member(parsed, "model");
    r.request_id = text_member(parsed, "id");
    return r;
}

class reader final : public stream_reader {
    void read_json(std::string_view, const json::value& data, std::vector<lm_event>& out) override {
        std::string type = text_member(data, "type");
        if (type == "response.output_text.delta" || type == "response.refusal.delta")
            text(text_member(data, "delta"), out);
        else if (type == "response.reasoning_summary_text.delta" || type == "response.reasoning_text.delta")
            reasoning(text_member(data, "delta"), out);
        else if (type == "response.output_item.added") {
            auto* item = member(data, "item");
            if (text_member(item, "type") == "function_call")
                call(place_of(data), {text_member(item, "call_id"), text_member(item, "name"), text_member(item, "arguments")}, out);
        } else if (type == "response.function_call_arguments.delta")
            call(place_of(data), {{}, {}, text_member(data, "delta")}, out);
        else if (type == "error")
            throw_error_object(data);
        else if (type == "response.completed" || type == "response.incomplete" || type == "response.failed") {
            auto* whole = member(data, "response");
            if (!whole) malformed("has no `response`", type);
            answer_ = read_response(*whole, type);
            ended_ = true;
            out.push_back({.kind = lm_event::usage, .used = answer_.usage});
        }
    }

    // Output items are numbered together; calls among themselves.
    std::size_t place_of(const json::value& data) {
        auto n = count_of(member(data, "output_index"));
        auto found = std::find(calls_.begin(), calls_.end(), n);
        if (found == calls_.end()) found = calls_.insert(found, n);
        return static_cast<std::size_t>(found - calls_.begin());
    }
    std::vector<std::uint64_t> calls_;
};

class responses final : public protocol {
public:
    std::string_view name() const override { return "openai-responses"; }

    wire_call write(const call_settings& settings, const lm_request& r) const override {
        wire_call call{"/responses", {}};
        json::array input;
        for (const auto& m : r.messages) {
            for (const auto& block : m.reasoning_blocks) input.push_back(block);
            if (m.role == role::tool) {
                input.push_back({{"type", "function_call_output"}, {"call_id", m.tool_call_id}, {"output", m.content}});
                continue;
            }
            if (!m.content.empty() || m.tool_calls.empty()) {
                json::object item{{"role", reagent::to_string(m.role)}};
                if (m.images.empty())
                    item["content"] = m.content;
                else {
                    json::array parts;
                    for (const auto& i : m.images) parts.push_back({{"type", "input_image"}, {"image_url", image_address(i)}});
                    parts.push_back({{"type", "input_text"}, {"text", m.content}});
                    item["content"] = std::move(parts);
                }
                input.push_back(std::move(item));
            }
            for (const auto& c : m.tool_calls)
                input.push_back({{"type", "function_call"}, {"call_id", c.id}, {"name", c.name}, {"arguments", c.arguments}});
        }
        json::object body{{"model", settings.model}, {"input", std::move(input)}, {"store", false}};
        body["include"] = json::array{"reasoning.encrypted_content"};
        if (!r.tools.empty()) {
            json::array tools;
            for (const auto& t : r.tools)
                tools.push_back({{"type", "function"},
                                 {"name", t.name},
                                 {"description", t.description},
                                 {"parameters", t.parameters},
                                 {"strict", false}});
            body["tools"] = std::move(tools);
            switch (r.tool_choice.kind) {
                case tool_choice::automatic: break;
                case tool_choice::none: body["tool_choice"] = "none"; break;
                case tool_choice::required: body["tool_choice"] = "required"; break;
                case tool_choice::one: body["tool_choice"] = {{"type", "function"}, {"name", r.tool_choice.name}};
            }
            if (r.parallel_tool_calls) body["parallel_tool_calls"] = *r.parallel_tool_calls;
        }
        if (r.outputs_schema && settings.structured_output) {
            json::object format{
                {"type", "json_schema"}, {"name", "outputs"}, {"strict", is_strict(*r.outputs_schema)}, {"schema", *r.outputs_schema}};
            body["text"] = {{"format", std::move(format)}};
        }
        const sampling s = r.sampling.or_else(settings.defaults);
        option_filter only{settings, name(), call.dropped};
        only.lacks(!s.stop.empty(), "stop");
        only.lacks(s.seed.has_value(), "seed");
        only.lacks(s.n.value_or(1) != 1, "n");
        if (s.temperature) body["temperature"] = *s.temperature;
        if (s.top_p) body["top_p"] = *s.top_p;
        if (s.max_tokens) body["max_output_tokens"] = *s.max_tokens;
        if (s.reasoning_effort) body["reasoning"] = {{"effort", to_string(*s.reasoning_effort)}, {"summary", "auto"}};
        if (settings.stream) body["stream"] = true;
        call.body = json::serialize(body);
        return call;
    }

    lm_response read(std::string_view body) const override { return read_response(parse_body(body, {}), body); }
    std::unique_ptr<stream_reader> stream() const override { return std::make_unique<reader>(); }
};

}  // namespace

const protocol& openai_responses() {
    static const responses one;
    return one;
}

}  // namespace reagent::provider
