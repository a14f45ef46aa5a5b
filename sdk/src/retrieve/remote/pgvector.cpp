// PostgreSQL with pgvector: tables as `id text, passage text, metadata jsonb, embedding vector(n)`.
#include <reagent/retrieve/pgvector.hpp>

#include "store.hpp"

#include "../../base/text.hpp"

#include <libpq-fe.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>

namespace reagent {
namespace {

constexpr std::size_t most_indexed_dimensions = 2000,
                      most_searched = 1000;  // pgvector 0.6: of an HNSW index; hnsw.ef_search

struct refused : std::runtime_error {
    refused(std::string why, std::string s) : std::runtime_error{std::move(why)}, state{std::move(s)} {}
    std::string state;  // SQLSTATE; "": the connection is gone
};

using rows = std::vector<std::vector<std::string>>;

// One connection. Used by one thread at a time.
class connection {
public:
    connection(const secret& conninfo, std::chrono::milliseconds timeout) : db_{nullptr, PQfinish} {
        const std::string where{conninfo.reveal()},
            ms = std::to_string(std::max<long long>(0, timeout.count())),
            seconds = std::to_string(timeout.count() > 0 ? std::max<long long>(2, timeout.count() / 1000) : 0);
        const std::string set = "-c statement_timeout=" + ms + " -c client_min_messages=warning";
        const char* words[]{"dbname", "connect_timeout", "tcp_user_timeout", "options", "application_name", nullptr};
        const char* values[]{where.c_str(), seconds.c_str(), ms.c_str(), set.c_str(), "reagent", nullptr};
        db_.reset(PQconnectdbParams(words, values, 1));
        if (!db_ || PQstatus(db_.get()) != CONNECTION_OK)
            throw refused{redact(db_ ? PQerrorMessage(db_.get()) : "out of memory", conninfo), ""};
        PQsetNoticeProcessor(
            db_.get(), [](void*, const char*) {}, nullptr);
    }

    rows run(const std::string& statement, const std::vector<std::string>& parameters = {}) {
        std::vector<const char*> values;
        for (const auto& p : parameters) values.push_back(p.c_str());
        std::unique_ptr<PGresult, decltype(&PQclear)> r{
            parameters.empty() ? PQexec(db_.get(), statement.c_str())
                               : PQexecParams(db_.get(), statement.c_str(), static_cast<int>(values.size()), nullptr,
                                              values.data(), nullptr, nullptr, 0),
            PQclear};
        const auto status = PQresultStatus(r.get());
        if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
            const char* state = PQresultErrorField(r.get(), PG_DIAG_SQLSTATE);
            throw refused{std::string{trim(PQerrorMessage(db_.get()))}, state ? state : ""};
        }
        rows all(static_cast<std::size_t>(PQntuples(r.get())));
        for (std::size_t i = 0; i < all.size(); ++i)
            for (int k = 0; k < PQnfields(r.get()); ++k)
                all[i].emplace_back(PQgetvalue(r.get(), static_cast<int>(i), k),
                                    static_cast<std::size_t>(PQgetlength(r.get(), static_cast<int>(i), k)));
        return all;
    }

private:
    std::unique_ptr<PGconn, decltype(&PQfinish)> db_;
};

// Connections that are kept open. Safe to share between threads.
class pool {
public:
    pool(secret conninfo, std::chrono::milliseconds timeout, std::size_t kept)
        : conninfo_{std::move(conninfo)}, timeout_{timeout}, kept_{kept} {}

    // `work` in one transaction; on another connection where an old one has broken. What it does may be done twice.
    rows transaction(const std::function<rows(connection&)>& work) {
        bool old = false;
        auto c = take(old);
        try {
            return finish(std::move(c), work);
        } catch (const refused& e) {
            // 57P: the server shut down or threw us out, maybe long ago.
            if (!old || !(e.state.empty() || std::string_view{e.state}.starts_with("57P"))) throw;
        }
        return finish(std::make_unique<connection>(conninfo_, timeout_), work);
    }

private:
    std::unique_ptr<connection> take(bool& old) {
        {
            std::lock_guard lock{mutex_};
            if (!idle_.empty()) {
                auto c = std::move(idle_.back());
                idle_.pop_back();
                old = true;
                return c;
            }
        }
        return std::make_unique<connection>(conninfo_, timeout_);
    }

