// What `sql::check` allows, run on real databases: sql_differential postgres|sqlite COUNT [SEED [blind]]. No statement that is allowed may
// read a canary or change anything.
//
// PostgreSQL: run by a user who may read every allowed column and no canary, and may write: reading a canary is "permission denied",
// a change gives the transaction a number. SQLite: run on two databases that differ in the canaries alone; a result that differs was
// made from one.
//
// With `blind` the policy denies no column and allows every table: then there must be leaks, or the test sees nothing.
#include "support/postgres_server.hpp"
#include "support/sql_generator.hpp"

#include <libpq-fe.h>
#include <sqlite3.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <map>
#include <memory>

using namespace reagent;
using namespace reagent::test;

namespace {

struct tally {
    std::size_t written = 0, allowed = 0, answered = 0, leaks = 0;
    std::map<std::string, std::size_t> errors;  // of the database, about allowed statements

    void leak(const std::string& statement, const std::string& how) {
        if (++leaks <= 20) std::cout << "LEAK (" << how << "): " << statement << "\n";
    }
    int report() const {
        std::cout << written << " statements, " << allowed << " allowed, " << answered << " of them answered by the database, " << leaks
                  << " read or changed what they must not\n";
        for (const auto& [what, n] : errors)
            if (n * 200 > allowed) std::cout << "  " << n << " x " << what << "\n";
        if (allowed * 20 < written) {
            std::cout << "too few are allowed for this to say anything\n";
            return 1;
        }
        return leaks ? 1 : 0;
    }
};

class postgres_oracle {
public:
    postgres_oracle() {
        server_.run(sql_generator::script("CANARY", 3));
        server_.run(
            "CREATE SCHEMA hidden; CREATE TABLE hidden.customers AS SELECT * FROM customers; CREATE USER reader;"
            "GRANT SELECT (id, name, city) ON customers TO reader; GRANT SELECT ON orders, notes TO reader;"
            "GRANT INSERT, UPDATE, DELETE ON customers, orders, notes, secrets TO reader; GRANT CREATE ON SCHEMA public TO reader;"
            "REVOKE ALL ON ALL TABLES IN SCHEMA pg_catalog FROM PUBLIC;");
        db_ = PQconnectdb(server_.conninfo("reader").c_str());
        if (PQstatus(db_) != CONNECTION_OK) throw std::runtime_error{PQerrorMessage(db_)};
        PQsetNoticeProcessor(db_, [](void*, const char*) {}, nullptr);
        command("SET statement_timeout = 300");
        command("SET max_parallel_workers_per_gather = 0");
    }
    ~postgres_oracle() { PQfinish(db_); }

    void judge(const std::string& statement, tally& t) {
        command("BEGIN");
        auto r = execute(statement);
        auto status = PQresultStatus(r.get());
        if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) {
            ++t.answered;
            for (int i = 0; i < PQntuples(r.get()); ++i)
                for (int k = 0; k < PQnfields(r.get()); ++k)
                    if (std::strstr(PQgetvalue(r.get(), i, k), "CANARY")) return t.leak(statement, "a canary is in the answer"), end();
            auto number = execute("SELECT pg_current_xact_id_if_assigned()");
            if (PQntuples(number.get()) != 1 || !PQgetisnull(number.get(), 0, 0)) t.leak(statement, "something was changed");
        } else {
            const char* state = PQresultErrorField(r.get(), PG_DIAG_SQLSTATE);
            const char* text = PQresultErrorField(r.get(), PG_DIAG_MESSAGE_PRIMARY);
            if (state && std::string_view{state} == "42501") t.leak(statement, text);
            ++t.errors[std::string(state ? state : "?") + " " + std::string{text ? text : ""}.substr(0, 24)];
            if (PQstatus(db_) != CONNECTION_OK) throw std::runtime_error{"the server is gone after: " + statement};
        }
        end();
    }

private:
    using result = std::unique_ptr<PGresult, decltype(&PQclear)>;
    result execute(const std::string& s) { return {PQexecParams(db_, s.c_str(), 0, nullptr, nullptr, nullptr, nullptr, 0), PQclear}; }
    void command(const char* s) { PQclear(PQexec(db_, s)); }
    void end() { command("ROLLBACK"); }

    postgres_server server_;
    PGconn* db_ = nullptr;
};

