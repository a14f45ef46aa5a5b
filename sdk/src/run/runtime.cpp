#include <reagent/run/runtime.hpp>

#include "state.hpp"

#include <spdlog/logger.h>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/json.hpp>

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <list>
#include <mutex>
#include <set>
#include <thread>

namespace reagent {
namespace {

// One thread with its event loop and its connections: nothing in it needs a lock.
struct loop {
    explicit loop(const http::client_options& options) : http{context.get_executor(), options}, thread{[this] { context.run(); }} {}
    ~loop() {
        work.reset();
        thread.join();
    }

    asio::io_context context;
    asio::executor_work_guard<asio::io_context::executor_type> work = asio::make_work_guard(context);
    http::client http;
    std::thread thread;
};

}  // namespace

namespace {

std::string variable(const char* name) {
    const char* value = std::getenv(name);
    return value ? value : "";
}

}  // namespace

struct runtime::impl {
    explicit impl(const runtime_options& o)
        : logger{o.logger},
          telemetry{o.telemetry},
          record{o.record.empty() ? variable("REAGENT_RECORD") : o.record},
          replay{o.replay.empty() ? variable("REAGENT_REPLAY") : o.replay},
          journals{o.journals},
          blocking{std::max(1u, o.blocking_threads)} {
        for (unsigned i = 0; i < std::max(1u, o.threads); ++i) loops.emplace_back(o.http);
        next = loops.begin();
    }
    ~impl() {
        {
            std::lock_guard lock{mutex};
            for (const auto& weak : active)
                if (auto s = weak.lock()) {
                    s->shutdown = true;
                    detail::cancel(s);
                }
        }
        // What runs on the pool reports to a loop, so the loops go last.
        blocking.join();
        loops.clear();
    }

