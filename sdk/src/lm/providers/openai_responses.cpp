// OpenAI's responses. Nothing is stored at the provider: reasoning comes back encrypted and is sent again.
// Source: OpenAI API reference, "Create a model response" and "Streaming events".
#include "../../base/text.hpp"
#include "call_arguments.hpp"
#include "reading.hpp"

#include <reagent/error.hpp>

#include <algorithm>
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

// What a message says on the way to the answer is no part of it. Source: OpenAI API, "Phase".
bool is_final(const json::value& item) {
    std::string phase = text_member(item, "phase");
    return phase.empty() || phase == "final_answer" || phase == "final";
}

std::string refusal_of_message(const json::value& item) {
    std::string words = payload_text(member(item, "refusal"), "refusal");
    if (auto* content = member(item, "content"); content && content->is_array())
        for (const auto& part : content->get_array()) words += payload_text(member(part, "refusal"), "refusal");
    return words;
}

// Only what calls itself complete is; many servers leave the member out.
bool is_unfinished(const json::value* status) { return status && reason_of(status) != "completed"; }

bool is_unfinished_item(const json::value& item) {
    auto* status = member(item, "status");
    return status && !status->is_null() && is_unfinished(status);
}

// Where reasoning, text and calls stand in the usual order, the blocks are the reasoning alone. Else they say the
// order, and text and calls have a place in it: a model's reasoning must come back right before the call that it led
// to.
int rank_of(const std::string& type) { return type == "reasoning" ? 0 : type == "message" ? 1 : 2; }

// @return what goes back for it
json::object read_message(const json::value& item, lm_response& r) {
    auto words = content_of(member(item, "content"));
    json::object back{{"type", "message"}, {"text", words.text}};
    if (auto phase = text_member(item, "phase"); !phase.empty()) back["phase"] = phase;
    if (!is_final(item)) words.reasoning += std::exchange(words.text, {});
    take_content(r, std::move(words));
    return back;
}

// Tools that run at the provider: their calls are no business of ours.
bool is_of_servers_tools(std::string_view type) {
    if (type == "mcp_approval_request") return false;
    for (std::string_view tool :
         {"mcp_", "code_interpreter_", "web_search_", "file_search_", "image_generation_", "audio"})
        if (type.starts_with(tool)) return true;
    return false;
}

void read_items(const json::array& items, std::string_view body, lm_response& r) {
    int last = 0;
    bool usual = true;
    json::array order;
    for (const auto& item : items) {
        std::string type = text_member(item, "type");
        if (!item.is_object() || type.empty()) malformed("has an item of its output without a type", body);
        if (type != "message" && type != "function_call" && type != "reasoning") {
            if (!is_of_servers_tools(type)) note_unread(r, type);
            continue;
        }
        usual = usual && rank_of(type) >= last;
        last = rank_of(type);
        if (is_unfinished_item(item)) r.finish = finish_reason::other;
        if (type == "message") {
            check_role(item);
            check_refusal(refusal_of_message(item));
            order.push_back(read_message(item, r));
            usual = usual && text_member(item, "phase").empty();
        } else if (type == "function_call") {
            std::string name = text_member(item, "name"), id = text_member(item, "call_id");
            if (name.empty()) malformed("has a tool call without a name", body);
            if (id.empty()) id = text_member(item, "id");
            order.push_back(json::object{{"type", type}, {"call_id", id}});
            r.tool_calls.push_back({std::move(id), std::move(name), whole_arguments_of("arguments", {&item})});
        } else {
            for (const char* where : {"summary", "content"})
                if (auto* parts = member(item, where); parts && parts->is_array()) r.reasoning += text_of(parts);
            order.push_back(json::value(item, json::storage_ptr{}));
        }
    }
    for (auto& o : order)
        if (!usual || text_member(o, "type") == "reasoning") r.reasoning_blocks.push_back(std::move(o));
}

void check_status(const json::value& parsed) {
    std::string status = text_member(parsed, "status");
    if (status != "failed" && status != "cancelled") return;
    check_error(parsed);
    throw lm_error{lm_errc::server_error,
                   "the provider gave up the response: its status is " + status,
                   {.provider_message = status}};
}

