#include "odd_mutator.hpp"

#include "odd_writing.hpp"

#include "../../sdk/src/lm/providers/answer_reader.hpp"

#include <reagent/error.hpp>
#include <reagent/schema/repair.hpp>

#include <algorithm>
#include <set>

namespace reagent::test::odd {
namespace {

// What holds the answer itself. A server that leaves a piece of it out cannot be found out, so these are not dropped,
// but given other types.
const std::set<std::string, std::less<>> payload{
    "content", "text",  "reasoning_content", "thinking", "arguments",  "partial_json", "delta",
    "args",    "input", "tool_plan",         "name",     "tool_calls", "functionCall", "parts"};

// A member of a tree, and what it stands in.
struct spot {
    json::object* in;
    std::string name;
    bool bears;  // it or something in it is payload that says something
};

bool says_something(const json::value& v) {
    if (v.is_string()) return !v.get_string().empty();
    if (v.is_array()) return std::any_of(v.get_array().begin(), v.get_array().end(), says_something);
    if (v.is_object())
        return std::any_of(v.get_object().begin(), v.get_object().end(),
                           [](const auto& m) { return says_something(m.value()); });
    return false;
}

bool find_spots(json::value& v, std::vector<spot>& to);

bool find_spots(json::object& o, std::vector<spot>& to) {
    bool any = false;
    for (auto& [name, part] : o) {
        if (name == "thought") continue;  // without it a thought is text, and nobody could tell
        static const std::set<std::string, std::less<>> of_the_model{
            "args", "input", "parameters", "params", "arguments", "Arguments", "tool_args", "kwargs", "settings"};
        if (of_the_model.contains(name) &&
            (part.is_object() || name == "args" || name == "input")) {  // what is in them is the model's
            to.push_back({&o, std::string{name}, true});
            any = true;
            continue;
        }
        bool bears = find_spots(part, to) || (payload.contains(name) && says_something(part));
        to.push_back({&o, std::string{name}, bears});
        any = any || bears;
    }
    return any;
}

bool find_spots(json::value& v, std::vector<spot>& to) {
    if (v.is_object()) return find_spots(v.get_object(), to);
    bool any = false;
    if (v.is_array())
        for (auto& part : v.get_array()) any = find_spots(part, to) || any;
    return any;
}

// A member of an object as it stands in the bytes.
struct written_member {
    std::string name;
    std::size_t end_of_object;  // where its object closes
    bool of_arguments;          // the model's own
};

// Every member of the objects in what is sent, in any framing.
std::vector<written_member> written_members(std::string_view bytes) {
    struct open_object {
        std::vector<std::string> names{};
        bool list = false, of_arguments = false;
    };
    std::vector<open_object> open;
    std::vector<written_member> found;
    std::string last;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const char c = bytes[i];
        if (c == '"') {
            const std::size_t begin = i + 1;
            for (++i; i < bytes.size() && bytes[i] != '"'; ++i) i += bytes[i] == '\\';
            last = bytes.substr(begin, i - begin);
        } else if (c == ':' && !open.empty() && !open.back().list && !last.empty()) {
            open.back().names.push_back(std::exchange(last, {}));
        } else if (c == '{' || c == '[') {
            const bool inside = !open.empty() && open.back().of_arguments;
            const bool begins = c == '{' && !open.empty() && !open.back().names.empty() &&
                                (open.back().names.back() == "args" || open.back().names.back() == "input" ||
                                 open.back().names.back() == "arguments");
            open.push_back({.list = c == '[', .of_arguments = inside || begins});
        } else if ((c == '}' || c == ']') && !open.empty()) {
            for (auto& name : open.back().names) found.push_back({std::move(name), i, open.back().of_arguments});
            open.pop_back();
        } else if (!std::isspace(static_cast<unsigned char>(c)))
            last.clear();  // a value's text is no name
    }
    return found;
}

class mutator {
public:
    mutator(dice& r, exchange x, const meaning& m) : r_{r}, x_{std::move(x)}, m_{m} {}

