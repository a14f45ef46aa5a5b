// Execution by construction: with the check switched off no attack on tables and columns reads a canary.
#include "support/cases.hpp"
#include "support/postgres_server.hpp"

#include <reagent/error.hpp>
#include <reagent/tools/ready.hpp>

#include "../../tools/src/sql/postgres_tree.hpp"
#include "../../tools/src/sqlite/describe.hpp"
#include "../../tools/src/sqlite/guarded.hpp"
#include "../../tools/src/sqlite/query.hpp"

#include <libpq-fe.h>
#include <boost/json.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <filesystem>

using namespace reagent;
using namespace reagent::test;

namespace {

const sql::policy shop_policy{.allowed_tables = {"customers", "orders"}, .denied_columns = {"customers.ssn"}};
const sql::schema shop_schema{{"customers", {"id", "ssn", "name", "city"}}, {"orders", {"id", "customer_id", "total"}}};

struct rewriting {
    const char *written, *runs;
};
std::ostream& operator<<(std::ostream& out, const rewriting& r) { return out << r.written; }

#define CUSTOMERS "(SELECT id, name, city FROM public.customers reagent_table)"
const rewriting rewritings[]{
    {"SELECT id FROM orders", "SELECT id FROM public.orders"},
    {"SELECT * FROM customers", "SELECT * FROM " CUSTOMERS " customers"},
    {"SELECT c FROM customers AS c", "SELECT c FROM " CUSTOMERS " c"},
    {"TABLE customers", "SELECT * FROM " CUSTOMERS " customers"},
    {"SELECT public.customers.name FROM public.customers", "SELECT customers.name FROM " CUSTOMERS " customers"},
    // The names of an alias stand for columns by their place, also of those that are gone.
    {"SELECT b FROM customers AS c(a, x, b)",
     "SELECT b FROM (SELECT id AS a, name AS b, city FROM public.customers reagent_table) c"},
    {"SELECT name FROM customers TABLESAMPLE SYSTEM (10)",
     "SELECT name FROM (SELECT id, name, city FROM public.customers reagent_table TABLESAMPLE system(10)) customers"},
    {"SELECT c.name FROM orders o NATURAL JOIN customers c",
     "SELECT c.name FROM public.orders o NATURAL JOIN " CUSTOMERS " c"},
    {"WITH customers AS (SELECT id FROM customers) SELECT * FROM customers",
     "WITH reagent_with_1 AS (SELECT id FROM " CUSTOMERS " customers) SELECT * FROM reagent_with_1 customers"},
    {"WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT n FROM t LIMIT 3",
     "WITH RECURSIVE reagent_with_1(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM reagent_with_1 t) SELECT n FROM "
     "reagent_with_1 t LIMIT 3"},
    {"SELECT count(*), lower(name) FROM customers GROUP BY 2",
     "SELECT pg_catalog.count(*), pg_catalog.lower(name) FROM " CUSTOMERS " customers GROUP BY 2"},
    {"SELECT (now() AT TIME ZONE 'UTC')::date", "SELECT pg_catalog.timezone('UTC', pg_catalog.now())::date"},
    {"SELECT (total > 1 AND id IS NULL)::int, (id IS NULL)::int, (ARRAY[id, 2])[1] FROM orders",
     "SELECT CAST((total > 1 AND id IS NULL) = true AS int), CAST((id IS NULL) = true AS int), (ARRAY[id, 2] || "
     "NULL)[1] AS \"array\" FROM "
     "public.orders"},
    {"SELECT (CASE WHEN true THEN ARRAY[1] END)[1], (coalesce(ARRAY[2], NULL))[1], (ARRAY(SELECT 3))[1]",
     "SELECT (SELECT CASE WHEN true THEN ARRAY[1] END)[1], (SELECT COALESCE(ARRAY[2], NULL))[1], (SELECT ARRAY(SELECT "
     "3))[1]"},
    {"SELECT a, b FROM unnest(ARRAY[1], ARRAY[2]) AS t(a, b)", "SELECT a, b FROM unnest(ARRAY[1], ARRAY[2]) t(a, b)"},
};

// The table's text of a scenario that is not in the schema of corpora.
std::string rewritten_unchecked(const std::string& statement, const sql::rules& r) {
    sql::verdict ignored;
    sql::postgres::tree t{statement, ignored};
    if (!t.root()) return {};
    sql::postgres::findings found;
    sql::postgres::check(t.root(), r, sql::postgres::use::rewritten, ignored, &found);
    try {
        sql::postgres::rewrite(t, found, {});
        return t.deparsed();
    } catch (const std::runtime_error&) {
        return {};
    }
}

struct hostile {
    std::string corpus, id, statement, policy;
};

// Those that reach for a table or a column; what only calls a function is the list's business.
std::vector<hostile> attacks(const char* dialect) {
    std::vector<hostile> all;
    for (const char* name : {"sql_policy", "sql_policy_2"}) {
        auto corpus = read_json(std::string{"corpora/"} + name + ".json").as_object();
        for (const auto& c : corpus.at("cases").as_array()) {
            if (c.at("verdict") != "deny" || !c.as_object().contains("sql")) continue;
            std::string policy{std::string_view{c.at("policy").as_string()}};
            if (corpus.at("policies").at(policy).at("dialect") != dialect) continue;
            all.push_back({name, std::string{std::string_view{c.at("id").as_string()}},
                           std::string{std::string_view{c.at("sql").as_string()}}, policy});
        }
    }
    return all;
}

// The corpora's tables, and others that a policy does not allow. Every value that must not be read holds the canary.
std::string corpus_tables(const std::string& canary) {
    std::string s =
        "CREATE TABLE orders(id integer, total numeric(10,2), customer_id integer, created_at timestamp, note text, "
        "name text, product_id "
        "integer);"
        "CREATE TABLE customers(id integer, name text, city text, ssn text, card_number text);"
        "CREATE TABLE products(id integer, name text, product_id integer);"
        "CREATE TABLE inventory(product_id integer, qty integer);"
        "INSERT INTO orders VALUES (1, 10, 1, '2026-01-02', '{}', 'a', 1), (2, 20, 2, '2026-01-03', '{}', 'b', 2);"
        "INSERT INTO products VALUES (1, 'p', 1); INSERT INTO inventory VALUES (1, 5);";
    s += "INSERT INTO customers VALUES (1, 'Ada', 'Oslo', '" + canary + "1', 'card " + canary +
         "'), (2, 'Ben', 'Oslo', '" + canary + "2', NULL);";
    for (const char* table : {"users", "users_pii", "payment_methods", "audit_log", "secrets", "employees"})
        s += std::string{"CREATE TABLE "} + table +
             "(id integer, name text, email text, password text, ssn text);INSERT INTO " + table + " VALUES (1, '" +
             canary + "', '" + canary + "', '" + canary + "', '" + canary + "');";
    return s;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(sql_rewriting)

BOOST_DATA_TEST_CASE(statements_are_rewritten, boost::unit_test::data::make(rewritings)) {
    auto made = sql::safe(sample.written, shop_policy, shop_schema);
    BOOST_TEST(made.verdict.ok(), made.verdict.message());
    BOOST_TEST(made.statement == sample.runs);
}

BOOST_AUTO_TEST_CASE(a_limit_is_added_where_there_is_none) {
    sql::safe_options few{.max_rows = 11};
    BOOST_TEST(sql::safe("SELECT id FROM orders", shop_policy, shop_schema, few).statement ==
               "SELECT id FROM public.orders LIMIT 11");
    BOOST_TEST(sql::safe("SELECT id FROM orders LIMIT 500", shop_policy, shop_schema, few).statement ==
               "SELECT id FROM public.orders LIMIT 500");
}

BOOST_AUTO_TEST_CASE(what_is_grouped_by_a_primary_key_stays_so) {
    sql::safe_options keys{.keys = {{"customers", {"id"}}}};
    auto run = [&](const char* s) { return sql::safe(s, shop_policy, shop_schema, keys).statement; };
    BOOST_TEST(run("SELECT c.name, count(*) FROM customers c JOIN orders o ON o.customer_id = c.id GROUP BY c.id") ==
               "SELECT c.name, pg_catalog.count(*) FROM " CUSTOMERS
               " c JOIN public.orders o ON o.customer_id = c.id GROUP BY c.id, c.name, c.city");
    BOOST_TEST(run("SELECT name FROM customers GROUP BY id") ==
               "SELECT name FROM " CUSTOMERS " customers GROUP BY id, customers.name, customers.city");
    BOOST_TEST(run("SELECT city FROM customers GROUP BY city") == "SELECT city FROM " CUSTOMERS
                                                                  " customers GROUP BY city");
}

BOOST_AUTO_TEST_CASE(what_cannot_be_made_safe_is_not) {
    for (const char* bad : {"SELECT ssn FROM customers", "SELECT c.ssn FROM customers c", "SELECT id FROM users",
                            "DELETE FROM orders", "SELECT 1; SELECT 2", "SELECT pg_sleep(1)",
                            "SELECT id INTO x FROM orders", "SELECT id FROM orders FOR UPDATE", "nonsense", ""}) {
        auto made = sql::safe(bad, shop_policy, shop_schema);
        BOOST_TEST(!made.verdict.ok(), bad);
        BOOST_TEST(made.statement.empty(), bad);
    }
    // Where the schema's name goes, the table's alone would be the nearest one's.
    for (const char* bad :
         {"SELECT (SELECT public.customers.id FROM orders customers WHERE customers.id = 5) FROM customers",
          "SELECT (SELECT public.customers.name FROM (SELECT 'x' AS name) customers) FROM customers",
          "SELECT count(*) FROM employees AS e(a, b, c) NATURAL JOIN (SELECT 424243 AS c) s"})
        BOOST_TEST(!sql::safe(bad, shop_policy, shop_schema).verdict.ok(), bad);
    // Without the columns of a table there is nothing to put in its place.
    auto made = sql::safe("SELECT name FROM customers", shop_policy, {});
    BOOST_TEST(!made.verdict.ok());
    BOOST_TEST(made.verdict.message().find("give the schema") != std::string::npos, made.verdict.message());
}

BOOST_AUTO_TEST_CASE(with_the_check_off_no_canary_of_postgres_is_read) {
    postgres_server server;
    server.run(corpus_tables("CANARY"));
    std::unique_ptr<PGconn, decltype(&PQfinish)> db{PQconnectdb(server.conninfo().c_str()), PQfinish};
    BOOST_REQUIRE(PQstatus(db.get()) == CONNECTION_OK);
    PQsetNoticeProcessor(
        db.get(), [](void*, const char*) {}, nullptr);
    auto ask = [&](const std::string& s) {
        PQclear(PQexec(db.get(), "BEGIN; SET LOCAL statement_timeout = 300"));
        std::unique_ptr<PGresult, decltype(&PQclear)> r{
            PQexecParams(db.get(), s.c_str(), 0, nullptr, nullptr, nullptr, nullptr, 0), PQclear};
        std::string text;
        for (int i = 0; i < PQntuples(r.get()); ++i)
            for (int k = 0; k < PQnfields(r.get()); ++k) text += std::string{PQgetvalue(r.get(), i, k)} + "|";
        PQclear(PQexec(db.get(), "ROLLBACK"));
        return text;
    };
    std::size_t as_written = 0, ran = 0;
    for (const auto& a : attacks("postgres")) {
        auto corpus = read_json("corpora/" + a.corpus + ".json").as_object();
        auto policy = sql::policy_from_json(corpus.at("policies").at(a.policy));
        auto schema = sql::schema_from_json(corpus.at("schema"));
        bool calls = false;
        for (const auto& v : sql::check(a.statement, policy, schema).violations)
            calls = calls || v.code == sql::reason::function_not_allowed;
        if (calls) continue;
        as_written += ask(a.statement).find("CANARY") != std::string::npos;
        sql::rules r{policy, schema};
        auto rewritten = rewritten_unchecked(a.statement, r);
        if (rewritten.empty()) continue;
        ++ran;
        BOOST_TEST(ask(rewritten).find("CANARY") == std::string::npos, a.id << ": " << a.statement << "\n"
                                                                            << rewritten);
    }
    BOOST_TEST(as_written > 30u);  // else the canaries are in no danger here
    BOOST_TEST(ran > 20u);
}

BOOST_AUTO_TEST_CASE(with_the_check_off_no_canary_of_sqlite_is_read) {
    // Two files that differ in the canaries: what tells one from the other has read one.
    std::vector<std::filesystem::path> files;
    for (const char* canary : {"CANARY", "OTHERBIRD"}) {
        files.push_back(std::filesystem::temp_directory_path() /
                        ("reagent-rewrite-" + std::to_string(::getpid()) + canary + ".db"));
        std::filesystem::remove(files.back());
        sqlite3* db = nullptr;
        BOOST_REQUIRE(sqlite3_open(files.back().c_str(), &db) == SQLITE_OK);
        std::string more = corpus_tables(canary) +
                           "CREATE TABLE keyed(secret INTEGER PRIMARY KEY, name text); INSERT INTO keyed VALUES (" +
                           std::to_string(std::string_view{canary}.size()) +
                           ", 'k');CREATE INDEX by_ssn ON customers(ssn);CREATE INDEX by_city ON customers(city);" +
                           "CREATE TABLE packed(id integer, ssn text, city text, PRIMARY KEY (city, ssn)) WITHOUT "
                           "ROWID; INSERT INTO packed VALUES (1, '" +
                           canary + "', 'Oslo');";
        BOOST_REQUIRE(sqlite3_exec(db, more.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK);
        sqlite3_close(db);
    }
    sql::policy policy{.dialect = sql::dialect::sqlite,
                       .allowed_tables = {"orders", "customers", "products", "inventory", "keyed", "packed"},
                       .denied_columns = {"customers.ssn", "customers.card_number", "keyed.secret", "packed.ssn"}};
    const ready::sqlite_options options{.policy = policy};
    sql::schema schema;
    for (const auto& file : files) {
        auto db = sqlite::open(file);
        sql::sqlite::each(
            db.get(), "SELECT m.name, c.name FROM sqlite_schema m, pragma_table_info(m.name) c WHERE m.type = 'table'",
            [&](sqlite3_stmt* s) {
                if (file == files[0]) schema[sql::sqlite::text(s, 0)].push_back(sql::sqlite::text(s, 1));
            });
    }
    auto answer = [&](const std::filesystem::path& file, const std::string& statement) {
        sqlite::guarded_database db{file, options, schema};
        try {
            return json::serialize(db.run(statement));
        } catch (const std::runtime_error& e) {
            return std::string{"error"};
        }
    };
    auto statements = attacks("sqlite");
    for (const char* more : {"SELECT count(*) FROM customers a JOIN main.users b USING (id)",
                             "SELECT o.id FROM orders o JOIN main.users u USING (id)",
                             "SELECT ssn FROM main.customers",
                             "SELECT count(*) FROM main.customers NATURAL JOIN (SELECT 'CANARY1' AS ssn)",
                             "SELECT count(*) FROM main.customers a JOIN (SELECT 'CANARY1' AS ssn) b USING (ssn)",
                             "SELECT rowid FROM keyed",
                             "SELECT secret FROM main.keyed",
                             "SELECT count(*) FROM main.keyed JOIN (SELECT 6 AS secret) USING (secret)",
                             "SELECT rowid FROM main.keyed",
                             "SELECT max(rowid) FROM main.keyed",
                             "WITH customers AS (SELECT ssn FROM main.customers) SELECT * FROM customers",
                             "WITH keyed AS (SELECT secret FROM main.keyed) SELECT * FROM keyed",
                             "SELECT count(*) FROM main.packed JOIN (SELECT 'CANARY' AS ssn) USING (ssn)",
                             "SELECT * FROM (SELECT ssn FROM main.customers) customers",
                             "SELECT name FROM sqlite_temp_schema",
                             "SELECT sql FROM sqlite_temp_master",
                             "SELECT count(*) FROM customers WHERE ssn = 'CANARY1'",
                             "SELECT * FROM customers",
                             "SELECT * FROM keyed",
                             "SELECT * FROM packed",
                             "SELECT (SELECT count(*) FROM users)",
                             "SELECT count(*) FROM main.users"})
        statements.push_back({"", more, more, ""});
    std::size_t answered = 0;
    for (const auto& a : statements) {
        auto first = answer(files[0], a.statement), second = answer(files[1], a.statement);
        BOOST_TEST(first == second, a.id << ": " << a.statement << "\n" << first << "\n" << second);
        BOOST_TEST(first.find("CANARY") == std::string::npos, a.id << ": " << a.statement << "\n" << first);
        answered += first != "error";
    }
    BOOST_TEST(answered >= 5u);
    // And what may be read is read, by every way to it.
    for (const char* good :
         {"SELECT name FROM customers ORDER BY id", "SELECT * FROM customers",
          "SELECT c.name FROM customers c JOIN orders o ON o.customer_id = c.id",
          "SELECT city FROM customers WHERE city = 'Oslo'", "SELECT name FROM keyed", "SELECT city FROM packed",
          "SELECT name FROM main.products", "WITH customers AS (SELECT id FROM orders) SELECT * FROM customers",
          "SELECT count(*) FROM customers a NATURAL JOIN customers b",
          "SELECT value FROM orders, json_each(orders.note)", "SELECT id FROM orders JOIN products USING (id)"})
        BOOST_TEST(answer(files[0], good) != "error", good);
    for (const auto& file : files) std::filesystem::remove(file);
}

BOOST_AUTO_TEST_CASE(guarded_tables_of_sqlite_serve_ordinary_statements) {
    auto file = std::filesystem::temp_directory_path() / ("reagent-ordinary-" + std::to_string(::getpid()) + ".db");
    std::filesystem::remove(file);
    sqlite3* raw = nullptr;
    BOOST_REQUIRE(sqlite3_open(file.c_str(), &raw) == SQLITE_OK);
    const char* tables =
        "CREATE TABLE customers(id INTEGER PRIMARY KEY, name text, ssn text, shown text GENERATED ALWAYS AS (ssn || "
        "'!') STORED, also text "
        "AS (ssn));"
        "CREATE TABLE orders(id INTEGER PRIMARY KEY, customer_id integer, total integer, twice integer AS (total * 2));"
        "CREATE TABLE users(id integer, name text, ssn text);"
        "CREATE TABLE hidden(a text, b text);"
        "CREATE VIEW names AS SELECT name FROM users;"
        "CREATE VIEW same AS SELECT c.id FROM customers c JOIN users u USING (ssn);"
        "CREATE VIEW bare AS SELECT ssn AS number FROM customers;"
        "INSERT INTO customers(id, name, ssn) VALUES (1, 'Ada', 'CANARY'), (2, 'Ben', 'CANARY2');"
        "INSERT INTO orders(id, customer_id, total) VALUES (1, 1, 10), (2, 1, 20); INSERT INTO users VALUES (1, 'Eve', "
        "'CANARY');";
    BOOST_REQUIRE(sqlite3_exec(raw, tables, nullptr, nullptr, nullptr) == SQLITE_OK);
    sqlite3_close(raw);
    ready::sqlite_options options{
        .policy = sql::policy{.allowed_tables = {"main.customers", "orders", "hidden", "names", "same", "bare"},
                              .denied_columns = {"customers.ssn", "hidden.a", "hidden.b"},
                              .listed_columns = {"customers.name", "bare.number"}}};
    auto known = sqlite::describe(file, options);
    BOOST_TEST(known.text.find("CANARY") == known.text.npos, known.text);
    BOOST_TEST(known.text.find("'Ada'") != known.text.npos, known.text);
    BOOST_TEST(known.text.find("shown") == known.text.npos, known.text);  // computed from a denied column
    auto run = [&](const std::string& s) {
        try {
            return json::serialize(sqlite::query(file, options, known.columns, s).at("rows"));
        } catch (const std::runtime_error& e) {
            return std::string{"refused: "} + e.what();
        }
    };
    for (auto [statement, rows] : std::initializer_list<std::pair<const char*, const char*>>{
             {"SELECT count(*) FROM customers", "[[2]]"},
             {"SELECT id FROM customers ORDER BY id", "[[1],[2]]"},
             {"SELECT max(id) FROM customers", "[[2]]"},
             {"SELECT count(*) FROM customers c JOIN orders o ON o.customer_id = c.id", "[[2]]"},
             {"SELECT o.id FROM orders o WHERE EXISTS (SELECT 1 FROM customers c WHERE c.id = o.customer_id) ORDER BY "
              "1",
              "[[1],[2]]"},
             {"SELECT total FROM orders WHERE customer_id IN (SELECT id FROM customers) ORDER BY 1", "[[10],[20]]"},
             {"SELECT c.name, sum(o.twice) FROM customers c LEFT JOIN orders o ON o.customer_id = c.id GROUP BY c.id "
              "ORDER BY 1",
              "[[\"Ada\",60],[\"Ben\",null]]"},
             {"SELECT count(*) FROM names", "[[1]]"},
             {"SELECT name FROM names", "[[\"Eve\"]]"},
             {"SELECT count(*) FROM hidden", "[[0]]"}})
        BOOST_TEST(run(statement) == rows, statement);
    for (const char* bad :
         {"SELECT shown FROM customers", "SELECT also FROM customers", "SELECT max(also) FROM customers",
          "SELECT id FROM same", "SELECT count(*) FROM same", "SELECT number FROM bare", "SELECT name FROM users",
          "SELECT count(*) FROM users", "SELECT a FROM hidden", "SELECT ssn FROM users"})
        BOOST_TEST(run(bad).starts_with("refused"), bad << ": " << run(bad));
    // Memory while it runs, and values.
    const std::string many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000000) ";
    BOOST_TEST(run(many + "SELECT length(json_group_array(printf('%900000d', i))) FROM n").starts_with("refused"));
    auto large = run("SELECT replace(printf('%900000d', 1), ' ', 'xx')");
    BOOST_TEST(large.find("1048576 bytes") != std::string::npos, large.substr(0, 200));
    std::filesystem::remove(file);
}

BOOST_AUTO_TEST_CASE(sorting_is_bounded_in_sqlite) {
    auto file = std::filesystem::temp_directory_path() / ("reagent-sort-" + std::to_string(::getpid()) + ".db");
    std::filesystem::remove(file);
    sqlite3* raw = nullptr;
    BOOST_REQUIRE(sqlite3_open(file.c_str(), &raw) == SQLITE_OK);
    BOOST_REQUIRE(sqlite3_exec(raw, "CREATE TABLE orders(id integer, note text)", nullptr, nullptr, nullptr) ==
                  SQLITE_OK);
    sqlite3_close(raw);
    ready::sqlite_options options{.max_temporary_bytes = 1024 * 1024,
                                  .policy = sql::policy{.dialect = sql::dialect::sqlite, .allowed_tables = {"orders"}}};
    sql::schema schema{{"orders", {"id", "note"}}};
    auto run = [&](const std::string& s) {
        sqlite::guarded_database db{file, options, schema};
        return json::serialize(db.run(s));
    };
    const std::string many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) ";
    for (const char* large : {"SELECT printf('%500d', i) AS t FROM n ORDER BY t LIMIT 100000 OFFSET 99999",
                              "SELECT count(*) FROM (SELECT DISTINCT printf('%500d', i) FROM n)",
                              "SELECT count(*) FROM (SELECT printf('%500d', i) AS t FROM n GROUP BY t)"})
        BOOST_CHECK_EXCEPTION(run(many + large), std::runtime_error, [](const std::runtime_error& e) {
            BOOST_TEST_MESSAGE(e.what());
            return std::string{e.what()}.find("more than 1048576 bytes") != std::string::npos;
        });
    BOOST_TEST(run(many + "SELECT count(*) FROM (SELECT DISTINCT i % 100 FROM n)").find("100") != std::string::npos);
    BOOST_TEST(run("SELECT count(*) FROM orders").find("[[0]]") != std::string::npos);
    std::filesystem::remove(file);
}

BOOST_AUTO_TEST_SUITE_END()
