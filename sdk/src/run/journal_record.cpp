// The records of a journal as JSON, and back. One codec serves files, databases and traces.
#include <reagent/run/journal_record.hpp>

#include <reagent/error.hpp>
#include <reagent/schema/repair.hpp>

#include "../text.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <cmath>
#include <map>

namespace reagent {
namespace {

run_error bad(const std::string& why) { return run_error{run_errc::bad_journal, "this is no record of a journal: " + why}; }

constexpr event_kind event_kinds[]{event_kind::model_call, event_kind::tool_call, event_kind::clock, event_kind::random,
                                   event_kind::approval};

template <class... F>
struct overloaded : F... {
    using F::operator()...;
};

// JSON knows no infinities; they are written as {"float": "inf"}.
bool all_finite(const json::value& v) {
    if (v.is_double()) return std::isfinite(v.get_double());
    if (v.is_array())
        for (const auto& item : v.get_array())
            if (!all_finite(item)) return false;
    if (v.is_object())
        for (const auto& [key, item] : v.get_object())
            if (!all_finite(item)) return false;
    return true;
}

void replace_infinities(json::value& v) {
    if (v.is_double() && !std::isfinite(v.get_double())) {
        double d = v.get_double();
        v = json::object{{"float", std::isnan(d) ? "nan" : d > 0 ? "inf" : "-inf"}};
    } else if (v.is_array())
        for (auto& item : v.get_array()) replace_infinities(item);
    else if (v.is_object())
        for (auto& [key, item] : v.get_object()) replace_infinities(item);
}

void restore_infinities(json::value& v) {
    if (v.is_array())
        for (auto& item : v.get_array()) restore_infinities(item);
    else if (v.is_object()) {
        auto& o = v.get_object();
        if (auto* f = o.if_contains("float"); f && o.size() == 1 && f->is_string()) {
            std::string name{f->get_string()};
            if (name == "nan") v = std::nan("");
            if (name == "inf") v = static_cast<double>(INFINITY);
            if (name == "-inf") v = -static_cast<double>(INFINITY);
            return;
        }
        for (auto& [key, item] : o) restore_infinities(item);
    }
}

void put(json::object& o, const char* key, const std::string& text) {
    if (!text.empty()) o[key] = text;
}

void put_place(json::object& o, const call_place& p) {
    put(o, "branch", p.branch);
    o["path"] = p.path;
    if (p.occurrence) o["occurrence"] = p.occurrence;
}

void put_event(json::object& o, const event& e) {
    o["id"] = e.id;
    o["kind"] = to_string(e.kind);
    put_place(o, {e.branch, e.path, e.occurrence});
    if (e.splits) o["splits"] = e.splits;
    put(o, "model", e.model);
    if (e.request) o["request"] = to_json(*e.request);
    if (e.response) o["response"] = to_json(*e.response);
    put(o, "tool", e.tool);
    if (!e.arguments.is_null()) o["arguments"] = e.arguments;
    if (!e.result.is_null()) o["result"] = e.result;
    put(o, "error", e.error);
    if (e.flow.any()) o["flow"] = to_json(e.flow);
    put(o, "why", e.why);
    if (e.error_code) o["error_code"] = e.error_code;
    if (e.started.count()) o["started"] = e.started.count();
    if (e.duration.count()) o["duration"] = e.duration.count();
}

std::string text_at(const json::object& o, const char* key) {
    auto* v = o.if_contains(key);
    if (!v) return {};
    if (!v->is_string()) throw bad(std::string{"`"} + key + "` is no text");
    return std::string{v->get_string()};
}

std::uint64_t number_at(const json::object& o, const char* key, std::uint64_t most = UINT64_MAX >> 1) {
    auto* v = o.if_contains(key);
    if (!v) return 0;
    boost::system::error_code ec;
    auto n = v->is_number() ? v->to_number<std::uint64_t>(ec) : 0;
    if (ec || !v->is_number() || n > most) throw bad(std::string{"`"} + key + "` is no number in its range");
    return n;
}

bool flag_at(const json::object& o, const char* key) {
    auto* v = o.if_contains(key);
    return v && v->is_bool() && v->get_bool();
}

json::object object_at(const json::object& o, const char* key) {
    auto* v = o.if_contains(key);
    if (!v) return {};
    if (!v->is_object()) throw bad(std::string{"`"} + key + "` is no object");
    return v->get_object();
}

call_place place_at(const json::object& o) {
    return {text_at(o, "branch"), text_at(o, "path"), static_cast<std::uint32_t>(number_at(o, "occurrence", UINT32_MAX))};
}

event event_at(const json::object& o) {
    event e;
    std::string kind = text_at(o, "kind");
    bool known = false;
    for (auto k : event_kinds)
        if (to_string(k) == kind) e.kind = k, known = true;
    if (!known) throw bad("there is no effect of kind \"" + kind + "\"");
    e.id = number_at(o, "id");
    auto place = place_at(o);
    e.branch = std::move(place.branch);
    e.path = std::move(place.path);
    e.occurrence = place.occurrence;
    for (char c : e.branch)
        if (!is_digit(c) && c != '.') throw bad("`branch` holds something else than numbers and dots");
    e.splits = static_cast<std::uint32_t>(number_at(o, "splits", UINT32_MAX));
    try {
        if (auto* r = o.if_contains("request")) e.request = std::make_shared<const lm_request>(lm_request_from_json(*r));
        if (auto* r = o.if_contains("response")) e.response = std::make_shared<const lm_response>(lm_response_from_json(*r));
    } catch (const lm_error& what) {
        throw bad(what.what());
    }
    e.model = text_at(o, "model");
    e.tool = text_at(o, "tool");
    if (auto* v = o.if_contains("arguments")) e.arguments = *v;
    if (auto* v = o.if_contains("result")) e.result = *v;
    e.error = text_at(o, "error");
    if (auto* v = o.if_contains("flow")) e.flow = flow_flags_from_json(*v);
    e.why = text_at(o, "why");
    e.error_code = static_cast<int>(number_at(o, "error_code", 1000));
    e.started = std::chrono::microseconds{number_at(o, "started")};
    e.duration = std::chrono::microseconds{number_at(o, "duration")};
    return e;
}

// Bytes that are no UTF-8 become U+FFFD: PostgreSQL and JSON take nothing else. Source: RFC 3629, section 4.
std::string valid_utf8(std::string text) {
    auto sequence = [&](std::size_t i) -> std::size_t {
        auto at = [&](std::size_t k) { return k < text.size() ? static_cast<unsigned char>(text[k]) : 0u; };
        auto tail = [&](std::size_t k) { return (at(k) & 0xC0) == 0x80; };
        unsigned c = at(i), second = at(i + 1);
        if (c < 0x80) return 1;
        if (c >= 0xC2 && c <= 0xDF) return tail(i + 1) ? 2 : 0;
        if (c >= 0xE0 && c <= 0xEF) {
            if ((c == 0xE0 && second < 0xA0) || (c == 0xED && second > 0x9F)) return 0;
            return tail(i + 1) && tail(i + 2) ? 3 : 0;
        }
        if (c >= 0xF0 && c <= 0xF4) {
            if ((c == 0xF0 && second < 0x90) || (c == 0xF4 && second > 0x8F)) return 0;
            return tail(i + 1) && tail(i + 2) && tail(i + 3) ? 4 : 0;
        }
        return 0;
    };
    std::size_t i = 0;
    while (i < text.size()) {
        auto n = sequence(i);
        if (!n) break;
        i += n;
    }
    if (i >= text.size()) return text;
    std::string out = text.substr(0, i);
    while (i < text.size()) {
        auto n = sequence(i);
        if (n)
            out.append(text, i, n);
        else
            out += "\xEF\xBF\xBD";
        i += n ? n : 1;
    }
    return out;
}

}  // namespace

json::object to_json(const journal_record& r) {
    json::object o;
    auto named = [&](const char* name) { o["record"] = name; };
    std::visit(overloaded{
                   [&](const effect_begun& b) {
                       named("begun");
                       put_event(o, b.what);
                       if (b.repeatable) o["repeatable"] = true;
                       if (b.reentered) o["reentered"] = true;
                   },
                   [&](const effect_finished& f) {
                       named("finished");
                       put_event(o, f.what);
                   },
                   [&](const decision_wanted& d) {
                       named("wanted");
                       put_event(o, d.what);
                       if (!d.schema.is_null()) o["schema"] = d.schema;
                   },
                   [&](const effects_abandoned& a) {
                       named("abandoned");
                       json::array ids;
                       for (auto id : a.ids) ids.push_back(id);
                       o["ids"] = std::move(ids);
                       if (a.backtrack) o["backtrack"] = true;
                   },
                   [&](const assertion_recorded& a) {
                       named(a.what.soft ? "suggestion" : "assertion");
                       put_place(o, a.what.blamed);
                       o["message"] = a.what.message;
                       o["site"] = a.what.site;
                       o["outputs"] = a.what.outputs;
                       if (a.what.final) o["final"] = true;
                   },
                   [&](const advice_given& a) {
                       named("advice");
                       put_place(o, a.place);
                       o["message"] = a.told.message;
                       o["outputs"] = a.told.outputs;
                   },
                   [&](const advice_forgotten& a) {
                       named("forgotten");
                       put_place(o, a.place);
                   },
                   [&](const predictor_returned& p) {
                       named("predictor");
                       put_place(o, p.call->place);
                       o["inputs"] = p.call->inputs;
                       o["outputs"] = p.call->outputs;
                       put(o, "trajectory", p.call->trajectory);
                   },
                   [&](const run_taken& t) {
                       named("taken");
                       put(o, "worker", t.worker);
                   },
               },
               r.what);
    o["at"] = r.at.count();
    return o;
}

journal_record journal_record_from_json(const json::value& v) {
    if (!v.is_object()) throw bad("it is no object");
    const auto& o = v.get_object();
    journal_record r;
    r.at = std::chrono::microseconds{number_at(o, "at")};
    std::string name = text_at(o, "record");
    if (name == "begun")
        r.what = effect_begun{event_at(o), flag_at(o, "repeatable"), flag_at(o, "reentered"), {}};
    else if (name == "finished")
        r.what = effect_finished{event_at(o)};
    else if (name == "wanted")
        r.what = decision_wanted{event_at(o), o.contains("schema") ? o.at("schema") : json::value{}};
    else if (name == "abandoned") {
        effects_abandoned a;
        auto* ids = o.if_contains("ids");
        if (!ids || !ids->is_array()) throw bad("`ids` is no array");
        for (const auto& id : ids->get_array()) {
            boost::system::error_code ec;
            a.ids.push_back(id.is_number() ? id.to_number<std::uint64_t>(ec) : throw bad("an id is no number"));
        }
        a.backtrack = flag_at(o, "backtrack");
        r.what = std::move(a);
    } else if (name == "suggestion" || name == "assertion")
        r.what = assertion_recorded{{.soft = name == "suggestion",
                                     .final = flag_at(o, "final"),
                                     .message = text_at(o, "message"),
                                     .site = text_at(o, "site"),
                                     .blamed = place_at(o),
                                     .outputs = object_at(o, "outputs")}};
    else if (name == "advice")
        r.what = advice_given{place_at(o), {object_at(o, "outputs"), text_at(o, "message")}};
    else if (name == "forgotten")
        r.what = advice_forgotten{place_at(o)};
    else if (name == "predictor")
        r.what = predictor_returned{std::make_shared<const predictor_call>(
            predictor_call{place_at(o), object_at(o, "inputs"), object_at(o, "outputs"), text_at(o, "trajectory")})};
    else if (name == "taken")
        r.what = run_taken{text_at(o, "worker")};
    else
        throw bad("there is no kind \"" + cut(name, 40) + "\" in format " + std::to_string(journal_format));
    return r;
}

std::string to_text(const journal_record& r) {
    json::value v = to_json(r);
    if (!all_finite(v)) replace_infinities(v);
    return valid_utf8(json::serialize(v));
}

journal_record journal_record_from_text(std::string_view text) {
    auto v = parse_json(text, 2 * max_json_depth);
    if (!v) throw bad("it is no JSON: " + cut(std::string{text}, 60));
    if (text.find("\"float\":\"") != text.npos) restore_infinities(*v);
    return journal_record_from_json(*v);
}

json::value to_json(const approval_decision& d) {
    json::object o{{"approved", d.approved}};
    if (d.arguments) o["arguments"] = *d.arguments;
    put(o, "reason", d.reason);
    put(o, "by", d.by);
    return o;
}

approval_decision approval_decision_from_json(const json::value& v) {
    if (!v.is_object()) throw bad("a decision is no object");
    const auto& o = v.get_object();
    approval_decision d{.approved = flag_at(o, "approved"), .reason = text_at(o, "reason"), .by = text_at(o, "by")};
    if (o.contains("arguments")) d.arguments = object_at(o, "arguments");
    return d;
}

loaded_journal load_journal(const std::vector<journal_record>& records) {
    loaded_journal all;
    std::vector<event> finished;
    std::vector<std::uint64_t> order;  // of what was undone
    std::map<std::uint64_t, bool> undone;
    std::string worker;
    std::map<std::uint64_t, effect_begun> open;
    std::map<std::uint64_t, decision_wanted> wanted;
    std::map<call_place, std::shared_ptr<const predictor_call>> calls;
    std::vector<call_place> call_order;
    auto seen = [&](std::uint64_t id) { all.next_id = std::max(all.next_id, id + 1); };
    for (const auto& r : records) {
        all.at = std::max(all.at, r.at);
        ++all.records;
        std::visit(overloaded{
                       [&](const effect_begun& b) {
                           seen(b.what.id);
                           open[b.what.id] = b;
                           open[b.what.id].worker = worker;
                       },
                       [&](const effect_finished& f) {
                           seen(f.what.id);
                           open.erase(f.what.id);
                           wanted.erase(f.what.id);
                           finished.push_back(f.what);
                       },
                       [&](const decision_wanted& d) {
                           seen(d.what.id);
                           wanted[d.what.id] = d;
                       },
                       [&](const effects_abandoned& a) {
                           for (auto id : a.ids) {
                               undone[id] = true;
                               open.erase(id);
                               wanted.erase(id);
                           }
                       },
                       [&](const assertion_recorded& a) {
                           auto failed = a.what;
                           failed.at = r.at;
                           all.history->append(std::move(failed));
                       },
                       [&](const advice_given& a) { all.history->advise(a.place, a.told); },
                       [&](const advice_forgotten& a) { all.history->forget_advice(a.place); },
                       [&](const predictor_returned& p) {
                           if (!calls.contains(p.call->place)) call_order.push_back(p.call->place);
                           calls[p.call->place] = p.call;
                       },
                       [&](const run_taken& t) { worker = t.worker; },
                   },
                   r.what);
    }
    for (auto& e : finished) {
        if (e.id && undone.contains(e.id))
            all.history->abandon(std::move(e));
        else
            all.history->append(std::move(e));
    }
    for (const auto& place : call_order) all.history->append(calls[place]);
    for (auto& [id, b] : open) all.open.push_back(std::move(b));
    for (auto& [id, d] : wanted) all.undecided.push_back(std::move(d));
    return all;
}

std::size_t whole_records(const std::vector<journal_record>& records, std::size_t wanted) {
    std::size_t open = 0, n = 0;
    while (n < records.size() && (n < wanted || open > 0)) {
        const auto& what = records[n++].what;
        if (std::holds_alternative<advice_given>(what)) ++open;
        if (auto* a = std::get_if<effects_abandoned>(&what); a && a->backtrack && open > 0) --open;
    }
    // An assertion stands before its advice.
    if (n < records.size() && n > 0)
        if (auto* a = std::get_if<assertion_recorded>(&records[n - 1].what); a && !a->what.final) return whole_records(records, n + 1);
    return n;
}

std::size_t records_through(const std::vector<journal_record>& records, std::uint64_t effect) {
    for (std::size_t i = 0; i < records.size(); ++i)
        if (auto* f = std::get_if<effect_finished>(&records[i].what); f && f->what.id == effect) return i + 1;
    return 0;
}

std::vector<journal_record> records_of(const journal& j) {
    std::vector<journal_record> all;
    std::uint64_t next = 1;
    for (const auto* events : {&j.events(), &j.abandoned()})
        for (const auto& e : *events) next = std::max(next, e.id + 1);
    effects_abandoned undone;
    auto add = [&](event e, bool abandoned) {
        if (!e.id) e.id = next++;
        if (abandoned) undone.ids.push_back(e.id);
        auto at = e.started + e.duration;
        all.push_back({at, effect_finished{std::move(e)}});
    };
    for (const auto& e : j.events()) add(e, false);
    for (const auto& e : j.abandoned()) add(e, true);
    std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.at < b.at; });
    std::chrono::microseconds last = all.empty() ? std::chrono::microseconds{} : all.back().at;
    if (!undone.ids.empty()) all.push_back({last, std::move(undone)});
    for (const auto& a : j.violations()) all.push_back({a.at, assertion_recorded{a}});
    for (const auto& [place, told] : j.feedback_by_place())
        for (const auto& f : told) all.push_back({last, advice_given{place, f}});
    for (const auto& c : j.predictor_calls()) all.push_back({last, predictor_returned{c}});
    return all;
}

}  // namespace reagent
