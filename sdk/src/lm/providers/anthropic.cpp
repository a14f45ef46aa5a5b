// Anthropic's messages.
// Source: Anthropic API reference, "Messages", "Streaming messages", "Extended thinking", "Tool use", "Structured
// outputs", "Prompt caching".
#include "../../base/base64.hpp"
#include "../../base/text.hpp"
#include "../saturating.hpp"
#include "call_arguments.hpp"
#include "reading.hpp"

#include <reagent/error.hpp>

#include <algorithm>

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
    auto read = count_of(member(from, "cache_read_input_tokens")),
         written = count_of(member(from, "cache_creation_input_tokens"));
    auto fresh = count_of(member(from, "input_tokens"));
    u = largest_of(u, {.calls = 1,
                       .prompt_tokens = saturating_sum(fresh, saturating_sum(read, written)),
                       .completion_tokens = count_of(member(from, "output_tokens")),
                       .cached_tokens = read,
                       .reasoning_tokens = count_of(member(member(from, "output_tokens_details"), "thinking_tokens"))});
}

json::object image_block(const image& i) {
    if (!i.url.empty() && i.url.starts_with("data:"))
        throw lm_error{lm_errc::invalid_request,
                       "anthropic takes no data: address for an image; use image::from_bytes"};
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

json::object text_block(const std::string& text) { return {{"type", "text"}, {"text", text}}; }

json::object call_block(const tool_call& c) {
    return {{"type", "tool_use"}, {"id", c.id}, {"name", c.name}, {"input", arguments_object(c)}};
}

bool is_reasoning(const std::string& type) { return type == "thinking" || type == "redacted_thinking"; }

// An assistant's message in the order in which the model wrote it: a thinking block that stands elsewhere is refused.
json::array ordered_blocks(const message& m, const rules& how) {
    std::string told;
    for (const auto& b : m.reasoning_blocks)
        if (text_member(b, "type") == "text") told += text_member(b, "text");
    bool own_text = told != m.content;  // changed since: it stands where the first text stood
    std::vector<bool> written(m.tool_calls.size());
    json::array blocks;
    for (const auto& b : m.reasoning_blocks) {
        std::string type = text_member(b, "type");
        if (is_reasoning(type)) blocks.push_back(b);
        if (type == "text") {
            std::string text =
                own_text ? std::exchange(told, {}).empty() ? std::string{} : m.content : text_member(b, "text");
            if (!trim(text).empty()) blocks.push_back(text_block(text));
        }
        if (type == "tool_use")
            for (std::size_t i = 0; i < m.tool_calls.size(); ++i)
                if (!written[i] && m.tool_calls[i].id == fitted_id(text_member(b, "id"), how.ids)) {
                    written[i] = true;
                    blocks.push_back(call_block(m.tool_calls[i]));
                    break;
                }
    }
    for (std::size_t i = 0; i < m.tool_calls.size(); ++i)
        if (!written[i]) blocks.push_back(call_block(m.tool_calls[i]));
    return blocks;
}

json::array blocks_of(const message& m, const rules& how) {
    json::array blocks;
    for (const auto& b : m.reasoning_blocks)
        if (auto type = text_member(b, "type"); type == "text" || type == "tool_use") return ordered_blocks(m, how);
    for (const auto& b : m.reasoning_blocks)
        if (is_reasoning(text_member(b, "type"))) blocks.push_back(b);
    if (m.role == role::tool) {
        blocks.push_back({{"type", "tool_result"}, {"tool_use_id", m.tool_call_id}, {"content", m.content}});
        return blocks;
    }
    for (const auto& i : m.images) blocks.push_back(image_block(i));
    if (!trim(m.content).empty())
        blocks.push_back(text_block(m.content));  // an empty one is refused, and one of blanks
    for (const auto& c : m.tool_calls) blocks.push_back(call_block(c));
    return blocks;
}

// An assistant's message that the model is to go on with may not end with blanks.
void trim_last(json::array& turns) {
    if (turns.empty() || text_member(turns.back(), "role") != "assistant") return;
    auto& last = turns.back().as_object()["content"].as_array().back().as_object();
    if (text_member(last, "type") != "text") return;
    std::string text = text_member(last, "text");
    while (!text.empty() && is_space(text.back())) text.pop_back();
    last["text"] = text;
}

// Users and assistants take turns; the results of a turn's tool calls come first in the user's next turn, all together.
json::array turns_of(const std::vector<message>& messages, std::string& system, const rules& how) {
    json::array turns;
    for (const auto& m : messages) {
        if (m.role == role::system) {
            if (!system.empty()) system += "\n\n";
            system += m.content;
            continue;
        }
        std::string_view who = m.role == role::assistant ? "assistant" : "user";
        json::array blocks = blocks_of(m, how);
        if (blocks.empty()) continue;
        if (!turns.empty() && text_member(turns.back(), "role") == who) {
            auto& before = turns.back().as_object()["content"].as_array();
            before.insert(before.end(), blocks.begin(), blocks.end());
        } else
            turns.push_back({{"role", who}, {"content", std::move(blocks)}});
    }
    trim_last(turns);
    return turns;
}

bool is_of_servers_tools(const std::string& type) {
    return type == "server_tool_use" || type.ends_with("_tool_result") || type.starts_with("mcp_") ||
           type == "container_upload";
}

// Where thinking, text and calls stand in the usual order, the blocks that are kept are the thinking alone; else they
// say the order.
void read_blocks(const json::array& content, std::string_view body, lm_response& r) {
    int last = 0;
    bool usual = true;
    json::array order;
    for (const auto& block : content) {
        std::string type = text_member(block, "type");
        if (!block.is_object() || type.empty()) malformed("has a block of its content without a type", body);
        if (type != "text" && type != "tool_use" && !is_reasoning(type)) {
            if (names_thinking(type))
                r.reasoning += thinking_of(block);
            else if (!is_of_servers_tools(type))
                note_unread(r, type);
            continue;
        }
        int rank = type == "text" ? 1 : type == "tool_use" ? 2 : 0;
        usual = usual && rank >= last;
        last = rank;
        if (type == "text") {
            r.text += payload_text(member(block, "text"), "text");
            order.push_back(block);
        } else if (type == "tool_use") {
            std::string name = text_member(block, "name"), id = text_member(block, "id");
            if (name.empty()) malformed("has a tool call without a name", body);
            check_stands(block);
            std::string input = whole_arguments_of("input", {&block});
            order.push_back(json::object{{"type", type}, {"id", id}});
            r.tool_calls.push_back({std::move(id), std::move(name), trim(input).empty() ? "{}" : std::move(input)});
        } else {
            r.reasoning += payload_text(member(block, "thinking"), "thinking");
            order.push_back(json::value(block, json::storage_ptr{}));
        }
    }
    for (auto& o : order)
        if (!usual || is_reasoning(text_member(o, "type"))) r.reasoning_blocks.push_back(std::move(o));
}

class reader final : public stream_reader {
    struct block {
        std::uint64_t index;
        json::object value;
        std::string kind, arguments{};
        bool stopped = false;
    };

    void read_json(std::string_view type, const json::value& data, std::vector<lm_event>& out) override {
        need_type(type, data);
        if (type == "message_start") {
            auto* m = member(data, "message");
            if (std::exchange(started_, true) && !blocks_.empty()) begins_again(data);
            if (auto* content = member(m, "content"); content && says_something(*content))
                malformed("has a piece of the answer in its `message_start`", json::serialize(data));
            if (m && m->is_object()) check_role(*m);
            answer_.model = text_member(m, "model");
            answer_.request_id = text_member(m, "id");
            add_usage(answer_.usage, member(m, "usage"));
            used(answer_.usage, out);
        } else if (type == "content_block_start")
            start(data, out);
        else if (type == "content_block_delta")
            grow(data, out);
        else if (type == "content_block_stop") {
            stop(block_of(data), data);
        } else if (type == "message_delta") {
            auto* reason = member(member(data, "delta"), "stop_reason");
            if (reason && !reason->is_null()) {
                const auto name = reason_of(reason);
                auto why = name.empty() ? finish_reason::other : finish_of(name);
                answer_.finish = reasoned_ ? worse(answer_.finish, why) : why;
                reasoned_ = true;
            }
            add_usage(answer_.usage, member(data, "usage"));
            used(answer_.usage, out);
        } else if (type == "message_stop")
            ended_ = done_ = true;
        else
            look_for_stray_arguments(data);
    }

    // Blocks without words or arguments say nothing.
    static bool says_something(const json::value& content) {
        if (content.is_string()) return !trim(content.get_string()).empty();
        if (!content.is_array()) return false;
        return std::any_of(content.get_array().begin(), content.get_array().end(), [](const json::value& block) {
            return text_member(block, "type") == "tool_use" || !trim(text_member(block, "text")).empty() ||
                   !thinking_of(block).empty();
        });
    }

    // Blocks may be written side by side: the index says which one is meant; without one it is the last.
    block& block_of(const json::value& data) {
        auto index = index_of(member(data, "index"));
        if (!index && std::count_if(blocks_.begin(), blocks_.end(), [](const block& b) { return !b.stopped; }) > 1)
            malformed("has a piece that does not say to which of several blocks it belongs", json::serialize(data));
        for (std::size_t i = blocks_.size(); i-- > 0;)
            if (!index || blocks_[i].index == *index) return blocks_[i];
        malformed("has a piece of a block that did not begin", json::serialize(data));
    }

    void start(const json::value& data, std::vector<lm_event>& out) {
        auto* b = object_member(data, "content_block");
        std::string kind = text_member(b, "type");
        if (kind.empty()) malformed("has a block without a type", json::serialize(data));
        if (blocks_.size() == 1024) malformed("holds more than 1024 blocks", kind);
        auto index = index_of(member(data, "index"));
        if (index)
            for (const auto& earlier : blocks_)
                if (earlier.index == *index) return repeated(earlier, *b);
        blocks_.push_back({index.value_or(blocks_.size()), json::value(*b, json::storage_ptr{}).get_object(), kind});
        block& now = blocks_.back();
        if (kind == "tool_use")
            call({now.index, text_member(b, "id"), text_member(b, "name"), {}}, out);
        else if (kind == "text")
            text(payload_text(member(b, "text"), "text"), out);
        else if (kind == "thinking")
            reasoning(payload_text(member(b, "thinking"), "thinking"), out);
    }

    // The same beginning once more says nothing; another under a number that is taken is a mistake.
    static void repeated(const block& earlier, const json::value& b) {
        if (text_member(b, "type") != earlier.kind || text_member(b, "id") != text_member(earlier.value, "id"))
            malformed("begins two blocks under one index", json::serialize(b));
    }

    // What the end says of a call must be what its pieces said.
    void stop(block& b, const json::value& data) {
        b.stopped = true;
        look_for_stray_arguments(data, {"content_block"});
        auto* again = member(data, "content_block");
        const std::string told = arguments_of("input", {again}).text;
        const json::value begun = b.value;
        const std::string known = trim(b.arguments).empty() ? arguments_of("input", {&begun}).text : b.arguments;
        if (!are_no_arguments(told) && !same_arguments(told, known)) note_stray_arguments();
    }

    void grow(const json::value& data, std::vector<lm_event>& out) {
        auto* d = object_member(data, "delta");
        std::string kind = text_member(d, "type");
        block& b = block_of(data);
        auto wants = [&](const char* block_kind) {
            if (b.kind != block_kind) malformed("has a " + kind + " for a block of " + b.kind, json::serialize(data));
        };
        if (kind == "text_delta") {
            wants("text");
            append(b, "text", payload_text(member(d, "text"), "text"));
            text(payload_text(member(d, "text"), "text"), out);
        } else if (kind == "input_json_delta") {
            if (b.kind == "text" || is_reasoning(b.kind)) wants("tool_use");
            if (b.kind != "tool_use") return is_of_servers_tools(b.kind) ? void() : note_stray_arguments();
            std::string piece = payload_text(member(d, "partial_json"), "partial_json");
            const auto wherever = arguments_of("partial_json", {d});
            torn_ = torn_ || !member(d, "partial_json") || wherever.elsewhere || wherever.text != piece;
            b.arguments += piece;
            if (!piece.empty()) call({b.index, {}, {}, std::move(piece)}, out);
        } else if (kind == "thinking_delta") {
            wants("thinking");
            append(b, "thinking", payload_text(member(d, "thinking"), "thinking"));
            reasoning(payload_text(member(d, "thinking"), "thinking"), out);
        } else if (kind == "signature_delta")
            append(b, "signature", text_member(d, "signature"));
        else if (kind.empty())
            malformed("has a piece of a block without a type", json::serialize(data));
        else if (kind != "citations_delta") {
            note_unread(answer_, kind);
            torn_ = torn_ || b.kind == "tool_use";  // it may hold a piece of the arguments
            look_for_stray_arguments(data);
        }
    }

    lm_response finish() override {
        if (ended_) {
            if (!reasoned_) answer_.finish = finish_reason::other;
            json::array content;
            for (auto& b : blocks_) {
                if (b.kind == "tool_use" && !trim(b.arguments).empty()) settle_input(b);
                if (b.kind == "tool_use" && !b.stopped && trim(b.arguments).empty()) torn_ = torn_ || has_no_input(b);
                content.emplace_back(std::move(b.value));
            }
            lm_response r;
            read_blocks(content, "a stream", r);
            answer_.text = std::move(r.text);
            answer_.tool_calls = std::move(r.tool_calls);
            answer_.reasoning = std::move(r.reasoning);
            answer_.reasoning_blocks = std::move(r.reasoning_blocks);
            for (const auto& type : r.unread_parts) note_unread(answer_, type);
            if (torn_) answer_.finish = worse(answer_.finish, finish_reason::malformed_call);
        }
        return stream_reader::finish();
    }

    // Arguments come in the block's beginning, or in pieces; where both say something they must say the same.
    static void settle_input(block& b) {
        const json::value begun = b.value;
        const std::string given = arguments_of("input", {&begun}).text;
        if (!are_no_arguments(given) && !same_arguments(given, b.arguments))
            malformed("has two different inputs for one tool call", b.arguments);
        b.value["input"] = b.arguments;
    }

    static bool has_no_input(const block& b) {
        const json::value now = b.value;
        return are_no_arguments(arguments_of("input", {&now}).text);
    }

    static void append(block& b, const char* key, const std::string& piece) {
        json::value& v = b.value[key];
        if (!v.is_string()) v = "";
        v.get_string().append(piece);
    }

    std::vector<block> blocks_;
    bool reasoned_ = false;
    bool started_ = false;
    bool torn_ = false;  // a call has a piece that nobody can read
};

class messages final : public protocol {
public:
    std::string_view name() const override { return "anthropic"; }
    http::header_list headers() const override { return {{"anthropic-version", "2023-06-01"}}; }
    http::header_list credentials(const secret& key) const override {
        if (key.empty()) return {};
        return {{"x-api-key", std::string{key.reveal()}}};
    }

    wire_call write_request(const call_settings& settings, const rules& how, const lm_request& r) const override {
        wire_call call{"/v1/messages", {}};
        const sampling s = r.sampling.or_else(settings.defaults);
        std::string system;
        json::array turns = turns_of(r.messages, system, how);
        json::object body{{"model", settings.model}, {"max_tokens", s.max_tokens.value_or(default_max_tokens)}};
        if (!system.empty()) {
            if (settings.cache_prompt)
                body["system"] =
                    list_of({{"type", "text"}, {"text", system}, {"cache_control", {{"type", "ephemeral"}}}});
            else
                body["system"] = system;
        }
        body["messages"] = std::move(turns);
        if (!r.tools.empty()) {
            json::array tools;
            for (const auto& t : r.tools)
                tools.push_back({{"name", t.name}, {"description", t.description}, {"input_schema", t.parameters}});
            if (settings.cache_prompt && system.empty())
                tools.back().as_object()["cache_control"] = {{"type", "ephemeral"}};
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
        if (r.outputs_schema && settings.structured_output)
            if (auto schema = fitted(*r.outputs_schema, how))
                output["format"] = {{"type", "json_schema"}, {"schema", std::move(schema->schema)}};
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

    lm_response read_answer(const json::value& parsed, std::string_view body, const rules& how) const override {
        auto* content = member(parsed, "content");
        if (!content || !content->is_array()) no_answer("has no `content`", parsed, body);
        check_role(parsed);
        lm_response r;
        read_blocks(content->get_array(), body, r);
        r.finish = is_open(parsed, "stop_reason", how) ? finish_reason::other
                                                       : finish_of(reason_of(member(parsed, "stop_reason")));
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
