#pragma once

#include <reagent/durable/journal_store.hpp>
#include <reagent/run/runtime.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace reagent {

/// How a worker takes up runs.
struct work_options {
    std::size_t concurrency = 64;         ///< runs at work at the same time
    bool until_idle = false;              ///< come back when nothing is left to do, here or at another worker
    std::chrono::milliseconds poll{200};  ///< how often it looks for runs that others submitted or left behind
    std::function<void(const stored_run&)> on_halt{};  ///< told of every run that this worker leaves; on some thread
    /// Told once of what keeps the worker from taking up runs, and with "" when that is over; on the thread of `work`.
    /// The worker goes on trying, less and less often, up to every 30 seconds.
    std::function<void(const std::string&)> on_trouble{};
};

/// What a program does differently from a run that it, or an earlier version of it, has made.
struct run_comparison {
    struct difference {
        std::string place{};  ///< "a model call at "generate", call 2"
        std::string what{};   ///< what the journal has there, and what the program
    };
    std::vector<difference> differences{};
    std::optional<json::object> outputs{};  ///< none: it did not come to an end
    std::string ended{};                    ///< why not
};

/// Durable runs: programs under a name, whose runs are stored, so that any process that serves them can continue one.
/// Works on the threads of a runtime, which must outlive it; runs that are under way go on when the service is
/// destroyed. Thread-safe. What waits for a run throws run_error(would_deadlock) on a thread of the runtime, as
/// `runtime::run` does.
class durable_service {
public:
    durable_service(runtime& runtime, std::shared_ptr<journal_store> store);
    ~durable_service();
    durable_service(const durable_service&) = delete;

    journal_store& store() const;

    /// What a stored run's inputs say about its options: fields that are private, limits of its own. Called whenever
    /// the run is taken up, here or by another process that serves it, and by `replay`; what it throws ends the run.
    using options_of_inputs = std::function<void(run_options&, const json::object& inputs)>;

    /// Makes a program known. @param options of its runs: model, budget, deadline; these hold for all resumes of a run
    /// together
    /// @param adjust changes them for one run by its inputs
    void serve(std::string name, program_function program, run_options options, options_of_inputs adjust = {});
    /// A module that has `call(run&, json::object)`; it must outlive the service's runs. Any other program:
    /// `serve(name, as_program(module), ...)`.
    template <class Module>
        requires(!std::is_convertible_v<const Module&, program_function>)
    void serve(std::string name, const Module& module, run_options options) {
        serve(std::move(name), detail::served_by(module), std::move(options));
    }

    /// Stores a run; it begins when a worker, or `resume`, takes it. @return its id
    std::string submit(const std::string& program, json::object inputs, std::string id = {}, std::string session = {});

    /// Continues a run here and waits until it ends or waits for somebody: what is in its journal is not done again.
    /// A run that failed is tried again from where it failed. @return where it stands then
    /// @throws run_error(unknown_run, unknown_program, lease_lost, not_possible, journal_unavailable, bad_journal)
    stored_run resume(const std::string& run_id);

    /// Also takes it from a worker that still has it: see `journal_store::take_by_force` for the risk.
    stored_run resume_by_force(const std::string& run_id);

    /// Submits a run and continues it here.
    stored_run run_durably(const std::string& program, json::object inputs, std::string id = {});

    /// The next turn of a conversation, here: a run in that session, which is made when it is new. The program gets the
    /// turns so far as its input `history`, as short as `run_options::history` wants it; what it answers is the
    /// session's next turn once the run has finished.
    /// @throws as `resume`; run_error(not_possible) while the turn before is not over
    stored_run converse(const std::string& session, const std::string& program, json::object inputs,
                        std::string id = {});

    /// Executes a program, as it is served now, on the journal of a run: no model is asked, no tool is called, nothing
    /// is stored. Goes on over prompts and arguments that differ, with what the journal has, until the program wants
    /// something that is not there.
    /// @throws run_error(unknown_run, unknown_program, journal_unavailable, bad_journal)
    run_comparison replay(const std::string& run_id);

    /// A worker: takes up runs that are ready, and those whose worker is gone, until `stop_work`. Blocks. A store that
    /// cannot be used does not end it; with `until_idle` one that cannot be used for five minutes does, and one that
    /// refuses for good (it may only be read, it holds no journals) at once. @throws run_error(journal_unavailable)
    void work(const work_options& options = {});
    /// From any thread: `work` looks at once for runs that are ready, and not only at its next poll. `submit` does that
    /// by itself.
    void look();
    /// From any thread: `work` takes up nothing more, lets effects under way end, leaves its runs ready for others, and
    /// returns.
    void stop_work();

    template <class Module>
        requires(!std::is_convertible_v<const Module&, program_function>)
    void serve(std::string, const Module&&, run_options) {
        static_assert(!std::is_class_v<Module>,
                      "reagent: a served module must outlive the runtime, and this one is a temporary; name it first");
    }

private:
    struct impl;
    std::shared_ptr<impl> impl_;
};

}  // namespace reagent
