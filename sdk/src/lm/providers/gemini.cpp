// Google's Gemini.
// Source: Gemini API reference, "generateContent", "streamGenerateContent"; guides "Function calling", "Structured
// output", "Thinking" (thought signatures go back with the call they came with).
#include "../../base/base64.hpp"
#include "../../base/text.hpp"
#include "../saturating.hpp"
#include "call_arguments.hpp"
#include "reading.hpp"

#include <reagent/error.hpp>

#include <boost/url/encode.hpp>
#include <boost/url/rfc/pchars.hpp>

namespace reagent::provider {
namespace {

// By its name, or by the number that stands for it where a server writes enumerations so. From 9 on Gemini's and Vertex
// AI's numbers differ. Source: google.ai.generativelanguage.v1beta Candidate.FinishReason; google.cloud.aiplatform.v1
// Candidate.FinishReason.
finish_reason finish_of(const std::string& given) {
    const std::string name = to_upper(given);  // proxies write it otherwise
    if (name == "STOP" || name == "1" || name.empty()) return finish_reason::stop;
    if (name == "MAX_TOKENS" || name == "2") return finish_reason::length;
    for (const char* filter : {"3", "4", "6", "7", "8"})
        if (name == filter) return finish_reason::content_filter;
    if (name == "SAFETY" || name == "RECITATION" || name == "BLOCKLIST" || name == "PROHIBITED_CONTENT" ||
        name == "SPII" || name == "LANGUAGE" || name.starts_with("IMAGE_"))
        return finish_reason::content_filter;
    if (name == "MALFORMED_FUNCTION_CALL" || name == "UNEXPECTED_TOOL_CALL" || name == "TOO_MANY_TOOL_CALLS")
        return finish_reason::malformed_call;
    return finish_reason::other;
}

usage usage_of(const json::value* u) {
    auto thoughts = count_of(member(u, "thoughtsTokenCount"));
    return {.calls = 1,
            .prompt_tokens =
                saturating_sum(count_of(member(u, "promptTokenCount")), count_of(member(u, "toolUsePromptTokenCount"))),
            .completion_tokens = saturating_sum(count_of(member(u, "candidatesTokenCount")), thoughts),
            .cached_tokens = count_of(member(u, "cachedContentTokenCount")),
            .reasoning_tokens = thoughts};
}

json::object image_part(const image& i) {
    if (i.url.starts_with("data:"))
        throw lm_error{lm_errc::invalid_request, "gemini takes no data: address for an image; use image::from_bytes"};
    if (!i.url.empty()) return {{"fileData", {{"fileUri", i.url}}}};
    return {{"inlineData", {{"mimeType", i.media_type}, {"data", base64(i.bytes)}}}};
}

// A tool's result is an object: what is none becomes its `result`.
json::object result_object(const std::string& content) {
    boost::system::error_code ec;
    json::value v = json::parse(content, ec);
    if (!ec && v.is_object()) return std::move(v.get_object());
    return {{"result", content}};
}

// The parts of an answer in their order, where a signature came with one that is no call: it goes back on that very
// part. Source: Gemini API, "Thought signatures" (return all parts as they came; a part with a signature joins no
// other).
constexpr const char* part_block = "gemini_part";  // the `type` under which they travel in `message::reasoning_blocks`

bool is_thought(const json::value& part) {
    auto* thought = member(part, "thought");
    if (!thought) return false;
    if (thought->is_string()) return to_lower(thought->get_string()) == "true";
    return thought->is_bool() ? thought->get_bool() : thought->is_number() && thought->to_number<double>() != 0;
}

class kept_parts {
public:
    void add_call() { parts_.push_back({{"type", part_block}, {"call", true}}); }

    void add_text(const json::value& part, const std::string& text) {
        std::string signature = text_member(part, "thoughtSignature");
        bool thought = is_thought(part);
        if (signature.empty() && (thought || text.empty())) return;
        bool goes_on = signature.empty() && !parts_.empty() && is_plain(parts_.back());
        if (goes_on) {
            parts_.back().as_object()["text"].as_string().append(text);
            return;
        }
        json::object kept{{"type", part_block}, {"text", text}};
        if (thought) kept["thought"] = true;
        if (!signature.empty()) kept["thoughtSignature"] = signature;
        signed_ = signed_ || !signature.empty();
        parts_.emplace_back(std::move(kept));
    }

