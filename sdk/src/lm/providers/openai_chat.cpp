// OpenAI's chat completions, which most other providers and servers speak too.
// Source: OpenAI API reference, "Create chat completion" and "Chat completion chunk".
#include "../../text.hpp"
#include "reading.hpp"

#include <reagent/error.hpp>

namespace reagent::provider {
namespace {

finish_reason finish_of(const std::string& name) {
    if (name == "stop" || name.empty()) return finish_reason::stop;
    if (name == "length") return finish_reason::length;
    if (name == "tool_calls" || name == "function_call") return finish_reason::tool_calls;
    return name == "content_filter" ? finish_reason::content_filter : finish_reason::other;
}

usage usage_of(const json::value* u) {
    return {.calls = 1,
            .prompt_tokens = count_of(member(u, "prompt_tokens")),
            .completion_tokens = count_of(member(u, "completion_tokens")),
            .cached_tokens = count_of(member(member(u, "prompt_tokens_details"), "cached_tokens")),
            .reasoning_tokens = count_of(member(member(u, "completion_tokens_details"), "reasoning_tokens"))};
}

// What some servers show of a model's reasoning, under one of two names.
std::string reasoning_of(const json::value* m) {
    auto text = text_of(member(m, "reasoning_content"));
    return text.empty() ? text_of(member(m, "reasoning")) : text;
}

// Bodies are written straight into one string: a request holds mostly prompt text, which a tree of values would copy.
void write_message(std::string& out, const message& m) {
    out += "{\"role\":\"";
    out += reagent::to_string(m.role);
    out += "\",\"content\":";
    if (!m.images.empty()) {
        out += '[';
        for (const auto& i : m.images) {
            out += "{\"type\":\"image_url\",\"image_url\":{\"url\":";
            quoted(out, image_address(i));
            out += "}},";
        }
        out += "{\"type\":\"text\",\"text\":";
        quoted(out, m.content);
        out += "}]";
    } else if (m.content.empty() && !m.tool_calls.empty())
        out += "null";
    else
        quoted(out, m.content);
    if (!m.tool_calls.empty()) {
        out += ",\"tool_calls\":[";
        for (const auto& c : m.tool_calls) {
            if (out.back() != '[') out += ',';
            out += "{\"type\":\"function\",\"id\":";
            quoted(out, c.id);
            out += ",\"function\":{\"name\":";
            quoted(out, c.name);
            out += ",\"arguments\":";
            quoted(out, c.arguments);
            out += "}}";
        }
        out += ']';
    }
    if (m.role == role::tool) {
        out += ",\"tool_call_id\":";
        quoted(out, m.tool_call_id);
    }
    out += '}';
}

class reader final : public stream_reader {
    void read_json(std::string_view, const json::value& data, std::vector<lm_event>& out) override {
        if (answer_.model.empty()) answer_.model = text_member(data, "model");
        if (answer_.request_id.empty()) answer_.request_id = text_member(data, "id");
        if (auto* choices = member(data, "choices"); choices && choices->is_array())
            for (const auto& choice : choices->get_array()) {
                auto index = count_of(member(choice, "index"));
                const json::value* delta = member(choice, "delta");
                if (index > 0) {  // a further completion, with `n`
                    if (index > 127) continue;
                    if (answer_.alternatives.size() < index) answer_.alternatives.resize(index);
                    answer_.alternatives[index - 1] += text_of(member(delta, "content"));
                    continue;
                }
                reasoning(reasoning_of(delta), out);
                text(text_of(member(delta, "content")), out);
                text(text_of(member(delta, "refusal")), out);
                if (auto* calls = member(delta, "tool_calls"); calls && calls->is_array())
                    for (const auto& c : calls->get_array()) {
                        const json::value* f = member(c, "function");
                        // Some servers send whole calls without an index.
                        auto* at = member(c, "index");
                        std::size_t i = at ? count_of(at) : answer_.tool_calls.size();
                        call(i, {text_member(c, "id"), text_member(f, "name"), text_member(f, "arguments")}, out);
                    }
                if (auto reason = text_member(choice, "finish_reason"); !reason.empty()) {
                    answer_.finish = finish_of(reason);
                    ended_ = true;  // what may follow is the usage
                }
            }
        if (auto* u = member(data, "usage"); u && u->is_object()) used(usage_of(u), out);
    }
};

class chat final : public protocol {
public:
    std::string_view name() const override { return "openai"; }

