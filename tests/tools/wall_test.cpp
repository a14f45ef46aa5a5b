// The wall on a real server: what a user may do beyond the policy is found, and the statements that come with it close
// it.
#include "support/postgres_server.hpp"

#include <reagent/error.hpp>
#include <reagent/tools/ready.hpp>
#include <reagent/tools/wall.hpp>

#include "../../tools/src/postgres/catalog.hpp"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <random>

using namespace reagent;
using namespace reagent::test;
using sql::opening_kind;

namespace {

postgres_server& server() {
    static postgres_server s;
    return s;
}

// A shop whose `reader` stands behind the wall; made anew for every test.
const char* const clean =
    "DO $$ DECLARE r record; BEGIN "
    "FOR r IN SELECT rolname FROM pg_roles WHERE oid >= 16384 LOOP EXECUTE format('DROP OWNED BY %I CASCADE', "
    "r.rolname); END LOOP; "
    "FOR r IN SELECT rolname FROM pg_roles WHERE oid >= 16384 LOOP EXECUTE format('DROP ROLE %I', r.rolname); END "
    "LOOP; "
    "FOR r IN SELECT nspname FROM pg_namespace WHERE oid >= 16384 AND nspname !~ '^pg_' OR nspname = 'public' LOOP "
    "EXECUTE "
    "format('DROP SCHEMA %I CASCADE', r.nspname); END LOOP; "
    "FOR r IN SELECT fdwname FROM pg_foreign_data_wrapper LOOP EXECUTE format('DROP FOREIGN DATA WRAPPER %I CASCADE', "
    "r.fdwname); END "
    "LOOP; "
    "PERFORM lo_unlink(oid) FROM pg_largeobject_metadata; END $$;"
    "CREATE SCHEMA public; GRANT USAGE ON SCHEMA public TO PUBLIC;";

const char* const shop =
    "CREATE TABLE customers(id integer PRIMARY KEY, name text, ssn text); INSERT INTO customers VALUES (1, 'Ingrid', "
    "'111-11-1111');"
    "CREATE TABLE \"Orders \"\"of\"\" 2024\"(id integer PRIMARY KEY, total numeric); INSERT INTO \"Orders \"\"of\"\" "
    "2024\" VALUES (1, 10);"
    "CREATE TABLE secrets(word text); CREATE SEQUENCE numbers;"
    "CREATE ROLE staff; CREATE ROLE boss;"
    "CREATE ROLE reader LOGIN NOINHERIT; GRANT SELECT (id, name) ON customers TO reader;"
    "GRANT SELECT ON \"Orders \"\"of\"\" 2024\" TO reader;";

struct fresh_shop {
    fresh_shop() { server().run(std::string{clean} + shop); }
};

sql::policy shop_policy() {
    sql::policy p;
    p.allowed_tables = {"customers", "Orders \"of\" 2024", "shown", "secrets"};
    p.denied_tables = {"secrets"};  // which counts more
    p.denied_columns = {"customers.ssn"};
    return p;
}

std::vector<sql::opening> probe(const std::string& user = "reader", const sql::policy& p = shop_policy()) {
    return sql::probe_wall(secret{server().conninfo(user)}, p);
}

std::vector<sql::opening> serious(std::vector<sql::opening> all) {
    std::erase_if(all, [](const sql::opening& o) { return !o.serious; });
    return all;
}

std::string words(const std::vector<sql::opening>& all) {
    std::string text;
    for (const auto& o : all) {
        text += std::string{to_string(o.kind)} + ": " + o.what + "\n";
        for (const auto& s : o.closing) text += "  " + s + "\n";
    }
    return text;
}

void close(const std::vector<sql::opening>& all) {
    for (const auto& o : all)
        for (const auto& s : o.closing) {
            BOOST_TEST_CONTEXT(s) { BOOST_REQUIRE_NO_THROW(server().run(s)); }
        }
}

// "" when the user may run it, else the server's words.
std::string refusal(const std::string& statement, const std::string& user = "reader") {
    postgres::catalog c{secret{server().conninfo(user)}};
    try {
        c.ask(statement);
    } catch (const tool_error& e) {
        return e.what();
    }
    return "";
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }

struct mistake {
    const char* name;
    const char* setup;
    opening_kind kind;
    const char* part;  // of what is told
};
std::ostream& operator<<(std::ostream& out, const mistake& m) { return out << m.name; }

const mistake mistakes[]{
    {"a forgotten table", "GRANT SELECT ON secrets TO reader", opening_kind::relation,
     "reader may read public.secrets"},
    {"a column of a forgotten table", "GRANT SELECT (word) ON secrets TO reader", opening_kind::relation, "(\"word\")"},
    {"a forgotten table, through everybody", "GRANT SELECT ON secrets TO PUBLIC", opening_kind::relation,
     "reader, like everybody, may read"},
    {"a table of another schema",
     "CREATE SCHEMA \"Back Office\"; GRANT USAGE ON SCHEMA \"Back Office\" TO reader; CREATE TABLE \"Back "
     "Office\".customers(id integer);"
     "GRANT SELECT ON \"Back Office\".customers TO reader",
     opening_kind::relation, "\"Back Office\".customers"},
    {"a partition",
     "CREATE TABLE shown(day date) PARTITION BY RANGE (day); CREATE TABLE part PARTITION OF shown DEFAULT; GRANT "
     "SELECT ON shown, part TO "
     "reader",
     opening_kind::relation, "public.part"},
    {"the passwords", "GRANT SELECT ON pg_authid TO reader", opening_kind::relation, "pg_authid"},
    {"the whole table", "GRANT SELECT ON customers TO reader", opening_kind::denied_column,
     "reader may read public.customers.\"ssn\""},
    {"the whole table, through everybody", "GRANT SELECT ON customers TO PUBLIC", opening_kind::denied_column,
     "like everybody"},
    {"the denied column", "GRANT SELECT (ssn) ON customers TO reader", opening_kind::denied_column, "\"ssn\""},
    {"the denied column, through everybody", "GRANT SELECT (id, ssn) ON customers TO PUBLIC",
     opening_kind::denied_column, "\"ssn\""},
    {"a role that reads it", "GRANT SELECT ON customers TO staff; GRANT staff TO reader", opening_kind::membership,
     "reader may act as staff, which may read public.customers.\"ssn\""},
    {"a role that reads it, and all the rest",
     "REVOKE SELECT ON customers FROM reader; GRANT SELECT ON customers TO staff; GRANT staff TO reader",
     opening_kind::membership, "reader may act as staff"},
    {"a role of a role", "GRANT SELECT (ssn) ON customers TO boss; GRANT boss TO staff; GRANT staff TO reader",
     opening_kind::membership, "reader may act as boss"},
    {"a role that owns", "ALTER TABLE secrets OWNER TO staff; GRANT staff TO reader", opening_kind::membership,
     "owns table public.secrets"},
    {"a role that is a superuser", "CREATE ROLE dba SUPERUSER; GRANT dba TO reader", opening_kind::membership,
     "superuser"},
    {"files of the server", "GRANT pg_read_server_files TO reader", opening_kind::membership,
     "reads any file of the server"},
    {"programs", "GRANT pg_execute_server_program TO staff; GRANT staff TO reader", opening_kind::membership,
     "runs programs"},
    {"all data", "GRANT pg_read_all_data TO reader", opening_kind::membership, "reads every table"},
    {"the statements of others", "GRANT pg_monitor TO reader", opening_kind::membership, "pg_monitor"},
    {"row-level security", "ALTER ROLE reader BYPASSRLS", opening_kind::attribute, "BYPASSRLS"},
    {"making users", "ALTER ROLE reader CREATEROLE", opening_kind::attribute, "CREATEROLE"},
    {"replication", "ALTER ROLE reader REPLICATION", opening_kind::attribute, "REPLICATION"},
    {"making databases", "ALTER ROLE reader CREATEDB", opening_kind::attribute, "CREATEDB"},
    {"another superuser", "ALTER ROLE reader SUPERUSER", opening_kind::attribute, "superuser"},
    {"ownership of a table", "ALTER TABLE customers OWNER TO reader", opening_kind::ownership,
     "owns table public.customers"},
    {"ownership of the database", "ALTER DATABASE postgres OWNER TO reader", opening_kind::ownership,
     "database postgres"},
    {"ownership of a schema", "CREATE SCHEMA mine AUTHORIZATION reader", opening_kind::ownership, "schema mine"},
    {"inserting", "GRANT INSERT ON customers TO reader", opening_kind::write, "reader has INSERT on public.customers"},
    {"changing a column", "GRANT UPDATE (name) ON customers TO reader", opening_kind::write,
     "UPDATE on public.customers"},
    {"emptying a table", "GRANT TRUNCATE, TRIGGER, REFERENCES ON secrets TO PUBLIC", opening_kind::write,
     "REFERENCES, TRIGGER, TRUNCATE"},
    {"a sequence", "GRANT USAGE ON SEQUENCE numbers TO reader", opening_kind::sequence,
     "has USAGE on the sequence public.numbers"},
    {"making tables", "GRANT CREATE ON SCHEMA public TO PUBLIC", opening_kind::create, "schema public"},
    {"making schemas", "GRANT CREATE ON DATABASE postgres TO reader", opening_kind::create, "database postgres"},
    {"the owner's rights",
     "CREATE FUNCTION \"Word of\"(a integer) RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT word FROM secrets'",
     opening_kind::function, "public.\"Word of\"(integer), with the rights of its owner"},
    {"the owner's rights in a procedure",
     "CREATE PROCEDURE p(a integer, OUT b text) LANGUAGE sql SECURITY DEFINER AS 'SELECT word FROM secrets'",
     opening_kind::function, "SECURITY DEFINER"},
    {"an untrusted language", "CREATE FUNCTION own(text) RETURNS integer LANGUAGE internal AS 'textlen'",
     opening_kind::function, "in the language internal"},
    {"reading files", "GRANT EXECUTE ON FUNCTION pg_read_file(text) TO reader", opening_kind::function,
     "pg_read_file(text)"},
    {"writing files", "GRANT EXECUTE ON FUNCTION lo_export(oid, text), pg_reload_conf() TO PUBLIC",
     opening_kind::function, "lo_export"},
    {"other servers", "CREATE EXTENSION dblink", opening_kind::function, "of the extension dblink"},
    {"a foreign server",
     "CREATE FOREIGN DATA WRAPPER far; CREATE SERVER \"Far Away\" FOREIGN DATA WRAPPER far; GRANT USAGE ON FOREIGN "
     "SERVER \"Far Away\" TO "
     "reader",
     opening_kind::foreign_data, "\"Far Away\""},
    {"a foreign data wrapper", "CREATE FOREIGN DATA WRAPPER far; GRANT USAGE ON FOREIGN DATA WRAPPER far TO reader",
     opening_kind::foreign_data, "far"},
    {"a large object", "SELECT lo_create(4711); GRANT SELECT ON LARGE OBJECT 4711 TO reader",
     opening_kind::large_object, "4711"},
    {"every large object", "ALTER ROLE reader SET lo_compat_privileges = on", opening_kind::large_object,
     "lo_compat_privileges"},
    {"a parameter", "GRANT SET ON PARAMETER session_replication_role TO reader", opening_kind::parameter,
     "session_replication_role"},
    {"what another than the owner granted",
     "GRANT SELECT ON secrets TO boss WITH GRANT OPTION; SET ROLE boss; GRANT SELECT ON secrets TO reader; RESET ROLE",
     opening_kind::relation, "secrets"},
    {"what may be granted on",
     "GRANT SELECT ON secrets TO reader WITH GRANT OPTION; SET ROLE reader; GRANT SELECT ON secrets TO staff; RESET "
     "ROLE",
     opening_kind::relation, "secrets"},
    {"a view of the denied column",
     "CREATE VIEW shown AS SELECT id, upper(ssn) AS number FROM customers; GRANT SELECT ON shown TO reader",
     opening_kind::view, "made of public.customers.\"ssn\""},
    {"a view of such a view",
     "CREATE VIEW inner_view AS SELECT ssn AS number FROM customers; CREATE VIEW shown AS SELECT number FROM "
     "inner_view; GRANT SELECT ON "
     "shown "
     "TO PUBLIC",
     opening_kind::view, "\"ssn\""},
    {"a view of whole rows",
     "CREATE VIEW shown AS SELECT to_json(c) AS j FROM customers c; GRANT SELECT ON shown TO reader",
     opening_kind::view, "\"ssn\""},
    {"a view of a denied table", "CREATE VIEW shown AS SELECT count(*) FROM secrets; GRANT SELECT ON shown TO reader",
     opening_kind::view, "public.secrets"},
    {"a materialized view",
     "CREATE MATERIALIZED VIEW shown AS SELECT ssn AS number FROM customers; GRANT SELECT ON shown TO reader",
     opening_kind::view, "\"ssn\""},
};

}  // namespace