    std::vector<json::value> take() {
        if (!signed_) return {};
        return {std::make_move_iterator(parts_.begin()), std::make_move_iterator(parts_.end())};
    }

private:
    static bool is_plain(const json::value& kept) {
        const auto& o = kept.get_object();
        return o.contains("text") && !o.contains("thought") && !o.contains("thoughtSignature");
    }

    json::array parts_;
    bool signed_ = false;
};

json::object call_part(const tool_call& c) {
    json::object part{{"functionCall", {{"name", c.name}, {"args", arguments_object(c)}}}};
    if (!c.signature.empty() && c.signature[0] != '{') part["thoughtSignature"] = c.signature;
    return part;
}

// A model's message in the order in which it was written; a text that was changed since stands where the first one
// stood.
json::array ordered_parts(const message& m) {
    std::string told;
    for (const auto& b : m.reasoning_blocks)
        if (text_member(b, "type") == part_block && !member(b, "thought")) told += text_member(b, "text");
    std::optional<std::string> own;
    if (told != m.content) own = m.content;
    json::array parts;
    std::size_t call = 0;
    if (own && told.empty() && !trim(*own).empty())
        parts.push_back(json::object{{"text", *std::exchange(own, std::string{})}});
    for (const auto& b : m.reasoning_blocks) {
        if (text_member(b, "type") != part_block) continue;
        if (member(b, "call")) {
            if (call < m.tool_calls.size()) parts.emplace_back(call_part(m.tool_calls[call++]));
            continue;
        }
        json::object part = b.get_object();
        part.erase("type");
        if (own && !member(b, "thought")) part["text"] = json::string(*std::exchange(own, std::string{}));
        if (part.contains("thoughtSignature") || !trim(text_member(part, "text")).empty())
            parts.emplace_back(std::move(part));
    }
    while (call < m.tool_calls.size()) parts.emplace_back(call_part(m.tool_calls[call++]));
    return parts;
}

bool has_parts(const message& m) {
    for (const auto& b : m.reasoning_blocks)
        if (text_member(b, "type") == part_block) return true;
    return false;
}

json::array contents_of(const std::vector<message>& messages, std::string& system) {
    json::array contents;
    std::vector<std::pair<std::string, std::string>> called;  // id and name
    for (const auto& m : messages) {
        if (m.role == role::system) {
            if (!system.empty()) system += "\n\n";
            system += m.content;
            continue;
        }
        std::string_view who = m.role == role::assistant ? "model" : "user";
        json::array parts;
        if (m.role == role::tool) {
            std::string name = m.tool_call_id;
            for (const auto& [id, tool] : called)
                if (id == m.tool_call_id) name = tool;
            parts.push_back(
                json::object{{"functionResponse", {{"name", name}, {"response", result_object(m.content)}}}});
        } else {
            for (const auto& i : m.images) parts.push_back(image_part(i));
            if (has_parts(m))
                parts = ordered_parts(m);
            else {
                if (!trim(m.content).empty()) parts.push_back(json::object{{"text", m.content}});
                for (const auto& c : m.tool_calls) parts.emplace_back(call_part(c));
            }
            for (const auto& c : m.tool_calls) called.emplace_back(c.id, c.name);
        }
        if (parts.empty()) continue;
        if (!contents.empty() && text_member(contents.back(), "role") == who) {
            auto& before = contents.back().as_object()["parts"].as_array();
            before.insert(before.end(), parts.begin(), parts.end());
        } else
            contents.push_back({{"role", who}, {"parts", std::move(parts)}});
    }
    return contents;
}

// A tool call of a part. Most servers give no id that pairs it with its result, so it gets one.
tool_call call_of(const json::value& part) {
    auto* f = member(part, "functionCall");
    if (!f->is_object() || text_member(f, "name").empty())
        malformed("has a tool call without a name", json::serialize(part));
    check_stands(part);
    check_stands(*f);
    std::string args = whole_arguments_of("args", {f, &part});
    return {text_member(f, "id"), text_member(f, "name"), trim(args).empty() ? "{}" : std::move(args),
            text_member(part, "thoughtSignature")};
}

// What one part of an answer says.
struct read_part {
    std::optional<tool_call> call{};
    std::string text{}, thought{}, unread{};
    bool goes_on = false;  // the call, in a piece that did not come
};

// Whether a call is a piece of one. Source: Gemini API, FunctionCall (`partialArgs`, `willContinue`), which comes only
// where it is asked for.
bool is_piece(const json::value& call) {
    auto* more = member(call, "willContinue");
    auto* pieces = member(call, "partialArgs");
    const bool goes_on =
        more && !more->is_null() && *more != false && !(more->is_string() && more->get_string() == "false");
    return goes_on || (pieces && !pieces->is_null() && !(pieces->is_array() && pieces->get_array().empty()));
}

read_part part_of(const json::value& part, kept_parts& kept) {
    if (auto* f = member(part, "functionCall"); f && !f->is_null()) {
        if (is_thought(part)) return {.thought = json::serialize(*f)};
        std::string beside = payload_text(member(part, "text"), "text");
        if (!beside.empty()) kept.add_text(json::object{{"text", beside}}, beside);
        kept.add_call();
        return {.call = call_of(part), .text = std::move(beside), .goes_on = is_piece(*f)};
    }
    const auto* own_text = member(part, "text");
    if ((!own_text || own_text->is_null()) && part.is_object())
        for (const auto& [name, v] : part.get_object())
            if (name != "text" && name != "thought" && name != "thoughtSignature")
                return {.unread = std::string{name}, .goes_on = holds_stray_arguments(json::object{{name, v}})};
    std::string text = payload_text(member(part, "text"), "text");
    kept.add_text(part, text);
    return is_thought(part) ? read_part{.thought = std::move(text)} : read_part{.text = std::move(text)};
}

// @throws lm_error(content_filter) where the prompt was blocked, whatever stands beside it
void check_prompt(const json::value& parsed) {
    std::string reason = reason_of(member(member(parsed, "promptFeedback"), "blockReason"));
    const bool said = !reason.empty() && reason != "BLOCK_REASON_UNSPECIFIED" && reason != "0";
    if (said || (!reason.empty() && !member(parsed, "candidates")))
        throw lm_error{lm_errc::content_filter,
                       "the provider's content filter refused the request: " + reason,
                       {.provider_message = reason}};
}

const json::value* parts_of(const json::value& candidate) {
    auto* content = object_member(candidate, "content");
    if (content) check_role(*content);
    auto* parts = member(content, "parts");
    if (parts && !parts->is_array() && !parts->is_null())
        malformed("has `parts` that are no list", json::serialize(candidate));
    return parts && parts->is_array() ? parts : nullptr;
}

class reader final : public stream_reader {
    void read_json(std::string_view, const json::value& data, std::vector<lm_event>& out) override {
        if (answer_.model.empty()) answer_.model = text_member(data, "modelVersion");
        take_id(text_member(data, "responseId"), data);
        auto* candidates = member(data, "candidates");
        check_prompt(data);
        if (!candidates && member(data, "promptFeedback")) no_answer("has no `candidates`", data, "promptFeedback");
        if (candidates && !candidates->is_array() && !candidates->is_null())
            malformed("has `candidates` that are no list", json::serialize(*candidates));
        if (candidates && candidates->is_array())
            for (const auto& c : candidates->get_array()) read_candidate(c, out);
        if (auto* u = member(data, "usageMetadata"); u && u->is_object()) used(usage_of(u), out);
    }

