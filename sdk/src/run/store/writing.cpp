// The store's thread: what runs have to say is gathered and committed, leases are kept.
#include "journal_store_impl.hpp"

#include <unistd.h>
#include <boost/json.hpp>

#include <algorithm>

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

journal_store_impl::journal_store_impl(std::function<std::unique_ptr<database>()> connect, journal_store_options o)
    : options{std::move(o)}, worker{options.worker.empty() ? own_name() : options.worker} {
    try {
        db = connect();
    } catch (const database_error& e) {
        throw run_error{run_errc::journal_unavailable, std::string{"the journals cannot be opened: "} + e.what()};
    }
    now = db->now_ms();
    patiently([&] { make_tables(); });
    thread = std::thread{[this] { work(); }};
}

journal_store_impl::~journal_store_impl() {
    {
        std::lock_guard lock{mutex};
        stopping = true;
    }
    wake.notify_all();
    if (thread.joinable()) thread.join();
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

// Whatever goes wrong here will go wrong again where somebody waits for the result.
template <class F>
void journal_store_impl::quietly(F work) {
    try {
        db->reconnect();
        work();
    } catch (const std::exception&) {
        db->roll_back();
    }
}

void journal_store_impl::work() {
    auto renewal = options.lease / 3;
    auto next_renewal = std::chrono::steady_clock::now() + renewal, next_look = std::chrono::steady_clock::now() + look_every();
    for (;;) {
        std::vector<write_job> batch;
        std::deque<std::function<void()>> todo;
        {
            std::unique_lock lock{mutex};
            wake.wait_until(lock, std::min(next_renewal, next_look), [&] { return stopping || !writes.empty() || !jobs.empty(); });
            // A commit costs the same for one run and for a hundred: where many are at work, a moment's wait gathers theirs.
            if (jobs.empty() && !stopping && held.size() > 8)
                wake.wait_for(lock, gathering, [&] { return stopping || writes.size() * 2 >= held.size() || !jobs.empty(); });
            auto n = std::min(writes.size(), most_in_one_transaction);
            batch.assign(std::make_move_iterator(writes.begin()), std::make_move_iterator(writes.begin() + static_cast<std::ptrdiff_t>(n)));
            writes.erase(writes.begin(), writes.begin() + static_cast<std::ptrdiff_t>(n));
            todo.swap(jobs);
            if (stopping && batch.empty() && todo.empty()) return;
        }
        if (!batch.empty()) write(batch);
        for (auto& job : todo) job();
        auto time = std::chrono::steady_clock::now();
        if (time >= next_renewal) {
            quietly([&] { renew(); });
            next_renewal = std::chrono::steady_clock::now() + renewal;
        }
        if (time >= next_look) {
            quietly([&] { look_for_cancellations(); });
            next_look = std::chrono::steady_clock::now() + look_every();
        }
    }
}

void journal_store_impl::write(std::vector<write_job>& batch) {
    std::vector<std::exception_ptr> failures(batch.size());
    std::vector<char> to_cancel(batch.size()), fresh(batch.size());
    auto asked = std::chrono::steady_clock::now();
    try {
        patiently([&] {
            asked = std::chrono::steady_clock::now();
            std::fill(failures.begin(), failures.end(), nullptr);
            transaction([&] {
                for (std::size_t i = 0; i < batch.size(); ++i) {
                    bool cancel = false, renewed = false;
                    if (!store(batch[i], cancel, renewed)) failures[i] = std::make_exception_ptr(detail::taken_over(batch[i].hold->id));
                    to_cancel[i] = cancel;
                    fresh[i] = renewed;
                }
            });
        });
    } catch (const run_error& e) {
        for (auto& f : failures) f = std::make_exception_ptr(run_error{e});  // one for each: they go to different threads
    }
    for (std::size_t i = 0; i < batch.size(); ++i) {
        auto& job = batch[i];
        if (!failures[i] && fresh[i]) job.hold->certain_until_ = certain_from(asked);
        if (failures[i] && is_lost(failures[i])) lose(job.hold);
        if (job.ending) forget(job.hold->id);
        if (!failures[i] && to_cancel[i]) job.hold->end(false);
        job.done(std::move(failures[i]));
    }
}

bool journal_store_impl::store(const write_job& job, bool& cancel, bool& renewed) {
    const auto& h = *job.hold;
    std::int64_t last = job.records.empty() ? -1 : static_cast<std::int64_t>(job.records.back().number);
    if (write_statement.empty())
        write_statement =
            "UPDATE reagent_runs SET active = $1, last_record = CASE WHEN CAST($2 AS BIGINT) < 0 THEN last_record ELSE CAST($3 AS "
            "BIGINT) END, "
            "stalled = 0 WHERE id = $4 AND fence = $5 AND status = 'running' RETURNING cancel_requested, lease_until > " +
            now + " + " + std::to_string(options.lease.count() / 2);
    auto rows = db->run(write_statement, {job.active.count(), last, last, std::string_view{h.id}, static_cast<std::int64_t>(h.fence)});
    if (rows.empty()) return false;
    cancel = number(rows[0][0]) != 0;
    // No index is touched here: `renew` keeps leases, and here only one is renewed of which less than half is left.
    std::string_view in_time = rows[0][1] ? std::string_view{*rows[0][1]} : "";
    if (in_time != "1" && in_time != "t") {
        db->run("UPDATE reagent_runs SET lease_until = " + lease_end() + " WHERE id = $1", {std::string_view{h.id}});
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
        db->run("INSERT INTO reagent_records (run, number, body) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
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
    std::string outputs, used = json::serialize(to_json(e.usage));
    sql_value out = nullptr;
    if (e.outputs) {
        outputs = detail::to_text_of(*e.outputs);
        out = std::string_view{outputs};
    }
    if (finish_statement.empty())
        finish_statement = "UPDATE reagent_runs SET status = $1, outputs = $2, error = $3, usage = $4, lease_until = 0, updated = " + now +
                           " WHERE id = $5 AND fence = $6";
    db->run(finish_statement, {to_string(status), out, std::string_view{e.error}, std::string_view{used}, std::string_view{h.id},
                               static_cast<std::int64_t>(h.fence)});
    if (e.turn && status == run_status::finished) add_turn(h.id, *e.turn);
}

void journal_store_impl::renew() {
    std::map<std::string, std::shared_ptr<held_run>> mine = holds();
    if (mine.empty()) return;
    auto asked = std::chrono::steady_clock::now();
    auto rows = db->run("UPDATE reagent_runs SET lease_until = " + lease_end() +
                            " WHERE worker = $1 AND status = 'running' RETURNING id, fence, cancel_requested",
                        {std::string_view{worker}});
    for (const auto& row : rows) {
        auto found = mine.find(text(row[0]));
        if (found == mine.end() || static_cast<std::uint64_t>(number(row[1])) != found->second->fence) continue;
        found->second->certain_until_ = certain_from(asked);
        if (number(row[2])) found->second->end(false);
        mine.erase(found);
    }
    for (auto& [id, hold] : mine) {
        // Not among the running ones: taken over, or ended by us in a transaction of which the worker knows.
        auto row = db->run("SELECT fence, status FROM reagent_runs WHERE id = $1", {std::string_view{id}});
        if (row.empty() || static_cast<std::uint64_t>(number(row[0][0])) != hold->fence) lose(hold);
    }
}

void journal_store_impl::look_for_cancellations() {
    std::map<std::string, std::shared_ptr<held_run>> mine = holds();
    if (mine.empty()) return;
    for (const auto& row : db->run("SELECT id FROM reagent_runs WHERE status = 'running' AND cancel_requested = 1 AND worker = $1",
                                   {std::string_view{worker}}))
        if (auto found = mine.find(text(row[0])); found != mine.end()) found->second->end(false);
}

std::map<std::string, std::shared_ptr<held_run>> journal_store_impl::holds() {
    std::lock_guard lock{mutex};
    std::map<std::string, std::shared_ptr<held_run>> all;
    for (auto i = held.begin(); i != held.end();)
        if (auto h = i->second.lock()) {
            all.emplace(i->first, std::move(h));
            ++i;
        } else
            i = held.erase(i);
    return all;
}

void journal_store_impl::lose(const std::shared_ptr<held_run>& hold) {
    forget(hold->id);
    hold->end(true);
}

void journal_store_impl::forget(const std::string& id) {
    std::lock_guard lock{mutex};
    held.erase(id);
}

void journal_store::write(std::shared_ptr<held_run> hold, std::vector<numbered_record> records, std::chrono::microseconds active,
                          completion done) {
    impl_->enqueue({std::move(hold), std::move(records), active, {}, std::move(done)});
}

void journal_store::finish(std::shared_ptr<held_run> hold, std::vector<numbered_record> records, std::chrono::microseconds active, ending e,
                           completion done) {
    impl_->enqueue({std::move(hold), std::move(records), active, std::move(e), std::move(done)});
}

}  // namespace reagent
