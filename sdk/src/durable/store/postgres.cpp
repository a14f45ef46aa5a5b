#include "database.hpp"

#include <libpq-fe.h>
#include <poll.h>

#include <deque>
#include <map>

namespace reagent::detail {
namespace {

using result = std::unique_ptr<PGresult, decltype(&PQclear)>;

constexpr const char* see_server =
    "; see that the server runs and can be reached from here (pg_isready), and what its log says";

std::string trimmed(std::string text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
    return text.empty() ? "no reason given" : text;
}

// Why a connection was refused: PQERRORS_VERBOSE puts the SQLSTATE in front of the server's words, "FATAL:  28P01:
// ...".
struct refusal {
    std::string state{}, words{};
};

refusal refusal_from(const std::string& verbose) {
    refusal r{{}, trimmed(verbose.substr(0, verbose.find("\nLOCATION:")))};
    for (std::string_view mark : {"FATAL:  ", "ERROR:  "}) {
        auto at = r.words.find(mark);
        if (at == r.words.npos || r.words.size() < at + mark.size() + 7 || r.words[at + mark.size() + 5] != ':')
            continue;
        r.state = r.words.substr(at + mark.size(), 5);
        r.words.erase(at + mark.size(), 7);
    }
    return r;
}

bool is_conninfo(const std::string& text) {
    std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> parsed{PQconninfoParse(text.c_str(), nullptr),
                                                                        PQconninfoFree};
    return parsed != nullptr;
}

// libpq takes the first "@" before the first "/" for the end of the password, and names what comes behind it as a host:
// a password that holds one of them as it is would stand there in part.
bool is_split_wrongly(std::string_view text) {
    auto begin = text.find("://");
    if (begin == text.npos) return false;
    text.remove_prefix(begin + 3);
    auto authority = text.substr(0, text.find('/'));
    auto at = authority.find('@');
    if (at == authority.npos) return text.substr(0, text.find('?')).find('@') != text.npos;
    authority.remove_prefix(at + 1);
    return authority.substr(0, authority.find('?')).find('@') != authority.npos;
}

// Class 28: who we are is not accepted; 3D000: there is no such database. Waiting changes nothing in these.
bool may_pass(const std::string& state) { return !state.starts_with("28") && state != "3D000" && state != "42501"; }

// Source: PostgreSQL 15 documentation, chapter 34, "libpq", sections 34.1 and 34.3.
class postgres_database final : public database {
public:
    postgres_database(const secret& conninfo, const journal_store_options& o)
        : conninfo_{conninfo}, patience_{o.patience}, reads_{o.access == journal_access::read} {
        connect();
    }

    using database::run;
    std::vector<sql_row> run(std::string_view text, const std::vector<sql_value>& values) override {
        auto found = names_.find(text);
        if (found == names_.end()) {
            std::string name = "s" + std::to_string(names_.size());
            check(result{PQprepare(db_.get(), name.c_str(), std::string{text}.c_str(), 0, nullptr), PQclear});
            found = names_.emplace(std::string{text}, name).first;
        }
        std::deque<std::string> kept;
        std::string repaired;
        std::vector<const char*> pointers;
        for (const auto& v : values) {
            if (auto* n = std::get_if<std::int64_t>(&v))
                pointers.push_back(kept.emplace_back(std::to_string(*n)).c_str());
            else if (auto* t = std::get_if<std::string_view>(&v))
                pointers.push_back(kept.emplace_back(bindable(*t, repaired)).c_str());
            else
                pointers.push_back(nullptr);
        }
        return check(result{PQexecPrepared(db_.get(), found->second.c_str(), static_cast<int>(pointers.size()),
                                           pointers.data(), nullptr, nullptr, 0),
                            PQclear});
    }

    void begin() override { command("BEGIN"); }

    // The mark is one row for each writer, and the numbers grow. An earlier try whose COMMIT is still on its way holds
    // the row, so that this one waits for it and then sees what became of it.
    bool begin(const change_mark& mark) override {
        std::string number = std::to_string(mark.number);
        auto rows = check(result{
            PQexec(db_.get(), ("BEGIN; INSERT INTO reagent_commits AS c (writer, number, at) VALUES ('" +
                               std::string{mark.writer} + "', " + number + ", " + now_ms() +
                               ") ON CONFLICT (writer) DO UPDATE SET number = excluded.number, at = excluded.at WHERE "
                               "c.number < excluded.number RETURNING number")
                                  .c_str()),
            PQclear});
        if (rows.empty()) roll_back();
        return !rows.empty();
    }
    void forget_marks(std::string_view writer) noexcept override {
        if (db_ && PQstatus(db_.get()) == CONNECTION_OK)
            result{
                PQexec(db_.get(), ("DELETE FROM reagent_commits WHERE writer = '" + std::string{writer} + "'").c_str()),
                PQclear};
    }

    void commit() override { command("COMMIT"); }
    void roll_back() noexcept override {
        if (db_ && PQtransactionStatus(db_.get()) != PQTRANS_IDLE) result{PQexec(db_.get(), "ROLLBACK"), PQclear};
    }
    void reconnect() override {
        if (db_ && PQstatus(db_.get()) == CONNECTION_OK && !lost_) return;
        names_.clear();
        connect();
        lost_ = false;
    }