    void take_id(std::string id, const json::value& data) {
        if (!id.empty() && !answer_.request_id.empty() && id != answer_.request_id && has_begun()) begins_again(data);
        if (!id.empty()) answer_.request_id = std::move(id);
    }

    void read_candidate(const json::value& c, std::vector<lm_event>& out) {
        auto index = index_of(member(c, "index")).value_or(0);
        std::string reason = reason_of(member(c, "finishReason"));
        auto* parts = parts_of(c);
        if (index > 0) return read_further(index, parts, reason, out);
        if (parts && reason.empty())
            for (const auto& part : parts->get_array()) take(part_of(part, kept_), out);
        if (parts && !reason.empty()) read_last(parts->get_array(), out);
        if (!reason.empty()) end(finish_of(reason));
    }

    void take(read_part said, std::vector<lm_event>& out) {
        if (said.call) whole_call(std::move(*said.call), out);
        reasoning(std::move(said.thought), out);
        text(std::move(said.text), out);
        if (!said.unread.empty()) note_unread(answer_, said.unread);
        torn_ = torn_ || said.goes_on;
    }

    // Some servers say the whole once more with the end.
    void read_last(const json::array& parts, std::vector<lm_event>& out) {
        std::string words, thought;
        std::vector<tool_call> calls;
        for (const auto& part : parts) {
            kept_parts apart;
            auto said = part_of(part, apart);
            words += said.text;
            thought += said.thought;
            if (said.call) calls.push_back(std::move(*said.call));
        }
        const auto all_calls = calls.size();
        drop_told(calls);
        auto told_calls = all_calls - calls.size(),
             told_bytes = words.size() - std::min(words.size(), rest_of_whole(words, answer_.text).size());
        const bool told_thought = !thought.empty() && thought == answer_.reasoning;
        for (const auto& part : parts) {
            kept_parts apart;
            const bool is_call = part_of(part, apart).call.has_value();
            const bool told = is_call ? told_calls > 0 : told_bytes > 0;
            auto said = part_of(part, told ? apart : kept_);
            if (is_call && told) --told_calls, said.call.reset();
            const auto told_here = std::min(told_bytes, said.text.size());
            said.text.erase(0, told_here);
            told_bytes -= told_here;
            if (told_thought) said.thought.clear();
            take(std::move(said), out);
        }
    }

