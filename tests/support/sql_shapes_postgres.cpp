// The shapes of an attacker's statements for PostgreSQL. Sources: the two corpora of statements, reviews of the first
// guard, and the grammar of PostgreSQL 15. Placeholders are explained in sql_filling.cpp.
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

// x.f may be f(x): a call without a call's node in the tree.
const std::vector<shape> attributes{
    {"attribute of text", E, any, "{(@p).@f~((@p)).@f~(((@p))::text).@f~(@p || '').@f}"},
    {"attribute of a column", E, any, "{(@y).@f~(@y::text).@f}"},
    {"attribute of a number", E, any, "{(@q).@g~((@q)::integer).@g~(@q + 0).@g}"},
    {"attribute of a row", E, any, "{@R.@h~(@R).@h~((@R)).@h~(@R.*).@h}"},
    {"attribute of a denied row", E, any, "{@V.@k~(@V).@k~((@V)).@k~(@V.*).@k}"},
    {"attribute of any row", E, any, "{@r.whole~(@r).whole~(@r.*).whole~@r.pg_column_size~@r.count~(@r).row_to_json}"},
    {"attribute of a call", E, any,
     "{(upper(@p)).@f~(coalesce(@p, 'x')).@f~(substr(@p, "
     "1)).@f~(abs(@q)).@g~(to_jsonb(@r)).whole~(row_to_json(@R)).whole}"},
    {"attribute chain", E, any,
     "{((@p).@f).@f~((@p).upper).@f~((@p).@f).upper~((@R).@h).@f~((@R).row_to_json).to_jsonb~(((@p).upper).lower).@f"
     "~((@R).note).@f}"},
    {"attribute of a subquery", E, any,
     "{((SELECT @p)).@f~(SELECT (z.p).@f FROM (SELECT @p AS p) z)"
     "~(SELECT (z.p).@f FROM (SELECT @p AS p FROM @T) z LIMIT 1)"
     "~(SELECT ((z).p).@f FROM (SELECT @p AS p) z)}"},
    {"attribute of a function's alias", E, any,
     "{(SELECT @A.@f FROM unnest(ARRAY[@p]) @A LIMIT 1)"
     "~(SELECT (@A).@f FROM unnest(ARRAY[@p]) AS @A LIMIT 1)"
     "~(SELECT @A.@g FROM generate_series(1, 2) @A LIMIT 1)"
     "~(SELECT @A.@f FROM unnest(ARRAY[@p]) WITH ORDINALITY @A LIMIT 1)"
     "~(SELECT @A.@f FROM unnest(ARRAY[@p]) @A(@B) LIMIT 1)"
     "~(SELECT (@A.@B).@f FROM unnest(ARRAY[@p]) @A(@B) LIMIT 1)"
     "~(SELECT (@B).@f FROM unnest(ARRAY[@p]) @A(@B) LIMIT 1)"
     "~(SELECT (@A.a).@f FROM unnest(ARRAY[@p], ARRAY[1]) @A(a, b) LIMIT 1)"
     "~(SELECT @A.@f FROM ROWS FROM (unnest(ARRAY[@p])) @A LIMIT 1)"
     "~(SELECT @A.whole FROM ROWS FROM (generate_series(1, 1), unnest(ARRAY[@p])) @A LIMIT 1)"
     "~(SELECT @A.@f FROM upper(@p) @A)~(SELECT @A.@f FROM coalesce(@p) @A)}"},
    {"attribute, lateral", E, any,
     "{(SELECT array_agg(y) FROM unnest(ARRAY[@p]) x, LATERAL (SELECT x.@f) y)"
     "~(SELECT y FROM unnest(ARRAY[@p]) x, LATERAL (SELECT (x).@f) y LIMIT 1)"
     "~(SELECT count(y) FROM @T x, LATERAL (SELECT x.whole) y)"
     "~(SELECT y FROM (SELECT @p AS p) s, LATERAL (SELECT (s.p).@f) y LIMIT 1)"
     "~(SELECT count(y) FROM orders x CROSS JOIN LATERAL (SELECT x.@h) y)"
     "~(SELECT count(z) FROM orders x, generate_series(1, length(x.body)) z)"
     "~(SELECT count(z) FROM orders x, unnest(ARRAY[x.secret_of]) z)"
     "~(SELECT count(*) FROM orders x, LATERAL (VALUES (x.secret_of)) z)}"},
    {"attribute in a CTE", E, any,
     "{(WITH z AS {~MATERIALIZED ~NOT MATERIALIZED }(SELECT @p AS p) SELECT (z.p).@f FROM z)"
     "~(WITH z AS (SELECT (@p).@f AS p) SELECT p FROM z)"
     "~(WITH z AS (SELECT * FROM orders) SELECT count(z.whole) FROM z)}"},
    {"attribute in VALUES", E, any,
     "{(VALUES ((@p).@f))"
     "~(SELECT (column1).@f FROM (VALUES (@p), ('b')) z LIMIT 1)"
     "~(VALUES ((@q).@g))~(SELECT (z).@f FROM (VALUES (@p)) y(z) LIMIT 1)}"},
    {"attribute in CASE", E, number,
     "{CASE (@p).@f WHEN NULL THEN 1 END~CASE WHEN (@p).@f IS NULL THEN 1 ELSE 2 END"
     "~CASE WHEN true THEN length((@p).@f::text) END}"},
    {"attribute of an element", E, any, "{((ARRAY[@p])[1]).@f~(ARRAY[@p])[1].@f~((ARRAY(SELECT @p))[1]).@f}"},
    {"attribute of a built row", E, any, "{(ROW(@p, 1)).f1~((ROW(@p, 1)).f1).@f~(ROW(@R.*)).whole~(ROW(@V.*)).whole}"},
    {"attribute in clauses", E, number,
     "{(SELECT count(*) FILTER (WHERE (@p).@f IS NULL) FROM @T)"
     "~(SELECT count(*) OVER (PARTITION BY (@p).@f::text) FROM @T LIMIT 1)"
     "~(SELECT 1 FROM @T ORDER BY (@p).@f LIMIT 1)"
     "~(SELECT 1 FROM @T LIMIT length(('1'::text).@f::text))"
     "~(SELECT 1 FROM @T OFFSET length(('1'::text).@f::text))"
     "~(SELECT count(*) FROM @T GROUP BY (@p).@f::text LIMIT 1)"
     "~(SELECT count(*) FROM @T HAVING (@p).@f IS NULL)"
     "~(SELECT count(*) FROM @T a JOIN @U b ON (@p).@f IS NULL)"
     "~(SELECT DISTINCT ON ((@p).@f::text) 1 FROM @T)"
     "~(SELECT count(*) OVER w FROM @T WINDOW w AS (ORDER BY (@p).@f::text) LIMIT 1)"
     "~(SELECT count(*) FROM @T WHERE (@p).@f IS NULL)"
     "~(SELECT count(*) FROM @T GROUP BY GROUPING SETS (((@p).@f::text), ()) LIMIT 1)"
     "~(SELECT sum(1) OVER (ROWS BETWEEN (1).lower::integer PRECEDING AND CURRENT ROW) FROM @T LIMIT 1)"
     "~(SELECT count(*) FROM @T TABLESAMPLE SYSTEM (length(('1'::text).@f::text)))}"},
    {"attribute, harmless", E, any, "{(@x).upper~(@x).length~(@x).lower~(@y).upper~(@i).abs}"},
    {"attribute, a column", E, any, "{(@r).id~(@V).id~(@V).name~(@V.*).city~((@R)).note~(@R.*).total}"},
    {"attribute, a denied column", E, text, "{(@V).@D~((@V)).@D~(@V.*).@D~((@V.*)).@D}"},
};

