// The records of a journal as JSON, and back. One codec serves files, databases and traces.
#include <reagent/journal/journal_record.hpp>

#include <reagent/error.hpp>
#include <reagent/schema/repair.hpp>

#include "../base/json_text.hpp"
#include "../base/redact.hpp"
#include "../base/text.hpp"
#include "../base/utf8.hpp"
#include "record_depth.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <unordered_map>
#include <unordered_set>

namespace reagent {
namespace {

run_error bad(const std::string& why) {
    return run_error{run_errc::bad_journal, "this is no record of a journal: " + why};
}

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
    if (e.request) o["request"] = e.request->to_json();
    put(o, "fingerprint", e.fingerprint);
    if (e.response) o["response"] = to_json(*e.response);
    put(o, "tool", e.tool);
    if (!e.arguments.is_null()) o["arguments"] = e.arguments;
    if (!e.result.is_null()) o["result"] = e.result;
    put(o, "error", e.error);
    if (e.flow.any()) o["flow"] = to_json(e.flow);
    put(o, "why", e.why);
    if (e.error_code) o["error_code"] = e.error_code;
    if (e.used.calls) o["used"] = to_json(e.used);
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
    return {text_at(o, "branch"), text_at(o, "path"),
            static_cast<std::uint32_t>(number_at(o, "occurrence", UINT32_MAX))};
}

event event_at(const json::object& o, const recorded_request::known* known) {
    event e;
    std::string kind = text_at(o, "kind");
    bool found = false;
    for (auto k : event_kinds)
        if (to_string(k) == kind) e.kind = k, found = true;
    if (!found) throw bad("there is no effect of kind \"" + kind + "\"");
    e.id = number_at(o, "id");
    auto place = place_at(o);
    e.branch = std::move(place.branch);
    e.path = std::move(place.path);
    e.occurrence = place.occurrence;
    for (char c : e.branch)
        if (!is_digit(c) && c != '.') throw bad("`branch` holds something else than numbers and dots");
    e.splits = static_cast<std::uint32_t>(number_at(o, "splits", UINT32_MAX));
    try {
        if (auto* r = o.if_contains("request")) e.request = recorded_request::from_json(*r, e.id, known);
        if (auto* r = o.if_contains("response"))
            e.response = std::make_shared<const lm_response>(lm_response_from_json(*r));
    } catch (const lm_error& what) {
        throw bad(what.what());
    }
    e.fingerprint = text_at(o, "fingerprint");
    e.model = text_at(o, "model");
    e.tool = text_at(o, "tool");
    if (auto* v = o.if_contains("arguments")) e.arguments = *v;
    if (auto* v = o.if_contains("result")) e.result = *v;
    e.error = text_at(o, "error");
    if (auto* v = o.if_contains("flow")) e.flow = flow_flags_from_json(*v);
    e.why = text_at(o, "why");
    e.error_code = static_cast<int>(number_at(o, "error_code", 1000));
    if (auto* u = o.if_contains("used"); u && u->is_object()) e.used = usage_from_json(u->get_object());
    e.started = std::chrono::microseconds{number_at(o, "started")};
    e.duration = std::chrono::microseconds{number_at(o, "duration")};
    return e;
}

// What a journal's earlier records hold that later ones refer to.
struct earlier_records : recorded_request::known {
    std::unordered_map<std::uint64_t, std::shared_ptr<const recorded_request>> requests;
    std::unordered_map<std::string, recorded_text> texts;

    std::shared_ptr<const recorded_request> request(std::uint64_t effect) const override {
        auto found = requests.find(effect);
        return found == requests.end() ? nullptr : found->second;
    }
};

void put_text(json::object& o, const char* key, const recorded_text& t) {
    if (!t.continues()) {
        put(o, key, t.str());
        return;
    }
    json::array pieces;
    for (const auto& p : t.pieces())
        if (p.bytes)
            pieces.push_back(json::object{{"from", p.from}, {"bytes", p.bytes}});
        else
            pieces.push_back(json::value(json::string(p.text)));
    o[key] = json::object{{"of", t.earlier_key()}, {"pieces", std::move(pieces)}};
}

recorded_text recorded_text_at(const json::object& o, const char* key, earlier_records* known) {
    auto* v = o.if_contains(key);
    if (!v || !v->is_object()) return recorded_text{text_at(o, key)}.with_key();
    const auto& given = v->get_object();
    auto* parts = given.if_contains("pieces");
    if (!parts || !parts->is_array()) throw bad(std::string{"`"} + key + "` has no pieces");
    std::vector<recorded_text::piece> pieces;
    for (const auto& p : parts->get_array())
        if (p.is_string())
            pieces.push_back({0, 0, std::string{p.get_string()}});
        else if (p.is_object())
            pieces.push_back({number_at(p.get_object(), "from", SIZE_MAX >> 2),
                              number_at(p.get_object(), "bytes", SIZE_MAX >> 2),
                              {}});
        else
            throw bad(std::string{"`"} + key + "` has a piece of another kind");
    std::string of = text_at(given, "of");
    const recorded_text* earlier = nullptr;
    if (known) {
        auto found = known->texts.find(of);
        if (found == known->texts.end())
            throw bad(std::string{"`"} + key + "` continues a text that no record before it has");
        earlier = &found->second;
    }
    return recorded_text::made_of(earlier, std::move(pieces), std::move(of)).with_key();
}

}  // namespace

