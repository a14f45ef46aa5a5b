// Ollama's own chat protocol. Source: Ollama, docs/api.md, "Generate a chat completion".
#include "../../base/base64.hpp"
#include "../../base/text.hpp"
#include "call_arguments.hpp"
#include "reading.hpp"

#include <reagent/error.hpp>

namespace reagent::provider {
namespace {

// What servers of before `done_reason` leave out, or say nothing in.
finish_reason finish_of(const json::value* reason) {
    const std::string name = reason_of(reason);
    if (name.empty()) return reason && reason->is_string() ? finish_reason::other : finish_reason::stop;
    if (name == "length") return finish_reason::length;
    return name == "stop" ? finish_reason::stop : finish_reason::other;
}

usage usage_of(const json::value& v) {
    return {.calls = 1,
            .prompt_tokens = count_of(member(v, "prompt_eval_count")),
            .completion_tokens = count_of(member(v, "eval_count"))};
}

tool_call call_of(const json::value& c) {
    auto* f = object_member(c, "function");
    std::string name = text_member(f, "name"), arguments = f ? whole_arguments_of("arguments", {f, &c}) : std::string{};
    if (name.empty()) malformed("has a tool call without a name", json::serialize(c));
    check_stands(c);
    return {text_member(c, "id"), std::move(name), trim(arguments).empty() ? "{}" : std::move(arguments)};
}

const json::array* calls_of(const json::value* m) {
    auto* calls = member(m, "tool_calls");
    if (calls && !calls->is_null() && !calls->is_array())
        malformed("has `tool_calls` that are no list", json::serialize(*calls));
    return calls && calls->is_array() ? &calls->get_array() : nullptr;
}

class reader final : public stream_reader {
    void read_json(std::string_view, const json::value& data, std::vector<lm_event>& out) override {
        if (answer_.model.empty()) answer_.model = text_member(data, "model");
        auto* m = member(data, "message");
        bool is_end = member(data, "done") && *member(data, "done") == true;
        if (m && !m->is_object() && !m->is_null()) malformed("has a `message` that is no object", json::serialize(*m));
        if (!m && !is_end) no_answer("has a piece of a stream without `message`", data, json::serialize(data));
        if (m && m->is_object()) check_role(*m);
        auto words = content_of(member(m, "content"));
        words.reasoning = payload_text(member(m, "thinking"), "thinking") + words.reasoning;
        std::vector<tool_call> calls;
        if (auto* list = calls_of(m))
            for (const auto& c : *list) calls.push_back(call_of(c));
        if (!calls.empty() && data == last_)
            return;  // a line that was sent twice: those of two calls differ in their time
        if (!calls.empty()) last_ = json::value(data, json::storage_ptr{});
        look_for_stray(m);
        if (is_end) {
            words.text = rest_of_whole(words.text, answer_.text);
            if (!answer_.reasoning.empty() && words.reasoning == answer_.reasoning) words.reasoning.clear();
            drop_told(calls);
        }
        content(words, out);
        for (auto& c : calls) whole_call(std::move(c), out);
        if (is_end) {
            answer_.finish = finish_of(member(data, "done_reason"));
            used(usage_of(data), out);
            ended_ = done_ = true;
        }
    }

    void look_for_stray(const json::value* m) {
        if (m) look_for_stray_arguments(*m, {"content", "thinking", "tool_calls", "images"});
    }

    json::value last_{};  // line with calls
};

class chat final : public protocol {
public:
    std::string_view name() const override { return "ollama"; }
    bool streams_lines() const override { return true; }

    wire_call write_request(const call_settings& settings, const rules& how, const lm_request& r) const override {
        wire_call call{"/api/chat", {}};
        json::array messages;
        std::vector<std::pair<std::string, std::string>> called;  // id and name
        for (const auto& m : r.messages) {
            json::object item{{"role", reagent::to_string(m.role)}, {"content", m.content}};
            if (!m.images.empty()) {
                json::array images;
                for (const auto& i : m.images) {
                    if (i.bytes.empty())
                        throw lm_error{lm_errc::invalid_request,
                                       "ollama takes an image's bytes, not its address; use image::from_file"};
                    images.push_back(json::string(base64(i.bytes)));
                }
                item["images"] = std::move(images);
            }
            if (!m.tool_calls.empty()) {
                json::array calls;
                for (const auto& c : m.tool_calls) {
                    calls.push_back(json::object{{"function", {{"name", c.name}, {"arguments", arguments_object(c)}}}});
                    called.emplace_back(c.id, c.name);
                }
                item["tool_calls"] = std::move(calls);
            }
            if (m.role == role::tool)
                for (const auto& [id, tool] : called)
                    if (id == m.tool_call_id) item["tool_name"] = tool;
            messages.push_back(std::move(item));
        }
        json::object body{{"model", settings.model}, {"messages", std::move(messages)}, {"stream", settings.stream}};
        option_filter only{settings, name(), call.dropped};
        if (!r.tools.empty()) {
            bool offered = r.tool_choice.kind != tool_choice::none;  // to forbid them is not to offer them
            if (offered) {
                json::array tools;
                for (const auto& t : r.tools) tools.push_back(openai_tool(t));
                body["tools"] = std::move(tools);
            }
            only.lacks(offered && r.tool_choice.kind != tool_choice::automatic, "tool_choice");
            only.lacks(r.parallel_tool_calls.has_value(), "parallel_tool_calls");
        }
        if (r.outputs_schema && settings.structured_output)
            if (auto schema = fitted(*r.outputs_schema, how)) body["format"] = std::move(schema->schema);
        const sampling s = r.sampling.or_else(settings.defaults);
        only.lacks(s.n.value_or(1) != 1, "n");
        json::object options;
        if (s.temperature) options["temperature"] = *s.temperature;
        if (s.top_p) options["top_p"] = *s.top_p;
        if (s.max_tokens) options["num_predict"] = *s.max_tokens;
        if (s.seed) options["seed"] = *s.seed;
        if (!s.stop.empty()) options["stop"] = json::value_from(s.stop);
        if (!options.empty()) body["options"] = std::move(options);
        if (s.reasoning_effort == effort::none)
            body["think"] = false;
        else if (s.reasoning_effort)
            body["think"] = *s.reasoning_effort == effort::minimal ? "low" : to_string(*s.reasoning_effort);
        call.body = json::serialize(body);
        return call;
    }

    lm_response read_answer(const json::value& parsed, std::string_view body, const rules&) const override {
        auto* m = member(parsed, "message");
        if (!m || !m->is_object()) no_answer("has no `message`", parsed, body);
        if (auto* done = member(parsed, "done"); done && *done == false)
            throw lm_error{lm_errc::unavailable, "the provider's answer broke off: it says itself that it is not done"};
        check_role(*m);
        lm_response r;
        r.reasoning = payload_text(member(m, "thinking"), "thinking");
        take_content(r, content_of(member(m, "content")));
        if (auto* calls = calls_of(m))
            for (const auto& c : *calls) r.tool_calls.push_back(call_of(c));
        r.finish = finish_of(member(parsed, "done_reason"));
        if (!r.tool_calls.empty() && r.finish == finish_reason::stop) r.finish = finish_reason::tool_calls;
        r.usage = usage_of(parsed);
        r.model = text_member(parsed, "model");
        return r;
    }

    std::unique_ptr<stream_reader> stream() const override { return std::make_unique<reader>(); }
};

}  // namespace

const protocol& ollama() {
    static const chat one;
    return one;
}

}  // namespace reagent::provider
