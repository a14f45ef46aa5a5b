#include "wall.hpp"

#include "probe.hpp"

#include <reagent/error.hpp>

#include <boost/json.hpp>

#include <algorithm>

namespace reagent::sql {
namespace {

// The order of `opening_kind`.
constexpr std::string_view kinds[]{
    "attribute", "ownership", "membership", "denied_column", "relation",     "view",      "write",  "sequence",
    "create",    "function",  "language",   "foreign_data",  "large_object", "parameter", "future", "limit"};

}  // namespace

std::string_view to_string(opening_kind k) { return kinds[static_cast<std::size_t>(k)]; }

void require_postgres(const policy& p) {
    if (p.dialect != dialect::postgres)
        throw tool_error{tool_errc::bad_configuration,
                         "SQLite has no users: there the connection that ready::sqlite_query opens is the wall; this "
                         "is for a policy of "
                         "PostgreSQL"};
}

bool denies_table(const policy& p, const std::string& table_schema, const std::string& table) {
    return std::any_of(p.denied_tables.begin(), p.denied_tables.end(),
                       [&](const std::string& d) { return d == table || d == table_schema + "." + table; });
}

const std::vector<function_group>& idle_functions() {
    static const std::vector<function_group> all{
        {"wait", {"pg_sleep", "pg_sleep_for", "pg_sleep_until"}},
        {"take locks that others wait for",
         {"pg_advisory_lock", "pg_advisory_lock_shared", "pg_advisory_xact_lock", "pg_advisory_xact_lock_shared",
          "pg_try_advisory_lock", "pg_try_advisory_lock_shared", "pg_try_advisory_xact_lock",
          "pg_try_advisory_xact_lock_shared"}},
        {"end other sessions of the same user", {"pg_terminate_backend", "pg_cancel_backend"}},
        {"send messages or use up transaction numbers",
         {"pg_notify", "pg_logical_emit_message", "txid_current", "pg_current_xact_id", "pg_export_snapshot"}},
        {"change settings (pg_dump needs it, run by somebody who is no superuser)", {"set_config"}},
        {"run text as a statement",
         {"query_to_xml", "query_to_xmlschema", "query_to_xml_and_xmlschema", "cursor_to_xml", "cursor_to_xmlschema",
          "table_to_xml", "table_to_xmlschema", "table_to_xml_and_xmlschema", "schema_to_xml", "schema_to_xmlschema",
          "schema_to_xml_and_xmlschema", "database_to_xml", "database_to_xmlschema", "database_to_xml_and_xmlschema",
          "ts_stat", "ts_rewrite"}},
        {"make and change large objects",
         {"lo_creat", "lo_create", "lo_from_bytea", "lo_put", "lo_open", "lo_unlink", "lo_truncate", "lo_truncate64",
          "lowrite", "lo_get", "loread"}},
    };
    return all;
}

std::vector<opening> probe_wall(const secret& conninfo, const policy& p) {
    require_postgres(p);
    postgres::catalog db{conninfo};
    return probe{db, p}.run();
}

bool behind_wall(const std::vector<opening>& found) {
    return std::none_of(found.begin(), found.end(), [](const opening& o) { return o.serious; });
}

boost::json::array to_json(const std::vector<opening>& found) {
    boost::json::array all;
    for (const auto& o : found) {
        boost::json::array closing;
        for (const auto& s : o.closing) closing.emplace_back(s);
        boost::json::object one{
            {"kind", to_string(o.kind)}, {"what", o.what}, {"serious", o.serious}, {"closing", std::move(closing)}};
        all.push_back(std::move(one));
    }
    return all;
}

void refuse_without_wall(const secret& conninfo, const policy& p) {
    constexpr std::size_t most = 10;
    std::string list;
    std::size_t n = 0;
    for (const auto& o : probe_wall(conninfo, p)) {
        if (!o.serious || n++ >= most) continue;
        list += "\n- " + o.what;
        if (!o.closing.empty()) list += "\n  " + o.closing.front();
    }
    if (n == 0) return;
    if (n > most) list += "\n- and " + std::to_string(n - most) + " more";
    throw tool_error{tool_errc::bad_configuration,
                     "postgres_query: the user of this connection may do more than the policy wants:" + list +
                         "\n`reagent sql probe` lists all of it, `reagent sql grants` prints a script that makes a "
                         "user who may read what the "
                         "policy allows; write .without_wall = true when the check of statements is enough for you"};
}

}  // namespace reagent::sql