    mutated run() {
        mutated result{.streamed = chance(r_, 70)};
        result.largest_piece = chance(r_, 50) ? 1 + below(r_, 40) : 0;
        for (std::size_t n = below(r_, 3); n > 0; --n) result.streamed ? change_stream(result) : change_whole(result);
        result.bytes = result.streamed ? stream_bytes()
                       : pretty_       ? pretty(json::serialize(x_.whole), "\n")
                                       : json::serialize(x_.whole);
        if (escaped_) result.bytes = ascii(result.bytes);
        if (chance(r_, 10)) say_twice(result);
        if (chance(r_, 10)) {
            result.kind += " mark";
            result.bytes.insert(0, "\xEF\xBB\xBF");
        }
        if (chance(r_, 15) && !swapped_) {
            result.kind += " cut";
            result.wanted = oracle::right_or_error;
            result.bytes.resize(below(r_, result.bytes.size() + 1));
        }
        result.asks_stream = result.streamed != chance(r_, 5);
        if (result.asks_stream != result.streamed) result.kind += result.streamed ? " asked_whole" : " answered_whole";
        if (result.kind.empty()) result.kind = " unchanged";
        result.kind.erase(0, 1);
        return result;
    }

private:
    bool chat() const { return x_.speaks == &provider::openai_chat(); }

    static void note(mutated& result, const char* kind, bool& changed) {
        if (!std::exchange(changed, true)) result.kind += kind;
    }
    void escape(mutated& result) { note(result, " escaped", escaped_); }
    void no_done(mutated& result) {
        if (late_.empty() && std::exchange(x_.done, false)) result.kind += " no_done";
    }

    void change_whole(mutated& result) {
        switch (below(r_, 11)) {
            case 9: return elsewhere(result, x_.whole);
            case 10: return same_choice(result);
            case 0: return drop(result, x_.whole);
            case 1: return retype(result, x_.whole);
            case 2: return shuffle(result, x_.whole);
            case 3: return no_error(result, x_.whole);
            case 4: return add_null(result, x_.whole);
            case 5: return add_unknown(result, x_.whole);
            case 6: return note(result, " pretty", pretty_);
            case 7: return another_choice(result);
            default: escape(result);
        }
    }

    void change_stream(mutated& result) {
        auto& one = x_.events[below(r_, x_.events.size())];
        switch (below(r_, 30)) {
            case 26: return elsewhere(result, one);
            case 27: return astray(result, one);
            case 28: return again(result);
            case 29: return same_choice(result);
            case 0: return drop(result, one);
            case 1: return retype(result, one);
            case 2: return shuffle(result, one);
            case 3: return no_error(result, one);
            case 4: return escape(result);
            case 5: return note(result, " talk", talk_);
            case 6: return one_newline(result);
            case 7: return repeat(result);
            case 8: return swap(result);
            case 9: return end_lines(result);
            case 10: return no_done(result);
            case 11: return renumber(result);
            case 12: return rename(result);
            case 13: return add_null(result, one);
            case 14: return add_unknown(result, one);
            case 15: return unknown_event(result);
            case 16: return note(result, " types_only", types_only_);
            case 17: return names_only(result);
            case 18: return note(result, " tight", tight_);
            case 19: return one_newline_ || x_.speaks->streams_lines() ? void() : note(result, " pretty", pretty_);
            case 20: return note(result, " ids", ids_);
            case 21: return another_choice(result);
            case 22: return halves(result);
            case 23: return go_on(result);
            case 24: return late_name(result);
            default: return whole_arguments(result);
        }
    }

    void one_newline(mutated& result) {
        if (!x_.speaks->streams_lines() && !names_only_ && !pretty_) note(result, " one_newline", one_newline_);
    }

    // The event's name says what the data is; the data does not.
    void names_only(mutated& result) {
        if (x_.named && !one_newline_) note(result, " names_only", names_only_);
    }

    void end_lines(mutated& result) {
        bool lone = chance(r_, 50) && !x_.speaks->streams_lines();
        newline_ = lone ? "\r" : "\r\n";
        result.kind += lone ? " cr" : " crlf";
    }

