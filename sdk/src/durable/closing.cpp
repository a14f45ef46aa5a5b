// How a durable run ends: what its store, and whoever waits for it, is told.
#include <reagent/run/consent.hpp>

#include "../base/text.hpp"
#include "../run/state.hpp"
#include "../run/text_of.hpp"
#include "run_log.hpp"
#include "store/rows.hpp"

#include <boost/json.hpp>

#include <algorithm>

namespace reagent {
namespace {

constexpr std::size_t most_calls_kept = 200, most_result_kept = 16 * 1024;

json::object calls_of(const journal& history) {
    std::vector<const event*> calls;
    for (const auto& e : history.events())
        if (e.kind == event_kind::tool_call) calls.push_back(&e);
    std::sort(calls.begin(), calls.end(), [](const event* a, const event* b) { return a->id < b->id; });
    if (calls.size() > most_calls_kept)
        calls.erase(calls.begin(), calls.end() - static_cast<std::ptrdiff_t>(most_calls_kept));
    json::object trajectory;
    for (std::size_t i = 0; i < calls.size(); ++i) {
        const event& e = *calls[i];
        std::string n = std::to_string(i);
        trajectory["tool_name_" + n] = e.tool;
        trajectory["tool_args_" + n] = e.arguments;
        json::value result = e.result;
        if (!e.error.empty()) result = "Error: " + e.error;
        std::string text = result.is_string() ? std::string{result.get_string()} : json::serialize(result);
        if (text.size() > most_result_kept) result = cut(std::move(text), most_result_kept);
        trajectory["observation_" + n] = std::move(result);
    }
    return trajectory;
}

// What a run that is a turn adds to its conversation.
journal_store::ending::said turn_of(const run::state& s, const std::string& run) {
    journal_store::ending::said t;
    t.what = {s.turn_inputs, *s.outputs, calls_of(*s.history), run, s.flow, std::chrono::system_clock::now()};
    const auto& h = s.turn_history;
    auto at = [&](const char* key) { return h.if_contains(key); };
    if (auto* n = at("summarized")) t.summarized = n->to_number<std::size_t>();
    if (auto* text = at("summary")) t.summary = std::string{text->as_string()};
    if (auto* m = at("messages")) t.number = m->as_array().size();
    t.number += t.summarized + 1;
    return t;
}

}  // namespace

namespace detail {

// A failure of the journal itself, or of the hold on the run, is no end of the run: it goes on elsewhere, or later.
bool is_of_journal(const std::exception_ptr& failure) {
    try {
        std::rethrow_exception(failure);
    } catch (const run_error& e) {
        return e.code() == run_errc::lease_lost || e.code() == run_errc::journal_unavailable;
    } catch (...) {
        return false;
    }
}

task<void> run_log::close(run::state& s, std::exception_ptr& failure) {
    journal_store::ending end;
    end.usage = s.usage;
    if (!failure && !s.suspended && s.outputs)
        if (auto deep = too_deep(*s.outputs); !deep.empty())
            failure = std::make_exception_ptr(run_error{run_errc::not_possible, "what the program answered " + deep});
    if (s.suspended) {
        end.status = run_status::ready;
        for (const auto& w : s.suspended_for) {
            if (w == run_status::outcome_unknown) end.status = w;
            if (w == run_status::awaiting_approval && end.status == run_status::ready) end.status = w;
        }
        if (end.status == run_status::outcome_unknown)
            end.error =
                "a worker ended in a call of " + s.unknown_call +
                ", which must not be made twice: it may have acted or not. Look, then say: reagent runs resume " +
                shell_word(run_id()) + " --happened RESULT | --failed REASON | --repeat";
        else if (end.status == run_status::awaiting_approval) {
            std::string id = shell_word(run_id());
            end.error = "a tool needs consent: reagent runs approve " + id + ", or reject";
            for (const auto& q : s.questions)
                end.error += "\n" + question_text(q, most_question_bytes, "reagent runs show " + id);
            if (s.suspended_for.size() > s.questions.size() && !s.questions.empty())
                end.error += "\nand others: reagent runs show " + id;
        }
        failure = std::make_exception_ptr(
            run_error{run_errc::suspended, end.error.empty() ? "the worker was told to stop" : end.error});
    } else if (!failure) {
        end.status = run_status::finished;
        end.outputs = s.outputs;
        if (!s.session.empty()) end.turn = turn_of(s, run_id());
    } else if (hold_->is_lost() || is_of_journal(failure)) {
        if (hold_->is_lost()) failure = std::make_exception_ptr(detail::taken_over(run_id()));
        co_return;
    } else if (s.shutdown)
        end.status = run_status::ready;
    else {
        end.status = s.cancelled ? run_status::cancelled : run_status::failed;
        if (!s.cancelled) end.error = s.secrets->without(text_of(failure));
        if (auto unknown = unknown_text(unknown_calls()); !unknown.empty())
            end.error += (end.error.empty() ? "" : "; ") + unknown;
    }
    co_await finish(s.elapsed(), std::move(end));
}

}  // namespace detail

}  // namespace reagent
