#pragma once

#include <reagent/secret.hpp>
#include <reagent/task.hpp>

#include <libpq-fe.h>
#include <boost/asio/any_io_executor.hpp>
#include <boost/json/array.hpp>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace reagent::postgres {

namespace json = boost::json;

using result = std::unique_ptr<PGresult, decltype(&PQclear)>;

struct limits {
    std::size_t max_rows, max_bytes;
};

struct rows {
    json::array columns, values;  ///< names; one array for each row
    bool more = false;            ///< rows were left out
};

/// One connection to a PostgreSQL server, driven by Asio: libpq's own asynchronous interface, its socket watched by the
/// executor of whoever calls. Used by one task at a time; between calls it belongs to no executor. Source: PostgreSQL
/// 15 documentation, chapter 34, "libpq", sections 34.1, 34.4 and 34.6.
class connection {
public:
    /// @throws std::runtime_error with the server's words
    static task<std::unique_ptr<connection>> open(const secret& conninfo);
    ~connection();
    connection(const connection&) = delete;

    /// Runs statements of our own, whose results nobody wants.
    task<void> command(std::string statements);

    /// Runs one statement, by the extended protocol, which takes no second one. Stops at the limits; then the
    /// connection is no good any more. @throws std::runtime_error with the server's words
    task<rows> query(std::string statement, limits l);

    bool usable() const {
        return usable_ && PQstatus(raw_) == CONNECTION_OK && PQtransactionStatus(raw_) == PQTRANS_IDLE;
    }

private:
    class wait;
    explicit connection(PGconn* raw) : raw_{raw} {}

    task<void> flush(wait& w);
    task<result> next_result(wait& w, std::size_t max_incoming);

    PGconn* raw_;
    bool usable_ = true;
};

/// Connections that wait for work. Thread-safe.
class pool {
public:
    pool(secret conninfo, std::size_t keep) : conninfo_{std::move(conninfo)}, keep_{keep} {}

    task<std::unique_ptr<connection>> take();
    void give_back(std::unique_ptr<connection> c);  ///< drops it when it is not usable, or one too many

private:
    secret conninfo_;
    std::size_t keep_;
    std::mutex mutex_;
    std::vector<std::unique_ptr<connection>> idle_;
};

}  // namespace reagent::postgres