    // A member that says nothing, or one that no protocol has, beside others.
    void add_null(mutated& result, json::object& o) {
        static const char* const names[]{"refusal",   "tool_calls", "function_call", "audio", "logprobs", "annotations",
                                         "reasoning", "signature",  "thinking",      "text",  "content",  "usage"};
        add(result, o, " null:", names[below(r_, std::size(names))], nullptr);
    }
    void add_unknown(mutated& result, json::object& o) {
        add(result, o, " unknown:", "later", json::object{{"type", "later"}, {"text", "no answer"}});
    }
    void add(mutated& result, json::object& o, const char* kind, const char* name, json::value v) {
        std::vector<spot> all;
        find_spots(o, all);
        if (all.empty()) return;
        auto& into = *all[below(r_, all.size())].in;
        auto* error = o.if_contains("error");
        bool in_error = error && error->is_object() && &error->get_object() == &into;  // with another member it is one
        if (into.contains(name) || in_error) return;
        result.kind += std::string{kind} + name;
        into[name] = std::move(v);
    }

    // A member stands twice in one object, with two things: of a call's arguments, or of what stands around the answer.
    void say_twice(mutated& result) {
        static const std::set<std::string, std::less<>> around{"name", "arguments",  "partial_json", "content",
                                                               "text", "tool_calls", "function",     "parts"};
        auto all = written_members(result.bytes);
        std::erase_if(all, [](const written_member& m) { return !m.of_arguments && !around.contains(m.name); });
        if (all.empty()) return;
        const auto& m = all[below(r_, all.size())];
        static const char* const others[]{"\"another\"", "7", "{\"another\":1}", "[]", "null"};
        result.kind += " twice:" + m.name;
        result.wanted = oracle::right_or_error;
        result.bytes.insert(m.end_of_object, ",\"" + m.name + "\":" + others[below(r_, std::size(others))]);
    }

    // A further completion, which nobody asked for: told apart by its number. Without a text of the first, it would be
    // the answer's.
    void another_choice(mutated& result) {
        const bool google = x_.speaks == &provider::gemini();
        if ((!chat() && !google) || m_.text.find_first_not_of(" \n") == std::string::npos || renumbered_ ||
            std::exchange(destroyed_, true))
            return;
        result.kind += " another_choice";
        const char* list = google ? "candidates" : "choices";
        const json::value numbers[]{1, "1"};
        json::object other{{"index", numbers[below(r_, 2)]},
                           {google ? "finishReason" : "finish_reason", google ? "STOP" : "stop"}};
        if (google)
            other["content"] = json::parse(R"({"role": "model", "parts": [{"text": "another"}]})");
        else
            other[result.streamed ? "delta" : "message"] = {{"role", "assistant"}, {"content", "another"}};
        if (!result.streamed) {
            auto& all = x_.whole.at(list).as_array();
            all.insert(chance(r_, 50) ? all.begin() : all.end(), std::move(other));
            return;
        }
        json::object e = x_.events.front();
        e[list] = json::array{std::move(other)};
        insert(std::move(e));
    }

    static bool holds_arguments(std::string_view name) {
        return name == "arguments" || name == "args" || name == "input" || name == "partial_json";
    }

    // A call's arguments, or a piece of them, under another name; beside the object that they were in, or alone.
    void elsewhere(mutated& result, json::object& o) {
        if (renumbered_ || std::exchange(destroyed_, true)) return;
        std::vector<spot> all;
        find_spots(o, all);
        std::erase_if(all, [](const spot& s) { return !holds_arguments(s.name); });
        if (all.empty()) return;
        auto& s = all[below(r_, all.size())];
        static const char* const others[]{"parameters", "input",  "args",    "Arguments",
                                          "tool_args",  "kwargs", "settings"};
        const std::string other = others[below(r_, std::size(others))];
        if (s.in->contains(other)) return;
        result.kind += " elsewhere:" + other;
        result.wanted = oracle::right_or_error;
        json::value v = std::move(s.in->at(s.name));
        if (chance(r_, 80))
            s.in->erase(s.name);
        else
            s.in->at(s.name) = "";
        (*s.in)[other] = std::move(v);
    }

