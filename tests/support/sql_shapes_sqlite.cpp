// The shapes of an attacker's statements for SQLite. Sources: the two corpora of statements, reviews of the first
// guard, and the grammar of SQLite. Placeholders are explained in sql_filling.cpp.
#include "sql_generator.hpp"

namespace reagent::test {
namespace {

constexpr auto E = slot::expression;
constexpr auto Q = slot::query;
constexpr auto S = slot::statement;
constexpr auto number = type::number;
constexpr auto text = type::text;
constexpr auto truth = type::truth;
constexpr auto any = type::any;

const std::vector<shape> names{
    {"denied column", E, text,
     "{@v~@v~(@v)~@V.@D~upper(@v)~main.customers.@D~@V.\"@D\"~@V.[@D]~@V.`@D`~\"@D\"~+@v~@v COLLATE NOCASE~@V.'@D'}"},
    {"denied column in a clause", E, number,
     "{(SELECT count(*) FILTER (WHERE @d LIKE '9%') FROM customers)"
     "~(SELECT id FROM customers ORDER BY @d LIMIT 1)~(SELECT count(*) FROM customers WHERE @d > '5')"
     "~(SELECT count(*) FROM customers GROUP BY @d LIMIT 1)"
     "~(SELECT length(group_concat(@d)) FROM customers)"
     "~(SELECT count(*) OVER (PARTITION BY @d) FROM customers LIMIT 1)"
     "~(SELECT count(DISTINCT @d) FROM customers)"
     "~(SELECT rank() OVER (ORDER BY @d) FROM customers LIMIT 1)"
     "~(SELECT id FROM customers GROUP BY id HAVING @d > '5' LIMIT 1)"
     "~(SELECT first_value(id) OVER w FROM customers WINDOW w AS (ORDER BY @d DESC) LIMIT 1)"
     "~(SELECT count(*) FROM customers a JOIN customers b ON a.@d = b.@d)"
     "~(SELECT id FROM customers UNION SELECT 9 ORDER BY 1 LIMIT 1)"
     "~(SELECT json_group_array(@d) FROM customers) IS NULL}"},
    {"denied column compared", E, truth,
     "{(@V.@D, 1) > ('5', 0)~@V.@D GLOB '9*'~@V.@D -> '$' IS NULL~@V.@D IS '9CANARY'~@V.@D IN ('9CANARY')"
     "~@V.@D BETWEEN '0' AND '5'~@V.@D ISNULL~@V.@D NOT NULL~'9CANARY' IN (SELECT @d FROM customers)"
     "~@V.@D LIKE '9%' ESCAPE '!'~CASE @V.@D WHEN NULL THEN 1 ELSE 0 END~EXISTS (SELECT @V.@D)}"},
    {"denied rowid", E, number,
     "{(SELECT {rowid~oid~_rowid_~pin~members.rowid~\"rowid\"~ROWID~max(rowid)~min(_rowid_)~sum(oid)} FROM members)"
     "~(SELECT count(*) FROM members WHERE {rowid~oid~_rowid_~pin} > 3)"
     "~(SELECT id FROM members ORDER BY {rowid DESC~pin DESC} LIMIT 1)"
     "~(SELECT count(*) FROM members JOIN orders ON members.{rowid~oid} = orders.id)"
     "~(SELECT count(*) FROM members JOIN (SELECT 4 AS rowid) x USING (rowid))"
     "~(SELECT x.rowid FROM (SELECT * FROM members) x LIMIT 1)"
     "~(SELECT x.rowid FROM (SELECT id FROM members) x LIMIT 1)"
     "~(SELECT count(*) FROM orders WHERE id IN (SELECT rowid FROM members))"
     "~(SELECT rowid FROM orders LIMIT 1)~(SELECT count(DISTINCT rowid) FROM customers)"
     "~(SELECT count(*) FROM members GROUP BY rowid > 3 LIMIT 1)"
     "~(SELECT m.\"rowid\" FROM members AS m LIMIT 1)"
     "~(WITH m AS (SELECT * FROM members) SELECT rowid FROM m LIMIT 1)}"},
    {"denied rowid, joined", E, number,
     "{(SELECT count(*) FROM members NATURAL JOIN (SELECT 4 AS pin) x)"
     "~(SELECT count(*) FROM members JOIN (SELECT 4 AS pin) x USING (pin))"
     "~(SELECT count(*) FROM (SELECT 4 AS pin) x LEFT JOIN members USING (pin) WHERE members.id IS NULL)"
     "~(SELECT count(*) FROM members a JOIN members b USING (pin))"
     "~(SELECT count(*) FROM members NATURAL JOIN orders)}"},
    {"whole row", Q, any,
     "{SELECT * FROM customers~SELECT c.* FROM customers c~SELECT * FROM (SELECT * FROM customers)"
     "~SELECT count(*) FROM (SELECT * FROM customers)~SELECT * FROM members~SELECT id FROM (SELECT * FROM customers)"
     "~SELECT * FROM orders~SELECT EXISTS (SELECT * FROM customers)~SELECT c.*, 1 FROM orders, customers c"
     "~SELECT o.* FROM orders o, customers"
     "~WITH x AS (SELECT * FROM customers) SELECT id FROM x"
     "~WITH x(a, b, c, d, e) AS (SELECT * FROM customers) SELECT d FROM x"
     "~WITH x(a, b, c, d, e) AS (SELECT * FROM customers) SELECT a, b FROM x"
     "~SELECT count(*) FROM (SELECT DISTINCT * FROM customers)"
     "~SELECT * FROM (customers)~SELECT * FROM (orders, customers)"
     "~SELECT * FROM orders WHERE (SELECT 1 FROM customers)"
     "~SELECT id FROM (SELECT * FROM customers UNION SELECT 1, 2, 3, 4, 5)"
     "~SELECT count(*) FROM (SELECT * FROM customers INTERSECT SELECT * FROM customers)"
     "~SELECT count(*) FROM (SELECT * FROM customers EXCEPT SELECT 1, 'Ingrid', 'Oslo', '9CANARY', '9cCANARY')}"},
};

const std::vector<shape> joins{
    {"NATURAL over denied columns", E, number,
     "(SELECT count(*) FROM {customers NATURAL JOIN notes~customers NATURAL JOIN (SELECT '9CANARY' AS ssn)"
     "~(SELECT '9CANARY' AS ssn) NATURAL JOIN customers~customers a NATURAL JOIN customers b"
     "~(SELECT 'x' AS card) NATURAL LEFT JOIN customers"
     "~notes NATURAL JOIN (customers CROSS JOIN inventory)~customers natural/**/join notes"
     "~customers NATURAL INNER JOIN notes~customers NATURAL FULL JOIN notes~customers \"a\" NATURAL CROSS JOIN notes"
     "~(SELECT * FROM notes) NATURAL JOIN customers~notes x NATURAL JOIN (SELECT * FROM customers)})"},
    {"USING of denied columns", E, number,
     "(SELECT count(*) FROM {customers JOIN notes USING (ssn)"
     "~customers JOIN notes USING (\"ssn\")~customers JOIN notes USING ([ssn])~customers JOIN notes USING (`ssn`)"
     "~customers JOIN notes USING (SSN)~customers JOIN notes USING ('ssn')~customers a FULL JOIN customers b USING (@d)"
     "~customers JOIN (SELECT '9CANARY' AS ssn) USING (ssn)"
     "~customers JOIN (SELECT 1 AS id, '9CANARY' AS ssn) USING (id, ssn)"
     "~customers JOIN notes USING (/* ) */ ssn)~customers JOIN notes USING (\"s\"\"sn\")"
     "~notes LEFT JOIN customers USING (ssn)~customers JOIN notes USING -- )\n (ssn)"
     "~notes JOIN (SELECT * FROM customers) USING (ssn)~customers JOIN notes USING (id)})"},
    {"join with a table that is not allowed", E, number,
     "(SELECT count(*) FROM {orders JOIN secrets USING (id)"
     "~orders NATURAL JOIN secrets~orders, secrets~orders CROSS JOIN secrets~orders o LEFT JOIN secrets s ON 1"
     "~secrets RIGHT JOIN orders USING (customer_id)~orders JOIN secrets USING (id, customer_id)"
     "~(orders JOIN secrets USING (id))~orders JOIN customer_view USING (id)~customer_view~secrets"
     "~orders JOIN main.secrets USING (id)"
     "~orders AS secrets JOIN secrets AS orders USING (id)~orders JOIN (SELECT 1 FROM secrets)"
     "~orders FULL JOIN secrets USING (id)~orders LEFT JOIN secrets USING (customer_id)"
     "~orders JOIN \"secrets\" USING (\"id\")~notes JOIN secrets USING (ssn)})"},
    {"join with a virtual table", E, number,
     "(SELECT count(*) FROM {orders, pragma_database_list~orders, pragma_table_info('secrets')~orders, json_each('[1]')"
     "~orders o, json_each(json_array(o.note, 2))~orders, sqlite_schema~customers c, json_each(json_array(c.@d))"
     "~orders JOIN sqlite_schema USING (id)~orders, json_tree('[1]')~json_each('[1,2]') NATURAL JOIN "
     "json_each('[2]')})"},
};

const std::vector<shape> tables{
    {"table that is not allowed", E, any,
     "{(SELECT word FROM secrets LIMIT 1)~(SELECT count(*) FROM secrets)~@i IN (SELECT id FROM secrets)~@i IN secrets"
     "~@i IN main.secrets~@i IN \"secrets\"~EXISTS (SELECT 1 FROM secrets)~EXISTS (SELECT 1 FROM secrets WHERE id = 7)"
     "~(SELECT count(*) FROM main.secrets)~(SELECT ssn FROM customer_view LIMIT 1)~(SELECT count(*) FROM secrets AS "
     "orders)"
     "~(SELECT sum(1) FROM secrets)~(SELECT 1 FROM secrets LIMIT 1 OFFSET 5)~(SELECT max(rowid) FROM secrets)"
     "~(SELECT count(*) FROM (SELECT 1 FROM secrets))~(VALUES ((SELECT count(*) FROM secrets)))~@i IN customer_view"
     "~@i IN lefty~@i IN main.lefty~(SELECT 1 FROM secrets INDEXED BY x)~(SELECT count(*) FROM secrets NOT INDEXED)"
     "~(SELECT count(*) FROM (SELECT 1 FROM secrets UNION ALL SELECT 2))"
     "~(SELECT group_concat(1) FROM secrets)"
     "~(SELECT row_number() OVER () FROM secrets ORDER BY 1 DESC LIMIT 1)"
     "~(SELECT count(*) FROM temp.secrets)~(SELECT count(*) FROM secrets, secrets)}"},
    {"system table", E, any,
     "{(SELECT sql FROM sqlite_schema LIMIT 1)~(SELECT count(*) FROM sqlite_master)"
     "~(SELECT count(*) FROM pragma_table_info('customers'))"
     "~(SELECT count(*) FROM pragma_table_list)~(SELECT count(*) FROM dbstat)~(SELECT count(*) FROM sqlite_temp_schema)"
     "~'secrets' IN (SELECT name FROM main.sqlite_schema)~@i IN pragma_table_info('secrets')"
     "~(SELECT count(*) FROM pragma_function_list)~(SELECT count(*) FROM sqlite_stat1)"
     "~(SELECT file FROM pragma_database_list)~(SELECT count(*) FROM sqlite_dbpage)"
     "~(SELECT count(*) FROM bytecode('SELECT 1'))~(SELECT count(*) FROM json_tree('[1]'))"
     "~(SELECT count(*) FROM fts3tokenize)~(SELECT count(*) FROM pragma_user_version)"
     "~(SELECT name FROM pragma_table_xinfo('customers') LIMIT 1)}"},
    {"CTE of a table's name", Q, any,
     "{SELECT x FROM (WITH secrets AS (SELECT 'a' AS word) SELECT word AS x FROM secrets)"
     "~WITH secrets AS (SELECT 1) SELECT count(*) FROM main.secrets"
     "~WITH secrets AS (SELECT 1 AS x) SELECT x, (SELECT count(*) FROM main.secrets) FROM secrets"
     "~SELECT (WITH secrets AS (SELECT 1) SELECT 1), (SELECT count(*) FROM secrets)"
     "~WITH secrets AS (SELECT * FROM secrets) SELECT word FROM secrets"
     "~WITH a AS (SELECT count(*) AS n FROM secrets), secrets AS (SELECT 1) SELECT n FROM a"
     "~WITH customers AS (SELECT id, name AS ssn FROM customers) SELECT ssn FROM customers"
     "~WITH customers AS (SELECT 'x' AS ssn) SELECT (SELECT ssn FROM main.customers LIMIT 1) FROM customers"
     "~WITH members AS (SELECT 1 AS x) SELECT (SELECT count(*) FROM main.members WHERE rowid > 3) FROM members"
     "~WITH x AS {MATERIALIZED ~NOT MATERIALIZED ~}(SELECT @d AS y FROM customers) SELECT y FROM x"
     "~WITH RECURSIVE a AS (SELECT n FROM b), b AS (SELECT count(*) AS n FROM secrets) SELECT n FROM a"
     "~WITH x AS (SELECT 1), secrets(a) AS (SELECT 2) SELECT count(*) FROM secrets, main.secrets"
     "~WITH secrets AS (SELECT 1) SELECT count(*) FROM orders JOIN main.secrets USING (id)"
     "~WITH sqlite_schema AS (SELECT 1 AS x) SELECT x FROM sqlite_schema"
     "~SELECT $x AS (y), count(*) FROM secrets"
     "~SELECT count(*) FROM secrets WHERE EXISTS (WITH secrets AS (SELECT 1) SELECT 1)"
     "~WITH customer_view AS (SELECT 1) SELECT count(*) FROM main.customer_view"
     "~WITH customer_view AS (SELECT 1 AS x) SELECT x FROM customer_view"
     "~WITH pragma_table_list AS (SELECT 1 AS x) SELECT x FROM pragma_table_list}"},
    {"outer names", E, text,
     "{(SELECT y.z FROM (SELECT @V.@D AS z) y)"
     "~(SELECT s.z FROM @T @V, (SELECT @V.@D AS z) s LIMIT 1)"
     "~(SELECT @D FROM notes AS n LIMIT 1)~(SELECT @D FROM (SELECT 1 AS x) LIMIT 1)~(SELECT (SELECT @D))"
     "~(SELECT count(p.id) FROM @T @V, orders o LEFT JOIN products p ON @V.@D > '5')"
     "~(WITH y AS (SELECT @V.@D AS z) SELECT z FROM y)~(VALUES (@V.@D))~(SELECT @V.note FROM orders @V LIMIT 1)"
     "~(SELECT customers.ssn FROM notes customers LIMIT 1)~(SELECT notes.ssn FROM customers notes LIMIT 1)"
     "~(SELECT x FROM (SELECT @V.@D AS x UNION SELECT 'a') LIMIT 1)}"},
};

const std::vector<shape> calls{
    {"dangerous call", E, any,
     "{load_extension('x')~readfile('canary.txt')~writefile('x', 'y')~randomblob(3)~zeroblob(3)~sqlite_version()"
     "~sqlite_source_id()~last_insert_rowid()~changes()~total_changes()~sqlite_compileoption_get(0)"
     "~sqlite_compileoption_used('x')~fts3_tokenizer('x')~edit('x')~eval('SELECT 1')~hex(randomblob(3))"
     "~\"load_extension\"('x')~sqlite_offset(@x)~spy(@x)~LOAD_EXTENSION('x')~sqlite_log(1, 'x')~@x MATCH 'a'~@x REGEXP "
     "'a'}"},
    {"function in FROM", Q, any,
     "{SELECT value FROM json_each('[1, 2]')"
     "~SELECT key, value FROM orders, json_each(json_array(orders.note))"
     "~SELECT * FROM json_tree('[1, [2]]')"
     "~SELECT value FROM customers, json_each(json_array(ssn))"
     "~SELECT j.value FROM orders o JOIN json_each(json_array(o.total, 2)) j ON j.value > 2"
     "~SELECT rowid, * FROM json_each('[1]')~SELECT * FROM generate_series(1, 3)"
     "~SELECT value, count(*) FROM orders, json_each('[1, 2]') GROUP BY 1 ORDER BY 1"
     "~SELECT json FROM json_each('[1]')"
     "~SELECT value FROM json_each((SELECT json_group_array(word) FROM secrets))"
     "~SELECT value FROM json_each((SELECT json_group_array(1) FROM secrets))}"},
    {"harmless window", Q, any,
     "{SELECT id, sum(total) OVER (ORDER BY id) FROM orders ORDER BY 1"
     "~SELECT id, rank() OVER w FROM orders WINDOW w AS (PARTITION BY product_id ORDER BY id) ORDER BY 1"
     "~SELECT id, lag(total, 1, 0) OVER (ORDER BY id) FROM orders ORDER BY id"
     "~SELECT name, ntile(2) OVER (ORDER BY id) FROM customers ORDER BY id"
     "~SELECT count(*) FILTER (WHERE total > 20) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM "
     "orders}"},
    {"compound", Q, any,
     "{SELECT id FROM orders UNION SELECT id FROM customers ORDER BY 1"
     "~SELECT name FROM customers UNION ALL SELECT ssn FROM customers"
     "~SELECT ssn FROM notes UNION SELECT ssn FROM customers"
     "~SELECT id FROM orders EXCEPT SELECT pin FROM members"
     "~SELECT 1 UNION ALL SELECT count(*) FROM secrets"
     "~SELECT id FROM orders INTERSECT SELECT id FROM secrets"
     "~VALUES (1), (2)~VALUES (1) UNION SELECT id FROM orders"
     "~SELECT id FROM customers UNION SELECT 1 FROM customers ORDER BY 1"
     "~VALUES ((SELECT count(*) FROM secrets))~SELECT name AS ssn FROM customers ORDER BY ssn"
     "~SELECT id FROM customers ORDER BY customers.ssn}"},
};

const std::vector<shape> readings{
    {"output name", Q, any,
     "{SELECT name AS ssn FROM customers ORDER BY ssn"
     "~SELECT name AS ssn FROM customers ORDER BY {ssn || ''~upper(ssn)~(ssn)~+ssn~ssn COLLATE NOCASE~customers.ssn}"
     "~SELECT count(*) AS ssn FROM customers GROUP BY ssn~SELECT name AS ssn FROM customers WHERE ssn > '5'"
     "~SELECT max(name) AS ssn FROM customers HAVING ssn > '5'"
     "~SELECT id AS ssn, rank() OVER (ORDER BY ssn) FROM customers"
     "~SELECT upper(city) AS city, count(*) FROM customers GROUP BY city ORDER BY 1"
     "~SELECT name AS x FROM customers WHERE x > 'L'~SELECT id AS rowid FROM members ORDER BY rowid"
     "~SELECT level AS pin FROM members WHERE pin > 3"
     "~SELECT name ssn FROM customers GROUP BY ssn HAVING ssn > 'L'"
     "~SELECT level FROM members GROUP BY rowid"
     "~SELECT id x FROM members WHERE rowid BETWEEN 1 AND 5"
     "~SELECT o.note AS ssn FROM orders o ORDER BY ssn}"},
    {"recursive", Q, any,
     "{WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 3) SELECT n FROM t"
     "~WITH RECURSIVE t(n, s) AS (SELECT id, @d FROM customers UNION ALL SELECT n + 1, s FROM t WHERE n < 2) SELECT * "
     "FROM t"
     "~WITH RECURSIVE t(n) AS (SELECT 1 UNION SELECT id FROM t, secrets WHERE n < 3) SELECT count(*) FROM t"
     "~WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t JOIN secrets ON id > n LIMIT 9) SELECT count(*) "
     "FROM t"
     "~WITH RECURSIVE t(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM t WHERE id < 9) SELECT count(*) FROM t JOIN "
     "secrets USING (id)"
     "~WITH RECURSIVE t(pin) AS (SELECT 1 UNION ALL SELECT pin + 1 FROM t WHERE pin < 9) SELECT count(*) FROM t JOIN "
     "members USING (pin)"
     "~WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 9) SELECT n FROM t WHERE n IN (SELECT "
     "rowid FROM members)"
     "~WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t ORDER BY 1 LIMIT 4) SELECT sum(n) FROM t"
     "~WITH t(rowid) AS (SELECT 4) SELECT count(*) FROM t NATURAL JOIN members"
     "~WITH t(ssn) AS (SELECT 'y') SELECT count(*) FROM t NATURAL JOIN customers}"},
    {"chained joins", E, number,
     "(SELECT count(*) FROM {orders a JOIN products b USING (id) JOIN secrets c USING (id)"
     "~orders JOIN notes USING (id) JOIN customers USING (ssn)"
     "~orders LEFT JOIN secrets USING (id) LEFT JOIN notes USING (id)"
     "~customers a JOIN customers b USING (id) JOIN notes USING (id)"
     "~orders JOIN (products JOIN secrets USING (id)) USING (id)"
     "~orders o, products p JOIN secrets s ON s.id = o.id~notes JOIN customers USING (id, ssn)"
     "~(SELECT id FROM orders) JOIN secrets USING (id)~(SELECT id FROM orders) NATURAL JOIN secrets"
     "~orders FULL JOIN secrets USING (id) FULL JOIN notes USING (id)"
     "~orders LEFT JOIN (secrets JOIN notes USING (id)) USING (id)"
     "~members JOIN orders USING (id)~members NATURAL JOIN (SELECT 2 AS id)~(VALUES (1)) x JOIN secrets"
     "~orders INNER JOIN secrets AS customers USING (id)~orders AS a JOIN notes AS secrets USING (id)})"},
    {"doubling", Q, any,
     "{SELECT count(*) FROM (SELECT * FROM (SELECT a.*, b.* FROM (SELECT 1 AS x) a, (SELECT 2 AS y) b) c, (SELECT a.*, "
     "b.* FROM (SELECT 1 "
     "AS v) a, (SELECT 2 AS w) b) d) e"
     "~WITH a AS (SELECT 1 AS x), b AS (SELECT a.*, c.x AS y FROM a, a c), d AS (SELECT b.*, e.x AS z FROM b, b e), f "
     "AS (SELECT d.*, g.x "
     "AS v FROM d, d g) SELECT f.x FROM f, f h, f i}"},
};

const std::vector<shape> texts{
    {"parameter", E, truth,
     "{? IS NULL~?1 IS NULL~:a IS NULL~@@a IS NULL~$a IS NULL~#a IS NULL~$a::b IS NULL~$a(b) IS NULL~:a(b) IS NULL"
     "~$x() IS NULL~@x IS NOT $y(a b)}"},
    {"parameter that holds a quote", E, truth,
     "{$x(')~:x(\")~$x([)~@@x(`)~#x(')~$x(/*)~$x(--)~$x('a)~:x(')~$x(\")} IS NULL {~AND {1 IN (SELECT count(*) FROM "
     "customers NATURAL JOIN "
     "(SELECT '9CANARY' AS ssn))~EXISTS (SELECT 1 FROM customers NATURAL JOIN (SELECT '9CANARY' AS ssn))~2 < (SELECT "
     "count(*) FROM "
     "customers JOIN notes USING (ssn))"
     "~(SELECT count(*) FROM members JOIN (SELECT 4 AS pin) USING (pin))~(SELECT count(*) FROM customers a NATURAL "
     "JOIN customers b) > "
     "5~EXISTS (SELECT 1 FROM customers JOIN (SELECT '9CANARY' AS ssn) USING (ssn))}}"},
    {"parameter hides a join", Q, any,
     "SELECT {count(*)~id~name} FROM {customers c~orders} WHERE {$x(')~:x(\")~$x([)~$x(`)} IS NULL AND {1 IN (SELECT "
     "count(*) FROM "
     "customers NATURAL JOIN (SELECT '9CANARY' AS ssn))~EXISTS (SELECT 1 FROM customers JOIN (SELECT '9CANARY' AS ssn) "
     "USING "
     "(ssn))~(SELECT count(*) FROM customers a NATURAL JOIN customers b) > 5~(SELECT count(*) FROM members JOIN "
     "(SELECT 4 AS pin) USING "
     "(pin))}"},
    {"odd texts", E, truth,
     "{@x = 'it''s'~@x <> \"it's\"~@x = '--' OR @i > 0~@x = '/*' OR @i > 0~@x = x'61'~@x = 'a' /* ' \" [ */ OR @i = 1"
     "~@x = 'a' -- ' [\n OR @i = 1~@x IS NOT '['~'natural' <> @x~@x <> 'using (ssn)'~@i = 0x1~@i < 1e3~@i < .5"
     "~[id] > 0 OR 1}"},
    {"odd names", Q, any,
     "{SELECT \"ssn\" FROM customers~SELECT [ssn] FROM customers~SELECT `ssn` FROM customers~SELECT SSN FROM Customers"
     "~SELECT 'ssn' FROM customers~SELECT c.'ssn' FROM customers c~SELECT \"nope\" FROM orders"
     "~SELECT id AS [a b], total \"x\"\"y\" FROM orders~SELECT id 'natural' FROM orders"
     "~SELECT \"a\"\"b\".id FROM orders \"a\"\"b\"~SELECT id FROM orders natural~SELECT id \"using\" FROM orders"
     "~SELECT main.orders.id FROM orders~SELECT main.customers.ssn FROM customers~SELECT id FROM 'orders'"
     "~SELECT word FROM 'secrets'~SELECT id FROM orders AS [limit]"
     "~SELECT id, ( SELECT count(*) FROM [secrets] ) FROM orders}"},
    {"unterminated comment", S, any, "{@Q /*~@Q /* '~@Q --~/**/@Q~@Q /* ; DELETE FROM orders~-- x\n@Q~@Q /* *//* */}"},
    {"another statement", S, any,
     "{DELETE FROM customers~UPDATE customers SET ssn = 'x' RETURNING ssn~DROP TABLE customers~PRAGMA "
     "table_info(customers)"
     "~PRAGMA journal_mode = DELETE~ATTACH '' AS y"
     "~INSERT INTO orders VALUES (9, 9, 9, 9, '9') RETURNING id"
     "~EXPLAIN SELECT ssn FROM customers~EXPLAIN QUERY PLAN SELECT * FROM secrets"
     "~WITH x AS (SELECT 1) DELETE FROM orders RETURNING id"
     "~VACUUM INTO ''~CREATE TABLE t AS SELECT ssn FROM customers~ANALYZE~REINDEX~BEGIN~SAVEPOINT x"
     "~CREATE VIRTUAL TABLE t USING fts5(a)~REPLACE INTO orders VALUES (9, 9, 9, 9, '9')"
     "~INSERT INTO orders SELECT * FROM orders~CREATE TEMP VIEW v AS SELECT ssn FROM customers}"},
    {"many statements", S, any,
     "{@Q; DELETE FROM orders~@Q; SELECT ssn FROM customers~SELECT 1;; SELECT word FROM secrets~DELETE FROM orders; "
     "@Q~@Q;"
     "~@Q -- ; DELETE FROM orders\n~; @Q~@Q; /* */~@Q; @Q}"},
};

// For a policy of five rows at most.
const std::vector<shape> limits{
    {"forged LIMIT", S, any,
     "{SELECT a.id FROM orders a, products -- LIMIT 5~SELECT a.id FROM orders a, products /* LIMIT 5 */"
     "~SELECT a.id FROM orders a, products /* LIMIT 5~SELECT id, $x(') FROM orders --') limit 5"
     "~SELECT id, :x(\") FROM orders /* \") limit 5~SELECT id, $x([) FROM orders --]) limit 5"
     "~SELECT id FROM orders LIMIT 5 -- LIMIT\n * 1000~SELECT id FROM orders LIMIT 1e3~SELECT id FROM orders LIMIT 0x10"
     "~WITH b AS (SELECT $x(')) SELECT id FROM orders --') limit 5"
     "~SELECT a.id FROM orders a, products LIMIT -1~SELECT a.id FROM orders a, products LIMIT 5, 10"
     "~SELECT a.id FROM orders a, products LIMIT 5 OFFSET 2"
     "~SELECT a.id FROM orders a, products LIMIT 2, 5~SELECT a.id FROM orders a, products LIMIT 5 + 5"
     "~SELECT a.id FROM orders a, products LIMIT (5)~SELECT a.id FROM orders a, products LIMIT '5'"
     "~SELECT a.id 'limit' FROM orders a, products ORDER BY 1 LIMIT 5"
     "~SELECT * FROM (SELECT id FROM orders LIMIT 5), products"
     "~SELECT a.id FROM orders a, products LIMIT 5;~SELECT a.id \"LIMIT 5\" FROM orders a, products"
     "~SELECT id FROM orders UNION ALL SELECT id FROM orders LIMIT 5"
     "~SELECT id FROM orders, products AS [limit 5]~SELECT id, $x(') FROM orders LIMIT 50 --') limit 5"
     "~SELECT id FROM orders WHERE $x(') IS NULL LIMIT 50 --') IS NULL LIMIT 5"
     "~VALUES (1), (2), (3), (4), (5), (6)~SELECT a.id FROM orders a, products LIMIT ?"
     "~SELECT id FROM orders GROUP BY id LIMIT 5 /*"
     "~SELECT id, [limit 5] FROM (SELECT id, 1 AS [limit 5] FROM orders)}"},
};

}  // namespace

const std::vector<shape>& sqlite_shapes() {
    static const auto all = [] {
        std::vector<shape> list;
        for (const auto* part : {&names, &joins, &tables, &calls, &readings, &texts, &limits})
            list.insert(list.end(), part->begin(), part->end());
        return list;
    }();
    return all;
}

}  // namespace reagent::test
