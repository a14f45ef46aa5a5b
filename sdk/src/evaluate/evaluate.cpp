#include <reagent/evaluate/evaluation.hpp>
#include <reagent/module/parallel.hpp>

#include "../base/utf8.hpp"
#include "../lm/saturating.hpp"
#include "statistics.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <condition_variable>
#include <mutex>

namespace reagent {
namespace {

// One example's run: the program, then the metric, in the same run.
struct example_run {
    const program_function& program;
    const metric& rate;
    const example& subject;
    evaluation_row& row;

    task<void> forward(run& r) const {
        json::object inputs = subject.input_fields();
        auto start = [&] { return program(r, inputs); };
        row.outputs = co_await detail::attempts<json::object>(r, start);
        row.usage = r.usage();
        r.release_paths();
        rated_run rated{subject, row.outputs, r.history()};
        auto judged = co_await rate(r, rated);
        if (!std::isfinite(judged.score))
            throw std::runtime_error{std::isnan(judged.score) ? "the metric returned NaN"
                                                              : "the metric returned an infinite score"};
        row.score = judged.score;
        row.feedback = std::move(judged.feedback);
        row.feedback_by = std::move(judged.by_predictor);
    }
};

std::string message_of(const std::exception_ptr& failure) {
    try {
        std::rethrow_exception(failure);
    } catch (const std::exception& e) {
        return detail::valid_utf8(e.what());  // a server's words may be anything
    } catch (...) {
        return "something that is no std::exception";
    }
}

// What was used after `program` had been: by the metric. When the program failed, all of it is the program's.
usage usage_beyond(usage& program, const usage& all, bool failed) {
    if (failed) program = all;
    usage rest;
    for (auto count : {&usage::calls, &usage::prompt_tokens, &usage::completion_tokens, &usage::cached_tokens,
                       &usage::reasoning_tokens, &usage::estimated_tokens})
        rest.*count = saturating_difference(all.*count, program.*count);
    if (all.cost && rest.calls) rest.cost = *all.cost - program.cost.value_or(0);
    return rest;
}

// Several runs at once, each with its row; what ends on the runtime's threads is counted under one lock.
class evaluation_loop {
public:
    evaluation_loop(runtime& rt, const program_function& program, const dataset& data, const metric& m,
                    const evaluate_options& options)
        : runtime_{rt},
          program_{program},
          data_{data},
          metric_{m},
          options_{options},
          tried_(data.size()),
          runs_(data.size()) {
        made_.rows.resize(data.size());
    }

    evaluation run() {
        std::unique_lock lock{mutex_};
        while (active_ > 0 || (next_ < data_.size() && !made_.stopped)) {
            while (active_ < std::max<std::size_t>(1, options_.concurrency) && next_ < data_.size() && !made_.stopped)
                begin_next(lock);
            const std::size_t before = done_;
            changed_.wait(lock, [&] { return done_ != before || active_ == 0; });
            tell(lock, false);
        }
        if (unheard_) std::rethrow_exception(unheard_);
        complete();
        tell(lock, true);
        if (unheard_) std::rethrow_exception(unheard_);
        return std::move(made_);
    }

private:
    void begin_next(std::unique_lock<std::mutex>& lock) {
        const std::size_t i = next_++;
        ++active_;
        tried_[i] = true;
        made_.rows[i].index = i;
        auto& one = runs_[i].emplace(example_run{program_, metric_, data_[i], made_.rows[i]});
        std::function<void(std::exception_ptr, const run_report&)> ended =
            [this, i](std::exception_ptr failure, const run_report& report) { count(i, failure, report); };
        lock.unlock();
        run_options own = options_.run;
        if (options_.vary) options_.vary(i, own);
        runtime_.detach(std::move(own), one, std::move(ended));
        lock.lock();
    }