    void read_further(std::uint64_t index, const json::value* parts, const std::string& reason,
                      std::vector<lm_event>& out) {
        std::string words;
        kept_parts apart;
        if (parts)
            for (const auto& part : parts->get_array()) {
                auto said = part_of(part, apart);
                words += said.text;
                torn_ = torn_ || said.goes_on;
                if (said.call) whole_call_of_choice(index, std::move(*said.call), out);
            }
        alternative(index, words, reason.empty() ? std::nullopt : std::optional{finish_of(reason)});
    }

    lm_response finish() override {
        answer_.reasoning_blocks = kept_.take();
        if (torn_) answer_.finish = worse(answer_.finish, finish_reason::malformed_call);
        return stream_reader::finish();
    }

    kept_parts kept_;
    bool torn_ = false;  // a call came in pieces
};

class generate_content final : public protocol {
public:
    std::string_view name() const override { return "gemini"; }
    bool has_last_event() const override { return false; }
    http::header_list credentials(const secret& key) const override {
        if (key.empty()) return {};
        return {{"x-goog-api-key", std::string{key.reveal()}}};
    }

    wire_call write_request(const call_settings& settings, const rules& how, const lm_request& r) const override {
        wire_call call;
        call.target = "/models/" + boost::urls::encode(settings.model, boost::urls::pchars) +
                      (settings.stream ? ":streamGenerateContent?alt=sse" : ":generateContent");
        std::string system;
        json::object body{{"contents", contents_of(r.messages, system)}};
        if (!system.empty()) body["systemInstruction"] = {{"parts", list_of({{"text", system}})}};
        option_filter only{settings, name(), call.dropped};
        if (!r.tools.empty()) {
            json::array declarations;
            for (const auto& t : r.tools)
                declarations.push_back(
                    {{"name", t.name}, {"description", t.description}, {"parametersJsonSchema", t.parameters}});
            body["tools"] = list_of({{"functionDeclarations", std::move(declarations)}});
            json::object choice;
            switch (r.tool_choice.kind) {
                case tool_choice::automatic: break;
                case tool_choice::none: choice = {{"mode", "NONE"}}; break;
                case tool_choice::required: choice = {{"mode", "ANY"}}; break;
                case tool_choice::one:
                    choice = {{"mode", "ANY"}, {"allowedFunctionNames", json::array{r.tool_choice.name}}};
            }
            if (!choice.empty()) body["toolConfig"] = {{"functionCallingConfig", std::move(choice)}};
            only.lacks(r.parallel_tool_calls.has_value(), "parallel_tool_calls");
        }
        const sampling s = r.sampling.or_else(settings.defaults);
        json::object config;
        if (s.temperature) config["temperature"] = *s.temperature;
        if (s.top_p) config["topP"] = *s.top_p;
        if (s.max_tokens) config["maxOutputTokens"] = *s.max_tokens;
        if (!s.stop.empty()) config["stopSequences"] = json::value_from(s.stop);
        if (s.seed) config["seed"] = *s.seed;
        if (s.n && *s.n != 1) config["candidateCount"] = *s.n;
        if (s.reasoning_effort) {
            if (how.thinking_budget)  // a number of tokens; later ones know levels
                config["thinkingConfig"] = {{"thinkingBudget", budget_of(*s.reasoning_effort)}};
            else
                config["thinkingConfig"] = {{"thinkingLevel", *s.reasoning_effort == effort::none
                                                                  ? "minimal"
                                                                  : to_string(*s.reasoning_effort)}};
        }
        if (r.outputs_schema && settings.structured_output) {
            config["responseMimeType"] = "application/json";
            if (auto schema = fitted(*r.outputs_schema, how)) config["responseJsonSchema"] = std::move(schema->schema);
        }
        if (!config.empty()) body["generationConfig"] = std::move(config);
        call.body = json::serialize(body);
        return call;
    }