BOOST_AUTO_TEST_SUITE(the_wall)

BOOST_DATA_TEST_CASE_F(fresh_shop, a_mistake_is_found_and_its_statements_close_it, mistakes, m) {
    server().run(m.setup);
    auto found = serious(probe());
    BOOST_TEST(found.size() == 1u, words(found));
    BOOST_REQUIRE(!found.empty());
    BOOST_TEST(to_string(found[0].kind) == to_string(m.kind), words(found));
    BOOST_TEST(has(found[0].what, m.part), words(found));
    close(found);
    BOOST_TEST(sql::behind_wall(probe()), words(serious(probe())));
    BOOST_TEST(refusal("SELECT id, name FROM public.customers") == "");
    BOOST_TEST(refusal("SELECT * FROM public.\"Orders \"\"of\"\" 2024\"") == "");
    BOOST_TEST(has(refusal("SELECT ssn FROM public.customers"), "permission denied"));
    BOOST_TEST(has(refusal("SELECT word FROM public.secrets"), "permission denied"));
}

BOOST_FIXTURE_TEST_CASE(who_reads_what_the_policy_allows_stands_behind_the_wall, fresh_shop) {
    for (const char* harmless :
         {"SELECT 1", "GRANT SELECT ON \"Orders \"\"of\"\" 2024\" TO staff; GRANT staff TO reader",
          "CREATE EXTENSION pg_trgm; CREATE EXTENSION hstore",                               // C, but not of one's own
          "CREATE FUNCTION twice(integer) RETURNS integer LANGUAGE sql AS 'SELECT $1 * 2'",  //
          "CREATE FUNCTION fired() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RETURN NEW; END'",
          "CREATE SCHEMA closed; CREATE FUNCTION closed.f() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT word "
          "FROM secrets'",
          "CREATE SCHEMA shut; CREATE TABLE shut.t(a integer); GRANT SELECT ON shut.t TO reader",  // and nobody can
                                                                                                   // name it
          "CREATE EXTENSION pg_stat_statements",  // its view is everybody's
          "CREATE VIEW shown AS SELECT id, name FROM customers; GRANT SELECT ON shown TO reader",
          "CREATE OR REPLACE VIEW shown WITH (security_invoker) AS SELECT id, ssn AS name FROM customers"}) {
        server().run(harmless);
        BOOST_TEST(sql::behind_wall(probe()), harmless << "\n" << words(serious(probe())));
    }
}

