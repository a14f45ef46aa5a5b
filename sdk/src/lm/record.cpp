// Requests and responses as JSON: for digests, caches and cassettes.
#include "../base64.hpp"

#include <reagent/error.hpp>
#include <reagent/lm/language_model.hpp>

#include <boost/json.hpp>

namespace reagent {
namespace {

constexpr const char* effort_names[]{"none", "minimal", "low", "medium", "high"};

json::object full_json(const message& m) {
    json::object o{{"role", to_string(m.role)}, {"content", m.content}};
    if (!m.tool_calls.empty()) {
        json::array calls;
        for (const auto& c : m.tool_calls) {
            json::object call{{"id", c.id}, {"name", c.name}, {"arguments", c.arguments}};
            if (!c.signature.empty()) call["signature"] = c.signature;
            calls.push_back(std::move(call));
        }
        o["tool_calls"] = std::move(calls);
    }
    if (!m.tool_call_id.empty()) o["tool_call_id"] = m.tool_call_id;
    if (!m.images.empty()) {
        json::array images;
        for (const auto& i : m.images) {
            json::object image{{"media_type", i.media_type}, {"url", i.url}, {"base64", json::string(base64(i.bytes))}};
            images.push_back(std::move(image));
        }
        o["images"] = std::move(images);
    }
    if (!m.reasoning_blocks.empty()) o["reasoning_blocks"] = json::array(m.reasoning_blocks.begin(), m.reasoning_blocks.end());
    return o;
}

std::string text(const json::object& o, const char* key) {
    auto* v = o.if_contains(key);
    return v && v->is_string() ? std::string{v->get_string()} : std::string{};
}

std::uint64_t number(const json::object& o, const char* key) {
    auto* v = o.if_contains(key);
    boost::system::error_code ec;
    auto n = v ? v->to_number<std::uint64_t>(ec) : 0;
    return ec ? 0 : n;
}

}  // namespace

json::object to_json(const lm_request& r) {
    json::object o;
    json::array messages;
    for (const auto& m : r.messages) messages.push_back(full_json(m));
    o["messages"] = std::move(messages);
    if (!r.tools.empty()) {
        json::array tools;
        for (const auto& t : r.tools) {
            json::object tool{{"name", t.name}, {"description", t.description}, {"parameters", t.parameters}};
            tools.push_back(std::move(tool));
        }
        o["tools"] = std::move(tools);
    }
    const auto& s = r.sampling;
    json::object sampling;
    if (s.temperature) sampling["temperature"] = *s.temperature;
    if (s.top_p) sampling["top_p"] = *s.top_p;
    if (s.max_tokens) sampling["max_tokens"] = *s.max_tokens;
    if (s.seed) sampling["seed"] = *s.seed;
    if (!s.stop.empty()) sampling["stop"] = json::value_from(s.stop);
    if (s.n) sampling["n"] = *s.n;
    if (s.reasoning_effort) sampling["reasoning_effort"] = effort_names[static_cast<int>(*s.reasoning_effort)];
    if (!sampling.empty()) o["sampling"] = std::move(sampling);
    if (r.outputs_schema) o["outputs_schema"] = *r.outputs_schema;
    constexpr const char* choices[]{"auto", "none", "required", "one"};
    if (r.tool_choice != tool_choice{}) {
        json::object choice{{"kind", choices[r.tool_choice.kind]}, {"name", r.tool_choice.name}};
        o["tool_choice"] = std::move(choice);
    }
    if (r.parallel_tool_calls) o["parallel_tool_calls"] = *r.parallel_tool_calls;
    if (r.rollout_id) o["rollout_id"] = r.rollout_id;
    return o;
}

json::object to_json(const lm_response& r) {
    message m{role::assistant, r.text, r.tool_calls};
    m.reasoning_blocks = r.reasoning_blocks;
    json::object o = full_json(m);
    o.erase("role");
    o["finish"] = to_string(r.finish);
    o["usage"] = to_json(r.usage);
    o["model"] = r.model;
    if (!r.request_id.empty()) o["request_id"] = r.request_id;
    if (!r.reasoning.empty()) o["reasoning"] = r.reasoning;
    if (!r.alternatives.empty()) o["alternatives"] = json::value_from(r.alternatives);
    return o;
}

lm_response lm_response_from_json(const json::value& v) {
    auto bad = [](const char* what) { return lm_error{lm_errc::malformed_response, std::string{"this is no recorded answer: "} + what}; };
    if (!v.is_object()) throw bad("it is no object");
    const auto& o = v.get_object();
    if (!o.contains("content") || !o.contains("finish")) throw bad("it has no `content` and `finish`");
    lm_response r;
    r.text = text(o, "content");
    for (auto f :
         {finish_reason::stop, finish_reason::length, finish_reason::tool_calls, finish_reason::content_filter, finish_reason::other})
        if (to_string(f) == text(o, "finish")) r.finish = f;
    if (auto* calls = o.if_contains("tool_calls"); calls && calls->is_array())
        for (const auto& c : calls->get_array()) {
            if (!c.is_object()) throw bad("a tool call is no object");
            const auto& call = c.get_object();
            r.tool_calls.push_back({text(call, "id"), text(call, "name"), text(call, "arguments"), text(call, "signature")});
        }
    if (auto* u = o.if_contains("usage"); u && u->is_object()) {
        const auto& used = u->get_object();
        r.usage = {.calls = number(used, "calls"),
                   .prompt_tokens = number(used, "prompt_tokens"),
                   .completion_tokens = number(used, "completion_tokens"),
                   .cached_tokens = number(used, "cached_tokens"),
                   .reasoning_tokens = number(used, "reasoning_tokens")};
        if (auto* cost = used.if_contains("cost"); cost && cost->is_number()) r.usage.cost = cost->to_number<double>();
    }
    r.model = text(o, "model");
    r.request_id = text(o, "request_id");
    r.reasoning = text(o, "reasoning");
    if (auto* blocks = o.if_contains("reasoning_blocks"); blocks && blocks->is_array())
        r.reasoning_blocks.assign(blocks->get_array().begin(), blocks->get_array().end());
    if (auto* more = o.if_contains("alternatives"); more && more->is_array())
        for (const auto& a : more->get_array())
            if (a.is_string()) r.alternatives.emplace_back(a.get_string());
    return r;
}

}  // namespace reagent
