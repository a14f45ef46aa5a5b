// OpenAI's chat completions, which most other providers and servers speak too.
// Source: OpenAI API reference, "Create chat completion" and "Chat completion chunk".
#include "../../base/text.hpp"
#include "call_arguments.hpp"
#include "reading.hpp"

#include <reagent/error.hpp>
#include <reagent/schema/repair.hpp>

#include <algorithm>
#include <map>

namespace reagent::provider {
namespace {

// Not only OpenAI's own words: servers that stand for others pass on what those say.
finish_reason finish_of(const std::string& name) {
    static const std::map<std::string, finish_reason, std::less<>> known{
        {"", finish_reason::stop},
        {"stop", finish_reason::stop},
        {"eos", finish_reason::stop},
        {"eos_token", finish_reason::stop},
        {"stop_sequence", finish_reason::stop},
        {"end_turn", finish_reason::stop},
        {"length", finish_reason::length},
        {"max_tokens", finish_reason::length},
        {"model_length", finish_reason::length},
        {"tool_calls", finish_reason::tool_calls},
        {"tool_use", finish_reason::tool_calls},
        {"function_call", finish_reason::tool_calls},
        {"content_filter", finish_reason::content_filter},
        {"safety", finish_reason::content_filter},
        {"recitation", finish_reason::content_filter},
        {"refusal", finish_reason::content_filter},
        {"sensitive", finish_reason::content_filter},
        {"error_limit", finish_reason::length},
        {"model_context_window_exceeded", finish_reason::length},
        {"max_output_tokens", finish_reason::length},
        {"guardrail_intervened", finish_reason::content_filter},
        {"content_filtered", finish_reason::content_filter},
        {"spii", finish_reason::content_filter},
        {"prohibited_content", finish_reason::content_filter},
        {"blocklist", finish_reason::content_filter},
        {"error_toxic", finish_reason::content_filter},
        {"malformed_function_call", finish_reason::malformed_call},
        {"unexpected_tool_call", finish_reason::malformed_call}};
    if (name == "stop") return finish_reason::stop;
    auto found = known.find(to_lower(name));
    return found == known.end() ? finish_reason::other : found->second;
}

// A provider that failed in the middle says so in the choice: what came before is no answer.
// Source: OpenRouter, "Errors" (mid-stream errors); DeepSeek API reference, finish_reason.
std::string checked_finish(const json::value& choice) {
    check_error(choice);
    std::string name = reason_of(member(choice, "finish_reason"));
    if (name == "error" || name == "insufficient_system_resource")
        throw lm_error{lm_errc::server_error,
                       "the provider failed while the answer was written: its finish_reason is " + name,
                       {.provider_message = name}};
    return name;
}

// What else says that the model did not end the answer. Source: OpenRouter, "Finish reason" (`native_finish_reason`);
// Azure OpenAI, "Content filtering" (`content_filter_results`); OpenAI, `incomplete_details`, which some servers write
// here too.
finish_reason end_beside(const json::value& choice, const json::value& whole) {
    finish_reason end = finish_reason::stop;
    const auto native = finish_of(reason_of(member(choice, "native_finish_reason")));
    if (native != finish_reason::other && native != finish_reason::tool_calls) end = native;
    if (auto* filters = member(choice, "content_filter_results"); filters && filters->is_object())
        for (const auto& [name, filter] : filters->get_object())
            if (auto* filtered = member(filter, "filtered"); filtered && *filtered == true)
                end = finish_reason::content_filter;
    if (const auto cause = reason_of(member(member(whole, "incomplete_details"), "reason")); !cause.empty()) {
        const auto why = finish_of(cause);
        end = worse(end, why == finish_reason::stop || why == finish_reason::tool_calls ? finish_reason::other : why);
    }
    return end;
}

// What the model refused, in a member of its own or among the parts of the content.
std::string refusal_of(const json::value* m) {
    std::string words = payload_text(member(m, "refusal"), "refusal");
    if (auto* parts = member(m, "content"); parts && parts->is_array())
        for (const auto& part : parts->get_array()) words += payload_text(member(part, "refusal"), "refusal");
    return words;
}

usage usage_of(const json::value* u) {
    return {.calls = 1,
            .prompt_tokens = count_of(member(u, "prompt_tokens")),
            .completion_tokens = count_of(member(u, "completion_tokens")),
            .cached_tokens = count_of(member(member(u, "prompt_tokens_details"), "cached_tokens")),
            .reasoning_tokens = count_of(member(member(u, "completion_tokens_details"), "reasoning_tokens"))};
}

// What a message says. Some servers show a model's reasoning under one of two names, others among the parts of the
// content.
content_words words_of(const json::value* m) {
    auto words = content_of(member(m, "content"));
    for (const char* name : {"reasoning", "reasoning_content"})
        if (auto shown = text_of(member(m, name)); !shown.empty()) words.reasoning = std::move(shown);
    return words;
}

// Members of a message that a server wants back beside the calls they led to, or that the next turn is the better for.
// Source: DeepSeek, "Thinking mode"; OpenRouter, "Reasoning tokens", preserving; Gemini, "OpenAI compatibility"; vLLM,
// "Reasoning outputs"; LiteLLM, "Thinking blocks".
constexpr const char* kept_members[]{"reasoning_content", "reasoning", "reasoning_details", "thinking_blocks",
                                     "extra_content"};
constexpr const char* members_block =
    "message_members";  // the `type` under which they travel in `message::reasoning_blocks`

// The same detail of a stream arrives in pieces.
void join_details(json::array& all, const json::array& news) {
    for (const auto& n : news) {
        auto* last = all.empty() ? nullptr : all.back().if_object();
        auto* piece = n.if_object();
        auto same = [&](const char* name) {
            const json::value *a = last->if_contains(name), *b = piece->if_contains(name);
            return a && b ? *a == *b : !a && !b;
        };
        if (!last || !piece || !same("type") || !same("index")) {
            all.push_back(n);
            continue;
        }
        for (const auto& [name, v] : *piece) {
            auto* before = last->if_contains(name);
            bool text = name == "text" || name == "summary" || name == "data" || name == "thinking";
            if (text && before && before->is_string() && v.is_string())
                before->get_string().append(v.get_string());
            else if (!v.is_null() || !before)
                (*last)[name] = v;
        }
    }
}

void keep_members(json::object& kept, const json::value* m) {
    for (const char* name : kept_members) {
        auto* v = member(m, name);
        if (!v || v->is_null()) continue;
        auto& to = kept[name];
        if (to.is_string() && v->is_string())
            to.get_string().append(v->get_string());
        else if (to.is_array() && v->is_array())
            join_details(to.get_array(), v->get_array());
        else if (v->is_array()) {
            to = json::array{};
            join_details(to.get_array(), v->get_array());
        } else
            to = *v;
    }
}

void keep_block(lm_response& r, json::object kept) {
    if (kept.empty() || r.tool_calls.empty()) return;  // beside text alone it does not go back
    kept["type"] = members_block;
    r.reasoning_blocks.emplace_back(std::move(kept));
}

// A call's `extra_content` goes back with it. Source: Gemini, "OpenAI compatibility", thought signatures.
std::string signature_of(const json::value& call) {
    auto* extra = member(call, "extra_content");
    return extra && extra->is_object() && !extra->get_object().empty() ? json::serialize(*extra) : std::string{};
}

call_piece piece_of(const json::value& c) {
    const json::value* f = object_member(c, "function");
    check_stands(c);
    if (f) check_stands(*f);
    if (!f) f = &c;  // some write name and arguments beside the id
    auto arguments = f == &c ? arguments_of("arguments", {&c}) : arguments_of("arguments", {f, &c});
    return {.index = index_of(member(c, "index")),
            .id = text_member(c, "id"),
            .name = text_member(f, "name"),
            .arguments = std::move(arguments.text),
            .signature = signature_of(c),
            .whole = arguments.whole,
            .elsewhere = arguments.elsewhere};
}

constexpr std::uint64_t calls_before_there_were_several = 400'000;  // their index

// The calls of a message or a piece of one; also the single one that came before there were several.
std::vector<call_piece> calls_of(const json::value* m) {
    std::vector<call_piece> calls;
    if (auto* list = member(m, "tool_calls"); list && list->is_array())
        for (const auto& c : list->get_array()) calls.push_back(piece_of(c));
    else if (list && !list->is_null())
        malformed("has `tool_calls` that are no list", json::serialize(*list));
    if (auto* f = object_member(m, "function_call")) {
        auto arguments = arguments_of("arguments", {f});
        calls.push_back({.index = calls_before_there_were_several,
                         .name = text_member(f, "name"),
                         .arguments = std::move(arguments.text),
                         .single = true,
                         .elsewhere = arguments.elsewhere});
    }
    return calls;
}

// Whether a message, or the choice that it stands in, holds arguments where no call has them.
bool holds_stray_arguments(const json::value& choice, const json::value& m) {
    return provider::holds_stray_arguments(choice, {"message", "delta", "logprobs"}) ||
           provider::holds_stray_arguments(
               m, {"content", "tool_calls", "function_call", "reasoning", "reasoning_content", "reasoning_details",
                   "thinking_blocks", "extra_content", "provider_specific_fields", "executed_tools"});
}

// Bodies are written straight into one string: a request holds mostly prompt text, which a tree of values would copy.
void write_content(std::string& out, const message& m, const rules& how) {
    bool blank = trim(m.content).empty();
    if (!m.images.empty()) {
        out += ",\"content\":[";
        for (const auto& i : m.images) {
            if (out.back() != '[') out += ',';
            out += "{\"type\":\"image_url\",\"image_url\":{\"url\":";
            quoted(out, image_address(i));
            out += "}}";
        }
        if (!blank) {
            out += ",{\"type\":\"text\",\"text\":";
            quoted(out, m.content);
            out += '}';
        }
        out += ']';
    } else if (blank && !m.tool_calls.empty()) {
        if (how.empty_content == dialect::empty::null) out += ",\"content\":null";
        if (how.empty_content == dialect::empty::text) out += ",\"content\":\"\"";
    } else {
        out += ",\"content\":";
        if (m.role == role::system)
            quoted_as_before(out, m.content);
        else
            quoted(out, m.content);
    }
}

void write_call(std::string& out, const tool_call& c) {
    if (out.back() != '[') out += ',';
    out += "{\"type\":\"function\",\"id\":";
    quoted(out, c.id);
    out += ",\"function\":{\"name\":";
    quoted(out, c.name);
    out += ",\"arguments\":";
    quoted(out, c.arguments);
    out += '}';
    if (c.signature.starts_with('{')) (out += ",\"extra_content\":") += c.signature;
    out += '}';
}

// What the server said beside the calls.
void write_kept(std::string& out, const message& m) {
    for (const auto& block : m.reasoning_blocks) {
        if (text_member(block, "type") != members_block) continue;
        for (const char* name : kept_members)
            if (auto* v = member(block, name)) (((out += ",\"") += name) += "\":") += json::serialize(*v);
    }
}

void write_message(std::string& out, const message& m, const rules& how) {
    out += "{\"role\":\"";
    out += reagent::to_string(m.role);
    out += '"';
    write_content(out, m, how);
    if (!m.tool_calls.empty()) {
        if (how.reasoning_back) write_kept(out, m);
        out += ",\"tool_calls\":[";
        for (const auto& c : m.tool_calls) write_call(out, c);
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
        over_ = ended_;
        take_id(text_member(data, "id"), data);
        auto* choices = member(data, "choices");
        if (choices && choices->is_array())
            for (const auto& choice : choices->get_array()) {
                beside_ = worse(beside_, end_beside(choice, data));
                read_choice(choice, out);
            }
        else if (choices && !choices->is_null())
            malformed("has `choices` that are no list", json::serialize(*choices));
        else if (!choices)
            check_words(data);
        if (auto* u = member(data, "usage"); u && u->is_object()) used(usage_of(u), out);
    }

    // Some servers give every piece an id of its own. Where pieces share one, another id with a role is the beginning
    // of another answer.
    void take_id(std::string id, const json::value& data) {
        if (id.empty()) return;
        if (answer_.request_id.empty()) answer_.request_id = id;
        if (!has_begun()) begun_id_ = id;
        shared_ids_ = shared_ids_ || id == last_id_;
        // Reasoning under one id, and then the text that it led to under another, are one answer.
        const bool only_thought = answer_.text.empty() && answer_.tool_calls.empty() && !has_reasoning(data);
        if (id != begun_id_ && only_thought && has_words(data)) begun_id_ = id;
        if (id != begun_id_ && has_begun() && has_role(data) && again_.empty()) again_ = json::serialize(data);
        if (id != begun_id_ && over_ && has_begun() && has_role(data) && has_words(data)) begins_again(data);
        last_id_ = std::move(id);
        check_begun_again();
    }

    static bool has_role(const json::value& data) {
        return any_choice(data, [](const json::value& c) { return !text_member(member(c, "delta"), "role").empty(); });
    }

    static bool has_reasoning(const json::value& data) {
        return any_choice(data, [](const json::value& c) { return !words_of(member(c, "delta")).reasoning.empty(); });
    }

    static bool any_choice(const json::value& data, bool (*holds)(const json::value&)) {
        auto* choices = member(data, "choices");
        return choices && choices->is_array() &&
               std::any_of(choices->get_array().begin(), choices->get_array().end(), holds);
    }

    static bool has_words(const json::value& data) {
        return any_choice(data, [](const json::value& c) {
            auto* delta = member(c, "delta");
            return !text_of(member(delta, "content")).empty() || member(delta, "tool_calls");
        });
    }

    void check_begun_again() const {
        if (shared_ids_ && !again_.empty()) begins_again(json::parse(again_));
    }

    // An error that does not call itself one.
    static void check_words(const json::value& data) {
        bool known = false;
        for (const char* name : {"usage", "id", "object", "model", "type"}) known = known || member(data, name);
        if (!known && !data.get_object().empty())
            no_answer("has a piece of a stream that is none", data, json::serialize(data));
    }

    void read_choice(const json::value& choice, std::vector<lm_event>& out) {
        if (!choice.is_object()) malformed("has a choice that is no object", json::serialize(choice));
        auto index = index_of(member(choice, "index")).value_or(0);
        const json::value *delta = object_member(choice, "delta"), *whole = object_member(choice, "message");
        auto reason = checked_finish(choice);
        if (index > 0) return read_further(index, delta, whole, reason, out);
        for (const auto* m : {delta, whole})
            if (m) check_role(*m);
        if (delta) read_delta(delta, out);
        if (!reason.empty()) end(finish_of(reason));
        if (whole) read_whole(whole, out);
        for (const auto* m : {delta, whole})
            if (m && holds_stray_arguments(choice, *m)) note_stray_arguments();
    }

    void read_delta(const json::value* delta, std::vector<lm_event>& out) {
        auto words = words_of(delta);
        in_deltas_ = in_deltas_ || !words.text.empty();
        content(words, out);
        refused(refusal_of(delta));
        keep_members(kept_, delta);
        for (const auto& c : calls_of(delta)) call(c, out);
    }

    // A further completion, with `n`, or a part of this one.
    void read_further(std::uint64_t index, const json::value* delta, const json::value* whole,
                      const std::string& reason, std::vector<lm_event>& out) {
        auto why = reason.empty() ? std::nullopt : std::optional{finish_of(reason)};
        alternative(index, words_of(delta).text, why);
        const std::string& so_far = answer_.alternatives[index - 1];
        if (whole) alternative(index, rest_of(words_of(whole).text, so_far, why.has_value()), {});
        for (const auto* calls : {delta, whole})
            for (auto& c : calls_of(calls)) call_of_choice(index, std::move(c), out);
    }

    // The message as a whole, behind its pieces or in place of them: it says what they said, and what they left out.
    void read_whole(const json::value* m, std::vector<lm_event>& out) {
        auto words = words_of(m);
        const bool another = !trim(words.text).empty() && trim(words.text) != trim(answer_.text);
        if (over_ && !in_deltas_ && another && has_begun()) begins_again(json::string(words.text));
        // Where no other pieces came, the messages may be the pieces, until one of them ends.
        if (in_deltas_ || over_ || words.text.starts_with(answer_.text))
            words.text = rest_of(words.text, answer_.text, ended_);
        if (!answer_.reasoning.empty()) words.reasoning.clear();
        content(words, out);
        if (!refused_whole_) refused(refusal_of(m));
        refused_whole_ = true;
        json::object kept;
        keep_members(kept, m);
        for (auto& [name, v] : kept)
            if (!kept_.contains(name)) kept_[name] = v;
        read_whole_calls(calls_of(m), out);
    }

    // @return what a whole text says behind the pieces that came. @param last whether nothing more can come
    static std::string rest_of(const std::string& whole, const std::string& pieces, bool last) {
        const std::string all = clean_text(whole), so_far = clean_text(pieces);
        if (all.starts_with(so_far)) return all.substr(so_far.size());
        if (trim(all).empty() || trim(all) == trim(so_far) || (!last && so_far.starts_with(all))) return {};
        malformed("has a message that differs from the pieces of it that came before", all);
    }

    void read_whole_calls(std::vector<call_piece> calls, std::vector<lm_event>& out) {
        constexpr std::uint64_t behind_all_others = 500'000;
        const auto pieces = answer_.tool_calls.size();
        for (std::size_t i = 0; i < calls.size(); ++i) {
            auto& c = calls[i];
            if (i >= pieces) {
                if (over_ && pieces > 0) begins_again(json::string(c.name + " " + c.arguments));
                c.index = behind_all_others + i;
                call(c, out);
            } else if (const auto& known = answer_.tool_calls[i];
                       ended_ && (c.name != known.name || !same_json(c.arguments, known.arguments)))
                malformed("has a message whose calls differ from the pieces of them that came before",
                          c.name + " " + c.arguments);
        }
    }

    static bool same_json(const std::string& a, const std::string& b) {
        if (a == b) return true;
        auto one = parse_json(a), other = parse_json(b);
        return one && other && *one == *other;
    }

    lm_response finish() override {
        if (ended_ && beside_ != finish_reason::stop) answer_.finish = worse(answer_.finish, beside_);
        keep_block(answer_, std::move(kept_));
        return stream_reader::finish();
    }

    json::object kept_;
    std::string begun_id_{}, last_id_{};  // of the first piece, and of the last event
    std::string again_{};                 // an event that may begin another answer
    finish_reason beside_ = finish_reason::stop;
    bool shared_ids_ = false;  // by pieces
    bool over_ = false;        // an event before this one ended the answer
    bool refused_whole_ = false;
    bool in_deltas_ = false;  // the text comes so
};

class chat final : public protocol {
public:
    std::string_view name() const override { return "openai"; }

