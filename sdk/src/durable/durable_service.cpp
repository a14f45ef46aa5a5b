// Durable runs: programs under a name, continued here; conversations.
#include "../base/text.hpp"
#include "run_log.hpp"
#include "service_impl.hpp"
#include "store/rows.hpp"

#include <reagent/run/consent.hpp>

#include <boost/asio/post.hpp>
#include <boost/json.hpp>

#include <future>

namespace reagent {
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

durable_service::durable_service(reagent::runtime& runtime, std::shared_ptr<journal_store> store)
    : impl_{std::make_shared<impl>(runtime, std::move(store))} {
    if (!impl_->journals)
        throw run_error{
            run_errc::journal_unavailable,
            "this runtime has no journals; make it with runtime_options{.journals = journal_store::open(\"runs.db\")}"};
}
durable_service::~durable_service() = default;

journal_store& durable_service::store() const { return *impl_->journals; }

void durable_service::serve(std::string name, program_function program, run_options options, options_of_inputs adjust) {
    if (!impl_->threads().replay.empty())  // it would ask models and call tools, where nothing of that is wanted
        throw run_error{run_errc::not_possible,
                        "runs are to be answered from the records in \"" + impl_->threads().replay +
                            "\" ($REAGENT_REPLAY, runtime_options::replay), which hold no durable runs. Leave that "
                            "out; what a durable run "
                            "did is replayed from its own journal: durable_service::replay, `reagent runs replay`"};
    impl_->threads().secrets->learn(options.lm.backend());
    auto served = std::make_shared<const durable_program>(
        durable_program{std::move(program), std::move(options), std::move(adjust)});
    std::lock_guard lock{impl_->mutex};
    impl_->programs.insert_or_assign(std::move(name), std::move(served));
}

std::string durable_service::submit(const std::string& program, json::object inputs, std::string id,
                                    std::string session) {
    for (const auto* name : {&id, &session})
        if (impl_->threads().secrets->without(*name) != *name)
            throw run_error{run_errc::not_possible,
                            std::string{"the id of the "} + (name == &id ? "run" : "session") +
                                " holds a key, and would be shown wherever the run is; give another one"};
    id = impl_->journals->create({program, std::move(inputs), std::move(id), std::move(session)});
    look();
    return id;
}

std::shared_ptr<const durable_program> durable_service::impl::served(const std::string& run_id,
                                                                     const std::string& program) const {
    std::lock_guard lock{mutex};
    if (auto found = programs.find(program); found != programs.end()) return found->second;
    std::vector<std::string> names;
    std::string list;
    for (const auto& [name, known] : programs) names.push_back(name), list += (list.empty() ? "" : ", ") + name;
    auto near = did_you_mean(program, names);
    throw run_error{run_errc::unknown_program,
                    "run " + visible_name(run_id) + " is one of the program \"" + visible(program) +
                        "\", which is not served here; served are: " + (list.empty() ? "none" : list) +
                        (near.empty() ? "" : " (did you mean `" + near + "`?)")};
}

void durable_service::impl::continue_run(journal_store::taken_run taken,
                                         std::function<void(std::exception_ptr)> ended) {
    auto its_program = served(taken.run.id, taken.run.program);
    auto loaded = load_journal(taken.records);
    auto s = runtime.prepare(its_program->options_for(taken.run.inputs), true);
    auto log = std::make_shared<detail::run_log>(journals, taken.hold, taken.run.records, s->executor, s->arrivals);
    log->remember(loaded, std::move(taken.pending));
    s->log = log;
    s->options.program = taken.run.program;
    s->session = is_turn(taken.run) ? taken.run.session : "";
    s->turn_inputs = taken.run.inputs;
    s->turn_inputs.erase("history");
    s->next_id = loaded.next_id;
    // Budgets and the deadline hold for all resumes together: what was spent is spent, and time goes on where it
    // stopped.
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
    s->record_in_log(run_taken{journals->worker(), s->options.about});
    std::weak_ptr<run::state> weak = s;
    taken.hold->on_end([weak, hold = std::weak_ptr{taken.hold}] {
        auto alive = weak.lock();
        auto held = hold.lock();
        if (!alive || !held) return;
        if (held->is_lost()) return detail::cancel(alive);
        asio::post(alive->executor, [alive] { alive->cancel_in_good_order(); });
    });
    auto work = std::make_shared<task<void>>(
        run_program(its_program->program, runtime.trunk(s), std::move(taken.run.inputs), !s->session.empty(), *s));
    {
        std::lock_guard lock{threads().mutex};
        threads().active.insert(s);  // so that a runtime that ends cancels it even before it has begun
    }
    s->arrivals->add([on = &runtime, s, work, its_program, ended = std::move(ended)] {
        on->spawn(s, std::move(*work), [its_program, ended](std::exception_ptr failure) { ended(std::move(failure)); });
    });
}

stored_run durable_service::resume(const std::string& run_id) {
    impl_->runtime.refuse_own_threads();
    auto& journals = *impl_->journals;
    auto r = journals.get(run_id);
    impl_->served(run_id, r.program);
    if (r.status == run_status::failed) journals.retry(run_id);
    return impl_->resume_taken(journals.take(run_id));
}

stored_run durable_service::resume_by_force(const std::string& run_id) {
    impl_->runtime.refuse_own_threads();
    auto& journals = *impl_->journals;
    auto r = journals.get(run_id);
    impl_->served(run_id, r.program);
    if (r.status == run_status::failed) journals.retry(run_id);
    return impl_->resume_taken(journals.take_by_force(run_id));
}

stored_run durable_service::impl::resume_taken(journal_store::taken_run taken) {
    std::string id = taken.run.id;
    std::promise<void> promise;
    auto halted = promise.get_future();
    std::exception_ptr why;
    auto hold = taken.hold;
    const auto active = taken.run.active;
    auto ended = [&](std::exception_ptr failure) {
        why = std::move(failure);
        promise.set_value();
    };
    try {
        continue_run(std::move(taken), ended);
    } catch (const run_error& e) {  // nobody can go on with it as it is: that is its end, and not a lease that runs out
        journals->finish(hold, {}, active, {.status = run_status::failed, .error = e.what()}, ended);
        halted.get();
        throw;
    }
    halted.get();
    if (why && detail::is_of_journal(why)) std::rethrow_exception(why);
    return journals->get(id);
}

stored_run durable_service::run_durably(const std::string& program, json::object inputs, std::string id) {
    impl_->runtime.refuse_own_threads();
    return resume(submit(program, std::move(inputs), std::move(id)));
}

stored_run durable_service::converse(const std::string& session, const std::string& program, json::object inputs,
                                     std::string id) {
    impl_->runtime.refuse_own_threads();
    return resume(submit(program, std::move(inputs), std::move(id), session));
}

namespace {

// A stored run's program, on its inputs once more.
struct once_more {
    const program_function& program;
    const stored_run& of;

