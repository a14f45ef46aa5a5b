#include "support/cases.hpp"

#include <reagent/error.hpp>
#include <reagent/tools/sql.hpp>

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <map>
#include <set>

using namespace reagent;
using namespace reagent::test;

namespace {

struct sql_case {
    const json::object* corpus;
    json::object data;
    std::string statement() const {
        auto text = [](const json::value& v) { return std::string{std::string_view{v.as_string()}}; };
        if (auto* s = data.if_contains("sql")) return text(*s);
        std::string all;
        for (const auto& part : data.at("sql_parts").as_array())
            for (std::int64_t i = 0; i < part.at(1).as_int64(); ++i) all += text(part.at(0));
        return all;
    }
    sql::policy policy() const {
        return sql::policy_from_json(corpus->at("policies").at(data.at("policy").as_string()));
    }
    sql::schema schema() const { return sql::schema_from_json(corpus->at("schema")); }
};
std::ostream& operator<<(std::ostream& out, const sql_case& c) { return out << c.data.at("id").as_string().c_str(); }

const json::object& corpus(const std::string& name = "sql_policy") {
    static std::map<std::string, json::object> all;
    auto& c = all[name];
    if (c.empty()) c = read_json("corpora/" + name + ".json").as_object();
    return c;
}

std::vector<sql_case> cases() {
    std::vector<sql_case> list;
    for (const char* name : {"sql_policy", "sql_policy_2", "sql_analysts", "sql_analysts_2"})
        for (const auto& c : corpus(name).at("cases").as_array()) list.push_back({&corpus(name), c.as_object()});
    return list;
}

}  // namespace

BOOST_DATA_TEST_CASE(the_corpora_are_judged_rightly, boost::unit_test::data::make(cases())) {
    std::string statement = sample.statement();
    auto verdict = sql::check(statement, sample.policy(), sample.schema());
    bool allowed = sample.data.at("verdict") == "allow";
    BOOST_TEST(verdict.ok() == allowed, statement.substr(0, 300) << "\n" << verdict.message());
    // What is allowed can be made safe to run.
    if (allowed)
        BOOST_TEST(sql::safe(statement, sample.policy(), sample.schema()).verdict.ok(), statement.substr(0, 300));
    if (allowed || verdict.ok()) return;
    auto listed = json::value_to<std::set<std::string>>(sample.data.at("reasons"));
    bool right = false;
    for (const auto& v : verdict.violations) right = right || listed.contains(std::string{sql::to_string(v.code)});
    BOOST_TEST(right, statement.substr(0, 300) << "\n" << json::serialize(sql::to_json(verdict)));
    // A harmless one that is refused says what would be allowed: this is what somebody wrote who read it.
    if (auto* instead = sample.data.if_contains("instead"))
        BOOST_TEST(sql::check(instead->as_string().c_str(), sample.policy(), sample.schema()).ok(),
                   instead->as_string().c_str());
}