const std::vector<shape> rows{
    {"row as a value", E, any, "{@V~(@V)~ROW(@V.*)~(@V.*)}"},
    {"row in a function", E, any,
     "{to_json(@V)~row_to_json(@V)~to_jsonb(@V)~jsonb_build_object('a', @V)~json_build_array(@V)~concat(@V, '')"
     "~concat_ws(',', @V, 1)~format('%s', @V)~num_nulls(@V)~quote_literal(@V)~coalesce(@V.*)~coalesce(@V)~greatest(@V, "
     "@V)"
     "~nullif(@V, "
     "NULL)~json_build_array(@V.*)~length(@V)~upper(@R)~to_jsonb(ARRAY[@V])~whole(@V)~leak_of(@V)~secret_of(@R)"
     "~num_nonnulls(VARIADIC ARRAY[@V])~concat(@V.*)~left(@V::text, 30)~to_json(@V) -> '@D'}"},
    {"row as text", E, text,
     "{@V::text~CAST(@V AS text)~(@V.*)::text~ROW(@V.*)::text~ROW(@V, 1)::text~@V::varchar~@V || "
     "''~(ARRAY[@V])::text}"},
    {"row compared", E, truth,
     "{@V IS NOT NULL~@V IS NULL~@V.* IS NOT NULL~@V = @V"
     "~@V > ROW(1, 'Ingrid'::text, 'Oslo'::text, '5'::text, 'd'::text)"
     "~@V IN (SELECT y FROM customers y)~@V IS DISTINCT FROM NULL~@V = ANY (ARRAY(SELECT y FROM customers y))"
     "~ROW(@V.*) < ROW(2, 'Tomas', 'Bergen', '5', 'd')~(@V.*) > (1, 'Ingrid', 'Oslo', '5', 'd')"
     "~CASE @V WHEN NULL THEN true ELSE false END~@V BETWEEN @V AND @V~NOT (@V IS NULL)}"},
    {"row in an aggregate", E, any,
     "(SELECT {array_agg(@A)~json_agg(@A)~jsonb_agg(@A)~max(@A::text)~string_agg(@A::text, ',')~count(DISTINCT @A)"
     "~(array_agg(@A.*))[1]~json_object_agg(@A.id, @A)~json_agg(@A.*)~count(@A)~count(*) FILTER (WHERE @A IS NOT NULL)"
     "~mode() WITHIN GROUP (ORDER BY @A)~array_agg(@A.id ORDER BY @A)~(array_agg(@A))[1].@d"
     "~jsonb_agg(@A.*)} FROM customers @A)"},
    {"row renamed", E, any,
     "{(SELECT @A::text FROM (SELECT customers FROM customers) @A LIMIT 1)"
     "~(SELECT @A FROM (SELECT customers FROM customers) @A LIMIT 1)"
     "~(SELECT (x.customers).@d FROM (SELECT customers FROM customers) x LIMIT 1)"
     "~(SELECT (z.y).@d FROM (SELECT @A AS y FROM customers @A) z LIMIT 1)"
     "~(SELECT ((z).y).@d FROM (SELECT @A AS y FROM customers @A) z LIMIT 1)"
     "~(SELECT (y).@d FROM (SELECT @A AS y FROM customers @A) z LIMIT 1)"
     "~(WITH @B AS (SELECT customers FROM customers) SELECT @B::text FROM @B LIMIT 1)"
     "~(WITH z(y) AS (SELECT @A FROM customers @A) SELECT (y).@d FROM z LIMIT 1)"
     "~(SELECT (y).@d FROM customers @A, LATERAL (SELECT @A AS y) z LIMIT 1)"
     "~(SELECT (y).@d FROM customers @A, unnest(ARRAY[@A]) y LIMIT 1)"
     "~(SELECT y.@d FROM customers @A, unnest(ARRAY[@A]) y LIMIT 1)"
     "~(SELECT y.* FROM customers @A, LATERAL (VALUES (@A)) y LIMIT 1)}"},
    {"row in a clause", E, number,
     "{(SELECT id FROM customers @A ORDER BY @A.* DESC LIMIT 1)"
     "~(SELECT id FROM customers @A ORDER BY ROW(@A.@d) LIMIT 1)"
     "~(SELECT count(*) FROM (SELECT DISTINCT @A FROM customers @A) z)"
     "~(SELECT count(*) OVER (PARTITION BY @A) FROM customers @A LIMIT 1)"
     "~(SELECT count(*) FROM customers @A GROUP BY @A LIMIT 1)"
     "~(SELECT count(*) FROM customers a JOIN customers b ON a = b)"
     "~(SELECT count(*) FROM customers a JOIN customers b ON a < b)"
     "~(SELECT max(length(z::text)) FROM (SELECT @A FROM customers @A) z)"
     "~(SELECT DISTINCT ON (@A) id FROM customers @A LIMIT 1)"
     "~(SELECT count(*) FROM (SELECT @A FROM customers @A UNION SELECT customers FROM customers) z)}"},
    {"row type", E, any,
     "{(NULL::customers).@d~NULL::customers~(NULL::secrets).word~(@R::orders).note~CAST(NULL AS customers)::text"
     "~(NULL::hidden.own).word}"},
    {"row under a column's name", E, text,
     "{(SELECT total::text FROM customers total LIMIT 1)"
     "~(SELECT total::text FROM customers total, orders LIMIT 1)"
     "~(SELECT qty::text FROM customers qty, orders o LIMIT 1)"
     "~(SELECT (SELECT total::text) FROM customers total LIMIT 1)"
     "~(SELECT (SELECT qty::text FROM orders LIMIT 1) FROM customers qty LIMIT 1)}"},
};

