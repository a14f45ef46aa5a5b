#include <reagent/watch/traffic.hpp>

#include "sample_privacy.hpp"

#include <boost/json.hpp>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <variant>

namespace reagent {
namespace {

constexpr std::size_t most_at_once = 200;
constexpr std::chrono::seconds patience_at_the_end{2};
constexpr std::size_t most_depth =
    200;  // of JSON: deeper than any schema, and its size is counted without recursion to death

// About what it takes as JSON, told without writing it. What is nested too deep counts as endless.
std::size_t bytes_of(const json::value& v, std::size_t limit, std::size_t depth = 0) {
    if (depth > most_depth) return limit + 1;
    std::size_t n = 8;
    if (v.is_string())
        n += v.get_string().size();
    else if (v.is_array())
        for (const auto& item : v.get_array()) {
            if ((n += bytes_of(item, limit, depth + 1)) > limit) break;
        }
    else if (v.is_object())
        for (const auto& [name, item] : v.get_object()) {
            if ((n += name.size() + bytes_of(item, limit, depth + 1)) > limit) break;
        }
    return n;
}

std::size_t bytes_of(const json::object& o, std::size_t limit) {
    std::size_t n = 0;
    for (const auto& [name, item] : o)
        if ((n += name.size() + bytes_of(item, limit, 1)) > limit) break;
    return n;
}

}  // namespace

struct traffic::impl {
    impl(std::shared_ptr<traffic_store> s, traffic_options o)
        : store{std::move(s)}, options{std::move(o)}, privacy{options}, thread{[this] { work(); }} {}

    ~impl() {
        {
            std::lock_guard lock{mutex};
            stopping = true;
            until = std::chrono::steady_clock::now() + patience_at_the_end;
        }
        wake.notify_all();
        thread.join();
    }

    using item = std::variant<sample, request_feedback>;
    struct waiting {
        item what;
        std::size_t bytes;
    };

    bool enqueue(item i, std::size_t bytes) {
        std::lock_guard lock{mutex};
        if (stopping || queue.size() >= options.queue || queued_bytes + bytes > options.queue_bytes)
            return ++counts.dropped, false;
        queued_bytes += bytes;
        queue.push_back({std::move(i), bytes});
        wake.notify_one();
        return true;
    }

    void work() {
        std::unique_lock lock{mutex};
        for (;;) {
            wake.wait(lock, [&] { return stopping || !queue.empty(); });
            if (queue.empty()) return;
            std::vector<item> batch;
            std::size_t bytes = 0;
            for (; !queue.empty() && batch.size() < most_at_once; queue.pop_front()) {
                bytes += queue.front().bytes;
                batch.push_back(std::move(queue.front().what));
            }
            auto how = privacy;
            busy = true;
            lock.unlock();
            auto made = write(std::move(batch), how);
            lock.lock();
            busy = false;
            queued_bytes -= bytes;
            add(made);
            idle.notify_all();
        }
    }

    void add(const traffic_counts& made) {
        for (auto count : {&traffic_counts::kept, &traffic_counts::not_chosen, &traffic_counts::lost,
                           &traffic_counts::feedback, &traffic_counts::feedback_of_unknown})
            counts.*count += made.*count;
    }

    // Why it is kept; "": it is not.
    std::string chosen(const sample& s) const {
        if (options.rule && options.rule(s)) return "rule";
        if (share_of(s.request, "sample") < options.rate) return "rate";
        return options.reservoir.size ? "reservoir" : "";
    }

