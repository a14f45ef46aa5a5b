#include <reagent/run/journal_store.hpp>

#include <reagent/error.hpp>
#include <reagent/schema/repair.hpp>
#include <reagent/schema/schema.hpp>

#include "../../text.hpp"
#include "database.hpp"

#include <unistd.h>
#include <boost/json.hpp>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <deque>
#include <map>
#include <random>
#include <thread>
#include <variant>

namespace reagent {
namespace {

using detail::database;
using detail::database_error;
using detail::sql_row;
using detail::sql_value;

constexpr std::array<std::pair<run_status, std::string_view>, 7> status_names{{{run_status::ready, "ready"},
                                                                               {run_status::running, "running"},
                                                                               {run_status::awaiting_approval, "awaiting_approval"},
                                                                               {run_status::outcome_unknown, "outcome_unknown"},
                                                                               {run_status::finished, "finished"},
                                                                               {run_status::failed, "failed"},
                                                                               {run_status::cancelled, "cancelled"}}};

constexpr std::int64_t takes_without_progress = 20;
constexpr std::size_t most_in_one_transaction = 512;
constexpr std::chrono::milliseconds gathering{2};

bool is_over(run_status s) { return s == run_status::finished || s == run_status::failed || s == run_status::cancelled; }

std::string random_name(std::size_t length) {
    static constexpr char letters[] = "0123456789abcdefghjkmnpqrstvwxyz";  // Crockford's base 32: none is mistaken for another
    std::random_device device;
    std::string name;
    while (name.size() < length) {
        auto bits = device();
        for (int k = 0; k < 6 && name.size() < length; ++k, bits >>= 5) name += letters[bits & 31];
    }
    return name;
}

std::string own_name() {
    char host[256] = "host";
    ::gethostname(host, sizeof host - 1);
    return std::string{host} + ":" + std::to_string(::getpid()) + ":" + random_name(6);
}

std::int64_t number(const std::optional<std::string>& text) { return text ? std::strtoll(text->c_str(), nullptr, 10) : 0; }
std::string text(const std::optional<std::string>& t) { return t.value_or(""); }
json::object object(const std::optional<std::string>& t) {
    auto v = t ? parse_json(*t, 2 * max_json_depth) : std::optional<json::value>{};
    return v && v->is_object() ? v->get_object() : json::object{};
}
std::chrono::system_clock::time_point time_of(std::int64_t ms) {
    return std::chrono::system_clock::time_point{std::chrono::milliseconds{ms}};
}

constexpr const char* run_columns =
    "id, program, status, inputs, outputs, error, session, parent, worker, format, cancel_requested, last_record, takes, usage, active, "
    "created, updated, fence";

reagent::usage usage_from(const json::object& o) {
    lm_response r;
    json::object whole{{"content", ""}, {"finish", "stop"}};
    whole["usage"] = o;
    return lm_response_from_json(whole).usage;
}

stored_run run_from(const sql_row& row) {
    stored_run r;
    r.id = text(row[0]);
    r.program = text(row[1]);
    r.status = run_status_named(text(row[2])).value_or(run_status::failed);
    r.inputs = object(row[3]);
    if (row[4]) r.outputs = object(row[4]);
    r.error = text(row[5]);
    r.session = text(row[6]);
    r.parent = text(row[7]);
    r.worker = text(row[8]);
    r.format = static_cast<int>(number(row[9]));
    r.cancel_requested = number(row[10]) != 0;
    r.records = static_cast<std::uint64_t>(number(row[11]));
    r.takes = static_cast<std::uint64_t>(number(row[12]));
    if (row[13]) r.usage = usage_from(object(row[13]));
    r.active = std::chrono::microseconds{number(row[14])};
    r.created = time_of(number(row[15]));
    r.updated = time_of(number(row[16]));
    return r;
}

constexpr const char* decision_names[]{"approve", "reject", "repeat", "happened", "failed"};

json::object to_json_object(const run_decision& d) {
    json::object o{{"decision", decision_names[d.kind]}};
    if (d.arguments) o["arguments"] = *d.arguments;
    if (!d.result.is_null()) o["result"] = d.result;
    if (!d.text.empty()) o["text"] = d.text;
    if (!d.by.empty()) o["by"] = d.by;
    return o;
}

run_decision decision_from(const json::object& o) {
    run_decision d;
    auto named = [&](const char* key) {
        auto* v = o.if_contains(key);
        return v && v->is_string() ? std::string{v->get_string()} : std::string{};
    };
    for (int i = 0; i < 5; ++i)
        if (named("decision") == decision_names[i]) d.kind = static_cast<run_decision::kind_t>(i);
    if (auto* a = o.if_contains("arguments"); a && a->is_object()) d.arguments = a->get_object();
    if (auto* r = o.if_contains("result")) d.result = *r;
    d.text = named("text");
    d.by = named("by");
    return d;
}

run_error not_possible(const std::string& what) { return run_error{run_errc::not_possible, what}; }
run_error unknown_run(const std::string& id) {
    return run_error{run_errc::unknown_run, "there is no run \"" + cut(id, 80) + "\"; `reagent runs list` shows those that there are"};
}
run_error taken_over(const std::string& id) {
    return run_error{run_errc::lease_lost, "run " + id +
                                               " was taken over by another worker, because this one had not been heard of for too "
                                               "long; it goes on there"};
}

}  // namespace

std::string_view to_string(run_status s) {
    for (const auto& [status, name] : status_names)
        if (status == s) return name;
    return {};
}

std::optional<run_status> run_status_named(std::string_view name) {
    for (const auto& [status, known] : status_names)
        if (known == name) return status;
    return {};
}

json::object to_json(const stored_run& r) {
    auto ms = [](auto t) { return std::chrono::duration_cast<std::chrono::milliseconds>(t.time_since_epoch()).count(); };
    json::object o{{"id", r.id}, {"program", r.program}, {"status", to_string(r.status)}, {"inputs", r.inputs}};
    if (r.outputs) o["outputs"] = *r.outputs;
    if (!r.error.empty()) o["error"] = r.error;
    if (!r.session.empty()) o["session"] = r.session;
    if (!r.parent.empty()) o["parent"] = r.parent;
    if (!r.worker.empty()) o["worker"] = r.worker;
    o["records"] = r.records;
    o["takes"] = r.takes;
    o["usage"] = to_json(r.usage);
    o["active_seconds"] = static_cast<double>(r.active.count()) / 1e6;
    o["created_ms"] = ms(r.created);
    o["updated_ms"] = ms(r.updated);
    return o;
}

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

// --- the thread ----------------------------------------------------------------------------------------------------

struct journal_store_impl {
    struct write_job {
        std::shared_ptr<held_run> hold;
        std::vector<journal_store::numbered_record> records;
        std::chrono::microseconds active;
        std::optional<journal_store::ending> ending;
        journal_store::completion done;
    };

