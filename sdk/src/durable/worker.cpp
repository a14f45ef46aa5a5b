// A worker: takes up runs that are ready, or were left behind.
#include "../run/runtime_impl.hpp"
#include "store/journal_store_impl.hpp"

#include <spdlog/logger.h>
#include <boost/asio/post.hpp>

#include <condition_variable>

namespace reagent {

namespace {

// Runs that a worker has, and whether one of them has halted since it last looked.
struct progress {
    std::mutex mutex;
    std::condition_variable changed;
    std::size_t active = 0;
    bool halted = false;

    void begin() {
        std::lock_guard lock{mutex};
        ++active;
    }
    void end() {
        std::lock_guard lock{mutex};
        --active;
        halted = true;
        changed.notify_one();
    }
    bool is_idle() {
        std::lock_guard lock{mutex};
        return active == 0;
    }
};

constexpr std::chrono::seconds longest_pause{30};
constexpr std::chrono::minutes until_idle_gives_up{5};

// What keeps a worker from taking up runs: told once, and tried again less and less often.
class trouble {
public:
    trouble(const std::function<void(const std::string&)>& tell, std::shared_ptr<spdlog::logger> logger)
        : tell_{tell}, logger_{std::move(logger)} {}

    void arose(const std::string& what) {
        if (what_.empty()) since_ = clock::now();
        pause_ = pause_.count() ? std::min<std::chrono::milliseconds>(pause_ * 2, longest_pause) : std::chrono::milliseconds{250};
        if (what == what_) return;
        what_ = what;
        if (logger_) logger_->warn("{}", what);
        if (tell_) tell_(what);
    }
    void passed() {
        pause_ = {};
        if (what_.empty()) return;
        what_.clear();
        if (logger_) logger_->info("the journals work again");
        if (tell_) tell_("");
    }
    bool has_lasted(std::chrono::minutes t) const { return !what_.empty() && clock::now() - since_ > t; }
    std::chrono::milliseconds pause() const { return pause_; }  // 0: nothing is wrong

private:
    const std::function<void(const std::string&)>& tell_;
    std::shared_ptr<spdlog::logger> logger_;
    std::string what_;
    clock::time_point since_{};
    std::chrono::milliseconds pause_{};
};

}  // namespace

// How a worker leaves a run: on the run's thread, with what ended it.
std::function<void(std::exception_ptr)> runtime::on_leaving(const std::string& id, const work_options& options,
                                                            std::function<void()> left) {
    return [this, id, &options, left = std::move(left)](std::exception_ptr failure) {
        if (failure && impl_->logger) impl_->logger->debug("run {}: {}", id, detail::text_of(failure));
        if (!options.on_halt) return left();
        // Not here: the store blocks.
        asio::post(impl_->blocking.executor(), [this, id, &options, left] {
            try {
                options.on_halt(impl_->journals->get(id));
            } catch (const std::exception& e) {
                if (impl_->logger) impl_->logger->warn("run {}: {}", id, e.what());
            }
            left();
        });
    };
}

bool runtime::take_up(std::size_t most, const work_options& options, const std::function<void()>& begun,
                      const std::function<void()>& left) {
    std::vector<std::string> unreadable;
    auto taken = impl_->journals->take(served_names(), most, &unreadable);
    for (const auto& id : unreadable) {
        begun();
        on_leaving(id, options, left)({});
    }
    for (auto& t : taken) {
        begun();
        auto done = on_leaving(t.run.id, options, left);
        auto hold = t.hold;
        auto active = t.run.active;
        try {
            continue_run(std::move(t), done);
        } catch (const run_error& e) {  // its journal cannot be read: no worker can go on with it
            impl_->journals->finish(hold, {}, active, {.status = run_status::failed, .error = e.what()},
                                    [done](std::exception_ptr failure) { done(std::move(failure)); });
        }
    }
    return !taken.empty() || !unreadable.empty();
}

std::vector<std::string> runtime::served_names() const {
    std::vector<std::string> names;
    std::lock_guard lock{impl_->mutex};
    for (const auto& [name, program] : impl_->programs) names.push_back(name);
    return names;
}

void runtime::drain() {
    std::lock_guard lock{impl_->mutex};
    for (const auto& weak : impl_->active)
        if (auto s = weak.lock(); s && s->log) asio::post(s->executor, [s] { s->draining = true; });
}

void runtime::work(const work_options& options) {
    refuse_own_threads();
    if (!impl_->journals) throw detail::no_journals();
    auto p = std::make_shared<progress>();
    detail::reserve_descriptors(2 * options.concurrency + 64);
    impl_->stop_work = false;
    bool drained = false;
    trouble store{options.on_trouble, impl_->logger};
    for (;;) {
        bool stopping = impl_->stop_work;
        std::size_t room = 0;
        {
            std::lock_guard lock{p->mutex};
            if (stopping && p->active == 0) return;
            room = options.concurrency > p->active ? options.concurrency - p->active : 0;
            p->halted = false;
        }
        if (stopping && !std::exchange(drained, true)) drain();
        bool more = false;
        if (!stopping && room > 0) {
            try {
                more = take_up(
                    std::min<std::size_t>(room, 64), options, [p] { p->begin(); }, [p] { p->end(); });
                if (!more && options.until_idle && p->is_idle() && !impl_->journals->has_work(served_names())) return;
                store.passed();
            } catch (const run_error& e) {
                // The database is away, or damaged until somebody mends it. What we have is kept.
                store.arose(e.what());
                bool will_not_pass = dynamic_cast<const journal_store_impl::refused*>(&e);  // waiting helps only where somebody mends it
                if (options.until_idle && (will_not_pass || store.has_lasted(until_idle_gives_up))) throw;
            }
        }
        if (more) continue;
        std::unique_lock lock{p->mutex};
        auto until = later(clock::now(), std::max<std::chrono::milliseconds>(options.poll, store.pause()));
        // Stopping is looked for at every poll, however long the pause.
        while (clock::now() < until && !p->halted && !(impl_->stop_work && !drained))
            p->changed.wait_for(lock, std::min<clock::duration>(options.poll, until - clock::now()));
    }
}

void runtime::stop_work() { impl_->stop_work = true; }

}  // namespace reagent
