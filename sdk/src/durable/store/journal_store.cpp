// Runs as they are stored: made, found, forked, tried again.
#include "journal_store_impl.hpp"

#include <reagent/run/consent.hpp>

#include "../../base/text.hpp"
#include "../../run/consent_check.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <set>

namespace reagent {

using detail::database_error;
using detail::is_over;
using detail::not_possible;
using detail::random_name;
using detail::run_columns;
using detail::run_from;
using detail::sql_value;
using detail::text;

namespace {

constexpr std::size_t most_program_bytes = 4096;  // it may be a signature

effects_abandoned failed_calls(const loaded_journal& loaded) {
    effects_abandoned failed;
    for (const auto& e : loaded.history->events())
        if (e.kind == event_kind::model_call && !e.error.empty()) failed.ids.push_back(e.id);
    return failed;
}

// Calls that began and must not be made twice, without a word on what came of them.
std::set<std::uint64_t> unknown_calls(const loaded_journal& loaded) {
    std::set<std::uint64_t> ids;
    for (const auto& b : loaded.open)
        if (b.what.kind == event_kind::tool_call && !b.repeatable && !b.reentered) ids.insert(b.what.id);
    return ids;
}

}  // namespace

std::vector<journal_record> journal_store_impl::records(const std::string& id, std::uint64_t after, std::size_t most) {
    std::vector<journal_record> all;
    // A row holds one record or several, a line each; `number` is the first one's.
    auto rows =
        db->run("SELECT body, number FROM reagent_records WHERE run = $1 ORDER BY number", {std::string_view{id}});
    journal_reader reader;  // from the first one on: later ones refer to it
    for (const auto& row : rows) {
        auto number = static_cast<std::uint64_t>(detail::number(row[1]));
        for (const auto& line : split(text(row[0]), '\n')) {
            if (all.size() == most) return all;
            try {
                auto record = reader.read(line);
                if (number++ > after) all.push_back(std::move(record));
            } catch (const run_error& e) {
                throw run_error{run_errc::bad_journal, "record " + std::to_string(number) + " of run " +
                                                           visible_name(id) + " cannot be read: " + e.what()};
            }
        }
    }
    return all;
}

// Rows that are gone would be done again: what they told has happened.
journal_store_impl::kept_records journal_store_impl::kept(const stored_run& r) {
    kept_records k;
    journal_reader reader;
    for (const auto& row :
         db->run("SELECT body, number FROM reagent_records WHERE run = $1 ORDER BY number", {std::string_view{r.id}})) {
        if (static_cast<std::uint64_t>(detail::number(row[1])) != k.records.size() + 1) {
            k.whole = false;
            return k;
        }
        for (const auto& line : split(text(row[0]), '\n')) {
            try {
                k.records.push_back(reader.read(line));
            } catch (const run_error& e) {
                throw run_error{run_errc::bad_journal, "record " + std::to_string(k.records.size() + 1) + " of run " +
                                                           visible_name(r.id) + " cannot be read: " + e.what()};
            }
        }
    }
    k.whole = k.records.size() == r.records;
    return k;
}

std::vector<journal_record> journal_store_impl::whole(const stored_run& r) {
    auto k = kept(r);
    if (!k.whole) throw detail::lost_records(r, k.records.size());
    return std::move(k.records);
}

std::vector<journal_store::numbered_record> journal_store_impl::page(const std::string& id, std::uint64_t after,
                                                                     std::size_t most_bytes) {
    std::vector<journal_store::numbered_record> all;
    std::size_t bytes = 0;
    auto next = static_cast<std::int64_t>(std::min<std::uint64_t>(after, INT64_MAX - 1));
    for (;;) {  // a few rows at a time: one alone may hold many records
        auto rows = db->run(
            "SELECT body, number FROM reagent_records WHERE run = $1 AND number >= COALESCE((SELECT max(number) FROM "
            "reagent_records WHERE "
            "run = $1 AND number <= $2), 0) ORDER BY number LIMIT 2",
            {std::string_view{id}, next + 1});
        bool any = false;
        for (const auto& row : rows) {
            auto number = static_cast<std::uint64_t>(detail::number(row[1]));
            std::string_view lines = row[0] ? std::string_view{*row[0]} : std::string_view{};
            for (std::size_t at = 0; at <= lines.size(); ++number) {
                auto end = std::min(lines.find('\n', at), lines.size());
                if (number > static_cast<std::uint64_t>(next)) {
                    if (!all.empty() && bytes + (end - at) > most_bytes) return all;
                    all.push_back({number, journal_record_from_text(lines.substr(at, end - at))});
                    bytes += end - at;
                    next = static_cast<std::int64_t>(number);
                    any = true;
                }
                at = end + 1;
            }
        }
        if (!any || bytes >= most_bytes) return all;
    }
}

std::optional<stored_run> journal_store_impl::find(const std::string& id, bool lock) {
    if (!detail::is_possible_id(id)) return {};
    auto rows = db->run(
        std::string{"SELECT "} + run_columns + " FROM reagent_runs WHERE id = $1" + (lock ? db->lock_row() : ""),
        {std::string_view{id}});
    if (rows.empty()) return {};
    return run_from(rows[0]);
}

stored_run journal_store_impl::get(const std::string& id, bool lock) {
    auto r = find(id, lock);
    if (!r) throw detail::unknown_run(id);
    return std::move(*r);
}

journal_store::journal_store(std::unique_ptr<journal_store_impl> impl) : impl_{std::move(impl)} {}
journal_store::~journal_store() {
    if (!impl_ || impl_->thread.get_id() != std::this_thread::get_id()) return;
    impl_.release()->end_by_itself();  // a run's last word has let the store go, on the store's own thread
}
const std::string& journal_store::worker() const { return impl_->worker; }

std::shared_ptr<journal_store> journal_store::open(const std::string& where, journal_store_options options) {
    if (where.starts_with("postgresql://") || where.starts_with("postgres://"))
        return open_postgres(secret{where}, std::move(options));
    if (where.starts_with("host=") || where.starts_with("dbname="))
        return open_postgres(secret{where}, std::move(options));
    return open_sqlite(where.starts_with("sqlite:") ? where.substr(7) : where, std::move(options));
}

std::shared_ptr<journal_store> journal_store::open_sqlite(const std::string& file, journal_store_options options) {
    auto connect = [&] {
        try {
            return detail::open_sqlite(file, options);
        } catch (const database_error& e) {
            throw database_error{"\"" + file + "\": " + e.what(), e.may_pass};
        }
    };
    auto impl = std::make_unique<journal_store_impl>(connect, options);
    return std::shared_ptr<journal_store>{new journal_store{std::move(impl)}};
}

#ifdef REAGENT_WITHOUT_POSTGRES
std::shared_ptr<journal_store> journal_store::open_postgres(const secret&, journal_store_options) {
    throw run_error{
        run_errc::not_possible,
        "PostgreSQL is not in this program: build Reagent with REAGENT_WITH_POSTGRES, or give a file of SQLite"};
}
#else
std::shared_ptr<journal_store> journal_store::open_postgres(const secret& conninfo, journal_store_options options) {
    auto impl = std::make_unique<journal_store_impl>([&] { return detail::open_postgres(conninfo, options); }, options);
    return std::shared_ptr<journal_store>{new journal_store{std::move(impl)}};
}
#endif

std::string journal_store::create(const new_run& r) {
    std::string id = r.id.empty() ? random_name(12) : r.id;
    detail::check_new_name("id of a run", id);
    detail::check_new_name("name of a program", r.program, most_program_bytes);
    if (!r.session.empty()) detail::check_new_name("id of a session", r.session);
    if (auto deep = too_deep(r.inputs); !deep.empty()) throw not_possible("what the run is given " + deep);
    if (!r.session.empty() && r.inputs.contains("history"))
        throw not_possible("the input `history` of a run in a session is filled from the session; leave it out");
    impl_->change([&] {
        json::object inputs = r.inputs;
        if (!r.session.empty()) {
            impl_->db->run("INSERT INTO reagent_sessions (id, version, body, updated) VALUES ($1, 0, '{}', " +
                               impl_->now + ") ON CONFLICT DO NOTHING",
                           {std::string_view{r.session}});
            auto s = impl_->get_session(r.session, true);  // locked: turns come one after the other
            impl_->check_idle(r.session);
            auto history = history_of(s);
            leave_out_tool_results(history, most_history_tokens);
            inputs["history"] = std::move(history);
        }
        std::string text = detail::to_text_of(inputs);
        auto rows = impl_->db->run(
            "INSERT INTO reagent_runs (id, program, status, inputs, session, format, created, updated) VALUES ($1, $2, "
            "'ready', $3, "
            "$4, " +
                std::to_string(journal_format) + ", " + impl_->now + ", " + impl_->now +
                ") ON CONFLICT DO NOTHING RETURNING id",
            {std::string_view{id}, std::string_view{r.program}, std::string_view{text}, std::string_view{r.session}});
        if (rows.empty())
            throw not_possible("there is a run " + detail::quoted(id) +
                               " already; choose another id, or look at that one: `reagent runs show " +
                               shell_word(id) + "`");
    });
    return id;
}

std::optional<stored_run> journal_store::find(const std::string& id) {
    return impl_->call([&] { return impl_->find(id); });
}
stored_run journal_store::get(const std::string& id) {
    return impl_->call([&] { return impl_->get(id); });
}

std::vector<stored_run> journal_store::list(const run_filter& filter) {
    return impl_->call([&] {
        std::vector<sql_value> values;
        std::string where;
        auto add = [&](const char* column, std::string_view value) {
            if (value.empty()) return;
            values.emplace_back(value);
            where +=
                (where.empty() ? " WHERE " : " AND ") + std::string{column} + " = $" + std::to_string(values.size());
        };
        add("status", filter.status ? to_string(*filter.status) : std::string_view{});
        add("program", filter.program);
        add("session", filter.session);
        values.emplace_back(static_cast<std::int64_t>(std::min<std::size_t>(filter.most, INT64_MAX)));
        std::vector<stored_run> all;
        for (const auto& row : impl_->db->run(std::string{"SELECT "} + run_columns + " FROM reagent_runs" + where +
                                                  " ORDER BY updated DESC, id LIMIT $" + std::to_string(values.size()),
                                              values))
            all.push_back(run_from(row));
        return all;
    });
}

std::vector<journal_record> journal_store::records(const std::string& id, std::uint64_t after, std::size_t most) {
    detail::check_known(id);
    return impl_->call([&] { return impl_->records(id, after, most); });
}

std::vector<journal_store::numbered_record> journal_store::page(const std::string& id, std::uint64_t after,
                                                                std::size_t most_bytes) {
    return impl_->call([&] { return impl_->page(id, after, most_bytes); });
}

namespace {

// What is said of a run that ends without a worker: of whatever its last one was in the middle of.
std::string unknown_in(const std::vector<journal_record>& records) {
    auto loaded = load_journal(records);
    auto open = unknown_calls(loaded);
    std::map<std::uint64_t, std::string> tools;
    for (const auto& b : loaded.open)
        if (open.contains(b.what.id)) tools.emplace(b.what.id, b.what.tool);
    for (const auto& d : loaded.undecided)
        if (d.what.kind == event_kind::tool_call) tools.emplace(d.what.id, d.what.tool);
    std::vector<std::string> names;
    for (auto& [effect, tool] : tools) names.push_back(std::move(tool));
    return detail::unknown_text(names);
}

}  // namespace

std::string journal_store_impl::unknown_of(const stored_run& r) {
    try {
        return unknown_in(whole(r));
    } catch (const run_error& e) {  // it can be ended all the same
        if (e.code() != run_errc::bad_journal) throw;
        return std::string{"what it did last is not known: "} + e.what();
    }
}

void journal_store::cancel(const std::string& id) {
    impl_->change([&] {
        auto r = impl_->get(id, true);
        if (is_over(r.status))
            throw not_possible("run " + visible_name(id) + " is " + std::string{to_string(r.status)} + " already");
        // One whose worker is gone has nobody else who could end it.
        impl_->look_at_clock();
        detail::statement_parameters p;
        std::string at_work = "status = 'running' AND NOT " + impl_->lease_is_over(p), unknown = impl_->unknown_of(r);
        std::string error = "NULLIF(CAST(" + p.text(unknown) + " AS TEXT), '')";
        impl_->db->run("UPDATE reagent_runs SET cancel_requested = 1, error = CASE WHEN " + at_work +
                           " THEN error ELSE " + error + " END, status = CASE WHEN " + at_work +
                           " THEN status ELSE 'cancelled' END, updated = " + impl_->now + " WHERE id = " + p.text(id),
                       p);
    });
}

void journal_store::retry(const std::string& id) {
    impl_->change([&] {
        auto r = impl_->get(id, true);
        if (r.status != run_status::failed)
            throw not_possible("run " + visible_name(id) + " is " + std::string{to_string(r.status)} +
                               "; only one that failed can be tried again");
        if (!r.session.empty()) {
            auto s = impl_->find_session(r.session, true);
            impl_->check_idle(r.session, id);
            if (s && s->turns.size() != detail::turns_before(r))
                throw not_possible("session " + detail::quoted(r.session) + " has gone on without run " +
                                   visible_name(id) + "; say it anew");
        }
        auto loaded = load_journal(impl_->whole(r));
        auto failed = failed_calls(loaded);
        if (!failed.ids.empty()) {
            std::string body = to_text(journal_record{loaded.at, failed});
            auto next = static_cast<std::int64_t>(r.records + 1);
            impl_->db->run("INSERT INTO reagent_records (run, number, body) VALUES ($1, $2, $3)",
                           {std::string_view{id}, next, std::string_view{body}});
            impl_->db->run("UPDATE reagent_runs SET last_record = $1 WHERE id = $2", {next, std::string_view{id}});
        }
        impl_->db->run("UPDATE reagent_runs SET status = 'ready', error = NULL, stalled = 0, updated = " + impl_->now +
                           " WHERE id = $1",
                       {std::string_view{id}});
    });
}

std::string journal_store::fork(const std::string& id, std::uint64_t records, const std::string& new_id) {
    std::string name = new_id.empty() ? random_name(12) : new_id;
    detail::check_new_name("id of a run", name);
    return impl_->change([&] {
        auto r = impl_->get(id, true);  // locked: its records are as many as it says
        auto kept = impl_->kept(r);
        auto& all = kept.records;
        if (!kept.whole && (records == 0 || records > all.size())) throw detail::lost_records(r, all.size());
        if (records > all.size())
            throw not_possible("run " + visible_name(id) + " has " + std::to_string(all.size()) + " records, not " +
                               std::to_string(records));
        bool at_the_end = records == 0 || records == all.size();
        auto unknown = unknown_calls(load_journal(all));
        if (records) all.resize(whole_records(all, records));
        // What was under way at that point is forgotten, and so is who worked on it. But of a call that may have acted,
        // and that nobody knows the outcome of, the fork asks as well.
        auto loaded = load_journal(all);
        effects_abandoned open{};
        for (const auto& b : loaded.open)
            if (!unknown.contains(b.what.id)) open.ids.push_back(b.what.id);
        for (const auto& d : loaded.undecided)
            if (!unknown.contains(d.what.id)) open.ids.push_back(d.what.id);
        for (auto consent : detail::unused_consents(all, unknown)) open.ids.push_back(consent);
        if (at_the_end && r.status == run_status::failed)  // or it would fail at once, and again
            for (auto id_of_call : failed_calls(loaded).ids) open.ids.push_back(id_of_call);
        if (!open.ids.empty()) all.push_back({loaded.at, open});
        auto rows = impl_->db->run(
            "INSERT INTO reagent_runs (id, program, status, inputs, session, parent, format, last_record, active, "
            "created, updated) "
            "SELECT CAST($1 AS TEXT), program, 'ready', "
            "inputs, '', id, format, CAST($2 AS BIGINT), CAST($3 AS BIGINT), " +
                impl_->now + ", " + impl_->now + " FROM reagent_runs WHERE id = $4 ON CONFLICT DO NOTHING RETURNING id",
            {std::string_view{name}, static_cast<std::int64_t>(all.size()), loaded.at.count(), std::string_view{id}});
        if (rows.empty()) throw not_possible("there is a run " + detail::quoted(name) + " already");
        std::int64_t next = 0;
        for (const auto& record : all) {
            std::string body = to_text(record);
            impl_->db->run("INSERT INTO reagent_records (run, number, body) VALUES ($1, $2, $3)",
                           {std::string_view{name}, ++next, std::string_view{body}});
        }
        return name;
    });
}

void journal_store::remove(const std::string& id) {
    impl_->change([&] {
        auto r = impl_->get(id, true);
        if (!is_over(r.status))
            throw not_possible("run " + visible_name(id) + " is " + std::string{to_string(r.status)} +
                               "; cancel it first");
        for (const char* table :
             {"DELETE FROM reagent_records WHERE run = $1", "DELETE FROM reagent_decisions WHERE run = $1",
              "DELETE FROM reagent_runs WHERE id = $1"})
            impl_->db->run(table, {std::string_view{id}});
    });
}

}  // namespace reagent
