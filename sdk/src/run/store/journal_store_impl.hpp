#pragma once

#include <reagent/run/journal_store.hpp>

#include "database.hpp"
#include "rows.hpp"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <variant>

namespace reagent {

/// The store behind `journal_store`: one connection, and the thread that alone uses it. What is not marked otherwise is called on
/// that thread, within `call`.
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

    template <class F>
    auto transaction(F work) {
        db->begin();
        try {
            if constexpr (std::is_void_v<decltype(work())>) {
                work();
                db->commit();
            } else {
                auto value = work();
                db->commit();
                return value;
            }
        } catch (...) {
            db->roll_back();
            throw;
        }
    }

    /// Again while what is wrong may pass; then as an error of ours.
    template <class F>
    auto patiently(F work) {
        auto until = std::chrono::steady_clock::now() + options.patience;
        for (auto pause = std::chrono::milliseconds{20};; pause = std::min(pause * 2, std::chrono::milliseconds{500})) {
            std::string why;
            try {
                db->reconnect();
                return work();
            } catch (const database_error& e) {
                why = e.what();
                if (!e.may_pass || std::chrono::steady_clock::now() > until || stopping)
                    throw run_error{run_errc::journal_unavailable, db->name() + " is not to be used: " + why};
            }
            std::this_thread::sleep_for(pause);
        }
    }

    /// Does `work` on the thread, and waits. From any other thread.
    template <class F>
    auto call(F work) {
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
                        patiently(work);
                        result.value.emplace();
                    } else
                        result.value.emplace(patiently(work));
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

    // tables.cpp
    void make_tables();

    // writing.cpp
    void work();
    void write(std::vector<write_job>& batch);
    bool store(const write_job& job, bool& cancel, bool& renewed);
    void store_ending(const write_job& job);
    void renew();
    void look_for_cancellations();
    template <class F>
    void quietly(F work);
    std::map<std::string, std::shared_ptr<held_run>> holds();
    void lose(const std::shared_ptr<held_run>& hold);
    void forget(const std::string& id);
    std::chrono::milliseconds look_every() const { return std::min(options.lease / 3, std::chrono::milliseconds{1000}); }
    std::string lease_end() const { return std::string{now} + " + " + std::to_string(options.lease.count()); }
    std::int64_t certain_from(std::chrono::steady_clock::time_point asked) const {
        // A tenth less than the store thinks, for clocks that differ.
        return (asked + options.lease * 9 / 10).time_since_epoch().count();
    }

    // taking.cpp
    journal_store::taken_run took(const sql_row& row, std::chrono::steady_clock::time_point asked);
    void load(journal_store::taken_run& t);
    std::string taking() const;
    static std::string programs_clause(const std::vector<std::string>& programs, std::vector<sql_value>& values);

    // journal_store.cpp
    std::vector<journal_record> records(const std::string& id, std::uint64_t after = 0, std::size_t most = SIZE_MAX);
    std::vector<journal_store::numbered_record> page(const std::string& id, std::uint64_t after, std::size_t most_bytes);
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
    std::string worker;
    std::unique_ptr<database> db;
    std::string now, write_statement, finish_statement;
    std::mutex mutex;
    std::condition_variable wake;
    std::vector<write_job> writes;
    std::deque<std::function<void()>> jobs;
    std::map<std::string, std::weak_ptr<held_run>> held;
    std::atomic<bool> stopping = false;
    std::thread thread;
};

}  // namespace reagent
