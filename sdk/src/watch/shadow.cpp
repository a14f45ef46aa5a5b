#include <reagent/watch/rollout.hpp>

#include <condition_variable>
#include <mutex>

namespace reagent {
namespace {

struct shadow_run {
    program_function program;
    std::shared_ptr<sample> made = std::make_shared<sample>();
    task<void> forward(run& r) const {
        json::object inputs = made->inputs;
        made->outputs = co_await program(r, inputs);
    }
};

std::string words_of(const std::exception_ptr& failure) {
    try {
        std::rethrow_exception(failure);
    } catch (const std::exception& e) {
        return *e.what() ? e.what() : "it failed";
    } catch (...) {
        return "something that is no std::exception";
    }
}

}  // namespace

struct shadow::impl : std::enable_shared_from_this<impl> {
    impl(runtime& own, program_function c, std::shared_ptr<traffic> r, shadow_options o)
        : threads{own}, call{std::move(c)}, recorder{std::move(r)}, options{o} {}

    // With the lock.
    bool has_room(const std::string& request) {
        auto now = std::chrono::steady_clock::now();
        if (now - hour_began >= std::chrono::hours{1}) hour_began = now, this_hour = 0;
        if (!who || under_way >= options.concurrency || this_hour >= options.most_per_hour) return false;
        if (options.dollars && counts.dollars >= *options.dollars) return false;
        return share_of(request, "shadow") < options.share;
    }

    void ended(const shadow_run& one, const std::exception_ptr& failure, const run_report& report) {
        one.made->latency = report.duration;
        one.made->usage = report.usage;
        one.made->model = models_of(*report.history);
        if (failure) one.made->outputs.clear(), one.made->error = words_of(failure);
        recorder->record(std::move(*one.made));
        std::lock_guard lock{mutex};
        ++(failure ? counts.failed : counts.answered);
        counts.dollars += report.usage.cost.value_or(0);
        --under_way;
        idle.notify_all();
    }

    runtime& threads;
    const program_function call;
    const std::shared_ptr<traffic> recorder;
    const shadow_options options;
    mutable std::mutex mutex;
    std::condition_variable idle;
    std::optional<answering> who;
    run_options how;
    std::size_t under_way = 0, this_hour = 0;
    std::chrono::steady_clock::time_point hour_began = std::chrono::steady_clock::now();
    shadow_counts counts;
};

shadow::shadow(runtime& own, program_function call, std::shared_ptr<traffic> recorder, shadow_options options)
    : impl_{std::make_shared<impl>(own, std::move(call), std::move(recorder), options)} {}
shadow::~shadow() { wait(); }

void shadow::set(std::optional<answering> who, run_options how) {
    std::lock_guard lock{impl_->mutex};
    impl_->who = std::move(who);
    impl_->how = std::move(how);
    impl_->how.deadline = impl_->options.deadline;
    if (impl_->who) impl_->how.parameters = impl_->who->parameters;
}

bool shadow::answer(std::string request, std::string program, json::object inputs) noexcept try {
    auto one = std::make_shared<shadow_run>(shadow_run{impl_->call});
    run_options how;
    {
        std::lock_guard lock{impl_->mutex};
        if (!impl_->has_room(request)) return ++impl_->counts.passed_over, false;
        ++impl_->under_way;
        ++impl_->this_hour;
        how = impl_->how;
        one->made->version = impl_->who->version;
    }
    one->made->request = std::move(request), one->made->program = std::move(program),
    one->made->inputs = std::move(inputs);
    one->made->heard = false;
    std::function<void(std::exception_ptr, const run_report&)> done =
        [one, i = impl_](std::exception_ptr failure, const run_report& report) { i->ended(*one, failure, report); };
    try {
        impl_->threads.detach(std::move(how), *one, std::move(done));
        return true;
    } catch (...) {  // it cannot begin, as without a model
        std::lock_guard lock{impl_->mutex};
        --impl_->under_way;
        ++impl_->counts.failed;
        return false;
    }
} catch (...) {
    return false;
}

void shadow::wait() {
    std::unique_lock lock{impl_->mutex};
    impl_->idle.wait(lock, [&] { return impl_->under_way == 0; });
}

shadow_counts shadow::counts() const {
    std::lock_guard lock{impl_->mutex};
    return impl_->counts;
}

}  // namespace reagent
