// Requests and responses as JSON: for digests, caches and cassettes.
#include "../base/base64.hpp"

#include <reagent/error.hpp>
#include <reagent/lm/language_model.hpp>

#include <boost/json.hpp>

#include <algorithm>

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
            if (!c.signed_by.empty()) call["signed_by"] = c.signed_by;
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
    if (!m.reasoning_blocks.empty())
        o["reasoning_blocks"] = json::array(m.reasoning_blocks.begin(), m.reasoning_blocks.end());
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

lm_error bad(const char* kind, const char* what) {
    return lm_error{lm_errc::malformed_response, std::string{"this is no recorded "} + kind + ": " + what};
}

std::vector<tool_call> tool_calls_from(const json::object& o, const char* kind) {
    std::vector<tool_call> all;
    if (auto* calls = o.if_contains("tool_calls"); calls && calls->is_array())
        for (const auto& c : calls->get_array()) {
            if (!c.is_object()) throw bad(kind, "a tool call is no object");
            const auto& call = c.get_object();
            all.push_back({text(call, "id"), text(call, "name"), text(call, "arguments"), text(call, "signature"),
                           text(call, "signed_by")});
        }
    return all;
}

message message_from(const json::value& v) {
    if (!v.is_object()) throw bad("request", "a message is no object");
    const auto& o = v.get_object();
    message m;
    for (auto r : {role::system, role::user, role::assistant, role::tool})
        if (to_string(r) == text(o, "role")) m.role = r;
    m.content = text(o, "content");
    m.tool_calls = tool_calls_from(o, "request");
    m.tool_call_id = text(o, "tool_call_id");
    if (auto* images = o.if_contains("images"); images && images->is_array())
        for (const auto& i : images->get_array()) {
            if (!i.is_object()) throw bad("request", "an image is no object");
            const auto& picture = i.get_object();
            m.images.push_back(
                {text(picture, "media_type"), from_base64(text(picture, "base64")), text(picture, "url")});
        }
    if (auto* blocks = o.if_contains("reasoning_blocks"); blocks && blocks->is_array())
        m.reasoning_blocks.assign(blocks->get_array().begin(), blocks->get_array().end());
    return m;
}

constexpr const char* choice_names[]{"auto", "none", "required", "one"};

template <class T>
void take_number(const json::object& o, const char* key, std::optional<T>& into) {
    auto* v = o.if_contains(key);
    boost::system::error_code ec;
    if (!v || !v->is_number()) return;
    T n = v->to_number<T>(ec);
    if (!ec) into = n;
}