    task<json::object> forward(run& r) const {
        return is_turn(of) ? turn(program, r, of.inputs) : program(r, of.inputs);
    }

    static task<json::object> turn(const program_function& program, run& r, json::object inputs) {
        json::object given;
        json::object outputs = co_await next_turn(program, r, std::move(inputs), given);
        co_return outputs;
    }
};

}  // namespace

run_comparison durable_service::replay(const std::string& run_id) {
    impl_->runtime.refuse_own_threads();
    auto stored = impl_->journals->get(run_id);
    auto its_program = impl_->served(run_id, stored.program);
    auto records = impl_->journals->records(run_id);
    if (records.size() < stored.records) throw detail::lost_records(stored, records.size());
    auto loaded = load_journal(records);
    run_comparison found;
    run_options options = its_program->options_for(stored.inputs);
    options.lm = {};  // so that nothing but the journal answers
    options.replay = loaded.history;
    options.on_event = {};
    options.on_difference = [&](const std::string& place, const std::string& what) {
        found.differences.push_back({place, what});
    };
    try {
        found.outputs = impl_->runtime.run(std::move(options), once_more{its_program->program, stored});
    } catch (const error& e) {
        found.ended = e.what();
        if (e.code() == run_errc::replay_mismatch && stored.status == run_status::finished)
            found.differences.push_back({e.details().path.empty() ? "the program" : e.details().path, e.what()});
    } catch (const std::exception& e) {
        found.ended = e.what();
    }
    if (stored.outputs && found.outputs && *found.outputs != *stored.outputs)
        found.differences.push_back({"the outputs", "the run had " + json::serialize(*stored.outputs) +
                                                        ", the program " + json::serialize(*found.outputs)});
    if (stored.outputs && !found.outputs && found.differences.empty())
        found.differences.push_back({"the end", "the run finished, the program failed: " + found.ended});
    return found;
}

}  // namespace reagent
