#include <reagent/run/run.hpp>

#include <reagent/run/consent.hpp>

#include "../base/pool.hpp"
#include "../journal/replay_difference.hpp"
#include "state.hpp"

#include <boost/json.hpp>

namespace reagent {

using detail::event_text;
using detail::mismatch;
using detail::place_text;

run_core::run_core(std::shared_ptr<state> s, std::string branch) : state_{std::move(s)}, branch_{std::move(branch)} {}

const run_options& run::options() const { return state_->options; }
const parameters* run_core::parameters() const {
    return variation_ && variation_->parameters ? variation_->parameters.get() : state_->options.parameters.get();
}
const journal& run::history() const { return *state_->history; }
usage run::usage() const { return state_->usage; }
const std::map<std::string, usage>& run_core::usage_by_model() const { return state_->by_model; }
http::client& run::http() { return *state_->http; }

std::chrono::microseconds run_core::elapsed() const { return state_->elapsed(); }

namespace {

// A run has few places; a linear search beats a map.
bool is_place(std::string_view place, event_kind kind, std::string_view path) {
    return place.size() == path.size() + 1 && place.back() == static_cast<char>('0' + static_cast<int>(kind)) &&
           place.starts_with(path);
}

}  // namespace

std::uint32_t run_core::occurrence(event_kind kind, std::string_view path) {
    for (auto& [place, count] : occurrences_)
        if (is_place(place, kind, path)) return count++;
    occurrences_.emplace_back(std::string{path} + static_cast<char>('0' + static_cast<int>(kind)), 1);
    return 0;
}

std::uint32_t run_core::upcoming(event_kind kind, std::string_view path) const {
    for (const auto& [place, count] : occurrences_)
        if (is_place(place, kind, path)) return count;
    return 0;
}

event run_core::started(event_kind kind, std::string_view path, std::uint32_t n) const {
    event e{.kind = kind, .branch = branch_, .path = std::string{path}, .occurrence = n};
    e.splits = static_cast<std::uint32_t>(branches_);
    e.started = elapsed();
    return e;
}

void run_core::record(event e) {
    auto& s = *state_;
    e.splits = static_cast<std::uint32_t>(branches_);
    s.history->append(std::move(e));
    if (s.history->bytes() > s.options.max_journal_bytes)
        throw run_error{run_errc::journal_full, "the run's journal has grown beyond " +
                                                    std::to_string(s.options.max_journal_bytes) +
                                                    " bytes; raise run_options::max_journal_bytes or split the run"};
}

// What has just happened, and was not known before.
void run_core::record_fresh(event e) {
    if (!e.id) e.id = state_->next_id++;
    e.splits = static_cast<std::uint32_t>(branches_);
    if (state_->log) state_->record_in_log(effect_finished{e});
    record(std::move(e));
}

// What the journal answers. Without an answer the program is where no journal knows the way: from then on this handle
// lives. A run that has neither a model nor a store only replays: there nothing happens that its journal does not hold.
std::optional<event> run_core::recorded(event_kind kind, std::string_view path, std::uint32_t n) {
    auto& s = *state_;
    const bool only_replays = s.options.replay && !s.options.lm && !s.log;
    if (!only_replays && (live_ || (s.kept.empty() && !way_back_ && !s.options.replay))) return {};
    event asked{.kind = kind, .branch = branch_, .path = std::string{path}, .occurrence = n};
    if (!live_) {
        if (auto known = s.kept.take(kind, branch_, path, n)) {
            if (!known->counted) s.count(known->what);
            return std::move(known->what);
        }
        if (const event* next = s.kept.next(branch_)) mismatch(asked, "where the journal has " + event_text(*next));
        if (way_back_ && !way_back_->reached && way_back_->target.branch == branch_)
            mismatch(asked, "before it comes back to " +
                                place_text(branch_, way_back_->target.path, way_back_->target.occurrence) +
                                ", which an assertion blames");
    }
    if (only_replays)
        mismatch(asked, "which the journal does not hold, and the run has no language model to go on with");
    go_live();
    return {};
}

void run_core::go_live() {
    live_ = true;
    rewinding_ = false;
}

void run_core::notify(run_event e) const {
    if (rewinding_) return;
    e.branch = branch_;
    state_->tell([&](run_observer& o, const observed_run& r) { o.event(r, e); });
    if (state_->options.on_event) state_->options.on_event(e);
}

void run::check() const { state_->check(); }

void run_core::state::check() const {
    if (cancelled) throw run_error{run_errc::cancelled, "the run was cancelled"};
    if (suspended) throw run_error{run_errc::suspended, "the run is suspended"};
}

bool run_core::is_durable() const { return state_->log != nullptr; }
bool run_core::can_await_approval(std::string_view path) const {
    return is_durable() ||
           state_->kept.holds(event_kind::approval, branch_, path, upcoming(event_kind::approval, path));
}
std::shared_ptr<const recorded_request> run_core::upcoming_request(std::string_view path) const {
    if (live_) return nullptr;
    const event* known =
        state_->kept.find(event_kind::model_call, branch_, path, upcoming(event_kind::model_call, path));
    return known ? known->request : nullptr;
}

std::string run::idempotency_key() const { return !effect_ || !key_.empty() ? key_ : state_->key_of(effect_); }
const std::string& run::id() const { return state_->own_name(); }

std::shared_ptr<const prompt_template> run_core::prompt(
    const std::string& key, const std::function<std::shared_ptr<const prompt_template>()>& make) {
    auto& slot = state_->prompts[variation_ ? variation_->parameters : nullptr][key];
    if (!slot) slot = make();
    return slot;
}

task<json::value> run::blocking(std::function<json::value()> work) {
    auto& pool = *state_->blocking;
    auto at_work = pool.begin(tool_.empty() ? "work of run::blocking" : "`" + visible_name(tool_) + "`");
    return on_pool<json::value>(pool.executor(),
                                [at_work = std::move(at_work), work = std::move(work)] { return work(); });
}

}  // namespace reagent
