// POST of a durable program: a stored run, and what its client is told of it.
#include "durable_runs.hpp"
#include "names.hpp"

#include "../request_body.hpp"

#include "../../base/text.hpp"

#include <boost/json.hpp>

#include <charconv>

namespace reagent::detail {
namespace {

constexpr std::chrono::milliseconds longest_wait{std::chrono::hours{1}};

[[noreturn]] void refuse(int status, std::string_view kind, std::string_view detail) {
    throw refused{problem(status, kind, detail)};
}

// Source: RFC 7240, section 4. What is not understood is passed over.
void read_preference(std::string_view text, std::chrono::milliseconds most, durable_request& d) {
    for (const auto& part : split(std::string{text}, ',')) {
        std::string_view one = trim(std::string_view{part}.substr(0, part.find(';')));
        if (to_lower(std::string{one}) == "respond-async") {
            d.wait = d.wait.zero();
            d.preference = "respond-async";
        } else if (to_lower(std::string{one.substr(0, 5)}) == "wait=") {
            std::uint32_t seconds = 0;
            auto end = std::from_chars(one.data() + 5, one.data() + one.size(), seconds);
            if (end.ec != std::errc{} || end.ptr != one.data() + one.size()) continue;
            d.wait = std::min(most, std::chrono::milliseconds{std::chrono::seconds{seconds}});
            d.preference = "wait=" + std::to_string(d.wait.count() / 1000);
        }
    }
}

bool is_same(const stored_run& r, const durable_request& d) {
    json::object inputs = r.inputs;
    if (!r.session.empty()) inputs.erase("history");
    return r.session == d.session && json::value(inputs) == json::value(d.input);
}

struct submission {
    durable_service& service;
    durable_request request;
    std::string path, name, program, id, caller;
    kept_runs_limits limits;

    // Whether the run of that Idempotency-Key is there.
    std::optional<stored_run> earlier() const {
        if (request.key.empty()) return {};
        auto found = service.store().find(id);
        if (!found) return {};
        if (!is_same(*found, request))
            refuse(422, "idempotency", "that Idempotency-Key came with another request before");
        return found;
    }

    bool is_mine(const std::string& of) const { return of == name || of.starts_with(name + "@"); }

    void check_room() const {
        std::size_t open = 0;
        for (const auto& t : service.store().totals())
            if (is_mine(t.program) && !is_at_its_end(t.status)) open += t.runs;
        if (open >= limits.open_runs) throw refused{busy("too many runs of this program are not over yet", 60)};
    }

    std::optional<session> kept_session() const {
        auto& store = service.store();
        auto found = store.find_session(request.session);
        if (!found || std::chrono::system_clock::now() - found->updated <= limits.session_time) return found;
        try {
            store.remove_session(request.session);
        } catch (const run_error& e) {
            if (e.code() == run_errc::not_possible) return found;  // its last turn is not over
            if (e.code() != run_errc::unknown_session) throw;      // it has been removed meanwhile
        }
        return {};
    }