    const char* now_ms() const override { return "(extract(epoch from clock_timestamp()) * 1000)::bigint"; }
    const char* skip_locked() const override { return " FOR UPDATE SKIP LOCKED"; }
    const char* lock_row() const override { return " FOR UPDATE"; }
    bool is_postgres() const override { return true; }
    std::string name() const override {
        const char* database = db_ ? PQdb(db_.get()) : nullptr;
        return std::string{"the PostgreSQL database \""} + (database ? database : "") + "\"";
    }

private:
    void connect() {
        std::string where{conninfo_.reveal()};
        if (is_split_wrongly(where))
            throw database_error{
                "the address holds an `@` or a `/` where none belongs; in a user's name and a password write %40 and "
                "%2F",
                false};
        // A network that swallows everything is noticed; what `where` says of these wins.
        const char* names[]{
            "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout", "dbname", nullptr};
        const char* values[]{"10", "5", "3", "20000", where.c_str(), nullptr};
        db_.reset(PQconnectStartParams(names, values, 1));
        if (!db_) throw database_error{"out of memory", false};
        if (PQstatus(db_.get()) == CONNECTION_BAD)
            throw database_error{redact(trimmed(PQerrorMessage(db_.get())), conninfo_), is_conninfo(where)};
        PQsetErrorVerbosity(db_.get(), PQERRORS_VERBOSE);
        wait_for_connection();
        PQsetErrorVerbosity(db_.get(), PQERRORS_DEFAULT);
        PQsetNoticeProcessor(
            db_.get(), [](void*, const char*) {}, nullptr);
        // A client that is frozen in the middle of a transaction must not keep everybody else waiting.
        command("SET idle_in_transaction_session_timeout = 20000");
        command("SET lock_timeout = 20000");
        if (reads_) command("SET default_transaction_read_only = on");
    }

    // Not PQconnectdb, which waits for minutes where a host answers nothing.
    void wait_for_connection() {
        auto until = later(clock::now(), std::max(patience_, std::chrono::milliseconds{1000}));
        auto wanted = PGRES_POLLING_WRITING;
        while (wanted != PGRES_POLLING_OK) {
            auto left =
                std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()).count();
            pollfd p{PQsocket(db_.get()), static_cast<short>(wanted == PGRES_POLLING_READING ? POLLIN : POLLOUT), 0};
            if (left <= 0 || (::poll(&p, 1, static_cast<int>(left)) == 0))
                throw database_error{std::string{"it does not answer"} + see_server, true};
            wanted = PQconnectPoll(db_.get());
            if (wanted != PGRES_POLLING_FAILED) continue;
            auto why = refusal_from(PQerrorMessage(db_.get()));
            throw database_error{redact(why.words, conninfo_) + (why.state.empty() ? see_server : ""),
                                 may_pass(why.state)};
        }
    }

    void command(const char* text) { check(result{PQexec(db_.get(), text), PQclear}); }

    std::vector<sql_row> check(const result& r) {
        auto status = PQresultStatus(r.get());
        if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
            const char* said = PQresultErrorField(r.get(), PG_DIAG_MESSAGE_PRIMARY);
            const char* code = PQresultErrorField(r.get(), PG_DIAG_SQLSTATE);
            // What libpq says by itself has no SQLSTATE. After a server's crash the status may still be CONNECTION_OK
            // then.
            bool away = PQstatus(db_.get()) != CONNECTION_OK || !code;
            lost_ = lost_ || away;
            // Class 40: serialization failures and deadlocks; 55P03: a lock that was not to be had; 53: out of
            // resources, full disks too.
            std::string_view state = code ? code : "";
            bool again = away || state.starts_with("40") || state == "55P03" || state.starts_with("57P");
            std::string what = said ? said : trimmed(PQerrorMessage(db_.get()));
            if (state == "53100")
                what = "its disk is full; make room and resume what stopped, nothing that was stored is lost (" + what +
                       ")";
            throw database_error{redact(what, conninfo_) + (away ? see_server : ""), again};
        }
        std::vector<sql_row> rows;
        for (int i = 0; i < PQntuples(r.get()); ++i) {
            sql_row row;
            for (int k = 0; k < PQnfields(r.get()); ++k) {
                if (PQgetisnull(r.get(), i, k))
                    row.emplace_back();
                else
                    row.emplace_back(
                        std::string{PQgetvalue(r.get(), i, k), static_cast<std::size_t>(PQgetlength(r.get(), i, k))});
            }
            rows.push_back(std::move(row));
        }
        return rows;
    }

    struct closer {
        void operator()(PGconn* db) const { PQfinish(db); }
    };
    secret conninfo_;
    std::chrono::milliseconds patience_;
    bool reads_;
    std::unique_ptr<PGconn, closer> db_;
    bool lost_ = false;                                      // the connection
    std::map<std::string, std::string, std::less<>> names_;  // of prepared statements
};

}  // namespace

std::unique_ptr<database> open_postgres(const secret& conninfo, const journal_store_options& options) {
    return std::make_unique<postgres_database>(conninfo, options);
}

}  // namespace reagent::detail