    traffic_counts write(std::vector<item> batch, const detail::sample_privacy& how) {
        traffic_counts made;
        std::vector<sample> samples;
        std::vector<request_feedback> said;
        for (auto& i : batch) try {
                if (auto* s = std::get_if<sample>(&i)) {
                    s->kept_by = chosen(*s);
                    if (s->kept_by.empty()) {
                        ++made.not_chosen;
                        continue;
                    }
                    how.clean(*s);
                    samples.push_back(std::move(*s));
                } else {
                    how.clean(std::get<request_feedback>(i));
                    said.push_back(std::move(std::get<request_feedback>(i)));
                }
            } catch (const std::exception&) {  // a rule that throws; what it says may hold what is private
                ++made.lost;
            }
        if (!samples.empty())
            (stored([&] { store->add(samples, options.reservoir); }) ? made.kept : made.lost) += samples.size();
        std::size_t known = 0;
        if (said.empty()) return made;
        if (!stored([&] { known = store->add(said); })) {
            made.lost += said.size();
            return made;
        }
        made.feedback = known;
        made.feedback_of_unknown = said.size() - known;
        return made;
    }

    // The store tries again by itself; at the end of the process not for ever.
    template <class F>
    bool stored(F work) {
        try {
            {
                std::lock_guard lock{mutex};
                if (stopping && std::chrono::steady_clock::now() > until) return false;
            }
            work();
            tell({});
            return true;
        } catch (const std::exception& e) {
            tell(e.what());
            return false;
        }
    }

    void tell(const std::string& what) {
        if (what == trouble) return;
        trouble = what;
        if (options.on_trouble) options.on_trouble(what);
    }

    std::shared_ptr<traffic_store> store;
    traffic_options options;
    std::mutex mutex;
    std::condition_variable wake, idle;
    std::deque<waiting> queue;
    std::size_t queued_bytes = 0;
    std::set<std::string, std::less<>> programs;
    detail::sample_privacy privacy;
    traffic_counts counts;
    bool stopping = false, busy = false;
    std::chrono::steady_clock::time_point until{};
    std::string trouble;  // of the thread
    std::thread thread;
};

traffic::traffic(std::shared_ptr<traffic_store> store, traffic_options options) {
    if (!(options.rate >= 0 && options.rate <= 1)) throw std::invalid_argument{"the rate of samples is from 0 to 1"};
    if (options.privacy == private_values::hashed && options.hash_key.reveal().size() < 16)
        throw std::invalid_argument{
            "private values are hashed by a key of 16 bytes or more (hash_key): without one anybody tries values"};
    impl_ = std::make_unique<impl>(std::move(store), std::move(options));
}
traffic::~traffic() = default;

void traffic::know(const std::string& program, const module& root) { know(program, detail::private_fields_of(root)); }
void traffic::know(const std::string& program, const std::set<std::string>& private_fields) {
    std::lock_guard lock{impl_->mutex};
    impl_->programs.insert(program);
    impl_->privacy.know(private_fields);
}

bool traffic::record(sample s) noexcept try {
    const std::size_t limit = impl_->options.max_sample_bytes;
    if (s.at == std::chrono::system_clock::time_point{}) s.at = std::chrono::system_clock::now();

    const std::size_t bytes =
        bytes_of(s.inputs, limit) + bytes_of(s.outputs, limit) + s.request.size() + s.error.size();
    {
        std::lock_guard lock{impl_->mutex};
        if (!impl_->programs.contains(s.program)) return ++impl_->counts.unknown_program, false;
        if (bytes > limit) return ++impl_->counts.too_large, false;
    }
    return impl_->enqueue(std::move(s), bytes);
} catch (...) {
    return false;
}

bool traffic::add(request_feedback f) noexcept try {
    const std::size_t limit = impl_->options.max_sample_bytes;
    const std::size_t bytes = bytes_of(f.labels, limit) + f.remark.size() + f.request.size();
    if (bytes > limit || (f.score && !(*f.score >= 0 && *f.score <= 1))) {
        std::lock_guard lock{impl_->mutex};
        return ++impl_->counts.too_large, false;
    }
    return impl_->enqueue(std::move(f), bytes);
} catch (...) {
    return false;
}

void traffic::flush() {
    std::unique_lock lock{impl_->mutex};
    impl_->idle.wait(lock, [&] { return impl_->queue.empty() && !impl_->busy; });
}

traffic_counts traffic::counts() const {
    std::lock_guard lock{impl_->mutex};
    return impl_->counts;
}
const std::shared_ptr<traffic_store>& traffic::store() const { return impl_->store; }

}  // namespace reagent
