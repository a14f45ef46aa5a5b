// How workers take up runs: leases, and fences against those who lost theirs.
#include "journal_store_impl.hpp"

#include <reagent/run/consent.hpp>

#include <boost/json.hpp>

#include <algorithm>

namespace reagent {

using detail::not_possible;
using detail::number;
using detail::run_columns;

namespace {

constexpr std::int64_t takes_without_progress = 20;

}  // namespace

journal_store::taken_run journal_store_impl::took(const sql_row& row, std::int64_t asked) {
    journal_store::taken_run t;
    t.run = detail::run_from(row);
    t.hold = std::make_shared<held_run>(t.run.id, static_cast<std::uint64_t>(number(row[17])));
    t.hold->certain_until_ = certain_from(asked);
    if (t.run.cancel_requested) t.hold->end(false);  // before anything else is done
    return t;
}

void journal_store_impl::load(journal_store::taken_run& t) {
    t.records = whole(t.run);
    t.pending = pending(t.run.id);
}

std::string journal_store_impl::taking(parameters& p) const {
    return "UPDATE reagent_runs SET status = 'running', worker = " + p.text(worker) +
           ", fence = fence + 1, takes = takes + 1, stalled = stalled + 1, " + new_lease(p) + ", updated = " + now +
           ", format = " + std::to_string(journal_format);  // which is what is added from now on
}

std::string journal_store_impl::programs_clause(const std::vector<std::string>& programs, parameters& p) {
    std::string list;
    for (const auto& program : programs) list += (list.empty() ? "" : ", ") + p.text(program);
    return list;
}

// A run that ends every worker that takes it would otherwise go round for ever.
void journal_store_impl::give_up_stalled() {
    std::string limit = std::to_string(takes_without_progress);
    parameters p;
    db->run("UPDATE reagent_runs SET status = 'failed', error = 'taken up " + limit +
                " times in a row without getting anywhere: it seems to end every worker that takes it; `reagent runs "
                "resume` tries again', "
                "updated = " +
                now + " WHERE status = 'running' AND stalled >= " + limit + " AND " + lease_is_over(p),
            p);
}

void journal_store_impl::fail(const std::string& id, const std::string& why) {
    db->run("UPDATE reagent_runs SET status = 'failed', error = $1, updated = " + now + " WHERE id = $2",
            {std::string_view{why}, std::string_view{id}});
}

std::vector<journal_store::taken_run> journal_store::take(const std::vector<std::string>& programs, std::size_t most,
                                                          std::vector<std::string>* unreadable) {
    if (programs.empty() || most == 0) return {};
    auto& impl = *impl_;
    auto taken = impl.change([&] {
        impl.refuse_after_letting_go();
        auto asked = detail::machine_ms();
        impl.look_at_clock();
        impl.give_up_stalled();
        detail::statement_parameters p;
        std::string statement =
            impl.taking(p) +
            " WHERE id IN (SELECT id FROM reagent_runs WHERE (status = 'ready' OR (status = 'running' AND " +
            impl.lease_is_over(p) + ")) AND format <= " + std::to_string(journal_format) + " AND program IN (" +
            impl.programs_clause(programs, p) + ") ORDER BY updated LIMIT " +
            p.number(static_cast<std::int64_t>(most)) + impl.db->skip_locked() + ") RETURNING " + run_columns;
        std::vector<taken_run> all;
        if (unreadable) unreadable->clear();  // of an attempt before
        for (const auto& row : impl.db->run(statement, p)) {
            auto t = impl.took(row, asked);
            try {
                impl.load(t);
            } catch (const run_error& e) {  // one journal that cannot be read must not keep the others waiting
                if (e.code() != run_errc::bad_journal) throw;
                impl.fail(t.run.id, e.what());
                if (unreadable) unreadable->push_back(t.run.id);
                continue;
            }
            all.push_back(std::move(t));
        }
        for (const auto& t : all) impl.keep(t.hold);
        return all;
    });
    return taken;
}

journal_store::taken_run journal_store_impl::take(const std::string& id, bool by_force) {
    detail::check_known(id);
    auto taken = change([&] {
        refuse_after_letting_go();
        auto asked = detail::machine_ms();
        look_at_clock();
        detail::statement_parameters p;
        std::string free = by_force ? "1 = 1" : lease_is_over(p);
        auto rows =
            db->run(taking(p) + " WHERE id = " + p.text(id) + " AND (status = 'ready' OR (status = 'running' AND " +
                        free + ")) RETURNING " + run_columns,
                    p);
        if (rows.empty()) {
            auto r = get(id);
            std::string status{to_string(r.status)};
            if (r.status == run_status::running)
                throw run_error{run_errc::lease_lost,
                                "run " + visible_name(id) + " is at work in " + visible_name(r.worker) +
                                    "; if that worker is gone, it can be taken when its lease has run out, or at "
                                    "once: `reagent runs resume --force " +
                                    shell_word(id) + "`"};
            throw not_possible("run " + visible_name(id) + " cannot be continued, it is " + status +
                               (r.error.empty() ? "" : ": " + r.error));
        }
        auto t = took(rows[0], asked);
        load(t);
        keep(t.hold);  // within the transaction: who lets all runs go right behind it lets this one go, too
        return t;
    });
    return taken;
}

journal_store::taken_run journal_store::take(const std::string& id) { return impl_->take(id, false); }
journal_store::taken_run journal_store::take_by_force(const std::string& id) { return impl_->take(id, true); }

bool journal_store::has_work(const std::vector<std::string>& programs) {
    if (programs.empty()) return false;
    return impl_->call([&] {
        detail::statement_parameters p;
        return !impl_->db
                    ->run("SELECT 1 FROM reagent_runs WHERE status IN ('ready', 'running') AND program IN (" +
                              impl_->programs_clause(programs, p) + ") LIMIT 1",
                          p)
                    .empty();
    });
}

}  // namespace reagent