// Names that mean another thing than it seems. @V is the alias of a table of denied columns in an outer query, @D such
// a column.
const std::vector<shape> scopes{
    {"sibling hides an outer alias", E, text,
     "{(SELECT s.z FROM {@T~(SELECT 1 AS id)~(VALUES (1))} @V, (SELECT {@V.@D~(@V).@D~@V::text~to_jsonb(@V)::text} AS "
     "z) s LIMIT 1)"
     "~(SELECT s.z FROM generate_series(1, 1) @V, (SELECT {@V.@D~(@V).@D~@V::text} AS z) s LIMIT 1)"
     "~(SELECT k.v FROM @U y, LATERAL (SELECT s.z AS v FROM @T @V, (SELECT @V.@D AS z) s LIMIT 1) k LIMIT 1)"
     "~(SELECT s.z FROM @T @V, (SELECT (SELECT @V.@D) AS z FROM @U) s LIMIT 1)"
     "~(SELECT s.z FROM @T @V CROSS JOIN (SELECT @V.@D AS z) s LIMIT 1)"
     "~(SELECT max(s.z) FROM @T @V JOIN (SELECT @V.@D AS z FROM inventory) s ON true)"
     "~(SELECT s.z FROM @T @V, (SELECT max(y.b || @V.@D) AS z FROM (SELECT 'a' AS b) y) s LIMIT 1)"
     "~(SELECT s.z FROM @T @V, (WITH y AS (SELECT @V.@D AS z) SELECT z FROM y) s LIMIT 1)"
     "~(SELECT s.z FROM @T @V, (VALUES (@V.@D)) s(z) LIMIT 1)"
     "~(SELECT s.z FROM @T @V, ((SELECT @V.@D AS z) UNION ALL SELECT 'a') s LIMIT 1)"
     "~(SELECT z FROM @T @V, (SELECT @V.@D) s(z) LIMIT 1)}"},
    {"sibling's column hides an outer column", E, text,
     "{(SELECT s.z FROM (SELECT 'a' AS @t) n, (SELECT @t AS z) s LIMIT 1)"
     "~(SELECT s.z FROM notes n, (SELECT @s AS z) s LIMIT 1)"
     "~(SELECT s.z FROM (VALUES ('a')) n(@t), (VALUES (@t)) s(z) LIMIT 1)}"},
    {"join's alias hides an inner alias", E, text,
     "{(SELECT {@V.@D~(@V).@D~to_jsonb(@V)::text~@V::text} FROM (@T @V {JOIN~LEFT JOIN} @U y ON true) AS j LIMIT 1)"
     "~(SELECT {@V.@D~(@V).@D~@V::text} FROM (orders @V {JOIN inventory USING (product_id)~NATURAL JOIN "
     "inventory~CROSS JOIN "
     "inventory~LEFT JOIN inventory USING (product_id)}) AS j LIMIT 1)"
     "~(SELECT {@V.@D~@V::text} FROM (@U y CROSS JOIN (@T @V CROSS JOIN inventory i)) AS j LIMIT 1)"
     "~(SELECT @V.@D FROM (@T @V CROSS JOIN @U y) j(a) LIMIT 1)"
     "~(SELECT j2.v FROM (@T @V CROSS JOIN inventory) AS j, LATERAL (SELECT @V.@D AS v) j2 LIMIT 1)"
     "~(SELECT (SELECT @V.@D) FROM (@T @V CROSS JOIN inventory) j LIMIT 1)}"},
    {"ON does not see what is beside the join", E, number,
     "{(SELECT count(p.id) FROM @T @V, orders o LEFT JOIN products p ON {ascii(@V.@D) > 55~@V.@D LIKE '9%'~(@V).@D < "
     "'5'~@V IS NOT "
     "NULL~@V::text LIKE '%CANARY%'})"
     "~(SELECT max(CASE WHEN p.id > 0 THEN p.id END) FROM @T @V, orders o JOIN products p ON ascii(@V.@D) > 55)"
     "~(SELECT count(*) FROM inventory i, @T @V, orders o FULL JOIN products p ON o.id = p.id AND true JOIN notes ON "
     "@V.@D > '5')"
     "~(SELECT count(p.id) FROM @T @V, (orders o LEFT JOIN products p ON @V.@D > '5'))}"},
    {"ON and a plain name", E, number,
     "{(SELECT count(p.id) FROM (SELECT 'a' AS @t) n, orders o LEFT JOIN products p ON @t > '5')"
     "~(SELECT count(p.id) FROM (VALUES ('a')) n(@t), orders o JOIN products p ON @t LIKE '9%')"
     "~(SELECT count(p.id) FROM notes n, orders o LEFT JOIN products p ON @s > '5')"
     "~(SELECT count(*) FROM notes, orders o JOIN products p ON length(@s) > 7)}"},
    {"a column that is renamed away", E, text,
     "{(SELECT @s FROM (notes n {JOIN orders o ON true~CROSS JOIN orders}) AS j(a, b, c) LIMIT 1)"
     "~(SELECT @t FROM ((SELECT 1 AS x, 'a' AS @t) n CROSS JOIN orders o) AS j(a, b) LIMIT 1)"
     "~(WITH RECURSIVE a AS (SELECT @s AS x FROM notes), notes AS (SELECT 1 AS zz) SELECT x FROM a LIMIT 1)"
     "~(WITH notes AS (SELECT 1 AS zz) SELECT @s FROM notes LIMIT 1)"
     "~(SELECT @s FROM notes AS n(a, b, c) LIMIT 1)"
     "~(SELECT @s FROM (SELECT * FROM notes) AS n(a, b, c) LIMIT 1)"
     "~(SELECT @s FROM (TABLE notes) n(a, b) LIMIT 1)"
     "~(SELECT @s FROM (SELECT * FROM orders JOIN notes USING (id)) j(a, b, c, d, e, f, g) LIMIT 1)"
     "~(WITH t(a, b, c) AS (SELECT * FROM notes) SELECT @s FROM t LIMIT 1)"
     "~(SELECT @s FROM (notes NATURAL JOIN (SELECT 1 AS id) y) j(a, b, c) LIMIT 1)"
     "~(SELECT @s FROM (SELECT id, body FROM notes) n LIMIT 1)"
     "~(SELECT @s FROM (SELECT ssn AS x FROM notes) n LIMIT 1)"
     "~(SELECT @s FROM (SELECT n.* FROM notes n UNION ALL SELECT 1, 'a', 'b') y(a, b, c) LIMIT 1)}"},
    {"a row's name that seems a column", Q, any,
     "SELECT {qty~qty::text~to_jsonb(qty)~(qty).@d~qty.@d} FROM customers qty, {(inventory i JOIN orders o ON true) AS "
     "j(a, b)~(SELECT * "
     "FROM orders JOIN inventory USING (product_id)) AS j(a, b, c, d, e, f)"
     "~(orders NATURAL JOIN inventory) AS j(a, b, c, d, e, f)~(orders JOIN inventory USING (product_id)) AS j(a, b, c, "
     "d, e, f)~LATERAL "
     "(SELECT * FROM inventory) j(a, b)~(TABLE inventory) j(a, b)"
     "~(SELECT * FROM inventory UNION ALL SELECT 1, 2) j(a, b)~inventory AS j(a, b)~(SELECT o.* FROM orders o) "
     "j~(VALUES (1, 2)) j(a, "
     "b)~(inventory JOIN products USING (product_id) AS u CROSS JOIN notes) j(a, b, c, d, e, f)} LIMIT 5"},
    {"a row's name and a CTE", Q, any,
     "{WITH t(a, b, c, d, e, f) AS (SELECT * FROM orders JOIN inventory USING (product_id)) SELECT qty FROM customers "
     "qty, t LIMIT 5"
     "~WITH t(a, b, c, d, e, f) AS (SELECT * FROM orders NATURAL JOIN inventory) SELECT qty::text FROM customers qty, "
     "t LIMIT 5"
     "~WITH RECURSIVE a AS (SELECT qty FROM customers qty, inventory), inventory AS (SELECT 1 AS zz) SELECT * FROM a"
     "~WITH inventory AS (SELECT 1 AS zz) SELECT qty FROM customers qty, inventory"
     "~WITH inventory(a, b) AS (TABLE inventory) SELECT qty::text FROM customers qty, inventory"
     "~WITH RECURSIVE a AS (SELECT total::text AS x FROM customers total, orders), orders(a) AS (SELECT 1) SELECT x "
     "FROM a"
     "~WITH RECURSIVE inventory AS (SELECT 1 AS zz UNION ALL SELECT zz + 1 FROM inventory WHERE zz < 3) SELECT "
     "qty::text FROM customers "
     "qty, inventory}"},
    {"forward reference", Q, any,
     "{WITH RECURSIVE a AS (SELECT b.x FROM b), b AS (SELECT @d AS x FROM customers) SELECT * FROM a"
     "~WITH RECURSIVE a AS (SELECT * FROM b), b AS (SELECT word FROM secrets) SELECT * FROM a"
     "~WITH RECURSIVE a AS (SELECT (SELECT count(*) FROM inventory WHERE qty IS NOT NULL) AS n, b.x FROM b), b AS "
     "(SELECT id AS x FROM "
     "customers) SELECT * FROM a"
     "~WITH RECURSIVE a AS (SELECT b.* FROM b), b AS (SELECT customers FROM customers) SELECT a::text FROM a"
     "~WITH RECURSIVE a AS (SELECT (b.y).@d FROM b), b AS (SELECT customers AS y FROM customers) SELECT * FROM a"
     "~WITH RECURSIVE a AS (SELECT (b.p).@f FROM b), b AS (SELECT @p AS p) SELECT * FROM a"
     "~WITH RECURSIVE a AS (SELECT b.whole FROM b), b AS (SELECT 1 AS y) SELECT * FROM a}"},
    {"CTE of a table's name", Q, any,
     "{SELECT x FROM (WITH secrets AS (SELECT 'a' AS word) SELECT word AS x FROM secrets) s"
     "~WITH a AS (SELECT word FROM secrets), secrets AS (SELECT 'a' AS word) SELECT word FROM a"
     "~WITH secrets AS (SELECT * FROM secrets) SELECT word FROM secrets"
     "~SELECT word FROM secrets WHERE EXISTS (WITH secrets AS (SELECT 1) SELECT 1 FROM secrets)"
     "~(WITH secrets AS (SELECT 'a'::text AS word) SELECT word FROM secrets) UNION ALL SELECT word FROM secrets"
     "~WITH RECURSIVE a AS (SELECT word FROM secrets), secrets AS (SELECT 'a' AS word) SELECT word FROM a"
     "~WITH customers AS (SELECT id, name AS ssn FROM customers) SELECT ssn FROM customers"
     "~WITH customers AS (SELECT 'x' AS ssn) SELECT (SELECT ssn FROM public.customers LIMIT 1) FROM customers"
     "~WITH secrets AS (SELECT 1 AS id) SELECT (SELECT count(*) FROM public.secrets) FROM secrets"
     "~WITH secrets AS (WITH secrets AS (SELECT word FROM secrets) SELECT word FROM secrets) SELECT * FROM secrets"
     "~WITH secrets(word) AS (SELECT name FROM customers) SELECT word FROM secrets"
     "~WITH customers AS {MATERIALIZED ~NOT MATERIALIZED }(SELECT * FROM orders) SELECT * FROM customers"
     "~WITH orders AS (SELECT @d AS note FROM customers) SELECT note FROM orders"
     "~WITH a AS (SELECT name AS ssn, city AS card FROM customers) SELECT a.*, a::text FROM a"
     "~WITH pg_class AS (SELECT 1 AS x) SELECT x FROM pg_class"
     "~WITH x AS (SELECT * FROM orders), orders AS (SELECT 1 AS zz) SELECT x.note, orders.zz FROM x, orders}"},
    {"alias of a table's name", E, text,
     "{(SELECT secrets.note FROM orders secrets LIMIT 1)"
     "~(SELECT customers.ssn FROM notes customers LIMIT 1)~(SELECT orders.@d FROM customers orders LIMIT 1)"
     "~(SELECT notes.ssn FROM customers notes LIMIT 1)"
     "~(SELECT notes.ssn FROM customers AS notes, notes AS customers LIMIT 1)"
     "~(SELECT customers.ssn FROM customers AS notes, notes AS customers LIMIT 1)"
     "~(SELECT @V.ssn FROM notes @V LIMIT 1)~(SELECT @V.@D FROM (SELECT 'a' AS @D) @V LIMIT 1)"
     "~(SELECT ssn.ssn FROM notes ssn LIMIT 1)~(SELECT ssn.@d FROM customers ssn LIMIT 1)"
     "~(SELECT public.customers.@d FROM customers LIMIT 1)}"},
    {"column list", E, text,
     "{(SELECT d FROM customers AS x(a, b, c, d) LIMIT 1)"
     "~(SELECT x.d FROM (customers c JOIN orders o ON true) AS x(a, b, c, d) LIMIT 1)"
     "~(WITH x(a, b, c, d) AS (SELECT * FROM customers) SELECT d FROM x LIMIT 1)"
     "~(WITH x(a, b) AS (SELECT id, @d FROM customers) SELECT b FROM x LIMIT 1)"
     "~(SELECT ssn FROM customers x(a) LIMIT 1)"
     "~(SELECT name FROM customers AS q (id, name) LIMIT 1)"
     "~(SELECT ssn FROM customers AS q (id, ssn) LIMIT 1)"
     "~(SELECT card FROM customers AS q (a, ssn, card, b, c) LIMIT 1)"
     "~(SELECT q.ssn FROM customers AS q (ssn, b, c, d, e) LIMIT 1)"
     "~(SELECT b FROM (SELECT @d FROM customers) x(b) LIMIT 1)"
     "~(SELECT x.note FROM customers AS x(id, customer_id, product_id, note) LIMIT 1)}"},
    {"an outer name through layers", E, text,
     "{(SELECT (SELECT (SELECT @V.@D)))~(SELECT y.z FROM (SELECT @V.@D AS z) y)"
     "~(SELECT y.z FROM @T, LATERAL (SELECT @V.@D AS z) y LIMIT 1)"
     "~(SELECT @D LIMIT 1)~(WITH y AS (SELECT @V.@D AS z) SELECT z FROM y)~(WITH @V AS (SELECT @V.@D AS z) SELECT z "
     "FROM @V)"
     "~(VALUES (@V.@D))"
     "~(SELECT max(y.a || @V.@D) FROM (SELECT 'a' AS a) y)}"},
};