    wire_call write_request(const call_settings& settings, const rules& how, const lm_request& r) const override {
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
            write_message(out, m, how);
        }
        out += ']';
        auto add = [&](std::string_view key, const json::value& v) {
            ((out += ",\"") += key) += "\":" + json::serialize(v);
        };
        if (!r.tools.empty()) {
            const bool only_it = r.tool_choice.kind == tool_choice::one && !how.named_tool;
            json::array tools;
            for (const auto& t : r.tools)
                if (!only_it || t.name == r.tool_choice.name) tools.push_back(openai_tool(t));
            add("tools", tools);
            if (only_it) add("tool_choice", "required");
            switch (r.tool_choice.kind) {
                case tool_choice::automatic: break;
                case tool_choice::none: add("tool_choice", "none"); break;
                case tool_choice::required: add("tool_choice", "required"); break;
                case tool_choice::one:
                    if (!only_it)
                        add("tool_choice",
                            json::object{{"type", "function"}, {"function", {{"name", r.tool_choice.name}}}});
            }
            if (r.parallel_tool_calls) add("parallel_tool_calls", *r.parallel_tool_calls);
        }
        if (r.outputs_schema && settings.structured_output && how.response_format != dialect::format::none) {
            auto schema =
                how.response_format == dialect::format::json_schema ? fitted(*r.outputs_schema, how) : std::nullopt;
            if (schema) {
                json::object format{
                    {"name", "outputs"}, {"strict", schema->strict}, {"schema", std::move(schema->schema)}};
                add("response_format", json::object{{"type", "json_schema"}, {"json_schema", std::move(format)}});
            } else
                add("response_format", json::object{{"type", "json_object"}});
        }
        const sampling s = r.sampling.or_else(settings.defaults);
        if (s.temperature) add("temperature", *s.temperature);
        if (s.top_p) add("top_p", *s.top_p);
        if (s.max_tokens) add(how.max_tokens, *s.max_tokens);
        if (s.seed) add(how.seed, *s.seed);
        if (s.n && *s.n != 1) add("n", *s.n);
        if (s.reasoning_effort) add("reasoning_effort", json::string(to_string(*s.reasoning_effort)));
        if (!s.stop.empty()) add("stop", json::value_from(s.stop));
        if (settings.stream)
            out += how.usage_in_stream ? ",\"stream\":true,\"stream_options\":{\"include_usage\":true}"
                                       : ",\"stream\":true";
        out += '}';
        return call;
    }

