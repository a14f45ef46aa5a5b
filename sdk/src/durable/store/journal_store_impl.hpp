#pragma once

#include <reagent/durable/journal_store.hpp>

#include "database.hpp"
#include "lease_clock.hpp"
#include "rows.hpp"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <span>
#include <thread>
#include <variant>

namespace reagent {

/// The store behind `journal_store`: one connection, and the thread that alone uses it. What is not marked otherwise is
/// called on that thread, within `call`.
struct journal_store_impl {
    using database = detail::database;
    using database_error = detail::database_error;
    using sql_row = detail::sql_row;
    using sql_value = detail::sql_value;

    struct write_job {
        std::shared_ptr<held_run> hold;
        std::vector<journal_store::numbered_record> records;
        std::chrono::microseconds active;
        std::optional<journal_store::ending> ending;
        journal_store::completion done;
    };

    journal_store_impl(std::function<std::unique_ptr<database>()> connect, journal_store_options o);
    ~journal_store_impl();
    void end_by_itself();  ///< on its thread, which cannot wait for itself: when it has ended, it deletes this

    /// Waiting would not help: the database refuses this.
    struct refused : run_error {
        using run_error::run_error;
    };

    /// Again while what is wrong may pass; then as an error of ours.
    template <class F>
    auto patiently(F work) {
        auto until = later(clock::now(), options.patience);
        for (auto pause = std::chrono::milliseconds{20};; pause = std::min(pause * 2, std::chrono::milliseconds{500})) {
            try {
                db->reconnect();
                if constexpr (std::is_void_v<decltype(work())>) {
                    work();
                    is_well();
                    return;
                } else {
                    auto value = work();
                    is_well();
                    return value;
                }
            } catch (const database_error& e) {
                give_up_or_tell(e, std::chrono::steady_clock::now() > until);
            }
            std::this_thread::sleep_for(pause);
        }
    }

    /// Does `work` in a transaction, patiently, and once: where the reply to its COMMIT was lost, the next try finds
    /// the mark of this change and answers what the first one did.
    template <class F>
    auto once(F work) {
        using T = decltype(work());
        if (options.access == journal_access::read)
            throw run_error{run_errc::not_possible, db->name() + " was opened for reading; nothing is changed in it"};
        std::optional<std::conditional_t<std::is_void_v<T>, std::monostate, T>> value;
        detail::change_mark mark{writer, ++changes};
        bool sent = false;
        try {
            patiently([&] {
                try {
                    if (!db->begin(mark)) return;
                    sent = false;
                    if constexpr (std::is_void_v<T>) {
                        work();
                        value.emplace();
                    } else
                        value.emplace(work());
                    sent = true;
                    db->commit();
                } catch (...) {
                    db->roll_back();
                    throw;
                }
            });
        } catch (const refused&) {
            throw;
        } catch (const run_error& e) {
            if (!sent) throw;
            throw run_error{e.code(), std::string{e.what()} + "; whether the last change was stored is not known"};
        }
        if constexpr (!std::is_void_v<T>) return std::move(*value);
    }

    /// `once`, as `call`.
    template <class F>
    auto change(F work) {
        return call([&] { return once(work); }, as_it_is);
    }

    /// Does `work` on the thread, patiently, and waits. From any other thread.
    template <class F>
    auto call(F work) {
        return call([&] { return patiently(work); }, as_it_is);
    }

    struct as_it_is_t {};
    static constexpr as_it_is_t as_it_is{};
    template <class F>
    auto call(F work, as_it_is_t) {
        using T = decltype(work());
        struct {
            std::mutex mutex;
            std::condition_variable changed;
            bool done = false;
            std::optional<std::conditional_t<std::is_void_v<T>, std::monostate, T>> value;
            std::exception_ptr failure;
        } result;
        {
            std::lock_guard lock{mutex};
            if (stopping) throw run_error{run_errc::journal_unavailable, "the journals are closed"};
            jobs.push_back([&] {
                std::exception_ptr failure;
                try {
                    if constexpr (std::is_void_v<T>) {
                        work();
                        result.value.emplace();
                    } else
                        result.value.emplace(work());
                } catch (...) {
                    failure = std::current_exception();
                }
                std::lock_guard done{result.mutex};
                result.failure = std::move(failure);  // moved, so that this thread is not the last to hold it
                result.done = true;
                result.changed.notify_one();
            });
        }
        wake.notify_one();
        std::unique_lock lock{result.mutex};
        result.changed.wait(lock, [&] { return result.done; });
        if (result.failure) std::rethrow_exception(std::move(result.failure));
        if constexpr (!std::is_void_v<T>) return std::move(*result.value);
    }

    void enqueue(write_job job);  ///< from any thread