const std::vector<shape> joins{
    {"NATURAL over denied columns", Q, any,
     "{SELECT count(*) FROM customers NATURAL JOIN notes"
     "~SELECT count(*) FROM customers NATURAL JOIN (SELECT '9CANARY' AS ssn) x"
     "~SELECT count(*) FROM (SELECT '9CANARY' AS ssn) x NATURAL LEFT JOIN customers"
     "~SELECT x.id FROM customers x NATURAL JOIN customers y"
     "~SELECT y.zz FROM members NATURAL JOIN (SELECT 1 AS pin, 2 AS zz) y"
     "~SELECT count(*) FROM orders NATURAL JOIN members~SELECT count(*) FROM customers NATURAL JOIN orders"
     "~SELECT count(*) FROM notes NATURAL JOIN (customers CROSS JOIN inventory)"
     "~SELECT ssn FROM notes NATURAL FULL JOIN customers}"},
    {"USING of denied columns", Q, any,
     "{SELECT count(*) FROM customers JOIN notes USING (ssn)"
     "~SELECT u.ssn FROM customers JOIN notes USING (ssn) AS u"
     "~SELECT ssn FROM notes RIGHT JOIN customers USING (ssn)"
     "~SELECT count(*) FROM customers a FULL JOIN customers b USING (@d)"
     "~SELECT count(*) FROM members JOIN (SELECT 1 AS pin) x USING (pin)"
     "~SELECT count(*) FROM customers JOIN (SELECT '9CANARY' AS ssn) x USING (ssn)"
     "~SELECT count(*) FROM customers c(id, name, city, note) JOIN orders USING (note)"
     "~SELECT count(*) FROM customers JOIN notes USING (\"ssn\")"
     "~SELECT count(*) FROM (customers JOIN notes USING (id)) JOIN (SELECT 'x' AS ssn) y USING (ssn)"
     "~SELECT ssn FROM (customers c JOIN notes USING (ssn)) LIMIT 3}"},
    {"join with a table that is not allowed", Q, any,
     "{SELECT count(*) FROM orders JOIN secrets USING (id)"
     "~SELECT count(*) FROM orders NATURAL JOIN secrets~SELECT count(*) FROM orders, secrets"
     "~SELECT count(*) FROM orders CROSS JOIN secrets"
     "~SELECT o.id FROM orders o LEFT JOIN secrets s ON true"
     "~SELECT orders.id FROM secrets RIGHT JOIN orders USING (customer_id)"
     "~SELECT id FROM orders JOIN secrets USING (id, customer_id)"
     "~SELECT count(*) FROM (orders JOIN secrets USING (id)) AS j}"},
    {"join's USING alias", Q, any,
     "{SELECT u.id FROM orders JOIN products USING (id) AS u"
     "~SELECT u.* FROM customers JOIN orders USING (id) AS u"
     "~SELECT u::text FROM customers JOIN orders USING (id) AS u"
     "~SELECT u.ssn FROM customers JOIN orders USING (id) AS u"
     "~SELECT (SELECT c.@d FROM orders JOIN products USING (id) AS c LIMIT 1) FROM customers c"
     "~SELECT u.whole FROM orders JOIN products USING (id) AS u}"},
    {"star", Q, any,
     "{SELECT * FROM customers~SELECT c.* FROM customers c~SELECT (c).* FROM customers c~SELECT (c.*).* FROM customers "
     "c"
     "~SELECT * FROM (SELECT * FROM customers) x~SELECT count(c.*) FROM customers c"
     "~SELECT (x.y).* FROM (SELECT c AS y FROM customers c) x"
     "~SELECT o.*, 1 FROM orders o, customers"
     "~SELECT y.* FROM customers c, LATERAL (SELECT c.*) y~SELECT * FROM orders, customers"
     "~SELECT * FROM orders o JOIN customers c ON true~SELECT * FROM members~SELECT id, (c).* FROM customers c"
     "~TABLE customers~TABLE ONLY customers~(TABLE customers)~WITH x AS (TABLE customers) SELECT id FROM x"
     "~SELECT id FROM (TABLE customers) x~SELECT * FROM orders~SELECT * FROM (customers c CROSS JOIN inventory)"
     "~SELECT j.* FROM (customers c CROSS JOIN inventory) j"
     "~SELECT * FROM customers AS x(a, b, c, d, e)~TABLE orders~SELECT count(*) FROM customers"
     "~SELECT ROW(c.*) FROM customers c~SELECT EXISTS (SELECT * FROM customers)"
     "~SELECT count(*) FROM (SELECT DISTINCT * FROM customers) x"
     "~SELECT DISTINCT c.* FROM customers c}"},
};

