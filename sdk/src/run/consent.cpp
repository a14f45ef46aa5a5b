// Consent: what is asked, what a decision binds, and when it holds.
#include <reagent/run/consent.hpp>
#include <reagent/run/run.hpp>
#include <reagent/schema/schema.hpp>

#include "../base/utf8.hpp"
#include "../journal/replay_difference.hpp"
#include "at_work.hpp"
#include "consent_check.hpp"
#include "state.hpp"

#include <openssl/sha.h>
#include <boost/json.hpp>

#include <algorithm>

namespace reagent {

using detail::at_work;
using detail::mismatch;

namespace {

// Objects by name, whatever order a database or a program gives them.
void add_canonical(std::string& out, const json::value& v) {
    if (v.is_array()) {
        out += '[';
        for (const auto& item : v.get_array()) add_canonical(out, item), out += ',';
        out += ']';
    } else if (v.is_object()) {
        std::vector<const json::key_value_pair*> members;
        for (const auto& m : v.get_object()) members.push_back(&m);
        std::sort(members.begin(), members.end(), [](auto* a, auto* b) { return a->key() < b->key(); });
        out += '{';
        for (auto* m : members) {
            out += json::serialize(json::value(m->key())) + ":";
            add_canonical(out, m->value());
            out += ',';
        }
        out += '}';
    } else
        out += json::serialize(v);
}

std::chrono::milliseconds since_1970() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch());
}

// A clock that went back, or another machine's that is ahead.
constexpr std::chrono::minutes clocks_differ{5};

constexpr std::string_view flow_path =
    ".flow";  // behind the path of a call stands the consent to it that the flow policy wants

std::string wrong_fields(const json::value& schema_document, const json::object& arguments) {
    if (!schema_document.is_object()) return {};
    std::string wrong;
    for (const auto& v :
         schema{schema_document, {.assert_formats = true}}.read(json::value(arguments), reading::strict).violations)
        wrong += (wrong.empty() ? "" : "; ") + (v.path == "$" ? std::string{} : v.path + " ") + v.message;
    return wrong;
}

}  // namespace

std::string consent_digest(std::string_view run, const event& shown, const std::optional<json::object>& edited) {
    json::array bound{run, shown.branch, shown.path, shown.occurrence, shown.tool, shown.arguments};
    if (edited) bound.push_back(*edited);
    std::string text;
    add_canonical(text, bound);
    text = detail::valid_utf8(std::move(text));  // as a database gives it back
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
    std::string hex;
    for (unsigned char c : digest) hex += "0123456789abcdef"[c >> 4], hex += "0123456789abcdef"[c & 15];
    return hex;
}

namespace detail {

std::string wrong_edit(const decision_wanted& wanted, const json::object& arguments) {
    return wrong_fields(wanted.schema, arguments);
}

std::vector<std::uint64_t> unused_consents(const std::vector<journal_record>& records,
                                           const std::set<std::uint64_t>& begun) {
    std::map<std::pair<std::string, std::string>, std::uint64_t>
        given;  // by branch and path, until the call that it is for has ended
    auto use = [&](const event& call) {
        std::pair place{call.branch, call.path};
        given.erase(place);
        place.second += flow_path;
        given.erase(place);
    };
    for (const auto& r : records) {
        if (auto* b = std::get_if<effect_begun>(&r.what); b && begun.contains(b->what.id)) use(b->what);
        auto* f = std::get_if<effect_finished>(&r.what);
        if (!f) continue;
        if (f->what.kind == event_kind::approval && approval_decision_from_json(f->what.result).approved)
            given.insert_or_assign(std::pair{f->what.branch, f->what.path}, f->what.id);
        else if (f->what.kind == event_kind::tool_call || f->what.kind == event_kind::model_call)
            use(f->what);  // made; or it was not, the model was told why, and went on
    }
    std::vector<std::uint64_t> ids;
    for (const auto& [place, id] : given) ids.push_back(id);
    return ids;
}

std::string why_consent_fails(const approval_decision& d, const std::string& run, const event& call,
                              const std::function<std::string(const json::object&)>& wrong_arguments,
                              std::chrono::milliseconds lifetime, std::chrono::milliseconds now) {
    std::string who = d.by.empty() ? "" : " of " + visible_name(d.by);
    if (d.digest != consent_digest(run, call, d.arguments))
        return "the consent" + who + " was given to another call, or holds no digest of what was shown";
    if (lifetime.count() > 0 && now - d.at > lifetime) return "the consent" + who + " has expired";
    if (d.at - now > clocks_differ) return "the consent" + who + " is from the future: a clock was set back";
    if (!d.arguments) return {};
    std::string wrong = wrong_arguments(*d.arguments);
    return wrong.empty() ? "" : "the edited arguments" + who + " do not fit the tool: " + wrong;
}

}  // namespace detail

