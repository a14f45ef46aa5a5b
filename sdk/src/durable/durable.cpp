// Durable runs: programs under a name, continued here; conversations.
#include <reagent/run/consent.hpp>

#include "../base/text.hpp"
#include "../run/runtime_impl.hpp"
#include "store/rows.hpp"

#include <boost/asio/post.hpp>
#include <boost/json.hpp>

#include <future>

namespace reagent {
namespace {

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

constexpr std::size_t most_calls_kept = 200, most_result_kept = 16 * 1024;

json::object calls_of(const journal& history) {
    std::vector<const event*> calls;
    for (const auto& e : history.events())
        if (e.kind == event_kind::tool_call) calls.push_back(&e);
    std::sort(calls.begin(), calls.end(), [](const event* a, const event* b) { return a->id < b->id; });
    if (calls.size() > most_calls_kept) calls.erase(calls.begin(), calls.end() - static_cast<std::ptrdiff_t>(most_calls_kept));
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
journal_store::ending::said turn_of(const run::state& s) {
    journal_store::ending::said t;
    t.what = {s.turn_inputs, *s.outputs, calls_of(*s.history), s.log->run_id(), s.flow, std::chrono::system_clock::now()};
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

// What a durable run's store is told of its end.
task<void> close_log(run::state& s, std::exception_ptr& failure) {
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
            end.error = "a worker ended in a call of " + s.unknown_call +
                        ", which must not be made twice: it may have acted or not. Look, then say: reagent runs resume " +
                        shell_word(s.log->run_id()) + " --happened RESULT | --failed REASON | --repeat";
        else if (end.status == run_status::awaiting_approval) {
            std::string id = shell_word(s.log->run_id());
            end.error = "a tool needs consent: reagent runs approve " + id + ", or reject";
            for (const auto& q : s.questions) end.error += "\n" + question_text(q, most_question_bytes, "reagent runs show " + id);
            if (s.suspended_for.size() > s.questions.size() && !s.questions.empty()) end.error += "\nand others: reagent runs show " + id;
        }
        failure = std::make_exception_ptr(run_error{run_errc::suspended, end.error.empty() ? "the worker was told to stop" : end.error});
    } else if (!failure) {
        end.status = run_status::finished;
        end.outputs = s.outputs;
        if (!s.session.empty()) end.turn = turn_of(s);
    } else if (s.log->hold().is_lost() || is_of_journal(failure)) {
        if (s.log->hold().is_lost()) failure = std::make_exception_ptr(detail::taken_over(s.log->run_id()));
        co_return;
    } else if (s.shutdown)
        end.status = run_status::ready;
    else {
        end.status = s.cancelled ? run_status::cancelled : run_status::failed;
        if (!s.cancelled) end.error = s.secrets->without(text_of(failure));
        if (auto unknown = unknown_text(s.log->unknown_calls()); !unknown.empty()) end.error += (end.error.empty() ? "" : "; ") + unknown;
    }
    co_await s.log->finish(s.elapsed(), std::move(end));
}

}  // namespace detail

namespace {

// A turn of a conversation gets what was said before, short enough for a prompt.
task<json::object> next_turn(const program_function& program, run& r, json::object inputs, json::object& given) {
    json::object before = inputs.at("history").as_object();
    json::object history = co_await compacted(r, std::move(before), r.options().history);
    given = history;
    inputs["history"] = std::move(history);
    json::object outputs = co_await program(r, inputs);
    co_return outputs;
}

bool is_turn(const stored_run& r) {
    auto* h = r.inputs.if_contains("history");
    return !r.session.empty() && h && h->is_object();
}

task<void> run_program(const program_function& program, run& r, json::object inputs, bool turn, run::state& s) {
    auto start = [&] { return turn ? next_turn(program, r, inputs, s.turn_history) : program(r, inputs); };
    s.outputs = co_await detail::attempts<json::object>(r, start);
}

}  // namespace

namespace detail {

run_error no_journals() {
    return run_error{run_errc::journal_unavailable,
                     "this runtime has no journals; make it with runtime_options{.journals = journal_store::open(\"runs.db\")}"};
}

}  // namespace detail

using detail::no_journals;

void runtime::serve(std::string name, program_function program, run_options options, options_of_inputs adjust) {
    if (!impl_->journals) throw no_journals();
    if (!impl_->replay.empty())  // it would ask models and call tools, where nothing of that is wanted
        throw run_error{run_errc::not_possible,
                        "runs are to be answered from the records in \"" + impl_->replay +
                            "\" ($REAGENT_REPLAY, runtime_options::replay), which hold no durable runs. Leave that out; what a durable run "
                            "did is replayed from its own journal: runtime::replay, `reagent runs replay`"};
    impl_->secrets->learn(options.lm.backend());
    auto served = std::make_shared<const served_program>(served_program{std::move(program), std::move(options), std::move(adjust)});
    std::lock_guard lock{impl_->mutex};
    impl_->programs.insert_or_assign(std::move(name), std::move(served));
}

std::string runtime::submit(const std::string& program, json::object inputs, std::string id, std::string session) {
    if (!impl_->journals) throw no_journals();
    for (const auto* name : {&id, &session})
        if (impl_->secrets->without(*name) != *name)
            throw run_error{run_errc::not_possible, std::string{"the id of the "} + (name == &id ? "run" : "session") +
                                                        " holds a key, and would be shown wherever the run is; give another one"};
    return impl_->journals->create({program, std::move(inputs), std::move(id), std::move(session)});
}

std::shared_ptr<const served_program> runtime::served(const std::string& run_id, const std::string& program) const {
    std::lock_guard lock{impl_->mutex};
    if (auto found = impl_->programs.find(program); found != impl_->programs.end()) return found->second;
    std::vector<std::string> names;
    std::string list;
    for (const auto& [name, known] : impl_->programs) names.push_back(name), list += (list.empty() ? "" : ", ") + name;
    auto near = did_you_mean(program, names);
    throw run_error{run_errc::unknown_program, "run " + visible_name(run_id) + " is one of the program \"" + visible(program) +
                                                   "\", which is not served here; served are: " + (list.empty() ? "none" : list) +
                                                   (near.empty() ? "" : " (did you mean `" + near + "`?)")};
}

void runtime::continue_run(journal_store::taken_run taken, std::function<void(std::exception_ptr)> ended) {
    auto its_program = served(taken.run.id, taken.run.program);
    auto loaded = load_journal(taken.records);
    auto s = prepare(its_program->options_for(taken.run.inputs), true);
    s->log = std::make_shared<detail::run_log>(impl_->journals, taken.hold, taken.run.records, s->executor, s->arrivals);
    s->log->remember(loaded, std::move(taken.pending));
    s->options.program = taken.run.program;
    s->session = is_turn(taken.run) ? taken.run.session : "";
    s->turn_inputs = taken.run.inputs;
    s->turn_inputs.erase("history");
    s->next_id = loaded.next_id;
    // Budgets and the deadline hold for all resumes together: what was spent is spent, and time goes on where it stopped.
    auto before = std::max(loaded.at, taken.run.active);
    s->started -= before;
    if (s->deadline != no_deadline) s->deadline -= before;
    for (const auto* events : {&loaded.history->events(), &loaded.history->abandoned()})
        for (const auto& e : *events) {
            if (e.kind != event_kind::model_call) continue;
            ++s->calls_started;
            if (!e.response) continue;
            s->usage += e.response->usage;
            s->by_model[e.response->model] += e.response->usage;
        }
    s->history->adopt_assertions(*loaded.history);
    s->flow.meet(*loaded.history);
    for (const auto& b : loaded.open) s->flow.meet(b.what.flow, {b.what.tool, b.what.id, {}});
    // Of a turn, and of what was forked from one: it is no turn, and has read the same.
    if (auto* history = taken.run.inputs.if_contains("history"); history && history->is_object())
        if (auto* met = history->get_object().if_contains("flow"); met && met->is_object())
            s->flow.meet(flow_state_from_json(met->get_object()), "an earlier turn");
    s->kept.put(loaded.history->events(), true);
    if (!loaded.history->events().empty()) s->options.replay = loaded.history;
    s->record_in_log(run_taken{impl_->journals->worker(), s->options.about});
    std::weak_ptr<run::state> weak = s;
    taken.hold->on_end([weak] {
        auto alive = weak.lock();
        if (!alive) return;
        if (alive->log->hold().is_lost()) return detail::cancel(alive);
        asio::post(alive->executor, [alive] { alive->cancel_in_good_order(); });
    });
    auto work =
        std::make_shared<task<void>>(run_program(its_program->program, trunk(s), std::move(taken.run.inputs), !s->session.empty(), *s));
    {
        std::lock_guard lock{impl_->mutex};
        impl_->active.insert(s);  // so that a runtime that ends cancels it even before it has begun
    }
    s->arrivals->add([this, s, work, its_program, ended = std::move(ended)] {
        spawn(s, std::move(*work), [its_program, ended](std::exception_ptr failure) { ended(std::move(failure)); });
    });
}

stored_run runtime::resume(const std::string& run_id) {
    refuse_own_threads();
    if (!impl_->journals) throw no_journals();
    auto& journals = *impl_->journals;
    auto r = journals.get(run_id);
    served(run_id, r.program);
    if (r.status == run_status::failed) journals.retry(run_id);
    return resume_taken(journals.take(run_id));
}

stored_run runtime::resume_by_force(const std::string& run_id) {
    refuse_own_threads();
    if (!impl_->journals) throw no_journals();
    auto& journals = *impl_->journals;
    auto r = journals.get(run_id);
    served(run_id, r.program);
    if (r.status == run_status::failed) journals.retry(run_id);
    return resume_taken(journals.take_by_force(run_id));
}

stored_run runtime::resume_taken(journal_store::taken_run taken) {
    std::string id = taken.run.id;
    std::promise<void> promise;
    auto halted = promise.get_future();
    std::exception_ptr why;
    continue_run(std::move(taken), [&](std::exception_ptr failure) {
        why = std::move(failure);
        promise.set_value();
    });
    halted.get();
    if (why && is_of_journal(why)) std::rethrow_exception(why);
    return impl_->journals->get(id);
}

stored_run runtime::converse(const std::string& session, const std::string& program, json::object inputs, std::string id) {
    refuse_own_threads();
    return resume(submit(program, std::move(inputs), std::move(id), session));
}

namespace {

// A stored run's program, on its inputs once more.
struct once_more {
    const program_function& program;
    const stored_run& of;