const std::vector<shape> places{
    {"denied column", E, text, "{@v~@v~@v~@V.@D~(@v)~upper(@v)~@v::text~public.customers.@D}"},
    {"denied number", E, number,
     "{@v~(SELECT pin FROM members LIMIT 1)~(SELECT max(pin) FROM members)~(SELECT count(*) FROM members WHERE pin > 3)"
     "~(SELECT id FROM members ORDER BY pin LIMIT 1)~(SELECT count(pin) FROM members)}"},
    {"denied column in a clause", E, number,
     "{(SELECT count(*) FILTER (WHERE @d LIKE '9%') FROM customers)"
     "~(SELECT id FROM customers ORDER BY @d LIMIT 1)~(SELECT count(*) FROM customers WHERE @d > '5')"
     "~(SELECT count(*) FROM customers GROUP BY GROUPING SETS ((@d), ()) LIMIT 1)"
     "~(SELECT count(*) OVER (PARTITION BY @d) FROM customers LIMIT 1)"
     "~(SELECT count(*) FROM customers GROUP BY ROLLUP (@d) ORDER BY grouping(@d) LIMIT 1)"
     "~(SELECT length(percentile_disc(0.5) WITHIN GROUP (ORDER BY @d)) FROM customers)"
     "~(SELECT length(string_agg(name, ',' ORDER BY @d)) FROM customers)"
     "~(SELECT DISTINCT ON (@d) id FROM customers LIMIT 1)"
     "~(SELECT rank() OVER (ORDER BY @d) FROM customers LIMIT 1)"
     "~(SELECT count(DISTINCT @d) FROM customers)"
     "~(SELECT first_value(id) OVER w FROM customers WINDOW w AS (ORDER BY @d DESC) LIMIT 1)"
     "~(SELECT id FROM customers GROUP BY id, @d HAVING @d > '5' LIMIT 1)"
     "~(SELECT count(*) FROM customers a JOIN customers b ON a.@d = b.@d)}"},
    {"table that is not allowed", Q, any,
     "{SELECT word FROM secrets~SELECT count(*) FROM secrets"
     "~SELECT id FROM orders WHERE id IN (SELECT id FROM secrets)"
     "~SELECT id FROM orders WHERE EXISTS (SELECT 1 FROM secrets)"
     "~SELECT ARRAY(SELECT word FROM secrets)~SELECT (SELECT word FROM secrets LIMIT 1)~SELECT word FROM public.secrets"
     "~SELECT word FROM ONLY secrets~TABLE secrets~SELECT ssn FROM customer_view~SELECT ssn FROM hidden.customers"
     "~SELECT word FROM hidden.own~SELECT rolname FROM pg_authid~SELECT rolname FROM pg_catalog.pg_roles"
     "~SELECT table_name FROM information_schema.tables~SELECT relname FROM pg_class~SELECT name FROM pg_settings"
     "~SELECT word FROM postgres.public.secrets~SELECT last_value FROM canary_seq~SELECT word FROM \"secrets\""
     "~SELECT word FROM Secrets~VALUES ((SELECT word FROM secrets LIMIT 1))"
     "~SELECT word FROM secrets TABLESAMPLE SYSTEM (100)~SELECT 1 LIMIT (SELECT count(*) FROM secrets)"
     "~SELECT id FROM orders ORDER BY (SELECT max(word) FROM secrets), id"
     "~SELECT query FROM pg_stat_activity~SELECT tablename FROM pg_tables~SELECT most_common_vals FROM pg_stats"
     "~SELECT id FROM orders UNION ALL SELECT id FROM secrets"
     "~SELECT note FROM orders INTERSECT SELECT word FROM secrets"
     "~WITH x AS (SELECT word FROM secrets) SELECT * FROM x}"},
    {"another schema", Q, any,
     "{SELECT total FROM archive.orders ORDER BY 1~SELECT secret FROM archive.orders~SELECT o.total, o.secret FROM "
     "archive.orders o"
     "~SELECT orders.secret FROM archive.orders~SELECT * FROM archive.orders~SELECT orders FROM archive.orders"
     "~SELECT ssn FROM archive.customers~SELECT id FROM archive.customers~SELECT count(*) FROM archive.orders WHERE "
     "secret IS NULL"
     "~SELECT a.total, b.note FROM archive.orders a JOIN orders b USING (id) ORDER BY 1~SELECT archive.orders.total "
     "FROM archive.orders"
     "~SELECT archive.orders.secret FROM archive.orders~SELECT archive.orders.* FROM archive.orders~TABLE "
     "archive.orders"
     "~WITH orders AS (SELECT 1 AS total) SELECT secret FROM archive.orders~SELECT (o).secret FROM archive.orders o"
     "~WITH orders AS (SELECT 1 AS secret) SELECT a.secret, b.total FROM orders a, archive.orders b"
     "~SELECT x.c FROM archive.orders x(a, b, c)~SELECT public.orders.note, archive.orders.total FROM public.orders, "
     "archive.orders"
     "~SELECT secret FROM orders, archive.orders AS o~SELECT (SELECT secret FROM orders LIMIT 1) FROM archive.orders "
     "AS x}"},
    {"system column", Q, any,
     "{SELECT id, ctid FROM orders~SELECT xmin FROM customers~SELECT id, tableoid FROM customers"
     "~SELECT c.ctid FROM customers c~SELECT id FROM orders ORDER BY ctid~SELECT cmin, xmax FROM orders"
     "~SELECT count(*) FROM customers WHERE ctid = '(0,1)'~SELECT tableoid::regclass FROM orders~SELECT oid FROM orders"
     "~SELECT (c).ctid FROM customers c}"},
    {"sampled", Q, any,
     "{SELECT id FROM orders TABLESAMPLE SYSTEM (100)"
     "~SELECT id FROM customers c TABLESAMPLE BERNOULLI (100) REPEATABLE (1)"
     "~SELECT c.id FROM customers AS c TABLESAMPLE SYSTEM (90 + length('@l'))}"},
    {"grouping", Q, any,
     "{SELECT city, count(*) FROM customers GROUP BY ROLLUP (city)"
     "~SELECT city, name, grouping(city) FROM customers GROUP BY CUBE (city, name)"
     "~SELECT product_id, sum(total) FROM orders GROUP BY GROUPING SETS ((product_id), ())"
     "~SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY total) FROM orders"
     "~SELECT DISTINCT ON (city) city, name FROM customers ORDER BY city, id"
     "~SELECT city, string_agg(name, ',' ORDER BY id) FILTER (WHERE id > 1) FROM customers GROUP BY city ORDER BY 1}"},
};

const std::vector<shape> calls{
    {"dangerous call", E, any,
     "{pg_read_file('@l')~pg_ls_dir('.')~pg_sleep(0)~nextval('canary_seq')~current_setting('data_directory')"
     "~set_config('a.b', 'c', "
     "false)~pg_terminate_backend(1)~pg_advisory_lock(1)~lo_get(1)~@f(@p)~@g(@q)~pg_backend_pid()"
     "~query_to_xml('SELECT 1', false, false, '')~table_to_xml('secrets', true, false, '')~pg_relation_size('secrets')"
     "~has_table_privilege('secrets', 'select')~txid_current()~version()~pg_postmaster_start_time()~inet_server_port()"
     "~pg_notify('a', 'b')~PG_SLEEP(0)~\"pg_sleep\"(0)~pg_catalog.pg_sleep(0)~pg_catalog.pg_read_file('@l')"
     "~pg_catalog.nextval('canary_seq')~pg_catalog.pg_advisory_lock(7)"
     "~pg_catalog.query_to_xml('SELECT * FROM secrets', false, false, '')"
     "~pg_current_wal_lsn()}"},
    {"users' function", E, any,
     "{nameless(@p)~public.nameless(@q)~whole(@q)~secret_of(@R)~leak_of(@V)~own('x')~rows_of(@R)~public.whole(@x)"
     "~spy.note('x')~nameless(@i)~(SELECT secret_of(orders) FROM orders LIMIT 1)}"},
    {"a listed name of another function", E, any,
     "{upper(@R)~length(@V)~lower(@i)~@x + @x~@x OPERATOR(public.+) @x~@x <?> @x~public.upper(@R)~public.lower(@i)"
     "~upper(@R.*)}"},
    {"who and where", E, text,
     "{current_user::text~session_user::text~user::text~current_role::text~current_catalog::text~current_schema::text"
     "~current_schema()::text~current_database()::text}"},
    {"cast to a type", E, any,
     "{'secrets'::regclass~'lefty'::regclass~'orders'::regclass::oid~'pg_sleep'::regproc~1::oid::regclass~@p::regclass"
     "~'CANARY'::regrole~@x::\"char\"~@i::money~@x::bytea~@i::bit(4)~@x::name~'0/1'::pg_lsn~'a'::tsvector}"},
    {"function in FROM", Q, any,
     "{SELECT * FROM pg_ls_dir('.') f~SELECT f FROM pg_read_file('@l') f~SELECT f.* FROM nameless('a') f"
     "~SELECT f FROM orders o, rows_of(o) f~SELECT f FROM orders o, secret_of(o) f"
     "~SELECT f FROM orders o, LATERAL secret_of(o) AS f(x)"
     "~SELECT * FROM ROWS FROM (pg_ls_dir('.'), generate_series(1, 2)) f"
     "~SELECT f FROM ROWS FROM (generate_series(1, 2), nameless('a')) f(a, b)"
     "~SELECT f.x FROM pg_ls_dir('.') WITH ORDINALITY f(x, y)"
     "~SELECT g FROM customers c, leak_of(c) g~SELECT * FROM current_setting('data_directory')"
     "~SELECT * FROM json_to_recordset('[]') AS x(a int)"
     "~SELECT a FROM json_to_record('[]') AS x(a customers)"
     "~SELECT x FROM orders o, LATERAL unnest(ARRAY[o.note, o.secret_of]) x"
     "~SELECT value FROM customers c, jsonb_each_text(to_jsonb(c))"
     "~SELECT k FROM customers c, jsonb_object_keys(to_jsonb(c)) k"
     "~SELECT * FROM pg_stat_file('@l')"
     "~SELECT c FROM unnest(ARRAY['a'], ARRAY[1, 2]) AS u(a, c)"
     "~SELECT * FROM generate_series(1, 3) WITH ORDINALITY"
     "~SELECT * FROM ROWS FROM (generate_series(1, 2), unnest(ARRAY['a'])) AS r(a, b)"
     "~SELECT * FROM unnest(ARRAY['a'], ARRAY[1, 2]) AS u~SELECT * FROM upper('a') u"
     "~SELECT x->>'id' FROM jsonb_array_elements('[]') AS x"
     "~SELECT current_user FROM current_user"
     "~SELECT y FROM customers c, json_array_elements(json_agg(c)) y"
     "~SELECT o.note, g FROM orders o, generate_series(1, o.product_id) g}"},
    {"odd operators", E, truth,
     "{@x OPERATOR(pg_catalog.=) 'a'~@x OPERATOR(public.<?>) 'a' IS NULL~@x SIMILAR TO 'a%'~@i BETWEEN SYMMETRIC 3 AND "
     "1"
     "~@x COLLATE \"C\" < 'b'~@x IS NORMALIZED~(@x, @i) < ('a', 2)~@i = ANY (SELECT id FROM secrets)"
     "~@i < ALL (SELECT id FROM orders)~@x LIKE ANY (ARRAY['a%', 'O%'])}"},
};