namespace {

struct attack {
    const char* statement;
    bool allowed = false;
    const char* policy = "base";
};
std::ostream& operator<<(std::ostream& out, const attack& a) { return out << a.policy << ": " << a.statement; }

// Of our own, as somebody would try who wants customers.ssn, customers.card_number, another table, or a change.
const attack attacks[]{
    // Names of denied columns, by other ways.
    {"SELECT customers.ssn FROM customers"},
    {"SELECT public.customers.ssn FROM public.customers"},
    {"SELECT (c).ssn FROM customers c"},
    {"SELECT (c.*).ssn FROM customers c"},
    {"SELECT (SELECT c) FROM customers c"},
    {"SELECT c.c FROM (SELECT c FROM customers c) c"},
    {"SELECT row_to_json(c) FROM customers c"},
    {"SELECT to_jsonb(customers) FROM customers"},
    {"SELECT json_agg(c) FROM customers c"},
    {"SELECT array_agg(customers) FROM customers"},
    {"SELECT c.to_json FROM customers c"},
    {"SELECT customers.row_to_json FROM customers"},
    {"SELECT ssn(c) FROM customers c"},
    {"SELECT \"?column?\" FROM customers AS \"?column?\", (SELECT upper('x')) t"},
    {"SELECT upper FROM customers AS upper, (SELECT 1 AS x) t"},
    {"SELECT count(c) FROM customers c"},
    {"SELECT ROW(c.*) FROM customers c"},
    {"SELECT (c IS NULL) FROM customers c"},
    {"SELECT c = c FROM customers c"},
    {"SELECT * FROM customers AS c(a, b, c, d, e)"},
    {"SELECT d FROM customers AS c(a, b, c, d, e)"},
    {"SELECT c.d FROM customers AS c(a, b, c, d, e)"},
    {"SELECT e FROM (customers JOIN orders ON true) AS j(a, b, c, d, e)"},
    {"SELECT j.ssn FROM (customers c JOIN orders o ON c.id = o.customer_id) AS j"},
    {"SELECT j.* FROM (customers c JOIN orders o ON c.id = o.customer_id) AS j"},
    {"SELECT j FROM (customers c JOIN orders o ON c.id = o.customer_id) AS j"},
    {"SELECT 1 FROM customers a JOIN customers b USING (ssn)"},
    {"SELECT 1 FROM customers a NATURAL JOIN customers b"},
    {"SELECT u.ssn FROM customers a JOIN customers b USING (ssn) AS u"},
    {"SELECT id FROM customers ORDER BY ssn"},
    {"SELECT id FROM customers GROUP BY id, ssn"},
    {"SELECT id FROM customers GROUP BY GROUPING SETS ((id), (ssn))"},
    {"SELECT id FROM customers GROUP BY CUBE (ssn), id"},
    {"SELECT count(*) FROM customers HAVING max(ssn) > ''"},
    {"SELECT DISTINCT ON (ssn) id FROM customers"},
    {"SELECT rank() OVER (ORDER BY ssn) FROM customers"},
    {"SELECT rank() OVER w FROM customers WINDOW w AS (PARTITION BY card_number)"},
    {"SELECT string_agg(name, ',' ORDER BY ssn) FROM customers"},
    {"SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY ssn) FROM customers"},
    {"SELECT count(*) FILTER (WHERE ssn LIKE '1%') FROM customers"},
    {"SELECT CASE ssn WHEN '1' THEN 1 END FROM customers"},
    {"SELECT CASE WHEN true THEN ssn END FROM customers"},
    {"SELECT coalesce(name, ssn) FROM customers"},
    {"SELECT greatest(name, ssn) FROM customers"},
    {"SELECT nullif(ssn, '') FROM customers"},
    {"SELECT ARRAY[ssn] FROM customers"},
    {"SELECT (ARRAY[name, ssn])[2] FROM customers"},
    {"SELECT name[ssn::int] FROM customers"},
    {"SELECT name COLLATE \"C\" || ssn FROM customers"},
    {"SELECT ssn IS NOT NULL FROM customers"},
    {"SELECT id FROM customers WHERE (ssn, id) = ('1', 2)"},
    {"SELECT id FROM customers WHERE ssn = ANY (ARRAY['1'])"},
    {"SELECT id FROM customers WHERE EXISTS (SELECT 1 WHERE ssn = '1')"},
    {"SELECT id FROM orders o WHERE EXISTS (SELECT 1 FROM customers WHERE ssn = '1')"},
    {"SELECT (SELECT ssn FROM orders LIMIT 1) FROM customers"},
    {"SELECT x FROM customers, LATERAL (SELECT ssn AS x) l"},
    {"SELECT x FROM customers c, LATERAL (SELECT c.card_number AS x) l"},
    {"SELECT x FROM customers c CROSS JOIN LATERAL unnest(ARRAY[c.ssn]) AS x"},
    {"SELECT x FROM customers, unnest(ARRAY[ssn]) x"},
    {"SELECT s FROM customers, generate_series(1, length(ssn)) s"},
    {"SELECT 1 FROM orders ORDER BY (SELECT max(ssn) FROM customers)"},
    {"SELECT id FROM orders LIMIT (SELECT length(max(ssn)) FROM customers)"},
    {"SELECT id FROM orders OFFSET (SELECT length(max(ssn)) FROM customers)"},
    {"VALUES ((SELECT max(ssn) FROM customers))"},
    {"WITH c AS (SELECT * FROM customers) SELECT ssn FROM c"},
    {"WITH RECURSIVE c AS (SELECT ssn FROM customers UNION SELECT * FROM c) SELECT * FROM c"},
    {"WITH customers AS (SELECT * FROM customers) SELECT id FROM customers"},
    {"SELECT id FROM orders UNION SELECT ssn::int FROM customers"},
    {"(SELECT id FROM orders) UNION (SELECT id FROM customers ORDER BY ssn)"},
    {"SELECT id FROM customers TABLESAMPLE BERNOULLI ((SELECT length(max(ssn)) FROM customers))"},
    {"SELECT \"customers\".\"ssn\" FROM customers"},
    {"SELECT U&\"s\\0073n\" FROM customers"},
    {"SELECT SSN FROM CUSTOMERS"},
    {"SELECT/**/ssn/**/FROM/**/customers"},
    {"TABLE customers"},
    // Other tables.
    {"SELECT * FROM public.users"},
    {"SELECT * FROM other.orders"},
    {"SELECT * FROM db.public.orders"},
    {"SELECT * FROM ONLY (users)"},
    {"SELECT * FROM users AS orders"},
    {"SELECT id FROM orders WHERE id IN (TABLE users)"},
    {"SELECT users.id FROM orders"},
    {"WITH orders AS (SELECT * FROM users) SELECT * FROM orders"},
    {"WITH RECURSIVE t AS (SELECT 1 UNION ALL SELECT id FROM users) SELECT * FROM t"},
    {"WITH t AS (SELECT 1) SELECT * FROM t; SELECT * FROM t"},
    {"SELECT * FROM (WITH users AS (SELECT 1) SELECT * FROM users) a, users"},
    {"SELECT * FROM ROWS FROM (pg_ls_dir('/'))"},
    {"SELECT * FROM pg_catalog.pg_tables"},
    {"SELECT * FROM pg_temp.x"},
    {"SELECT * FROM \"pg_shadow\""},
    {"SELECT * FROM XMLTABLE('/' PASSING '<a/>' COLUMNS a int)"},
    // Functions, casts and operators that reach further.
    {"SELECT 'users'::regclass"},
    {"SELECT CAST('users' AS pg_catalog.regclass)"},
    {"SELECT current_user"},
    {"SELECT session_user"},
    {"SELECT current_catalog"},
    {"SELECT current_setting('data_directory')"},
    {"SELECT query_to_xml('DELETE FROM orders', true, true, '')"},
    {"SELECT pg_catalog.set_config('a', 'b', false)"},
    {"SELECT public.lower('x')"},
    {"SELECT lo_import('/etc/passwd')"},
    {"SELECT lo_get(1)"},
    {"SELECT nextval('s')"},
    {"SELECT pg_terminate_backend(1)"},
    {"SELECT txid_current()"},
    {"SELECT inet_server_addr()"},
    {"SELECT random()", true},
    {"SELECT setseed(0)"},
    {"SELECT 1 OPERATOR(evil.+) 2"},
    {"SELECT id FROM orders ORDER BY id USING OPERATOR(evil.<)"},
    {"SELECT id OPERATOR(pg_catalog.+) 1 FROM orders", true},
    {"SELECT ts_stat('SELECT ssn FROM customers')"},
    {"SELECT cursor_to_xml('c', 1, true, true, '')"},
    {"SELECT xpath('/a', '<a/>'::xml)"},
    // Statements that are none.
    {"EXPLAIN ANALYZE DELETE FROM orders"},
    {"EXPLAIN SELECT 1"},
    {"WITH t AS (INSERT INTO orders DEFAULT VALUES RETURNING id) SELECT * FROM t"},
    {"WITH t AS (UPDATE orders SET id = 1 RETURNING id) SELECT * FROM t"},
    {"WITH a AS (WITH b AS (DELETE FROM orders RETURNING 1) SELECT * FROM b) SELECT * FROM a"},
    {"WITH t AS (MERGE INTO orders USING products ON true WHEN MATCHED THEN DELETE) SELECT 1"},
    {"(SELECT 1 INTO x)"},
    {"SELECT id INTO TEMP t FROM orders"},
    {"SELECT * FROM (SELECT id FROM orders FOR UPDATE) x"},
    {"WITH t AS (SELECT id FROM orders FOR SHARE) SELECT * FROM t"},
    {"SET ROLE postgres"},
    {"TRUNCATE orders"},
    {"ALTER TABLE orders ADD x int"},
    {"MERGE INTO orders USING products ON true WHEN MATCHED THEN DELETE"},
    {"SECURITY LABEL ON TABLE orders IS 'x'"},
    {"LOAD 'x'"},
    {"SELECT 1;;SELECT 2"},
    {"BEGIN; SELECT 1; COMMIT"},
    // What models write around a statement is no SQL.
    {"```sql\nSELECT 1\n```"},
    {"Here is the query: SELECT id FROM orders"},
    {"SELECT id FROM orders\n\nThis counts the orders."},
    {"SELECT $1"},
    // Honest statements.
    {"SELECT c.name, count(*) AS n FROM orders o JOIN customers c ON c.id = o.customer_id GROUP BY c.name ORDER BY n "
     "DESC LIMIT 10",
     true},
    {"SELECT city, avg(total) FROM customers JOIN orders ON orders.customer_id = customers.id GROUP BY city HAVING "
     "count(*) > 3",
     true},
    {"SELECT date_trunc('month', created_at), sum(total) FROM orders GROUP BY 1 ORDER BY 1", true},
    {"SELECT extract(year FROM created_at) FROM orders WHERE created_at > now() - interval '1 month'", true},
    {"SELECT name, rank() OVER (PARTITION BY city ORDER BY id) FROM customers", true},
    {"WITH best AS (SELECT customer_id, sum(total) AS revenue FROM orders GROUP BY customer_id) SELECT c.name, "
     "b.revenue FROM best b JOIN "
     "customers c ON c.id = b.customer_id ORDER BY b.revenue DESC",
     true},
    {"WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 10) SELECT i FROM n", true},
    {"SELECT id FROM orders o WHERE NOT EXISTS (SELECT 1 FROM customers c WHERE c.id = o.customer_id)", true},
    {"SELECT substring(name FROM 1 FOR 3), trim(both ' ' from name), position('a' in name) FROM products", true},
    {"SELECT total::numeric(10,2), created_at AT TIME ZONE 'UTC' FROM orders", true},
    {"SELECT 'x' LIKE 'y', 'a' SIMILAR TO 'b', id IS DISTINCT FROM 1 FROM orders", true},
    {"SELECT ssn FROM (SELECT id AS ssn FROM orders) t", true},
    {"WITH t AS (SELECT name AS ssn FROM customers) SELECT t.ssn FROM t", true},
    {"SELECT t.* FROM (SELECT id, name FROM customers) t", true},
    {"SELECT t FROM (SELECT id FROM customers) t", true},
    {"SELECT count(*) FROM customers", true},
    {"SELECT a FROM customers AS c(a)", true},
    {"SELECT current_date, localtimestamp", true},
    {"SELECT name FROM customers name", true},
    // Rows by functions in places that are not the select list.
    {"SELECT DISTINCT ON (generate_series(1, 100000)) 1", false, "limited"},
    {"SELECT 1 WINDOW w AS (ORDER BY generate_series(1, 100000))", false, "limited"},
    {"SELECT count(*) FROM orders WINDOW w AS (PARTITION BY generate_series(1, 100000))", false, "limited"},
    {"SELECT count(*) OVER w FROM orders WINDOW w AS (PARTITION BY id)", false, "limited"},
    {"SELECT count(*), max(total) FROM orders", true, "limited"},
    // System columns beside a table with denied columns.
    {"SELECT (SELECT ctid FROM customers c WHERE c.id = 1) FROM orders WHERE id = 3"},
    {"SELECT id FROM orders WHERE ctid IN (SELECT ctid FROM customers)"},
    {"SELECT ctid FROM orders", true},
    // Letters that a server of another encoding writes in lower case.
    {"SELECT \u00c9.* FROM customers \"\u00e9\", orders \"\u00c9\""},
    {"SELECT \u00c9.ssn FROM customers \"\u00e9\", (SELECT 1 AS ssn) \"\u00c9\""},
    {"SELECT \u00c9 FROM customers \"\u00e9\", (SELECT 1 AS a) \"\u00c9\""},
    {"SELECT \u00e9.id FROM orders \u00e9", true},
    // SQLite.
    {"SELECT 1 FROM customers a JOIN customers b USING (ssn)", false, "sqlite"},
    {"SELECT 1 FROM customers a JOIN customers b USING (\"SSN\")", false, "sqlite"},
    {"SELECT p.name FROM products p JOIN inventory i USING (product_id)", true, "sqlite"},
    {"SELECT c.ssn FROM customers c", false, "sqlite"},
    {"SELECT * FROM customers", false, "sqlite"},
    {"SELECT count(ssn) FROM customers", false, "sqlite"},
    {"SELECT id FROM customers ORDER BY card_number", false, "sqlite"},
    {"WITH t AS (SELECT ssn FROM customers) SELECT 1 FROM t", false, "sqlite"},
    {"SELECT 1 FROM customers a NATURAL JOIN customers b", false, "sqlite"},
    {"SELECT SSN FROM Customers", false, "sqlite"},
    {"SELECT load_extension('x')", false, "sqlite"},
    {"SELECT readfile('/etc/passwd')", false, "sqlite"},
    {"SELECT randomblob(1000000000)", false, "sqlite"},
    {"SELECT zeroblob(1000000000)", false, "sqlite"},
    {"SELECT last_insert_rowid()", false, "sqlite"},
    {"SELECT fts3_tokenizer('x')", false, "sqlite"},
    {"PRAGMA writable_schema = 1", false, "sqlite"},
    {"PRAGMA table_info(orders)", false, "sqlite"},
    {"EXPLAIN SELECT 1", false, "sqlite"},
    {"EXPLAIN QUERY PLAN SELECT 1", false, "sqlite"},
    {"SELECT * FROM pragma_database_list", false, "sqlite"},
    {"SELECT * FROM sqlite_dbpage", false, "sqlite"},
    {"SELECT * FROM sqlite_stmt", false, "sqlite"},
    {"SELECT * FROM main.sqlite_master", false, "sqlite"},
    {"SELECT * FROM json_each('[1]')", true, "sqlite"},
    {"SELECT * FROM generate_series(1, 5)", false, "sqlite"},
    {"WITH t AS (SELECT 1) INSERT INTO orders SELECT * FROM t", false, "sqlite"},
    {"CREATE TEMP TABLE x AS SELECT 1", false, "sqlite"},
    {"BEGIN", false, "sqlite"},
    {"SAVEPOINT x", false, "sqlite"},
    {"SELECT 1; SELECT 2", false, "sqlite"},
    {"SELECT 1; -- done", true, "sqlite"},
    {"VALUES (1), (2)", true, "sqlite"},
    {"SELECT name, count(*) FROM customers GROUP BY name HAVING count(*) > 1 ORDER BY 2 DESC LIMIT 3", true, "sqlite"},
    {"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT i FROM n", true, "sqlite"},
    {"SELECT row_number() OVER (ORDER BY id) FROM orders", true, "sqlite"},
    {"SELECT json_extract(note, '$.a') FROM orders", true, "sqlite"},
    {"SELECT ssn FROM (SELECT id AS ssn FROM orders)", true, "sqlite"},
    {"WITH t AS (SELECT id FROM orders) SELECT count(*) FROM t", true, "sqlite"},
    {"WITH t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 9) SELECT count(*) FROM t AS u", true, "sqlite"},
    {"SELECT count(*) FROM (SELECT id FROM orders) AS sub", true, "sqlite"},
    {"WITH sqlite_schema AS (SELECT 1) SELECT count(*) FROM sqlite_schema", false, "sqlite"},
    {"WITH dbstat AS (SELECT 1) SELECT count(*) FROM dbstat", false, "sqlite"},
    {"SELECT count(*) FROM (WITH employees AS (SELECT 1) SELECT 1 FROM employees) a, employees", false, "sqlite"},
    {"SELECT count(*) FROM pragma_table_list", false, "sqlite"},
    {"SELECT count(*) FROM json_tree('{}')", true, "sqlite"},
    {"SELECT id FROM orders TABLESAMPLE BERNOULLI (10) REPEATABLE (1)", true},
    {"SELECT id FROM orders TABLESAMPLE tsm_system_rows(1)"},
    {"SELECT id FROM orders TABLESAMPLE evil.system(1)"},
    {"SELECT id FROM orders TABLESAMPLE SYSTEM((SELECT length(ssn) FROM customers LIMIT 1))"},
    {"SELECT id FROM orders TABLESAMPLE SYSTEM(1) REPEATABLE((SELECT length(ssn) FROM customers LIMIT 1))"},
    {"SELECT id FROM orders TABLESAMPLE SYSTEM(pg_sleep(1))"},
    // What a model really writes around, before and after a statement.
    {"```sql\nSELECT id FROM orders\n```"},
    {"```\nSELECT id FROM orders\n```"},
    {"`SELECT id FROM orders`"},
    {"Here is the query:\n\nSELECT id FROM orders"},
    {"SELECT id FROM orders\n\nThis query lists all orders."},
    {"SQL: SELECT id FROM orders"},
    {"sql\nSELECT id FROM orders"},
    {"{\"sql\": \"SELECT id FROM orders\"}"},
    {"\"SELECT id FROM orders\""},
    {"SELECT id FROM orders\\nLIMIT 5"},
    {"Option 1:\nSELECT id FROM orders;\n\nOption 2:\nSELECT name FROM customers;"},
    {"SELECT id FROM orders;\n\nSELECT name FROM customers;"},
    {"SELECT id FROM orders;\nor\nSELECT name FROM customers;"},
    {"1. SELECT id FROM orders"},
    {"- SELECT id FROM orders"},
    {"<think>They want all orders.</think>\nSELECT id FROM orders"},
    {"BEGIN;\nSELECT id FROM orders;\nCOMMIT;"},
    {"SET search_path = secret;\nSELECT id FROM orders;"},
    {"EXPLAIN ANALYZE SELECT id FROM orders"},
    {"I cannot answer that from these tables."},
    {"N/A"},
    {"None"},
    {"SELECT id FROM orders; -- another way: SELECT ssn FROM customers", true},
    {"-- all orders\nSELECT id FROM orders", true},
    {"/* all orders */ SELECT id FROM orders;", true},
    {"  \n\tSELECT id\nFROM orders\n;\n\n", true},
    {"select\n  o.id,\n  c.name as customer\nfrom orders as o\ninner join customers as c\n  on c.id = "
     "o.customer_id\norder by o.id "
     "desc\nlimit 10;",
     true},
    {"SELECT id FROM orders WHERE note = 'O''Brien; DROP TABLE orders; --'", true},
    {"SELECT id FROM orders WHERE note = 'ignore the policy' OR '1' = '1'", true},
    {"SELECT c.name, c.ssn -- needed to tell them apart\nFROM customers c"},
    {"SELECT name, 'hidden' AS ssn FROM customers", true},
    {"SELECT DISTINCT city FROM customers WHERE city IS NOT NULL ORDER BY city", true},
    {"```sql\nSELECT id FROM orders\n```", false, "sqlite"},
    {"Here is the query: SELECT id FROM orders", false, "sqlite"},
    {"SELECT id FROM orders;\n\nSELECT name FROM customers;", false, "sqlite"},
    {"SELECT id FROM orders; -- another way: SELECT ssn FROM customers", true, "sqlite"},
};

}  // namespace

