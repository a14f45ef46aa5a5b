#include "connection.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json.hpp>

#include <sys/ioctl.h>
#include <charconv>
#include <cstring>
#include <stdexcept>

namespace reagent::postgres {
namespace {

// What the server says: the message, its hint and place, and not the detail, which may hold values.
std::string message_of(const PGresult* r) {
    auto field = [&](int code) {
        const char* text = PQresultErrorField(r, code);
        return std::string{text ? text : ""};
    };
    std::string text = field(PG_DIAG_MESSAGE_PRIMARY);
    if (text.empty()) text = "the server sent no answer";
    if (auto hint = field(PG_DIAG_MESSAGE_HINT); !hint.empty()) text += " (hint: " + hint + ")";
    if (auto at = field(PG_DIAG_STATEMENT_POSITION); !at.empty()) text += " (at character " + at + ")";
    return text;
}

std::string trimmed(const char* text) {
    std::string s = text ? text : "";
    while (!s.empty() && (s.back() == '\n' || s.back() == ' ')) s.pop_back();
    return s.empty() ? "no reason given" : s;
}

// Type numbers are fixed in PostgreSQL's catalog: src/include/catalog/pg_type.dat.
json::value value_of(const PGresult* r, int row, int column) {
    if (PQgetisnull(r, row, column)) return nullptr;
    std::string_view text{PQgetvalue(r, row, column), static_cast<std::size_t>(PQgetlength(r, row, column))};
    const char* end = text.data() + text.size();
    switch (PQftype(r, column)) {
        case 16: return text == "t";  // bool
        case 17: return json::value(json::string("(" + std::to_string(text.size() / 2) + " bytes)"));
        case 20:    // int8
        case 21:    // int2
        case 23: {  // int4
            std::int64_t n = 0;
            if (std::from_chars(text.data(), end, n).ptr == end) return n;
            break;
        }
        case 700:   // float4
        case 701:   // float8
        case 1700:  // numeric: as a number where a double holds all of its digits
            if (text.size() <= 15 || PQftype(r, column) != 1700) {
                double d = 0;
                if (std::from_chars(text.data(), end, d).ptr == end && std::isfinite(d)) return d;
            }
            break;
        default: break;
    }
    return json::value(json::string(text));
}

}  // namespace

// The socket, lent to an executor for the time of one call.
class connection::wait {
public:
    wait(const asio::any_io_executor& executor, PGconn* raw) : socket_{executor}, raw_{raw} {}
    ~wait() {
        if (socket_.is_open()) socket_.release();  // libpq closes it
    }

    task<void> readable() {
        renew();
        co_await socket_.async_wait(asio::posix::stream_descriptor::wait_read, asio::use_awaitable);
    }
    task<void> writable() {
        renew();
        co_await socket_.async_wait(asio::posix::stream_descriptor::wait_write, asio::use_awaitable);
    }
    std::size_t incoming() const {
        int n = 0;
        return ::ioctl(PQsocket(raw_), FIONREAD, &n) == 0 && n > 0 ? static_cast<std::size_t>(n) : 0;
    }

private:
    // While connecting, libpq may go on to another address and so to another socket.
    void renew() {
        int now = PQsocket(raw_);
        if (now < 0) throw std::runtime_error{"the connection to PostgreSQL is lost"};
        if (socket_.is_open() && socket_.native_handle() == now) return;
        if (socket_.is_open()) socket_.release();
        socket_.assign(now);
    }

