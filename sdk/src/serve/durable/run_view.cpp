#include "run_view.hpp"

#include "../problem.hpp"
#include "names.hpp"

#include <reagent/run/consent.hpp>
#include <reagent/schema/render.hpp>

#include <boost/json.hpp>

namespace reagent::detail {
namespace {

std::int64_t ms_of(std::chrono::system_clock::time_point t) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(t.time_since_epoch()).count();
}

json::object decision_view(const run_decision& d) {
    const bool yes = d.kind != run_decision::reject && d.kind != run_decision::failed;
    json::object o{{"approved", yes}, {"by", d.by}, {"at_ms", d.at.count()}};
    if (d.arguments) o["arguments"] = *d.arguments;
    if (!d.text.empty()) o["reason"] = d.text;
    return o;
}

std::optional<told_event> step_begun(const effect_begun& b, shown_steps steps) {
    if (b.what.kind != event_kind::tool_call || steps == shown_steps::none) return {};
    json::object data{{"effect", b.what.id}, {"tool", b.what.tool}};
    if (steps == shown_steps::all) data["arguments"] = b.what.arguments;
    return told_event{{}, "step", std::move(data)};
}

std::optional<told_event> effect_ended(const event& e, shown_steps steps) {
    if (e.kind == event_kind::approval && e.result.is_object()) {
        auto d = approval_decision_from_json(e.result);
        json::object data{{"effect", e.id}, {"tool", e.tool}, {"approved", d.approved}, {"by", d.by}};
        data["at_ms"] = d.at.count();
        if (d.arguments) data["arguments"] = *d.arguments;
        if (!d.reason.empty()) data["reason"] = d.reason;
        return told_event{{}, "decided", std::move(data)};
    }
    if (e.kind != event_kind::tool_call || steps != shown_steps::all) return {};
    json::object data{{"effect", e.id}, {"tool", e.tool}};
    if (e.error.empty())
        data["observation"] = e.result;
    else
        data["error"] = e.error;
    return told_event{{}, "step", std::move(data)};
}

}  // namespace

bool is_at_its_end(run_status s) {
    return s == run_status::finished || s == run_status::failed || s == run_status::cancelled;
}

bool waits_for_somebody(run_status s) { return s == run_status::awaiting_approval || s == run_status::outcome_unknown; }

json::object pending_view(const event& e, const std::string& digest) {
    json::object o{{"effect", e.id},
                   {"kind", e.kind == event_kind::approval ? "approval" : "outcome_unknown"},
                   {"tool", e.tool},
                   {"arguments", e.arguments},
                   {"question", question_text(e, SIZE_MAX, "")},
                   {"digest", digest}};
    if (!e.error.empty()) o["asked_again"] = e.error;
    if (!e.why.empty()) o["why"] = e.why;
    return o;
}

json::object run_view(const stored_run& r, const std::vector<pending_decision>& pending) {
    json::object o{{"id", r.id}, {"program", r.program}, {"status", to_string(r.status)}};
    json::object inputs = r.inputs;
    if (!r.session.empty()) {
        inputs.erase("history");  // the conversation, which is at its own place
        o["session"] = session_name_of(r.session);
    }
    o["inputs"] = std::move(inputs);
    if (r.outputs) o["outputs"] = *r.outputs;
    if (r.status == run_status::failed || r.status == run_status::cancelled) o["problem"] = problem_of_run(r);
    if (r.cancel_requested && !is_at_its_end(r.status)) o["cancel_requested"] = true;
    json::array waiting;
    for (const auto& p : pending) {
        if (is_at_its_end(r.status)) break;
        auto one = pending_view(p.wanted.what, p.digest);
        if (p.decided) one["decided"] = decision_view(*p.decided);
        waiting.push_back(std::move(one));
    }
    o["pending"] = std::move(waiting);
    o["usage"] = to_json(r.usage);
    o["created_ms"] = ms_of(r.created);
    o["updated_ms"] = ms_of(r.updated);
    return o;
}

json::object problem_of_run(const stored_run& r) {
    const bool cancelled = r.status == run_status::cancelled;
    auto reply = cancelled ? problem(409, "cancelled", "the run was cancelled")
                           : problem(500, "run-failed", "the run failed; whoever runs this server can see why");
    return json::parse(reply.body).as_object();
}

std::optional<told_event> event_of_record(const journal_store::numbered_record& r, const std::string& run,
                                          shown_steps steps) {
    std::optional<told_event> told;
    if (std::get_if<run_taken>(&r.what.what))
        told = told_event{{}, "status", {{"status", "running"}}};
    else if (auto* b = std::get_if<effect_begun>(&r.what.what))
        told = step_begun(*b, steps);
    else if (auto* f = std::get_if<effect_finished>(&r.what.what))
        told = effect_ended(f->what, steps);
    else if (auto* d = std::get_if<decision_wanted>(&r.what.what))
        told = told_event{{}, "waits", pending_view(d->what, consent_digest(run, d->what, {}))};
    else if (auto* a = std::get_if<effects_abandoned>(&r.what.what); a && a->backtrack)
        told = told_event{{}, "restart", {}};
    if (told) told->id = std::to_string(r.number);
    return told;
}

told_event last_event(const stored_run& r) {
    if (r.status == run_status::finished) return {"end", "output", r.outputs.value_or(json::object{})};
    return {"end", "error", problem_of_run(r)};
}

std::string to_event_text(const told_event& e) {
    return "id: " + e.id + "\n" + event_text(e.type, dump_strict_json(e.data));
}

json::object to_json(const told_event& e) { return {{"id", e.id}, {"type", e.type}, {"data", e.data}}; }

}  // namespace reagent::detail