const std::vector<shape> changes{
    {"change in a CTE", Q, any,
     "{WITH d AS (DELETE FROM orders RETURNING *) SELECT * FROM d"
     "~WITH d AS (UPDATE orders SET total = 0 RETURNING id) SELECT * FROM d"
     "~WITH d AS (INSERT INTO notes VALUES (9, 'a', 'b') RETURNING *) SELECT * FROM d"
     "~WITH d AS (INSERT INTO notes VALUES (9, 'a', 'b')) SELECT 1"
     "~WITH x AS (SELECT 1), d AS (DELETE FROM secrets RETURNING word) SELECT * FROM d"
     "~WITH d AS MATERIALIZED (DELETE FROM inventory RETURNING qty) SELECT count(*) FROM d}"},
    {"lock", Q, any,
     "{SELECT id FROM orders FOR UPDATE~SELECT id FROM orders FOR SHARE~SELECT id FROM (SELECT id FROM orders FOR "
     "SHARE) x"
     "~SELECT o.id FROM orders o, products FOR NO KEY UPDATE OF o"
     "~WITH x AS (SELECT id FROM orders FOR KEY SHARE) SELECT * FROM x"
     "~SELECT (SELECT id FROM orders LIMIT 1 FOR UPDATE SKIP LOCKED)}"},
    {"SELECT INTO", S, any,
     "{SELECT id INTO stolen FROM orders~SELECT * INTO TEMP stolen FROM customers"
     "~WITH x AS (SELECT 1 AS y) SELECT y INTO TABLE stolen FROM x}"},
    {"another statement", S, any,
     "{DELETE FROM customers~UPDATE customers SET ssn = 'x'~DROP TABLE customers~COPY customers TO STDOUT"
     "~EXPLAIN ANALYZE DELETE FROM orders~SHOW data_directory"
     "~INSERT INTO orders VALUES (9, 9, 9, 9, '9') RETURNING id"
     "~DO $$ BEGIN PERFORM nextval('canary_seq'); END $$~PREPARE p AS SELECT ssn FROM customers~SET work_mem = '64kB'"
     "~CALL x()~BEGIN~DECLARE z CURSOR FOR SELECT ssn FROM customers~CREATE TABLE t AS SELECT ssn FROM customers"
     "~TRUNCATE orders~LOCK orders"
     "~MERGE INTO orders USING notes ON true WHEN MATCHED THEN DELETE"
     "~EXPLAIN SELECT ssn FROM customers~LISTEN a~VACUUM orders}"},
    {"many statements", S, any,
     "{@Q; DELETE FROM orders~@Q; SELECT ssn FROM customers~SELECT 1;; SELECT word FROM secrets~@Q; COMMIT"
     "~DELETE FROM orders; @Q~@Q;~@Q /* ; */~@Q -- ; DELETE FROM orders~/* /* ; */ */ @Q}"},
};

// Readings of a name that differ by the clause, and syntax that calls without a call's look.
const std::vector<shape> readings{
    {"output name", Q, any,
     "{SELECT name AS @d FROM customers ORDER BY @d"
     "~SELECT name AS ssn FROM customers ORDER BY {ssn || ''~upper(ssn)~(ssn)~length(ssn), 1~ssn COLLATE \"C\"~ssn IS "
     "NULL, 1}"
     "~SELECT count(*) AS ssn FROM customers GROUP BY ssn"
     "~SELECT name AS ssn, count(*) FROM customers GROUP BY ssn, name"
     "~SELECT DISTINCT ON (ssn) name AS ssn FROM customers"
     "~SELECT max(name) AS ssn FROM customers HAVING max(ssn) > '5'"
     "~SELECT name AS ssn FROM customers WHERE ssn > '5'"
     "~SELECT id AS ssn, rank() OVER (ORDER BY ssn) FROM customers"
     "~SELECT name AS ssn FROM customers UNION SELECT note FROM orders ORDER BY ssn"
     "~SELECT id AS card, name AS ssn FROM customers ORDER BY card, ssn"
     "~SELECT o.note AS ssn FROM orders o, customers c ORDER BY ssn"
     "~SELECT city AS x FROM customers GROUP BY card, x"
     "~SELECT city AS x FROM customers GROUP BY x ORDER BY x"
     "~SELECT upper(city) AS city, count(*) FROM customers GROUP BY city ORDER BY 1"
     "~SELECT name AS ssn FROM customers WINDOW w AS (ORDER BY ssn) ORDER BY rank() OVER w, 1}"},
    {"column as a function", E, any,
     "{@D(@V)~ssn(@V)~card(@V)~name(@V)~id(@r)~public.ssn(@V)~note(@R)~(SELECT max(ssn(y)) FROM customers y)"
     "~pg_catalog.ssn(@V)~total(@R)~city(@V.*)~text(@i)~int4(@i)}"},
    {"syntax that calls", E, text,
     "{extract(year FROM date '2026-01-02')::text~overlay(@x PLACING 'b' FROM 1)~position('a' IN @x)::text"
     "~substring(@x FROM 1 FOR 2)~substring(@x FROM 'a.')~trim(BOTH 'a' FROM @x)"
     "~(timestamp '2026-01-02' AT TIME ZONE 'UTC')::text~normalize(@x)~(collation for (@x))::text~(interval '1 "
     "day')::text"
     "~text 'a'~(@x SIMILAR TO 'a')::text~(regclass 'lefty')::text~(regrole 'CANARY')::text~xmlelement(name a, "
     "@v)::text"
     "~xmlforest(@v AS a)::text~xmlelement(name a, xmlattributes(@v AS b))::text"
     "~xmlserialize(content xmlelement(name a, @V) AS text)"
     "~xmlconcat(xmlelement(name b, @V.@D))::text~(@x IS DOCUMENT)::text"
     "~(xpath('/a/text()', xmlelement(name a, @v)))[1]::text"
     "~(to_jsonb(@V))['@D']::text~(to_jsonb(@x))['a']::text~make_interval(days => @i)::text~concat(VARIADIC ARRAY[@v])"
     "~format('%s', @v)~left(@x, -1)~coalesce(@x, (@p).@f)~nullif(@v, 'a')~greatest(@v, '')~least(@x, "
     "@v)~current_date::text"
     "~date_trunc('day', timestamp '2026-01-02 10:00')::text"
     "~(ARRAY[@v])[1:1]::text~(@V.@D || @x)}"},
    {"output of nothing", Q, any,
     "{SELECT FROM customers~SELECT 1 FROM customers GROUP BY ()~SELECT count(*) FROM (SELECT FROM customers) x"
     "~SELECT count(*) FROM (SELECT FROM secrets) x"
     "~SELECT EXISTS (SELECT FROM customers WHERE ssn > '5')"
     "~SELECT 1 HAVING true"
     "~SELECT city FROM customers GROUP BY DISTINCT ROLLUP (city), city ORDER BY 1}"},
    {"search and cycle", Q, any,
     "{WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 3) SEARCH DEPTH FIRST BY n SET o "
     "SELECT * FROM t ORDER BY o"
     "~WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 3) CYCLE n SET c USING p SELECT n, c "
     "FROM t"
     "~WITH RECURSIVE t(n, s) AS (SELECT id, @d FROM customers UNION ALL SELECT n + 1, s FROM t WHERE n < 2) SELECT * "
     "FROM t"
     "~WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT t.n + c.id FROM t JOIN customers c ON c.@d > '5' WHERE n < 3) "
     "SELECT count(*) "
     "FROM t"
     "~WITH RECURSIVE t(n, s) AS (SELECT 1, ''::text UNION ALL SELECT n + 1, c.ssn FROM t, customers c WHERE n < 2) "
     "SELECT s FROM t}"},
    {"names of 63 bytes", Q, any,
     "{SELECT aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggg.note FROM orders "
     "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggggg"
     "~SELECT (SELECT aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggx.ssn FROM notes "
     "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggy LIMIT 1) FROM customers "
     "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggx"
     "~SELECT x.aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggg FROM customers x(a, b, c, "
     "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggggg)}"},
    {"an alias used again", Q, any,
     "{SELECT c.body FROM (customers c CROSS JOIN orders o) AS j, notes c"
     "~SELECT c.ssn FROM (notes c CROSS JOIN orders o) AS j, customers c"
     "~SELECT c.@d FROM (notes c CROSS JOIN orders o) AS j(a), customers AS c"
     "~SELECT j.body, c.name FROM (notes c CROSS JOIN inventory) AS j, customers c"
     "~SELECT c::text FROM (customers x CROSS JOIN inventory) AS c"
     "~SELECT c FROM (notes x CROSS JOIN inventory) AS c"
     "~SELECT (SELECT c.ssn FROM (notes c CROSS JOIN orders o) AS j LIMIT 1) FROM notes c"
     "~WITH c AS (SELECT * FROM notes) SELECT c.ssn, x.name FROM c, customers x"
     "~WITH c AS (SELECT 1 AS z) SELECT customers.ssn FROM c AS x, customers"
     "~WITH c AS (SELECT * FROM notes) SELECT c.ssn FROM customers c, c AS x"
     "~SELECT q FROM (SELECT 1 AS q) y, customers x WHERE EXISTS (SELECT q FROM customers q)"
     "~SELECT (SELECT q::text FROM customers q LIMIT 1) FROM (SELECT 1 AS q) y"
     "~SELECT ssn FROM orders ssn~SELECT ssn FROM customers ssn~SELECT id FROM customers id"
     "~SELECT id FROM (SELECT name FROM customers) id~SELECT id FROM ONLY (customers)~SELECT name FROM customers *"
     "~SELECT public.customers.* FROM customers"
     "~SELECT public.customers.name FROM public.customers}"},
    {"doubling", Q, any,
     "{SELECT count(*) FROM (SELECT * FROM (SELECT a.*, b.* FROM (SELECT 1 AS x) a, (SELECT 2 AS y) b) c, (SELECT a.*, "
     "b.* FROM (SELECT 1 "
     "AS v) a, (SELECT 2 AS w) b) d) e"
     "~WITH a AS (SELECT 1 AS x), b AS (SELECT a.*, c.x AS y FROM a, a c), d AS (SELECT b.*, e.x AS z FROM b, b e), f "
     "AS (SELECT d.*, g.x "
     "AS v FROM d, d g) SELECT f.x FROM f, f h, f i"
     "~SELECT x.a FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM (SELECT * FROM orders) a) b) c) x(a)"
     "~SELECT f.* FROM (SELECT d.*, e.* FROM (SELECT * FROM inventory) d, (SELECT qty AS q2 FROM inventory) e) f"
     "~SELECT j.a FROM (((orders a CROSS JOIN orders b) CROSS JOIN orders c) CROSS JOIN inventory d) AS j(a)}"},
};

