#include "sql_shop.hpp"

#include <array>

namespace reagent::test {
namespace {

constexpr std::array allowed{"customers", "orders", "products", "inventory", "notes", "members"};

const sql::schema& every_table() {
    // notes.ssn may be read, customers.ssn may not.
    static const sql::schema s{{"customers", {"id", "name", "city", "ssn", "card"}},
                               {"orders", {"id", "customer_id", "product_id", "total", "note"}},
                               {"products", {"id", "name", "product_id", "price"}},
                               {"inventory", {"product_id", "qty"}},
                               {"notes", {"id", "ssn", "body"}},
                               {"members", {"pin", "id", "level"}},
                               {"secrets", {"id", "customer_id", "ssn", "word"}},
                               {"customer_view", {"id", "name", "ssn"}}};
    return s;
}

std::string canary_of(side s) { return s == side::left ? canary_text : "OTHERBIRD!"; }

// Tables of both dialects. Values of denied columns differ in text, length, order and where they are NULL; what may be
// read is the same, and so is the order in which rows are stored.
std::string tables(side s) {
    bool left = s == side::left;
    std::string canary = canary_of(s);
    std::string sql =
        "CREATE TABLE customers(id integer PRIMARY KEY, name text, city text, ssn text, card text);"
        "CREATE TABLE orders(id integer, customer_id integer, product_id integer, total integer, note text);"
        "CREATE TABLE products(id integer, name text, product_id integer, price integer);"
        "CREATE TABLE inventory(product_id integer, qty integer);"
        "CREATE TABLE notes(id integer, ssn text, body text);"
        "CREATE TABLE members(pin INTEGER PRIMARY KEY, id integer, level text);"
        "CREATE TABLE secrets(id integer, customer_id integer, ssn text, word text);"
        "CREATE VIEW customer_view AS SELECT id, name, ssn FROM customers;"
        "INSERT INTO orders VALUES (1, 1, 1, 10, 'canary.txt'), (2, 2, 2, 20, NULL), (3, 2, 1, 30, '.'), (4, 3, 3, 40, "
        "'canary_seq'),"
        "  (5, 4, 2, 50, '{}'), (6, 5, 1, 60, 'orders');"
        "INSERT INTO products VALUES (1, 'Lamp', 1, 5), (2, 'Chair', 2, 15), (3, 'Table', 3, 25);"
        "INSERT INTO inventory VALUES (1, 7), (2, 0), (3, 12);"
        "INSERT INTO notes VALUES (1, 'x', 'hello'), (2, 'y', 'world'), (3, NULL, 'again');";
    const char* names[]{"Ingrid", "Tomas", "Liv", "Ada", "Per", "Sofie"};
    for (int i = 0; i < 6; ++i) {
        auto id = std::to_string(i + 1), mark = std::to_string(left ? 9 - i : i);
        bool null = i == (left ? 2 : 4);
        std::string ssn = null ? "NULL" : left && i == 1 ? "'y'" : "'" + mark + canary + "'";  // 'y' as in notes
        sql += "INSERT INTO customers VALUES (" + id + ", '" + names[i] + "', '" + (i % 2 ? "Bergen" : "Oslo") + "', " +
               ssn + ", '" + mark + "c" + canary + "');";
        sql += "INSERT INTO members VALUES (" + std::to_string(left ? i + 1 : 3 * i + 10) + ", " + id + ", 'gold');";
    }
    for (int i = 0; i < (left ? 3 : 8); ++i) {
        auto id = std::to_string(left ? i + 1 : i / 2 + 1);
        sql +=
            "INSERT INTO secrets VALUES (" + id + ", " + id + ", '" + (i % 2 ? canary : "x") + "', '" + canary + "');";
    }
    return sql;
}

// Functions of the users' own: on rows, on plain types, under the names of columns, and under names that are on every
// list.
constexpr const char* own_functions = R"(
CREATE FUNCTION own(what text) RETURNS text LANGUAGE plpgsql AS
  $$BEGIN PERFORM spy.note(what); RETURN (SELECT word FROM public.secrets LIMIT 1); END$$;
CREATE FUNCTION secret_of(orders) RETURNS text LANGUAGE sql AS $$SELECT public.own('secret_of')$$;
CREATE FUNCTION leak_of(customers) RETURNS text LANGUAGE sql AS $$SELECT public.own('leak_of')$$;
CREATE FUNCTION total(customers) RETURNS text LANGUAGE sql AS $$SELECT public.own('total')$$;
CREATE FUNCTION body(orders) RETURNS text LANGUAGE sql AS $$SELECT public.own('body')$$;
CREATE FUNCTION price(notes) RETURNS text LANGUAGE sql AS $$SELECT public.own('price')$$;
CREATE FUNCTION nameless(text) RETURNS text LANGUAGE sql AS $$SELECT public.own('nameless')$$;
CREATE FUNCTION nameless(integer) RETURNS text LANGUAGE sql AS $$SELECT public.own('nameless')$$;
CREATE FUNCTION whole(anyelement) RETURNS text LANGUAGE plpgsql AS $$BEGIN RETURN public.own('whole'); END$$;
CREATE FUNCTION rows_of(orders) RETURNS SETOF text LANGUAGE sql AS $$SELECT public.own('rows_of')$$;
CREATE FUNCTION upper(orders) RETURNS text LANGUAGE sql AS $$SELECT public.own('overload')$$;
CREATE FUNCTION length(customers) RETURNS integer LANGUAGE sql AS $$SELECT length(public.own('overload'))$$;
CREATE FUNCTION lower(integer) RETURNS text LANGUAGE sql AS $$SELECT public.own('overload')$$;
CREATE FUNCTION plus(text, text) RETURNS text LANGUAGE sql AS $$SELECT $1 || $2$$;
CREATE OPERATOR public.+ (LEFTARG = text, RIGHTARG = text, FUNCTION = plus);
CREATE OPERATOR public.<?> (LEFTARG = text, RIGHTARG = text, FUNCTION = plus);
)";

// The functions of pg_catalog that do more than compute: all volatile ones, and those that read settings, files,
// catalogs, sequences, other sessions, or run a text. Those that cannot be written in PL/pgSQL are left out.
constexpr const char* spies = R"(
CREATE SCHEMA spy;
CREATE UNLOGGED SEQUENCE spy.calls;
SELECT nextval('spy.calls');
CREATE FUNCTION spy.note(what text) RETURNS void LANGUAGE plpgsql AS
  $$BEGIN PERFORM pg_catalog.nextval('spy.calls'); RAISE WARNING 'spy: %', what; END$$;
DO $do$
DECLARE f record; answer text;
BEGIN
  FOR f IN SELECT p.oid, proname, proretset, prorettype, proargmodes,
                  pg_get_function_arguments(p.oid) AS arguments, pg_get_function_result(p.oid) AS result
           FROM pg_proc p WHERE pronamespace = 'pg_catalog'::regnamespace AND prokind = 'f' AND pronargs < 6
             AND (provolatile = 'v' OR proname ~ '^(pg_|lo_|has_|txid|to_reg|inet_|row_security|current_|ts_stat|ts_rewrite|col_desc|obj_desc|shobj_desc|format_type)'
                  OR proname ~ '(_to_xml|_to_xmlschema|_to_xml_and_xmlschema)$')
             AND proname !~ '(in|out|recv|send)$' AND proname !~ '^(random|clock_timestamp|timeofday|gen_random_uuid|pg_typeof|current_date)$'
  LOOP
    BEGIN
      answer := CASE WHEN f.proargmodes && ARRAY['o', 't', 'b']::"char"[] AND NOT f.proretset THEN ''
                     WHEN f.proretset THEN 'RETURN;' WHEN f.prorettype = 'void'::regtype THEN ''
                     WHEN f.prorettype = 'text'::regtype THEN 'RETURN (SELECT word FROM public.secrets LIMIT 1);'
                     ELSE 'RETURN NULL;' END;
      EXECUTE format('CREATE FUNCTION spy.%I(%s) RETURNS %s LANGUAGE plpgsql AS $f$#variable_conflict use_column
BEGIN PERFORM spy.note(%L); %s END$f$', f.proname, f.arguments, f.result, f.proname, answer);
    EXCEPTION WHEN OTHERS THEN NULL;
    END;
  END LOOP;
END $do$;
)";

std::string postgres_extras(side s) {
    std::string canary = canary_of(s);
    return "CREATE SCHEMA archive; CREATE TABLE archive.orders(id integer, total integer, secret text);"
           "INSERT INTO archive.orders VALUES (1, 5, '" +
           canary +
           "'), (2, 6, NULL); CREATE TABLE archive.customers AS SELECT * FROM customers;"
           "CREATE SCHEMA hidden; CREATE TABLE hidden.customers AS SELECT * FROM customers; CREATE TABLE hidden.own AS "
           "TABLE secrets;"
           "CREATE SEQUENCE canary_seq; SELECT nextval('canary_seq'); CREATE ROLE \"" +
           canary + "\" SUPERUSER LOGIN;" + std::string{own_functions} +
           "DO $$BEGIN EXECUTE format('COPY (SELECT %L) TO %L', '" + canary +
           " file', current_setting('data_directory') || '/canary.txt'); END$$;" +
           (s == side::left ? "CREATE TABLE public.lefty(x integer); CREATE TABLE hidden.\"CANARY\"(x integer);" : "");
}

}  // namespace

