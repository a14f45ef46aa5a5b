// The tables, and how those of an older version become today's.
#include "journal_store_impl.hpp"

namespace reagent {

using detail::number;
using detail::text;

namespace {

// Of the tables; records have a format of their own (`journal_format`). 2: turns of conversations stand one by one. 3:
// leases by the machine's clock too, marks of changes, totals. 4: estimated tokens among the totals.
constexpr int tables_format = 4;

constexpr const char* first_tables[]{
    R"(CREATE TABLE reagent_runs (id TEXT PRIMARY KEY, program TEXT NOT NULL, status TEXT NOT NULL, inputs TEXT NOT NULL, outputs TEXT,
       error TEXT, session TEXT, parent TEXT, worker TEXT, format BIGINT NOT NULL, cancel_requested BIGINT NOT NULL DEFAULT 0,
       last_record BIGINT NOT NULL DEFAULT 0, takes BIGINT NOT NULL DEFAULT 0, stalled BIGINT NOT NULL DEFAULT 0,
       fence BIGINT NOT NULL DEFAULT 0, lease_until BIGINT NOT NULL DEFAULT 0, usage TEXT, active BIGINT NOT NULL DEFAULT 0,
       created BIGINT NOT NULL, updated BIGINT NOT NULL))",
    "CREATE INDEX reagent_runs_open ON reagent_runs (status, lease_until)",
    "CREATE INDEX reagent_runs_updated ON reagent_runs (updated)",
    "CREATE TABLE reagent_records (run TEXT NOT NULL, number BIGINT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (run, "
    "number))",
    R"(CREATE TABLE reagent_decisions (run TEXT NOT NULL, effect BIGINT NOT NULL, wanted TEXT NOT NULL, decided TEXT,
       used BIGINT NOT NULL DEFAULT 0, PRIMARY KEY (run, effect)))",
    "CREATE TABLE reagent_sessions (id TEXT PRIMARY KEY, version BIGINT NOT NULL, body TEXT NOT NULL, updated BIGINT "
    "NOT NULL)",
    "INSERT INTO reagent_meta (name, value) VALUES ('format', '1')"};

constexpr const char* from_1_to_2[]{
    "CREATE TABLE reagent_turns (session TEXT NOT NULL, number BIGINT NOT NULL, body TEXT NOT NULL, PRIMARY KEY "
    "(session, number))",
    "CREATE INDEX reagent_runs_session ON reagent_runs (session)",
    "UPDATE reagent_meta SET value = '2' WHERE name = 'format'"};

// A lease: until when by the database's clock, and since when, and whether that clock was odd then; until when by the
// clock of its worker's machine, and which start of that.
constexpr const char* from_2_to_3[]{
    "ALTER TABLE reagent_runs ADD COLUMN lease_from BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE reagent_runs ADD COLUMN lease_odd BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE reagent_runs ADD COLUMN lease_boot TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE reagent_runs ADD COLUMN lease_boot_until BIGINT NOT NULL DEFAULT 0",
    "CREATE TABLE reagent_commits (writer TEXT PRIMARY KEY, number BIGINT NOT NULL, at BIGINT NOT NULL)",
    "UPDATE reagent_meta SET value = '3' WHERE name = 'format'"};

constexpr std::int64_t marks_kept_ms =
    7 * 24 * 60 * 60 * 1000LL;  // of writers that died; a change is tried again for seconds

}  // namespace

std::int64_t journal_store_impl::format_of_tables() {
    if (db->is_postgres() && !db->run("SELECT to_regclass('reagent_meta')").at(0).at(0)) return 0;
    auto version = db->run("SELECT value FROM reagent_meta WHERE name = 'format'");
    if (version.empty()) return 0;
    std::int64_t found = number(version[0][0]);
    if (found < 1 || found > tables_format)
        throw run_error{run_errc::bad_journal, db->name() + " holds journals in tables of format " +
                                                   text(version[0][0]) + "; this version of Reagent knows 1 to " +
                                                   std::to_string(tables_format) +
                                                   ". Use the version that wrote it, or a newer one"};
    return found;
}

void journal_store_impl::make_tables() {
    if (options.access != journal_access::create) {
        auto found = format_of_tables();
        if (found == 0)
            throw run_error{
                run_errc::journal_unavailable,
                db->name() + " holds no journals; nothing in it was changed. Is it another database that you mean?"};
        if (options.access == journal_access::read) {
            if (found < tables_format)
                older = "; its tables are of format " + std::to_string(found) +
                        ", and the first command that changes something (" +
                        "`reagent runs work --until-idle`) brings them up to date";
            return;
        }
    }
    db->begin();
    try {
        // Several processes may come at once: PostgreSQL's IF NOT EXISTS is no lock (documentation of CREATE TABLE).
        if (db->is_postgres()) db->run("SELECT pg_advisory_xact_lock(7241950)");
        db->run("CREATE TABLE IF NOT EXISTS reagent_meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)");
        std::int64_t found = format_of_tables();
        if (found < 1)
            for (const char* statement : first_tables) db->run(statement);
        if (found < 2)
            for (const char* statement : from_1_to_2) db->run(statement);
        if (found < 3) {
            for (const char* statement : from_2_to_3) db->run(statement);
            make_totals();
        } else if (found < 4)
            make_totals_again();
        if (found < 4) db->run("UPDATE reagent_meta SET value = '4' WHERE name = 'format'");
        if (db->is_postgres())
            db->run("DELETE FROM reagent_commits WHERE at < " + now + " - " + std::to_string(marks_kept_ms),
                    std::vector<sql_value>{});
        db->commit();
    } catch (...) {
        db->roll_back();
        throw;
    }
}

}  // namespace reagent