    // A piece of arguments in an event that no protocol has.
    void astray(mutated& result, json::object& o) {
        if (renumbered_ || std::exchange(destroyed_, true)) return;
        std::vector<spot> all;
        find_spots(o, all);
        std::erase_if(all, [](const spot& s) { return !holds_arguments(s.name) || !s.bears; });
        if (all.empty()) return;
        auto& s = all[below(r_, all.size())];
        result.kind += " astray";
        result.wanted = oracle::right_or_error;
        json::value v = std::exchange(s.in->at(s.name), "");
        const json::object call{{"arguments", std::move(v)}};
        json::object lost = x_.events.front();
        if (lost.contains("type"))
            lost = {{"type", "later.call"}, {"index", 0}, {"call", call}};
        else if (chat())
            lost["choices"] =
                json::array{json::object{{"index", 0}, {"delta", {{"function", call}}}, {"finish_reason", nullptr}}};
        else if (lost.contains("candidates"))
            lost["candidates"] = json::array{json::object{{"index", 0}, {"content", {{"parts", json::array{call}}}}}};
        else
            lost["message"] = {{"role", "assistant"}, {"content", ""}, {"function", call}};
        insert(std::move(lost));
    }

    // The stream breaks off and begins again, as a gateway's does. Lines of Ollama's have nothing that tells.
    void again(mutated& result) {
        if (x_.speaks->streams_lines() || x_.events.size() < 4 || swapped_ || renumbered_ ||
            std::exchange(destroyed_, true))
            return;
        swapped_ = true;
        result.kind += " again";
        result.wanted = oracle::right_or_error;
        const auto end = x_.events.begin() + static_cast<std::ptrdiff_t>(1 + below(r_, x_.events.size() - 2));
        std::vector<json::object> all{x_.events.begin(), end};
        const char* id = chat() ? "id" : x_.speaks == &provider::gemini() ? "responseId" : nullptr;
        if (id)
            for (auto& e : all) e[id] = "r1";
        if (id)
            for (auto& e : x_.events) e[id] = "r2";
        all.insert(all.end(), x_.events.begin(), x_.events.end());
        x_.events = std::move(all);
    }

    // The answer once more as a further completion, its calls under ids of their own.
    void same_choice(mutated& result) {
        if (!chat() || renumbered_ || std::exchange(destroyed_, true)) return;
        result.kind += " same_choice";
        auto copy = [](json::object& o) {
            auto& list = o.at("choices").as_array();
            if (list.empty()) return;
            json::value other = list[0];
            other.as_object()["index"] = 1;
            for (const char* name : {"delta", "message"})
                if (auto* m = other.as_object().if_contains(name))
                    if (auto* calls = m->as_object().if_contains("tool_calls"))
                        for (auto& c : calls->as_array())
                            if (c.as_object().contains("id"))
                                c.as_object()["id"] = "other-" + std::string{c.at("id").as_string()};
            list.push_back(std::move(other));
        };
        if (!result.streamed) return copy(x_.whole);
        for (auto& e : x_.events) copy(e);
    }

    // A character beyond the first plane, half of it in one piece and half in the next.
    void halves(mutated& result) {
        for (std::size_t i = 0; i < x_.events.size(); ++i) {
            auto other = x_.events[i];
            auto *first = piece_of(x_.events[i]), *second = piece_of(other);
            auto at = first ? first->find("\xF0\x9F\x98\x80") : json::string::npos;
            if (at == json::string::npos) continue;
            *second = "\xED\xB8\x80" + std::string{first->data() + at + 4, first->size() - at - 4};
            first->erase(at);
            *first += "\xED\xA0\xBD";
            x_.events.insert(x_.events.begin() + static_cast<std::ptrdiff_t>(i) + 1, std::move(other));
            escaped_ = true;
            result.kind += " halves";
            return;
        }
    }