    // @return the number of the turn
    std::size_t check_session() const {
        auto& store = service.store();
        auto found = kept_session();
        if (!found) {
            if (store.count_sessions(owner_prefix(caller)) >= limits.sessions)
                refuse(409, "sessions", "there are as many conversations as may be; delete one, or go on with one");
            return 1;
        }
        auto last = store.list({.session = request.session, .most = 1});
        if (!last.empty() && !is_at_its_end(last.front().status))
            refuse(409, "session-busy",
                   "the turn before is not over: run " + last.front().id + " is " +
                       std::string{to_string(last.front().status)} + "; wait for it, decide it or cancel it");
        if (!found->program.empty() && !is_mine(found->program))
            refuse(409, "session-program", "that conversation is with another program");
        if (found->turns.size() >= limits.turns)
            refuse(409, "session-turns", "that conversation has as many turns as one may have; begin another");
        return found->turns.size() + 1;
    }
};

}  // namespace

durable_request read_durable_request(const program_route& route, const http_request& r, std::size_t depth) {
    durable_request d;
    const auto given = [&](const char* name) -> std::optional<std::string_view> {
        if (!has_header(r, name)) return {};
        return r.header(name);
    };
    if (auto name = given("X-Session-Id")) {
        if (!is_session_name(*name))
            refuse(400, "session", "an X-Session-Id has 1 to 64 letters, digits, dots, - and _");
        if (!route.remembers()) refuse(400, "session", "this program has no input `history`: it keeps no conversation");
        d.session = session_id_of(r.caller, *name);
    }
    d.input = route.read_input(r, depth, d.session.empty() ? history_from::caller : history_from::session);
    d.key = idempotency_key(r);
    const auto& o = route.options();
    const auto most = o.deadline.count() > 0 ? std::min(o.deadline, longest_wait) : longest_wait;
    d.wait = std::min(o.durable_wait, most);
    if (auto preference = given("Prefer")) read_preference(*preference, most, d);
    return d;
}

task<durable_runs::begun_run> durable_runs::submit(program_route* route, std::shared_ptr<http_request> r,
                                                   durable_request d) {
    if (by_->stopping) throw refused{busy("the server stops", 5)};
    auto version = route->version_for(*r, d.input);
    if (!version) throw refused{busy("there is no program yet", 5)};
    r->version = version->name;
    auto program = stored_program(route->name(), version->name);
    if (served_.insert(program).second) serve_version(*route, *version);
    auto id = d.key.empty() ? new_run_name(r->caller) : run_name_for(r->caller, route->path(), d.key);
    auto s = std::make_shared<submission>(submission{calls_.service(), std::move(d), route->path(), route->name(),
                                                     std::move(program), std::move(id), r->caller,
                                                     by_->options.limits.stored});
    std::function<begun_run()> work = [s] {
        begun_run b;
        if (auto earlier = s->earlier()) {
            b.run = std::move(*earlier);
            b.again = true;
            return b;
        }
        s->check_room();
        if (!s->request.session.empty()) b.turn = s->check_session();
        try {
            s->service.submit(s->program, s->request.input, s->id, s->request.session);
        } catch (const run_error& e) {
            if (e.code() != run_errc::not_possible) throw;
            auto earlier = s->earlier();  // of two that came at once
            if (!earlier) throw;
            b.run = std::move(*earlier);
            b.again = true;
            return b;
        }
        b.run = s->service.store().get(s->id);
        return b;
    };
    auto begun = co_await calls_.call(std::move(work));
    co_return begun;
}

task<stored_run> durable_runs::until_halted(stored_run run, std::chrono::milliseconds wait,
                                            std::shared_ptr<departure> client) {
    const auto until = deadline_after(wait);
    auto pause = std::chrono::milliseconds{50};
    while (!is_at_its_end(run.status) && !waits_for_somebody(run.status) && clock::now() < until && !by_->stopping &&
           !client->has_left()) {
        auto next = std::min(until, later(clock::now(), pause));
        co_await halts_.wait(run.id, next, client);
        pause = std::min(pause * 2, std::chrono::milliseconds{1000});
        std::function<stored_run()> look = [this, id = run.id] { return calls_.store().get(id); };
        run = co_await calls_.call(std::move(look));
    }
    co_return run;
}

task<http_reply> durable_runs::view_of(std::string id, int status) {
    auto p = co_await read(id, 0, false);
    co_return json_reply(run_view(p.run, p.pending), status);
}

task<http_reply> durable_runs::answered(program_route* route, std::shared_ptr<http_request> r, begun_run b,
                                        durable_request d) {
    if (d.wait.count() > 0 && viewers_ < by_->options.limits.stored.viewers) {
        ++viewers_;
        std::exception_ptr failure;
        try {
            b.run = co_await until_halted(std::move(b.run), d.wait, r->client);
        } catch (...) {
            failure = std::current_exception();
        }
        --viewers_;
        if (failure) std::rethrow_exception(failure);
    }
    const bool waited = d.wait.count() > 0;
    http_reply reply;
    if (waited && b.run.status == run_status::finished)
        reply = json_reply(b.run.outputs.value_or(json::object{}));
    else if (waited && is_at_its_end(b.run.status)) {
        auto told = problem_of_run(b.run);
        reply = json_reply(told, static_cast<int>(told.at("status").as_int64()));
        reply.type = "application/problem+json";
    } else
        reply = co_await view_of(b.run.id, 202);
    reply.headers.emplace_back("Location", "/runs/" + b.run.id);
    reply.headers.emplace_back("X-Run-Id", b.run.id);
    if (const auto at = b.run.program.rfind('@'); at != std::string::npos && b.run.program != route->name())
        reply.headers.emplace_back("X-Program-Version", b.run.program.substr(at + 1));
    if (b.turn) reply.headers.emplace_back("X-Session-Turn", std::to_string(b.turn));
    if (b.again) reply.headers.emplace_back("Idempotency-Replayed", "true");
    if (!d.preference.empty()) reply.headers.emplace_back("Preference-Applied", d.preference);
    co_return reply;
}

task<http_reply> durable_runs::post(program_route* route, std::shared_ptr<http_request> r) {
    r->program = route->name();
    if (r->header("Accept").find("text/event-stream") != std::string_view::npos)
        co_return problem(406, "events", "the events of a stored run are at its Location, under /events");
    auto d = read_durable_request(*route, *r, by_->options.limits.json_depth);
    auto asked = d;
    auto begun = co_await submit(route, r, std::move(asked));
    r->run = begun.run.id;
    auto reply = co_await answered(route, r, std::move(begun), std::move(d));
    co_return reply;
}

}  // namespace reagent::detail