    lm_response read_answer(const json::value& parsed, std::string_view body, const rules& how) const override {
        const auto& choices = list_member(parsed, "choices", body);
        lm_response r = read_choice(first_of(choices), body, how);
        if (const auto beside = end_beside(first_of(choices), parsed); beside != finish_reason::stop)
            r.finish = worse(r.finish, beside);
        check_refusal(refusal_of(member(first_of(choices), "message")));
        std::vector<lm_response> others;
        for (const auto* other : others_of(choices)) others.push_back(read_further(*other, body, how));
        take_others(r, std::move(others), how);
        r.usage = usage_of(member(parsed, "usage"));
        r.model = text_member(parsed, "model");
        r.request_id = text_member(parsed, "id");
        return r;
    }

    std::unique_ptr<stream_reader> stream() const override { return std::make_unique<reader>(); }

private:
    // What is wrong with a further completion is no fault of the first.
    static lm_response read_further(const json::value& choice, std::string_view body, const rules& how) {
        lm_response r;
        r.finish = finish_reason::error;
        try {
            r = read_choice(choice, body, how);
        } catch (const lm_error&) {
            return r;
        }
        if (!trim(refusal_of(member(choice, "message"))).empty()) r.finish = finish_reason::content_filter;
        return r;
    }

    static lm_response read_choice(const json::value& choice, std::string_view body, const rules& how) {
        std::string reason = checked_finish(choice);
        const json::value* m = member(choice, "message");
        if (!m || !m->is_object()) malformed("has no `choices[0].message`", body);
        check_role(*m);
        lm_response r;
        take_content(r, words_of(m));
        std::vector<bool> single;
        for (auto& c : calls_of(m)) {
            if (c.name.empty()) malformed("has a tool call without a name", body);
            if (c.elsewhere || (are_no_arguments(c.arguments) && holds_stray_arguments(choice, *m)))
                malformed("has a tool call without arguments, and a member that may hold them", body);
            r.tool_calls.push_back(
                {std::move(c.id), std::move(c.name), std::move(c.arguments), std::move(c.signature)});
            single.push_back(c.single);
        }
        const bool clear = drop_copies(r.tool_calls, single);
        if (!r.tool_calls.empty()) {
            json::object kept;
            keep_members(kept, m);
            keep_block(r, std::move(kept));
        }
        r.finish = is_open(choice, "finish_reason", how) ? finish_reason::other : finish_of(reason);
        if (!clear) r.finish = worse(r.finish, finish_reason::malformed_call);
        return r;
    }
};

}  // namespace

const protocol& openai_chat() {
    static const chat one;
    return one;
}

}  // namespace reagent::provider
