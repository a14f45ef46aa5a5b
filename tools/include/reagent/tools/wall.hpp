#pragma once

#include <reagent/secret.hpp>
#include <reagent/tools/sql.hpp>

namespace reagent::sql {

/// What an opening is about; `membership`: a role that the user may act as has one of the others.
enum class opening_kind {
    attribute,
    ownership,
    membership,
    denied_column,
    relation,
    view,
    write,
    sequence,
    create,
    function,
    language,
    foreign_data,
    large_object,
    parameter,
    future,
    limit,
};

std::string_view to_string(opening_kind k);

/// One thing that a user of the database may do and that the policy does not want.
struct opening {
    opening_kind kind{};
    std::string what{};  ///< a sentence that names the user
    std::vector<std::string>
        closing{};  ///< SQL statements that close it, for a superuser or the owner; "" where a new user is the way
    bool serious = true;  ///< false: worth knowing, but nothing denied is read and nothing is changed
};

/// What the user of a connection may do beyond the policy: as itself, as everybody (PUBLIC), and as every role that it
/// may become by SET ROLE. Reads the catalog of the connection's database, in a transaction that only reads. Blocking.
///
/// A view that the policy allows is followed to the columns it is made of; a function that the policy allows by name is
/// reported, but not as serious. Row-level security and other databases of the server are not looked at.
///
/// @param conninfo as libpq takes it; "" for the PG* variables of the environment; never part of an error
/// @return the serious ones first; empty: nothing was found
/// @throws tool_error(bad_configuration) when the database cannot be reached, or the policy is for SQLite, which has no
/// users Source: PostgreSQL 15 documentation, sections 5.7 (privileges), 22.5 (predefined roles) and 54 (system
/// catalogs)
std::vector<opening> probe_wall(const secret& conninfo, const policy& p);

/// Whether none is serious.
bool behind_wall(const std::vector<opening>& found);

boost::json::array to_json(const std::vector<opening>& found);  ///< [{"kind", "what", "serious", "closing": [...]}]

/// The SQL script that makes a user who may read what the policy allows and nothing else; for psql, by a superuser. Can
/// be run again after the policy has changed: it begins by taking everything away from the role.
///
/// @param columns of the tables that have denied ones; what is not listed is not granted
/// @throws schema_error when columns are missing or the role's name is none; tool_error(bad_configuration) for a policy
/// of SQLite
std::string grants(const policy& p, const schema& columns, const std::string& role);

}  // namespace reagent::sql
