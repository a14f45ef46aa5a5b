#pragma once

#include <reagent/durable/journal_store.hpp>
#include <reagent/task.hpp>

#include "../run/journal_sink.hpp"
#include "../run/paced_queue.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <map>
#include <set>
#include <tuple>
#include <unordered_set>

namespace reagent::detail {

/// What stands between a run and its store: numbers the records, keeps their order, and knows what an earlier worker
/// left behind. Used on the run's thread.
class run_log final : public journal_sink, public std::enable_shared_from_this<run_log> {
public:
    run_log(std::shared_ptr<journal_store> store, std::shared_ptr<held_run> hold, std::uint64_t records,
            asio::any_io_executor executor, std::shared_ptr<paced_queue> arrivals)
        : store_{std::move(store)},
          hold_{std::move(hold)},
          executor_{std::move(executor)},
          arrivals_{std::move(arrivals)},
          written_{records} {}

    const std::string& run_id() const override { return hold_->id; }
    std::uint64_t takes() const override { return hold_->fence; }
    held_run& hold() { return *hold_; }

    void append(std::chrono::microseconds at, content what) override;
    void send() override;

    task<void> stored() override;

    task<void> certain() override;

    void hold_back() override { ++held_back_; }
    void release() override;

    /// The last word. @throws as `stored`
    task<void> finish(std::chrono::microseconds at, journal_store::ending e);

    task<void> close(run::state& s, std::exception_ptr& failure) override;

    // What an earlier worker left behind, by place; each is found once.
    void remember(const loaded_journal& loaded, std::vector<pending_decision> pending);
    std::optional<effect_begun> take_open(const event& at) override;
    std::optional<pending_decision> take_pending(const event& at) override;
    bool is_open(const event& at) const override { return open_.contains(place_of(at)); }
    bool is_pending(const event& at) const override { return decisions_.contains(place_of(at)); }
    std::vector<std::uint64_t> given_up(std::string_view branch) override;
    /// Calls of tools of which nobody knows what they did: this worker, or an earlier one, ended in them.
    std::vector<std::string> unknown_calls() const;
    bool was_recorded(const call_place& p) override { return recorded_calls_.erase(p) != 0; }

private:
    using place = std::tuple<event_kind, std::string, std::string, std::uint32_t>;
    static place place_of(const event& e) { return {e.kind, e.branch, e.path, e.occurrence}; }
    void submit();
    journal_store::completion telling(std::uint64_t number);
    task<void> wait_for(std::uint64_t number);
    void arrived(std::uint64_t number, std::exception_ptr failure);

    struct begun_call {
        std::string branch, tool;
        bool repeatable;
    };
    struct waiter;
    std::shared_ptr<journal_store> store_;
    std::shared_ptr<held_run> hold_;
    asio::any_io_executor executor_;
    std::shared_ptr<paced_queue> arrivals_;  // on `executor_`
    std::vector<journal_store::numbered_record> pending_;
    std::uint64_t written_;                   // numbers of records
    std::uint64_t asked_ = 0, answered_ = 0;  // submissions, which may hold no record
    std::chrono::microseconds at_{};
    int held_back_ = 0;
    std::exception_ptr failure_;
    std::vector<waiter*> waiters_;

    std::map<std::uint64_t, begun_call> begun_;  // by this worker, and not finished
    std::map<place, effect_begun> open_;
    std::map<place, pending_decision> decisions_;
    std::set<call_place> recorded_calls_;
    std::unordered_set<std::string> texts_;  // keys of the trajectories that are stored
};

/// A failure of the journal itself, or of the hold on the run, is no end of the run: it goes on elsewhere, or later.
bool is_of_journal(const std::exception_ptr& failure);

}  // namespace reagent::detail
