#pragma once
// Answers of servers, drawn at random, as each of the six protocols writes them: what odd_servers_test.cpp changes.
#include "../../sdk/src/lm/providers/protocol.hpp"

#include <boost/json.hpp>

#include <random>
#include <string>
#include <vector>

namespace reagent::test::odd {

using dice = std::mt19937_64;

inline std::size_t below(dice& r, std::size_t n) { return static_cast<std::size_t>(r() % n); }
inline bool chance(dice& r, unsigned percent) { return below(r, 100) < percent; }

struct call {
    std::string id, name, arguments;
};

/// What a server means to say.
struct meaning {
    std::string reasoning, text;
    std::vector<call> calls;
};

inline meaning draw_meaning(dice& r) {
    static const std::vector<std::string> words{"Hello",       " wörld",  " \xF0\x9F\x98\x80", " \"quoted\"", "\n",
                                                " {\"a\": 1}", " [DONE]", " data: x",          " \\ud83d",    " }{",
                                                "<tool>",      " 12"};
    static const json::array values{json::object{{"x", json::array{1, 2}}},
                                    json::parse(R"({"a": [{"b": "\u00fc"}, []], "c": {}})"),
                                    -5,
                                    9007199254740993,
                                    UINT64_MAX,
                                    0.1,
                                    1e300,
                                    1.5e-7,
                                    true,
                                    nullptr,
                                    ""};
    meaning m;
    auto some = [&](std::size_t most) {
        std::string s;
        for (std::size_t n = below(r, most + 1); n > 0; --n) s += words[below(r, words.size())];
        return s;
    };
    if (chance(r, 30)) m.reasoning = "I think" + some(3);
    for (std::size_t n = chance(r, 60) ? 1 + below(r, 3) : 0; n > 0; --n) {
        json::object arguments;
        for (const char* name : {"city", "days", "deep"})
            if (chance(r, 60))
                arguments[name] =
                    chance(r, 60) ? json::value(json::string("v" + some(2))) : values[below(r, values.size())];
        m.calls.push_back({"call-" + std::to_string(m.calls.size()) + std::to_string(r() % 1000),
                           chance(r, 50) ? "weather" : "add", json::serialize(arguments)});
    }
    m.text = m.calls.empty() ? "So" + some(5) : some(2);
    return m;
}

/// Cuts a text into pieces, between characters.
inline std::vector<std::string> cut(dice& r, const std::string& s) {
    std::vector<std::string> pieces;
    for (std::size_t at = 0; at < s.size();) {
        std::size_t n = 1 + below(r, 9);
        while (at + n < s.size() && (static_cast<unsigned char>(s[at + n]) & 0xC0) == 0x80) ++n;
        pieces.push_back(s.substr(at, n));
        at += n;
    }
    return pieces;
}

/// A valid exchange.
struct exchange {
    const provider::protocol* speaks;
    std::vector<json::object> events{};  ///< of a stream
    json::object whole{};
    bool named = false, done = false;
};

inline exchange openai(dice& r, const meaning& m) {
    exchange x{&provider::openai_chat()};
    x.done = true;
    auto chunk = [&](json::object delta, json::value finish = nullptr) {
        json::object choice{{"index", 0}, {"delta", std::move(delta)}, {"finish_reason", std::move(finish)}};
        json::array choices;
        choices.emplace_back(std::move(choice));
        x.events.push_back({{"id", "c"},
                            {"object", "chat.completion.chunk"},
                            {"created", 1},
                            {"model", "m"},
                            {"choices", std::move(choices)}});
    };
    const char* finish = m.calls.empty() ? "stop" : "tool_calls";
    chunk({{"role", "assistant"}, {"content", ""}});
    for (auto& p : cut(r, m.reasoning)) chunk({{"reasoning_content", p}});
    for (auto& p : cut(r, m.text)) chunk({{"content", p}});
    json::array calls;
    for (std::size_t i = 0; i < m.calls.size(); ++i) {
        const auto& c = m.calls[i];
        auto piece = [&](json::object call) {
            json::array list;
            call["index"] = i;
            list.emplace_back(std::move(call));
            chunk({{"tool_calls", std::move(list)}});
        };
        piece({{"id", c.id}, {"type", "function"}, {"function", {{"name", c.name}, {"arguments", ""}}}});
        for (auto& p : cut(r, c.arguments)) piece({{"function", {{"arguments", p}}}});
        calls.push_back(
            {{"id", c.id}, {"type", "function"}, {"function", {{"name", c.name}, {"arguments", c.arguments}}}});
    }
    chunk({}, finish);
    const json::object usage{{"prompt_tokens", 3}, {"completion_tokens", 4}, {"total_tokens", 7}};
    x.events.push_back({{"id", "c"},
                        {"object", "chat.completion.chunk"},
                        {"created", 1},
                        {"model", "m"},
                        {"choices", json::array{}},
                        {"usage", usage}});
    json::object message{{"role", "assistant"}, {"content", m.text}};
    if (!m.reasoning.empty()) message["reasoning_content"] = m.reasoning;
    if (!calls.empty()) message["tool_calls"] = std::move(calls);
    json::array choices;
    choices.push_back({{"index", 0}, {"message", std::move(message)}, {"finish_reason", finish}});
    x.whole = {{"id", "c"},    {"object", "chat.completion"},   {"created", 1},
               {"model", "m"}, {"choices", std::move(choices)}, {"usage", usage}};
    return x;
}

/// Writes the events of one item of a response.
class item_writer {
public:
    item_writer(exchange& x, dice& r, json::array& output) : x_{x}, r_{r}, output_{output} {}

