#pragma once

#include <reagent/durable/session.hpp>
#include <reagent/journal/decision.hpp>
#include <reagent/secret.hpp>

#include <atomic>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>

namespace reagent {

std::string_view to_string(run_status s);
std::optional<run_status> run_status_named(std::string_view name);

/// A run as its store has it, without its records.
struct stored_run {
    std::string id{};
    std::string program{};  ///< the name under which `runtime::serve` knows it
    run_status status{};
    json::object inputs{};
    std::optional<json::object> outputs{};
    std::string error{};    ///< of a run that failed, or waits: why
    std::string session{};  ///< the conversation that it is part of
    std::string parent{};   ///< the run that it was forked from
    std::string worker{};   ///< who has it, or had it last
    int format = journal_format;
    bool cancel_requested = false;
    std::uint64_t records = 0;
    std::uint64_t takes = 0;             ///< how often a worker took it up
    reagent::usage usage{};              ///< of all resumes together, as of its last halt
    std::chrono::microseconds active{};  ///< time in which it was worked on
    std::chrono::system_clock::time_point created{}, updated{};
};
json::object to_json(const stored_run& r);

struct new_run {
    std::string program{};
    json::object inputs{};
    std::string id{};       ///< one of your choice, for example an order's number; "": a random one
    std::string session{};  ///< a conversation, made when it is new: its turns so far become the input `history`
};

struct run_filter {
    std::optional<run_status> status{};
    std::string program{}, session{};  ///< "": any
    std::size_t most = 100;            ///< the newest of them
};

/// A worker's hold on a run: while it lasts no other continues it. Thread-safe.
class held_run {
public:
    held_run(std::string run, std::uint64_t f) : id{std::move(run)}, fence{f} {}

    const std::string id;
    const std::uint64_t fence;  ///< grows with every take; the store refuses writes with an older one

    bool is_lost() const { return lost_; }
    bool is_cancelled() const { return cancelled_; }
    bool is_certain() const;  ///< by the machine's own clock no other can have taken it yet

