#include "rules.hpp"

#include <boost/json.hpp>

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
        if ((c == 0xE0 && second < 0xA0) || (c == 0xED && second > 0x9F) || (c == 0xF0 && second < 0x90) ||
            (c == 0xF4 && second > 0x8F))
            return i;
        i += n + 1;
    }
    return s.npos;
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
    if (v.violations.size() >= most_violations) return;
    for (const auto& x : v.violations)
        if (x.code == code && x.message == message) return;
    v.violations.push_back({code, position, std::move(message)});
}

std::string verdict::message() const {
    std::string all;
    for (const auto& v : violations) all += (all.empty() ? "" : "\n") + v.message;
    return all;
}

bool check_text(std::string_view statement, const policy& p, verdict& v) {
    if (statement.size() > p.max_length)
        add(v, reason::too_long, p.max_length,
            "The statement has more than " + std::to_string(p.max_length) + " bytes; write a shorter one.");
    else if (auto at = bad_byte(statement); at != statement.npos)
        add(v, reason::invalid_encoding, at, "The statement holds a zero byte or is not UTF-8; write plain text.");
    return v.ok();
}

verdict check(std::string_view statement, const policy& p, const schema& columns) {
    validate(p, columns);
    verdict v;
    if (!check_text(statement, p, v)) return v;
    rules r{p, columns};
    if (p.dialect == dialect::postgres)
        check_postgres(statement, r, v);
    else
        check_sqlite(statement, r, v);
    return v;
}

safe_statement safe(std::string_view statement, const policy& p, const schema& columns, const safe_options& options) {
    validate(p, columns);
    safe_statement s;
    if (!check_text(statement, p, s.verdict)) return s;
    rules r{p, columns};
    if (p.dialect == dialect::postgres) {
        s.statement = rewritten_postgres(statement, r, options, s.verdict);
    } else {
        check_sqlite(statement, r, s.verdict);
        if (s.verdict.ok()) s.statement = statement;
    }
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

}  // namespace reagent::sql
