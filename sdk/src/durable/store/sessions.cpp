// Conversations: a row for each, and one for each of its turns.
#include "journal_store_impl.hpp"

#include "../../base/text.hpp"

#include <boost/json.hpp>

#include <algorithm>

namespace reagent {

using detail::not_possible;
using detail::number;
using detail::object;
using detail::sql_value;
using detail::text;

namespace {

std::chrono::system_clock::time_point time_of(std::int64_t ms) {
    return std::chrono::system_clock::time_point{std::chrono::milliseconds{ms}};
}

std::string text_in(const json::object& o, const char* key) {
    auto* v = o.if_contains(key);
    return v && v->is_string() ? std::string{v->get_string()} : std::string{};
}

std::string body_of(const session& s) {
    json::object o{{"program", s.program}};
    if (!s.parent.empty()) o["parent"] = s.parent;
    if (s.summarized) o["summary"] = s.summary, o["summarized"] = s.summarized;
    return detail::to_text_of(o);
}

constexpr const char* open_run =
    "SELECT id, status FROM reagent_runs WHERE session = $1 AND id <> $2 AND status NOT IN ('finished', 'failed', "
    "'cancelled') LIMIT 1";

}  // namespace

std::optional<session> journal_store_impl::find_session(const std::string& id, bool lock) {
    if (!detail::is_possible_id(id)) return {};
    auto rows =
        db->run(std::string{"SELECT body, updated FROM reagent_sessions WHERE id = $1"} + (lock ? db->lock_row() : ""),
                {std::string_view{id}});
    if (rows.empty()) return {};
    session s;
    s.id = id;
    auto body = object(rows[0][0]);
    s.program = text_in(body, "program");
    s.parent = text_in(body, "parent");
    s.summary = text_in(body, "summary");
    s.updated = time_of(number(rows[0][1]));
    for (const auto& row :
         db->run("SELECT body FROM reagent_turns WHERE session = $1 ORDER BY number", {std::string_view{id}}))
        s.turns.push_back(turn_from_json(object(row[0])));
    boost::system::error_code ec;
    if (auto* n = body.if_contains("summarized"); n && n->is_number())
        s.summarized = std::min(n->to_number<std::size_t>(ec), s.turns.size());
    return s;
}

session journal_store_impl::get_session(const std::string& id, bool lock) {
    auto s = find_session(id, lock);
    if (!s)
        throw run_error{run_errc::unknown_session, "there is no session " + detail::quoted(id) +
                                                       "; `reagent sessions list` shows those that there are"};
    return std::move(*s);
}

void journal_store_impl::check_idle(const std::string& id, const std::string& but) {
    auto rows = db->run(open_run, {std::string_view{id}, std::string_view{but}});
    if (rows.empty()) return;
    throw not_possible("session " + detail::quoted(id) + " waits for its last turn: run " + text(rows[0][0]) + " is " +
                       text(rows[0][1]) + "; let it end, decide what it waits for, or cancel it");
}

void journal_store_impl::add_turn(const std::string& run, const journal_store::ending::said& t) {
    auto rows = db->run("SELECT session, program FROM reagent_runs WHERE id = $1", {std::string_view{run}});
    if (rows.empty() || !rows[0][0] || rows[0][0]->empty()) return;
    const std::string& id = *rows[0][0];
    auto s = find_session(id, true);
    if (!s) return;  // removed while the run was at work
    std::string body = detail::to_text_of(to_json(t.what));
    db->run("INSERT INTO reagent_turns (session, number, body) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            {std::string_view{id}, static_cast<std::int64_t>(t.number), std::string_view{body}});
    s->program = text(rows[0][1]);
    if (t.summarized > s->summarized) s->summary = t.summary, s->summarized = t.summarized;
    std::string changed = body_of(*s);
    db->run("UPDATE reagent_sessions SET body = $1, version = version + 1, updated = " + now + " WHERE id = $2",
            {std::string_view{changed}, std::string_view{id}});
}

std::optional<session> journal_store::find_session(const std::string& id) {
    return impl_->call([&] { return impl_->find_session(id); });
}

session journal_store::get_session(const std::string& id) {
    return impl_->call([&] { return impl_->get_session(id); });
}

std::vector<journal_store::listed_session> journal_store::sessions(std::size_t most) {
    return impl_->call([&] {
        std::vector<listed_session> all;
        for (const auto& row :
             impl_->db->run("SELECT id, body, updated, (SELECT count(*) FROM reagent_turns WHERE session = "
                            "reagent_sessions.id) FROM reagent_sessions ORDER BY updated DESC, id LIMIT $1",
                            {static_cast<std::int64_t>(std::min<std::size_t>(most, INT64_MAX))})) {
            auto body = object(row[1]);
            listed_session s{text(row[0]),
                             text_in(body, "program"),
                             text_in(body, "parent"),
                             static_cast<std::size_t>(number(row[3])),
                             {},
                             time_of(number(row[2]))};
            auto open = impl_->db->run(open_run, {std::string_view{s.id}, std::string_view{}});
            if (!open.empty()) s.waits_for = text(open[0][0]);
            all.push_back(std::move(s));
        }
        return all;
    });
}

std::string journal_store::fork_session(const std::string& id, std::size_t turns, const std::string& new_id) {
    std::string name = new_id.empty() ? detail::random_name(12) : new_id;
    detail::check_new_name("id of a session", name);
    return impl_->change([&] {
        session s = impl_->get_session(id);
        if (turns > s.turns.size())
            throw not_possible("session " + detail::quoted(id) + " has " + std::to_string(s.turns.size()) +
                               " turns, not " + std::to_string(turns));
        if (turns) s.turns.resize(turns);
        if (s.summarized > s.turns.size()) s.summarized = 0, s.summary.clear();  // it tells of what did not happen here
        s.parent = id;
        std::string body = body_of(s);
        auto rows = impl_->db->run("INSERT INTO reagent_sessions (id, version, body, updated) VALUES ($1, 1, $2, " +
                                       impl_->now + ") ON CONFLICT DO NOTHING RETURNING id",
                                   {std::string_view{name}, std::string_view{body}});
        if (rows.empty()) throw not_possible("there is a session " + detail::quoted(name) + " already");
        std::int64_t next = 0;
        for (const auto& t : s.turns) {
            std::string said = detail::to_text_of(to_json(t));
            impl_->db->run("INSERT INTO reagent_turns (session, number, body) VALUES ($1, $2, $3)",
                           {std::string_view{name}, ++next, std::string_view{said}});
        }
        return name;
    });
}

void journal_store::remove_session(const std::string& id) {
    impl_->change([&] {
        impl_->get_session(id, true);
        impl_->check_idle(id);
        impl_->db->run("DELETE FROM reagent_turns WHERE session = $1", {std::string_view{id}});
        impl_->db->run("DELETE FROM reagent_sessions WHERE id = $1", {std::string_view{id}});
    });
}

}  // namespace reagent
