#include "guard.hpp"

#include "rules.hpp"

#include <stdexcept>

namespace reagent::sql {
namespace {

std::string folded(const policy& p, std::string_view name) { return p.dialect == dialect::sqlite ? lower(name) : std::string{name}; }

std::string_view trimmed(std::string_view s) {
    constexpr std::string_view space = " \t\r\n";
    auto begin = s.find_first_not_of(space);
    if (begin == s.npos) return {};
    return s.substr(begin, s.find_last_not_of(space) - begin + 1);
}

}  // namespace

void refuse_unless_allowed(const std::string& statement, const policy& p, const schema& columns) {
    auto verdict = check(statement, p, columns);
    if (!verdict.ok()) throw std::runtime_error{"the statement was not run. " + verdict.message()};
}

safe_statement safe(std::string_view statement, const policy& p, const schema& columns) {
    safe_statement s{check(statement, p, columns)};
    if (s.verdict.ok()) s.statement = statement;
    return s;
}

bool allows_table(const policy& p, std::string_view table, std::string_view table_schema) {
    rules r{p, {}};
    return r.allows_table(folded(p, table_schema), folded(p, table));
}

bool denies_column(const policy& p, std::string_view table, std::string_view column) {
    rules r{p, {}};
    const auto* denied = r.denied(folded(p, table));
    return denied && denied->contains(folded(p, column));
}

std::string extract(std::string_view completion) {
    constexpr std::string_view fence = "```";
    std::string_view text = trimmed(completion);
    auto open = text.find(fence);
    if (open == text.npos) return std::string{text};
    auto close = text.find(fence, open + fence.size());
    if (close == text.npos || text.find(fence, close + fence.size()) != text.npos) return std::string{text};
    std::string_view inside = text.substr(open + fence.size(), close - open - fence.size());
    // The word after the opening fence names the language.
    auto word_end = inside.find_first_of(" \t\r\n");
    std::string language = lower(inside.substr(0, word_end));
    if (word_end != inside.npos && (language == "sql" || language == "sqlite" || language == "postgres" || language == "postgresql"))
        inside.remove_prefix(word_end);
    return std::string{trimmed(inside)};
}

}  // namespace reagent::sql
