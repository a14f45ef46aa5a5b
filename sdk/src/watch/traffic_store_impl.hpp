#pragma once

#include <reagent/watch/traffic_store.hpp>

#include "../durable/store/database.hpp"

#include <functional>
#include <mutex>
#include <thread>

namespace reagent {

/// One connection, used under its mutex.
struct traffic_store::impl {
    impl(std::function<std::unique_ptr<detail::database>()> connect, traffic_store_options o);

    /// Again while what is wrong may pass; then as an error of ours.
    template <class F>
    auto patiently(F work) {
        auto until = std::chrono::steady_clock::now() + options.patience;
        for (auto pause = std::chrono::milliseconds{20};; pause = std::min(pause * 2, std::chrono::milliseconds{500})) {
            try {
                if (!db) db = connect();
                db->reconnect();
                return work();
            } catch (const detail::database_error& e) {
                if (!e.may_pass || std::chrono::steady_clock::now() > until)
                    throw run_error{run_errc::journal_unavailable, "the samples of live traffic are not to be used: " +
                                                                       (db ? db->name() + ": " : std::string{}) +
                                                                       e.what()};
            }
            std::this_thread::sleep_for(pause);
        }
    }

    /// In one transaction. May be done twice where the reply to a COMMIT was lost, so it says the same the second time.
    template <class F>
    auto change(F work) {
        std::lock_guard lock{mutex};
        return patiently([&] {
            db->begin();
            try {
                auto made = work();
                db->commit();
                return made;
            } catch (...) {
                db->roll_back();
                throw;
            }
        });
    }

    void make_tables();
    std::int64_t next_numbers(std::size_t n);  ///< the first of them
    std::size_t retain();

    std::mutex mutex;
    std::function<std::unique_ptr<detail::database>()> connect;
    traffic_store_options options;
    std::unique_ptr<detail::database> db;
    std::size_t since_retained = 0;
};

}  // namespace reagent