    // A connection on which something failed is closed, and the transaction with it.
    rows finish(std::unique_ptr<connection> c, const std::function<rows(connection&)>& work) {
        c->run("BEGIN");
        rows found = work(*c);
        c->run("COMMIT");
        std::lock_guard lock{mutex_};
        if (idle_.size() < kept_) idle_.push_back(std::move(c));
        return found;
    }

    secret conninfo_;
    std::chrono::milliseconds timeout_;
    std::size_t kept_;
    std::mutex mutex_;
    std::vector<std::unique_ptr<connection>> idle_;
};

std::string quoted_name(const std::string& name) { return "\"" + replace_all(name, "\"", "\"\"") + "\""; }

std::string vector_text(const std::vector<float>& v) { return json::serialize(json::value_from(v)); }

// A text that PostgreSQL cannot store.
bool has_zero(const json::value& v) {
    if (v.is_string()) return v.get_string().find('\0') != json::string::npos;
    if (v.is_array()) return std::any_of(v.get_array().begin(), v.get_array().end(), has_zero);
    if (!v.is_object()) return false;
    return std::any_of(v.get_object().begin(), v.get_object().end(),
                       [](const auto& m) { return m.key().find('\0') != m.key().npos || has_zero(m.value()); });
}

// A filter as a condition of SQL, exactly; values are parameters.
class where_clause {
public:
    explicit where_clause(std::vector<std::string>& parameters) : parameters_{parameters} {}

    std::string of(const filter& f) {
        using kind = filter::kind;
        switch (f.what()) {
            case kind::all: return "true";
            case kind::conjunction: return joined(f.parts(), " AND ", "true");
            case kind::disjunction: return joined(f.parts(), " OR ", "false");
            case kind::negation: return "NOT (" + of(f.parts().front()) + ")";
            case kind::eq: return equals(f.field(), f.value());
            case kind::in: {
                std::string any;
                for (const auto& v : f.value().get_array()) any += (any.empty() ? "" : " OR ") + equals(f.field(), v);
                return any.empty() ? "false" : "(" + any + ")";
            }
            default: return compares(f);
        }
    }

private:
    std::string joined(const std::vector<filter>& parts, const char* word, const char* of_none) {
        std::string all;
        for (const auto& p : parts) all += (all.empty() ? "(" : word) + of(p);
        return all.empty() ? of_none : all + ")";
    }

    // What cannot be stored is nowhere.
    std::string equals(const std::string& field, const json::value& v) {
        if (has_zero(v) || has_zero(json::value(field))) return "false";
        return "metadata @> " + parameter(json::serialize(json::object{{field, v}})) + "::jsonb";
    }

    std::string compares(const filter& f) {
        using kind = filter::kind;
        const auto& v = f.value();
        if (has_zero(json::value(f.field()))) return "false";
        if (!v.is_number() && !v.is_string())  // without an order, but equal to themselves
            return f.what() == kind::lte || f.what() == kind::gte ? equals(f.field(), v) : "false";
        if (has_zero(v))
            throw retrieve_error{retrieve_errc::bad_filter, "PostgreSQL compares no text with a zero byte"};
        const char* sign = f.what() == kind::lt    ? " < "
                           : f.what() == kind::lte ? " <= "
                           : f.what() == kind::gt  ? " > "
                                                   : " >= ";
        const std::string field = parameter(f.field()) + "::text";
        if (v.is_number())  // CASE: a cast happens only where it can
            return "CASE WHEN jsonb_typeof(metadata -> " + field + ") = 'number' THEN (metadata ->> " + field +
                   ")::numeric" + sign + parameter(json::serialize(v)) + "::numeric ELSE false END";
        return "CASE WHEN jsonb_typeof(metadata -> " + field + ") = 'string' THEN (metadata ->> " + field +
               ") COLLATE \"C\"" + sign + parameter(std::string{v.get_string()}) +
               "::text COLLATE \"C\" ELSE false END";
    }