    void is_well();
    void is_in_trouble(const std::string& what);
    void give_up_or_tell(const database_error& e, bool out_of_patience);

    // tables.cpp
    void connect(const std::function<std::unique_ptr<database>()>& how);
    void make_tables();
    std::int64_t format_of_tables();  ///< 0: there are none. @throws run_error(bad_journal) for a newer version's

    // totals.cpp
    void make_totals();
    void make_totals_again();  ///< of a version that summed less

    // writing.cpp
    void work();
    void write(std::vector<write_job>& batch);
    struct outcome {
        std::exception_ptr failure{};
        bool cancel = false, renewed = false;
    };
    void write_one_by_one(std::vector<write_job>& batch);
    void write_all(const std::vector<write_job>& batch, std::vector<outcome>& outcomes, std::int64_t& asked);
    void tell(write_job& job, outcome o, std::int64_t asked);
    bool store(const write_job& job, bool& cancel, bool& renewed);
    void store_ending(const write_job& job);

    // leases.cpp
    void keep(const std::shared_ptr<held_run>& hold);
    void renew();
    void renew(std::span<const std::shared_ptr<held_run>> mine);
    void hand_back();
    void hand_back(const std::string& id, std::uint64_t fence);
    void look_for_cancellations();
    template <class F>
    void quietly(F work);
    std::vector<std::shared_ptr<held_run>> holds();
    void lose(const std::shared_ptr<held_run>& hold);
    void forget(const held_run& hold);
    std::chrono::milliseconds look_every() const {
        return std::min(options.lease / 3, std::chrono::milliseconds{1000});
    }
    // A tenth less than the store thinks, for clocks that differ.
    std::int64_t certain_from(std::int64_t asked) const { return asked + options.lease.count() * 9 / 10; }

    using parameters = detail::statement_parameters;
    std::int64_t machine_now() const { return clock->since_boot().count(); }
    void look_at_clock();
    std::string lease_is_over(parameters& p);    ///< a condition on reagent_runs
    std::string new_lease(parameters& p) const;  ///< what is set

    // taking.cpp
    journal_store::taken_run took(const sql_row& row, std::int64_t asked);
    journal_store::taken_run take(const std::string& id, bool by_force);
    bool has_let_go = false;  // on the store's thread
    void refuse_after_letting_go() const;
    void load(journal_store::taken_run& t);
    void give_up_stalled();
    void fail(const std::string& id, const std::string& why);
    std::string taking(parameters& p) const;
    static std::string programs_clause(const std::vector<std::string>& programs, parameters& p);

    // journal_store.cpp
    std::vector<journal_record> records(const std::string& id, std::uint64_t after = 0, std::size_t most = SIZE_MAX);
    struct kept_records {
        std::vector<journal_record> records{};  ///< from the first one on, until one is missing
        bool whole = true;                      ///< as many as the run has had
    };
    kept_records kept(const stored_run& r);
    /// Calls of tools that its last worker ended in, as they are told; "": none.
    std::string unknown_of(const stored_run& r);
    std::vector<journal_record> whole(const stored_run& r);  ///< @throws run_error(bad_journal) when some are lost
    std::vector<journal_store::numbered_record> page(const std::string& id, std::uint64_t after,
                                                     std::size_t most_bytes);
    std::optional<stored_run> find(const std::string& id, bool lock = false);
    stored_run get(const std::string& id, bool lock = false);

    // decisions.cpp
    std::vector<pending_decision> pending(const std::string& id);
    std::int64_t undecided(const std::string& id);

    // sessions.cpp
    std::optional<session> find_session(const std::string& id, bool lock = false);
    session get_session(const std::string& id, bool lock = false);
    /// @throws run_error(not_possible) while a run of the session, other than `but`, is not over
    void check_idle(const std::string& session, const std::string& but = {});
    void add_turn(const std::string& run, const journal_store::ending::said& t);

    journal_store_options options;
    std::string worker, trouble;
    const std::string writer =
        detail::random_name(20);  // of marks: no two stores share one, whatever their workers are called
    std::int64_t changes = 0;
    std::shared_ptr<const machine_clock> clock;
    std::string boot;
    detail::lease_clock database_clock;
    std::unique_ptr<database> db;
    std::string now, write_statement, finish_statement;
    std::string older;  ///< why something may be missing in tables that are only read
    std::mutex mutex;
    std::condition_variable wake;
    std::vector<write_job> writes;
    std::deque<std::function<void()>> jobs;
    std::map<std::pair<std::string, std::uint64_t>, std::weak_ptr<held_run>> held;  // by run and fence
    std::atomic<bool> stopping = false;
    bool deletes_itself = false;  // the thread's
    std::thread thread;
};

}  // namespace reagent
