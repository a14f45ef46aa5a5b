// A route's queue and runs.
#include "problem.hpp"
#include "program_route.hpp"

#include <reagent/error.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/post.hpp>
#include <boost/json.hpp>

#include <random>

namespace reagent::detail {
namespace {

// What a run asks a program, as `runtime::async_run` takes it.
struct asked_program {
    std::shared_ptr<asked> a;
    task<json::object> operator()(run& r) const { return answer(r, a); }
};

std::string run_name(const std::string& request) {
    static thread_local std::mt19937_64 random{std::random_device{}()};
    char text[20];
    std::snprintf(text, sizeof text, ".%08x", static_cast<unsigned>(random()));
    return request + text;
}

run_error late() { return {run_errc::deadline_exceeded, "the request waited in the queue until its deadline"}; }
run_error stopped() { return {run_errc::cancelled, "the request was cancelled in the queue"}; }

}  // namespace

std::shared_ptr<const versions::loaded> program_route::version_for(const http_request& r, const json::object& input) {
    for (const auto& o : by_->options.observers) try {
            auto which = o ? o->version_for(path_, r.id, input) : std::string{};
            if (which.empty()) continue;
            if (auto l = versions_->at_hand(which)) return l;
            // Read beside the requests; this one is answered by the current version.
            asio::post(by_->blocking, [v = versions_, which] {
                try {
                    v->at(which);
                } catch (...) {  // told where it is asked for by name
                }
            });
        } catch (...) {  // an observer's own affair
        }
    return versions_->current();
}

std::shared_ptr<call> program_route::begin(const std::shared_ptr<http_request>& r, json::object input,
                                           call_settings how) {
    auto refuse = [this](std::string_view why, unsigned seconds) {
        ++refused_;
        throw refused{busy(why, seconds)};
    };
    if (by_->stopping) refuse("the server stops", 5);
    auto c = std::make_shared<call>(by_->executor);
    c->version = version_for(*r, input);
    if (!c->version) refuse("there is no program yet", 5);
    if (at_work_.size() >= options_.concurrency && queue_.size() >= options_.queue)
        refuse("too many requests wait already", 1);
    c->id = r->id;
    c->run = run_name(r->id);
    c->caller = r->caller;
    c->input = std::move(input);
    c->sampling = how.sampling;
    c->streams = how.streams;
    c->deadline = deadline_after(options_.deadline);
    if (!how.outlives_client)
        r->client->on_leave([this, weak = std::weak_ptr{c}] {
            auto gone = weak.lock();
            if (!gone) return;
            if (gone->phase == call::phase::queued)
                drop(gone, std::make_exception_ptr(stopped()));
            else
                gone->stop.emit(asio::cancellation_type::terminal);
        });
    if (at_work_.size() < options_.concurrency)
        start(c);
    else
        queue_.push_back(c);
    return c;
}

task<void> program_route::left_queue(std::shared_ptr<call> c) {
    while (c->phase == call::phase::queued) {
        const bool changed = co_await c->wait(c->deadline);
        if (!changed && c->phase == call::phase::queued) drop(c, std::make_exception_ptr(late()));
    }
}

task<void> program_route::ended(std::shared_ptr<call> c) {
    co_await left_queue(c);
    while (c->phase != call::phase::over) {
        const bool changed = co_await c->wait(no_deadline);
        (void)changed;
    }
}

void program_route::drop(const std::shared_ptr<call>& c, std::exception_ptr why) {
    std::erase(queue_, c);
    c->phase = call::phase::over;
    c->failure = std::move(why);
    c->tell();
}

run_options program_route::options_for(const versions::loaded& version, clock::time_point deadline,
                                       const std::string& run) const {
    run_options o = options_.run;
    o.parameters = version.what;
    o.program = options_.name + (version.name.empty() ? "" : "@" + version.name);
    o.about = {{"run", run}};
    if (deadline != no_deadline) {
        auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - clock::now());
        left = std::max(left, std::chrono::milliseconds{1});
        o.deadline = o.deadline.count() > 0 ? std::min(o.deadline, left) : left;
    }
    return o;
}

void program_route::start(const std::shared_ptr<call>& c) {
    auto options = options_for(*c->version, c->deadline, c->run);
    options.sampling = c->sampling.or_else(options.sampling);
    if (c->streams) {
        options.stream = true;
        options.on_event = listener(c);
    }
    at_work_.insert(c);
    c->phase = call::phase::at_work;
    auto a = std::make_shared<asked>(asked{program_.call, c->input});
    auto done = [this, c, a](std::exception_ptr failure, json::object output) {
        finished(c, std::move(failure), std::move(output), *a);
    };
    try {
        by_->runtime.async_run(
            std::move(options), asked_program{a},
            asio::bind_cancellation_slot(c->stop.slot(), asio::bind_executor(by_->executor, std::move(done))));
    } catch (...) {
        finished(c, std::current_exception(), {}, *a);
    }
}

void program_route::finished(const std::shared_ptr<call>& c, std::exception_ptr failure, json::object output,
                             const asked& a) {
    at_work_.erase(c);
    c->phase = call::phase::over;
    c->failure = std::move(failure);
    if (!c->failure) c->output = std::move(output);
    c->used = a.used;
    used_ += a.used;
    c->tell();
    start_next();
}

void program_route::start_next() {
    while (!queue_.empty() && at_work_.size() < options_.concurrency) {
        auto next = queue_.front();
        queue_.pop_front();
        start(next);
        next->tell();
    }
}

void program_route::cancel_all() {
    while (!queue_.empty()) drop(queue_.front(), std::make_exception_ptr(stopped()));
    for (const auto& c : at_work_) c->stop.emit(asio::cancellation_type::terminal);
}

void program_route::answer_by(const std::string& version, json::object input,
                              std::function<void(const versioned_answer&)> done) {
    auto began = clock::now();
    auto told = std::make_shared<std::function<void(const versioned_answer&)>>(std::move(done));
    auto end = [told, began](versioned_answer a) {
        a.latency = std::chrono::duration_cast<std::chrono::microseconds>(clock::now() - began);
        (*told)(a);
    };
    asio::post(by_->blocking, [this, version, input = std::move(input), end]() mutable {
        try {
            auto loaded = versions_->at(version);
            if (!loaded) throw program_error{program_errc::unreadable, "there is no program yet"};
            auto options = options_for(*loaded, deadline_after(options_.deadline), run_name("beside"));
            auto a = std::make_shared<asked>(asked{program_.call, std::move(input)});
            by_->runtime.async_run(std::move(options), asked_program{a},
                                   [a, end, name = loaded->name](std::exception_ptr failure, json::object output) {
                                       versioned_answer v{.version = name, .usage = a->used, .error = failure};
                                       if (!failure) v.output = std::move(output);
                                       end(std::move(v));
                                   });
        } catch (...) {
            end({.version = version, .error = std::current_exception()});
        }
    });
}

}  // namespace reagent::detail