BOOST_FIXTURE_TEST_CASE(nothing_binds_a_superuser_whatever_role_it_takes_on, fresh_shop) {
    for (const std::string& user : {std::string{"owner"}, std::string{"owner options='-c role=reader'"}}) {
        auto found = probe(user);
        BOOST_REQUIRE(found.size() == 1u);
        BOOST_TEST(has(found[0].what, "owner is a superuser"));
        BOOST_TEST(found[0].closing.empty());  // the first superuser has to stay one
    }
}

BOOST_FIXTURE_TEST_CASE(notes_are_told_and_closed, fresh_shop) {
    server().run(
        "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO reader; GRANT TEMPORARY ON DATABASE "
        "postgres TO PUBLIC");
    auto notes = probe();
    BOOST_TEST(sql::behind_wall(notes));
    std::string text = words(notes);
    for (const char* part :
         {"REVOKE EXECUTE ON FUNCTION pg_catalog.pg_sleep(double precision) FROM PUBLIC;", "pg_advisory_lock",
          "set_config", "query_to_xml", "lo_put", "REVOKE TEMPORARY ON DATABASE postgres FROM PUBLIC;",
          "temp_file_limit = '256MB'", "statement_timeout", "CONNECTION LIMIT",
          "REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC;",
          "ALTER DEFAULT PRIVILEGES FOR ROLE owner IN SCHEMA public REVOKE SELECT ON TABLES FROM reader;"})
        BOOST_TEST(has(text, part), part);
    close(notes);
    BOOST_TEST(probe().empty(), words(probe()));
    server().run(
        "GRANT USAGE ON LANGUAGE plpgsql TO PUBLIC; DO $$ DECLARE f record; BEGIN FOR f IN SELECT oid::regprocedure AS "
        "name FROM pg_proc p "
        "WHERE "
        "pronamespace = 'pg_catalog'::regnamespace AND proacl IS NOT NULL AND NOT EXISTS (SELECT FROM pg_init_privs i "
        "WHERE i.objoid = "
        "p.oid) "
        "LOOP EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO PUBLIC', f.name); END LOOP; END $$");
}

