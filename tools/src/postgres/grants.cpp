// The script that builds the wall.
#include "wall.hpp"

#include <reagent/error.hpp>

#include <algorithm>
#include <set>

namespace reagent::sql {
namespace {

schema_error bad(const std::string& what) { return {schema_errc::mismatch, what}; }

void require_name(const std::string& role) {
    constexpr std::size_t longest = 63;  // longer ones are cut by the server
    bool plain = std::none_of(role.begin(), role.end(),
                              [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
    if (role.empty() || role.size() > longest || !plain || role.starts_with("pg_") || role == "public" ||
        role == "none")
        throw bad("\"" + role +
                  "\" cannot be a role's name: 1 to 63 bytes, no control characters, not public, not none, not pg_...");
}

// DO takes its code as a string.
std::string do_block(const std::string& body, const std::string& declared = {}) {
    std::string tag = "$do$";
    for (int i = 1; body.find(tag) != body.npos; ++i) tag = "$do" + std::to_string(i) + "$";
    return "DO " + tag + (declared.empty() ? "" : " DECLARE " + declared + ";") + " BEGIN\n" + body + "END " + tag +
           ";\n";
}

std::string commented(const std::string& text) {
    std::string out = "-- ";
    for (std::size_t i = 0; i < text.size(); ++i) {
        out += text[i];
        if (text[i] == '\n' && i + 1 < text.size()) out += "-- ";
    }
    return out;
}

struct allowed_table {
    std::string schema, name;  // "" where it is in one of several schemas
};

std::vector<allowed_table> tables_of(const policy& p) {
    std::vector<allowed_table> all;
    for (const auto& t : p.allowed_tables) {
        auto dot = t.rfind('.');
        allowed_table a = dot == t.npos ? allowed_table{p.allowed_schemas.size() == 1 ? p.allowed_schemas[0] : "", t}
                                        : allowed_table{t.substr(0, dot), t.substr(dot + 1)};
        if (a.schema.empty() && p.allowed_schemas.empty())
            throw bad("in which schema is \"" + t + "\"? Write it as \"schema." + t +
                      "\", or give the policy \"allowed_schemas\"");
        if (!denies_table(p, a.schema, a.name)) all.push_back(a);
    }
    return all;
}

const std::vector<std::string>& columns_of(const schema& s, const allowed_table& t) {
    static const std::vector<std::string> none;
    auto at = s.find(t.schema + "." + t.name);
    if (at == s.end()) at = s.find(t.name);
    return at == s.end() ? none : at->second;
}

std::string make_role(const std::string& role) {
    std::string name = identifier(role);
    return do_block("IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = " + literal(role) +
                    " AND (oid = 10 OR rolname IN (current_user, session_user))) THEN\n  RAISE EXCEPTION 'this script "
                    "takes rights away: name a "
                    "role of its own, not the one that the server was made with or that runs it';\nEND IF;\n"
                    "IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = " +
                    literal(role) + ") THEN\n  CREATE ROLE " + name +
                    " NOSUPERUSER NOREPLICATION NOBYPASSRLS;\nELSIF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE "
                    "rolname = " +
                    literal(role) + " AND (rolsuper OR rolreplication OR rolbypassrls)) THEN\n  ALTER ROLE " + name +
                    " NOSUPERUSER NOREPLICATION NOBYPASSRLS;\nEND IF;\n") +
           "ALTER ROLE " + name + " LOGIN NOCREATEDB NOCREATEROLE NOINHERIT CONNECTION LIMIT 20;\n";
}

// What was granted before, by this script for another policy or by hand.
std::string take_away(const std::string& role) {
    std::string to = literal(role);
    auto execute = [](const std::string& statement, const std::string& arguments) {
        return "EXECUTE pg_catalog.format('" + statement + "', " + arguments + ");\n";
    };
    std::string in_schema = "x.nspname, " + to, database = "pg_catalog.current_database(), " + to;
    return do_block(
        "FOR x IN SELECT pg_catalog.pg_get_userbyid(m.roleid) AS role, pg_catalog.pg_get_userbyid(m.grantor) AS "
        "grantor FROM\n"
        "    pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles r ON r.oid = m.member WHERE r.rolname = " +
            to + " LOOP\n  IF pg_catalog.current_setting('server_version_num')::int >= 160000 THEN\n    " +
            execute("REVOKE %I FROM %I GRANTED BY %I", "x.role, " + to + ", x.grantor") + "  ELSE\n    " +
            execute("REVOKE %I FROM %I", "x.role, " + to) +
            "  END IF;\nEND LOOP;\n"
            "FOR x IN SELECT nspname FROM pg_catalog.pg_namespace WHERE nspname !~ '^pg_' AND nspname <> "
            "'information_schema' LOOP\n  " +
            execute("REVOKE ALL ON ALL TABLES IN SCHEMA %I FROM %I", in_schema) + "  " +
            execute("REVOKE ALL ON ALL SEQUENCES IN SCHEMA %I FROM %I", in_schema) + "  " +
            execute("REVOKE ALL ON SCHEMA %I FROM %I", in_schema) + "END LOOP;\n" +
            execute("REVOKE ALL ON DATABASE %I FROM %I", database) +
            execute("GRANT CONNECT ON DATABASE %I TO %I", database),
        "x record");
}

std::string read_table(const rules& r, const allowed_table& t, const std::vector<std::string>& columns,
                       const std::string& role) {
    if (!r.denied_columns(t.name).empty() && columns.empty())
        throw bad("the policy denies columns of \"" + t.name +
                  "\": give the table's columns in the schema, so that the others can be granted");
    auto grant = [&](const std::string& table_schema) {
        return grant_select(r, table_schema, t.name, columns, identifier(role));
    };
    if (!t.schema.empty()) {
        auto g = grant(t.schema);
        return g.empty() ? "" : g + "\n";
    }
    std::string body;
    for (const auto& s : r.given.allowed_schemas)
        if (auto g = grant(s); !g.empty() && !denies_table(r.given, s, t.name))
            body +=
                "IF pg_catalog.to_regclass(" + literal(name_of(s, t.name)) + ") IS NOT NULL THEN " + g + " END IF;\n";
    return body.empty() ? "" : do_block(body);
}

std::string settings(const policy& p, const std::string& role) {
    std::string name = identifier(role), path;
    for (const auto& s : p.allowed_schemas) path += identifier(s) + ", ";
    return "ALTER ROLE " + name + " SET default_transaction_read_only = on;\nALTER ROLE " + name +
           " SET statement_timeout = '5s';\nALTER ROLE " + name + " SET search_path = " + path +
           "pg_temp;\n-- Only a superuser may limit temporary files.\n" +
           do_block("ALTER ROLE " + name +
                    " SET temp_file_limit = '256MB';\nEXCEPTION WHEN insufficient_privilege THEN RAISE WARNING "
                    "'temp_file_limit is not set: that takes a superuser';\n");
}

std::string for_everybody(const std::set<std::string>& schemas) {
    std::string text = "-- Everybody: what others make in these schemas could stand in for a table or a function.\n";
    for (const auto& s : schemas) text += "REVOKE CREATE ON SCHEMA " + identifier(s) + " FROM PUBLIC;\n";
    return text +
           "-- Everybody: who needs temporary tables is given them by name: GRANT TEMPORARY ON DATABASE ... TO ...\n" +
           do_block(
               "EXECUTE pg_catalog.format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', "
               "pg_catalog.current_database());\n");
}

std::string optional_part() {
    std::string names;
    for (const auto& group : idle_functions())
        for (const auto& n : group.names)
            names += (names.empty() ? "'" : n == group.names[0] ? ",\n    '" : ", '") + n + "'";
    return "-- Optional, and for everybody: functions that a query does not need. They wait, lock, end the user's "
           "other sessions, change\n"
           "-- settings (pg_dump needs set_config, run by somebody who is no superuser), run text, or make large "
           "objects.\n" +
           commented(
               "DO $do$ DECLARE f record; BEGIN\nFOR f IN SELECT oid::pg_catalog.regprocedure AS name FROM "
               "pg_catalog.pg_proc WHERE "
               "pronamespace = 'pg_catalog'::pg_catalog.regnamespace\n  AND proname IN (" +
               names +
               ") LOOP\n  EXECUTE pg_catalog.format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', f.name);\nEND LOOP; "
               "END $do$;\n");
}

}  // namespace

std::string name_of(const std::string& table_schema, const std::string& table) {
    return identifier(table_schema) + "." + identifier(table);
}

std::string literal(const std::string& text) {
    std::string out = text.find('\\') == text.npos ? "'" : " E'";
    for (char c : text) out += c == '\'' ? "''" : c == '\\' ? "\\\\" : std::string(1, c);
    return out + "'";
}

std::string grant_select(const rules& r, const std::string& table_schema, const std::string& table,
                         const std::vector<std::string>& columns, const std::string& role) {
    auto denied = r.denied_columns(table);
    std::string list;
    for (const auto& c : columns)
        if (!denied.contains(c)) list += (list.empty() ? "" : ", ") + identifier(c);
    if (!denied.empty() && list.empty()) return "";
    return "GRANT SELECT" + (denied.empty() ? std::string{} : " (" + list + ")") + " ON " +
           name_of(table_schema, table) + " TO " + role + ";";
}

std::string grants(const policy& p, const schema& columns, const std::string& role) {
    require_postgres(p);
    require_name(role);
    if (p.allowed_tables.empty()) throw bad("the policy allows no table; name them in \"allowed_tables\"");
    if (!columns.empty()) validate_denied_columns(p, columns);
    rules r{p};
    auto tables = tables_of(p);
    std::set<std::string> schemas{p.allowed_schemas.begin(), p.allowed_schemas.end()};
    for (const auto& t : tables)
        if (!t.schema.empty()) schemas.insert(t.schema);
    std::string name = identifier(role);
    std::string script =
        "-- Makes the role " + name +
        ", who may read what the policy allows and nothing else. For a superuser, in the database that it is about:\n"
        "--   psql -v ON_ERROR_STOP=1 -d DATABASE -f FILE\n"
        "-- It can be run again. A password: \\password " +
        name +
        " in psql, so that it stands in no file.\n"
        "BEGIN;\n\n" +
        make_role(role) + "\n-- Nothing that was granted before stays.\n" + take_away(role) + "\n";
    for (const auto& s : schemas) script += "GRANT USAGE ON SCHEMA " + identifier(s) + " TO " + name + ";\n";
    for (const auto& t : tables) script += read_table(r, t, columns_of(columns, t), role);
    script += "\n" + settings(p, role) + "\n" + for_everybody(schemas) + "\nCOMMIT;\n\n" + optional_part() +
              "\n-- Then ask the server whether that is all: reagent sql probe --policy FILE --conninfo \"user=... "
              "dbname=...\"\n";
    return script;
}

}  // namespace reagent::sql