// Nothing to refuse, much to write anew.
const std::vector<shape> honest{
    {"GROUP BY a primary key", Q, any,
     "{SELECT id, name, count(*) FROM customers GROUP BY id ORDER BY 1"
     "~SELECT c.name, c.city, sum(o.total) FROM customers c JOIN orders o ON o.customer_id = c.id GROUP BY c.id ORDER "
     "BY 1"
     "~SELECT name, count(*) FROM customers GROUP BY customers.id, city ORDER BY 1~SELECT @d FROM customers GROUP BY id"
     "~SELECT id FROM customers GROUP BY id HAVING @d > '5'}"},
    {"listed functions", E, text,
     "{abs(@i)::text"
     "~age(timestamp '2026-01-02', timestamp '2026-01-01')::text"
     "~array_length(ARRAY[1, 2], 1)::text~array_to_string(ARRAY[@x, 'b'], ',')~ascii(@x)::text~btrim(@x, 'a')"
     "~ceil(1.5)::text~char_length(@x)::text~chr(65)~concat_ws(',', @x, @i, NULL)~date_part('year', date "
     "'2026-01-02')::text"
     "~date_trunc('month', date '2026-01-02')::text~div(7, 2)::text~format('%s-%s', @x, @i)~gcd(4, 6)::text~initcap(@x)"
     "~jsonb_build_object('a', @x, 'b', @i)::text~json_build_array(@x, @i)::text~left(@x, 2)~lpad(@x, 5, "
     "'*')~ltrim(@x, 'a')"
     "~make_date(2026, 1, 2)::text~md5(@x)~mod(@i, 2)::text~num_nulls(@x, NULL)::text~octet_length(@x)::text"
     "~power(2, 3)::text~quote_literal(@x)~regexp_replace(@x, 'a', 'b', 'g')~regexp_match(@x, "
     "'(a)(.)')::text~repeat(@x, 2)"
     "~replace(@x, 'a', 'b')~reverse(@x)~right(@x, 2)~round(1.234, 2)::text~rpad(@x, 5, 'ab')~rtrim(@x)~sign(@i)::text"
     "~split_part(@x, 'a', 1)~starts_with(@x, 'a')::text~string_to_array(@x, 'a')::text~strpos(@x, "
     "'a')::text~substr(@x, 2)"
     "~to_char(date '2026-01-02', 'YYYY-MM')~to_date('2026-01-02', "
     "'YYYY-MM-DD')::text~to_json(@x)::text~to_jsonb(@i)::text"
     "~to_number('12', '99')::text~translate(@x, 'a', 'b')~trunc(1.7)::text~width_bucket(@i, 0, 10, 5)::text"
     "~array_append(ARRAY[@i], 2)::text~cardinality(ARRAY[1])::text~array_position(ARRAY['a', @x], @x)::text"
     "~pg_catalog.upper(@x)~jsonb_array_length('[1, 2]')::text~isfinite(date '2026-01-02')::text~position('a' IN "
     "@x)::text}"},
    {"listed aggregates", E, text,
     "(SELECT {count(*)~sum(total)~avg(total)~bool_and(total > 5)~every(id > 0)~bit_or(id)~array_agg(id ORDER BY id "
     "DESC)"
     "~json_agg(note ORDER BY id)~jsonb_object_agg(id, note)~string_agg(note, ',' ORDER BY id)"
     "~string_agg(DISTINCT note, ',' ORDER BY note)~stddev(total)~percentile_cont(0.5) WITHIN GROUP (ORDER BY total)"
     "~mode() WITHIN GROUP (ORDER BY product_id)~count(DISTINCT (id, total))~max(total) FILTER (WHERE id > 2)"
     "~(array_agg(id ORDER BY id))[2]~regr_slope(total, id)~corr(total, id)~jsonb_agg(DISTINCT product_id)"
     "~variance(total)}::text FROM orders)"},
    {"casts", E, text,
     "{'1.5'::numeric(4, 2)::text~'abc'::varchar(2)::text~'abc'::char(5)::text~ARRAY[1, 2]::text~'1'::int8::text"
     "~1::double precision::text~'t'::bool::text~'2026-01-02 10:00'::timestamp(0)::text~'10:00'::time::text"
     "~'1 day'::interval::text~interval '1' day::text~CAST(@i AS decimal(10, 1))::text~(- 1)::text~(- -1)::text"
     "~(-1::integer)::text~'[1]'::jsonb::text~true::text~NULL::text~1.::text~.5::text~1e3::text~@x::varchar"
     "~CAST(CAST(@i AS text) AS text)~B'101'::text~X'1F'::text~'a'::text::varchar(3)::text"
     "~timestamptz '2026-01-02 10:00+00'::date::text~'\\x61'::bytea::text~uuid "
     "'00000000-0000-0000-0000-000000000001'::text}"},
    {"odd grammar", E, truth,
     "{@i - (@i - 1) = 1~NOT @i = 1~(@i = 1) = true~NOT (NOT (@i = 1))~@i = 1 AND (@i = 2 OR @x = 'a')"
     "~(@i = 1 AND @i = 2) OR @x = 'a'~@i IS NULL IS NOT NULL~(@i > 1) IS TRUE~(@i > 1) IS NOT UNKNOWN~@x ILIKE 'a%'"
     "~@x NOT LIKE 'a!%' ESCAPE '!'~@x NOT SIMILAR TO 'a%'~@i NOT BETWEEN SYMMETRIC 5 AND 1~@i IS NOT DISTINCT FROM 1"
     "~(@i, @x) IS DISTINCT FROM (1, 'a')~(@i, @i) >= (1, 2)~ROW(@i, @x) = ROW(1, 'a')~@i + 2 * 3 - 4 / 2 % 3 > 0"
     "~(@i + 2) * 3 > 0~@i ^ 2 > 4~@i || @x <> 'a'~- @i < + @i~@x || 'a' || 'b' = 'c'~@x || ('a' || 'b') = 'c'"
     "~@i IN (1, 2, NULL)~@i NOT IN (SELECT id FROM products)~(@i, 1) IN (SELECT id, product_id FROM products)"
     "~@i <> ALL (ARRAY[1, 2])~@i = SOME (SELECT id FROM orders)"
     "~CASE WHEN @i = 1 THEN CASE @x WHEN 'a' THEN true WHEN 'b' THEN false END ELSE @i > 2 END"
     "~(ARRAY[[1, 2], [3, 4]])[2][1] > @i~(ARRAY[1, 2, 3])[2:] = ARRAY[@i, 3]"
     "~ARRAY(SELECT id FROM orders ORDER BY 1) = ARRAY[1]~@i # 3 > 0~@i << 1 > 0~@x COLLATE \"C\" < 'b' COLLATE \"C\""
     "~'[1, 2]'::jsonb @> '1'~('[1, 2]'::jsonb -> 0)::int = @i~'[1]'::jsonb ->> 0 = '1'~EXISTS (VALUES (1))"
     "~EXISTS (TABLE orders)~(SELECT true)}"},
    {"odd queries", Q, any,
     "{SELECT id, sum(total) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING EXCLUDE CURRENT ROW) FROM "
     "orders ORDER BY 1"
     "~SELECT id, count(*) OVER w2 FROM orders WINDOW w AS (PARTITION BY product_id), w2 AS (w ORDER BY id) ORDER BY 1"
     "~SELECT id, max(total) OVER (ORDER BY product_id GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM orders ORDER "
     "BY 1"
     "~SELECT id, count(*) FILTER (WHERE total > 20) OVER (ORDER BY id RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT "
     "ROW) FROM orders "
     "ORDER BY 1"
     "~(SELECT id FROM orders ORDER BY id LIMIT 2) UNION ALL (SELECT id FROM products ORDER BY id DESC LIMIT 1) ORDER "
     "BY 1"
     "~SELECT id FROM orders UNION ALL (SELECT id FROM products EXCEPT SELECT 1) ORDER BY 1"
     "~(SELECT id FROM orders INTERSECT ALL SELECT id FROM products) UNION SELECT 9 ORDER BY 1"
     "~SELECT id FROM orders EXCEPT ALL SELECT id FROM products ORDER BY 1 DESC NULLS LAST"
     "~SELECT id FROM orders ORDER BY id OFFSET 1 ROWS FETCH NEXT 2 ROWS ONLY"
     "~SELECT id FROM orders ORDER BY total DESC, id ASC NULLS FIRST LIMIT ALL"
     "~VALUES (1, 'a'), (2, NULL) ORDER BY 1 DESC~SELECT ALL id FROM orders ORDER BY 1"
     "~SELECT c.name, x.total FROM customers c CROSS JOIN LATERAL (SELECT total FROM orders o WHERE o.customer_id = "
     "c.id ORDER BY total "
     "DESC LIMIT 1) x ORDER BY 1"
     "~SELECT name, city FROM customers ORDER BY city COLLATE \"C\", name"
     "~SELECT c.name, o.total FROM customers c LEFT JOIN (orders o JOIN products p USING (product_id)) ON "
     "o.customer_id = c.id ORDER BY 1, "
     "2"
     "~SELECT id, name FROM customers NATURAL LEFT JOIN (SELECT 1 AS id) y ORDER BY 1"
     "~SELECT city, array_agg(name ORDER BY id) FROM customers GROUP BY 1 HAVING count(*) > 1 ORDER BY 1"
     "~SELECT customers.name, customers.city FROM customers FULL JOIN orders USING (id) ORDER BY id"
     "~SELECT id, name FROM customers c (id, name) ORDER BY 1"
     "~SELECT c.x FROM customers AS c (x) ORDER BY 1~SELECT level, id FROM members ORDER BY 2"
     "~SELECT m.a, m.level FROM members m (p, a) ORDER BY 1"
     "~SELECT count(*) FROM customers, members"
     "~SELECT \"c d\".\"name\" AS \"N\"\"m\" FROM customers AS \"c d\" ORDER BY 1"
     "~WITH x (a) AS MATERIALIZED (SELECT name FROM customers) SELECT a AS \"select\" FROM x AS \"order\" ORDER BY 1"
     "~SELECT id AS \"user\", city AS \"table\" FROM customers ORDER BY 1"
     "~SELECT o.id FROM orders o WHERE o.customer_id = (SELECT max(c.id) FROM customers c WHERE c.city = 'Oslo') ORDER "
     "BY 1"
     "~SELECT c.* FROM (SELECT id, city FROM customers) c ORDER BY 1}"},
};