BOOST_FIXTURE_TEST_CASE(a_function_that_the_policy_allows_by_name_is_a_note, fresh_shop) {
    server().run(
        "CREATE FUNCTION top() RETURNS integer LANGUAGE sql SECURITY DEFINER AS 'SELECT max(id) FROM customers'");
    auto p = shop_policy();
    BOOST_TEST(!sql::behind_wall(probe("reader", p)));
    p.allowed_functions = {"top"};
    BOOST_TEST(sql::behind_wall(probe("reader", p)));
    BOOST_TEST(has(words(probe("reader", p)), "the policy allows it by name"));
}

BOOST_FIXTURE_TEST_CASE(many_mistakes_are_closed_at_once, fresh_shop) {
    server().run(
        "CREATE SCHEMA hidden AUTHORIZATION staff; GRANT SELECT ON ALL TABLES IN SCHEMA public TO PUBLIC; GRANT INSERT "
        "ON customers TO "
        "reader;"
        "GRANT SELECT ON customers TO staff; GRANT staff TO boss; GRANT boss TO reader; GRANT pg_monitor TO staff; "
        "ALTER ROLE reader "
        "CREATEROLE;"
        "ALTER TABLE \"Orders \"\"of\"\" 2024\" OWNER TO reader; GRANT CREATE ON SCHEMA public TO PUBLIC;"
        "CREATE FUNCTION word() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT word FROM secrets'");
    auto found = serious(probe());
    BOOST_TEST(found.size() >= 8u, words(found));
    close(found);
    BOOST_TEST(sql::behind_wall(probe()), words(serious(probe())));
    BOOST_TEST(refusal("SELECT name FROM public.customers") == "");
    BOOST_TEST(refusal("SELECT * FROM public.\"Orders \"\"of\"\" 2024\"") == "");
}

