// How workers take up runs: leases, and fences against those who lost theirs.
#include "journal_store_impl.hpp"

#include <boost/json.hpp>

#include <algorithm>

namespace reagent {

using detail::not_possible;
using detail::number;
using detail::run_columns;

namespace {

constexpr std::int64_t takes_without_progress = 20;

}  // namespace

journal_store::taken_run journal_store_impl::took(const sql_row& row, std::chrono::steady_clock::time_point asked) {
    journal_store::taken_run t;
    t.run = detail::run_from(row);
    t.hold = std::make_shared<held_run>(t.run.id, static_cast<std::uint64_t>(number(row[17])));
    t.hold->certain_until_ = certain_from(asked);
    return t;
}

void journal_store_impl::load(journal_store::taken_run& t) {
    t.records = records(t.run.id, 0, SIZE_MAX);
    t.pending = pending(t.run.id);
}

std::string journal_store_impl::taking() const {
    return "status = 'running', worker = $1, fence = fence + 1, takes = takes + 1, stalled = stalled + 1, lease_until = " + lease_end() +
           ", updated = " + now + ", format = " + std::to_string(journal_format);  // which is what is added from now on
}

std::string journal_store_impl::programs_clause(const std::vector<std::string>& programs, std::vector<sql_value>& values) {
    std::string list;
    for (const auto& p : programs) {
        values.emplace_back(std::string_view{p});
        list += (list.empty() ? "$" : ", $") + std::to_string(values.size());
    }
    return list;
}

std::vector<journal_store::taken_run> journal_store::take(const std::vector<std::string>& programs, std::size_t most) {
    if (programs.empty() || most == 0) return {};
    auto taken = impl_->call([&] {
        return impl_->transaction([&] {
            auto asked = std::chrono::steady_clock::now();
            // A run that ends every worker that takes it would otherwise go round for ever.
            impl_->db->run("UPDATE reagent_runs SET status = 'failed', error = 'taken up " + std::to_string(takes_without_progress) +
                           " times in a row without getting anywhere: it seems to end every worker that takes it; `reagent runs resume` "
                           "tries again', updated = " +
                           impl_->now + " WHERE status = 'running' AND lease_until < " + impl_->now +
                           " AND stalled >= " + std::to_string(takes_without_progress));
            std::vector<detail::sql_value> values{std::string_view{impl_->worker}};
            std::string list = impl_->programs_clause(programs, values);
            values.emplace_back(static_cast<std::int64_t>(most));
            std::string statement = "UPDATE reagent_runs SET " + impl_->taking() +
                                    " WHERE id IN (SELECT id FROM reagent_runs WHERE (status = 'ready' OR (status = "
                                    "'running' AND lease_until < " +
                                    impl_->now + ")) AND format <= " + std::to_string(journal_format) + " AND program IN (" + list +
                                    ") ORDER BY updated LIMIT $" + std::to_string(values.size()) + impl_->db->skip_locked() +
                                    ") RETURNING " + run_columns;
            std::vector<taken_run> all;
            for (const auto& row : impl_->db->run(statement, values)) {
                auto t = impl_->took(row, asked);
                try {
                    impl_->load(t);
                } catch (const run_error& e) {  // one journal that cannot be read must not keep the others waiting
                    if (e.code() != run_errc::bad_journal) throw;
                    impl_->db->run("UPDATE reagent_runs SET status = 'failed', error = $1, updated = " + impl_->now + " WHERE id = $2",
                                   {std::string_view{e.what()}, std::string_view{t.run.id}});
                    continue;
                }
                all.push_back(std::move(t));
            }
            return all;
        });
    });
    std::lock_guard lock{impl_->mutex};
    for (const auto& t : taken) impl_->held[t.run.id] = t.hold;
    return taken;
}

journal_store::taken_run journal_store::take(const std::string& id) {
    auto taken = impl_->call([&] {
        return impl_->transaction([&] {
            auto asked = std::chrono::steady_clock::now();
            auto rows = impl_->db->run("UPDATE reagent_runs SET " + impl_->taking() +
                                           " WHERE id = $2 AND (status = 'ready' OR (status = 'running' AND lease_until < " + impl_->now +
                                           ")) RETURNING " + run_columns,
                                       {std::string_view{impl_->worker}, std::string_view{id}});
            if (rows.empty()) {
                auto r = impl_->get(id);
                std::string status{to_string(r.status)};
                if (r.status == run_status::running)
                    throw run_error{run_errc::lease_lost, "run " + id + " is at work in " + r.worker +
                                                              "; if that worker is gone, it can be taken when its lease has run out"};
                throw not_possible("run " + id + " cannot be continued, it is " + status + (r.error.empty() ? "" : ": " + r.error));
            }
            auto t = impl_->took(rows[0], asked);
            impl_->load(t);
            return t;
        });
    });
    std::lock_guard lock{impl_->mutex};
    impl_->held[taken.run.id] = taken.hold;
    return taken;
}

bool journal_store::has_work(const std::vector<std::string>& programs) {
    if (programs.empty()) return false;
    return impl_->call([&] {
        std::vector<detail::sql_value> values;
        std::string list = impl_->programs_clause(programs, values);
        return !impl_->db
                    ->run("SELECT 1 FROM reagent_runs WHERE status IN ('ready', 'running') AND program IN (" + list + ") LIMIT 1", values)
                    .empty();
    });
}

}  // namespace reagent