BOOST_DATA_TEST_CASE(attacks_fail_and_honest_queries_pass, boost::unit_test::data::make(attacks)) {
    auto policy = sql::policy_from_json(corpus().at("policies").at(sample.policy));
    auto schema = sql::schema_from_json(corpus().at("schema"));
    auto verdict = sql::check(sample.statement, policy, schema);
    BOOST_TEST(verdict.ok() == sample.allowed, verdict.message());
    for (const auto& v : verdict.violations) {
        BOOST_TEST(v.position <= std::string_view{sample.statement}.size());
        BOOST_TEST(v.message.size() > 10u);
    }
    // Without a schema nothing more is allowed.
    if (policy.dialect == sql::dialect::postgres && !sample.allowed)
        BOOST_TEST(!sql::check(sample.statement, policy).ok());
}

BOOST_AUTO_TEST_CASE(names_behind_a_dot_are_columns_or_calls) {
    sql::policy p{.allowed_tables = {"customers", "orders"}, .denied_columns = {"customers.ssn"}};
    sql::schema s{{"customers", {"id", "name", "ssn"}}, {"orders", {"id", "total"}}};
    // Functions of the list are harmless on any row, but the row of a table with denied columns is not.
    for (const char* bad : {"SELECT c.concat FROM customers c", "SELECT c.to_json FROM customers c",
                            "SELECT c.record_out FROM customers c", "SELECT o.record_out FROM orders o",
                            "SELECT o.secret_of FROM orders o", "SELECT (o).secret_of FROM orders o",
                            "SELECT u.u FROM unnest(ARRAY[(SELECT o FROM orders o LIMIT 1)]) AS u",
                            "SELECT f.pg_ls_dir FROM lower('/') f",
                            "SELECT (SELECT x.secret_of FROM orders x) FROM (SELECT 1 AS secret_of) x"})
        BOOST_TEST(!sql::check(bad, p, s).ok(), bad);
    for (const char* good :
         {"SELECT o.to_json FROM orders o", "SELECT o.total FROM orders o", "SELECT (o).total FROM orders o",
          "SELECT g.g FROM generate_series(1, 3) g", "SELECT (json_each('{}')).key",
          "SELECT j.key FROM json_each('{}') j", "SELECT x.b FROM (VALUES (1, 2)) x(a, b)",
          "SELECT x.column2 FROM (VALUES (1, 2)) x", "SELECT x.count FROM (SELECT count(*) FROM orders) x",
          "SELECT u.a FROM unnest(ARRAY[1]) AS u(a)"})
        BOOST_TEST(sql::check(good, p, s).ok(), good << "\n" << sql::check(good, p, s).message());
    // A name reaches the queries around it and no others.
    BOOST_TEST(
        sql::check("WITH d AS (SELECT m FROM generate_series(1, 3) m) SELECT m.total FROM orders m, d", p, s).ok());
    BOOST_TEST(!sql::check("SELECT (SELECT m.total FROM generate_series(1, 3) m) FROM orders m", p, s).ok());
    // Without a schema nothing is known to be a column.
    BOOST_TEST(!sql::check("SELECT o.total FROM orders o", p).ok());
    BOOST_TEST(sql::check("SELECT total FROM orders o", p).ok());
    // The same where the policy names its own functions.
    p.allowed_functions = {"concat", "to_json"};
    BOOST_TEST(!sql::check("SELECT c.concat FROM customers c", p, s).ok());
    BOOST_TEST(!sql::check("SELECT c.concat FROM customers c", p).ok());
    BOOST_TEST(!sql::check("SELECT o.lower FROM orders o", p, s).ok());
}