// The server's own functions are the judge: has_column_privilege and has_table_privilege for the user and each role it
// may become.
BOOST_FIXTURE_TEST_CASE(the_verdict_is_the_servers_own, fresh_shop) {
    const std::string truth =
        "WITH who AS (SELECT oid FROM pg_roles WHERE pg_has_role('reader', oid, 'MEMBER')) SELECT EXISTS (SELECT FROM "
        "who, pg_class c, "
        "pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND c.relnamespace = 'public'::regnamespace AND "
        "c.relkind = 'r' AND "
        "has_column_privilege(who.oid, c.oid, a.attnum, 'SELECT') AND (a.attname = 'ssn' OR c.relname = 'secrets')) OR "
        "EXISTS (SELECT FROM "
        "who, pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND "
        "(has_table_privilege(who.oid, c.oid, "
        "'DELETE, "
        "TRUNCATE, TRIGGER') OR has_any_column_privilege(who.oid, c.oid, 'INSERT, UPDATE, REFERENCES')))";
    std::mt19937 random{7};
    auto one_of = [&](std::vector<std::string> v) { return v[random() % v.size()]; };
    int open_ones = 0;
    for (int i = 0; i < 40; ++i) {
        server().run(std::string{clean} + shop);
        std::string setup;
        for (auto n = random() % 5; n > 0; --n) {
            std::string to = " TO " + one_of({"reader", "staff", "boss", "PUBLIC"});
            std::string table = one_of({"customers", "secrets", "\"Orders \"\"of\"\" 2024\""});
            setup += one_of(
                {"GRANT SELECT (id, name) ON customers" + to + ";", "GRANT SELECT (ssn) ON customers" + to + ";",
                 "GRANT SELECT ON " + table + to + ";", "GRANT staff TO reader;", "GRANT boss TO reader;",
                 "GRANT SELECT ON \"Orders \"\"of\"\" 2024\"" + to + ";", "REVOKE SELECT ON customers FROM reader;",
                 "GRANT " + one_of({"DELETE", "TRIGGER", "UPDATE (id)"}) + " ON \"Orders \"\"of\"\" 2024\"" + to + ";",
                 "ALTER TABLE customers OWNER TO " + one_of({"staff", "boss"}) + ";"});
        }
        server().run(setup.empty() ? "SELECT 1" : setup);
        BOOST_TEST_CONTEXT(setup) {
            bool open = server().ask(truth) == "t";
            open_ones += open;
            auto found = serious(probe());
            BOOST_TEST(found.empty() == !open, words(found));
            close(found);
            BOOST_TEST(server().ask(truth) == "f");
            BOOST_TEST(sql::behind_wall(probe()), words(serious(probe())));
        }
    }
    BOOST_TEST(open_ones > 8);  // both verdicts are met
    BOOST_TEST(open_ones < 38);
}