    // The text of an event that holds a piece of one.
    static json::string* piece_of(json::object& event) {
        static const std::vector<std::vector<const char*>> places{{"delta"},
                                                                  {"delta", "text"},
                                                                  {"delta", "thinking"},
                                                                  {"delta", "partial_json"},
                                                                  {"delta", "message", "tool_plan"},
                                                                  {"delta", "message", "content", "text"},
                                                                  {"choices", "delta", "content"},
                                                                  {"choices", "delta", "reasoning_content"},
                                                                  {"candidates", "content", "parts", "text"},
                                                                  {"message", "content"},
                                                                  {"message", "thinking"}};
        for (const auto& place : places) {
            json::value* now = nullptr;
            json::object* in = &event;
            for (const char* name : place) {
                now = in ? in->if_contains(name) : nullptr;
                if (now && now->is_array()) now = now->get_array().empty() ? nullptr : &now->get_array()[0];
                in = now ? now->if_object() : nullptr;
            }
            if (now && now->is_string() && !now->get_string().empty()) return &now->get_string();
        }
        return nullptr;
    }

    // A piece behind the end.
    void go_on(mutated& result) {
        if ((!x_.done && !is_end(x_.events.back())) || !late_.empty()) return;
        for (const auto& e : x_.events)
            if (auto copy = e; piece_of(copy)) late_ = copy;
        if (!late_.empty()) result.kind += " goes_on";
    }

    void insert(json::object e) {
        x_.events.insert(x_.events.begin() + static_cast<std::ptrdiff_t>(1 + below(r_, x_.events.size() - 1)),
                         std::move(e));
    }

    // An event that no protocol has, or one without content.
    void unknown_event(mutated& result) {
        json::object e = x_.events.front();
        if (e.contains("type"))
            e = {{"type", "later.event"}, {"index", 0}, {"note", "no answer"}};
        else if (e.contains("choices"))
            e["choices"] = json::array{};
        else if (e.contains("candidates"))
            e.erase("candidates");
        else
            e["message"] = {{"role", "assistant"}, {"content", ""}};
        result.kind += " unknown_event";
        insert(std::move(e));
    }

    void drop(mutated& result, json::object& o) {
        if (renumbered_ || std::exchange(destroyed_, true)) return;
        std::vector<spot> all;
        find_spots(o, all);
        std::erase_if(all, [](const spot& s) { return s.bears; });
        if (all.empty()) return;
        auto& s = all[below(r_, all.size())];
        result.kind += " drop:" + s.name;
        result.wanted = oracle::right_or_error;
        s.in->erase(s.name);
    }

    void retype(mutated& result, json::object& o) {
        if (renumbered_ || std::exchange(destroyed_, true)) return;
        std::vector<spot> all;
        find_spots(o, all);
        if (all.empty()) return;
        auto& s = all[below(r_, all.size())];
        const json::value others[]{7, true, 1.5, json::array{1, 2}, json::object{{"odd", 1}}, "odd", nullptr};
        auto v = others[below(r_, s.bears ? 5 : s.name == "type" ? 3 : 7)];
        if (s.bears && (v.is_array() || v.is_object()) && s.in->at(s.name).kind() == v.kind())
            return;  // that is another answer
        if (v == "odd" && payload.contains(s.name)) return;
        if (s.name == "done" && v == true) return;  // an end that nobody could tell from the real one
        if ((s.name == "arguments" || s.name == "args" || s.name == "input") && v.is_structured()) return;
        result.kind += " retype:" + s.name;
        result.wanted = oracle::right_or_error;
        (*s.in)[s.name] = std::move(v);
    }

    void shuffle(mutated& result, json::object& o) {
        result.kind += " shuffle";
        json::value v = std::move(o);
        shuffle_members(v, r_);
        o = std::move(v.get_object());
    }

    void no_error(mutated& result, json::object& o) {
        result.kind += " no_error";
        const json::value nothing[]{nullptr,      false, "", json::object{}, json::object{{"message", nullptr}},
                                    json::array{}};
        o["error"] = nothing[below(r_, 6)];
    }

    bool bears(json::object& o) {
        std::vector<spot> all;
        return find_spots(o, all);
    }
    bool is_end(const json::object& o) const {
        auto* type = o.if_contains("type");
        auto* done = o.if_contains("done");
        return (type && (*type == "message_stop" || *type == "message-end" || *type == "response.completed")) ||
               (done && *done == true);
    }