std::string shop_user(side s) { return canary_of(s); }

std::string shop_script(sql::dialect d, side s) {
    if (d == sql::dialect::sqlite)
        return tables(s) + "ANALYZE secrets;" +
               (s == side::left ? "CREATE TABLE lefty(CANARY); ALTER TABLE secrets ADD COLUMN CANARY; PRAGMA "
                                  "user_version = 7; ATTACH "
                                  "':memory:' AS CANARY;"
                                : "");
    return tables(s) + spies + postgres_extras(s);
}

sql::policy shop_policy(sql::dialect d) {
    sql::policy p;
    p.dialect = d;
    p.allowed_tables.assign(allowed.begin(), allowed.end());
    p.denied_columns = {"customers.ssn", "customers.card", "members.pin"};
    return p;
}

std::vector<sql::policy> shop_policies(sql::dialect d) {
    sql::policy plain = shop_policy(d), everywhere = plain, tables = plain;
    everywhere.denied_columns = {"*.ssn", "card", "members.pin"};
    tables.allowed_tables.insert(tables.allowed_tables.end(), {"secrets", "customer_view"});
    tables.denied_tables = {"secrets", "customer_view"};
    std::vector<sql::policy> all{plain, everywhere, tables};
    if (d == sql::dialect::postgres) {
        sql::policy archive = plain;
        archive.allowed_tables.push_back("archive.orders");
        archive.denied_columns.push_back("archive.orders.secret");
        all.push_back(archive);
    } else {
        sql::policy cased = plain;
        cased.allowed_tables = {"CUSTOMERS", "Orders", "products", "Inventory", "NOTES", "members"};
        cased.denied_columns = {"Customers.SSN", "customers.Card", "MEMBERS.pin"};
        all.push_back(cased);
    }
    return all;
}

sql::policy shop_blind_policy(sql::dialect d) {
    sql::policy p;
    p.dialect = d;
    for (const auto& [table, columns] : every_table()) p.allowed_tables.push_back(table);
    return p;
}

sql::schema shop_schema(known k) {
    if (k == known::nothing) return {};
    sql::schema s;
    if (k == known::every_table) s = every_table();
    for (const char* table : allowed) s[table] = every_table().at(table);
    s["archive.orders"] = {"id", "total", "secret"};
    return s;
}

}  // namespace reagent::test