BOOST_FIXTURE_TEST_CASE(the_script_makes_a_user_behind_the_wall_twice, fresh_shop) {
    const std::string role = "Ann's \"own\" $do$ \\Reader", user = "'Ann\\'s \"own\" $do$ \\\\Reader'";
    sql::schema columns{{"customers", {"id", "name", "ssn"}}, {"Orders \"of\" 2024", {"id", "total"}}};
    auto p = shop_policy();
    p.allowed_tables = {"customers", "Orders \"of\" 2024", "archive.orders", "secrets"};
    server().run(
        "CREATE SCHEMA archive; CREATE TABLE archive.orders(id integer); CREATE TABLE archive.other(id integer)");
    std::string script = sql::grants(p, columns, role);
    server().run(script);
    // What somebody gave the role since then is gone after the second time.
    std::string quoted = "\"Ann's \"\"own\"\" $do$ \\Reader\"";
    server().run("GRANT SELECT, INSERT ON customers, secrets, archive.other TO " + quoted +
                 "; GRANT SELECT ON secrets TO staff; GRANT staff TO " + quoted + "; ALTER ROLE " + quoted +
                 " CREATEROLE SUPERUSER");
    BOOST_TEST(!sql::behind_wall(probe(user, p)));
    server().run(script);
    BOOST_TEST(sql::behind_wall(probe(user, p)), words(serious(probe(user, p))));
    for (const char* allowed :
         {"SELECT id, name FROM public.customers", "SELECT sum(total) FROM public.\"Orders \"\"of\"\" 2024\"",
          "SELECT count(*) FROM archive.orders"})
        BOOST_TEST(refusal(allowed, user) == "", allowed);
    for (const char* denied :
         {"SELECT ssn FROM public.customers", "SELECT * FROM public.customers", "SELECT c FROM public.customers c",
          "SELECT word FROM public.secrets", "SELECT id FROM archive.other"})
        BOOST_TEST(has(refusal(denied, user), "permission denied"), denied);
    std::string all = words(probe(user, p));
    for (const char* closed : {"limit", "TEMPORARY", "CREATE"}) BOOST_TEST(!has(all, closed), all);
    server().run("GRANT TEMPORARY ON DATABASE postgres TO PUBLIC");
}

BOOST_FIXTURE_TEST_CASE(a_table_of_several_schemas_is_granted_where_it_is, fresh_shop) {
    server().run("CREATE SCHEMA archive; CREATE TABLE archive.orders(id integer)");
    auto p = shop_policy();
    p.allowed_schemas = {"public", "archive"};
    p.allowed_tables = {"customers", "orders"};
    server().run(sql::grants(p, {{"customers", {"id", "ssn"}}}, "both"));
    BOOST_TEST(refusal("SELECT id FROM archive.orders", "both") == "");
    BOOST_TEST(refusal("SELECT id FROM public.customers", "both") == "");
    BOOST_TEST(
        has(refusal("SELECT name FROM public.customers", "both"), "permission denied"));  // not listed, not granted
    BOOST_TEST(sql::behind_wall(probe("both", p)), words(serious(probe("both", p))));
    server().run("GRANT TEMPORARY ON DATABASE postgres TO PUBLIC");
}

BOOST_AUTO_TEST_CASE(no_script_is_better_than_a_wrong_one) {
    auto says = [](const sql::policy& p, const sql::schema& s, const std::string& role, const char* part) {
        try {
            sql::grants(p, s, role);
            BOOST_ERROR("a script for \"" << role << "\"");
        } catch (const error& e) {
            BOOST_TEST(has(e.what(), part), e.what());
        }
    };
    says(shop_policy(), {}, "reader", "columns of \"customers\"");
    for (const std::string& name :
         {std::string{""}, std::string{"public"}, std::string{"pg_own"}, std::string{"a\nb"}, std::string(64, 'x')})
        says(shop_policy(), {{"customers", {"id"}}}, name, "cannot be a role's name");
    says({}, {}, "reader", "allows no table");
    says({.allowed_tables = {"orders"}, .allowed_schemas = {}}, {}, "reader", "in which schema is \"orders\"");
    sql::policy lite{.dialect = sql::dialect::sqlite, .allowed_tables = {"orders"}};
    says(lite, {}, "reader", "SQLite has no users");
    BOOST_CHECK_THROW(sql::probe_wall(secret{"host=nowhere"}, lite), tool_error);
}