    // An event that holds no piece of the answer comes twice.
    void repeat(mutated& result) {
        std::size_t i = below(r_, x_.events.size());
        if (bears(x_.events[i]) || is_end(x_.events[i])) return;
        result.kind += " repeat";
        x_.events.insert(x_.events.begin() + static_cast<std::ptrdiff_t>(i), json::object(x_.events[i]));
    }

    // Neighbours change places, one of which at most is a piece of the answer.
    void swap(mutated& result) {
        if (x_.events.size() < 2 || swapped_) return;
        std::size_t i = below(r_, x_.events.size() - 1);
        auto &a = x_.events[i], &b = x_.events[i + 1];
        if ((bears(a) && bears(b)) || is_end(a) || is_end(b)) return;
        swapped_ = true;
        result.kind += " swap";
        result.wanted = oracle::right_or_error;
        std::swap(a, b);
    }

    // Chat only: how pieces of calls are numbered.
    void renumber(mutated& result) {
        if (!chat()) return;
        auto how = below(r_, 5);
        result.kind += " renumber" + std::to_string(how);
        each_call(
            [&](json::object& c) {
                if (how == 0) c.erase("index");
                if (how == 1) c["index"] = nullptr;
                if (how == 2) c["index"] = 0;
                if (how == 3) c["index"] = c.at("index").as_uint64() + 1;
                if (how == 4) c["index"] = std::to_string(c.at("index").as_uint64());
            },
            result);
    }

    // Chat only: every piece names the call again, or under another id.
    void rename(mutated& result) {
        if (!chat()) return;
        auto how = below(r_, 3);
        result.kind += " rename" + std::to_string(how);
        std::string id, name;
        int n = 0;
        each_call(
            [&](json::object& c) {
                if (c.contains("id")) {
                    id = c.at("id").as_string();
                    name = c.at("function").as_object().at("name").as_string();
                    return;
                }
                c["id"] = how == 1 ? id + "x" + std::to_string(n++) : id;
                if (how != 1) c.at("function").as_object()["name"] = name;
                if (how == 2) c.erase("id");
            },
            result);
    }

    // Chat and responses: a call begins without its name.
    void late_name(mutated& result) {
        const json::value none[]{nullptr, "", json::object{}};
        const auto& instead = none[below(r_, 3)];
        auto take_name = [&](json::object& from) {
            from.erase("name");
            if (!instead.is_object()) from["name"] = instead;
        };
        if (!m_.calls.empty() &&
            ((chat() && !renumbered_ && !destroyed_) || x_.speaks == &provider::openai_responses()))
            result.kind += " late_name";
        if (x_.speaks == &provider::openai_responses())
            for (auto& e : x_.events)
                if (auto* item = e.if_contains("item"); item && item->is_object() &&
                                                        item->get_object().contains("call_id") && e.contains("type") &&
                                                        e.at("type") == "response.output_item.added")
                    take_name(item->get_object());
        if (!chat()) return;
        std::string name;
        each_call(
            [&](json::object& c) {
                auto& function = c.at("function").as_object();
                if (c.contains("id")) {
                    name = function.at("name").as_string();
                    take_name(function);
                } else if (!name.empty())
                    function["name"] = std::exchange(name, {});
            },
            result);
    }

    template <class F>
    void each_call(F change, mutated&) {
        if (renumbered_ || destroyed_)
            return;  // one such oddity at a time: two of them may make calls that nobody could tell apart
        renumbered_ = true;
        for (auto& e : x_.events)
            for (auto& choice : e.at("choices").as_array())
                if (auto* list = choice.at("delta").as_object().if_contains("tool_calls"); list && list->is_array())
                    for (auto& c : list->as_array()) change(c.as_object());
    }

