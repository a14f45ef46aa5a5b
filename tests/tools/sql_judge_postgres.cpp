#include "sql_judge.hpp"

#include "support/postgres_server.hpp"
#include "support/sql_shop.hpp"

#include <libpq-fe.h>

#include <set>
#include <stdexcept>

namespace reagent::test {
namespace {

using result = std::unique_ptr<PGresult, decltype(&PQclear)>;

// What must stay as it is: numbers of transactions, calls of spies, the sequence, advisory locks. Asked outside of the
// transaction.
constexpr const char* probe =
    "ROLLBACK; SELECT pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot()), (SELECT last_value FROM "
    "spy.calls),"
    " (SELECT last_value FROM public.canary_seq), (SELECT pg_catalog.count(*) FROM pg_catalog.pg_locks WHERE locktype "
    "= 'advisory')";
constexpr const char* probed[]{"a transaction changed something", "a function that is not listed was called",
                               "a sequence was advanced", "a lock was taken"};

class shop {
public:
    explicit shop(side s) : side_{s} {
        server_.run("ALTER SYSTEM SET autovacuum = off; ");
        server_.run("SELECT pg_reload_conf()");
        server_.run(shop_script(sql::dialect::postgres, s));
        connect();
    }
    ~shop() { PQfinish(db_); }
    shop(const shop&) = delete;

    answer run(const std::string& statement, std::vector<finding>& findings) {
        calls_.clear();
        PQclear(PQexec(db_, "BEGIN"));
        result r{PQexecParams(db_, statement.c_str(), 0, nullptr, nullptr, nullptr, nullptr, 0), PQclear};
        answer a = read(r.get());
        if (PQstatus(db_) != CONNECTION_OK || PQresultStatus(r.get()) == PGRES_COPY_OUT) {
            findings.push_back({finding::call, "the connection is gone"});
            PQfinish(db_);
            connect();
            return a;
        }
        auto now = state();
        for (std::size_t i = 0; i < now.size(); ++i)
            if (now[i] != before_[i]) findings.push_back({i == 1 ? finding::call : finding::change, probed[i]});
        if (now[3] != before_[3]) {
            PQclear(PQexec(db_, "SELECT pg_catalog.pg_advisory_unlock_all()"));
            now = state();
        }
        before_ = std::move(now);
        for (auto& f : findings)
            if (f.what == finding::call && !calls_.empty()) {
                if (calls_ == std::set<std::string>{"overload"}) f.what = finding::overload;
                f.how = "called:";
                for (const auto& c : calls_) f.how += " " + c;
            }
        return a;
    }

private:
    void connect() {
        db_ = PQconnectdb(server_.conninfo(shop_user(side_)).c_str());
        if (PQstatus(db_) != CONNECTION_OK) throw std::runtime_error{PQerrorMessage(db_)};
        PQsetNoticeProcessor(
            db_,
            [](void* self, const char* text) {
                std::string s{text};
                if (auto at = s.find("spy: "); at != s.npos)
                    static_cast<shop*>(self)->calls_.insert(s.substr(at + 5, s.find('\n', at) - at - 5));
            },
            this);
        PQclear(PQexec(db_,
                       "SET statement_timeout = 200; SET temp_file_limit = '20MB'; SET max_parallel_workers_per_gather "
                       "= 0; SET jit = off;"
                       "SET search_path = spy, pg_catalog, public; SET lock_timeout = 100"));
        before_ = state();
    }

    std::vector<std::string> state() {
        result r{PQexec(db_, probe), PQclear};
        if (PQntuples(r.get()) != 1) {  // the limit is for what is judged; a busy machine is no judgement
            PQclear(PQexec(db_, "SET statement_timeout = 20000"));
            r.reset(PQexec(db_, probe));
            PQclear(PQexec(db_, "SET statement_timeout = 200"));
        }
        if (PQntuples(r.get()) != 1) throw std::runtime_error{"the probe failed: " + std::string{PQerrorMessage(db_)}};
        std::vector<std::string> all;
        for (int i = 0; i < PQnfields(r.get()); ++i) all.emplace_back(PQgetvalue(r.get(), 0, i));
        return all;
    }

    answer read(PGresult* r) {
        answer a;
        auto status = PQresultStatus(r);
        if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
            const char* code = PQresultErrorField(r, PG_DIAG_SQLSTATE);
            const char* text = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
            a.error = std::string{code ? code : "?"} + " " + (text ? text : "");
            a.ended = a.error.starts_with("57014") || a.error.starts_with("53") || a.error.starts_with("54");
            return a;
        }
        for (int k = 0; k < PQnfields(r); ++k) a.names.emplace_back(PQfname(r, k));
        for (int i = 0; i < PQntuples(r); ++i) {
            std::string row;
            for (int k = 0; k < PQnfields(r); ++k)
                row += PQgetisnull(r, i, k) ? "\x01\x02" : PQgetvalue(r, i, k) + std::string{"\x02"};
            a.rows.push_back(std::move(row));
        }
        return a;
    }

    side side_;
    postgres_server server_;
    PGconn* db_ = nullptr;
    std::set<std::string> calls_{};
    std::vector<std::string> before_{};
};

class both_shops : public judge {
public:
    judgement run(const std::string& statement) override {
        judgement j;
        j.left = left_.run(statement, j.findings);
        std::vector<finding> unused;  // the same happens on both sides, or the answers differ
        j.right = right_.run(statement, unused);
        bool overload = j.findings.size() == 1 && j.findings[0].what == finding::overload;
        if (!overload) compare(j);
        return j;
    }

private:
    shop left_{side::left}, right_{side::right};
};

}  // namespace

std::unique_ptr<judge> postgres_judge() { return std::make_unique<both_shops>(); }

}  // namespace reagent::test