void read_ending(const json::value& parsed, lm_response& r) {
    std::string cause = reason_of(member(member(parsed, "incomplete_details"), "reason"));
    if (cause == "max_output_tokens")
        r.finish = finish_reason::length;
    else if (cause == "content_filter")
        r.finish = finish_reason::content_filter;
    else if (!cause.empty() || is_unfinished(member(parsed, "status")))
        r.finish = finish_reason::other;
    else if (!r.tool_calls.empty() && r.finish == finish_reason::stop)
        r.finish = finish_reason::tool_calls;
    r.usage = usage_of(member(parsed, "usage"));
    r.model = text_member(parsed, "model");
    r.request_id = text_member(parsed, "id");
}

class reader final : public stream_reader {
    // An item of the output, as far as it came.
    struct item {
        std::optional<std::uint64_t> index{};
        std::string id{}, type{}, text{}, refusal{};
        json::object value{};
        std::optional<std::size_t> call{};
        std::uint64_t part = 0;  // of its content, the last that a piece came of
        bool whole = false;      // the item came once more, complete
        bool told = false;       // the arguments came once more, complete
        bool elsewhere = false;  // a member that is not known holds what could be its arguments
        bool final = true;       // a message is a part of the answer
    };

    void read_json(std::string_view type, const json::value& data, std::vector<lm_event>& out) override {
        need_type(type, data);
        if (is_said_again(type, data)) return;
        if (type == "response.created" && std::exchange(created_, true) && !items_.empty()) begins_again(data);
        check_number(type, data);
        if (type == "response.output_item.added" || type == "response.output_item.done")
            take_item(data, type.ends_with("done"), out);
        else if (type == "response.output_text.delta")
            take_text(data, payload_text(member(data, "delta"), "delta"), out);
        else if (type == "response.output_text.done")
            check_text(data);
        else if (type == "response.refusal.delta")
            item_of(data, "message").refusal += payload_text(member(data, "delta"), "delta");
        else if (type == "response.refusal.done") {
            if (auto words = payload_text(member(data, "refusal"), "refusal"); !words.empty())
                item_of(data, "message").refusal = words;
        } else if (type == "response.reasoning_summary_text.delta" || type == "response.reasoning_text.delta")
            reasoning(payload_text(member(data, "delta"), "delta"), out);
        else if (type == "response.function_call_arguments.delta")
            take_arguments(data, payload_text(member(data, "delta"), "delta"), false, out);
        else if (type == "response.function_call_arguments.done")
            take_told_arguments(data, out);
        else if (type == "response.completed" || type == "response.incomplete" || type == "response.failed" ||
                 type == "response.done" || type == "response.cancelled")
            take_end(type, data, out);
        else
            look_for_lost_arguments(type, data);
    }

    // An event that is sent twice has one number.
    bool is_said_again(std::string_view type, const json::value& data) {
        const auto number = index_of(member(data, "sequence_number"));
        std::string said = std::string{type} + text_member(data, "delta");
        const bool again =
            number && *number > 0 && number == last_number_ && said == last_said_ && type.ends_with(".delta");
        last_number_ = number, last_said_ = std::move(said);
        return again;
    }

    // An event that is missing, or comes too early, is a hole in a text or in arguments. Servers that give all of them
    // one number, or none, cannot be looked at so.
    void check_number(std::string_view type, const json::value& data) {
        const auto number = index_of(member(data, "sequence_number"));
        if (!number) {  // none, or one that cannot be read: it may have been the next
            ++without_number_;
            return;
        }
        const auto before = std::exchange(numbered_, number);
        const auto most = std::exchange(without_number_, 0) + 1;
        if (before && (*number < *before || *number - *before > most))
            malformed("has event " + std::to_string(*number) + " behind event " + std::to_string(*before) +
                          ": pieces are missing, or came in another order",
                      type);
    }

    // In events that are not known. Those of a call have their pieces in `delta`.
    void look_for_lost_arguments(std::string_view type, const json::value& data) {
        constexpr std::string_view begin = "response.";
        if (type.starts_with(begin) && is_of_servers_tools(type.substr(begin.size()))) return;
        const bool of_call =
            type.find("call") != type.npos || type.find("input") != type.npos || type.find("arguments") != type.npos;
        if (of_call && !text_member(data, "delta").empty()) note_stray_arguments();
        look_for_stray_arguments(data, {"response", "part", "annotation"});
    }

    void take_told_arguments(const json::value& data, std::vector<lm_event>& out) {
        auto told = arguments_of("arguments", {&data});
        item& i = item_of(data, "function_call");
        i.told = true;
        i.elsewhere = i.elsewhere || told.elsewhere;
        take_arguments(data, std::move(told.text), true, out);
    }