    /// Called once, from the store's thread, when the hold is lost or somebody wants the run cancelled.
    void on_end(std::function<void()> tell);

private:
    friend class journal_store;
    friend struct journal_store_impl;
    void end(bool lost);
    std::atomic<bool> lost_ = false, cancelled_ = false;
    std::atomic<std::int64_t> certain_until_ = 0;  // milliseconds since the machine started
    std::mutex mutex_;
    std::function<void()> tell_;
};

/// What a machine knows of the time. Thread-safe. One of your own is for tests.
class machine_clock {
public:
    virtual ~machine_clock() = default;
    virtual std::string boot() const;                      ///< names this start of the machine; "": it is not known
    virtual std::chrono::milliseconds since_boot() const;  ///< nobody sets it, and it goes on while the machine sleeps
    virtual std::chrono::system_clock::time_point wall() const;  ///< anybody may set it
};

/// What `open` may do to what it finds.
enum class journal_access {
    create,    ///< makes the tables where there is nothing yet: a file that is not there or empty, a database that has
               ///< none of ours
    existing,  ///< what is no store is an error, and left as it is
    read,      ///< likewise; nothing is made, brought up to date or changed: functions that would are `not_possible`
};

struct journal_store_options {
    std::chrono::milliseconds lease{30'000};  ///< how long a worker that says nothing keeps its runs
    std::string worker{};                     ///< name of this one; "": host, process and a random number
    /// False: commits do not wait for the disk. Kills of the process lose nothing then either; a power failure may lose
    /// the last transactions (SQLite only).
    bool survive_power_failure = true;
    std::chrono::milliseconds patience{
        10'000};  ///< how long a locked database, or one that is away, is tried again; also by `open`
    /// Told at once, and once, of what keeps the database from being used, and with "" when it works again. Called on
    /// the store's thread, by `open` on the caller's; does not use the store.
    std::function<void(const std::string&)> on_trouble{};
    std::shared_ptr<const machine_clock> clock{};  ///< null: the machine's own
    journal_access access = journal_access::create;
};

/// Journals of many runs, in one SQLite file or one PostgreSQL database, shared by any number of threads, processes and
/// (PostgreSQL) machines. Does its work on one thread of its own; what is written at the same time goes into one
/// transaction. All functions but `write` and `finish` block: from a task, call them by `run::blocking`. Thread-safe.
class journal_store {
public:
    /// @param where a file of SQLite, or a PostgreSQL address (postgresql://...)
    /// @throws run_error(journal_unavailable, bad_journal); also for a file of SQLite that holds tables of something
    /// else and no journals
    static std::shared_ptr<journal_store> open(const std::string& where, journal_store_options options = {});
    static std::shared_ptr<journal_store> open_sqlite(const std::string& file, journal_store_options options = {});
    /// @param conninfo as libpq takes it: "host=... dbname=...", or an address
    static std::shared_ptr<journal_store> open_postgres(const secret& conninfo, journal_store_options options = {});
    ~journal_store();
    journal_store(const journal_store&) = delete;

    const std::string& worker() const;

    // All of these throw run_error: journal_unavailable, bad_journal, unknown_run, not_possible.
    std::string create(const new_run& r);  ///< @return its id. A second run with the same id is not_possible
    std::optional<stored_run> find(const std::string& id);
    stored_run get(const std::string& id);
    std::vector<stored_run> list(const run_filter& filter = {});
    struct program_totals {
        std::string program{};
        run_status status{};
        std::size_t runs = 0;
        reagent::usage usage{};  ///< as of the runs' last halts
    };
    std::vector<program_totals> totals();  ///< by program and status
    /// @param after how many are known already
    std::vector<journal_record> records(const std::string& id, std::uint64_t after = 0, std::size_t most = SIZE_MAX);
    /// A part of a journal, for those who cannot hold all of it: numbered records behind `after`, until they have
    /// `most_bytes` as text; at least one if there is one. What refers to earlier records is not told whole.
    struct numbered_record {
        std::uint64_t number;
        journal_record what;
    };
    std::vector<numbered_record> page(const std::string& id, std::uint64_t after, std::size_t most_bytes);
    std::vector<pending_decision> pending(const std::string& id);
    /// @param effect 0: the only one that waits. @throws run_error(not_possible) when it does not wait, or for that
    /// kind of decision
    void decide(const std::string& id, std::uint64_t effect, const run_decision& d);
    /// At once, or by its worker: a tool's call that is at work comes to its end, and its result is stored; nothing
    /// else begins. Where a worker ended in a call, or nobody has said yet what came of one, `stored_run::error` says
    /// that its outcome is unknown.
    void cancel(const std::string& id);
    /// A run that failed is tried again: model calls that failed are forgotten, everything else stays.
    void retry(const std::string& id);
    /// A new run that has lived through the first `records` of another; 0: all. Effects that were under way there are
    /// left out, at the end of a run that failed also model calls that failed, as by `retry`; and it is no turn of a
    /// conversation. A call of a tool whose outcome nobody knows, and that must not be made twice, is asked about in
    /// the fork as well.
    /// @throws run_error(not_possible) when the run has not so many, bad_journal when its journal has lost some of them
    std::string fork(const std::string& id, std::uint64_t records = 0, const std::string& new_id = {});
    void remove(const std::string& id);  ///< of a run that is over

    struct taken_run {
        std::shared_ptr<held_run> hold;
        stored_run run;
        std::vector<journal_record> records;
        std::vector<pending_decision> pending;
    };
    /// Takes runs that are ready, or whose worker is gone. @param programs that can be continued here
    /// @param unreadable gets the ids of those that are failed from now on, because their journals cannot be read
    std::vector<taken_run> take(const std::vector<std::string>& programs, std::size_t most,
                                std::vector<std::string>* unreadable = nullptr);
    /// This one. @throws run_error(lease_lost) when another worker has it, not_possible when it is over or waits
    taken_run take(const std::string& id);
    /// Also from a worker whose lease has not run out. What that one stores from then on is refused, but a tool that is
    /// at work in it may still act: see that its process has ended. @throws run_error(not_possible) when the run is
    /// over or waits
    taken_run take_by_force(const std::string& id);
    /// For a process that ends in the middle of its runs: all that this store holds are ready at once, as they would be
    /// after a kill when their leases are over, and nothing more is stored of them from here. @throws
    /// run_error(journal_unavailable)
    void let_go();
    /// Whether something is there to take, now or when a lease runs out.
    bool has_work(const std::vector<std::string>& programs);

    /// Appends records. `done` is called on the store's thread. Errors: run_error(lease_lost, journal_unavailable)
    using completion = std::function<void(std::exception_ptr)>;
    void write(std::shared_ptr<held_run> hold, std::vector<numbered_record> records, std::chrono::microseconds active,
               completion done);

    /// How a worker leaves a run.
    struct ending {
        run_status
            status;  ///< awaiting_approval and outcome_unknown become ready when everything was decided meanwhile
        std::optional<json::object> outputs{};
        std::string error{};
        reagent::usage usage{};
        /// Of a run that finished as a part of a conversation: what is added to that.
        struct said {
            turn what;
            std::size_t number = 0;  ///< of the turn, from 1
            std::string summary{};
            std::size_t summarized = 0;
        };
        std::optional<said> turn{};
    };
    void finish(std::shared_ptr<held_run> hold, std::vector<numbered_record> records, std::chrono::microseconds active,
                ending e, completion done);

    // Conversations. Made by `create`; a turn is added in the transaction in which its run finishes.
    std::optional<session> find_session(const std::string& id);
    session get_session(const std::string& id);  ///< @throws run_error(unknown_session)
    /// The newest first. Without their turns, but for how many there are.
    struct listed_session {
        std::string id{}, program{}, parent{};
        std::size_t turns = 0;
        std::string waits_for{};  ///< the run that is its next turn, and is not over
        std::chrono::system_clock::time_point updated{};
    };
    std::vector<listed_session> sessions(std::size_t most = 100);
    /// A conversation that has lived through the first `turns` of another; 0: all. @return its id
    std::string fork_session(const std::string& id, std::size_t turns = 0, const std::string& new_id = {});
    void remove_session(
        const std::string& id);  ///< its runs stay. @throws run_error(not_possible) while one is not over

    // What grows: of those whose ids begin so; "": of all.
    std::size_t count_sessions(const std::string& prefix);
    /// Removes conversations that nobody has continued since then, but those with a run that is not over; the oldest
    /// first. @return how many
    std::size_t remove_sessions(const std::string& prefix, std::chrono::system_clock::time_point before,
                                std::size_t most = 1000);
    /// Likewise runs that have been over since then.
    std::size_t remove_runs(const std::string& prefix, std::chrono::system_clock::time_point before,
                            std::size_t most = 1000);

private:
    explicit journal_store(std::unique_ptr<struct journal_store_impl> impl);
    std::unique_ptr<struct journal_store_impl> impl_;
};

}  // namespace reagent