    // Chat only: one piece a call, its arguments as an object.
    void whole_arguments(mutated& result) {
        if (!chat() || renumbered_ || destroyed_) return;
        renumbered_ = true;
        result.kind += " objects";
        std::vector<json::object> events;
        std::size_t next = 0;
        for (auto& e : x_.events) {
            auto& choices = e.at("choices").as_array();
            auto* list = choices.empty() ? nullptr : choices[0].at("delta").as_object().if_contains("tool_calls");
            if (list && list->is_array()) {
                auto& c = list->as_array()[0].as_object();
                if (!c.contains("id")) continue;
                c.at("function").as_object()["arguments"] = json::parse(m_.calls.at(next++).arguments);
            }
            events.push_back(std::move(e));
        }
        x_.events = std::move(events);
    }

    std::string event_bytes(json::object e) const {
        const bool lines = x_.speaks->streams_lines();
        const std::string field = tight_ ? ":" : ": ", data = "data" + field;
        std::string out;
        auto* type = e.if_contains("type");
        if (x_.named && type && type->is_string() && !one_newline_ && !types_only_)
            out += "event" + field + std::string{type->get_string()} + newline_;
        if (ids_ && !lines && !one_newline_) out += "id" + field + "1" + newline_;
        if (names_only_ && !types_only_) e.erase("type");
        std::string json = json::serialize(e);
        if (pretty_) json = pretty(json, newline_ + data);
        return out + (lines ? "" : data) + json + newline_ + (lines || one_newline_ ? "" : newline_);
    }

    std::string stream_bytes() {
        static const std::vector<std::string> small{"data: \n\n",
                                                    ": hello\n\n",
                                                    "data: : PROCESSING\n\n",
                                                    "event: ping\ndata: keep-alive\n\n",
                                                    "data: null\n\n",
                                                    "retry: 10\n\n",
                                                    "event: ping\ndata: {\"type\": \"ping\"}\n\n"};
        std::string out;
        for (const auto& e : x_.events) {
            if (talk_ && chance(r_, 30)) out += x_.speaks->streams_lines() ? "\n" : small[below(r_, small.size())];
            out += event_bytes(e);
        }
        if (x_.done) out += "data: [DONE]" + std::string(below(r_, 3), ' ') + newline_ + newline_;
        if (!late_.empty()) out += event_bytes(late_);
        return out;
    }

    dice& r_;
    exchange x_;
    const meaning& m_;
    std::string newline_ = "\n";
    json::object late_{};
    bool escaped_ = false, talk_ = false, one_newline_ = false, types_only_ = false, names_only_ = false,
         tight_ = false, pretty_ = false, ids_ = false, renumbered_ = false, destroyed_ = false, swapped_ = false;
};

}  // namespace

heard read(const provider::protocol& p, const mutated& m) {
    heard o;
    try {
        if (!m.asks_stream)
            o.answer = p.read(m.bytes);
        else {
            provider::answer_reader reader{p, {}};
            std::vector<lm_event> events;
            std::size_t step = m.largest_piece ? m.largest_piece : m.bytes.size() + 1;
            for (std::size_t i = 0; i < m.bytes.size() && !reader.done(); i += step)
                reader.feed(std::string_view{m.bytes}.substr(i, step), events);
            o.answer = reader.finish(events);
            std::string shown;
            for (const auto& e : events)
                if (e.kind == lm_event::text) shown += e.text_piece;
            if (o.answer.text != shown) o.error = "what was shown is not what was answered: " + shown;
        }
    } catch (const lm_error& e) {
        o.failed = true;
        o.error = e.what();
    }
    return o;
}

bool is_taken(const lm_response& r) {
    if (r.finish != finish_reason::stop && r.finish != finish_reason::tool_calls) return false;
    return std::all_of(r.tool_calls.begin(), r.tool_calls.end(), [](const tool_call& c) {
        if (c.arguments.empty()) return true;
        const auto read = read_unambiguous_json(c.arguments);  // as agents read them
        return read.value && read.value->is_object();
    });
}

drawn draw(std::uint64_t n) {
    dice r{n};
    meaning meant = draw_meaning(r);
    exchange x = writers[n % std::size(writers)](r, meant);
    const auto* speaks = x.speaks;
    mutated sent = mutator{r, std::move(x), meant}.run();
    return {std::move(meant), speaks, std::move(sent)};
}

}  // namespace reagent::test::odd
