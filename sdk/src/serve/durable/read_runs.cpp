// What becomes of a stored run: as it stands, and its events.
#include "durable_runs.hpp"
#include "names.hpp"

#include <boost/json.hpp>

#include <charconv>

namespace reagent::detail {
namespace {

constexpr std::size_t page_bytes = 256 * 1024;
constexpr std::chrono::milliseconds first_pause{100}, longest_pause{1'000};
constexpr std::chrono::seconds heard_every{15};

// @throws refused
std::uint64_t cursor_of(std::string_view text) {
    std::uint64_t n = 0;
    auto end = std::from_chars(text.data(), text.data() + text.size(), n);
    if (text.empty() || end.ec != std::errc{} || end.ptr != text.data() + text.size())
        throw refused{problem(400, "cursor", "an event's id is a number, or end")};
    return n;
}

bool wants_stream(const http_request& r) {
    return r.header("Accept").find("text/event-stream") != std::string_view::npos;
}

// Where the client stopped reading. @return nothing: at the end
std::optional<std::uint64_t> place_of(const http_request& r) {
    std::string_view last = r.header("Last-Event-ID");
    for (const auto& [name, value] : r.query) {
        if (name != "after") throw refused{problem(400, "query", "only `after` may stand in the address")};
        if (last.empty()) last = value;
    }
    if (last == "end") return {};
    return last.empty() ? 0 : cursor_of(last);
}

}  // namespace

task<durable_runs::page> durable_runs::read(std::string id, std::uint64_t after, bool records) {
    std::function<page()> work = [this, id, after, records] {
        auto& store = calls_.store();
        page p;
        p.run = store.get(id);
        if (records && p.run.records > after) p.records = store.page(id, after, page_bytes);
        if (!records) p.pending = store.pending(id);
        return p;
    };
    auto found = co_await calls_.call(std::move(work));
    co_return found;
}

task<http_reply> durable_runs::get_run(std::shared_ptr<http_request> r) {
    auto run = co_await run_of(r);
    auto reply = co_await view_of(run.id, 200);
    co_return reply;
}

task<http_reply> durable_runs::get_events(std::shared_ptr<http_request> r) {
    auto run = co_await run_of(r);
    auto after = place_of(*r);
    http_reply reply;
    if (!after) {
        reply.status = 204;  // so a browser's EventSource does not come again
        co_return reply;
    }
    if (!wants_stream(*r)) {
        reply = co_await page_of_events(r, *after);
        co_return reply;
    }
    if (viewers_ >= by_->options.limits.stored.viewers) throw refused{busy("too many clients look at runs", 5)};
    const auto steps = route_of(run.program)->options().steps;
    reply.headers.emplace_back("X-Run-Id", run.id);
    reply.events = [self = shared_from_this(), r, from = *after, steps](event_sink& to) {
        return self->send_events(to, r, from, steps);
    };
    co_return reply;
}

task<http_reply> durable_runs::page_of_events(std::shared_ptr<http_request> r, std::uint64_t after) {
    auto p = co_await read(r->run, after, true);
    const auto steps = route_of(p.run.program)->options().steps;
    json::array events;
    for (const auto& record : p.records) {
        after = record.number;
        if (auto e = event_of_record(record, p.run.id, steps)) events.push_back(to_json(*e));
    }
    const bool over = is_at_its_end(p.run.status) && (p.records.empty() || after >= p.run.records);
    if (over) events.push_back(to_json(last_event(p.run)));
    json::object body{{"status", to_string(p.run.status)}, {"events", std::move(events)}, {"over", over}};
    body["next"] = over ? std::string{"end"} : std::to_string(after);
    co_return json_reply(body);
}

std::string durable_runs::text_of(const page& p, std::uint64_t& after, shown_steps steps) const {
    std::string text;
    for (const auto& record : p.records) {
        after = record.number;
        if (auto e = event_of_record(record, p.run.id, steps)) text += to_event_text(*e);
    }
    return text;
}

task<void> durable_runs::send_events(event_sink& to, std::shared_ptr<http_request> r, std::uint64_t after,
                                     shown_steps steps) {
    struct counted {
        std::size_t& n;
        explicit counted(std::size_t& of) : n{of} { ++n; }
        ~counted() { --n; }
        counted(const counted&) = delete;
    } viewer{viewers_};
    auto pause = first_pause;
    auto heard = clock::now();
    while (!by_->stopping && !r->client->has_left()) {
        auto p = co_await read(r->run, after, true);
        auto text = text_of(p, after, steps);
        const bool over = is_at_its_end(p.run.status) && (p.records.empty() || after >= p.run.records);
        if (over) text += to_event_text(last_event(p.run));
        const bool news = !p.records.empty();
        if (text.empty() && clock::now() - heard > heard_every) text = ": still here\n\n";
        if (!text.empty()) {
            heard = clock::now();
            co_await to.send(std::move(text));
        }
        if (over) co_return;
        pause = news ? first_pause : std::min(pause * 2, longest_pause);
        auto next = later(clock::now(), pause);
        if (!news) co_await halts_.wait(r->run, next, r->client);
    }
}

}  // namespace reagent::detail
