// Leases: given, judged, renewed, and handed back.
#include "journal_store_impl.hpp"

#include <algorithm>
#include <bit>

namespace reagent {

using detail::number;
using detail::text;

namespace {

constexpr std::size_t most_renewed_at_once = 256;
constexpr std::int64_t clock_noise_ms = 1000;  // a lease that begins so much later than now begins in the future

std::chrono::milliseconds ms(std::int64_t n) { return std::chrono::milliseconds{n}; }

}  // namespace

bool held_run::is_certain() const { return detail::machine_ms() < certain_until_; }

void held_run::on_end(std::function<void()> tell) {
    std::lock_guard lock{mutex_};
    tell_ = std::move(tell);
    if ((lost_ || cancelled_) && tell_) std::exchange(tell_, nullptr)();
}

void held_run::end(bool lost) {
    std::lock_guard lock{mutex_};
    (lost ? lost_ : cancelled_) = true;
    if (tell_) std::exchange(tell_, nullptr)();
}

void journal_store_impl::look_at_clock() {
    auto before = machine_now();
    auto shown = number(db->run(std::string{"SELECT "} + now, std::vector<sql_value>{})[0][0]);
    auto after = machine_now();
    if (after - before > detail::clock_tolerance(options.lease).count()) return;  // says too little about when that was
    auto wall = std::chrono::duration_cast<std::chrono::milliseconds>(clock->wall().time_since_epoch());
    database_clock.observe(ms(shown), ms(after), wall);
}

std::string journal_store_impl::lease_is_over(parameters& p) {
    auto machine = machine_now();
    // Watched for as long as it lasts: a living worker would have renewed it.
    std::string watched = "lease_until - lease_from < " + p.number(database_clock.even_for(ms(machine)).count());
    std::string trusted = database_clock.is_trusted() ? "(lease_odd = 0 OR " + watched + ")" : watched;
    std::string over = "(lease_until < " + now + " AND " + trusted + ") OR (lease_from > " + now + " + " +
                       std::to_string(clock_noise_ms) + " AND " + watched + ")";
    if (boot.empty()) return "(" + over + ")";
    return "(CASE WHEN lease_boot = '" + boot + "' THEN lease_boot_until < " + p.number(machine) + " ELSE " + over +
           " END)";
}

std::string journal_store_impl::new_lease(parameters& p) const {
    std::string length = std::to_string(options.lease.count());
    return "lease_from = " + now + ", lease_until = " + now + " + " + length +
           ", lease_odd = " + (database_clock.agrees() ? "0" : "1") + ", lease_boot = '" + boot +
           "', lease_boot_until = " + p.number(machine_now()) + " + " + length;
}

void journal_store_impl::keep(const std::shared_ptr<held_run>& hold) {
    std::lock_guard lock{mutex};
    held[{hold->id, hold->fence}] = hold;
}

std::vector<std::shared_ptr<held_run>> journal_store_impl::holds() {
    std::lock_guard lock{mutex};
    std::vector<std::shared_ptr<held_run>> all;
    for (const auto& [key, weak] : held)
        if (auto hold = weak.lock()) all.push_back(std::move(hold));
    return all;
}

void journal_store_impl::lose(const std::shared_ptr<held_run>& hold) {
    forget(*hold);
    hold->end(true);
}

void journal_store_impl::forget(const held_run& hold) {
    std::lock_guard lock{mutex};
    held.erase({hold.id, hold.fence});
}

void journal_store_impl::renew() {
    auto mine = holds();
    if (mine.empty()) return;
    look_at_clock();
    for (std::span<const std::shared_ptr<held_run>> rest{mine}; !rest.empty();) {
        auto n = std::min(rest.size(), most_renewed_at_once);
        renew(rest.first(n));
        rest = rest.subspan(n);
    }
}

// By what is held, not by the worker's name: a run that was let go, or one that is taken and whose taker was never
// told, is not kept.
void journal_store_impl::renew(std::span<const std::shared_ptr<held_run>> mine) {
    auto asked = detail::machine_ms();
    parameters p;
    std::string statement =
        "UPDATE reagent_runs SET " + new_lease(p) + " WHERE status = 'running' AND (id, fence) IN (VALUES ";
    for (std::size_t i = 0, n = std::bit_ceil(mine.size()); i < n;
         ++i) {  // filled up, so that there are few different statements
        const auto& hold = *mine[std::min(i, mine.size() - 1)];
        statement += std::string{i ? ", " : ""} + "(" + p.text(hold.id) + ", " +
                     p.number(static_cast<std::int64_t>(hold.fence)) + ")";
    }
    std::map<std::pair<std::string, std::uint64_t>, bool> renewed;  // and whether it is to be cancelled
    for (const auto& row : db->run(statement + ") RETURNING id, fence, cancel_requested", p))
        renewed[{text(row[0]), static_cast<std::uint64_t>(number(row[1]))}] = number(row[2]) != 0;
    for (const auto& hold : mine) {
        if (auto found = renewed.find({hold->id, hold->fence}); found != renewed.end()) {
            hold->certain_until_ = certain_from(asked);
            if (found->second) hold->end(false);
            continue;
        }
        // Not among the running ones: taken over, or ended by us in a transaction of which the worker knows.
        auto row = db->run("SELECT fence FROM reagent_runs WHERE id = $1", {std::string_view{hold->id}});
        if (row.empty() || static_cast<std::uint64_t>(number(row[0][0])) != hold->fence) lose(hold);
    }
}

// Runs whose holder is gone without having said how they ended, because the database was away when it tried.
void journal_store_impl::hand_back() {
    std::vector<std::pair<std::string, std::uint64_t>> let_go;
    {
        std::lock_guard lock{mutex};
        for (const auto& [key, weak] : held)
            if (weak.expired()) let_go.push_back(key);
    }
    for (const auto& [id, fence] : let_go) {
        hand_back(id, fence);
        std::lock_guard lock{mutex};
        held.erase({id, fence});
    }
}

void journal_store_impl::hand_back(const std::string& id, std::uint64_t fence) {
    // No sign of a run that ends its workers: this one lives.
    db->run(
        "UPDATE reagent_runs SET status = 'ready', lease_until = 0, stalled = CASE WHEN stalled > 0 THEN stalled - 1 "
        "ELSE 0 END, "
        "updated = " +
            now + " WHERE id = $1 AND fence = $2 AND status = 'running'",
        {std::string_view{id}, static_cast<std::int64_t>(fence)});
}

void journal_store_impl::refuse_after_letting_go() const {
    if (has_let_go)
        throw run_error{run_errc::not_possible, "its runs were let go, since the process ends: it takes no other"};
}

// The holds stay, so that nothing here is told that another has the run: its process ends. The store refuses what they
// write.
void journal_store::let_go() {
    impl_->change([&] {
        impl_->has_let_go = true;
        for (const auto& hold : impl_->holds()) impl_->hand_back(hold->id, hold->fence);
    });
}

void journal_store_impl::look_for_cancellations() {
    auto mine = holds();
    if (mine.empty()) return;
    std::map<std::string_view, held_run*> by_id;
    for (const auto& hold : mine) by_id[hold->id] = hold.get();
    for (const auto& row :
         db->run("SELECT id FROM reagent_runs WHERE status = 'running' AND cancel_requested = 1 AND worker = $1",
                 {std::string_view{worker}}))
        if (auto found = by_id.find(text(row[0])); found != by_id.end()) found->second->end(false);
}

}  // namespace reagent