    wire_call write(const call_settings& settings, const lm_request& r) const override {
        const std::string& model = settings.model;
        wire_call call{"/chat/completions", {}};
        std::size_t size = 256;
        for (const auto& m : r.messages) size += m.content.size() + m.content.size() / 8 + 64;
        std::string& out = call.body;
        out.reserve(size);
        out += "{\"model\":";
        quoted(out, model);
        out += ",\"messages\":[";
        for (const auto& m : r.messages) {
            if (out.back() != '[') out += ',';
            write_message(out, m);
        }
        out += ']';
        auto add = [&](std::string_view key, const json::value& v) { ((out += ",\"") += key) += "\":" + json::serialize(v); };
        if (!r.tools.empty()) {
            json::array tools;
            for (const auto& t : r.tools) tools.push_back(openai_tool(t));
            add("tools", tools);
            switch (r.tool_choice.kind) {
                case tool_choice::automatic: break;
                case tool_choice::none: add("tool_choice", "none"); break;
                case tool_choice::required: add("tool_choice", "required"); break;
                case tool_choice::one: add("tool_choice", json::object{{"type", "function"}, {"function", {{"name", r.tool_choice.name}}}});
            }
            if (r.parallel_tool_calls) add("parallel_tool_calls", *r.parallel_tool_calls);
        }
        if (r.outputs_schema && settings.structured_output) {
            json::object format{{"name", "outputs"}, {"strict", is_strict(*r.outputs_schema)}, {"schema", *r.outputs_schema}};
            add("response_format", json::object{{"type", "json_schema"}, {"json_schema", std::move(format)}});
        }
        const sampling s = r.sampling.or_else(settings.defaults);
        if (s.temperature) add("temperature", *s.temperature);
        if (s.top_p) add("top_p", *s.top_p);
        // The reasoning models know the limit by its newer name only.
        bool newer = model.starts_with("gpt-5") || (model.size() > 1 && model[0] == 'o' && is_digit(model[1]));
        if (s.max_tokens) add(newer ? "max_completion_tokens" : "max_tokens", *s.max_tokens);
        // Mistral's names differ in two places. Source: Mistral API reference, "Chat Completion".
        bool mistral = settings.provider == "mistral";
        if (s.seed) add(mistral ? "random_seed" : "seed", *s.seed);
        if (s.n && *s.n != 1) add("n", *s.n);
        if (s.reasoning_effort) add("reasoning_effort", json::string(to_string(*s.reasoning_effort)));
        if (!s.stop.empty()) add("stop", json::value_from(s.stop));
        if (settings.stream) out += mistral ? ",\"stream\":true" : ",\"stream\":true,\"stream_options\":{\"include_usage\":true}";
        out += '}';
        return call;
    }

    lm_response read(std::string_view body) const override {
        // The tree lives for this function only, so its memory is freed at once.
        unsigned char buffer[8192];
        json::monotonic_resource memory{buffer};
        json::value parsed = parse_body(body, &memory);
        const auto& choices = list_member(parsed, "choices", body);
        const json::value& choice = choices.front();
        const json::value* m = member(choice, "message");
        if (!m || !m->is_object()) malformed("has no `choices[0].message`", body);
        lm_response r;
        r.text = text_of(member(m, "content"));
        if (r.text.empty()) r.text = text_of(member(m, "refusal"));
        r.reasoning = reasoning_of(m);
        if (auto* calls = member(m, "tool_calls"); calls && calls->is_array())
            for (const auto& c : calls->get_array()) {
                const json::value* f = member(c, "function");
                std::string name = text_member(f, "name");
                if (name.empty()) malformed("has a tool call without a name", body);
                const json::value* arguments = member(f, "arguments");
                std::string text = arguments && arguments->is_object() ? json::serialize(*arguments) : text_of(arguments);
                std::string id = text_member(c, "id");
                if (id.empty()) id = "call_" + std::to_string(r.tool_calls.size());
                r.tool_calls.push_back({std::move(id), std::move(name), std::move(text)});
            }
        for (std::size_t i = 1; i < choices.size(); ++i)
            r.alternatives.push_back(text_of(member(member(choices[i], "message"), "content")));
        r.finish = finish_of(text_member(choice, "finish_reason"));
        r.usage = usage_of(member(parsed, "usage"));
        r.model = text_member(parsed, "model");
        r.request_id = text_member(parsed, "id");
        return r;
    }

    std::unique_ptr<stream_reader> stream() const override { return std::make_unique<reader>(); }
};

}  // namespace

const protocol& openai_chat() {
    static const chat one;
    return one;
}

}  // namespace reagent::provider