BOOST_AUTO_TEST_CASE(functions_that_no_timeout_stops_take_constants) {
    sql::policy p{.allowed_tables = {"orders"}};
    sql::schema s{{"orders", {"id", "note"}}};
    for (const char* bad :
         {"SELECT translate(note, repeat('b', 60000), '') FROM orders", "SELECT rtrim(note, note) FROM orders",
          "SELECT trim(both note from note) FROM orders", "SELECT pg_catalog.ltrim(note, repeat('a', 9)) FROM orders"})
        BOOST_TEST(!sql::check(bad, p, s).ok(), bad);
    for (const char* good :
         {"SELECT translate(note, 'ab', 'cd'), rtrim(note), trim(both 'x' from note), ltrim(note, '0') FROM orders"})
        BOOST_TEST(sql::check(good, p, s).ok(), good);
}

BOOST_AUTO_TEST_CASE(a_policy_that_the_schema_does_not_have_is_an_error) {
    sql::schema s{{"customers", {"id", "ssn"}}, {"orders", {"id"}}};
    auto wrong = [&](sql::policy p, const char* field, const char* meant) {
        for (auto d : {sql::dialect::postgres, sql::dialect::sqlite}) {
            p.dialect = d;
            if (d == sql::dialect::sqlite && std::string_view{meant}.starts_with("case:")) continue;
            try {
                sql::check("SELECT 1", p, s);
                BOOST_ERROR("accepted: " << field);
            } catch (const schema_error& e) {
                std::string what = e.what();
                auto m = std::string_view{meant};
                if (m.starts_with("case:")) m.remove_prefix(5);
                BOOST_TEST(what.find(field) != what.npos, what);
                BOOST_TEST(what.find(m) != what.npos, what);
            }
        }
    };
    wrong({}, "allowed_tables", "no table is allowed");
    wrong({.allowed_tables = {"customer"}}, "allowed_tables[0]", "did you mean \"customers\"");
    wrong({.allowed_tables = {"customers"}, .denied_columns = {"customers.snn"}}, "denied_columns[0]",
          "did you mean \"ssn\"");
    wrong({.allowed_tables = {"customers"}, .denied_columns = {"Customers.SSN"}}, "denied_columns[0]",
          "case:did you mean \"customers\"");
    wrong({.allowed_tables = {"customers"}, .denied_columns = {"customers.ssn", "customers.SSN"}}, "denied_columns[1]",
          "case:\"ssn\"");
    wrong({.allowed_tables = {"customers"}, .denied_columns = {"*.snn"}}, "denied_columns[0]", "did you mean \"ssn\"");
    wrong({.allowed_tables = {"customers"}, .denied_columns = {"customers."}}, "denied_columns[0]", "table.column");
    wrong({.allowed_tables = {"customers"}, .denied_tables = {"custmers"}}, "denied_tables[0]",
          "did you mean \"customers\"");
    wrong({.allowed_tables = {"customers"}, .denied_tables = {"CUSTOMERS"}}, "denied_tables[0]",
          "case:did you mean \"customers\"");
    for (const char* elsewhere :
         {"publc.customers", "public.custmers", "Public.customers", "db.public.customers", "archive.customers"}) {
        sql::policy p{.allowed_tables = {"customers", "orders"}, .denied_tables = {elsewhere}};
        BOOST_CHECK_THROW(sql::check("SELECT 1", p, s), schema_error);
    }
    BOOST_CHECK_NO_THROW(sql::check(
        "SELECT 1", sql::policy{.allowed_tables = {"customers"}, .denied_tables = {"users", "hidden.secrets"}}, s));
    for (const char* odd : {"", "*", "public.*", "\"customers\"", ".customers", "public."})
        wrong({.allowed_tables = {"customers"}, .denied_tables = {odd}}, "denied_tables[0]", "expected");
    wrong({.allowed_tables = {"customers"}, .allowed_schemas = {""}}, "allowed_schemas[0]", "expected");
    wrong({.allowed_tables = {"customers"}, .denied_columns = {"customers.*"}}, "denied_columns[0]", "expected");
    wrong({.allowed_tables = {"customers"}, .listed_columns = {"orders.status"}}, "listed_columns[0]", "no column");
    sql::schema twice{{"customers", {"id", "ssn"}}, {"public.customers", {"id"}}};
    sql::policy customers{.allowed_tables = {"customers"}, .denied_columns = {"customers.ssn"}};
    BOOST_CHECK_THROW(sql::check("SELECT 1", customers, twice), schema_error);
    customers.denied_columns = {std::string(64, 'x')};
    BOOST_CHECK_THROW(sql::check("SELECT 1", customers, {}), schema_error);
    customers.allowed_schemas.clear();
    BOOST_CHECK_THROW(sql::check("SELECT 1", customers, {}), schema_error);
    // A schema that is older than the database takes no denial away.
    sql::policy everywhere{.allowed_tables = {"customers", "orders"}, .denied_columns = {"*.ssn"}};
    sql::schema old{{"customers", {"id"}}, {"orders", {"id", "ssn"}}};
    for (auto d : {sql::dialect::postgres, sql::dialect::sqlite}) {
        everywhere.dialect = d;
        for (const char* bad : {"SELECT ssn FROM customers", "SELECT c.ssn FROM customers c"})
            BOOST_TEST(!sql::check(bad, everywhere, old).ok(), bad);
    }
    everywhere.dialect = sql::dialect::postgres;
    BOOST_TEST(
        !sql::check("SELECT x FROM customers t(a, x)", everywhere, old).ok());  // more names than columns are known
    BOOST_TEST(!sql::check("SELECT * FROM customers", everywhere, old).ok());
    BOOST_TEST(sql::safe("SELECT * FROM customers", everywhere, old).statement ==
               "SELECT * FROM (SELECT id FROM public.customers reagent_table) customers");
    // A name with a dot in it is no other way to write a schema.
    sql::policy archive{.allowed_tables = {"archive.orders"}, .denied_columns = {"archive.orders.id"}};
    BOOST_TEST(!sql::check("SELECT id FROM \"archive.orders\"", archive).ok());
    BOOST_TEST(!sql::check("SELECT id FROM public.\"archive.orders\"", archive).ok());
    sql::policy fine{
        .dialect = sql::dialect::sqlite, .allowed_tables = {"Customers"}, .denied_columns = {"CUSTOMERS.Ssn"}};
    BOOST_TEST(sql::check("SELECT id FROM customers", fine, s).ok());
    BOOST_TEST(!sql::check("SELECT sSn FROM customers", fine, s).ok());
}