    template <class F>
    auto transaction(F work) {
        db->begin();
        try {
            if constexpr (std::is_void_v<decltype(work())>) {
                work();
                db->commit();
            } else {
                auto value = work();
                db->commit();
                return value;
            }
        } catch (...) {
            db->roll_back();
            throw;
        }
    }

    /// Again while what is wrong may pass; then as an error of ours.
    template <class F>
    auto patiently(F work) {
        auto until = std::chrono::steady_clock::now() + options.patience;
        for (auto pause = std::chrono::milliseconds{20};; pause = std::min(pause * 2, std::chrono::milliseconds{500})) {
            std::string why;
            try {
                db->reconnect();
                return work();
            } catch (const database_error& e) {
                why = e.what();
                if (!e.may_pass || std::chrono::steady_clock::now() > until || stopping)
                    throw run_error{run_errc::journal_unavailable, db->name() + " is not to be used: " + why};
            }
            std::this_thread::sleep_for(pause);
        }
    }

    journal_store_impl(std::function<std::unique_ptr<database>()> connect, journal_store_options o)
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
    ~journal_store_impl() {
        {
            std::lock_guard lock{mutex};
            stopping = true;
        }
        wake.notify_all();
        if (thread.joinable()) thread.join();
    }

    void make_tables() {
        transaction([&] {
            // Several processes may come at once: PostgreSQL's IF NOT EXISTS is no lock (documentation of CREATE TABLE).
            if (db->skip_locked()[0]) db->run("SELECT pg_advisory_xact_lock(7241950)");
            db->run("CREATE TABLE IF NOT EXISTS reagent_meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)");
            auto version = db->run("SELECT value FROM reagent_meta WHERE name = 'format'");
            if (!version.empty()) {
                auto found = number(version[0][0]);
                if (found < 1 || found > journal_format)
                    throw run_error{run_errc::bad_journal, db->name() + " holds journals of format " + text(version[0][0]) +
                                                               "; this version of Reagent knows 1 to " + std::to_string(journal_format) +
                                                               ". Use the version that wrote it, or a newer one"};
                return;
            }
            for (const char* statement :
                 {"CREATE TABLE reagent_runs (id TEXT PRIMARY KEY, program TEXT NOT NULL, status TEXT NOT NULL, inputs TEXT NOT NULL, "
                  "outputs "
                  "TEXT, error TEXT, session TEXT, parent TEXT, worker TEXT, format BIGINT NOT NULL, cancel_requested BIGINT NOT NULL "
                  "DEFAULT "
                  "0, last_record BIGINT NOT NULL DEFAULT 0, takes BIGINT NOT NULL DEFAULT 0, stalled BIGINT NOT NULL DEFAULT 0, fence "
                  "BIGINT "
                  "NOT NULL DEFAULT 0, lease_until BIGINT NOT NULL DEFAULT 0, usage TEXT, active BIGINT NOT NULL DEFAULT 0, created BIGINT "
                  "NOT "
                  "NULL, updated BIGINT NOT NULL)",
                  "CREATE INDEX reagent_runs_open ON reagent_runs (status, lease_until)",
                  "CREATE INDEX reagent_runs_updated ON reagent_runs (updated)",
                  "CREATE TABLE reagent_records (run TEXT NOT NULL, number BIGINT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (run, number))",
                  "CREATE TABLE reagent_decisions (run TEXT NOT NULL, effect BIGINT NOT NULL, wanted TEXT NOT NULL, decided TEXT, used "
                  "BIGINT NOT "
                  "NULL DEFAULT 0, PRIMARY KEY (run, effect))",
                  "CREATE TABLE reagent_sessions (id TEXT PRIMARY KEY, version BIGINT NOT NULL, body TEXT NOT NULL, updated BIGINT NOT "
                  "NULL)",
                  "INSERT INTO reagent_meta (name, value) VALUES ('format', '1')"})
                db->run(statement);
        });
    }

