#pragma once

#include "tables.hpp"

#include <memory>
#include <variant>

/// What a question asks of the tables, as data: sets of rows under conditions, numbers about them, and lists. `sql_of`
/// writes a plan as SQL, `words_of` says in words what it computes; both read the same plan, so that what is said is
/// what is done.
namespace reagent::offline {

enum class aggregate { count, distinct, sum, average, least, most, median };

struct measure {
    aggregate how = aggregate::count;
    const column* of = nullptr;  // of the rows' own table; none for a count of rows
};

struct rows;
struct term;

/// A number to compare with: written, or computed from the tables.
struct operand {
    std::string number{};
    std::shared_ptr<const term> computed{};
};

struct condition {
    enum class kind { one_of, compared, dated, related, all, any, none };
    kind what = kind::all;
    const column* of = nullptr;         // of the rows' own table; for `related` the one that links
    std::vector<std::string> values{};  // one_of
    std::string op{};  // compared: "<", ">=", "between", ...; related: of the measure, "" for "there is one"
    operand low{}, high{};
    std::string from{}, to{};        // dated: first day, and the day after the last; "" is open
    std::shared_ptr<rows> other{};   // related
    const column* theirs = nullptr;  // related: the column of `other` that links
    bool up = false;                 // related: the row that this one refers to
    measure how{};                   // related, with `op`
    std::vector<condition> parts{};  // all, any, none
};

struct rows {
    const table* of = nullptr;
    std::vector<condition> where{};  // all of them
};

/// One number.
struct term {
    enum class kind { value, number, minus, apart, plus, times, over, percent, exists, more };
    kind what = kind::value;
    measure how{};
    rows in{};
    std::string number{};
    std::vector<term> parts{};
};

/// A column of a table, or of one that its rows refer to.
struct column_path {
    std::vector<step> up{};
    const column* of = nullptr;
    std::string part{};  // "year" or "month" of a date
};

/// Rows or groups of rows, perhaps ranked.
struct listing {
    rows in{};
    std::vector<column_path> shown{};
    bool grouped = false;
    std::optional<measure> value{};      // of a group; of a row: the column
    std::optional<condition> related{};  // of a row: the measure of what belongs to it
    std::string op{};                    // groups whose value compares so
    operand low{}, high{};
    bool value_shown = true;
    bool counted = false;     // how many there are of them
    bool all_groups = false;  // also those that have no rows
    bool ranked = false, descending = true;
    int first = 1, last = 1;  // places, from 1
};

struct plan {
    std::variant<term, listing> what{};
};

std::string sql_of(const plan& p);
std::string words_of(const plan& p);
std::string words_of(const rows& r);

}  // namespace reagent::offline