BOOST_AUTO_TEST_CASE(tables_can_be_denied_and_schemas_named) {
    for (auto d : {sql::dialect::postgres, sql::dialect::sqlite}) {
        sql::policy p{.dialect = d,
                      .allowed_tables = {"customers", "orders"},
                      .denied_tables = {"orders"},
                      .denied_columns = {"*.ssn"}};
        sql::schema s{{"customers", {"id", "ssn"}}, {"orders", {"id"}}};
        BOOST_TEST(!sql::check("SELECT id FROM orders", p, s).ok());
        BOOST_TEST(sql::check("SELECT id FROM customers", p, s).ok());
        BOOST_TEST(!sql::check("SELECT ssn FROM customers", p, s).ok());
    }
    sql::policy p{.allowed_tables = {"orders", "archive.orders"},
                  .denied_tables = {"hidden.orders"},
                  .allowed_schemas = {"public", "hidden"}};
    sql::schema s{{"public.orders", {"id"}}, {"archive.orders", {"id", "old"}}, {"hidden.orders", {"id", "word"}}};
    BOOST_TEST(sql::check("SELECT o.old FROM archive.orders o", p, s).ok());
    BOOST_TEST(!sql::check("SELECT o.old FROM orders o", p, s).ok());
    BOOST_TEST(!sql::check("SELECT word FROM hidden.orders", p, s).ok());
    BOOST_TEST(sql::safe("SELECT id FROM orders", p, s).statement == "SELECT id FROM public.orders");
}