    /// Does `work` on the thread, and waits.
    template <class F>
    auto call(F work) {
        using T = decltype(work());
        struct {
            std::mutex mutex;
            std::condition_variable changed;
            bool done = false;
            std::optional<std::conditional_t<std::is_void_v<T>, std::monostate, T>> value;
            std::exception_ptr failure;
        } result;
        {
            std::lock_guard lock{mutex};
            if (stopping) throw run_error{run_errc::journal_unavailable, "the journals are closed"};
            jobs.push_back([&] {
                std::exception_ptr failure;
                try {
                    if constexpr (std::is_void_v<T>) {
                        patiently(work);
                        result.value.emplace();
                    } else
                        result.value.emplace(patiently(work));
                } catch (...) {
                    failure = std::current_exception();
                }
                std::lock_guard done{result.mutex};
                result.failure = std::move(failure);  // moved, so that this thread is not the last to hold it
                result.done = true;
                result.changed.notify_one();
            });
        }
        wake.notify_one();
        std::unique_lock lock{result.mutex};
        result.changed.wait(lock, [&] { return result.done; });
        if (result.failure) std::rethrow_exception(std::move(result.failure));
        if constexpr (!std::is_void_v<T>) return std::move(*result.value);
    }

    void enqueue(write_job job) {
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

    void work() {
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
                batch.assign(std::make_move_iterator(writes.begin()),
                             std::make_move_iterator(writes.begin() + static_cast<std::ptrdiff_t>(n)));
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
    std::chrono::milliseconds look_every() const { return std::min(options.lease / 3, std::chrono::milliseconds{1000}); }

    // Whatever goes wrong here will go wrong again where somebody waits for the result.
    template <class F>
    void quietly(F work) {
        try {
            db->reconnect();
            work();
        } catch (const std::exception&) {
            db->roll_back();
        }
    }

    // --- what a worker does

    std::string lease_end() const { return std::string{now} + " + " + std::to_string(options.lease.count()); }
    std::int64_t certain_from(std::chrono::steady_clock::time_point asked) const {
        // A tenth less than the store thinks, for clocks that differ.
        return (asked + options.lease * 9 / 10).time_since_epoch().count();
    }

    void write(std::vector<write_job>& batch) {
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
                        if (!store(batch[i], cancel, renewed)) failures[i] = std::make_exception_ptr(taken_over(batch[i].hold->id));
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

    static bool is_lost(const std::exception_ptr& failure) {
        try {
            std::rethrow_exception(failure);
        } catch (const run_error& e) {
            return e.code() == run_errc::lease_lost;
        } catch (...) {
            return false;
        }
    }

    bool store(const write_job& job, bool& cancel, bool& renewed) {
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
        for (const auto& r : job.records) {
            std::string body = to_text(r.what);
            // Doing nothing on a conflict: after a connection was lost in the middle of a commit, it may be there already.
            db->run("INSERT INTO reagent_records (run, number, body) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
                    {std::string_view{h.id}, static_cast<std::int64_t>(r.number), std::string_view{body}});
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
        }
        if (job.ending) {
            const auto& e = *job.ending;
            auto status = e.status;
            if (status == run_status::awaiting_approval || status == run_status::outcome_unknown) {
                db->run(std::string{"SELECT id FROM reagent_runs WHERE id = $1"} + db->lock_row(), {std::string_view{h.id}});
                if (undecided(h.id) == 0) status = run_status::ready;
            }
            std::string outputs, used = json::serialize(to_json(e.usage));
            sql_value out = nullptr;
            if (e.outputs) {
                outputs = to_text_of(*e.outputs);
                out = std::string_view{outputs};
            }
            if (finish_statement.empty())
                finish_statement =
                    "UPDATE reagent_runs SET status = $1, outputs = $2, error = $3, usage = $4, lease_until = 0, updated = " + now +
                    " WHERE id = $5 AND fence = $6";
            db->run(finish_statement, {to_string(status), out, std::string_view{e.error}, std::string_view{used}, std::string_view{h.id},
                                       static_cast<std::int64_t>(h.fence)});
        }
        return true;
    }

    // Outputs are read back as JSON; what is no UTF-8 in them is replaced as in a record.
    static std::string to_text_of(const json::object& o) {
        journal_record r{{}, predictor_returned{std::make_shared<const predictor_call>(predictor_call{{}, {}, o, {}})}};
        auto v = parse_json(to_text(r), 2 * max_json_depth);
        return json::serialize(v ? v->at("outputs") : json::value(o));
    }

    std::int64_t undecided(const std::string& id) {
        return number(db->run("SELECT count(*) FROM reagent_decisions WHERE run = $1 AND decided IS NULL AND used = 0",
                              {std::string_view{id}})[0][0]);
    }

    void renew() {
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

    void look_for_cancellations() {
        std::map<std::string, std::shared_ptr<held_run>> mine = holds();
        if (mine.empty()) return;
        for (const auto& row : db->run("SELECT id FROM reagent_runs WHERE status = 'running' AND cancel_requested = 1 AND worker = $1",
                                       {std::string_view{worker}}))
            if (auto found = mine.find(text(row[0])); found != mine.end()) found->second->end(false);
    }

    std::map<std::string, std::shared_ptr<held_run>> holds() {
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
    void lose(const std::shared_ptr<held_run>& hold) {
        forget(hold->id);
        hold->end(true);
    }
    void forget(const std::string& id) {
        std::lock_guard lock{mutex};
        held.erase(id);
    }

    journal_store::taken_run took(const sql_row& row, std::chrono::steady_clock::time_point asked) {
        journal_store::taken_run t;
        t.run = run_from(row);
        t.hold = std::make_shared<held_run>(t.run.id, static_cast<std::uint64_t>(number(row[17])));
        t.hold->certain_until_ = certain_from(asked);
        return t;
    }
    void load(journal_store::taken_run& t) {
        t.records = records(t.run.id, 0, SIZE_MAX);
        t.pending = pending(t.run.id);
    }
    std::string taking() const {
        return "status = 'running', worker = $1, fence = fence + 1, takes = takes + 1, stalled = stalled + 1, lease_until = " +
               lease_end() + ", updated = " + now;
    }

    std::vector<journal_record> records(const std::string& id, std::uint64_t after, std::size_t most) {
        std::vector<journal_record> all;
        auto rows = db->run(
            "SELECT body, number FROM reagent_records WHERE run = $1 AND number > $2 ORDER BY number LIMIT $3",
            {std::string_view{id}, static_cast<std::int64_t>(after), static_cast<std::int64_t>(std::min<std::size_t>(most, INT64_MAX))});
        for (const auto& row : rows) {
            try {
                all.push_back(journal_record_from_text(text(row[0])));
            } catch (const run_error& e) {
                throw run_error{run_errc::bad_journal, "record " + text(row[1]) + " of run " + id + " cannot be read: " + e.what()};
            }
        }
        return all;
    }

    std::vector<pending_decision> pending(const std::string& id) {
        std::vector<pending_decision> all;
        for (const auto& row :
             db->run("SELECT wanted, decided FROM reagent_decisions WHERE run = $1 AND used = 0 ORDER BY effect", {std::string_view{id}})) {
            auto record = journal_record_from_text(text(row[0]));
            pending_decision p{std::get<decision_wanted>(record.what), {}};
            if (row[1]) p.decided = decision_from(object(row[1]));
            all.push_back(std::move(p));
        }
        return all;
    }

    std::optional<stored_run> find(const std::string& id, bool lock = false) {
        auto rows = db->run(std::string{"SELECT "} + run_columns + " FROM reagent_runs WHERE id = $1" + (lock ? db->lock_row() : ""),
                            {std::string_view{id}});
        if (rows.empty()) return {};
        return run_from(rows[0]);
    }
    stored_run get(const std::string& id, bool lock = false) {
        auto r = find(id, lock);
        if (!r) throw unknown_run(id);
        return std::move(*r);
    }

    std::string programs_clause(const std::vector<std::string>& programs, std::vector<sql_value>& values) {
        std::string list;
        for (const auto& p : programs) {
            values.emplace_back(std::string_view{p});
            list += (list.empty() ? "$" : ", $") + std::to_string(values.size());
        }
        return list;
    }

    journal_store_options options;
    std::string worker;
    std::unique_ptr<database> db;
    std::string now, write_statement, finish_statement;
    std::mutex mutex;
    std::condition_variable wake;
    std::vector<write_job> writes;
    std::deque<std::function<void()>> jobs;
    std::map<std::string, std::weak_ptr<held_run>> held;
    std::atomic<bool> stopping = false;
    std::thread thread;
};

// --- what others see -----------------------------------------------------------------------------------------------

journal_store::journal_store(std::unique_ptr<journal_store_impl> impl) : impl_{std::move(impl)} {}
journal_store::~journal_store() = default;
const std::string& journal_store::worker() const { return impl_->worker; }

std::shared_ptr<journal_store> journal_store::open(const std::string& where, journal_store_options options) {
    if (where.starts_with("postgresql://") || where.starts_with("postgres://")) return open_postgres(secret{where}, std::move(options));
    if (where.starts_with("host=") || where.starts_with("dbname=")) return open_postgres(secret{where}, std::move(options));
    return open_sqlite(where.starts_with("sqlite:") ? where.substr(7) : where, std::move(options));
}

std::shared_ptr<journal_store> journal_store::open_sqlite(const std::string& file, journal_store_options options) {
    auto connect = [&] {
        try {
            return detail::open_sqlite(file, options.survive_power_failure, options.patience);
        } catch (const database_error& e) {
            throw database_error{"\"" + file + "\": " + e.what(), false};
        }
    };
    auto impl = std::make_unique<journal_store_impl>(connect, options);
    return std::shared_ptr<journal_store>{new journal_store{std::move(impl)}};
}

std::shared_ptr<journal_store> journal_store::open_postgres(const secret& conninfo, journal_store_options options) {
    auto impl = std::make_unique<journal_store_impl>([&] { return detail::open_postgres(conninfo); }, std::move(options));
    return std::shared_ptr<journal_store>{new journal_store{std::move(impl)}};
}

std::string journal_store::create(const new_run& r) {
    std::string id = r.id.empty() ? random_name(12) : r.id;
    if (id.size() > 200 || id.find('\0') != id.npos) throw not_possible("a run's id has 1 to 200 bytes, without zeros");
    std::string inputs = journal_store_impl::to_text_of(r.inputs);
    impl_->call([&] {
        auto rows = impl_->db->run(
            "INSERT INTO reagent_runs (id, program, status, inputs, session, format, created, updated) VALUES ($1, $2, 'ready', $3, $4, " +
                std::to_string(journal_format) + ", " + impl_->now + ", " + impl_->now + ") ON CONFLICT DO NOTHING RETURNING id",
            {std::string_view{id}, std::string_view{r.program}, std::string_view{inputs}, std::string_view{r.session}});
        if (rows.empty())
            throw not_possible("there is a run \"" + cut(id, 80) +
                               "\" already; choose another id, or look at that one: `reagent runs show " + cut(id, 80) + "`");
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
            where += (where.empty() ? " WHERE " : " AND ") + std::string{column} + " = $" + std::to_string(values.size());
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
    return impl_->call([&] { return impl_->records(id, after, most); });
}
std::vector<pending_decision> journal_store::pending(const std::string& id) {
    return impl_->call([&] { return impl_->pending(id); });
}

void journal_store::decide(const std::string& id, std::uint64_t effect, const run_decision& d) {
    impl_->call([&] {
        impl_->transaction([&] {
            auto r = impl_->get(id, true);
            auto all = impl_->pending(id);
            std::erase_if(all, [](const auto& p) { return p.decided.has_value(); });
            if (is_over(r.status))
                throw not_possible("run " + id + " is " + std::string{to_string(r.status)} + ", there is nothing to decide");
            if (all.empty())
                throw not_possible("nothing in run " + id + " waits for a decision; it is " + std::string{to_string(r.status)});
            const pending_decision* found = nullptr;
            for (const auto& p : all)
                if (p.wanted.what.id == effect || (effect == 0 && all.size() == 1)) found = &p;
            if (!found) {
                std::string list;
                for (const auto& p : all)
                    list += (list.empty() ? "" : ", ") + std::to_string(p.wanted.what.id) + " (" + p.wanted.what.tool + ")";
                throw not_possible("run " + id + " waits for decisions about the effects " + list + "; name one of them");
            }
            const auto& wanted = found->wanted;
            bool approval = wanted.what.kind == event_kind::approval;
            bool fits = approval ? d.kind == run_decision::approve || d.kind == run_decision::reject
                                 : d.kind != run_decision::approve && d.kind != run_decision::reject;
            if (!fits)
                throw not_possible(approval ? "effect " + std::to_string(wanted.what.id) + " of run " + id +
                                                  " waits for consent: approve or reject it"
                                            : "effect " + std::to_string(wanted.what.id) + " of run " + id +
                                                  " was under way in a crash: say whether it happened, failed, or is to be repeated");
            if (d.arguments && wanted.schema.is_object()) {
                std::string wrong;
                for (const auto& v : schema{wanted.schema}.validate(json::value(*d.arguments)))
                    wrong += (wrong.empty() ? "" : "; ") + v.path + " " + v.message;
                if (!wrong.empty()) throw not_possible("the edited arguments do not fit the tool `" + wanted.what.tool + "`: " + wrong);
            }
            std::string body = json::serialize(to_json_object(d));
            impl_->db->run("UPDATE reagent_decisions SET decided = $1 WHERE run = $2 AND effect = $3",
                           {std::string_view{body}, std::string_view{id}, static_cast<std::int64_t>(wanted.what.id)});
            if (r.status != run_status::running && impl_->undecided(id) == 0)
                impl_->db->run(
                    "UPDATE reagent_runs SET status = 'ready', error = NULL, stalled = 0, updated = " + impl_->now + " WHERE id = $1",
                    {std::string_view{id}});
        });
    });
}

void journal_store::cancel(const std::string& id) {
    impl_->call([&] {
        impl_->transaction([&] {
            auto r = impl_->get(id, true);
            if (is_over(r.status)) throw not_possible("run " + id + " is " + std::string{to_string(r.status)} + " already");
            // One whose worker is gone has nobody else who could end it.
            impl_->db->run("UPDATE reagent_runs SET cancel_requested = 1, status = CASE WHEN status = 'running' AND lease_until > " +
                               impl_->now + " THEN status ELSE 'cancelled' END, updated = " + impl_->now + " WHERE id = $1",
                           {std::string_view{id}});
        });
    });
}

void journal_store::retry(const std::string& id) {
    impl_->call([&] {
        impl_->transaction([&] {
            auto r = impl_->get(id, true);
            if (r.status != run_status::failed)
                throw not_possible("run " + id + " is " + std::string{to_string(r.status)} + "; only one that failed can be tried again");
            auto all = impl_->records(id, 0, SIZE_MAX);
            auto loaded = load_journal(all);
            effects_abandoned failed;
            for (const auto& e : loaded.history->events())
                if (e.kind == event_kind::model_call && !e.error.empty()) failed.ids.push_back(e.id);
            if (!failed.ids.empty()) {
                std::string body = to_text(journal_record{loaded.at, failed});
                auto next = static_cast<std::int64_t>(r.records + 1);
                impl_->db->run("INSERT INTO reagent_records (run, number, body) VALUES ($1, $2, $3)",
                               {std::string_view{id}, next, std::string_view{body}});
                impl_->db->run("UPDATE reagent_runs SET last_record = $1 WHERE id = $2", {next, std::string_view{id}});
            }
            impl_->db->run(
                "UPDATE reagent_runs SET status = 'ready', error = NULL, stalled = 0, updated = " + impl_->now + " WHERE id = $1",
                {std::string_view{id}});
        });
    });
}

std::string journal_store::fork(const std::string& id, std::uint64_t records, const std::string& new_id) {
    std::string name = new_id.empty() ? random_name(12) : new_id;
    return impl_->call([&] {
        return impl_->transaction([&] {
            auto r = impl_->get(id);
            auto all = impl_->records(id, 0, SIZE_MAX);
            if (records) all.resize(whole_records(all, records));
            // What was under way at that point is forgotten, and so is who worked on it.
            auto loaded = load_journal(all);
            effects_abandoned open{};
            for (const auto& b : loaded.open) open.ids.push_back(b.what.id);
            for (const auto& d : loaded.undecided) open.ids.push_back(d.what.id);
            if (!open.ids.empty()) all.push_back({loaded.at, open});
            auto rows = impl_->db->run(
                "INSERT INTO reagent_runs (id, program, status, inputs, session, parent, format, last_record, active, created, updated) "
                "SELECT CAST($1 AS TEXT), program, 'ready', "
                "inputs, session, id, format, CAST($2 AS BIGINT), CAST($3 AS BIGINT), " +
                    impl_->now + ", " + impl_->now + " FROM reagent_runs WHERE id = $4 ON CONFLICT DO NOTHING RETURNING id",
                {std::string_view{name}, static_cast<std::int64_t>(all.size()), loaded.at.count(), std::string_view{id}});
            if (rows.empty()) throw not_possible("there is a run \"" + cut(name, 80) + "\" already");
            std::int64_t next = 0;
            for (const auto& record : all) {
                std::string body = to_text(record);
                impl_->db->run("INSERT INTO reagent_records (run, number, body) VALUES ($1, $2, $3)",
                               {std::string_view{name}, ++next, std::string_view{body}});
            }
            return name;
        });
    });
}

void journal_store::remove(const std::string& id) {
    impl_->call([&] {
        impl_->transaction([&] {
            auto r = impl_->get(id, true);
            if (!is_over(r.status)) throw not_possible("run " + id + " is " + std::string{to_string(r.status)} + "; cancel it first");
            for (const char* table : {"DELETE FROM reagent_records WHERE run = $1", "DELETE FROM reagent_decisions WHERE run = $1",
                                      "DELETE FROM reagent_runs WHERE id = $1"})
                impl_->db->run(table, {std::string_view{id}});
        });
    });
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
            std::vector<sql_value> values{std::string_view{impl_->worker}};
            std::string list = impl_->programs_clause(programs, values);
            values.emplace_back(static_cast<std::int64_t>(most));
            std::string statement = "UPDATE reagent_runs SET " + impl_->taking() +
                                    " WHERE id IN (SELECT id FROM reagent_runs WHERE (status = 'ready' OR (status = "
                                    "'running' AND lease_until < " +
                                    impl_->now + ")) AND program IN (" + list + ") ORDER BY updated LIMIT $" +
                                    std::to_string(values.size()) + impl_->db->skip_locked() + ") RETURNING " + run_columns;
            std::vector<taken_run> all;
            for (const auto& row : impl_->db->run(statement, values)) {
                auto& t = all.emplace_back(impl_->took(row, asked));
                impl_->load(t);
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
        std::vector<sql_value> values;
        std::string list = impl_->programs_clause(programs, values);
        return !impl_->db
                    ->run("SELECT 1 FROM reagent_runs WHERE status IN ('ready', 'running') AND program IN (" + list + ") LIMIT 1", values)
                    .empty();
    });
}

void journal_store::write(std::shared_ptr<held_run> hold, std::vector<numbered_record> records, std::chrono::microseconds active,
                          completion done) {
    impl_->enqueue({std::move(hold), std::move(records), active, {}, std::move(done)});
}

void journal_store::finish(std::shared_ptr<held_run> hold, std::vector<numbered_record> records, std::chrono::microseconds active, ending e,
                           completion done) {
    impl_->enqueue({std::move(hold), std::move(records), active, std::move(e), std::move(done)});
}

std::optional<json::value> journal_store::load_session(const std::string& id) {
    return impl_->call([&]() -> std::optional<json::value> {
        auto rows = impl_->db->run("SELECT body, version FROM reagent_sessions WHERE id = $1", {std::string_view{id}});
        if (rows.empty()) return {};
        auto body = object(rows[0][0]);
        body["version"] = number(rows[0][1]);
        return json::value(std::move(body));
    });
}

void journal_store::save_session(const std::string& id, const json::value& body, std::uint64_t version) {
    std::string written = body.is_object() ? journal_store_impl::to_text_of(body.get_object()) : "{}";
    impl_->call([&] {
        auto rows = version == 0 ? impl_->db->run("INSERT INTO reagent_sessions (id, version, body, updated) VALUES ($1, 1, $2, " +
                                                      impl_->now + ") ON CONFLICT DO NOTHING RETURNING id",
                                                  {std::string_view{id}, std::string_view{written}})
                                 : impl_->db->run("UPDATE reagent_sessions SET version = version + 1, body = $1, updated = " + impl_->now +
                                                      " WHERE id = $2 AND version = $3 RETURNING id",
                                                  {std::string_view{written}, std::string_view{id}, static_cast<std::int64_t>(version)});
        if (rows.empty()) throw not_possible("session \"" + cut(id, 80) + "\" was continued by somebody else meanwhile; load it again");
    });
}

std::vector<std::string> journal_store::sessions(std::size_t most) {
    return impl_->call([&] {
        std::vector<std::string> all;
        for (const auto& row : impl_->db->run("SELECT id FROM reagent_sessions ORDER BY updated DESC LIMIT $1",
                                              {static_cast<std::int64_t>(std::min<std::size_t>(most, INT64_MAX))}))
            all.push_back(text(row[0]));
        return all;
    });
}

}  // namespace reagent