    std::shared_ptr<spdlog::logger> logger;
    std::shared_ptr<reagent::telemetry> telemetry;
    std::string record, replay;
    std::atomic<std::uint64_t> started = 0;
    std::shared_ptr<journal_store> journals;
    struct served {
        program_function program;
        run_options options;
    };
    std::map<std::string, std::shared_ptr<const served>> programs;  // under `mutex`
    std::atomic<bool> stop_work = false;
    asio::thread_pool blocking;
    std::mutex mutex;
    std::list<loop> loops;
    std::list<loop>::iterator next;
    std::set<std::weak_ptr<run::state>, std::owner_less<>> active;
};

runtime::runtime(runtime_options options) : impl_{std::make_unique<impl>(options)} {}
runtime::~runtime() = default;

std::shared_ptr<run::state> runtime::prepare(run_options options) {
    auto s = std::make_shared<run::state>();
    s->options = std::move(options);
    auto number = ++impl_->started;
    auto file_in = [&](const std::string& folder) { return folder + "/run-" + std::to_string(number) + ".jsonl"; };
    if (!impl_->record.empty()) {
        std::error_code ec;
        std::filesystem::create_directories(impl_->record, ec);  // what is wrong with it is told when the file is written
        s->record_to = file_in(impl_->record);
    }
    if (!impl_->replay.empty()) {
        s->options.replay = replay_from(file_in(impl_->replay));
        s->options.lm = {};  // so that nothing but the journal answers
    }
    {
        std::lock_guard lock{impl_->mutex};
        loop& l = *impl_->next;
        if (++impl_->next == impl_->loops.end()) impl_->next = impl_->loops.begin();
        s->executor = l.context.get_executor();
        s->http = &l.http;
    }
    s->blocking = &impl_->blocking;
    s->telemetry = impl_->telemetry;
    s->logger = impl_->logger;
    if (s->options.deadline.count() > 0 && s->options.deadline < std::chrono::hours{24 * 365})
        s->deadline = s->started + s->options.deadline;
    if (s->options.replay) {
        s->kept.put(s->options.replay->events(), false);
        s->history->adopt_assertions(*s->options.replay);
        for (const auto* events : {&s->options.replay->events(), &s->options.replay->abandoned()})
            for (const auto& e : *events) s->next_id = std::max(s->next_id, e.id + 1);
        for (const auto& e : s->options.replay->abandoned())  // paid for as well; the others are counted as the program comes by
            if (e.response) {
                s->usage += e.response->usage;
                s->by_model[e.response->model] += e.response->usage;
            }
    }
    s->trunk.emplace(s);
    return s;
}

run& runtime::trunk(const std::shared_ptr<run::state>& s) { return *s->trunk; }

namespace {

std::string text_of(const std::exception_ptr& failure) {
    try {
        std::rethrow_exception(failure);
    } catch (const std::exception& e) {
        return e.what();
    } catch (...) {
        return "something was thrown that is no std::exception";
    }
}

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

// What a durable run's store is told of its end.
task<void> close_log(run::state& s, std::exception_ptr& failure) {
    journal_store::ending end;
    end.usage = s.usage;
    if (s.suspended) {
        end.status = run_status::ready;
        for (const auto& w : s.suspended_for) {
            if (w == run_status::outcome_unknown) end.status = w;
            if (w == run_status::awaiting_approval && end.status == run_status::ready) end.status = w;
        }
        if (end.status == run_status::outcome_unknown)
            end.error = "a worker ended in a call of " + s.unknown_call +
                        ", which must not be made twice: it may have acted or not. Look, then say: reagent runs resume " + s.log->run_id() +
                        " --happened RESULT | --failed REASON | --repeat";
        else if (end.status == run_status::awaiting_approval)
            end.error = "a tool needs consent: reagent runs approve " + s.log->run_id() + ", or reject";
        failure = std::make_exception_ptr(run_error{run_errc::suspended, end.error.empty() ? "the worker was told to stop" : end.error});
    } else if (!failure) {
        end.status = run_status::finished;
        end.outputs = s.outputs;
    } else if (s.log->hold().is_lost() || is_of_journal(failure)) {
        if (s.log->hold().is_lost())
            failure = std::make_exception_ptr(run_error{
                run_errc::lease_lost,
                "run " + s.log->run_id() + " was taken over by another worker, because this one had not been heard of for too long"});
        co_return;
    } else if (s.shutdown)
        end.status = run_status::ready;
    else if (s.cancelled)
        end.status = run_status::cancelled;
    else {
        end.status = run_status::failed;
        end.error = text_of(failure);
    }
    co_await s.log->finish(s.elapsed(), std::move(end));
}

task<void> guarded(std::shared_ptr<run::state> s, task<void> work, std::function<void(std::exception_ptr)> ended) {
    std::exception_ptr failure;
    try {
        co_await with_deadline(std::move(work), s->deadline, [&] {
            return run_error{run_errc::deadline_exceeded,
                             "the run took longer than its deadline of " + std::to_string(s->options.deadline.count()) + " ms"};
        });
    } catch (const boost::system::system_error&) {
        failure = std::current_exception();
        if (s->cancelled) failure = std::make_exception_ptr(run_error{run_errc::cancelled, "the run was cancelled"});
    } catch (const detail::backtrack& b) {
        failure = std::make_exception_ptr(run_error{run_errc::assertion_failed,
                                                    "an assertion sends the run back to \"" + b.target.path +
                                                        "\", but the run cannot start again: an argument of its program "
                                                        "cannot be copied",
                                                    {.path = b.target.path}});
    } catch (...) {
        failure = std::current_exception();
    }
    s->duration = s->elapsed();
    s->finished = true;
    if (!s->record_to.empty()) {
        try {
            save_journal(s->record_to, *s->history, {{"program", "run"}});
        } catch (const std::exception&) {
            if (!failure) failure = std::current_exception();
        }
    }
    if (s->log) {
        co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
        std::exception_ptr unwritten;
        try {
            co_await close_log(*s, failure);
        } catch (...) {
            unwritten = std::current_exception();
        }
        if (unwritten) failure = unwritten;
    }
    if (s->telemetry && !s->suspended)
        s->telemetry->record({s->own_name(), s->options.program.empty() ? "run" : s->options.program, s->session, s->history,
                              std::chrono::system_clock::now() - s->duration, s->duration, failure ? text_of(failure) : ""});
    s->trunk.reset();  // breaks the cycle between the state and its own handle
    ended(std::move(failure));
}

}  // namespace

// --- durable runs --------------------------------------------------------------------------------------------------

namespace {

task<void> run_program(const program_function& program, run& r, json::object inputs, std::optional<json::object>& outputs) {
    auto start = [&] { return program(r, inputs); };
    outputs = co_await detail::attempts<json::object>(r, start);
}

run_error no_journals() {
    return run_error{run_errc::journal_unavailable,
                     "this runtime has no journals; make it with runtime_options{.journals = journal_store::open(\"runs.db\")}"};
}

}  // namespace

void runtime::serve(std::string name, program_function program, run_options options) {
    if (!impl_->journals) throw no_journals();
    auto served = std::make_shared<const impl::served>(impl::served{std::move(program), std::move(options)});
    std::lock_guard lock{impl_->mutex};
    impl_->programs.insert_or_assign(std::move(name), std::move(served));
}

std::string runtime::submit(const std::string& program, json::object inputs, std::string id, std::string session) {
    if (!impl_->journals) throw no_journals();
    return impl_->journals->create({program, std::move(inputs), std::move(id), std::move(session)});
}

void runtime::continue_run(journal_store::taken_run taken, std::function<void(std::exception_ptr)> ended) {
    std::shared_ptr<const impl::served> served;
    {
        std::lock_guard lock{impl_->mutex};
        if (auto found = impl_->programs.find(taken.run.program); found != impl_->programs.end()) served = found->second;
    }
    auto loaded = load_journal(taken.records);
    auto s = prepare(served->options);
    s->log = std::make_shared<detail::run_log>(impl_->journals, taken.hold, taken.run.records, s->executor);
    s->log->remember(loaded, std::move(taken.pending));
    s->options.program = taken.run.program;
    s->session = taken.run.session;
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
    s->kept.put(loaded.history->events(), true);
    if (!loaded.history->events().empty()) s->options.replay = loaded.history;
    s->record_in_log(run_taken{impl_->journals->worker()});
    std::weak_ptr<run::state> weak = s;
    taken.hold->on_end([weak] {
        if (auto alive = weak.lock()) detail::cancel(alive);
    });
    auto work = run_program(served->program, trunk(s), std::move(taken.run.inputs), s->outputs);
    spawn(std::move(s), std::move(work), [served, ended = std::move(ended)](std::exception_ptr failure) { ended(std::move(failure)); });
}

stored_run runtime::resume(const std::string& run_id) {
    if (!impl_->journals) throw no_journals();
    auto& journals = *impl_->journals;
    auto r = journals.get(run_id);
    {
        std::lock_guard lock{impl_->mutex};
        if (!impl_->programs.contains(r.program)) {
            std::vector<std::string> names;
            std::string list;
            for (const auto& [name, program] : impl_->programs) names.push_back(name), list += (list.empty() ? "" : ", ") + name;
            auto near = did_you_mean(r.program, names);
            throw run_error{run_errc::unknown_program, "run " + run_id + " is one of the program \"" + r.program +
                                                           "\", which is not served here; served are: " + (list.empty() ? "none" : list) +
                                                           (near.empty() ? "" : " (did you mean `" + near + "`?)")};
        }
    }
    if (r.status == run_status::failed) journals.retry(run_id);
    auto taken = journals.take(run_id);
    std::promise<void> promise;
    auto halted = promise.get_future();
    std::exception_ptr why;
    continue_run(std::move(taken), [&](std::exception_ptr failure) {
        why = std::move(failure);
        promise.set_value();
    });
    halted.get();
    if (why && is_of_journal(why)) std::rethrow_exception(why);
    return journals.get(run_id);
}

void runtime::work(const work_options& options) {
    if (!impl_->journals) throw no_journals();
    auto& journals = *impl_->journals;
    struct progress {
        std::mutex mutex;
        std::condition_variable changed;
        std::size_t active = 0;
        bool halted = false;  // since the last look
    };
    auto p = std::make_shared<progress>();
    impl_->stop_work = false;
    bool drained = false;
    std::string trouble;
    auto all_programs = [&] {
        std::vector<std::string> names;
        std::lock_guard lock{impl_->mutex};
        for (const auto& [name, program] : impl_->programs) names.push_back(name);
        return names;
    };
    auto trouble_since = clock::now();
    for (;;) {
        bool stopping = impl_->stop_work;
        std::size_t room = 0;
        {
            std::lock_guard lock{p->mutex};
            if (stopping && p->active == 0) return;
            room = options.concurrency > p->active ? options.concurrency - p->active : 0;
            p->halted = false;
        }
        if (stopping && !std::exchange(drained, true)) {
            std::lock_guard lock{impl_->mutex};
            for (const auto& weak : impl_->active)
                if (auto s = weak.lock(); s && s->log) asio::post(s->executor, [s] { s->draining = true; });
        }
        bool more = false;
        if (!stopping && room > 0) {
            try {
                auto taken = journals.take(all_programs(), std::min<std::size_t>(room, 64));
                more = !taken.empty();
                for (auto& t : taken) {
                    std::string id = t.run.id;
                    {
                        std::lock_guard lock{p->mutex};
                        ++p->active;
                    }
                    auto done = [p, id, this, &options](std::exception_ptr failure) {
                        if (failure && impl_->logger) impl_->logger->debug("run {}: {}", id, text_of(failure));
                        if (options.on_halt) {
                            // Not here: this is the run's thread, and the store blocks.
                            asio::post(impl_->blocking, [p, id, this, &options] {
                                try {
                                    options.on_halt(impl_->journals->get(id));
                                } catch (const std::exception& e) {
                                    if (impl_->logger) impl_->logger->warn("run {}: {}", id, e.what());
                                }
                                std::lock_guard lock{p->mutex};
                                --p->active;
                                p->halted = true;
                                p->changed.notify_one();
                            });
                            return;
                        }
                        std::lock_guard lock{p->mutex};
                        --p->active;
                        p->halted = true;
                        p->changed.notify_one();
                    };
                    try {
                        continue_run(std::move(t), done);
                    } catch (const run_error& e) {
                        done(std::make_exception_ptr(e));
                    }
                }
                if (!more && options.until_idle) {
                    bool idle = false;
                    {
                        std::lock_guard lock{p->mutex};
                        idle = p->active == 0;
                    }
                    if (idle && !journals.has_work(all_programs())) return;
                }
                trouble.clear();
                trouble_since = clock::now();
            } catch (const run_error& e) {
                // The database is away. It may come back; what we have is kept.
                if (trouble != e.what() && impl_->logger) impl_->logger->warn("{}", e.what());
                trouble = e.what();
                if (clock::now() - trouble_since > std::chrono::minutes{5}) throw;
            }
        }
        if (more) continue;
        std::unique_lock lock{p->mutex};
        p->changed.wait_for(lock, options.poll, [&] { return p->halted || (impl_->stop_work && !drained); });
    }
}

void runtime::stop_work() { impl_->stop_work = true; }

void runtime::spawn(std::shared_ptr<run::state> s, task<void> work, std::function<void(std::exception_ptr)> ended) {
    {
        std::lock_guard lock{impl_->mutex};
        impl_->active.insert(s);
    }
    auto leave = [this, weak = std::weak_ptr{s}, ended = std::move(ended)](std::exception_ptr failure) {
        {
            std::lock_guard lock{impl_->mutex};
            impl_->active.erase(weak);
        }
        ended(std::move(failure));
    };
    auto* state = s.get();
    asio::co_spawn(state->executor, guarded(s, std::move(work), std::move(leave)),
                   asio::bind_cancellation_slot(state->signal.slot(), [s](std::exception_ptr) {}));
}

namespace detail {

void cancel(const std::shared_ptr<run::state>& s) {
    if (s->cancelled.exchange(true)) return;
    asio::post(s->executor, [s] {
        if (!s->finished) s->signal.emit(asio::cancellation_type::terminal);
    });
}

run_report report(const run::state& s) { return {s.usage, s.by_model, s.history, s.duration}; }

}  // namespace detail
}  // namespace reagent