namespace {

// Not further than the answer needs: what is refused may be of any depth.
template <class Value>
bool is_deeper(const Value& v, int most);
bool is_deeper_value(const json::value& v, int most) {
    return v.is_object() ? is_deeper(v.get_object(), most) : v.is_array() && is_deeper(v.get_array(), most);
}
template <class Value>
bool is_deeper(const Value& v, int most) {
    if (most == 0) return true;
    for (const auto& item : v) {
        if constexpr (std::is_same_v<Value, json::object>) {
            if (is_deeper_value(item.value(), most - 1)) return true;
        } else if (is_deeper_value(item, most - 1))
            return true;
    }
    return false;
}

std::string told_as_too_deep() {
    return "is nested more than " + std::to_string(max_stored_depth) + " deep, which is the most that is recorded";
}

}  // namespace

std::string too_deep(const json::value& v) { return is_deeper_value(v, max_stored_depth) ? told_as_too_deep() : ""; }
std::string too_deep(const json::object& o) { return is_deeper(o, max_stored_depth) ? told_as_too_deep() : ""; }

json::object to_json(const journal_record& r) {
    json::object o;
    auto named = [&](const char* name) { o["record"] = name; };
    std::visit(overloaded{
                   [&](const effect_begun& b) {
                       named("begun");
                       put_event(o, b.what);
                       if (b.repeatable) o["repeatable"] = true;
                       if (b.reentered) o["reentered"] = true;
                       put(o, "key", b.key);
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
                       put_text(o, "trajectory", p.call->trajectory);
                   },
                   [&](const run_taken& t) {
                       named("taken");
                       put(o, "worker", t.worker);
                       if (!t.about.empty()) o["about"] = t.about;
                   },
               },
               r.what);
    o["at"] = r.at.count();
    return o;
}

namespace {

journal_record record_from(const json::value& v, earlier_records* known) {
    if (!v.is_object()) throw bad("it is no object");
    const auto& o = v.get_object();
    journal_record r;
    r.at = std::chrono::microseconds{number_at(o, "at")};
    std::string name = text_at(o, "record");
    if (name == "begun")
        r.what =
            effect_begun{event_at(o, known), flag_at(o, "repeatable"), flag_at(o, "reentered"), {}, text_at(o, "key")};
    else if (name == "finished")
        r.what = effect_finished{event_at(o, known)};
    else if (name == "wanted")
        r.what = decision_wanted{event_at(o, known), o.contains("schema") ? o.at("schema") : json::value{}};
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
        r.what = predictor_returned{std::make_shared<const predictor_call>(predictor_call{
            place_at(o), object_at(o, "inputs"), object_at(o, "outputs"), recorded_text_at(o, "trajectory", known)})};
    else if (name == "taken")
        r.what = run_taken{text_at(o, "worker"), object_at(o, "about")};
    else
        throw bad("there is no kind \"" + cut(name, 40) + "\" in format " + std::to_string(journal_format));
    return r;
}

journal_record record_from(std::string_view text, earlier_records* known) {
    auto v = parse_json(text, detail::max_record_depth);
    if (!v) throw bad("it is no JSON: " + detail::cut_without_keys(text, 60));
    if (text.find("\"float\":\"") != text.npos) restore_infinities(*v);
    return record_from(*v, known);
}

}  // namespace

journal_record journal_record_from_json(const json::value& v) { return record_from(v, nullptr); }

std::string to_text(const journal_record& r) {
    json::value v = to_json(r);
    if (!all_finite(v)) replace_infinities(v);
    std::string text;
    detail::append_json(text, v);
    return detail::valid_utf8(std::move(text));
}

journal_record journal_record_from_text(std::string_view text) { return record_from(text, nullptr); }

struct journal_reader::impl : earlier_records {};
journal_reader::journal_reader() : impl_{std::make_unique<impl>()} {}
journal_reader::~journal_reader() = default;

journal_record journal_reader::read(std::string_view line) {
    auto r = record_from(line, impl_.get());
    if (auto* f = std::get_if<effect_finished>(&r.what); f && f->what.request && f->what.id)
        impl_->requests[f->what.id] = f->what.request;
    if (auto* p = std::get_if<predictor_returned>(&r.what); p && !p->call->trajectory.empty())
        impl_->texts.insert_or_assign(p->call->trajectory.key(), p->call->trajectory);
    return r;
}

json::value to_json(const approval_decision& d) {
    json::object o{{"approved", d.approved}};
    if (d.arguments) o["arguments"] = *d.arguments;
    put(o, "reason", d.reason);
    put(o, "by", d.by);
    if (d.at.count()) o["at"] = d.at.count();
    put(o, "digest", d.digest);
    return o;
}

approval_decision approval_decision_from_json(const json::value& v) {
    if (!v.is_object()) throw bad("a decision is no object");
    const auto& o = v.get_object();
    approval_decision d{.approved = flag_at(o, "approved"),
                        .reason = text_at(o, "reason"),
                        .by = text_at(o, "by"),
                        .at = std::chrono::milliseconds{number_at(o, "at", INT64_MAX / 4)},
                        .digest = text_at(o, "digest")};
    if (o.contains("arguments")) d.arguments = object_at(o, "arguments");
    return d;
}

}  // namespace reagent