    std::string parameter(std::string value) {
        parameters_.push_back(std::move(value));
        return "$" + std::to_string(parameters_.size());
    }

    std::vector<std::string>& parameters_;
};

class pgvector_store final : public remote_store, public std::enable_shared_from_this<pgvector_store> {
public:
    explicit pgvector_store(pgvector_options o)
        : remote_store{o},
          name_{"pgvector:" + o.collection},
          table_{quoted_name(o.collection)},
          with_index_{o.with_index},
          pool_{std::make_shared<pool>(o.conninfo, o.timeout, o.connections)} {}

    std::string name() const override { return name_; }

    task<std::uint64_t> count(run& r) const override {
        std::string statement = "SELECT count(*) FROM " + table_;
        std::function<rows(connection&)> work = [statement](connection& c) { return c.run(statement); };
        auto found = co_await ask(r, std::move(work));
        co_return std::stoull(found.at(0).at(0));
    }

protected:
    task<std::vector<passage>> nearest(run& r, std::vector<float> query, std::size_t n, filter where) const override {
        std::string sign = options().by == similarity::cosine ? "<=>" : "<#>";
        std::vector<std::string> parameters{vector_text(query)};
        std::string clause = where_clause{parameters}.of(where);
        std::string distance = "embedding " + sign + " $1::vector";
        std::string statement = "SELECT passage, " + distance + " FROM " + table_ + " WHERE " + clause + " ORDER BY " +
                                distance + ", id LIMIT ";
        // An index gives no order by id; without it rows of one distance would come in any.
        std::string by_index = "SELECT passage, " + distance + " FROM " + table_ + " WHERE " + clause + " ORDER BY " +
                               distance + " LIMIT ";
        const std::size_t searched = std::min(most_searched, std::max<std::size_t>(40, 4 * n));
        std::string check = about();
        std::function<rows(connection&)> work = [=, this, dimensions = query.size()](connection& c) {
            check_table(c.run(check), dimensions);
            rows all;
            if (with_index_ && n < most_searched) {
                c.run("SET LOCAL hnsw.ef_search = " + std::to_string(searched));
                all = c.run(by_index + std::to_string(n), parameters);
            }
            if (all.size() < n) all = c.run(statement + std::to_string(n), parameters);
            return all;
        };
        auto found = co_await ask(r, std::move(work));
        std::vector<passage> passages;
        for (const auto& row : found) passages.push_back(read(row));
        co_return passages;
    }

    task<void> prepare(run& r, std::size_t dimensions) const override {
        std::string check = about();
        std::vector<std::string> statements = making(dimensions);
        std::function<rows(connection&)> work = [=, this](connection& c) {
            c.run("SELECT pg_advisory_xact_lock(hashtextextended($1, 4711))", {options().collection});
            rows there = c.run(check);
            if (there.empty()) {
                if (c.run("SELECT 1 FROM pg_extension WHERE extname = 'vector'").empty())
                    c.run("CREATE EXTENSION vector");
                for (const auto& s : statements) c.run(s);
            } else
                check_table(there, dimensions);
            return rows{};
        };
        co_await ask(r, std::move(work));
    }

    task<void> put_batch(run& r, std::vector<stored_passage> batch) const override {
        json::array all;
        for (auto& one : batch) {
            one.passage.score = 0;
            json::object p = to_json(one.passage);
            if (has_zero(p)) fail(retrieve_errc::bad_passage, "PostgreSQL stores no text with a zero byte");
            all.push_back(json::object{{"id", one.passage.id},
                                       {"p", json::serialize(p)},
                                       {"m", one.passage.metadata},
                                       {"v", vector_text(one.vector)}});
        }
        std::string given = json::serialize(all);
        std::string statement =
            "INSERT INTO " + table_ +
            " (id, passage, metadata, embedding) SELECT x ->> 'id', x ->> 'p', x -> 'm', (x ->> 'v')::vector "
            "FROM jsonb_array_elements($1::jsonb) AS x ORDER BY x ->> 'id' ON CONFLICT (id) DO UPDATE SET passage = "
            "EXCLUDED.passage, metadata = "
            "EXCLUDED.metadata, embedding = EXCLUDED.embedding";
        std::function<rows(connection&)> work = [statement, given](connection& c) { return c.run(statement, {given}); };
        co_await ask(r, std::move(work));
    }

