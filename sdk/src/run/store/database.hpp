#pragma once

#include <reagent/error.hpp>
#include <reagent/run/journal_store.hpp>

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

/// One connection, used by one thread. Statements are written once for both databases: parameters are $1, $2, ... in the order of
/// their first use, values are text and 64-bit integers.
class database {
public:
    virtual ~database() = default;
    /// @throws database_error
    virtual std::vector<sql_row> run(std::string_view statement, const std::vector<sql_value>& values = {}) = 0;
    virtual void begin() = 0;
    virtual void commit() = 0;
    virtual void roll_back() noexcept = 0;
    virtual void reconnect() {}

    virtual const char* now_ms() const = 0;       ///< an expression: milliseconds since 1970, by the database's clock
    virtual const char* skip_locked() const = 0;  ///< behind a SELECT whose rows will be changed: rows of others are passed over
    virtual const char* lock_row() const = 0;     ///< likewise, but waits for them
    virtual std::string name() const = 0;         ///< without a password
};

std::unique_ptr<database> open_sqlite(const std::string& file, bool survive_power_failure, std::chrono::milliseconds patience);
std::unique_ptr<database> open_postgres(const secret& conninfo);

}  // namespace reagent::detail