    lm_response read_answer(const json::value& parsed, std::string_view body, const rules& how) const override {
        auto* list = member(parsed, "candidates");
        check_prompt(parsed);
        if (!list || !list->is_array() || list->get_array().empty()) no_answer("has no `candidates`", parsed, body);
        const auto& candidates = list->get_array();
        lm_response r = read_candidate(first_of(candidates), how);
        std::vector<lm_response> others;
        for (const auto* other : others_of(candidates)) others.push_back(read_candidate(*other, how));
        take_others(r, std::move(others), how);
        r.usage = usage_of(member(parsed, "usageMetadata"));
        r.model = text_member(parsed, "modelVersion");
        r.request_id = text_member(parsed, "responseId");
        return r;
    }

    std::unique_ptr<stream_reader> stream() const override { return std::make_unique<reader>(); }

private:
    static lm_response read_candidate(const json::value& candidate, const rules& how) {
        lm_response r;
        kept_parts kept;
        bool torn = false;
        if (auto* parts = parts_of(candidate))
            for (const auto& part : parts->get_array()) {
                auto said = part_of(part, kept);
                if (said.call) r.tool_calls.push_back(std::move(*said.call));
                r.reasoning += said.thought;
                r.text += said.text;
                if (!said.unread.empty()) note_unread(r, said.unread);
                torn = torn || said.goes_on;
            }
        r.reasoning_blocks = kept.take();
        r.finish = is_open(candidate, "finishReason", how) ? finish_reason::other
                                                           : finish_of(reason_of(member(candidate, "finishReason")));
        if (torn) r.finish = worse(r.finish, finish_reason::malformed_call);
        return r;
    }

    static int budget_of(effort e) {
        switch (e) {
            case effort::none: return 0;
            case effort::minimal: return 512;
            case effort::low: return 1024;
            case effort::medium: return 8192;
            case effort::high: break;
        }
        return 24576;
    }
};

}  // namespace

const protocol& gemini() {
    static const generate_content one;
    return one;
}

}  // namespace reagent::provider
