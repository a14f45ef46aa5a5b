// Durable programs of a server: which there are, and the worker that goes on with their runs.
#include "durable_runs.hpp"

#include "names.hpp"

#include <algorithm>

namespace reagent::detail {
namespace {

bool is_open(run_status s) { return !is_at_its_end(s); }

}  // namespace

durable_runs::durable_runs(std::shared_ptr<route_context> by, durable_service& service)
    : by_{std::move(by)},
      calls_{by_->executor, service},
      halts_{by_->executor},
      next_look_{std::make_shared<asio::steady_timer>(by_->executor)} {}

// `work` forgets at its beginning that it was told to stop: it is told until it has ended.
durable_runs::~durable_runs() {
    while (!ended_) {
        calls_.service().stop_work();
        std::this_thread::sleep_for(std::chrono::milliseconds{5});
    }
    if (worker_.joinable()) worker_.join();
}

void durable_runs::add(program_route& route) {
    routes_.emplace(route.name(), &route);
    if (auto v = route.versions().current()) serve_version(route, *v);
}

void durable_runs::serve_version(program_route& route, const versions::loaded& version) {
    auto options = route.options().run;
    options.parameters = version.what;
    if (!version.name.empty()) options.about["version"] = version.name;
    calls_.service().serve(stored_program(route.name(), version.name), route.program().call, std::move(options));
}

program_route* durable_runs::route_of(const std::string& program) const {
    if (auto found = routes_.find(program); found != routes_.end()) return found->second;
    auto found = routes_.find(std::string_view{program}.substr(0, program.rfind('@')));
    return found == routes_.end() ? nullptr : found->second;
}

void durable_runs::begin() {
    ended_ = false;
    worker_ = std::thread{[this] {
        try {
            work();
        } catch (const std::exception& e) {
            if (by_->options.on_notice) by_->options.on_notice(std::string{"stored runs do not go on: "} + e.what());
        }
        ended_ = true;
    }};
}

void durable_runs::work() {
    serve_versions_of_open_runs();
    std::size_t most = 0;
    for (const auto& [name, route] : routes_) most += route->options().concurrency;
    work_options how{.concurrency = std::max<std::size_t>(most, 1)};
    how.on_halt = [this](const stored_run& r) { asio::post(by_->executor, [this, id = r.id] { halts_.tell(id); }); };
    how.on_trouble = [this](const std::string& what) {
        if (by_->options.on_notice) by_->options.on_notice(what.empty() ? "the store of runs works again" : what);
    };
    calls_.service().work(how);
}

// A run goes on with the version that it began with, also when the tag has moved meanwhile.
void durable_runs::serve_versions_of_open_runs() {
    for (const auto& t : calls_.store().totals()) {
        const auto at = t.program.rfind('@');
        auto* route = route_of(t.program);
        if (!route || !is_open(t.status) || at == t.program.npos || routes_.contains(t.program)) continue;
        try {
            if (auto version = route->versions().at(t.program.substr(at + 1))) serve_version(*route, *version);
        } catch (const std::exception& e) {
            if (by_->options.on_notice)
                by_->options.on_notice(std::to_string(t.runs) + " stored runs of " + t.program +
                                       " wait for that version: " + e.what());
        }
    }
}

void durable_runs::stop() {
    calls_.service().stop_work();
    halts_.tell_all();
    next_look_->cancel();
}

task<void> durable_runs::expire() {
    const auto& limits = by_->options.limits.stored;
    const auto often = std::clamp<std::chrono::milliseconds>(std::min(limits.run_time, limits.session_time) / 10,
                                                             std::chrono::seconds{1}, std::chrono::hours{1});
    boost::system::error_code ec;
    while (!by_->stopping) {
        std::function<std::size_t()> remove = [this, limits] {
            const auto now = std::chrono::system_clock::now();
            auto n = calls_.store().remove_runs(std::string{stored_prefix}, now - limits.run_time);
            return n + calls_.store().remove_sessions(std::string{stored_prefix}, now - limits.session_time);
        };
        try {
            co_await calls_.call(std::move(remove));
        } catch (...) {  // a store that is away is told by the worker
        }
        if (by_->stopping) break;
        next_look_->expires_after(often);
        co_await next_look_->async_wait(asio::redirect_error(asio::use_awaitable, ec));
    }
}

void durable_runs::check_seen(const std::optional<stored_run>& found, const http_request& r) const {
    if (found && route_of(found->program) && (r.decides || is_owned_by(found->id, r.caller))) return;
    throw refused{problem(404, "not-found", "there is no such run here")};
}

task<stored_run> durable_runs::run_of(std::shared_ptr<http_request> r) {
    std::function<std::optional<stored_run>()> find = [this, id = r->places.at("id")] {
        return calls_.store().find(id);
    };
    auto found = co_await calls_.call(std::move(find));
    check_seen(found, *r);
    r->run = found->id;
    r->program = route_of(found->program)->name();
    co_return std::move(*found);
}

http_reply store_refusal(const std::exception_ptr& failure) {
    try {
        std::rethrow_exception(failure);
    } catch (const refused& e) {
        return e.reply;
    } catch (const run_error& e) {
        if (e.code() == run_errc::unknown_run) return problem(404, "not-found", "there is no such run here");
        if (e.code() == run_errc::unknown_session) return problem(404, "not-found", "there is no such session here");
        if (e.code() == run_errc::not_possible)
            return problem(409, "conflict", "that is not possible as things stand; look again");
        if (e.code() == run_errc::journal_unavailable) {
            auto r = problem(503, "store", "the store of runs cannot be used at the moment");
            r.headers.emplace_back("Retry-After", "5");
            return r;
        }
    } catch (...) {
    }
    return problem(500, "store", "what is stored could not be read");
}

task<http_reply> with_store_refusals(task<http_reply> work) {
    std::exception_ptr failure;
    try {
        auto reply = co_await std::move(work);
        co_return reply;
    } catch (...) {
        failure = std::current_exception();
    }
    co_return store_refusal(failure);
}

}  // namespace reagent::detail