const std::vector<shape> texts{
    {"odd texts", E, truth,
     "{@x = $$a'b$$~@x = $q$ $$ ' $q$~@x = E'\\\\' OR @x = 'it''s'~@x = U&'\\0061\\+000062'~@x = E'a\\'' OR @i > 0"
     "~@x <> ' -- ' AND @x <> '/*'~@x = 'a' /* ' /* \" */ $$ */ OR @i = 1~@x = 'a' -- ' $$ /*\n OR @i = 1~@x = 'a'\n'b'"
     "~@x = B'1'::text~@x = N'a'}"},
    {"odd names", Q, any,
     "{SELECT \"ssn\" FROM customers~SELECT U&\"\\0073sn\" FROM customers~SELECT U&\"!0073sn\" UESCAPE '!' FROM "
     "customers"
     "~SELECT SSN FROM Customers~SELECT 1 AS \"a\"\"b\"~SELECT c.\"ssn\" FROM \"customers\" c~SELECT \"SSN\" FROM "
     "customers"
     "~SELECT id AS \"customers.ssn\" FROM orders~SELECT \"c\"\"d\".id FROM orders AS \"c\"\"d\""
     "~SELECT \"T\".name, t.note FROM customers \"T\", orders t"
     "~SELECT \"T\".note FROM customers t, orders \"T\""
     "~SELECT \"Q\".note FROM orders \"Q\", (SELECT 1 AS note) q"
     "~SELECT (SELECT \"C\".ssn FROM notes \"C\", (SELECT c.ssn AS z) s LIMIT 1) FROM customers c"
     "~SELECT ſsn FROM customers}"},
    {"parameter", E, truth, "{@x = $1~@i = $2 + 1~$1 IS NULL}"},
    {"deep parentheses", E, number, "((((((((((@i))))))))))"},
};

// For a policy of five rows at most.
const std::vector<shape> limits{
    {"forged LIMIT", S, any,
     "{SELECT a.id FROM orders a, products -- LIMIT 5~SELECT a.id FROM orders a, products /* LIMIT 5 */"
     "~SELECT a.id FROM orders a, products ORDER BY 'LIMIT 5' || a.id"
     "~SELECT a.id AS \"LIMIT 5\" FROM orders a, products"
     "~(SELECT a.id FROM orders a LIMIT 5) UNION ALL SELECT id FROM orders"
     "~SELECT a.id FROM orders a, products LIMIT ALL~SELECT a.id FROM orders a, products LIMIT NULL"
     "~SELECT a.id FROM orders a, products LIMIT 5 + 5"
     "~SELECT a.id FROM orders a, products LIMIT 5::bigint * 2"
     "~SELECT 1 FROM orders a, products ORDER BY 1 FETCH FIRST 5 ROWS WITH TIES"
     "~SELECT a.id FROM orders a, products FETCH FIRST 5 ROWS ONLY"
     "~SELECT a.id FROM orders a, products FETCH FIRST ROW ONLY"
     "~SELECT a.id FROM orders a, products LIMIT 50"
     "~SELECT * FROM (SELECT a.id FROM orders a LIMIT 5) x, products"
     "~SELECT generate_series(1, 9) LIMIT 5"
     "~WITH x AS (SELECT id FROM orders LIMIT 5) SELECT x.id FROM x, products"
     "~SELECT a.id FROM orders a, products LIMIT 5 OFFSET 2"
     "~SELECT a.id FROM orders a LIMIT (SELECT 5)~SELECT a.id FROM orders a, products LIMIT '5'"
     "~SELECT a.id FROM orders a, products LIMIT 5.4~SELECT a.id FROM orders a, products LIMIT -1"
     "~VALUES (1), (2), (3), (4), (5), (6)~TABLE orders}"},
};
}  // namespace

const std::vector<shape>& postgres_shapes() {
    static const auto all = [] {
        std::vector<shape> list;
        for (const auto* part :
             {&attributes, &rows, &scopes, &joins, &places, &calls, &readings, &honest, &changes, &texts, &limits})
            list.insert(list.end(), part->begin(), part->end());
        return list;
    }();
    return all;
}

}  // namespace reagent::test
