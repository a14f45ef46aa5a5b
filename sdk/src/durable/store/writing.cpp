// The store's thread: what runs have to say is gathered and committed, leases are kept.
#include "journal_store_impl.hpp"

#include <unistd.h>
#include <boost/json.hpp>

#include <algorithm>
#include <cmath>

namespace reagent {

using detail::number;
using detail::text;

namespace {

constexpr std::size_t most_in_one_transaction = 512;
constexpr std::chrono::milliseconds gathering{2};

std::string own_name() {
    char host[256] = "host";
    ::gethostname(host, sizeof host - 1);
    return std::string{host} + ":" + std::to_string(::getpid()) + ":" + detail::random_name(6);
}

bool is_lost(const std::exception_ptr& failure) {
    try {
        std::rethrow_exception(failure);
    } catch (const run_error& e) {
        return e.code() == run_errc::lease_lost;
    } catch (...) {
        return false;
    }
}

}  // namespace

journal_store_impl::journal_store_impl(std::function<std::unique_ptr<database>()> how, journal_store_options o)
    : options{std::move(o)},
      worker{options.worker.empty() ? own_name() : options.worker},
      clock{options.clock ? options.clock : std::make_shared<const machine_clock>()},
      boot{detail::quotable_boot(*clock)},
      database_clock{detail::clock_tolerance(options.lease)} {
    connect(how);
    now = db->now_ms();
    patiently([&] { make_tables(); });
    patiently([&] { look_at_clock(); });
    thread = std::thread{[this] {
        work();
        if (deletes_itself) delete this;
    }};
}

void journal_store_impl::connect(const std::function<std::unique_ptr<database>()>& how) {
    auto until = later(clock::now(), options.patience);
    for (auto pause = std::chrono::milliseconds{20};; pause = std::min(pause * 2, std::chrono::milliseconds{500})) {
        try {
            db = how();
            return;
        } catch (const database_error& e) {
            if (!e.may_pass || std::chrono::steady_clock::now() > until)
                throw run_error{run_errc::journal_unavailable,
                                std::string{"the journals cannot be opened: "} + e.what()};
            is_in_trouble(e.what());
        }
        std::this_thread::sleep_for(pause);
    }
}

void journal_store_impl::is_well() {
    if (trouble.empty() || stopping) return;
    trouble.clear();
    if (options.on_trouble) options.on_trouble("");
}

void journal_store_impl::is_in_trouble(const std::string& what) {
    if (trouble == what || stopping) return;
    trouble = what;
    if (options.on_trouble) options.on_trouble(what);
}

void journal_store_impl::give_up_or_tell(const database_error& e, bool out_of_patience) {
    std::string what = db->name() + " is not to be used: " + e.what();
    if (!e.may_pass) what += older;
    if (!e.may_pass) throw refused{run_errc::journal_unavailable, what};
    is_in_trouble(what);
    if (out_of_patience || stopping) throw run_error{run_errc::journal_unavailable, what};
}

journal_store_impl::~journal_store_impl() {
    {
        std::lock_guard lock{mutex};
        stopping = true;
    }
    wake.notify_all();
    if (thread.joinable()) thread.join();
}

void journal_store_impl::end_by_itself() {
    {
        std::lock_guard lock{mutex};
        stopping = true;
    }
    thread.detach();
    deletes_itself = true;
}

void journal_store_impl::enqueue(write_job job) {
    {
        std::lock_guard lock{mutex};
        if (!stopping) {
            writes.push_back(std::move(job));
            wake.notify_one();
            return;
        }
    }
    job.done(std::make_exception_ptr(run_error{run_errc::journal_unavailable, "the journals are closed"}));
}

// Whatever goes wrong here will go wrong again where somebody waits for the result, or is tried again.
template <class F>
void journal_store_impl::quietly(F work) {
    try {
        if (!stopping) db->reconnect();
        work();
        is_well();
    } catch (const std::exception& e) {
        is_in_trouble(db->name() + " is not to be used: " + e.what());
        db->roll_back();
    }
}

void journal_store_impl::work() {
    auto renewal = options.lease / 3;
    auto next_renewal = std::chrono::steady_clock::now() + renewal,
         next_look = std::chrono::steady_clock::now() + look_every();
    for (;;) {
        std::vector<write_job> batch;
        std::deque<std::function<void()>> todo;
        {
            std::unique_lock lock{mutex};
            wake.wait_until(lock, std::min(next_renewal, next_look),
                            [&] { return stopping || !writes.empty() || !jobs.empty(); });
            // A commit costs the same for one run and for a hundred: where many are at work, a moment's wait gathers
            // theirs.
            if (jobs.empty() && !stopping && held.size() > 8)
                wake.wait_for(lock, gathering,
                              [&] { return stopping || writes.size() * 2 >= held.size() || !jobs.empty(); });
            auto n = std::min(writes.size(), most_in_one_transaction);
            batch.assign(std::make_move_iterator(writes.begin()),
                         std::make_move_iterator(writes.begin() + static_cast<std::ptrdiff_t>(n)));
            writes.erase(writes.begin(), writes.begin() + static_cast<std::ptrdiff_t>(n));
            todo.swap(jobs);
            if (stopping && batch.empty() && todo.empty()) break;
        }
        if (!batch.empty()) write(batch);
        for (auto& job : todo) job();
        auto time = std::chrono::steady_clock::now();
        if (time >= next_renewal) {
            quietly([&] { renew(); });
            next_renewal = std::chrono::steady_clock::now() + renewal;
        }
        if (time >= next_look) {
            quietly([&] {
                look_at_clock();
                hand_back();
                look_for_cancellations();
            });
            next_look = std::chrono::steady_clock::now() + look_every();
        }
    }
    quietly([&] { hand_back(); });
    if (changes) db->forget_marks(writer);
}

void journal_store_impl::write(std::vector<write_job>& batch) {
    std::vector<outcome> outcomes(batch.size());
    std::int64_t asked = 0;
    try {
        write_all(batch, outcomes, asked);
    } catch (const run_error& e) {
        bool one_may_be_to_blame = dynamic_cast<const refused*>(&e) || e.code() != run_errc::journal_unavailable;
        if (one_may_be_to_blame && batch.size() > 1) return write_one_by_one(batch);
        // One for each: they go to different threads.
        for (auto& o : outcomes) o = {std::make_exception_ptr(run_error{e}), false, false};
    } catch (const std::exception& e) {
        if (batch.size() > 1) return write_one_by_one(batch);
        for (auto& o : outcomes)
            o = {std::make_exception_ptr(
                     run_error{run_errc::journal_unavailable, std::string{"a record cannot be stored: "} + e.what()}),
                 false, false};
    }
    for (std::size_t i = 0; i < batch.size(); ++i) tell(batch[i], std::move(outcomes[i]), asked);
}

// What the database refuses of one run keeps no other from being stored.
void journal_store_impl::write_one_by_one(std::vector<write_job>& batch) {
    for (auto& job : batch) {
        std::vector<write_job> one;
        one.push_back(std::move(job));
        write(one);
    }
}

void journal_store_impl::write_all(const std::vector<write_job>& batch, std::vector<outcome>& outcomes,
                                   std::int64_t& asked) {
    once([&] {
        asked = detail::machine_ms();
        for (std::size_t i = 0; i < batch.size(); ++i) {
            outcomes[i] = {};
            if (!store(batch[i], outcomes[i].cancel, outcomes[i].renewed))
                outcomes[i].failure = std::make_exception_ptr(detail::taken_over(batch[i].hold->id));
        }
    });
}

void journal_store_impl::tell(write_job& job, outcome o, std::int64_t asked) {
    if (!o.failure && o.renewed) job.hold->certain_until_ = certain_from(asked);
    if (o.failure && is_lost(o.failure)) lose(job.hold);
    // One whose end could not be stored is handed back when its holder lets it go.
    if (job.ending && !o.failure) forget(*job.hold);
    if (!o.failure && o.cancel) job.hold->end(false);
    auto done = std::move(job.done);
    job.hold.reset();
    done(std::move(o.failure));
}

bool journal_store_impl::store(const write_job& job, bool& cancel, bool& renewed) {
    const auto& h = *job.hold;
    std::int64_t last = job.records.empty() ? -1 : static_cast<std::int64_t>(job.records.back().number);
    if (write_statement.empty())
        write_statement =
            "UPDATE reagent_runs SET active = $1, last_record = CASE WHEN CAST($2 AS BIGINT) < 0 THEN last_record ELSE "
            "CAST($3 AS "
            "BIGINT) END, "
            "stalled = 0 WHERE id = $4 AND fence = $5 AND status = 'running' RETURNING cancel_requested, lease_until "
            "> " +
            now + " + " + std::to_string(options.lease.count() / 2);
    auto rows = db->run(write_statement,
                        {job.active.count(), last, last, std::string_view{h.id}, static_cast<std::int64_t>(h.fence)});
    if (rows.empty()) return false;
    cancel = number(rows[0][0]) != 0;
    // No index is touched here: `renew` keeps leases, and here only one is renewed of which less than half is left.
    std::string_view in_time = rows[0][1] ? std::string_view{*rows[0][1]} : "";
    if (in_time != "1" && in_time != "t") {
        parameters p;
        std::string statement = "UPDATE reagent_runs SET " + new_lease(p) + " WHERE id = ";
        statement += p.text(h.id);
        db->run(statement, p);
        renewed = true;
    }
    // What is written together is one row: a line for each record, numbered on from the first.
    std::string lines;
    for (const auto& r : job.records) {
        std::string body = to_text(r.what);
        if (auto* wanted = std::get_if<decision_wanted>(&r.what.what))
            db->run("INSERT INTO reagent_decisions (run, effect, wanted) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
                    {std::string_view{h.id}, static_cast<std::int64_t>(wanted->what.id), std::string_view{body}});
        auto use = [&](std::uint64_t effect) {
            db->run("UPDATE reagent_decisions SET used = 1 WHERE run = $1 AND effect = $2",
                    {std::string_view{h.id}, static_cast<std::int64_t>(effect)});
        };
        if (auto* f = std::get_if<effect_finished>(&r.what.what))
            if (f->what.kind == event_kind::approval || f->what.kind == event_kind::tool_call) use(f->what.id);
        if (auto* a = std::get_if<effects_abandoned>(&r.what.what))
            for (auto id : a->ids) use(id);
        lines += (lines.empty() ? "" : "\n") + body;
    }
    // Doing nothing on a conflict: after a connection was lost in the middle of a commit, it may be there already.
    if (!lines.empty())
        db->run(
            "INSERT INTO reagent_records (run, number, body) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            {std::string_view{h.id}, static_cast<std::int64_t>(job.records.front().number), std::string_view{lines}});
    if (job.ending) store_ending(job);
    return true;
}

void journal_store_impl::store_ending(const write_job& job) {
    const auto& h = *job.hold;
    const auto& e = *job.ending;
    auto status = e.status;
    if (status == run_status::awaiting_approval || status == run_status::outcome_unknown) {
        db->run(std::string{"SELECT id FROM reagent_runs WHERE id = $1"} + db->lock_row(), {std::string_view{h.id}});
        if (undecided(h.id) == 0) status = run_status::ready;
    }
    auto usage = e.usage;
    if (usage.cost && !std::isfinite(*usage.cost)) usage.cost.reset();  // no JSON, and no sum
    std::string outputs, used = json::serialize(to_json(usage));
    sql_value out = nullptr;
    if (e.outputs) {
        outputs = detail::to_text_of(*e.outputs);
        out = std::string_view{outputs};
    }
    if (finish_statement.empty())
        finish_statement =
            "UPDATE reagent_runs SET status = $1, outputs = $2, error = $3, usage = $4, lease_until = 0, updated = " +
            now + " WHERE id = $5 AND fence = $6";
    db->run(finish_statement, {to_string(status), out, std::string_view{e.error}, std::string_view{used},
                               std::string_view{h.id}, static_cast<std::int64_t>(h.fence)});
    if (e.turn && status == run_status::finished) add_turn(h.id, *e.turn);
}

void journal_store::write(std::shared_ptr<held_run> hold, std::vector<numbered_record> records,
                          std::chrono::microseconds active, completion done) {
    impl_->enqueue({std::move(hold), std::move(records), active, {}, std::move(done)});
}

void journal_store::finish(std::shared_ptr<held_run> hold, std::vector<numbered_record> records,
                           std::chrono::microseconds active, ending e, completion done) {
    impl_->enqueue({std::move(hold), std::move(records), active, std::move(e), std::move(done)});
}

}  // namespace reagent