// Whether a consent that the journal has is used up by a call that it has too, or may be acted on now.
bool run_core::is_consent_to_act(const event& known) {
    auto& s = *state_;
    auto is_made_at = [&](const std::string& path) {
        event call{.kind = event_kind::tool_call,
                   .branch = branch_,
                   .path = path,
                   .occurrence = upcoming(event_kind::tool_call, path)};
        return s.kept.holds(call.kind, call.branch, call.path, call.occurrence) || (s.log && s.log->is_open(call));
    };
    return is_made_at(known.path) ||
           (known.path.ends_with(flow_path) && is_made_at(known.path.substr(0, known.path.size() - flow_path.size())));
}

// The schema is what a store can check; the conversion is the call's own.
struct run_core::edit_check {
    json::value schema_document;
    std::function<std::string(const json::object&)> wrong;

    std::string operator()(const json::object& arguments) const {
        std::string found = wrong_fields(schema_document, arguments);
        return found.empty() && wrong ? wrong(arguments) : found;
    }
};

task<approval_decision> run_core::wait_for_consent(event& e, const edit_check& edits) {
    auto& s = *state_;
    if (!s.log)
        throw run_error{run_errc::not_possible, "nobody is there to approve a call of " + visible_name(e.tool) +
                                                    ", and the run is not durable: it cannot wait"};
    auto asked = s.log->take_pending(e);
    if (asked && (asked->wanted.what.tool != e.tool || asked->wanted.what.arguments != e.arguments))
        mismatch(e, "but for other arguments than those that were shown to whoever decides, or another tool");
    std::optional<approval_decision> decision;
    if (asked && asked->decided) {
        const run_decision& d = *asked->decided;
        decision = {d.kind == run_decision::approve, d.arguments, d.text, d.by, d.at, d.digest};
        if (decision->approved)
            e.error =
                detail::why_consent_fails(*decision, s.own_name(), e, edits, s.options.consent_lifetime, since_1970());
        if (!e.error.empty()) {  // it is used up, and the question asked anew
            s.record_in_log(effects_abandoned{{asked->wanted.what.id}, false});
            asked.reset();
        }
    }
    e.id = asked ? asked->wanted.what.id : s.next_id++;
    if (!asked) s.record_in_log(decision_wanted{e, edits.schema_document});
    if (!asked || !asked->decided) {
        if (s.questions.size() < 8) s.questions.push_back(e);
        co_await park(run_status::awaiting_approval, e.id);
    }
    co_return std::move(*decision);
}

task<approval_decision> run_core::ask_approval(std::string path, std::string tool, json::value arguments,
                                               json::value schema, std::function<task<approval_decision>()> ask,
                                               std::string why, std::function<std::string(const json::object&)> wrong) {
    auto& s = *state_;
    const edit_check edits{std::move(schema), std::move(wrong)};
    s.check();
    before_effect();
    auto n = occurrence(event_kind::approval, path);
    s.private_to.learn(path, arguments);
    std::string again;
    if (auto known = recorded(event_kind::approval, path, n)) {
        if (known->tool != tool || known->arguments != arguments)
            mismatch(*known, "but for other arguments than the journal has, or another tool");
        auto decision = approval_decision_from_json(known->result);
        if (decision.approved && !is_consent_to_act(*known))
            again = detail::why_consent_fails(decision, s.own_name(), *known, edits, s.options.consent_lifetime,
                                              since_1970());
        if (again.empty()) {
            record(std::move(*known));
            co_return decision;
        }
        if (s.log) s.record_in_log(effects_abandoned{{known->id}, false});
        s.history->abandon(std::move(*known));
        go_live();
    }
    event e = started(event_kind::approval, path, n);
    e.tool = std::move(tool);
    e.arguments = std::move(arguments);
    e.error = std::move(again);
    e.why = std::move(why);
    approval_decision decision;
    if (ask) {
        if (s.log) co_await begin_effect();
        at_work uninterrupted{s};
        decision = co_await ask();
        if (decision.by.empty()) decision.by = "the program";
        decision.at = since_1970();
        decision.digest = consent_digest(s.own_name(), e, decision.arguments);
    } else
        decision = co_await wait_for_consent(e, edits);
    e.error.clear();
    e.duration = elapsed() - e.started;
    e.result = to_json(decision);
    record_fresh(std::move(e));
    if (s.log) co_await s.log->stored();
    co_return decision;
}

}  // namespace reagent
