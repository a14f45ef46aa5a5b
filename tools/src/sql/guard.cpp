#include "guard.hpp"

#include "rules.hpp"

#include <stdexcept>

namespace reagent::sql {

void refuse_unless_allowed(const std::string& statement, const policy& p, const schema& columns) {
    auto verdict = check(statement, p, columns);
    if (!verdict.ok()) throw std::runtime_error{"the statement was not run. " + verdict.message()};
}

bool names_table(const policy& p, const std::string& schema, const std::string& table) {
    rules r{p, {}};
    bool fold = p.dialect == dialect::sqlite;
    return r.allows_table(fold ? lower(schema) : schema, fold ? lower(table) : table);
}

bool denies_column(const policy& p, const std::string& table, const std::string& column) {
    rules r{p, {}};
    bool fold = p.dialect == dialect::sqlite;
    const auto* denied = r.denied(fold ? lower(table) : table);
    return denied && denied->contains(fold ? lower(column) : column);
}

}  // namespace reagent::sql
