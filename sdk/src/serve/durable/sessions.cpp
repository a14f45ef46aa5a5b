// Conversations, by the names that their callers gave them.
#include "durable_runs.hpp"
#include "names.hpp"

#include <boost/json.hpp>

namespace reagent::detail {
namespace {

std::int64_t since_1970(std::chrono::system_clock::time_point t) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(t.time_since_epoch()).count();
}

json::object session_view(const session& s, const std::vector<stored_run>& last) {
    json::array turns;
    for (const auto& t : s.turns)
        turns.push_back(
            json::object{{"run", t.run}, {"inputs", t.inputs}, {"outputs", t.outputs}, {"at_ms", since_1970(t.at)}});
    json::object o{{"id", session_name_of(s.id)}, {"program", s.program}, {"turns", std::move(turns)}};
    if (!last.empty() && !is_at_its_end(last.front().status)) o["waits_for"] = last.front().id;
    o["updated_ms"] = since_1970(s.updated);
    return o;
}

std::string asked_session(const http_request& r) {
    const auto& name = r.places.at("id");
    if (!is_session_name(name)) throw refused{problem(404, "not-found", "there is no such session here")};
    return session_id_of(r.caller, name);
}

}  // namespace

task<http_reply> durable_runs::get_session(std::shared_ptr<http_request> r) {
    std::function<json::object()> work = [this, id = asked_session(*r),
                                          time = by_->options.limits.stored.session_time] {
        auto s = calls_.store().get_session(id);
        if (std::chrono::system_clock::now() - s.updated > time)
            throw run_error{run_errc::unknown_session, "it has expired"};
        return session_view(s, calls_.store().list({.session = id, .most = 1}));
    };
    auto view = co_await calls_.call(std::move(work));
    co_return json_reply(view);
}

task<http_reply> durable_runs::delete_session(std::shared_ptr<http_request> r) {
    std::function<bool()> work = [this, id = asked_session(*r)] {
        calls_.store().remove_session(id);
        return true;
    };
    co_await calls_.call(std::move(work));
    http_reply reply{.status = 204};
    co_return reply;
}

}  // namespace reagent::detail