// What is not known was meant for something, and would be left out of the request.
void only(const json::object& o, const std::string& what, std::initializer_list<std::string_view> known) {
    for (const auto& member : o)
        if (std::find(known.begin(), known.end(), std::string_view{member.key()}) == known.end())
            throw bad("request",
                      (what + " has a member `" + std::string{member.key()} + "`, which is not known").c_str());
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
    if (r.tool_choice != tool_choice{}) {
        json::object choice{{"kind", choice_names[r.tool_choice.kind]}, {"name", r.tool_choice.name}};
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
    if (!r.finish_words.empty()) o["finish_words"] = r.finish_words;
    o["usage"] = to_json(r.usage);
    o["model"] = r.model;
    if (!r.request_id.empty()) o["request_id"] = r.request_id;
    if (!r.reasoning.empty()) o["reasoning"] = r.reasoning;
    if (!r.alternatives.empty()) o["alternatives"] = json::value_from(r.alternatives);
    if (!r.unread_parts.empty()) o["unread_parts"] = json::value_from(r.unread_parts);
    return o;
}

usage usage_from_json(const json::object& o) {
    usage u{.calls = number(o, "calls"),
            .prompt_tokens = number(o, "prompt_tokens"),
            .completion_tokens = number(o, "completion_tokens"),
            .cached_tokens = number(o, "cached_tokens"),
            .reasoning_tokens = number(o, "reasoning_tokens"),
            .estimated_tokens = number(o, "estimated_tokens")};
    if (auto* cost = o.if_contains("cost"); cost && cost->is_number()) u.cost = cost->to_number<double>();
    return u;
}

lm_response lm_response_from_json(const json::value& v) {
    if (!v.is_object()) throw bad("answer", "it is no object");
    const auto& o = v.get_object();
    if (!o.contains("content") || !o.contains("finish")) throw bad("answer", "it has no `content` and `finish`");
    lm_response r;
    r.text = text(o, "content");
    r.finish = finish_reason::other;  // a later version may know more reasons
    for (auto f : {finish_reason::stop, finish_reason::length, finish_reason::tool_calls, finish_reason::content_filter,
                   finish_reason::error, finish_reason::malformed_call, finish_reason::other})
        if (to_string(f) == text(o, "finish")) r.finish = f;
    r.finish_words = text(o, "finish_words");
    r.tool_calls = tool_calls_from(o, "answer");
    if (auto* u = o.if_contains("usage"); u && u->is_object()) r.usage = usage_from_json(u->get_object());
    r.model = text(o, "model");
    r.request_id = text(o, "request_id");
    r.reasoning = text(o, "reasoning");
    if (auto* blocks = o.if_contains("reasoning_blocks"); blocks && blocks->is_array())
        r.reasoning_blocks.assign(blocks->get_array().begin(), blocks->get_array().end());
    for (auto [name, list] : {std::pair{"alternatives", &r.alternatives}, {"unread_parts", &r.unread_parts}})
        if (auto* more = o.if_contains(name); more && more->is_array())
            for (const auto& a : more->get_array())
                if (a.is_string()) list->emplace_back(a.get_string());
    return r;
}

lm_request lm_request_from_json(const json::value& v) {
    if (!v.is_object()) throw bad("request", "it is no object");
    const auto& o = v.get_object();
    only(o, "it",
         {"messages", "tools", "sampling", "outputs_schema", "tool_choice", "parallel_tool_calls", "rollout_id"});
    auto* messages = o.if_contains("messages");
    if (!messages || !messages->is_array()) throw bad("request", "it has no `messages`");
    lm_request r;
    for (const auto& m : messages->get_array()) r.messages.push_back(message_from(m));
    if (auto* tools = o.if_contains("tools"); tools && tools->is_array())
        for (const auto& t : tools->get_array()) {
            if (!t.is_object()) throw bad("request", "a tool is no object");
            const auto& tool = t.get_object();
            only(tool, "a tool", {"name", "description", "parameters"});
            auto* parameters = tool.if_contains("parameters");
            r.tools.push_back(
                {text(tool, "name"), text(tool, "description"), parameters ? *parameters : json::value{}});
        }
    if (auto* sampling = o.if_contains("sampling"); sampling && sampling->is_object()) {
        const auto& s = sampling->get_object();
        only(s, "`sampling`", {"temperature", "top_p", "max_tokens", "seed", "n", "stop", "reasoning_effort"});
        take_number(s, "temperature", r.sampling.temperature);
        take_number(s, "top_p", r.sampling.top_p);
        take_number(s, "max_tokens", r.sampling.max_tokens);
        take_number(s, "seed", r.sampling.seed);
        take_number(s, "n", r.sampling.n);
        if (auto* stop = s.if_contains("stop"); stop && stop->is_array())
            for (const auto& word : stop->get_array())
                if (word.is_string()) r.sampling.stop.emplace_back(word.get_string());
        for (int i = 0; i < 5; ++i)
            if (text(s, "reasoning_effort") == effort_names[i]) r.sampling.reasoning_effort = static_cast<effort>(i);
    }
    if (auto* outputs = o.if_contains("outputs_schema"); outputs && outputs->is_object())
        r.outputs_schema = outputs->get_object();
    if (auto* choice = o.if_contains("tool_choice"); choice && choice->is_object()) {
        only(choice->get_object(), "`tool_choice`", {"kind", "name"});
        for (int i = 0; i < 4; ++i)
            if (text(choice->get_object(), "kind") == choice_names[i])
                r.tool_choice.kind = static_cast<tool_choice::kind_t>(i);
        r.tool_choice.name = text(choice->get_object(), "name");
    }
    if (auto* at_once = o.if_contains("parallel_tool_calls"); at_once && at_once->is_bool())
        r.parallel_tool_calls = at_once->get_bool();
    r.rollout_id = number(o, "rollout_id");
    return r;
}

}  // namespace reagent
