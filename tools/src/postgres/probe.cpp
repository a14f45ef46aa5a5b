// What a user may do, read from the access lists of the catalog and not by trying. Each list is looked at for the user,
// for PUBLIC and for every role that the user may become: SET ROLE needs no inheritance.
#include "probe.hpp"

#include <reagent/error.hpp>

#include <algorithm>

namespace reagent::sql {
namespace {

// As the server was made, or as an extension set it.
std::string initially(const std::string& catalog, const std::string& object, const std::string& column,
                      const std::string& same) {
    return "EXISTS (SELECT FROM pg_init_privs i, aclexplode(i.initprivs) x WHERE i.classoid = '" + catalog +
           "'::regclass AND i.objoid = " + object + " AND i.objsubid = " + column + " AND x.grantee = a.grantee" +
           same + ")";
}

// Roles of PostgreSQL 15 and later that stand for a privilege of their own.
std::string predefined_right(const std::string& name) {
    static const std::map<std::string, const char*> rights{
        {"pg_read_all_data", "reads every table"},
        {"pg_write_all_data", "writes every table"},
        {"pg_read_server_files", "reads any file of the server"},
        {"pg_write_server_files", "writes any file of the server"},
        {"pg_execute_server_program", "runs programs on the server"},
        {"pg_signal_backend", "ends the sessions of others"},
        {"pg_read_all_settings", "reads every setting"},
        {"pg_read_all_stats", "reads the statements of others"},
        {"pg_monitor", "reads the settings and statements of others"},
        {"pg_stat_scan_tables", "locks tables for a long time"},
        {"pg_checkpoint", "makes checkpoints"},
        {"pg_maintain", "maintains every table"},
    };
    auto at = rights.find(name);
    return at == rights.end() ? "is a predefined role with rights of its own" : at->second;
}

}  // namespace

// The roles that the user may become, and itself.
const std::string probe::reach =
    "WITH RECURSIVE reach AS (SELECT r.* FROM pg_roles r WHERE pg_has_role(session_user, r.oid, 'MEMBER') OR r.rolname "
    "= session_user "
    "OR r.rolname = current_user) ";

// The columns of a `holding`, from an exploded access list `a` of an object with that owner.
std::string probe::holding_of(const std::string& owner) {
    return "a.grantee, quote_ident(pg_get_userbyid(a.grantor)), a.grantor = " + owner + ", a.is_grantable";
}

// PUBLIC, or a role in reach. An owner's own entries say nothing: ownership is reported as such.
std::string probe::held(const std::string& owner) {
    return "(a.grantee = 0 OR a.grantee IN (SELECT oid FROM reach)) AND a.grantee <> " + owner;
}

std::string probe::some_of(const std::vector<std::string>& all, std::size_t most) {
    std::string text;
    for (std::size_t i = 0; i < all.size() && i < most; ++i) text += (i ? ", " : "") + all[i];
    if (all.size() > most) text += " and " + std::to_string(all.size() - most) + " more";
    return text;
}

holding probe::holding_at(const postgres::catalog::row& r, std::size_t i) {
    return {r[i], r[i + 1], r[i + 2] == "t", r[i + 3] == "t"};
}

probe::probe(const postgres::catalog& db, const policy& p) : db_{db}, policy_{p}, rules_{p} {}

std::vector<opening> probe::run() {
    roles();
    if (!superuser_) {  // whom nothing binds
        tables();
        views();
        ownership();
        relations();
        creation();
        functions();
        others();
        future();
        idle();
        limits();
    }
    return openings();
}

void probe::found(const holding& by, opening_kind kind, std::string what, std::vector<std::string> closing,
                  bool serious) {
    findings_.push_back({by.holder, kind, std::move(what), std::move(closing), serious});
}

// A superuser revokes as the owner. What another has granted goes when it is revoked as that other.
std::string probe::revoke(const std::string& what, const holding& by) const {
    std::string from = by.holder == "0" ? "PUBLIC" : roles_.at(by.holder).name;
    std::string s = "REVOKE " + what + " FROM " + from + (by.can_grant ? " CASCADE;" : ";");
    return by.by_owner ? s : "SET ROLE " + by.grantor + "; " + s + " RESET ROLE;";
}

void probe::roles() {
    for (const auto& r : db_.ask(
             reach +
             "SELECT oid, rolname, quote_ident(rolname), rolname = session_user, oid < 16384 AND rolname ~ '^pg_', "
             "rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication, oid = 10 FROM reach ORDER BY 2")) {
        roles_[r[0]] = {r[2], r[4] == "t"};
        bool is_self = r[3] == "t";
        if (is_self) {
            self_ = r[0];
            self_name_ = r[2];
            superuser_ = r[5] == "t";
        }
        if (r[1] == "pg_database_owner") continue;  // ownership of the database is reported as such
        if (r[4] == "t") found({r[0], {}}, opening_kind::membership, predefined_right(r[1]), {});
        const std::tuple<std::size_t, const char*, const char*> attributes[]{
            {5, "SUPERUSER", "is a superuser, whom nothing binds (`reagent sql grants` makes a user for the tool)"},
            {6, "BYPASSRLS", "is not bound by row-level security (BYPASSRLS)"},
            {7, "CREATEROLE", "may make and change users (CREATEROLE)"},
            {8, "CREATEDB", "may make databases (CREATEDB)"},
            {9, "REPLICATION", "may copy the whole server (REPLICATION)"}};
        for (const auto& [at, name, does] : attributes) {
            if (r[at] != "t") continue;
            // The first superuser has to stay one, and has all attributes.
            if (r[10] == "t" && at != 5) continue;
            found({r[0], {}}, opening_kind::attribute, does,
                  r[10] == "t" ? std::vector<std::string>{}
                               : std::vector<std::string>{"ALTER ROLE " + r[2] + " NO" + name + ";"});
            if (at == 5) break;
        }
    }
    if (superuser_)
        std::erase_if(findings_,
                      [this](const finding& f) { return f.holder != self_; });  // that it may become anybody is clear
}

void probe::ownership() {
    std::map<std::string, std::vector<std::string>> owned;
    // A mapping and default privileges belong to a role without being its property; temporary tables go with their
    // session.
    for (const auto& r : db_.ask(
             reach +
             "SELECT d.refobjid, pg_describe_object(d.classid, d.objid, 0) FROM pg_shdepend d WHERE d.deptype = 'o' "
             "AND d.refclassid = 'pg_authid'::regclass AND d.refobjid IN (SELECT oid FROM reach) AND d.dbid IN (0, "
             "(SELECT oid FROM pg_database WHERE datname = current_database())) AND d.classid NOT IN "
             "('pg_default_acl'::regclass, 'pg_user_mapping'::regclass) AND NOT (d.classid = 'pg_class'::regclass AND "
             "EXISTS (SELECT FROM pg_class c WHERE c.oid = d.objid AND c.relpersistence = 't')) ORDER BY 1, 2"))
        owned[r[0]].push_back(r[1]);
    for (const auto& [holder, what] : owned) {
        std::vector<std::string> closing{"REASSIGN OWNED BY " + roles_.at(holder).name + " TO CURRENT_USER;"};
        for (auto& s : allowed_again()) closing.push_back(std::move(s));
        found({holder, {}}, opening_kind::ownership, "owns " + some_of(what), closing);
    }
}

void probe::tables() {
    for (const auto& r : db_.ask("SELECT n.nspname, c.relname, format('%I.%I', n.nspname, c.relname), "
                                 "coalesce(a.attname, '') FROM pg_class c JOIN "
                                 "pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_attribute a ON a.attrelid = "
                                 "c.oid AND a.attnum > 0 AND NOT "
                                 "a.attisdropped AND c.relkind <> 'S' WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p', "
                                 "'S', 't') ORDER BY 1, 2, a.attnum")) {
        auto& t = tables_[{r[0], r[1]}];
        t.schema = r[0];
        t.name = r[1];
        t.quoted = r[2];
        t.is_allowed = allows_table(policy_, t.name, t.schema) && !denies_table(policy_, t.schema, t.name);
        if (!r[3].empty()) t.columns.push_back(r[3]);
    }
    schema known;
    for (const auto& [name, t] : tables_) known[t.schema + "." + t.name] = t.columns;
    try {
        validate_denied_columns(policy_, known);
    } catch (const schema_error& e) {
        throw tool_error{tool_errc::bad_configuration,
                         std::string{"the database does not fit the policy: "} + e.what()};
    }
}

// A view reads with its owner's rights. Through views of views the columns are followed by table: too often rather than
// too seldom.
void probe::views() {
    for (const auto& r : db_.ask("WITH RECURSIVE view AS (SELECT c.oid, w.oid AS rule, w.ev_action::text ~ ':varattno "
                                 "0 ' AS whole FROM pg_class c JOIN "
                                 "pg_rewrite w ON w.ev_class = c.oid AND w.ev_type = '1' WHERE c.relkind IN ('v', 'm') "
                                 "AND c.relnamespace NOT IN "
                                 "('pg_catalog'::regnamespace, 'information_schema'::regnamespace) AND NOT (c.relkind "
                                 "= 'v' AND (c.relowner = "
                                 "(SELECT oid FROM pg_roles WHERE rolname = session_user) OR EXISTS (SELECT FROM "
                                 "pg_options_to_table(c.reloptions) o WHERE "
                                 "o.option_name = 'security_invoker' AND o.option_value::boolean)))), "
                                 "reads AS (SELECT v.oid AS view, d.refobjid AS of, d.refobjsubid AS attnum, v.whole "
                                 "FROM view v JOIN pg_depend d ON "
                                 "d.classid = 'pg_rewrite'::regclass AND d.objid = v.rule AND d.refclassid = "
                                 "'pg_class'::regclass AND d.refobjid <> v.oid), "
                                 "through AS (SELECT v.oid AS view, v.oid AS of FROM view v UNION SELECT t.view, r.of "
                                 "FROM through t JOIN reads r ON r.view = "
                                 "t.of) "
                                 "SELECT DISTINCT vn.nspname, vc.relname, n.nspname, c.relname, coalesce(a.attname, "
                                 "''), r.whole FROM through t JOIN reads r "
                                 "ON r.view = t.of JOIN pg_class vc ON vc.oid = t.view JOIN pg_namespace vn ON vn.oid "
                                 "= vc.relnamespace JOIN pg_class c ON "
                                 "c.oid = r.of JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_attribute a "
                                 "ON a.attrelid = c.oid AND a.attnum = "
                                 "r.attnum AND r.attnum > 0 ORDER BY 1, 2, 3, 4, 5")) {
        const auto& t = tables_[{r[2], r[3]}];
        auto& shown = shows_[{r[0], r[1]}];
        if (denies_table(policy_, r[2], r[3])) shown.insert(t.quoted);
        for (const auto& c : t.columns)
            if ((r[4] == c || r[5] == "t") && denies_column(policy_, r[3], c))
                shown.insert(t.quoted + "." + identifier(c));
    }
}

void probe::relations() {
    std::vector<access> all;
    // What everybody may read of the server's own catalog is how PostgreSQL is made; what else is granted there is an
    // opening.
    for (const auto& r :
         db_.ask(reach +
                 ", held AS (SELECT c.oid, '' AS attname, 0 AS attnum, a.* FROM pg_class c, aclexplode(c.relacl) a "
                 "UNION ALL SELECT "
                 "t.attrelid, t.attname, t.attnum, a.* FROM pg_attribute t, aclexplode(t.attacl) a WHERE NOT "
                 "t.attisdropped), "
                 "named AS (SELECT a.*, n.nspname, c.relname, c.relkind, c.relowner, n.nspname = 'information_schema' "
                 "AND c.oid < 16384 AND "
                 "a.grantee = 0 AND "
                 "a.privilege_type = 'SELECT' AS standard, n.oid = 'pg_catalog'::regnamespace AS system, " +
                 initially("pg_class", "a.oid", "a.attnum", " AND x.privilege_type = a.privilege_type") +
                 " AS initial, coalesce((SELECT e.extname FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid "
                 "AND d.refclassid = "
                 "'pg_extension'::regclass WHERE d.classid = 'pg_class'::regclass AND d.objid = a.oid AND d.deptype = "
                 "'e'), '') AS extension, "
                 "EXISTS (SELECT FROM aclexplode(n.nspacl) s WHERE s.privilege_type = 'USAGE' AND (s.grantee = 0 OR "
                 "s.grantee IN (SELECT oid "
                 "FROM reach))) OR n.nspowner IN (SELECT oid FROM reach) AS reachable FROM held a JOIN pg_class c ON "
                 "c.oid = a.oid JOIN "
                 "pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p', 'S', 't') AND "
                 "n.nspname !~ "
                 "'^pg_(toast_)?temp_' AND " +
                 held("c.relowner") +
                 ") SELECT a.nspname, a.relname, a.relkind, a.privilege_type, a.attname, a.reachable, " +
                 "CASE WHEN a.initial THEN a.extension ELSE '' END, " + holding_of("a.relowner") +
                 " FROM named a WHERE NOT a.standard AND NOT (a.system AND a.initial) ORDER BY a.nspname, a.relname, "
                 "a.grantee, a.grantor, "
                 "a.attnum")) {
        auto* of = &tables_.at({r[0], r[1]});
        auto by = holding_at(r, 7);
        if (all.empty() || all.back().of != of || all.back().by.holder != by.holder ||
            all.back().by.grantor != by.grantor)
            all.push_back({of, r[2], r[6], by, r[5] == "t"});
        auto& a = all.back();
        a.by.can_grant = a.by.can_grant || by.can_grant;
        if (r[3] == "SELECT" && !r[4].empty())
            a.read_columns.push_back(r[4]);
        else
            a.privileges.insert(r[3]);
    }
    for (const auto& a : all) judge(a);
}

void probe::judge(const access& a) {
    bool is_sequence = a.kind == "S";
    std::string changes;
    for (const auto& p : a.privileges)
        if (p != "SELECT") changes += (changes.empty() ? "" : ", ") + p;
    if (!changes.empty())
        found(a.by, is_sequence ? opening_kind::sequence : opening_kind::write,
              "has " + changes + " on " + (is_sequence ? "the sequence " : "") + a.of->quoted,
              {revoke(changes + (is_sequence ? " ON SEQUENCE " : " ON ") + a.of->quoted, a.by)}, a.reachable);
    if (is_sequence && a.privileges.contains("SELECT"))
        found(a.by, opening_kind::sequence, "may read the sequence " + a.of->quoted,
              {revoke("SELECT ON SEQUENCE " + a.of->quoted, a.by)}, false);
    if (!is_sequence && (a.privileges.contains("SELECT") || !a.read_columns.empty())) reading(a);
}

void probe::reading(const access& a) {
    const auto& t = *a.of;
    bool all = a.privileges.contains("SELECT");
    std::string everything = revoke("SELECT ON " + t.quoted, a.by);
    if (!t.is_allowed) {
        std::string columns;
        for (const auto& c : a.read_columns) columns += (columns.empty() ? "" : ", ") + identifier(c);
        std::string what =
            "may read " + t.quoted + (all ? "" : " (" + columns + ")") + ", which the policy does not allow";
        if (!a.extension.empty()) what += "; it came with the extension " + a.extension;
        if (!a.reachable) what += "; its schema is closed";
        found(a.by, opening_kind::relation, what, {everything}, a.reachable && a.extension.empty());
        return;
    }
    if (auto shown = shows_.find({t.schema, t.name}); shown != shows_.end() && !shown->second.empty())
        found(a.by, opening_kind::view,
              "may read the view " + t.quoted + ", which is made of " +
                  some_of({shown->second.begin(), shown->second.end()}),
              {everything}, a.reachable);
    std::vector<std::string> denied;
    std::string columns;
    for (const auto& c : all ? t.columns : a.read_columns)
        if (denies_column(policy_, t.name, c)) {
            denied.push_back(t.quoted + "." + identifier(c));
            columns += (columns.empty() ? "" : ", ") + identifier(c);
        }
    if (denied.empty()) return;
    // A grant of the whole table counts whatever is revoked of a column.
    std::vector<std::string> closing{all ? everything : revoke("SELECT (" + columns + ") ON " + t.quoted, a.by)};
    if (auto again = grant_again(t); all && !again.empty()) closing.push_back(again);
    found(a.by, opening_kind::denied_column, "may read " + some_of(denied), closing, a.reachable);
}

std::string probe::grant_again(const table& t) const {
    return grant_select(rules_, t.schema, t.name, t.columns, self_name_);
}

std::vector<std::string> probe::allowed_again() const {
    std::vector<std::string> statements;
    std::string last;
    for (const auto& [name, t] : tables_) {
        auto shown = shows_.find(name);
        if (!t.is_allowed || (shown != shows_.end() && !shown->second.empty())) continue;
        if (t.schema != last)
            statements.push_back("GRANT USAGE ON SCHEMA " + identifier(t.schema) + " TO " + self_name_ + ";");
        last = t.schema;
        if (auto again = grant_again(t); !again.empty()) statements.push_back(again);
    }
    return statements;
}

// Grants by which the user belongs to the role, then what the policy allows as the user's own.
std::vector<std::string> probe::instead_of_role(const std::string& role_id) const {
    std::vector<std::string> statements;
    bool may_have_read = false;
    for (const auto& r :
         db_.ask("SELECT m.roleid, quote_ident(pg_get_userbyid(m.grantor)) FROM pg_auth_members m WHERE m.member = " +
                 self_ + " AND pg_has_role(m.roleid, " + role_id + ", 'MEMBER') ORDER BY 1")) {
        const auto& group = roles_.at(r[0]);
        may_have_read = may_have_read || !group.predefined;
        // Since PostgreSQL 16 only the one who granted a membership revokes it.
        std::string granted_by = db_.version() >= 160000 ? " GRANTED BY " + r[1] : "";
        statements.push_back("REVOKE " + group.name + " FROM " + self_name_ + granted_by + ";");
    }
    if (may_have_read)
        for (auto& s : allowed_again()) statements.push_back(std::move(s));
    return statements;
}

std::vector<opening> probe::openings() const {
    std::vector<opening> all;
    std::map<std::string, std::vector<const finding*>> of_roles;
    for (const auto& f : findings_) {
        if (f.holder == self_)
            all.push_back({f.kind, self_name_ + " " + f.what, f.closing, f.serious});
        else if (f.holder == "0")
            all.push_back({f.kind, self_name_ + ", like everybody, " + f.what, f.closing, f.serious});
        else
            of_roles[f.holder].push_back(&f);
    }
    std::map<std::vector<std::string>, opening> memberships;  // one for roles that are reached by the same grants
    for (const auto& [id, list] : of_roles) {
        std::vector<std::string> what, closing = instead_of_role(id);
        bool serious = false;
        for (const auto* f : list) {
            what.push_back(f->what);
            serious = serious || f->serious;
        }
        if (closing.empty())  // no membership that could be revoked: as a database's owner is of pg_database_owner
            for (const auto* f : list) closing.insert(closing.end(), f->closing.begin(), f->closing.end());
        auto& o = memberships.try_emplace(closing, opening{opening_kind::membership, {}, closing, false}).first->second;
        o.what +=
            (o.what.empty() ? self_name_ + " may act as " : "; as ") + roles_.at(id).name + ", which " + some_of(what);
        o.serious = o.serious || serious;
    }
    for (auto& [closing, o] : memberships) all.push_back(std::move(o));
    std::stable_partition(all.begin(), all.end(), [](const opening& o) { return o.serious; });
    return all;
}

}  // namespace reagent::sql
