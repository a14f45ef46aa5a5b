#include "database.hpp"

#include <libpq-fe.h>

#include <map>

namespace reagent::detail {
namespace {

using result = std::unique_ptr<PGresult, decltype(&PQclear)>;

std::string trimmed(std::string text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
    return text.empty() ? "no reason given" : text;
}

// Source: PostgreSQL 15 documentation, chapter 34, "libpq", sections 34.1 and 34.3.
class postgres_database final : public database {
public:
    explicit postgres_database(const secret& conninfo) : conninfo_{conninfo} { connect(); }

    std::vector<sql_row> run(std::string_view text, const std::vector<sql_value>& values) override {
        auto found = names_.find(text);
        if (found == names_.end()) {
            std::string name = "s" + std::to_string(names_.size());
            check(result{PQprepare(db_.get(), name.c_str(), std::string{text}.c_str(), 0, nullptr), PQclear});
            found = names_.emplace(std::string{text}, name).first;
        }
        std::vector<std::string> kept;
        kept.reserve(values.size());
        std::vector<const char*> pointers;
        for (const auto& v : values) {
            if (auto* n = std::get_if<std::int64_t>(&v))
                pointers.push_back(kept.emplace_back(std::to_string(*n)).c_str());
            else if (auto* t = std::get_if<std::string_view>(&v))
                pointers.push_back(kept.emplace_back(*t).c_str());
            else
                pointers.push_back(nullptr);
        }
        return check(result{
            PQexecPrepared(db_.get(), found->second.c_str(), static_cast<int>(pointers.size()), pointers.data(), nullptr, nullptr, 0),
            PQclear});
    }

    void begin() override { command("BEGIN"); }
    void commit() override { command("COMMIT"); }
    void roll_back() noexcept override {
        if (db_ && PQtransactionStatus(db_.get()) != PQTRANS_IDLE) result{PQexec(db_.get(), "ROLLBACK"), PQclear};
    }
    void reconnect() override {
        if (db_ && PQstatus(db_.get()) == CONNECTION_OK) return;
        names_.clear();
        connect();
    }

    const char* now_ms() const override { return "(extract(epoch from clock_timestamp()) * 1000)::bigint"; }
    const char* skip_locked() const override { return " FOR UPDATE SKIP LOCKED"; }
    const char* lock_row() const override { return " FOR UPDATE"; }
    std::string name() const override {
        const char* database = db_ ? PQdb(db_.get()) : nullptr;
        return std::string{"the PostgreSQL database \""} + (database ? database : "") + "\"";
    }

private:
    void connect() {
        std::string text{conninfo_.reveal()};
        db_.reset(PQconnectdb(text.c_str()));
        if (PQstatus(db_.get()) != CONNECTION_OK) throw database_error{redact(trimmed(PQerrorMessage(db_.get())), conninfo_), true};
        PQsetNoticeProcessor(db_.get(), [](void*, const char*) {}, nullptr);
        // A client that is frozen in the middle of a transaction must not keep everybody else waiting.
        command("SET idle_in_transaction_session_timeout = 20000");
        command("SET lock_timeout = 20000");
    }
    void command(const char* text) { check(result{PQexec(db_.get(), text), PQclear}); }

    std::vector<sql_row> check(const result& r) {
        auto status = PQresultStatus(r.get());
        if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
            const char* said = PQresultErrorField(r.get(), PG_DIAG_MESSAGE_PRIMARY);
            const char* code = PQresultErrorField(r.get(), PG_DIAG_SQLSTATE);
            bool away = PQstatus(db_.get()) != CONNECTION_OK;
            // Class 40: serialization failures and deadlocks; 55P03: a lock that was not to be had; 53: out of resources, full disks too.
            std::string_view state = code ? code : "";
            bool again = away || state.starts_with("40") || state == "55P03" || state.starts_with("57P");
            std::string what = said ? said : trimmed(PQerrorMessage(db_.get()));
            if (state == "53100")
                what = "its disk is full; make room and resume what stopped, nothing that was stored is lost (" + what + ")";
            throw database_error{redact(what, conninfo_), again};
        }
        std::vector<sql_row> rows;
        for (int i = 0; i < PQntuples(r.get()); ++i) {
            sql_row row;
            for (int k = 0; k < PQnfields(r.get()); ++k) {
                if (PQgetisnull(r.get(), i, k))
                    row.emplace_back();
                else
                    row.emplace_back(std::string{PQgetvalue(r.get(), i, k), static_cast<std::size_t>(PQgetlength(r.get(), i, k))});
            }
            rows.push_back(std::move(row));
        }
        return rows;
    }

    struct closer {
        void operator()(PGconn* db) const { PQfinish(db); }
    };
    secret conninfo_;
    std::unique_ptr<PGconn, closer> db_;
    std::map<std::string, std::string, std::less<>> names_;  // of prepared statements
};

}  // namespace

std::unique_ptr<database> open_postgres(const secret& conninfo) { return std::make_unique<postgres_database>(conninfo); }

}  // namespace reagent::detail