    item& item_of(const json::value& data, const char* type) {
        auto index = index_of(member(data, "output_index"));
        std::string id = text_member(data, "item_id");
        if (id.empty()) id = text_member(member(data, "item"), "id");
        for (auto& i : items_)
            if (index ? i.index == index : !id.empty() ? i.id == id : i.type == type && &i == &items_.back()) return i;
        if (items_.size() == 1024)
            throw lm_error{lm_errc::malformed_response, "the provider's stream holds more than 1024 items"};
        items_.push_back({index, id, type});
        return items_.back();
    }

    void take_item(const json::value& data, bool whole, std::vector<lm_event>& out) {
        auto* v = member(data, "item");
        if (!v || !v->is_object()) malformed("has an event without its `item`", json::serialize(data));
        std::string type = text_member(v, "type");
        item& i = item_of(data, type.c_str());
        if (i.type != type && (i.call || !i.text.empty())) differs("an item", type);
        i.type = type;
        i.final = is_final(*v);
        i.whole = i.whole || whole;
        i.value = json::value(*v, json::storage_ptr{}).get_object();
        if (type == "function_call") {
            call_piece piece{key_of(i), text_member(v, "call_id"), text_member(v, "name"), {}};
            if (!i.call) i.call = call(piece, out);
            if (i.call) {
                auto& name = answer_.tool_calls[*i.call].name;
                if (name.empty()) name = piece.name;  // some name it when it is whole
                if (!piece.name.empty() && piece.name != name) differs("a call", name + " " + piece.name);
            }
            auto arguments = arguments_of("arguments", {v});
            i.elsewhere = i.elsewhere || arguments.elsewhere;
            take_arguments(data, std::move(arguments.text), whole, out);
        } else if (type == "message" && whole) {
            take_whole_text(i, content_of(member(v, "content")).text);
            if (auto words = refusal_of_message(*v); !words.empty()) i.refusal = std::move(words);
        }
    }

    [[noreturn]] static void differs(const std::string& what, std::string_view whole) {
        malformed("has the whole of " + what + ", which differs from the pieces of it that came before", whole);
    }

    static void take_whole_text(item& i, std::string words) {
        if (trim(words).empty()) return;
        const std::string whole = clean_text(words), so_far = clean_text(i.text);
        if (!whole.starts_with(so_far) && trim(whole) != trim(so_far)) differs("a text", whole);
        i.text = std::move(words);
    }

    // One text of a message, which may have several.
    void check_text(const json::value& data) {
        const std::string words = clean_text(trim(payload_text(member(data, "text"), "text")));
        const item& i = item_of(data, "message");
        if (!i.text.empty() && clean_text(i.text).find(words) == std::string::npos) differs("a text", words);
    }

    // What the last event says of the calls and the text, behind the pieces of them.
    static void check_whole(const lm_response& whole, const lm_response& pieces) {
        auto calls = whole.tool_calls;
        for (const auto& piece : pieces.tool_calls) {
            const std::string so_far = clean_text(piece.arguments);
            auto same = std::find_if(calls.begin(), calls.end(), [&](const tool_call& c) {
                const std::string all = clean_text(c.arguments);
                return clean_text(c.name) == clean_text(piece.name) &&
                       (all.starts_with(so_far) || same_arguments(all, so_far));
            });
            if (same == calls.end()) differs("the calls", piece.name + " " + piece.arguments);
            calls.erase(same);
        }
        const std::string text = clean_text(whole.text), so_far = clean_text(pieces.text);
        if (!trim(text).empty() && !text.starts_with(so_far) && trim(text) != trim(so_far)) differs("the text", text);
    }

    // Items without a number have their place in the list.
    std::uint64_t key_of(const item& i) const {
        return i.index ? *i.index : 1'000'000 + static_cast<std::uint64_t>(&i - items_.data());
    }

    void take_text(const json::value& data, std::string piece, std::vector<lm_event>& out) {
        auto& i = item_of(data, "message");
        const auto part = index_of(member(data, "content_index")).value_or(i.part);
        if (part < i.part && !piece.empty()) malformed("has pieces of two parts of a text in turn", piece);
        i.part = part;
        i.text += piece;
        if (i.final)
            text(std::move(piece), out);
        else
            reasoning(std::move(piece), out);
    }

