// The tables, and how those of an older version become today's.
#include "journal_store_impl.hpp"

namespace reagent {

using detail::number;
using detail::text;

namespace {

// Of the tables; records have a format of their own (`journal_format`). 2: turns of conversations stand one by one.
constexpr int tables_format = 2;

constexpr const char* first_tables[]{
    R"(CREATE TABLE reagent_runs (id TEXT PRIMARY KEY, program TEXT NOT NULL, status TEXT NOT NULL, inputs TEXT NOT NULL, outputs TEXT,
       error TEXT, session TEXT, parent TEXT, worker TEXT, format BIGINT NOT NULL, cancel_requested BIGINT NOT NULL DEFAULT 0,
       last_record BIGINT NOT NULL DEFAULT 0, takes BIGINT NOT NULL DEFAULT 0, stalled BIGINT NOT NULL DEFAULT 0,
       fence BIGINT NOT NULL DEFAULT 0, lease_until BIGINT NOT NULL DEFAULT 0, usage TEXT, active BIGINT NOT NULL DEFAULT 0,
       created BIGINT NOT NULL, updated BIGINT NOT NULL))",
    "CREATE INDEX reagent_runs_open ON reagent_runs (status, lease_until)",
    "CREATE INDEX reagent_runs_updated ON reagent_runs (updated)",
    "CREATE TABLE reagent_records (run TEXT NOT NULL, number BIGINT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (run, number))",
    R"(CREATE TABLE reagent_decisions (run TEXT NOT NULL, effect BIGINT NOT NULL, wanted TEXT NOT NULL, decided TEXT,
       used BIGINT NOT NULL DEFAULT 0, PRIMARY KEY (run, effect)))",
    "CREATE TABLE reagent_sessions (id TEXT PRIMARY KEY, version BIGINT NOT NULL, body TEXT NOT NULL, updated BIGINT NOT NULL)",
    "INSERT INTO reagent_meta (name, value) VALUES ('format', '1')"};

constexpr const char* from_1_to_2[]{
    "CREATE TABLE reagent_turns (session TEXT NOT NULL, number BIGINT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (session, number))",
    "CREATE INDEX reagent_runs_session ON reagent_runs (session)", "UPDATE reagent_meta SET value = '2' WHERE name = 'format'"};

}  // namespace

void journal_store_impl::make_tables() {
    transaction([&] {
        // Several processes may come at once: PostgreSQL's IF NOT EXISTS is no lock (documentation of CREATE TABLE).
        if (db->skip_locked()[0]) db->run("SELECT pg_advisory_xact_lock(7241950)");
        db->run("CREATE TABLE IF NOT EXISTS reagent_meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)");
        auto version = db->run("SELECT value FROM reagent_meta WHERE name = 'format'");
        std::int64_t found = version.empty() ? 0 : number(version[0][0]);
        if (!version.empty() && (found < 1 || found > tables_format))
            throw run_error{run_errc::bad_journal, db->name() + " holds journals in tables of format " + text(version[0][0]) +
                                                       "; this version of Reagent knows 1 to " + std::to_string(tables_format) +
                                                       ". Use the version that wrote it, or a newer one"};
        if (found < 1)
            for (const char* statement : first_tables) db->run(statement);
        if (found < 2)
            for (const char* statement : from_1_to_2) db->run(statement);
    });
}

}  // namespace reagent
