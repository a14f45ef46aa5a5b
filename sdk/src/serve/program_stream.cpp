// A run told as server-sent events: fields as they grow, steps, and at last the outputs.
#include "problem.hpp"
#include "program_route.hpp"

#include <reagent/schema/render.hpp>

#include <boost/asio/post.hpp>
#include <boost/json.hpp>

namespace reagent::detail {
namespace {

constexpr std::chrono::seconds still_here{15};

std::string event_of(const live_event& e) {
    json::object o{{"path", e.path}};
    if (e.kind == live_event::restart) return event_text("restart", json::serialize(o));
    if (e.kind == live_event::step) {
        for (const auto& [name, v] : e.data) o[name] = v;
        return event_text("step", dump_strict_json(o));
    }
    o["field"] = e.field;
    o["text"] = e.text;
    return event_text("field", json::serialize(o));
}

}  // namespace

// Only fields that are outputs of the program: what its predictors tell each other is its own affair, unless steps are
// shown whole.
std::optional<live_event> program_route::live(const run_event& e) const {
    const bool all = options_.steps == shown_steps::all;
    live_event out{live_event::piece, std::string{e.path}};
    switch (e.kind) {
        case run_event::piece:
            if (!all && (!outputs_.contains(std::string{e.field}) || !e.branch.empty())) return {};
            out.field = e.field;
            out.text = e.text;
            return out;
        case run_event::restart:
        case run_event::backtrack: out.kind = live_event::restart; return out;
        case run_event::step:
        case run_event::observed: {
            if (options_.steps == shown_steps::none || (!all && e.kind == run_event::observed)) return {};
            out.kind = live_event::step;
            out.data["tool"] = e.tool;
            if (all && e.kind == run_event::step) out.data["thought"] = e.thought;
            if (all && e.arguments) out.data["arguments"] = *e.arguments;
            if (all && e.result) out.data["observation"] = *e.result;
            return out;
        }
        default: return {};
    }
}

std::function<void(const run_event&)> program_route::listener(const std::shared_ptr<call>& c) const {
    return [this, weak = std::weak_ptr{c}, most = by_->options.limits.stream_bytes](const run_event& e) {
        auto event = live(e);
        if (!event) return;
        asio::post(by_->executor, [weak, most, event = std::move(*event)]() mutable {
            if (auto to = weak.lock()) to->add(std::move(event), most);
        });
    };
}

task<http_reply> program_route::streamed(std::shared_ptr<http_request> r, json::object input) {
    call_settings how;
    how.streams = true;
    auto c = begin(r, std::move(input), how);
    co_await left_queue(c);
    http_reply reply;
    if (c->failure) {
        reply = reply_to(*c);
        answered(*c, *r, reply.status);
        co_return reply;
    }
    if (!c->version->name.empty()) reply.headers.emplace_back("X-Program-Version", c->version->name);
    reply.headers.emplace_back("X-Run-Id", c->run);
    reply.events = [this, c, r](event_sink& to) { return send_events(to, *this, c, r); };
    co_return reply;
}

task<void> next_events(event_sink& to, std::shared_ptr<call> c, std::function<std::string(const live_event&)> shown) {
    while (c->phase != call::phase::over || !c->events.empty()) {
        std::string text;
        for (const auto& e : c->take()) text += shown(e);
        if (!text.empty()) {
            co_await to.send(std::move(text));
            continue;
        }
        if (c->phase == call::phase::over) break;
        const bool changed = co_await c->wait(later(clock::now(), still_here));
        if (!changed) {
            std::string comment = ": still here\n\n";
            co_await to.send(std::move(comment));
        }
    }
}

task<void> send_events(event_sink& to, program_route& route, std::shared_ptr<call> c, std::shared_ptr<http_request> r) {
    std::exception_ptr gone;
    try {
        co_await next_events(to, c, event_of);
        std::string last = c->failure ? event_text("error", reply_of(told(c->failure)).body)
                                      : event_text("output", dump_strict_json(*c->output));
        co_await to.send(std::move(last));
    } catch (...) {
        gone = std::current_exception();
        r->client->leave();
    }
    co_await route.ended(c);
    route.answered(*c, *r, gone ? 499 : c->failure ? told(c->failure).status : 200);
    if (gone) std::rethrow_exception(gone);
}

}  // namespace reagent::detail
