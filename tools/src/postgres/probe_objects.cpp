// What is not a table: functions, schemas, foreign servers, large objects, settings, limits.
#include "probe.hpp"

#include <algorithm>

namespace reagent::sql {
namespace {

using row = postgres::catalog::row;

// Extensions whose functions reach other servers, files or programs, or run what they are given later.
const char* const reaching_extensions =
    "('dblink', 'postgres_fdw', 'file_fdw', 'adminpack', 'http', 'pg_net', 'pgsql_http', 'plsh', 'aws_s3', "
    "'aws_lambda', 'aws_commons', "
    "'azure_storage', 'pg_background', 'pg_cron', 'pg_task', 'orafce', 'oracle_fdw', 'mysql_fdw', 'tds_fdw', "
    "'sqlite_fdw', 'multicorn')";

std::string quoted_list(const std::vector<std::string>& names) {
    std::string list;
    for (const auto& n : names) list += (list.empty() ? "'" : ", '") + n + "'";
    return list;
}

constexpr std::int64_t most_temporary_kb = 1024 * 1024;

}  // namespace

// @param query rows of: what it may, what is revoked, a holding, whether it is serious
void probe::objects(opening_kind kind, const std::string& query) {
    for (const auto& r : db_.ask(reach + query)) {
        auto by = holding_at(r, 2);
        found(by, kind, r[0], {revoke(r[1], by)}, r[6] == "t");
    }
}

void probe::creation() {
    objects(
        opening_kind::create,
        "SELECT CASE a.privilege_type WHEN 'CREATE' THEN 'may make schemas in the database ' ELSE 'may make temporary "
        "tables in the "
        "database ' END || quote_ident(d.datname), a.privilege_type || ' ON DATABASE ' || quote_ident(d.datname), " +
            holding_of("d.datdba") +
            ", a.privilege_type = 'CREATE' FROM pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', "
            "d.datdba))) a WHERE "
            "d.datname = current_database() AND a.privilege_type IN ('CREATE', 'TEMPORARY') AND " +
            held("d.datdba") + " ORDER BY 1");
    objects(opening_kind::create,
            "SELECT 'may make tables and functions in the schema ' || quote_ident(n.nspname), 'CREATE ON SCHEMA ' || "
            "quote_ident(n.nspname), " +
                holding_of("n.nspowner") +
                ", true FROM pg_namespace n, aclexplode(n.nspacl) a WHERE a.privilege_type = 'CREATE' AND " +
                held("n.nspowner") + " ORDER BY 1");
}

// A function counts when it may be called by its name, and not as a trigger's.
void probe::functions() {
    struct group {
        holding by;
        std::vector<std::string> names, closing;
    };
    std::map<std::tuple<std::string, std::string, bool>, group> groups;  // by holder, reason, allowed
    for (const auto& r :
         db_.ask(reach +
                 ", callable AS (SELECT p.*, n.nspname, a.grantee, a.grantor, a.is_grantable, (SELECT e.extname FROM "
                 "pg_depend d JOIN "
                 "pg_extension "
                 "e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass WHERE d.classid = "
                 "'pg_proc'::regclass AND d.objid = p.oid "
                 "AND d.deptype = 'e') AS extension FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace, "
                 "aclexplode(coalesce(p.proacl, "
                 "acldefault('f', p.proowner))) a WHERE p.prorettype NOT IN ('trigger'::regtype, "
                 "'event_trigger'::regtype) AND (n.nspowner IN "
                 "(SELECT oid FROM reach) OR EXISTS (SELECT FROM aclexplode(n.nspacl) s WHERE s.privilege_type = "
                 "'USAGE' AND (s.grantee = 0 OR "
                 "s.grantee IN (SELECT oid FROM reach)))) AND " +
                 held("p.proowner") +
                 "), judged AS (SELECT a.*, CASE WHEN EXISTS (SELECT FROM pg_init_privs i WHERE i.classoid = "
                 "'pg_proc'::regclass AND i.objoid = "
                 "a.oid AND NOT EXISTS (SELECT FROM aclexplode(i.initprivs) x WHERE x.grantee IN (0, a.grantee))) THEN "
                 "'which PostgreSQL keeps from everybody' WHEN a.prosecdef AND a.oid >= 16384 AND a.proowner NOT IN "
                 "(SELECT oid FROM reach) "
                 "THEN "
                 "'with the rights of its owner (SECURITY DEFINER)' WHEN a.extension IN " +
                 reaching_extensions +
                 " THEN 'of the extension ' || a.extension || ', which reaches beyond the database' WHEN a.oid >= "
                 "16384 AND a.extension IS NULL "
                 "AND NOT l.lanpltrusted THEN 'in the language ' || l.lanname || ', which may do anything on the "
                 "server' END AS reason FROM "
                 "callable a JOIN pg_language l ON l.oid = a.prolang) SELECT a.reason, a.proname, format('%I.%I(%s)', "
                 "a.nspname, a.proname, "
                 "oidvectortypes(a.proargtypes)), CASE a.prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END, " +
                 holding_of("a.proowner") + " FROM judged a WHERE a.reason IS NOT NULL ORDER BY 1, 3")) {
        auto by = holding_at(r, 4);
        const auto& own = policy_.allowed_functions;
        bool named = own && std::find(own->begin(), own->end(), r[1]) != own->end();
        auto& g = groups[{by.holder, r[0], named}];
        g.by = by;
        g.names.push_back(r[2]);
        g.closing.push_back(revoke("EXECUTE ON " + r[3] + " " + r[2], by));
    }
    for (auto& [key, g] : groups) {
        const auto& [holder, reason, is_allowed] = key;
        found(g.by, opening_kind::function,
              "may call " + some_of(g.names) + ", " + reason + (is_allowed ? "; the policy allows it by name" : ""),
              std::move(g.closing), !is_allowed);
    }
}

void probe::idle() {
    for (const auto& group : idle_functions()) {
        std::vector<std::string> closing;
        std::set<std::string> names;
        holding by;
        for (const auto& r : db_.ask(
                 reach + "SELECT p.proname, format('pg_catalog.%I(%s)', p.proname, oidvectortypes(p.proargtypes)), " +
                 holding_of("p.proowner") +
                 " FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a WHERE p.pronamespace "
                 "= "
                 "'pg_catalog'::regnamespace AND a.grantee = 0 AND " +
                 held("p.proowner") + " AND p.proname IN (" + quoted_list(group.names) + ") ORDER BY 2")) {
            names.insert(r[0]);
            by = holding_at(r, 2);
            closing.push_back(revoke("EXECUTE ON FUNCTION " + r[1], by));
        }
        if (!closing.empty())
            found(by, opening_kind::function,
                  "may call functions that " + std::string{group.does} + ": " + some_of({names.begin(), names.end()}),
                  std::move(closing), false);
    }
    // A DO block runs statements, one after the other.
    objects(opening_kind::language,
            "SELECT 'may run code in the language ' || quote_ident(l.lanname), 'USAGE ON LANGUAGE ' || "
            "quote_ident(l.lanname), " +
                holding_of("l.lanowner") +
                ", false FROM pg_language l, aclexplode(coalesce(l.lanacl, acldefault('l', l.lanowner))) a WHERE "
                "l.lanpltrusted AND "
                "l.laninline <> 0 AND " +
                held("l.lanowner") + " ORDER BY 1");
}

void probe::others() {
    objects(opening_kind::foreign_data,
            "SELECT 'may use the foreign server ' || quote_ident(f.srvname), 'USAGE ON FOREIGN SERVER ' || "
            "quote_ident(f.srvname), " +
                holding_of("f.srvowner") + ", true FROM pg_foreign_server f, aclexplode(f.srvacl) a WHERE " +
                held("f.srvowner") + " ORDER BY 1");
    objects(opening_kind::foreign_data,
            "SELECT 'may make foreign servers of ' || quote_ident(f.fdwname), 'USAGE ON FOREIGN DATA WRAPPER ' || "
            "quote_ident(f.fdwname), " +
                holding_of("f.fdwowner") + ", true FROM pg_foreign_data_wrapper f, aclexplode(f.fdwacl) a WHERE " +
                held("f.fdwowner") + " ORDER BY 1");
    objects(opening_kind::large_object,
            "SELECT 'may ' || CASE a.privilege_type WHEN 'SELECT' THEN 'read' ELSE 'change' END || ' the large object "
            "' || o.oid, "
            "a.privilege_type || ' ON LARGE OBJECT ' || o.oid, " +
                holding_of("o.lomowner") + ", true FROM pg_largeobject_metadata o, aclexplode(o.lomacl) a WHERE " +
                held("o.lomowner") + " ORDER BY o.oid");
    if (db_.version() >= 150000)
        objects(opening_kind::parameter,
                "SELECT 'may ' || a.privilege_type || ' the parameter ' || p.parname, a.privilege_type || ' ON "
                "PARAMETER ' || "
                "p.parname, a.grantee, quote_ident(pg_get_userbyid(a.grantor)), a.grantor = 10, a.is_grantable, true "
                "FROM pg_parameter_acl p, "
                "aclexplode(p.paracl) a WHERE " +
                    held("10") + " ORDER BY 1");
}

// What is granted beforehand on tables that somebody will make.
void probe::future() {
    for (const auto& r : db_.ask(
             reach +
             "SELECT quote_ident(pg_get_userbyid(d.defaclrole)), coalesce(quote_ident(n.nspname), ''), CASE "
             "d.defaclobjtype WHEN 'r' THEN 'TABLES' ELSE 'SEQUENCES' END, string_agg(a.privilege_type, ', ' ORDER BY "
             "a.privilege_type), a.grantee FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = "
             "d.defaclnamespace, "
             "aclexplode(d.defaclacl) a WHERE d.defaclobjtype IN ('r', 'S') AND " +
             held("d.defaclrole") + " GROUP BY 1, 2, 3, 5 ORDER BY 1, 2, 3")) {
        holding by{r[4], {}, true};
        std::string in = r[1].empty() ? "" : " IN SCHEMA " + r[1];
        found(by, opening_kind::future,
              "will have " + r[3] + " on " + (r[2] == "TABLES" ? "tables" : "sequences") + " that " + r[0] + " makes" +
                  (r[1].empty() ? "" : " in " + r[1]),
              {"ALTER DEFAULT PRIVILEGES FOR ROLE " + r[0] + in + " " + revoke(r[3] + " ON " + r[2], by)}, false);
    }
}

void probe::limits() {
    holding own{self_, {}};
    auto alter = [&](const std::string& what) {
        return std::vector<std::string>{"ALTER ROLE " + self_name_ + " " + what + ";"};
    };
    auto setting = [&](const std::string& name) {
        return db_.ask("SELECT setting FROM pg_settings WHERE name = " + literal(name)).at(0).at(0);
    };
    if (setting("lo_compat_privileges") == "on")
        found(own, opening_kind::large_object, "may read and change every large object (lo_compat_privileges is on)",
              alter("SET lo_compat_privileges = off"));
    if (auto kb = std::stoll(setting("temp_file_limit")); kb < 0 || kb > most_temporary_kb)
        found(own, opening_kind::limit,
              kb < 0 ? "may fill the disk with temporary files" : "may write more than 1 GB of temporary files",
              alter("SET temp_file_limit = '256MB'"), false);
    if (setting("statement_timeout") == "0")
        found(own, opening_kind::limit, "has no statement_timeout of its own", alter("SET statement_timeout = '5s'"),
              false);
    if (setting("default_transaction_read_only") == "off")
        found(own, opening_kind::limit, "writes unless it is told not to",
              alter("SET default_transaction_read_only = on"), false);
    if (db_.ask("SELECT rolconnlimit FROM pg_roles WHERE rolname = session_user").at(0).at(0) == "-1")
        found(own, opening_kind::limit, "may open every connection that the server has", alter("CONNECTION LIMIT 20"),
              false);
}

}  // namespace reagent::sql
