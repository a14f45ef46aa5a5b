// Opening a store of samples: its tables, and what is kept for how long.
#include "../durable/store/rows.hpp"
#include "traffic_store_impl.hpp"

namespace reagent {

using detail::number;
using detail::sql_value;

namespace {

constexpr const char* tables[]{
    "CREATE TABLE IF NOT EXISTS reagent_meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    R"(CREATE TABLE IF NOT EXISTS reagent_samples (number BIGINT PRIMARY KEY, program TEXT NOT NULL, request TEXT NOT NULL,
       version BIGINT NOT NULL, heard BIGINT NOT NULL, at BIGINT NOT NULL, period BIGINT NOT NULL, priority BIGINT NOT NULL,
       kept_by TEXT NOT NULL, bytes BIGINT NOT NULL, body TEXT NOT NULL, UNIQUE (request, program, version)))",
    "CREATE INDEX IF NOT EXISTS reagent_samples_kept ON reagent_samples (program, kept_by, period)",
    R"(CREATE TABLE IF NOT EXISTS reagent_feedback (request TEXT PRIMARY KEY, number BIGINT NOT NULL, labelled BIGINT NOT NULL,
       body TEXT NOT NULL))",
    "CREATE INDEX IF NOT EXISTS reagent_feedback_number ON reagent_feedback (number)",
    "CREATE TABLE IF NOT EXISTS reagent_watch (name TEXT PRIMARY KEY, revision BIGINT NOT NULL, body TEXT NOT NULL)",
    R"(CREATE TABLE IF NOT EXISTS reagent_alerts (id TEXT PRIMARY KEY, number BIGINT NOT NULL, program TEXT NOT NULL, told BIGINT NOT NULL,
       body TEXT NOT NULL))",
    "INSERT INTO reagent_meta (name, value) VALUES ('traffic_format', '1') ON CONFLICT DO NOTHING",
    "INSERT INTO reagent_meta (name, value) VALUES ('traffic_number', '0') ON CONFLICT DO NOTHING"};

bool is_postgres_address(std::string_view where) {
    return where.starts_with("postgresql://") || where.starts_with("postgres://") ||
           where.find("dbname=") != where.npos;
}

}  // namespace

traffic_store::impl::impl(std::function<std::unique_ptr<detail::database>()> c, traffic_store_options o)
    : connect{std::move(c)}, options{std::move(o)} {
    make_tables();
    if (options.create) change([&] { return retain(); });
}

void traffic_store::impl::make_tables() {
    auto format = [&]() -> std::string {
        if (db->is_postgres() && !db->run("SELECT to_regclass('reagent_meta')").at(0).at(0)) return {};
        auto found = db->run("SELECT value FROM reagent_meta WHERE name = 'traffic_format'");
        return found.empty() ? std::string{} : detail::text(found[0][0]);
    };
    auto check = [&](const std::string& found) {
        if (found != "1")
            throw detail::database_error{
                found.empty() ? "it holds no samples; nothing in it was changed. Is it another one that you mean?"
                              : "its samples are of format " + found + ", and this version of Reagent knows 1",
                false};
    };
    if (!options.create) {
        patiently([&] { check(format()); });
        return;
    }
    change([&] {
        // Several processes may come at once: PostgreSQL's IF NOT EXISTS is no lock (documentation of CREATE TABLE).
        if (db->is_postgres()) db->run("SELECT pg_advisory_xact_lock(7241951)");
        for (const char* t : tables) db->run(t);
        check(format());
        return 0;
    });
}

std::shared_ptr<traffic_store> traffic_store::open(const std::string& where, traffic_store_options options) {
    journal_store_options o;
    o.patience = std::chrono::milliseconds{200};  // tried again above
    o.survive_power_failure = false;  // which takes the last samples with it, and what was concluded from them
    o.access = options.create ? journal_access::create : journal_access::existing;
    std::function<std::unique_ptr<detail::database>()> connect;
    if (is_postgres_address(where)) {
#ifdef REAGENT_WITHOUT_POSTGRES
        throw run_error{run_errc::not_possible, "this build of Reagent is without PostgreSQL (REAGENT_WITH_POSTGRES)"};
#else
        connect = [at = secret{where}, o] { return detail::open_postgres(at, o); };
#endif
    } else
        connect = [where, o] { return detail::open_sqlite(where, o); };
    return std::shared_ptr<traffic_store>(
        new traffic_store{std::make_unique<impl>(std::move(connect), std::move(options))});
}

// The number's row is locked until the transaction ends: numbers become visible in their order, and who reads behind
// one misses none.
std::int64_t traffic_store::impl::next_numbers(std::size_t n) {
    auto last = db->run(
        "UPDATE reagent_meta SET value = CAST(CAST(value AS BIGINT) + CAST($1 AS BIGINT) AS TEXT) WHERE name = "
        "'traffic_number' RETURNING "
        "value",
        std::vector<sql_value>{static_cast<std::int64_t>(n)});
    return number(last.at(0).at(0)) - static_cast<std::int64_t>(n) + 1;
}

std::size_t traffic_store::impl::retain() {
    since_retained = 0;
    const auto& l = options.limits;
    auto oldest = std::chrono::system_clock::now() - l.age;
    auto removed = db->run(
        R"(DELETE FROM reagent_samples WHERE at < CAST($1 AS BIGINT) OR number <= COALESCE((SELECT MAX(number) FROM (SELECT number,
           SUM(bytes) OVER (ORDER BY number DESC) AS size, ROW_NUMBER() OVER (ORDER BY number DESC) AS place FROM reagent_samples WHERE
           at >= CAST($1 AS BIGINT)) AS sums WHERE size > CAST($2 AS BIGINT) OR place > CAST($3 AS BIGINT)), 0) RETURNING number)",
        std::vector<sql_value>{std::chrono::duration_cast<std::chrono::milliseconds>(oldest.time_since_epoch()).count(),
                               static_cast<std::int64_t>(l.bytes), static_cast<std::int64_t>(l.samples)});
    if (!removed.empty())
        db->run(
            "DELETE FROM reagent_feedback WHERE NOT EXISTS (SELECT 1 FROM reagent_samples AS s WHERE s.request = "
            "reagent_feedback.request)");
    db->run(
        "DELETE FROM reagent_alerts WHERE number < (SELECT CAST(value AS BIGINT) FROM reagent_meta WHERE name = "
        "'traffic_number') - "
        "CAST($1 AS BIGINT)",
        std::vector<sql_value>{std::int64_t{10'000'000}});
    return removed.size();
}

}  // namespace reagent