    void event(const char* type, json::object members) {
        members["type"] = type;
        members["sequence_number"] = x_.events.size();
        x_.events.push_back(std::move(members));
    }

    void reasoning(const std::string& text) {
        const json::object begun{{"type", "summary_text"}, {"text", ""}},
            part{{"type", "summary_text"}, {"text", text}};
        begin({{"type", "reasoning"}, {"id", "rs"}, {"summary", json::array{}}});
        piece("response.reasoning_summary_part.added", {{"summary_index", 0}, {"part", begun}});
        for (auto& p : cut(r_, text))
            piece("response.reasoning_summary_text.delta", {{"summary_index", 0}, {"delta", p}});
        piece("response.reasoning_summary_text.done", {{"summary_index", 0}, {"text", text}});
        piece("response.reasoning_summary_part.done", {{"summary_index", 0}, {"part", part}});
        end({{"type", "reasoning"}, {"id", "rs"}, {"summary", one(part)}});
    }

    void message(const std::string& text) {
        const json::object begun{{"type", "output_text"}, {"text", ""}, {"annotations", json::array{}}};
        const json::object part{{"type", "output_text"}, {"text", text}, {"annotations", json::array{}}};
        begin({{"type", "message"},
               {"id", "ms"},
               {"status", "in_progress"},
               {"role", "assistant"},
               {"content", json::array{}}});
        piece("response.content_part.added", {{"content_index", 0}, {"part", begun}});
        for (auto& p : cut(r_, text))
            piece("response.output_text.delta", {{"content_index", 0}, {"delta", p}, {"logprobs", json::array{}}});
        piece("response.output_text.done", {{"content_index", 0}, {"text", text}, {"logprobs", json::array{}}});
        piece("response.content_part.done", {{"content_index", 0}, {"part", part}});
        end({{"type", "message"},
             {"id", "ms"},
             {"status", "completed"},
             {"role", "assistant"},
             {"content", one(part)}});
    }

    void function_call(const call& c) {
        json::object item{{"type", "function_call"}, {"id", "f" + c.id}, {"status", "in_progress"},
                          {"call_id", c.id},         {"name", c.name},   {"arguments", ""}};
        begin(item);
        for (auto& p : cut(r_, c.arguments)) piece("response.function_call_arguments.delta", {{"delta", p}});
        piece("response.function_call_arguments.done", {{"name", c.name}, {"arguments", c.arguments}});
        item["status"] = "completed";
        item["arguments"] = c.arguments;
        end(std::move(item));
    }

private:
    static json::array one(json::object o) {
        json::array list;
        list.emplace_back(std::move(o));
        return list;
    }
    void begin(json::object item) {
        id_ = item.at("id").as_string();
        event("response.output_item.added", {{"output_index", output_.size()}, {"item", std::move(item)}});
    }
    void piece(const char* type, json::object members) {
        members["item_id"] = id_;
        members["output_index"] = output_.size();
        event(type, std::move(members));
    }
    void end(json::object item) {
        event("response.output_item.done", {{"output_index", output_.size()}, {"item", item}});
        output_.emplace_back(std::move(item));
    }