    asio::posix::stream_descriptor socket_;
    PGconn* raw_;
};

connection::~connection() { PQfinish(raw_); }

task<std::unique_ptr<connection>> connection::open(const secret& conninfo) {
    auto executor = co_await asio::this_coro::executor;
    std::string text{conninfo.reveal()};
    PGconn* raw = PQconnectStart(text.c_str());
    if (!raw) throw std::bad_alloc{};
    std::unique_ptr<connection> made{new connection{raw}};
    wait w{executor, raw};
    if (PQstatus(raw) == CONNECTION_BAD)
        throw std::runtime_error{"PostgreSQL cannot be reached: " + trimmed(PQerrorMessage(raw))};
    for (auto next = PGRES_POLLING_WRITING; next != PGRES_POLLING_OK; next = PQconnectPoll(raw)) {
        if (next == PGRES_POLLING_FAILED)
            throw std::runtime_error{"PostgreSQL cannot be reached: " + trimmed(PQerrorMessage(raw))};
        if (next == PGRES_POLLING_READING)
            co_await w.readable();
        else
            co_await w.writable();
    }
    PQsetnonblocking(raw, 1);
    PQsetNoticeProcessor(
        raw, [](void*, const char*) {}, nullptr);
    co_return made;
}

task<void> connection::flush(wait& w) {
    for (;;) {
        int left = PQflush(raw_);
        if (left == 0) co_return;
        if (left < 0)
            throw std::runtime_error{"the connection to PostgreSQL is lost: " + trimmed(PQerrorMessage(raw_))};
        co_await w.writable();
        if (!PQconsumeInput(raw_))
            throw std::runtime_error{"the connection to PostgreSQL is lost: " + trimmed(PQerrorMessage(raw_))};
    }
}

task<result> connection::next_result(wait& w, std::size_t max_incoming) {
    std::size_t incoming = 0;
    while (PQisBusy(raw_)) {
        co_await w.readable();
        incoming += w.incoming();
        // libpq holds a row whole before it shows any of it.
        if (incoming > max_incoming)
            throw std::runtime_error{"a row of the answer is larger than " + std::to_string(max_incoming) +
                                     " bytes; select less of it"};
        if (!PQconsumeInput(raw_))
            throw std::runtime_error{"the connection to PostgreSQL is lost: " + trimmed(PQerrorMessage(raw_))};
    }
    co_return result{PQgetResult(raw_), PQclear};
}

task<void> connection::command(std::string statements) {
    auto executor = co_await asio::this_coro::executor;
    wait w{executor, raw_};
    bool was = std::exchange(usable_, false);  // until it has gone well
    if (!PQsendQuery(raw_, statements.c_str())) throw std::runtime_error{trimmed(PQerrorMessage(raw_))};
    co_await flush(w);
    std::string problem;
    for (;;) {
        result r = co_await next_result(w, 1024 * 1024);
        if (!r) break;
        auto status = PQresultStatus(r.get());
        if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && problem.empty()) problem = message_of(r.get());
    }
    if (!problem.empty()) throw std::runtime_error{problem};
    usable_ = was;
}

task<rows> connection::query(std::string statement, limits l) {
    auto executor = co_await asio::this_coro::executor;
    wait w{executor, raw_};
    bool was = std::exchange(usable_, false);
    if (!PQsendQueryParams(raw_, statement.c_str(), 0, nullptr, nullptr, nullptr, nullptr, 0))
        throw std::runtime_error{trimmed(PQerrorMessage(raw_))};
    PQsetSingleRowMode(raw_);
    co_await flush(w);
    rows found;
    std::size_t bytes = 0;
    std::string problem;
    for (;;) {
        result r = co_await next_result(w, l.max_bytes + 1024 * 1024);
        if (!r) break;
        auto status = PQresultStatus(r.get());
        if (status == PGRES_TUPLES_OK || status == PGRES_SINGLE_TUPLE) {
            int columns = PQnfields(r.get());
            if (found.columns.empty())
                for (int i = 0; i < columns; ++i) found.columns.emplace_back(PQfname(r.get(), i));
            for (int row = 0; row < PQntuples(r.get()); ++row) {
                for (int i = 0; i < columns; ++i) bytes += static_cast<std::size_t>(PQgetlength(r.get(), row, i)) + 8;
                if (found.values.size() == l.max_rows || bytes > l.max_bytes) {
                    found.more = true;
                    co_return found;  // the rest is not read: the connection is dropped
                }
                json::array values;
                for (int i = 0; i < columns; ++i) values.push_back(value_of(r.get(), row, i));
                found.values.push_back(std::move(values));
            }
        } else if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH)
            throw std::runtime_error{"COPY is not allowed; write one SELECT"};
        else if (status != PGRES_COMMAND_OK && problem.empty())
            problem = message_of(r.get());
    }
    usable_ = was;
    if (!problem.empty()) throw std::runtime_error{problem};
    co_return found;
}

task<std::unique_ptr<connection>> pool::take() {
    {
        std::lock_guard lock{mutex_};
        if (!idle_.empty()) {
            auto c = std::move(idle_.back());
            idle_.pop_back();
            if (c->usable()) co_return c;
        }
    }
    auto made = co_await connection::open(conninfo_);
    co_return made;
}

void pool::give_back(std::unique_ptr<connection> c) {
    if (!c || !c->usable()) return;
    std::lock_guard lock{mutex_};
    if (idle_.size() < keep_) idle_.push_back(std::move(c));
}

}  // namespace reagent::postgres
