#include "program_route.hpp"

#include "json_body.hpp"
#include "problem.hpp"
#include "request_body.hpp"

#include "../base/digest.hpp"
#include "../base/text.hpp"

#include <boost/json.hpp>

namespace reagent::detail {
namespace {

std::string body_digest(std::string_view text) {
    digest d;
    d.add(text);
    return d.end();
}

}  // namespace

program_route::program_route(std::shared_ptr<route_context> by, std::string path, served_program program,
                             route_options options)
    : by_{std::move(by)},
      path_{std::move(path)},
      program_{std::move(program)},
      options_{std::move(options)},
      input_{program_.input} {
    if (options_.name.empty()) options_.name = path_.substr(1);
    if (options_.durable) options_.as_model = false;  // a client of a model waits, and approves nothing
    versions_ = std::make_shared<detail::versions>(program_.root, options_.saved, options_.saved_models,
                                                   options_.run.parameters, by_->options.on_notice);
    if (auto* o = program_.output.if_object())
        if (auto* properties = o->if_contains("properties"); properties && properties->is_object())
            for (const auto& [name, shape] : properties->get_object()) outputs_.emplace(name);
    if (versions_->follows()) versions_->load_first();
}

std::vector<violation> program_route::violations_of(const json::value& input) const {
    auto violations = input_.validate(input);
    add_infinite(input, "$", violations);
    if (violations.empty() && program_.check) violations = program_.check(input.as_object());
    return violations;
}

bool program_route::remembers() const {
    auto* o = program_.input.if_object();
    auto* properties = o ? o->if_contains("properties") : nullptr;
    return properties && properties->is_object() && properties->get_object().contains("history");
}

json::object program_route::read_input(const http_request& r, std::size_t depth, history_from from) const {
    auto body = json_body_of(r, depth);
    auto* given = body.if_object();
    const bool from_session = from == history_from::session && given;
    if (from_session && given->contains("history"))
        throw refused{problem_of({{"$.history", "is what the session has said so far; leave it out"}})};
    if (from_session) (*given)["history"] = json::object{{"messages", json::array{}}};
    if (auto violations = violations_of(body); !violations.empty()) throw refused{problem_of(violations)};
    if (from_session) given->erase("history");
    return std::move(body.get_object());
}

task<http_reply> program_route::post(std::shared_ptr<http_request> r) {
    r->program = options_.name;
    if (has_header(*r, "X-Session-Id"))
        co_return problem(400, "session", "this program keeps no conversation: its runs are not stored");
    auto input = read_input(*r, by_->options.limits.json_depth, history_from::caller);
    const auto key = idempotency_key(*r);
    if (r->header("Accept").find("text/event-stream") != std::string_view::npos) {
        if (!key.empty())
            co_return problem(400, "idempotency",
                              "an answer in events is not kept: leave Idempotency-Key or Accept out");
        co_return co_await streamed(r, std::move(input));
    }
    if (!key.empty()) co_return co_await kept(r, std::move(input), key);
    co_return co_await whole(r, std::move(input), false);
}

task<http_reply> program_route::whole(std::shared_ptr<http_request> r, json::object input, bool outlives_client) {
    call_settings how;
    how.outlives_client = outlives_client;
    auto c = begin(r, std::move(input), how);
    co_await ended(c);
    auto reply = reply_to(*c);
    answered(*c, *r, r->client->has_left() ? 499 : reply.status);
    co_return reply;
}

task<http_reply> program_route::kept(std::shared_ptr<http_request> r, json::object input, std::string given) {
    const std::string key = r->caller + "\n" + path_ + "\n" + given;
    auto found = by_->answers.begin(key, body_digest(r->body), clock::now());
    using state = kept_answers::state;
    if (found.state == state::other_request)
        co_return problem(422, "idempotency", "that Idempotency-Key came with another request before");
    if (found.state == state::under_way)
        co_return problem(409, "idempotency", "the first request with that Idempotency-Key is under way");
    if (found.state == state::answered) {
        http_reply again = *found.reply;
        again.headers.emplace_back("Idempotency-Replayed", "true");
        co_return again;
    }
    std::exception_ptr failure;
    http_reply reply;
    try {
        reply = co_await whole(r, std::move(input), true);
    } catch (...) {
        failure = std::current_exception();
    }
    if (failure || reply.status >= 500)
        by_->answers.forget(key);
    else
        by_->answers.keep(key, reply, clock::now());
    if (failure) std::rethrow_exception(failure);
    co_return reply;
}

http_reply program_route::reply_to(const call& c) const {
    http_reply reply = c.failure ? reply_of(told(c.failure)) : json_reply(*c.output);
    if (c.version && !c.version->name.empty()) reply.headers.emplace_back("X-Program-Version", c.version->name);
    reply.headers.emplace_back("X-Run-Id", c.run);
    return reply;
}

void program_route::answered(const call& c, http_request& r, int status) {
    r.program = options_.name;
    r.run = c.run;
    r.version = c.version ? c.version->name : std::string{};
    r.error = code_text(c.failure);
    if (by_->options.observers.empty()) return;
    served_request told{.id = c.id,
                        .run = c.run,
                        .route = path_,
                        .program = options_.name,
                        .version = r.version,
                        .caller = c.caller,
                        .input = c.input};
    told.output = c.output ? &*c.output : nullptr;
    told.latency = c.took();
    told.usage = c.used;
    told.status = status;
    told.error = c.failure;
    for (const auto& o : by_->options.observers) try {
            if (o) o->answered(told);
        } catch (...) {  // an observer's own affair
        }
}

program_metrics program_route::metrics() const {
    program_metrics m;
    m.name = options_.name;
    if (auto v = versions_->current()) m.version = v->name;
    m.at_work = at_work_.size();
    m.waiting = queue_.size();
    m.refused = refused_;
    m.swaps = versions_->swaps();
    m.refused_versions = versions_->refused();
    m.used = used_;
    return m;
}

}  // namespace reagent::detail