    exchange& x_;
    dice& r_;
    json::array& output_;
    std::string id_{};
};

inline exchange responses(dice& r, const meaning& m) {
    exchange x{&provider::openai_responses()};
    x.named = true;
    json::array output;
    item_writer items{x, r, output};
    const json::object begun{
        {"id", "r"},        {"object", "response"}, {"created_at", 1},        {"status", "in_progress"},
        {"error", nullptr}, {"model", "m"},         {"output", json::array{}}};
    items.event("response.created", {{"response", begun}});
    items.event("response.in_progress", {{"response", begun}});
    if (!m.reasoning.empty()) items.reasoning(m.reasoning);
    if (!m.text.empty()) items.message(m.text);
    for (const auto& c : m.calls) items.function_call(c);
    x.whole = begun;
    x.whole["status"] = "completed";
    x.whole["output"] = std::move(output);
    x.whole["usage"] = {{"input_tokens", 3},
                        {"input_tokens_details", {{"cached_tokens", 0}}},
                        {"output_tokens", 4},
                        {"output_tokens_details", {{"reasoning_tokens", 0}}},
                        {"total_tokens", 7}};
    items.event("response.completed", {{"response", x.whole}});
    return x;
}

inline exchange anthropic(dice& r, const meaning& m) {
    exchange x{&provider::anthropic()};
    x.named = true;
    const char* reason = m.calls.empty() ? "end_turn" : "tool_use";
    json::array content;
    auto event = [&](const char* type, json::object members) {
        members["type"] = type;
        x.events.push_back(std::move(members));
    };
    const json::object message{{"id", "m"},
                               {"type", "message"},
                               {"role", "assistant"},
                               {"model", "m"},
                               {"content", json::array{}},
                               {"stop_reason", nullptr},
                               {"stop_sequence", nullptr},
                               {"usage", {{"input_tokens", 3}, {"output_tokens", 1}}}};
    event("message_start", {{"message", message}});
    auto block = [&](json::object begun, json::object whole, const char* delta, const char* name,
                     const std::string& text) {
        std::size_t at = content.size();
        event("content_block_start", {{"index", at}, {"content_block", std::move(begun)}});
        for (auto& p : cut(r, text))
            event("content_block_delta", {{"index", at}, {"delta", {{"type", delta}, {name, p}}}});
        event("content_block_stop", {{"index", at}});
        content.emplace_back(std::move(whole));
    };
    if (!m.reasoning.empty())
        block({{"type", "thinking"}, {"thinking", ""}, {"signature", ""}},
              {{"type", "thinking"}, {"thinking", m.reasoning}, {"signature", "S"}}, "thinking_delta", "thinking",
              m.reasoning);
    if (!m.text.empty())
        block({{"type", "text"}, {"text", ""}}, {{"type", "text"}, {"text", m.text}}, "text_delta", "text", m.text);
    for (const auto& c : m.calls)
        block({{"type", "tool_use"}, {"id", c.id}, {"name", c.name}, {"input", json::object{}}},
              {{"type", "tool_use"}, {"id", c.id}, {"name", c.name}, {"input", json::parse(c.arguments)}},
              "input_json_delta", "partial_json", c.arguments);
    event("message_delta",
          {{"delta", {{"stop_reason", reason}, {"stop_sequence", nullptr}}}, {"usage", {{"output_tokens", 4}}}});
    event("message_stop", {});
    x.whole = message;
    x.whole["content"] = std::move(content);
    x.whole["stop_reason"] = reason;
    x.whole["usage"] = {{"input_tokens", 3}, {"output_tokens", 4}};
    return x;
}

inline exchange gemini(dice& r, const meaning& m) {
    exchange x{&provider::gemini()};
    json::array all;
    auto candidates = [](json::array parts, bool last) {
        json::object candidate{{"content", {{"role", "model"}, {"parts", std::move(parts)}}}, {"index", 0}};
        if (last) candidate["finishReason"] = "STOP";
        json::array list;
        list.emplace_back(std::move(candidate));
        return list;
    };
    auto chunk = [&](json::object part) {
        json::array parts;
        parts.emplace_back(std::move(part));
        x.events.push_back({{"candidates", candidates(std::move(parts), false)}, {"modelVersion", "m"}});
    };
    for (auto& p : cut(r, m.reasoning)) chunk({{"text", p}, {"thought", true}});
    for (auto& p : cut(r, m.text)) chunk({{"text", p}});
    if (!m.reasoning.empty()) all.push_back({{"text", m.reasoning}, {"thought", true}});
    if (!m.text.empty()) all.push_back(json::object{{"text", m.text}});
    for (const auto& c : m.calls) {
        json::object part{{"functionCall", {{"name", c.name}, {"args", json::parse(c.arguments)}}}};
        all.push_back(part);
        chunk(std::move(part));
    }
    json::object usage{{"promptTokenCount", 3}, {"candidatesTokenCount", 4}, {"totalTokenCount", 7}};
    x.events.push_back({{"candidates", candidates({}, true)}, {"modelVersion", "m"}, {"usageMetadata", usage}});
    x.whole = {
        {"candidates", candidates(std::move(all), true)}, {"modelVersion", "m"}, {"usageMetadata", std::move(usage)}};
    return x;
}

inline exchange ollama(dice& r, const meaning& m) {
    exchange x{&provider::ollama()};
    const char* made = "2025-01-01T00:00:00Z";
    json::array calls;
    for (const auto& c : m.calls)
        calls.push_back(json::object{{"function", {{"name", c.name}, {"arguments", json::parse(c.arguments)}}}});
    auto chunk = [&](json::object message) {
        message["role"] = "assistant";
        x.events.push_back({{"model", "m"}, {"created_at", made}, {"message", std::move(message)}, {"done", false}});
    };
    for (auto& p : cut(r, m.reasoning)) chunk({{"content", ""}, {"thinking", p}});
    for (auto& p : cut(r, m.text)) chunk({{"content", p}});
    if (!calls.empty()) chunk({{"content", ""}, {"tool_calls", calls}});
    x.events.push_back({{"model", "m"},
                        {"created_at", made},
                        {"message", {{"role", "assistant"}, {"content", ""}}},
                        {"done", true},
                        {"done_reason", "stop"},
                        {"eval_count", 4}});
    json::object message{{"role", "assistant"}, {"content", m.text}};
    if (!m.reasoning.empty()) message["thinking"] = m.reasoning;
    if (!calls.empty()) message["tool_calls"] = std::move(calls);
    x.whole = {{"model", "m"},   {"created_at", made},    {"message", std::move(message)},
               {"done", true},   {"done_reason", "stop"}, {"prompt_eval_count", 3},
               {"eval_count", 4}};
    return x;
}

inline exchange cohere(dice& r, const meaning& m) {
    exchange x{&provider::cohere()};
    x.named = true;
    auto event = [&](const char* type, json::object message, std::size_t index = 0) {
        x.events.push_back({{"type", type}, {"index", index}, {"delta", {{"message", std::move(message)}}}});
    };
    x.events.push_back({{"type", "message-start"}, {"id", "m"}, {"delta", {{"message", {{"role", "assistant"}}}}}});
    json::array calls;
    for (auto& p : cut(r, m.reasoning)) event("tool-plan-delta", {{"tool_plan", p}});
    if (!m.text.empty()) event("content-start", {{"content", {{"type", "text"}, {"text", ""}}}});
    for (auto& p : cut(r, m.text)) event("content-delta", {{"content", {{"text", p}}}});
    if (!m.text.empty()) x.events.push_back({{"type", "content-end"}, {"index", 0}});
    for (std::size_t i = 0; i < m.calls.size(); ++i) {
        const auto& c = m.calls[i];
        event(
            "tool-call-start",
            {{"tool_calls", {{"id", c.id}, {"type", "function"}, {"function", {{"name", c.name}, {"arguments", ""}}}}}},
            i);
        for (auto& p : cut(r, c.arguments))
            event("tool-call-delta", {{"tool_calls", {{"function", {{"arguments", p}}}}}}, i);
        x.events.push_back({{"type", "tool-call-end"}, {"index", i}});
        calls.push_back(
            {{"id", c.id}, {"type", "function"}, {"function", {{"name", c.name}, {"arguments", c.arguments}}}});
    }
    const char* reason = m.calls.empty() ? "COMPLETE" : "TOOL_CALL";
    json::object usage{{"tokens", {{"input_tokens", 3}, {"output_tokens", 4}}}};
    x.events.push_back({{"type", "message-end"}, {"delta", {{"finish_reason", reason}, {"usage", usage}}}});
    json::object message{{"role", "assistant"}};
    json::array content;
    if (!m.text.empty()) content.push_back({{"type", "text"}, {"text", m.text}});
    message["content"] = std::move(content);
    if (!m.reasoning.empty()) message["tool_plan"] = m.reasoning;
    if (!calls.empty()) message["tool_calls"] = std::move(calls);
    x.whole = {{"id", "m"}, {"message", std::move(message)}, {"finish_reason", reason}, {"usage", std::move(usage)}};
    return x;
}

using writer = exchange (*)(dice&, const meaning&);
inline constexpr writer writers[]{openai, responses, anthropic, gemini, ollama, cohere};

}  // namespace reagent::test::odd