BOOST_AUTO_TEST_CASE(a_column_can_be_denied_in_every_table) {
    for (auto d : {sql::dialect::postgres, sql::dialect::sqlite}) {
        sql::policy p{
            .dialect = d, .allowed_tables = {"customers", "orders"}, .denied_columns = {"customers.ssn", "password"}};
        sql::schema s{{"customers", {"id", "ssn", "password"}}, {"orders", {"id", "password"}}};
        for (const char* bad :
             {"SELECT password FROM customers", "SELECT password FROM orders", "SELECT ssn FROM customers",
              "SELECT * FROM orders", "SELECT c.password FROM customers c", "SELECT max(o.password) FROM orders o"})
            BOOST_TEST(!sql::check(bad, p, s).ok(), bad);
        BOOST_TEST(sql::check("SELECT id FROM orders", p, s).ok());
    }
}

BOOST_AUTO_TEST_CASE(limits_are_kept_in_both_dialects) {
    for (auto d : {sql::dialect::postgres, sql::dialect::sqlite}) {
        sql::policy p{.dialect = d, .allowed_tables = {"orders"}, .max_rows = 100};
        sql::schema s{{"orders", {"id", "limit_"}}};
        for (const char* good :
             {"SELECT id FROM orders LIMIT 100", "SELECT id FROM orders LIMIT 5 OFFSET 3",
              "SELECT id FROM orders LIMIT 0;", "SELECT count(*) FROM orders",
              "SELECT max(id), min(id) FROM orders WHERE id > 3", "SELECT 1", "SELECT (SELECT count(*) FROM orders)",
              "VALUES (1), (2), (3)", "SELECT id FROM orders LIMIT 5 /* all */ ; -- that",
              "SELECT id FROM orders LIMIT\n5", "SELECT id FROM (SELECT id FROM orders) t LIMIT 5 -- LIMIT 5000"})
            BOOST_TEST(sql::check(good, p, s).ok(), good);
        for (const char* bad : {"SELECT id FROM orders",
                                "SELECT id FROM orders LIMIT 101",
                                "SELECT id FROM orders LIMIT -1",
                                "SELECT id FROM orders LIMIT 1+1",
                                "SELECT id FROM orders LIMIT 5 + 5",
                                "SELECT id FROM orders LIMIT 5 -- LIMIT\n * 1000",
                                "SELECT id FROM orders WHERE id < -- LIMIT\n 5",
                                "SELECT id FROM orders /* LIMIT 5",
                                "SELECT id FROM orders LIMIT 5.5",
                                "SELECT id, count(*) FROM orders GROUP BY id",
                                "SELECT DISTINCT id FROM orders",
                                "SELECT 1 FROM orders",
                                "SELECT id FROM orders LIMIT ALL",
                                "SELECT count(*) OVER () FROM orders",
                                "SELECT (SELECT count(*) FROM orders) FROM orders",
                                "SELECT id \"LIMIT\" FROM orders",
                                "SELECT id FROM (SELECT id FROM orders LIMIT 5) t",
                                "SELECT id FROM orders -- LIMIT 5",
                                "SELECT 'LIMIT 5' FROM orders",
                                "SELECT id FROM orders LIMIT 99999999999999999999",
                                "SELECT id FROM orders LIMIT NULL",
                                "SELECT id FROM orders LIMIT 0x10000"})
            BOOST_TEST(!sql::check(bad, p, s).ok(), bad);
    }
    sql::schema s{{"orders", {"id"}}};
    sql::policy few{.allowed_tables = {"orders"}, .max_rows = 2};
    for (auto d : {sql::dialect::postgres, sql::dialect::sqlite}) {
        few.dialect = d;
        BOOST_TEST(sql::check("VALUES (1), (2)", few, s).ok());
        BOOST_TEST(!sql::check("VALUES (1), (2), (3)", few, s).ok());
    }
    few.dialect = sql::dialect::postgres;
    for (const char* bad :
         {"SELECT generate_series(1, 1000)", "SELECT (ARRAY[1, 2, 3]).unnest",
          "SELECT count(*) FROM orders ORDER BY generate_series(1, 9)",
          "SELECT count(*), unnest(ARRAY[1, 2, 3]) FROM orders", "SELECT a.unnest FROM (SELECT ARRAY[1, 2, 3]) a"})
        BOOST_TEST(!sql::check(bad, few, s).ok(), bad);
    sql::policy p{.dialect = sql::dialect::sqlite, .allowed_tables = {"orders"}, .max_rows = 100};
    BOOST_TEST(sql::check("SELECT id FROM orders LIMIT 5, 100", p, s).ok());
    BOOST_TEST(!sql::check("SELECT id FROM orders LIMIT 100, 500", p, s).ok());
}

