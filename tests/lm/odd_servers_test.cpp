// A generator of odd servers: valid exchanges of six protocols, whole and streamed, changed at random in the ways that servers differ.
// Every run ends with the right outputs, which are those of the exchange before it was changed, or with an error that names what was wrong.
// REAGENT_ODD_SERVERS=COUNT or FIRST:COUNT says how many, and where to begin (a failure names its number).
#include "odd_servers.hpp"

#include "../../sdk/src/lm/providers/answer_reader.hpp"

#include <reagent/error.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>

using namespace reagent;
using namespace reagent::test::odd;

namespace {

// What holds the answer itself. A server that leaves a piece of it out cannot be found out, so these are not dropped, but given other
// types.
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
        return std::any_of(v.get_object().begin(), v.get_object().end(), [](const auto& m) { return says_something(m.value()); });
    return false;
}

bool find_spots(json::value& v, std::vector<spot>& to);

bool find_spots(json::object& o, std::vector<spot>& to) {
    bool any = false;
    for (auto& [name, part] : o) {
        if (name == "thought") continue;  // without it a thought is text, and nobody could tell
        if (name == "args" || name == "input" || (name == "arguments" && part.is_object())) {  // what is in them is the model's
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

void shuffle_members(json::value& v, dice& r) {
    if (v.is_array())
        for (auto& part : v.get_array()) shuffle_members(part, r);
    if (!v.is_object()) return;
    std::vector<std::pair<std::string, json::value>> members;
    for (auto& [name, part] : v.get_object()) {
        shuffle_members(part, r);
        members.emplace_back(name, std::move(part));
    }
    std::shuffle(members.begin(), members.end(), r);
    json::object o;
    for (auto& [name, part] : members) o[name] = std::move(part);
    v = std::move(o);
}

// Everything beyond ASCII as escapes, a character beyond the first plane as two.
std::string ascii(const std::string& json) {
    std::string out;
    for (std::size_t i = 0; i < json.size(); ++i) {
        auto c = static_cast<unsigned char>(json[i]);
        if (c < 0x80) {
            out += json[i];
            continue;
        }
        int more = c >= 0xF0 ? 3 : c >= 0xE0 ? 2 : 1;
        unsigned point = c & (0x3Fu >> more);
        for (; more > 0; --more) point = point << 6 | (static_cast<unsigned char>(json[++i]) & 63u);
        auto escape = [&](unsigned n) {
            char text[16];
            std::snprintf(text, sizeof text, "\\u%04x", n);
            out += text;
        };
        if (point >= 0x10000) {
            escape(0xD800 + ((point - 0x10000) >> 10));
            escape(0xDC00 + ((point - 0x10000) & 0x3FF));
        } else
            escape(point);
    }
    return out;
}

enum class oracle { right, right_or_error };

struct mutated {
    std::string kind, bytes;
    bool streamed;
    oracle wanted = oracle::right;
    std::size_t largest_piece = 0;  // 0: fed at once
};

class mutator {
public:
    mutator(dice& r, exchange x, const meaning& m) : r_{r}, x_{std::move(x)}, m_{m} {}

    mutated run() {
        mutated result{"unchanged", {}, chance(r_, 70)};
        result.largest_piece = chance(r_, 50) ? 1 + below(r_, 40) : 0;
        for (std::size_t n = below(r_, 3); n > 0; --n) result.streamed ? change_stream(result) : change_whole(result);
        result.bytes = result.streamed ? stream_bytes() : json::serialize(x_.whole);
        if (escaped_) result.bytes = ascii(result.bytes);
        if (chance(r_, 10)) result.bytes.insert(0, "\xEF\xBB\xBF");
        if (chance(r_, 15) && !swapped_) {
            result.kind += " cut";
            result.wanted = oracle::right_or_error;
            result.bytes.resize(below(r_, result.bytes.size() + 1));
        }
        if (result.streamed && chance(r_, 5)) result.kind += " asked whole", as_body_ = true;
        return result;
    }

    bool as_body() const { return as_body_; }

private:
    bool chat() const { return x_.speaks == &provider::openai_chat(); }

    void change_whole(mutated& result) {
        switch (below(r_, 5)) {
            case 0: return drop(result, x_.whole);
            case 1: return retype(result, x_.whole);
            case 2: return shuffle(x_.whole);
            case 3: return no_error(x_.whole);
            default: escaped_ = true;
        }
    }

    void change_stream(mutated& result) {
        auto& one = x_.events[below(r_, x_.events.size())];
        switch (below(r_, 14)) {
            case 0: return drop(result, one);
            case 1: return retype(result, one);
            case 2: return shuffle(one);
            case 3: return no_error(one);
            case 4: escaped_ = true; return;
            case 5: talk_ = true; return;
            case 6: one_newline_ = !x_.speaks->streams_lines(); return;
            case 7: return repeat(result);
            case 8: return swap(result);
            case 9: carriage_returns_ = true; return;
            case 10: x_.done = false; return;
            case 11: return renumber(result);
            case 12: return rename(result);
            default: return whole_arguments(result);
        }
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
        if (s.bears && (v.is_array() || v.is_object()) && s.in->at(s.name).kind() == v.kind()) return;  // that is another answer
        if (v == "odd" && payload.contains(s.name)) return;
        if (s.name == "done" && v == true) return;  // an end that nobody could tell from the real one
        if ((s.name == "arguments" || s.name == "args" || s.name == "input") && v.is_structured()) return;
        result.kind += " retype:" + s.name;
        result.wanted = oracle::right_or_error;
        (*s.in)[s.name] = std::move(v);
    }

    void shuffle(json::object& o) {
        json::value v = std::move(o);
        shuffle_members(v, r_);
        o = std::move(v.get_object());
    }

    void no_error(json::object& o) {
        const json::value nothing[]{nullptr, false, "", json::object{}, json::object{{"message", nullptr}}, json::array{}};
        o["error"] = nothing[below(r_, 6)];
    }

    bool bears(json::object& o) {
        std::vector<spot> all;
        return find_spots(o, all);
    }
    bool is_end(const json::object& o) const {
        auto* type = o.if_contains("type");
        auto* done = o.if_contains("done");
        return (type && (*type == "message_stop" || *type == "message-end" || *type == "response.completed")) || (done && *done == true);
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
        if (x_.events.size() < 2) return;
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

    template <class F>
    void each_call(F change, mutated&) {
        if (renumbered_ || destroyed_) return;  // one such oddity at a time: two of them may make calls that nobody could tell apart
        renumbered_ = true;
        for (auto& e : x_.events)
            for (auto& choice : e.at("choices").as_array())
                if (auto* list = choice.at("delta").as_object().if_contains("tool_calls"))
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
            if (list) {
                auto& c = list->as_array()[0].as_object();
                if (!c.contains("id")) continue;
                c.at("function").as_object()["arguments"] = json::parse(m_.calls.at(next++).arguments);
            }
            events.push_back(std::move(e));
        }
        x_.events = std::move(events);
    }

    std::string stream_bytes() {
        std::string newline = carriage_returns_ ? "\r\n" : "\n", out;
        bool lines = x_.speaks->streams_lines();
        static const std::vector<std::string> small{
            "data: \n\n", ": hello\n\n", "data: : PROCESSING\n\n", "event: ping\ndata: keep-alive\n\n", "data: null\n\n", "retry: 10\n\n"};
        for (const auto& e : x_.events) {
            if (talk_ && chance(r_, 30)) out += lines ? "\n" : small[below(r_, small.size())];
            auto* type = e.if_contains("type");
            if (x_.named && type && type->is_string() && !one_newline_) out += "event: " + std::string{type->get_string()} + newline;
            out += (lines ? "" : "data: ") + json::serialize(e) + newline + (lines || one_newline_ ? "" : newline);
        }
        if (x_.done) out += "data: [DONE]" + std::string(below(r_, 3), ' ') + newline + newline;
        return out;
    }

    dice& r_;
    exchange x_;
    const meaning& m_;
    bool escaped_ = false, talk_ = false, one_newline_ = false, carriage_returns_ = false, renumbered_ = false, destroyed_ = false,
         as_body_ = false, swapped_ = false;
};

struct heard {
    lm_response answer{};
    std::string error{};
    bool failed = false;
};

heard read(const provider::protocol& p, const mutated& m, bool as_body) {
    heard o;
    try {
        if (!m.streamed || as_body)
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

// An answer that ended otherwise, or calls whose arguments do not parse, are not taken: the next layer says so.
bool is_taken(const lm_response& r) {
    if (r.finish != finish_reason::stop && r.finish != finish_reason::tool_calls) return false;
    for (const auto& c : r.tool_calls) {
        boost::system::error_code ec;
        if (!c.arguments.empty() && (!json::parse(c.arguments, ec).is_object() || ec)) return false;
    }
    return true;
}

bool is_right(const lm_response& r, const meaning& m) {
    if (r.text != m.text || r.tool_calls.size() != m.calls.size()) return false;
    for (std::size_t i = 0; i < m.calls.size(); ++i) {
        const auto& c = r.tool_calls[i];
        if (c.name != m.calls[i].name || json::parse(c.arguments.empty() ? "{}" : c.arguments) != json::parse(m.calls[i].arguments))
            return false;
    }
    return true;
}

std::string verdict(const heard& o, const mutated& m, const meaning& meant) {
    if (!o.failed && !o.error.empty()) return o.error;
    if (o.failed && m.wanted == oracle::right) return "an error, where the answer can be read: " + o.error;
    if (o.failed) return o.error.size() > 20 ? "" : "an error that says nothing: " + o.error;
    if (!is_taken(o.answer)) return m.wanted == oracle::right ? "not taken: " + json::serialize(to_json(o.answer)) : "";
    return is_right(o.answer, meant) ? "" : "a wrong answer: " + json::serialize(to_json(o.answer));
}

}  // namespace

BOOST_AUTO_TEST_CASE(odd_servers_give_the_right_outputs_or_an_error_that_names_what_was_wrong) {
    std::uint64_t first = 0, count = 100'000;
    if (const char* option = std::getenv("REAGENT_ODD_SERVERS")) {
        std::string text = option;
        auto colon = text.find(':');
        count = std::stoull(text.substr(colon == text.npos ? 0 : colon + 1));
        if (colon != text.npos) first = std::stoull(text.substr(0, colon));
    }
    std::uint64_t wrong = 0, errors = 0;
    for (std::uint64_t n = first; n < first + count && wrong < 20; ++n) {
        dice r{n};
        meaning meant = draw_meaning(r);
        exchange x = writers[n % std::size(writers)](r, meant);
        const auto& speaks = *x.speaks;
        mutator change{r, std::move(x), meant};
        mutated m = change.run();
        heard o = read(speaks, m, change.as_body());
        errors += o.failed;
        if (auto v = verdict(o, m, meant); !v.empty()) {
            ++wrong;
            BOOST_TEST_MESSAGE(m.bytes);
            BOOST_ERROR("REAGENT_ODD_SERVERS=" << n << ":1 " << speaks.name() << (m.streamed ? " streamed" : " whole") << m.kind << ": "
                                               << v);
        }
    }
    BOOST_TEST(wrong == 0u);
    if (count >= 1000) {  // both ends are met
        BOOST_TEST(errors > count / 100);
        BOOST_TEST(errors < count / 2);
    }
}