    void take_arguments(const json::value& data, std::string piece, bool whole, std::vector<lm_event>& out) {
        item& i = item_of(data, "function_call");
        if (whole && i.call) {
            auto& now = answer_.tool_calls[*i.call].arguments;
            if (piece.empty() || piece == now) return;
            if (!piece.starts_with(now)) {
                if (!same_arguments(clean_text(now), clean_text(piece))) differs("a call's arguments", piece);
                return;
            }
            piece.erase(0, now.size());
        }
        if (piece.empty() && i.call) return;
        auto place = call({key_of(i), {}, text_member(data, "name"), std::move(piece)}, out);
        if (!i.call) i.call = place;
    }

    void take_end(std::string_view type, const json::value& data, std::vector<lm_event>& out) {
        auto* whole = member(data, "response");
        if (!whole || !whole->is_object()) malformed("has no `response`", type);
        check_status(*whole);
        if (type == "response.failed" || type == "response.cancelled") {
            check_error(*whole);
            throw lm_error{lm_errc::server_error, "the provider gave up the response: " + std::string{type}};
        }
        lm_response r;
        auto* output = member(whole, "output");
        if (output && !output->is_null() && !output->is_array())
            malformed("has an `output` that is no list", json::serialize(*output));
        if (output && output->is_array()) read_items(output->get_array(), type, r);
        // Some servers end without what they sent: then the pieces stand.
        lm_response pieces;
        read_items(assembled(), type, pieces);
        for (const auto& unread : pieces.unread_parts) note_unread(r, unread);
        bool torn = false;
        if (r.text.empty() && r.tool_calls.empty() && r.reasoning_blocks.empty()) {
            if (stray_) malformed("has pieces that belong to none of its items", pieces.text + answer_.text);
            r = std::move(pieces);
            torn = torn_;
        } else {
            check_whole(r, pieces);
            r.finish = worse(r.finish, pieces.finish);
            if (r.text.empty()) r.text = std::move(pieces.text);
        }
        if (r.reasoning.empty()) r.reasoning = std::move(answer_.reasoning);
        read_ending(*whole, r);
        if (torn) r.finish = worse(r.finish, finish_reason::malformed_call);
        if (type == "response.incomplete" && (r.finish == finish_reason::stop || r.finish == finish_reason::tool_calls))
            r.finish = finish_reason::other;
        // What was not among the pieces is told now.
        if (!r.text.empty() && r.text.starts_with(answer_.text)) text(r.text.substr(answer_.text.size()), out);
        r.usage = largest_of(r.usage, answer_.usage);
        answer_ = std::move(r);
        ended_ = done_ = true;
        out.push_back({.kind = lm_event::usage, .used = answer_.usage});
    }

    json::array assembled() {
        std::stable_sort(items_.begin(), items_.end(),
                         [](const item& a, const item& b) { return a.index && b.index ? *a.index < *b.index : false; });
        std::set<std::string> whole;  // kinds of items that came once more, complete
        for (const auto& i : items_)
            if (i.whole) whole.insert(i.type);
        json::array items;
        for (auto& i : items_) {
            if (!i.whole && whole.contains(i.type)) {  // a piece that no item fits
                stray_ = true;
                continue;
            }
            json::object v = std::move(i.value);
            v["type"] = i.type;
            if (!i.whole) v.erase("status");  // of its beginning
            if (i.type == "message") {
                json::object part{{"type", "output_text"}, {"text", i.text}};
                auto* given = v.if_contains("content");
                if (!i.whole || !given || !given->is_array() || given->get_array().empty())
                    v["content"] = json::array{std::move(part)};
                if (!i.refusal.empty()) v["refusal"] = i.refusal;
            }
            if (i.type == "function_call" && i.call) {
                const auto& c = answer_.tool_calls[*i.call];
                torn_ = torn_ ||
                        ((i.elsewhere || (!i.whole && !i.told)) && trim(c.arguments).empty());  // or it did not end
                v["arguments"] = c.arguments;
                v["name"] = c.name;
                if (text_member(v, "call_id").empty()) v["call_id"] = c.id;
            }
            items.push_back(std::move(v));
        }
        return items;
    }

    std::vector<item> items_;
    std::optional<std::uint64_t> last_number_{}, numbered_{};
    std::uint64_t without_number_ = 0;  // events since the last that had one
    std::string last_said_{};
    bool created_ = false;
    bool torn_ = false;  // a call began, and nothing more of it came
    bool stray_ = false;
};