    void count(std::size_t i, const std::exception_ptr& failure, const run_report& report) {
        std::lock_guard guard{mutex_};
        auto& row = made_.rows[i];
        row.metric_usage = usage_beyond(row.usage, report.usage, failure && row.outputs.empty());
        row.duration = report.duration;
        if (options_.keep_histories) row.history = report.history;
        row.violations = report.history->violations().size();
        if (failure) {
            row.error = message_of(failure);
            row.score = options_.failure_score;
            if (++made_.errors > options_.max_errors) made_.stopped = true;
        }
        made_.usage += row.usage;
        made_.metric_usage += row.metric_usage;
        sum_ += row.score;
        ++done_;
        --active_;
        changed_.notify_one();
    }

    std::chrono::milliseconds elapsed() const {
        return std::chrono::duration_cast<std::chrono::milliseconds>(clock::now() - began_);
    }

    void tell(std::unique_lock<std::mutex>& lock, bool last) {
        if (!options_.on_progress || (!last && clock::now() - last_told_ < std::chrono::milliseconds{100})) return;
        last_told_ = clock::now();
        evaluation_progress p{done_,        data_.size(),
                              made_.errors, done_ ? points(sum_ / static_cast<double>(done_)) : 0,
                              made_.usage,  elapsed()};
        lock.unlock();
        std::exception_ptr failed;
        try {
            options_.on_progress(p);
        } catch (...) {
            failed = std::current_exception();
        }
        lock.lock();
        if (!failed || unheard_) return;
        unheard_ = failed;
        made_.stopped = true;  // what is under way works with what lives here: it is waited for
    }

    void complete() {
        if (made_.stopped) {
            std::vector<evaluation_row> kept;
            for (std::size_t i = 0; i < made_.rows.size(); ++i)
                if (tried_[i]) kept.push_back(std::move(made_.rows[i]));
            made_.rows = std::move(kept);
        }
        made_.elapsed = elapsed();
        double total = 0;
        for (const auto& r : made_.rows)
            total += r.score;  // in the order of the examples, so that the sum is always the same
        made_.score = made_.rows.empty() ? 0 : points(total / static_cast<double>(made_.rows.size()));
        find_interval(made_);
    }

    runtime& runtime_;
    const program_function& program_;
    const dataset& data_;
    const metric& metric_;
    const evaluate_options& options_;
    evaluation made_;
    std::vector<bool> tried_;
    std::vector<std::optional<example_run>> runs_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::size_t next_ = 0, active_ = 0, done_ = 0;
    double sum_ = 0;
    std::exception_ptr unheard_;  // what `on_progress` threw
    const clock::time_point began_ = clock::now();
    clock::time_point last_told_ = began_;
};

}  // namespace

evaluation evaluate(runtime& rt, const program_function& program, const dataset& data, const metric& m,
                    const evaluate_options& options) {
    for (std::size_t i = 0; i < data.size(); ++i)
        if (data[i].inputs.empty())
            throw program_error{program_errc::mismatch,
                                "example " + std::to_string(i + 1) + " has no inputs; name them with with_inputs"};
    return evaluation_loop{rt, program, data, m, options}.run();
}

program_function as_ensemble(program_function program, majority_options how) {
    // Named, so that the coroutine's frame holds what it uses.
    auto vote = [](run& r, json::object inputs, const program_function& one, const majority_options& options,
                   const std::vector<std::shared_ptr<const parameters>>& members) -> task<json::object> {
        std::vector<std::size_t> order(members.size());
        for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
        parallel_options each;
        each.max_concurrency = members.size();
        auto vary = [&](std::size_t i) {
            auto v = std::make_shared<variation>();
            if (const auto* outer = r.current_variation()) *v = *outer;
            v->parameters = members[i];
            return std::shared_ptr<const variation>{std::move(v)};
        };
        each.vary = vary;
        auto branch = [&](run& own, std::size_t) { return one(own, inputs); };
        auto found = co_await parallel_map(r, std::move(order), branch, std::move(each));
        std::vector<const json::object*> outputs;
        for (const auto& o : found) outputs.push_back(&o);
        co_return found[detail::majority_index(outputs, options)];
    };
    return [program = std::move(program), how = std::move(how), vote](
               run& r, const json::object& inputs) -> task<json::object> {
        if (!r.parameters() || r.parameters()->members.empty()) return program(r, inputs);
        return vote(r, inputs, program, how, r.parameters()->members);
    };
}

}  // namespace reagent
