// A worker: takes up runs that are ready, or were left behind.
#include "service_impl.hpp"
#include "store/journal_store_impl.hpp"

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
    void look() {
        std::lock_guard lock{mutex};
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

using runtime_messages = std::function<void(run_observer::level, std::string_view)>;

// What keeps a worker from taking up runs: told once, and tried again less and less often.
class trouble {
public:
    trouble(const std::function<void(const std::string&)>& tell, const runtime_messages& messages)
        : tell_{tell}, messages_{messages} {}

    void arose(const std::string& what) {
        if (what_.empty()) since_ = clock::now();
        pause_ = pause_.count() ? std::min<std::chrono::milliseconds>(pause_ * 2, longest_pause)
                                : std::chrono::milliseconds{250};
        if (what == what_) return;
        what_ = what;
        messages_(run_observer::level::warning, what);
        if (tell_) tell_(what);
    }
    void passed() {
        pause_ = {};
        if (what_.empty()) return;
        what_.clear();
        messages_(run_observer::level::info, "the journals work again");
        if (tell_) tell_("");
    }
    bool has_lasted(std::chrono::minutes t) const { return !what_.empty() && clock::now() - since_ > t; }
    std::chrono::milliseconds pause() const { return pause_; }  // 0: nothing is wrong

private:
    const std::function<void(const std::string&)>& tell_;
    const runtime_messages messages_;
    std::string what_;
    clock::time_point since_{};
    std::chrono::milliseconds pause_{};
};

// A worker that can be woken while it waits.
struct waking {
    waking(std::mutex& m, std::map<const void*, std::function<void()>>& all, progress& p) : mutex{m}, of{all}, who{p} {
        std::lock_guard lock{mutex};
        of[&who] = [&p] { p.look(); };
    }
    ~waking() {
        std::lock_guard lock{mutex};
        of.erase(&who);
    }
    waking(const waking&) = delete;
    std::mutex& mutex;
    std::map<const void*, std::function<void()>>& of;
    progress& who;
};

}  // namespace

std::function<void(std::exception_ptr)> durable_service::impl::on_leaving(const std::string& id,
                                                                          const work_options& options,
                                                                          std::function<void()> left) {
    return [self = shared_from_this(), id, &options, left = std::move(left)](std::exception_ptr failure) {
        if (failure) self->tell(run_observer::level::debug, "run " + id + ": " + detail::text_of(failure));
        if (!options.on_halt) return left();
        // Not here: the store blocks.
        asio::post(self->threads().blocking.executor(), [self, id, &options, left] {
            try {
                options.on_halt(self->journals->get(id));
            } catch (const std::exception& e) {
                self->tell(run_observer::level::warning, "run " + id + ": " + e.what());
            }
            left();
        });
    };
}

bool durable_service::impl::take_up(std::size_t most, const work_options& options, const std::function<void()>& begun,
                                    const std::function<void()>& left) {
    std::vector<std::string> unreadable;
    auto taken = journals->take(served_names(), most, &unreadable);
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
            journals->finish(hold, {}, active, {.status = run_status::failed, .error = e.what()},
                             [done](std::exception_ptr failure) { done(std::move(failure)); });
        }
    }
    return !taken.empty() || !unreadable.empty();
}

std::vector<std::string> durable_service::impl::served_names() const {
    std::vector<std::string> names;
    std::lock_guard lock{mutex};
    for (const auto& [name, program] : programs) names.push_back(name);
    return names;
}

void durable_service::impl::drain() {
    std::lock_guard lock{threads().mutex};
    for (const auto& weak : threads().active)
        if (auto s = weak.lock(); s && s->log) asio::post(s->executor, [s] { s->draining = true; });
}

void durable_service::work(const work_options& options) {
    impl_->runtime.refuse_own_threads();
    auto p = std::make_shared<progress>();
    detail::reserve_descriptors(2 * options.concurrency + 64);
    impl_->stop_work = false;
    const waking wakes{impl_->waking, impl_->wake, *p};
    bool drained = false;
    trouble store{options.on_trouble, [this](auto how, auto text) { impl_->tell(how, text); }};
    for (;;) {
        bool stopping = impl_->stop_work;
        std::size_t room = 0;
        {
            std::lock_guard lock{p->mutex};
            if (stopping && p->active == 0) return;
            room = options.concurrency > p->active ? options.concurrency - p->active : 0;
            p->halted = false;
        }
        if (stopping && !std::exchange(drained, true)) impl_->drain();
        bool more = false;
        if (!stopping && room > 0) {
            try {
                more = impl_->take_up(std::min<std::size_t>(room, 64), options, [p] { p->begin(); }, [p] { p->end(); });
                if (!more && options.until_idle && p->is_idle() && !impl_->journals->has_work(impl_->served_names()))
                    return;
                store.passed();
            } catch (const run_error& e) {
                // The database is away, or damaged until somebody mends it. What we have is kept.
                store.arose(e.what());
                bool will_not_pass =
                    dynamic_cast<const journal_store_impl::refused*>(&e);  // waiting helps only where somebody mends it
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

void durable_service::look() {
    std::lock_guard lock{impl_->waking};
    for (const auto& [worker, wake] : impl_->wake) wake();
}

void durable_service::stop_work() { impl_->stop_work = true; }

}  // namespace reagent