    task<json::object> forward(run& r) const { return is_turn(of) ? turn(program, r, of.inputs) : program(r, of.inputs); }

    static task<json::object> turn(const program_function& program, run& r, json::object inputs) {
        json::object given;
        json::object outputs = co_await next_turn(program, r, std::move(inputs), given);
        co_return outputs;
    }
};

}  // namespace

run_comparison runtime::replay(const std::string& run_id) {
    refuse_own_threads();
    if (!impl_->journals) throw no_journals();
    auto stored = impl_->journals->get(run_id);
    auto its_program = served(run_id, stored.program);
    auto records = impl_->journals->records(run_id);
    if (records.size() < stored.records) throw detail::lost_records(stored, records.size());
    auto loaded = load_journal(records);
    run_comparison found;
    run_options options = its_program->options_for(stored.inputs);
    options.lm = {};  // so that nothing but the journal answers
    options.replay = loaded.history;
    options.on_event = {};
    options.on_difference = [&](const std::string& place, const std::string& what) { found.differences.push_back({place, what}); };
    try {
        found.outputs = run(std::move(options), once_more{its_program->program, stored});
    } catch (const error& e) {
        found.ended = e.what();
        if (e.code() == run_errc::replay_mismatch && stored.status == run_status::finished)
            found.differences.push_back({e.details().path.empty() ? "the program" : e.details().path, e.what()});
    } catch (const std::exception& e) {
        found.ended = e.what();
    }
    if (stored.outputs && found.outputs && *found.outputs != *stored.outputs)
        found.differences.push_back(
            {"the outputs", "the run had " + json::serialize(*stored.outputs) + ", the program " + json::serialize(*found.outputs)});
    if (stored.outputs && !found.outputs && found.differences.empty())
        found.differences.push_back({"the end", "the run finished, the program failed: " + found.ended});
    return found;
}

}  // namespace reagent
