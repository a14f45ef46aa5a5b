#include "rules.hpp"

#include <reagent/error.hpp>
#include <reagent/schema/convert.hpp>

#include <boost/json.hpp>

#include <algorithm>

namespace reagent::sql {
namespace {

// The order of `reason`.
constexpr std::string_view names[]{
    "empty",
    "syntax_error",
    "invalid_encoding",
    "too_long",
    "too_deep",
    "multiple_statements",
    "not_select",
    "data_modification",
    "select_into",
    "locking_clause",
    "table_not_allowed",
    "schema_not_allowed",
    "column_denied",
    "wildcard_exposes_denied_column",
    "whole_row_exposes_denied_column",
    "function_not_allowed",
    "missing_limit",
    "limit_too_large",
};

// Well-formed UTF-8 without zero bytes. @return the first byte that is not, or npos. Source: Unicode 15, table 3-7.
std::size_t bad_byte(std::string_view s) {
    for (std::size_t i = 0; i < s.size();) {
        auto c = static_cast<unsigned char>(s[i]);
        if (c == 0) return i;
        if (c < 0x80) {
            ++i;
            continue;
        }
        std::size_t n = c >= 0xC2 && c <= 0xDF ? 1 : c >= 0xE0 && c <= 0xEF ? 2 : c >= 0xF0 && c <= 0xF4 ? 3 : 0;
        if (n == 0 || i + n >= s.size()) return i;
        for (std::size_t k = 1; k <= n; ++k)
            if ((static_cast<unsigned char>(s[i + k]) & 0xC0) != 0x80) return i;
        auto second = static_cast<unsigned char>(s[i + 1]);
        if ((c == 0xE0 && second < 0xA0) || (c == 0xED && second > 0x9F) || (c == 0xF0 && second < 0x90) || (c == 0xF4 && second > 0x8F))
            return i;
        i += n + 1;
    }
    return s.npos;
}

// How many signs and words of a statement can nest one thing in another. A parser may need a stack frame for each of them, so
// that their number is limited before any parser sees the statement. What stands in quotes and comments counts as well: to tell
// it apart reliably takes the parser.
std::size_t nesting(std::string_view s) {
    static const std::set<std::string, std::less<>> words{
        "all", "and",    "any",  "array", "at",  "between", "case",     "collate", "except", "ilike",   "in",   "intersect",
        "is",  "isnull", "join", "like",  "not", "notnull", "operator", "or",      "select", "similar", "some", "union"};
    std::size_t n = 0;
    for (std::size_t i = 0; i < s.size();) {
        char c = s[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!word) {
            n += std::string_view{"+-*/<>=~!@#%^&|`?:(["}.find(c) != std::string_view::npos;
            ++i;
            continue;
        }
        std::size_t end = i;
        while (end < s.size() && ((s[end] >= 'a' && s[end] <= 'z') || (s[end] >= 'A' && s[end] <= 'Z'))) ++end;
        if (end - i <= 9) n += words.contains(lower(s.substr(i, end - i)));
        i = end;
    }
    return n;
}
constexpr std::size_t most_nesting = 1000;

std::string joined(const std::vector<std::string>& list) {
    std::string all;
    for (const auto& s : list) all += (all.empty() ? "" : ", ") + s;
    return all;
}

[[noreturn]] void bad(const std::string& field, const std::string& why) {
    throw schema_error{schema_errc::mismatch, "policy: $." + field + ": " + why, {.path = "$." + field}};
}

std::vector<std::string> texts(const boost::json::value& v, const std::string& field) {
    if (!v.is_array()) bad(field, "expected a list of text");
    std::vector<std::string> out;
    for (const auto& item : v.get_array()) {
        if (!item.is_string()) bad(field + "[" + std::to_string(out.size()) + "]", "expected text");
        out.emplace_back(item.get_string());
    }
    return out;
}

}  // namespace

std::string_view to_string(reason r) { return names[static_cast<std::size_t>(r)]; }

std::string lower(std::string_view s) {
    std::string out{s};
    for (char& c : out)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return out;
}

std::string identifier(std::string_view name) {
    std::string out = "\"";
    for (char c : name) out += c == '"' ? "\"\"" : std::string(1, c);
    return out + "\"";
}

void add(verdict& v, reason code, std::size_t position, std::string message) {
    constexpr std::size_t most = 50;
    if (v.violations.size() >= most) return;
    for (const auto& x : v.violations)
        if (x.code == code && x.message == message) return;
    v.violations.push_back({code, position, std::move(message)});
}

rules::rules(const policy& p, const schema& s) : given{p} {
    bool fold = p.dialect == dialect::sqlite;
    auto name = [&](std::string_view n) { return fold ? lower(n) : std::string{n}; };
    for (const auto& t : p.allowed_tables) tables.insert(name(t));
    for (const auto& x : p.allowed_schemas) schemas.insert(name(x));
    if (fold) schemas.insert("main");
    functions = &harmless_functions(p.dialect);
    if (p.allowed_functions) {
        for (const auto& f : *p.allowed_functions) own_functions.insert(lower(f));
        functions = &own_functions;
    }
    for (const auto& c : p.denied_columns) {
        auto dot = c.rfind('.');
        std::string table = dot == c.npos ? "" : c.substr(0, dot);
        if (auto inner = table.rfind('.'); inner != table.npos) table.erase(0, inner + 1);
        denied_columns[name(table)].insert(name(dot == c.npos ? c : c.substr(dot + 1)));
    }
    if (auto everywhere = denied_columns.find(""); everywhere != denied_columns.end())  // "ssn": denied in every table
        for (auto& [table, list] : denied_columns) list.insert(everywhere->second.begin(), everywhere->second.end());
    for (const auto& [table, list] : s)
        for (const auto& c : list) columns[name(table)].push_back(name(c));
    table_list = joined(p.allowed_tables);
}

bool rules::allows_table(const std::string& table_schema, const std::string& table) const {
    if (!table_schema.empty() && tables.contains(table_schema + "." + table)) return true;
    return tables.contains(table) && (table_schema.empty() || allows_schema(table_schema));
}

const std::set<std::string>* rules::denied(const std::string& table) const {
    auto found = denied_columns.find(table);
    if (found == denied_columns.end()) found = denied_columns.find("");
    return found == denied_columns.end() ? nullptr : &found->second;
}

std::string verdict::message() const {
    std::string all;
    for (const auto& v : violations) all += (all.empty() ? "" : "\n") + v.message;
    return all;
}

verdict check(std::string_view statement, const policy& p, const schema& columns) {
    verdict v;
    if (statement.size() > p.max_length) {
        add(v, reason::too_long, p.max_length,
            "The statement has " + std::to_string(statement.size()) + " bytes; write one of at most " + std::to_string(p.max_length) + ".");
        return v;
    }
    if (auto at = bad_byte(statement); at != statement.npos) {
        add(v, reason::invalid_encoding, at, "The statement holds a zero byte or is not UTF-8; write plain text.");
        return v;
    }
    if (nesting(statement) > most_nesting) {
        add(v, reason::too_deep, 0,
            "The statement holds more than " + std::to_string(most_nesting) + " operators and parentheses; write a simpler one.");
        return v;
    }
    rules r{p, columns};
    if (p.dialect == dialect::postgres)
        check_postgres(statement, r, v);
    else
        check_sqlite(statement, r, v);
    return v;
}

policy policy_from_json(const boost::json::value& v) {
    if (!v.is_object()) throw schema_error{schema_errc::mismatch, "policy: expected an object"};
    policy p;
    for (const auto& [key, value] : v.get_object()) {
        std::string field{key};
        auto count = [&, &item = value]() -> std::uint64_t {
            if (item.is_int64() && item.get_int64() >= 0) return static_cast<std::uint64_t>(item.get_int64());
            if (item.is_uint64()) return item.get_uint64();
            bad(field, "expected a whole number from 0");
        };
        if (field == "dialect") {
            if (value == "postgres" || value == "postgresql")
                p.dialect = dialect::postgres;
            else if (value == "sqlite")
                p.dialect = dialect::sqlite;
            else
                bad(field, "expected \"postgres\" or \"sqlite\"");
        } else if (field == "allowed_tables")
            p.allowed_tables = texts(value, field);
        else if (field == "allowed_schemas")
            p.allowed_schemas = texts(value, field);
        else if (field == "denied_columns")
            p.denied_columns = texts(value, field);
        else if (field == "allowed_functions") {
            if (!value.is_null()) p.allowed_functions = texts(value, field);
        } else if (field == "max_rows") {
            if (!value.is_null()) p.max_rows = count();
        } else if (field == "max_length")
            p.max_length = count();
        else if (field == "max_depth")
            p.max_depth = count();
        else {
            auto near = did_you_mean(field, {"dialect", "allowed_tables", "allowed_schemas", "denied_columns", "allowed_functions",
                                             "max_rows", "max_length", "max_depth"});
            bad(field, near.empty() ? "no such setting" : "no such setting; did you mean \"" + near + "\"?");
        }
    }
    return p;
}

schema schema_from_json(const boost::json::value& v) {
    if (!v.is_object()) throw schema_error{schema_errc::mismatch, "schema: expected an object of table name to list of columns"};
    schema s;
    for (const auto& [table, list] : v.get_object()) s[std::string{table}] = texts(list, std::string{table});
    return s;
}

boost::json::object to_json(const verdict& v) {
    boost::json::array list;
    for (const auto& x : v.violations) {
        boost::json::object o{{"code", to_string(x.code)}, {"position", x.position}, {"message", x.message}};
        list.push_back(std::move(o));
    }
    return {{"verdict", v.ok() ? "allow" : "deny"}, {"violations", std::move(list)}};
}

// Functions that read nothing but their arguments, change nothing and take time by the size of their input.
// Sources: PostgreSQL 15 documentation, chapter 9; SQLite, "Built-in Scalar SQL Functions", "Aggregate", "Window", "Math", "Date And
// Time", "JSON".
const std::set<std::string>& harmless_functions(dialect d) {
    static const std::set<std::string> postgres{"abs",
                                                "age",
                                                "array_agg",
                                                "array_append",
                                                "array_cat",
                                                "array_length",
                                                "array_position",
                                                "array_remove",
                                                "array_to_string",
                                                "ascii",
                                                "avg",
                                                "bit_and",
                                                "bit_length",
                                                "bit_or",
                                                "bool_and",
                                                "bool_or",
                                                "btrim",
                                                "cardinality",
                                                "cbrt",
                                                "ceil",
                                                "ceiling",
                                                "char_length",
                                                "character_length",
                                                "chr",
                                                "clock_timestamp",
                                                "coalesce",
                                                "concat",
                                                "concat_ws",
                                                "corr",
                                                "cos",
                                                "count",
                                                "covar_pop",
                                                "covar_samp",
                                                "cume_dist",
                                                "date_bin",
                                                "date_part",
                                                "date_trunc",
                                                "degrees",
                                                "dense_rank",
                                                "div",
                                                "every",
                                                "exp",
                                                "extract",
                                                "first_value",
                                                "floor",
                                                "format",
                                                "gcd",
                                                "generate_series",
                                                "greatest",
                                                "initcap",
                                                "isfinite",
                                                "json_agg",
                                                "json_array_elements",
                                                "json_array_length",
                                                "json_build_array",
                                                "json_build_object",
                                                "json_object_agg",
                                                "jsonb_agg",
                                                "jsonb_array_elements",
                                                "jsonb_array_length",
                                                "jsonb_build_array",
                                                "jsonb_build_object",
                                                "jsonb_object_agg",
                                                "justify_days",
                                                "justify_hours",
                                                "justify_interval",
                                                "lag",
                                                "last_value",
                                                "lcm",
                                                "lead",
                                                "least",
                                                "left",
                                                "length",
                                                "like",
                                                "like_escape",
                                                "ln",
                                                "log",
                                                "log10",
                                                "lower",
                                                "lpad",
                                                "ltrim",
                                                "make_date",
                                                "make_interval",
                                                "make_time",
                                                "make_timestamp",
                                                "make_timestamptz",
                                                "max",
                                                "md5",
                                                "min",
                                                "mod",
                                                "mode",
                                                "nth_value",
                                                "now",
                                                "ntile",
                                                "nullif",
                                                "num_nonnulls",
                                                "num_nulls",
                                                "octet_length",
                                                "overlay",
                                                "overlaps",
                                                "percent_rank",
                                                "percentile_cont",
                                                "percentile_disc",
                                                "pi",
                                                "position",
                                                "pow",
                                                "power",
                                                "quote_literal",
                                                "radians",
                                                "rank",
                                                "regexp_match",
                                                "regexp_replace",
                                                "regexp_split_to_array",
                                                "regr_slope",
                                                "repeat",
                                                "replace",
                                                "reverse",
                                                "right",
                                                "round",
                                                "row_number",
                                                "rpad",
                                                "rtrim",
                                                "scale",
                                                "sign",
                                                "similar_to_escape",
                                                "sin",
                                                "split_part",
                                                "sqrt",
                                                "starts_with",
                                                "statement_timestamp",
                                                "stddev",
                                                "stddev_pop",
                                                "stddev_samp",
                                                "string_agg",
                                                "string_to_array",
                                                "strpos",
                                                "substr",
                                                "substring",
                                                "sum",
                                                "tan",
                                                "timezone",
                                                "to_char",
                                                "to_date",
                                                "to_json",
                                                "to_jsonb",
                                                "to_number",
                                                "to_timestamp",
                                                "transaction_timestamp",
                                                "translate",
                                                "trim",
                                                "trunc",
                                                "unnest",
                                                "upper",
                                                "var_pop",
                                                "var_samp",
                                                "variance",
                                                "width_bucket"};
    static const std::set<std::string> sqlite{"abs",
                                              "avg",
                                              "ceil",
                                              "ceiling",
                                              "char",
                                              "coalesce",
                                              "concat",
                                              "concat_ws",
                                              "count",
                                              "cume_dist",
                                              "date",
                                              "datetime",
                                              "dense_rank",
                                              "exp",
                                              "first_value",
                                              "floor",
                                              "format",
                                              "glob",
                                              "group_concat",
                                              "hex",
                                              "ifnull",
                                              "iif",
                                              "instr",
                                              "json",
                                              "json_array",
                                              "json_array_length",
                                              "json_each",
                                              "json_extract",
                                              "json_group_array",
                                              "json_group_object",
                                              "json_object",
                                              "json_type",
                                              "json_valid",
                                              "julianday",
                                              "lag",
                                              "last_value",
                                              "lead",
                                              "length",
                                              "like",
                                              "likelihood",
                                              "likely",
                                              "ln",
                                              "log",
                                              "log10",
                                              "log2",
                                              "lower",
                                              "ltrim",
                                              "max",
                                              "min",
                                              "mod",
                                              "nth_value",
                                              "ntile",
                                              "nullif",
                                              "octet_length",
                                              "percent_rank",
                                              "pi",
                                              "pow",
                                              "power",
                                              "printf",
                                              "quote",
                                              "rank",
                                              "replace",
                                              "round",
                                              "row_number",
                                              "rtrim",
                                              "sign",
                                              "sqrt",
                                              "strftime",
                                              "string_agg",
                                              "substr",
                                              "substring",
                                              "sum",
                                              "time",
                                              "timediff",
                                              "total",
                                              "trim",
                                              "trunc",
                                              "typeof",
                                              "unicode",
                                              "unixepoch",
                                              "unlikely",
                                              "upper",
                                              "->",
                                              "->>"};
    return d == dialect::postgres ? postgres : sqlite;
}

}  // namespace reagent::sql