BOOST_AUTO_TEST_CASE(a_password_is_in_no_error) {
    for (const char* conninfo :
         {"host=127.0.0.1 port=1 user=x password=hunter2 connect_timeout=2", "password=a hunter2",
          "postgresql://x:pass@hunter2@127.0.0.1:1/x", "postgresql://x:0/hunter2@127.0.0.1:1/x", "pasword=hunter2",
          "postgresql://x:%hunter2@127.0.0.1:1/x", "hunter2",
          "postgresql://x:hunter2@127.0.0.1:1/x?connect_timeout=2"}) {
        try {
            sql::probe_wall(secret{conninfo}, shop_policy());
            BOOST_ERROR("was reached");
        } catch (const tool_error& e) {
            BOOST_TEST(!has(e.what(), "hunter2"), e.what());
        }
    }
}

BOOST_FIXTURE_TEST_CASE(a_denied_column_that_is_none_is_told, fresh_shop) {
    auto p = shop_policy();
    p.denied_columns = {"customers.snn"};
    BOOST_CHECK_EXCEPTION(probe("reader", p), tool_error,
                          [](const tool_error& e) { return has(e.what(), "did you mean \"ssn\""); });
    BOOST_CHECK_EXCEPTION(sql::grants(p, {{"customers", {"id", "ssn"}}}, "r"), schema_error,
                          [](const schema_error& e) { return has(e.what(), "did you mean \"ssn\""); });
}

BOOST_FIXTURE_TEST_CASE(the_script_takes_nothing_from_whoever_runs_it, fresh_shop) {
    auto script = sql::grants(shop_policy(), {{"customers", {"id", "ssn"}}}, "owner");
    BOOST_CHECK_EXCEPTION(server().run(script), std::runtime_error,
                          [](const std::runtime_error& e) { return has(e.what(), "takes rights away"); });
    server().run("ROLLBACK");
    BOOST_TEST(server().ask("SELECT rolsuper FROM pg_roles WHERE rolname = 'owner'") == "t");
}

BOOST_FIXTURE_TEST_CASE(what_stands_in_information_schema_beside_the_standard_is_seen, fresh_shop) {
    server().run(
        "CREATE VIEW information_schema.zz AS SELECT ssn AS x FROM customers; GRANT SELECT ON information_schema.zz TO "
        "PUBLIC");
    BOOST_TEST(!sql::behind_wall(probe("reader")));
    server().run("DROP VIEW information_schema.zz");
}

BOOST_FIXTURE_TEST_CASE(the_query_tool_wants_a_wall, fresh_shop) {
    auto make = [](const std::string& user, bool without_wall = false) {
        auto policy = shop_policy();
        std::erase(policy.allowed_tables, "shown");  // the view that is not made here
        return ready::postgres_query(secret{server().conninfo(user)}, {.policy = policy, .without_wall = without_wall});
    };
    BOOST_CHECK_NO_THROW(make("reader"));
    BOOST_CHECK_NO_THROW(make("owner", true));
    server().run(
        "DO $$ BEGIN FOR i IN 1..12 LOOP EXECUTE 'CREATE TABLE t' || i || '(a integer); GRANT SELECT ON t' || i || ' "
        "TO reader'; END LOOP; "
        "END $$");
    try {
        make("reader");
        BOOST_ERROR("was made");
    } catch (const tool_error& e) {
        BOOST_TEST((e.code() == tool_errc::bad_configuration));
        for (const char* part : {"- reader may read public.t1,", "REVOKE SELECT ON public.t1 FROM reader;",
                                 "and 2 more", "reagent sql probe", "reagent sql grants", ".without_wall = true"})
            BOOST_TEST(has(e.what(), part), e.what());
    }
}

BOOST_AUTO_TEST_SUITE_END()