class sqlite_oracle {
public:
    sqlite_oracle() {
        const char* canaries[]{"CANARY", "OTHERBIRD!"};
        for (int i = 0; i < 2; ++i) {
            sqlite3_open(":memory:", &db_[i]);
            sqlite3_exec(db_[i], sql_generator::script(canaries[i], static_cast<std::size_t>(2 + 5 * i)).c_str(), nullptr, nullptr,
                         nullptr);
            sqlite3_progress_handler(db_[i], 1000, [](void* left) { return --*static_cast<int*>(left) < 0 ? 1 : 0; }, &left_[i]);
        }
    }
    ~sqlite_oracle() {
        for (auto* db : db_) sqlite3_close(db);
    }

    void judge(const std::string& statement, tally& t) {
        auto a = answer(0, statement), b = answer(1, statement);
        if (a.second.empty() && b.second.empty()) ++t.answered;
        if (!a.second.empty()) ++t.errors[a.second.substr(0, 30)];
        bool interrupted = a.second == "interrupted" || b.second == "interrupted";
        if (!interrupted && a != b) t.leak(statement, "the answer depends on a canary");
        if (a.first.find("CANARY") != std::string::npos) t.leak(statement, "a canary is in the answer");
        for (auto* db : db_)
            if (int n = sqlite3_total_changes(db); n != changes_[db == db_[1]]) {
                t.leak(statement, "something was changed");
                changes_[db == db_[1]] = n;
            }
    }

    void start() {
        for (int i = 0; i < 2; ++i) changes_[i] = sqlite3_total_changes(db_[i]);
    }

private:
    std::pair<std::string, std::string> answer(int which, const std::string& statement) {
        left_[which] = 300;
        sqlite3_stmt* raw = nullptr;
        int rc = sqlite3_prepare_v2(db_[which], statement.c_str(), -1, &raw, nullptr);
        std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> s{raw, sqlite3_finalize};
        std::string rows;
        while (rc == SQLITE_OK || rc == SQLITE_ROW) {
            rc = sqlite3_step(raw);
            if (rc != SQLITE_ROW) break;
            for (int i = 0; i < sqlite3_column_count(raw); ++i) {
                const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(raw, i));
                rows += std::string{text ? text : "\x01"} + "\x02";
            }
            if (rows.size() > 100'000) break;
        }
        return {rows, rc == SQLITE_DONE || rc == SQLITE_ROW ? "" : sqlite3_errmsg(db_[which])};
    }

    sqlite3* db_[2]{};
    int left_[2]{};
    int changes_[2]{};
};

template <class Oracle>
int compare(Oracle& oracle, sql::dialect d, std::size_t count, std::uint64_t seed, bool blind) {
    sql_generator generator{d, seed};
    auto policy = sql_generator::policy(d);
    auto tables = sql_generator::tables();
    if (blind) {
        policy.denied_columns.clear();
        policy.allowed_tables.push_back("secrets");
        tables["secrets"] = {"id", "ssn", "word"};
    }
    tally t;
    auto last = std::chrono::steady_clock::now();
    for (; t.written < count; ++t.written) {
        std::string statement = generator.statement();
        if (sql::check(statement, policy, tables).ok()) {
            ++t.allowed;
            oracle.judge(statement, t);
        }
        if (std::chrono::steady_clock::now() - last > std::chrono::seconds{20}) {
            last = std::chrono::steady_clock::now();
            std::cerr << t.written << " of " << count << ", " << t.allowed << " allowed, " << t.leaks << " leaks\n";
        }
    }
    int failed = t.report();
    return blind ? t.leaks == 0 : failed;
}

}  // namespace

int main(int argc, char** argv) {
    std::string_view dialect = argc > 1 ? argv[1] : "";
    if (argc < 3 || (dialect != "postgres" && dialect != "sqlite")) {
        std::cerr << "usage: sql_differential postgres|sqlite COUNT [SEED [blind]]\n";
        return 2;
    }
    auto count = std::stoull(argv[2]);
    std::uint64_t seed = argc > 3 ? std::stoull(argv[3]) : 1;
    bool blind = argc > 4 && std::string_view{argv[4]} == "blind";
    if (dialect == "postgres") {
        postgres_oracle oracle;
        return compare(oracle, sql::dialect::postgres, count, seed, blind);
    }
    sqlite_oracle oracle;
    oracle.start();
    return compare(oracle, sql::dialect::sqlite, count, seed, blind);
}