    task<void> remove_batch(run& r, std::vector<std::string> ids) const override {
        std::string given = json::serialize(json::value_from(ids));
        std::string statement = "DELETE FROM " + table_ + " WHERE id IN (SELECT jsonb_array_elements_text($1::jsonb))";
        std::function<rows(connection&)> work = [statement, given](connection& c) { return c.run(statement, {given}); };
        co_await ask(r, std::move(work));
    }

private:
    // On a thread for blocking work, which may go on when nobody waits any more: it owns what it uses.
    task<rows> ask(run& r, std::function<rows(connection&)> work) const {
        auto found = std::make_shared<rows>();
        std::function<json::value()> blocking = [work = std::move(work), from = pool_, found,
                                                 self = shared_from_this()]() -> json::value {
            try {
                *found = from->transaction(work);
            } catch (const refused& e) {
                self->refuse(e);
            }
            return nullptr;
        };
        co_await r.blocking(std::move(blocking));
        co_return std::move(*found);
    }

    [[noreturn]] void refuse(const refused& e) const {
        if (e.state == "42P01") fail(retrieve_errc::server, "there is no table " + table_ + " (" + e.what() + ")");
        fail(retrieve_errc::server, e.what());
    }

    // What the table is for: its vectors' dimensions, and what a comment says of it.
    std::string about() const {
        return "SELECT a.atttypmod, coalesce(obj_description(a.attrelid, 'pg_class'), '') FROM pg_attribute a WHERE "
               "a.attrelid = "
               "to_regclass('" +
               replace_all(table_, "'", "''") + "') AND a.attname = 'embedding'";
    }

    void check_table(const rows& there, std::size_t dimensions) const {
        if (there.empty()) throw refused{"it is not there, or has no column \"embedding\"", "42P01"};
        check_dimensions(std::stoi(there[0][0]) > 0 ? std::stoul(there[0][0]) : 0, dimensions);
        constexpr std::string_view before = "reagent: vectors of ";
        if (there[0][1].starts_with(before)) check_model(there[0][1].substr(before.size()));
    }

    std::vector<std::string> making(std::size_t dimensions) const {
        std::vector<std::string> all{
            "CREATE TABLE " + table_ +
                " (id text PRIMARY KEY, passage text NOT NULL, metadata jsonb NOT NULL, embedding vector(" +
                std::to_string(dimensions) + ") NOT NULL)",
            "COMMENT ON TABLE " + table_ + " IS 'reagent: vectors of " +
                replace_all(options().vectors.name(), "'", "''") + "'"};
        const char* how = options().by == similarity::cosine ? "vector_cosine_ops" : "vector_ip_ops";
        if (with_index_ && dimensions <= most_indexed_dimensions)
            all.push_back("CREATE INDEX ON " + table_ + " USING hnsw (embedding " + how + ")");
        return all;
    }

    passage read(const std::vector<std::string>& row) const {
        boost::system::error_code wrong;
        const auto v = json::parse(row.at(0), wrong);
        if (wrong) fail(retrieve_errc::server, "a stored passage is no JSON");
        passage p = passage_from_json(v);
        const double distance = std::strtod(row.at(1).c_str(), nullptr);
        p.score = options().by == similarity::cosine ? 1 - distance : -distance;
        if (!std::isfinite(p.score)) p.score = 0;  // of a vector of zeros
        return p;
    }

    std::string name_, table_;
    bool with_index_;
    std::shared_ptr<pool> pool_;
};

}  // namespace

std::shared_ptr<const passage_store> pgvector(pgvector_options options) {
    return std::make_shared<const pgvector_store>(std::move(options));
}

}  // namespace reagent