json::value message_item(const message& m, const std::string& text, const std::string& phase = {}) {
    json::object item{{"role", reagent::to_string(m.role)}};
    if (m.role == role::assistant) item["type"] = "message";  // llama.cpp's server takes it for nothing else
    if (!phase.empty()) item["phase"] = phase;
    if (m.images.empty())
        item["content"] = text;
    else {
        json::array parts;
        for (const auto& i : m.images) parts.push_back({{"type", "input_image"}, {"image_url", image_address(i)}});
        if (!trim(text).empty()) parts.push_back({{"type", "input_text"}, {"text", text}});
        item["content"] = std::move(parts);
    }
    return item;
}

json::value call_item(const tool_call& c) {
    return {{"type", "function_call"}, {"call_id", c.id}, {"name", c.name}, {"arguments", c.arguments}};
}

// Nothing is stored at the provider: an item of which it has the words and we have the id is not found there.
bool goes_back(const json::value& block) {
    return text_member(block, "type") == "reasoning" && !text_member(block, "encrypted_content").empty();
}

// An assistant's message in the order in which the model wrote it.
void write_ordered(json::array& input, const message& m, const rules& how) {
    std::string told;
    for (const auto& b : m.reasoning_blocks)
        if (text_member(b, "type") == "message" && is_final(b)) told += text_member(b, "text");
    bool own_text = told != m.content;  // changed since: it stands where the first text stood
    std::vector<bool> written(m.tool_calls.size());
    for (const auto& b : m.reasoning_blocks) {
        std::string type = text_member(b, "type");
        if (goes_back(b)) input.push_back(b);
        if (type == "message") {
            std::string text = !is_final(b) ? text_member(b, "text")
                               : own_text   ? std::exchange(told, {}).empty() ? std::string{} : m.content
                                            : text_member(b, "text");
            if (!trim(text).empty()) input.push_back(message_item(m, text, text_member(b, "phase")));
        }
        if (type == "function_call")
            for (std::size_t i = 0; i < m.tool_calls.size(); ++i)
                if (!written[i] && m.tool_calls[i].id == fitted_id(text_member(b, "call_id"), how.ids)) {
                    written[i] = true;
                    input.push_back(call_item(m.tool_calls[i]));
                    break;
                }
    }
    for (std::size_t i = 0; i < m.tool_calls.size(); ++i)
        if (!written[i]) input.push_back(call_item(m.tool_calls[i]));
}

void write_message(json::array& input, const message& m, const rules& how) {
    if (m.role == role::tool) {
        input.push_back({{"type", "function_call_output"}, {"call_id", m.tool_call_id}, {"output", m.content}});
        return;
    }
    for (const auto& b : m.reasoning_blocks)
        if (auto type = text_member(b, "type"); type == "message" || type == "function_call")
            return write_ordered(input, m, how);
    for (const auto& b : m.reasoning_blocks)
        if (goes_back(b)) input.push_back(b);
    if (!trim(m.content).empty() || m.tool_calls.empty()) input.push_back(message_item(m, m.content));
    for (const auto& c : m.tool_calls) input.push_back(call_item(c));
}

class responses final : public protocol {
public:
    std::string_view name() const override { return "openai-responses"; }

    wire_call write_request(const call_settings& settings, const rules& how, const lm_request& r) const override {
        wire_call call{"/responses", {}};
        json::array input;
        for (const auto& m : r.messages) write_message(input, m, how);
        json::object body{{"model", settings.model}, {"input", std::move(input)}, {"store", false}};
        if (how.include_reasoning) body["include"] = json::array{"reasoning.encrypted_content"};
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
            json::object format{{"type", "json_object"}};
            if (auto schema = fitted(*r.outputs_schema, how))
                format = {{"type", "json_schema"},
                          {"name", "outputs"},
                          {"strict", schema->strict},
                          {"schema", std::move(schema->schema)}};
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

    lm_response read_answer(const json::value& parsed, std::string_view body, const rules&) const override {
        check_status(parsed);
        auto* output = member(parsed, "output");
        if (!output || !output->is_array()) no_answer("has no `output`", parsed, body);
        lm_response r;
        read_items(output->get_array(), body, r);
        read_ending(parsed, r);
        return r;
    }
    std::unique_ptr<stream_reader> stream() const override { return std::make_unique<reader>(); }
};

}  // namespace

const protocol& openai_responses() {
    static const responses one;
    return one;
}

}  // namespace reagent::provider