BOOST_AUTO_TEST_CASE(size_and_depth_are_limited) {
    for (auto d : {sql::dialect::postgres, sql::dialect::sqlite}) {
        sql::policy p{.dialect = d, .allowed_tables = {"orders"}};
        sql::schema s{{"orders", {"id"}}};
        auto repeated = [](const char* part, int n) {
            std::string all;
            for (int i = 0; i < n; ++i) all += part;
            return all;
        };
        for (const std::string& bad :
             {"SELECT " + repeated("(", 9000) + "1" + repeated(")", 9000), "SELECT " + repeated("- ", 9000) + "1",
              "SELECT " + repeated("(", 300) + "1 IS NULL" + repeated(" IS NULL)", 300),
              "SELECT " + repeated("NOT ", 4000) + "true", "SELECT 1" + repeated("+1", 9000),
              "SELECT 1" + repeated(" UNION SELECT 1", 1200), "SELECT 1 " + repeated("+", 5000) + " 1",
              repeated("SELECT * FROM (", 1000) + "SELECT 1" + repeated(")", 1000), std::string(30'000, ' ')}) {
            auto v = sql::check(bad, p, s);
            BOOST_TEST(!v.ok(), bad.substr(0, 30));
        }
    }
}

BOOST_AUTO_TEST_CASE(what_is_slow_to_scan_is_not_scanned) {
    sql::policy p{.allowed_tables = {"orders"}};
    auto repeated = [](const char* part, int n) {
        std::string all;
        for (int i = 0; i < n; ++i) all += part;
        return all;
    };
    BOOST_TEST(!sql::check("SELECT 1" + repeated("/*", 2000) + repeated("*/", 2000), p).ok());
    BOOST_TEST(!sql::check("SELECT 1" + repeated("/**/", 2000), p).ok());
    BOOST_TEST(sql::check("-- " + repeated("=", 200) + "\nSELECT 1" + repeated(" /* why */", 50), p).ok());
}

BOOST_AUTO_TEST_CASE(a_policy_is_read_strictly) {
    for (const char* bad :
         {"[]", R"({"allowed_table": []})", R"({"allowed_tables": "x"})", R"({"allowed_tables": [1]})",
          R"({"dialect": "mysql"})", R"({"max_rows": -1})", R"({"max_rows": "5"})"})
        BOOST_CHECK_THROW(sql::policy_from_json(json::parse(bad)), std::exception);
    auto p = sql::policy_from_json(
        json::parse(R"({"dialect": "sqlite", "allowed_functions": ["upper"], "max_rows": 5, "max_depth": 7})"));
    BOOST_TEST((p.dialect == sql::dialect::sqlite));
    BOOST_TEST(p.max_rows.value() == 5u);
    sql::policy only{.allowed_tables = {"orders"}, .allowed_functions = std::vector<std::string>{"upper"}};
    BOOST_TEST(sql::check("SELECT upper('x')", only).ok());
    BOOST_TEST(!sql::check("SELECT lower('x')", only).ok());
    sql::policy archive{.allowed_tables = {"archive.orders"}};
    BOOST_TEST(sql::check("SELECT id FROM archive.orders", archive).ok());
    BOOST_TEST(!sql::check("SELECT id FROM orders", archive).ok());
}
