// Assertions and suggestions: what failed, whom it blames, and how the program gets back there.
#include <reagent/run/run.hpp>

#include "state.hpp"

#include <boost/json.hpp>

#include <algorithm>

namespace reagent {
namespace {

std::string site_text(const std::source_location& site) {
    std::string_view file = site.file_name();
    file.remove_prefix(file.find_last_of("/\\") + 1);  // npos + 1 is 0
    return std::string{file} + ":" + std::to_string(site.line()) + ":" + std::to_string(site.column());
}

// One assertion and one call that it blames.
bool same_case(const failed_assertion& a, const failed_assertion& b) {
    return a.site == b.site && a.blamed == b.blamed && a.soft == b.soft;
}

std::string blame_text(const failed_assertion& a) {
    return a.blamed.path.empty() ? "no predictor has run that could be asked again"
                                 : "`" + a.blamed.path + "` was asked again in vain";
}

}  // namespace

assertion_failed::assertion_failed(const std::string& message, std::vector<failed_assertion> attempts)
    : error{run_errc::assertion_failed,
            "assertion failed: " + message + " (" + blame_text(attempts.back()) + ", " +
                std::to_string(attempts.size()) + (attempts.size() == 1 ? " attempt)" : " attempts)"),
            {.attempted = attempts.back().site, .path = attempts.back().blamed.path}},
      attempts_{std::move(attempts)} {}

const std::vector<failed_assertion>& run::violations() const { return state_->history->violations(); }

std::string run_core::unmet(std::initializer_list<condition> conditions) {
    std::string text;
    for (const auto& c : conditions)
        if (!c.holds) text += (text.empty() ? "" : "\n") + c.message;
    return text;
}

const run_core::made_call* run_core::find_call(const assertion_target& target, std::size_t& index) const {
    auto last = [&](auto fits) -> const made_call* {
        for (index = calls_.size(); index-- > 0;)
            if (fits(calls_[index])) return &calls_[index];
        return nullptr;
    };
    if (!target.module()) return last([](const made_call&) { return true; });
    // By identity where it is known; a module that was made anew since is known by its path.
    if (auto* found = last([&](const made_call& c) { return target.module()->is_or_contains(c.who); })) return found;
    return last([&](const made_call& c) { return target.module()->covers(c.call->place.path); });
}

void run_core::failed(bool soft, std::string message, const assertion_target& target,
                      const std::source_location& site) {
    if (message.empty()) message = "the condition does not hold";
    state_->check();
    auto& s = *state_;
    wish w;
    w.what = {.soft = soft, .message = std::move(message), .site = site_text(site), .at = elapsed()};
    const made_call* blamed = find_call(target, w.blamed);
    if (blamed) {
        w.what.blamed = blamed->call->place;
        w.what.outputs = blamed->call->outputs;
    }
    std::vector<failed_assertion> before;
    for (const auto& v : s.history->violations())
        if (same_case(v, w.what)) before.push_back(v);
    bool known_end = !before.empty() && before.back().final;  // replayed, or come here again after another's backtrack
    if (known_end) before.pop_back();
    if (blamed && before.size() < s.options.max_backtracks && !known_end) {
        if (soft) {
            wishes_.push_back(std::move(w));
            return;
        }
        auto reasons = std::move(wishes_);
        reasons.push_back(std::move(w));
        go_back(std::move(reasons));
    }
    w.what.final = true;
    if (!known_end) s.history->append(w.what);
    if (!known_end && s.log) s.record_in_log(assertion_recorded{w.what});
    std::string text = (soft ? "suggestion not met: " : "assertion failed: ") + w.what.message;
    if (soft) {
        notify({.kind = run_event::note, .path = w.what.blamed.path, .error = text});
        return;
    }
    std::string last_message = w.what.message;
    before.push_back(std::move(w.what));
    throw assertion_failed{last_message, std::move(before)};
}

void run_core::turn_back() {
    if (unwinding_) throw detail::backtrack{*unwinding_};
    go_back(std::exchange(wishes_, {}));
}

// Of several reasons, those that blame the earliest call count; the others are checked again anyway.
void run_core::go_back(std::vector<wish> reasons) {
    wishes_.clear();
    std::size_t first = reasons.front().blamed;
    for (const auto& r : reasons) first = std::min(first, r.blamed);
    auto& log = state_->log;
    if (log) log->hold_back();  // until `rewind`: why the program goes back and what that undoes are stored together
    std::string together;
    for (auto& r : reasons) {
        if (r.blamed != first) continue;
        together += (together.empty() ? "" : "\n") + r.what.message;
        if (log) state_->record_in_log(assertion_recorded{r.what});
        state_->history->append(std::move(r.what));
    }
    const made_call& blamed = calls_[first];
    const call_place& place = blamed.call->place;
    state_->history->advise(place, {blamed.call->outputs, together});
    if (log) state_->record_in_log(advice_given{place, {blamed.call->outputs, together}});
    notify({.kind = run_event::backtrack, .path = place.path, .error = together});
    if (state_->options.stream) {
        std::vector<std::string_view> told;  // all that was written since does not count
        for (std::size_t i = first; i < calls_.size(); ++i) {
            std::string_view path = calls_[i].call->place.path;
            if (std::find(told.begin(), told.end(), path) != told.end()) continue;
            told.push_back(path);
            notify({.kind = run_event::restart, .path = path});
        }
    }
    unwinding_ = detail::backtrack{place, blamed.splits};
    throw detail::backtrack{*unwinding_};
}

run_core::begun_call run_core::begin_call(const std::string& path) {
    before_effect();
    begun_call b;
    b.place = {branch_, path, upcoming(event_kind::model_call, path)};
    b.splits = static_cast<std::uint32_t>(branches_);
    if (variation_)
        if (auto found = variation_->advice.find(path); found != variation_->advice.end()) b.advice = found->second;
    auto& s = *state_;
    bool arrived = way_back_ && !way_back_->reached && way_back_->target == b.place;
    if (arrived) {
        if (const event* left = s.kept.next(branch_))
            throw run_error{run_errc::replay_mismatch,
                            "replay: the program comes to \"" + path + "\", which an assertion blames, without the " +
                                std::string{to_string(left->kind)} + " at \"" + left->path +
                                "\" that came before; what a program does may "
                                "depend on its inputs and on what goes through the run only",
                            {.attempted = "going back to a call", .path = left->path}};
        way_back_->reached = true;
        go_live();
    }
    const auto& all = s.history->feedback_by_place();
    if (all.empty()) return b;
    auto found = all.find(b.place);
    if (found == all.end()) return b;
    // Here again with other inputs, because an earlier call was asked again: what was said then does not fit any more.
    if (live_ && !arrived) {
        s.history->forget_advice(b.place);
        if (s.log) s.record_in_log(advice_forgotten{b.place});
    } else
        b.earlier = &found->second;
    return b;
}

void run_core::mark_private(const std::string& path, const signature& s, const json::object& inputs) {
    if (state_->observers) state_->private_to.learn(path, s, inputs);
}

void run_core::mark_private(const std::set<std::string>& names) {
    if (state_->observers) state_->private_to.mark(names);
}

void run_core::finish_call(const program_part& who, const begun_call& call, json::object inputs,
                           const json::object& outputs, recorded_text trajectory) {
    if (auto deep = is_recording() ? too_deep(inputs) : ""; !deep.empty())
        throw run_error{run_errc::not_possible, "what `" + call.place.path + "` was given " + deep};
    if (!trajectory.empty() && !trajectory.has_key())
        trajectory = state_->trajectories.record(call.place.branch, call.place.path, trajectory.str());
    auto made = std::make_shared<const predictor_call>(
        predictor_call{call.place, std::move(inputs), outputs, std::move(trajectory)});
    state_->history->append(made);
    state_->private_to.learn(call.place.path, outputs);  // before anything of it is shown
    if (!rewinding_) state_->tell([&](run_observer& o, const observed_run& r) { o.predictor_returned(r, *made); });
    if (is_recording() && !state_->log->was_recorded(made->place)) state_->record_in_log(predictor_returned{made});
    calls_.push_back({&who, std::move(made), call.splits});
}

// --- branches ------------------------------------------------------------------------------------------------------

std::string run_core::branch_name(std::size_t index) const {
    return branch_ + (branch_.empty() ? "" : ".") + std::to_string(index);
}

std::size_t run_core::reserve_branches(std::size_t n) {
    before_effect();
    return std::exchange(branches_, branches_ + n);
}

run run_core::branch(std::size_t index, std::shared_ptr<const variation> v) const {
    run made{state_, branch_name(index)};
    made.calls_ = calls_;
    made.inherited_calls_ = calls_.size();
    made.way_back_ = way_back_;
    made.variation_ = v ? std::move(v) : variation_;
    made.live_ = live_;
    made.rewinding_ = rewinding_;
    made.inside_ = inside_;
    return made;
}

run run_core::branch_of_tool() const {
    run made{state_, branch_name(branches_ - 1)};
    made.variation_ = variation_;
    made.live_ =
        live_ && !state_->kept.has(made.branch_);  // a tool that is entered again after a crash finds what it did
    made.effect_ = effect_;
    made.key_ = key_;
    made.tool_ = tool_;
    made.inside_ = effect_;
    return made;
}

void run_core::join(const run& ended, bool counts) {
    if (!counts) state_->history->forget_calls(ended.branch_);
    for (std::size_t i = ended.inherited_calls_; counts && i < ended.calls_.size(); ++i)
        calls_.push_back(ended.calls_[i]);
    if (ended.live_ && !live_ && (way_back_ || state_->options.replay)) go_live();
}

// --- attempts ------------------------------------------------------------------------------------------------------

void run_core::settle() {
    before_effect();
    if (!turned_back_) return;
    if (!way_back_->reached)
        throw run_error{run_errc::replay_mismatch,
                        "replay: the program ended without coming back to \"" + way_back_->target.path +
                            "\", which an assertion blames; what a program does may depend on its inputs and on what "
                            "goes through the run only",
                        {.attempted = "going back to a call", .path = way_back_->target.path}};
    effects_abandoned undone;
    for (auto& left : state_->kept.flush(branch_)) {
        undone.ids.push_back(left.what.id);
        state_->history->abandon(std::move(left.what));
    }
    if (state_->log && !undone.ids.empty()) state_->record_in_log(std::move(undone));
}

// Keeps what did not follow from the call that is to be made again. What follows it: the rest of its branch, branches
// split off later, and in the branches above everything after it was split off from them.
void run_core::rewind(const detail::backtrack& b) {
    auto& s = *state_;
    const call_place& target = b.target;
    auto child_on_the_way = [](std::string_view branch, std::string_view above) {
        branch.remove_prefix(above.empty() ? 0 : above.size() + 1);
        return static_cast<std::uint32_t>(std::stoul(std::string{branch.substr(0, branch.find('.'))}));
    };
    bool passed = false;
    auto follows = [&](const event& e) {
        if (e.branch == target.branch) {
            passed = passed ||
                     (e.kind == event_kind::model_call && e.path == target.path && e.occurrence >= target.occurrence);
            return passed;
        }
        if (is_within(e.branch, target.branch)) return child_on_the_way(e.branch, target.branch) >= b.splits;
        if (is_within(target.branch, e.branch)) return e.splits > child_on_the_way(target.branch, e.branch);
        return false;
    };
    std::vector<event> keep;
    effects_abandoned undone;
    auto abandon = [&](event e) {
        undone.ids.push_back(e.id);
        // What was said of a later call does not fit any more: it is made anew, perhaps with other inputs.
        call_place place{e.branch, e.path, e.occurrence};
        if (e.kind == event_kind::model_call && place != target && s.history->feedback_by_place().contains(place)) {
            s.history->forget_advice(place);
            if (s.log) s.record_in_log(advice_forgotten{place});
        }
        s.history->abandon(std::move(e));
    };
    for (auto& e : s.history->take(branch_)) {
        if (follows(e))
            abandon(std::move(e));
        else
            keep.push_back(std::move(e));
    }
    for (auto& old : s.kept.put(std::move(keep), true)) abandon(std::move(old));
    if (s.log) {
        for (auto id : s.log->given_up(branch_)) undone.ids.push_back(id);
        undone.backtrack = true;
        s.record_in_log(std::move(undone));
        s.log->release();
    }
    branches_ = 0;
    occurrences_.clear();
    calls_.resize(inherited_calls_);
    wishes_.clear();
    unwinding_.reset();
    way_back_ = std::make_shared<way_back>(way_back{target});
    turned_back_ = true;
    live_ = false;
    rewinding_ = true;
}

}  // namespace reagent
