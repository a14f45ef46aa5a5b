// A journal's records as what a run starts from, and the other way round.
#include <reagent/journal/journal_record.hpp>

#include <boost/json.hpp>

#include <algorithm>
#include <map>
#include <unordered_map>
#include <unordered_set>

namespace reagent {
namespace {

template <class... F>
struct overloaded : F... {
    using F::operator()...;
};

// A request may continue one that is not among these records, or has another number here: then it is told whole.
void alone_where_needed(std::vector<journal_record>& records) {
    std::unordered_map<const recorded_request*, std::shared_ptr<const recorded_request>> written;
    for (auto& r : records) {
        auto* f = std::get_if<effect_finished>(&r.what);
        if (!f || !f->what.request) continue;
        auto given = f->what.request;
        bool follows =
            !given->earlier_effect() || (given->earlier() && written.contains(given->earlier().get()) &&
                                         written.at(given->earlier().get())->effect() == given->earlier_effect());
        if (!follows || given->effect() != f->what.id)
            f->what.request = std::make_shared<const recorded_request>(given->whole(), f->what.id);
        written[given.get()] = f->what.request;
    }
}

}  // namespace

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
        if (auto* a = std::get_if<assertion_recorded>(&records[n - 1].what); a && !a->what.final)
            return whole_records(records, n + 1);
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
    alone_where_needed(all);
    std::chrono::microseconds last = all.empty() ? std::chrono::microseconds{} : all.back().at;
    if (!undone.ids.empty()) all.push_back({last, std::move(undone)});
    for (const auto& a : j.violations()) all.push_back({a.at, assertion_recorded{a}});
    for (const auto& [place, told] : j.feedback_by_place())
        for (const auto& f : told) all.push_back({last, advice_given{place, f}});
    std::unordered_set<std::string> keys;
    for (const auto& c : j.predictor_calls()) {
        auto call = c;
        if (c->trajectory.continues() && !keys.contains(c->trajectory.earlier_key())) {
            auto alone = std::make_shared<predictor_call>(*c);
            alone->trajectory = recorded_text{c->trajectory.str()}.with_key();
            call = std::move(alone);
        }
        keys.insert(call->trajectory.key());
        all.push_back({last, predictor_returned{std::move(call)}});
    }
    return all;
}

}  // namespace reagent
