#pragma once

#include <reagent/durable/journal_store.hpp>
#include <reagent/error.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace reagent::detail {

using sql_value = std::variant<std::nullptr_t, std::int64_t, std::string_view>;
using sql_row = std::vector<std::optional<std::string>>;

/// What went wrong in a database, in its own words.
struct database_error : std::runtime_error {
    database_error(const std::string& what, bool again) : std::runtime_error{what}, may_pass{again} {}
    bool may_pass;  ///< locked, or away: worth another try
};

/// A statement that is put together, with its parameters.
struct statement_parameters {
    std::vector<sql_value> values{};
    std::string text(std::string_view v) { return add(v); }
    std::string number(std::int64_t n) { return "CAST(" + add(n) + " AS BIGINT)"; }

private:
    std::string add(sql_value v) {
        values.push_back(v);
        return "$" + std::to_string(values.size());
    }
};

/// Names a change, so that it is known again: the `number`th of the `writer`, a random name without quotes.
struct change_mark {
    std::string_view writer;
    std::int64_t number;
};

/// One connection, used by one thread. Statements are written once for both databases: parameters are $1, $2, ...,
/// values are text and 64-bit integers. Text that a database would not take (bytes that are no UTF-8, zeros) is
/// repaired on its way in: U+FFFD.
class database {
public:
    virtual ~database() = default;
    /// @throws database_error
    virtual std::vector<sql_row> run(std::string_view statement, const std::vector<sql_value>& values = {}) = 0;
    std::vector<sql_row> run(const std::string& statement, const statement_parameters& p) {
        return run(statement, p.values);
    }
    virtual void begin() = 0;
    /// Likewise, with a mark that is stored with the change. @return false, and nothing has begun, when that change is
    /// stored already: the reply to its COMMIT was lost. Only where a reply can be lost.
    virtual bool begin(const change_mark&) {
        begin();
        return true;
    }
    virtual void commit() = 0;
    virtual void roll_back() noexcept = 0;
    virtual void reconnect() {}
    virtual void forget_marks(std::string_view) noexcept {}  ///< of a writer that ends

    virtual const char* now_ms() const = 0;  ///< an expression: milliseconds since 1970, by the database's clock
    virtual const char* skip_locked()
        const = 0;  ///< behind a SELECT whose rows will be changed: rows of others are passed over
    virtual const char* lock_row() const = 0;  ///< likewise, but waits for them
    virtual bool is_postgres() const = 0;      ///< where statements must differ
    virtual std::string name() const = 0;      ///< without a password
};

/// The text as a database takes it: `repaired` holds what had to be changed.
std::string_view bindable(std::string_view text, std::string& repaired);

std::unique_ptr<database> open_sqlite(const std::string& file, const journal_store_options& options);
std::unique_ptr<database> open_postgres(const secret& conninfo, const journal_store_options& options);

}  // namespace reagent::detail
