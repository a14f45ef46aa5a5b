// The lists of functions that a checked statement may call, compared with the catalogs of a real PostgreSQL and of the
// SQLite in use.
#include "support/postgres_server.hpp"

#include <reagent/tools/sql.hpp>

#include "../../tools/src/sql/rules.hpp"

#include <sqlite3.h>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

using namespace reagent;
using namespace reagent::test;

namespace {

using names = std::set<std::string>;

const names& postgres_list() { return sql::harmless_functions(sql::dialect::postgres); }
const names& sqlite_list() { return sql::harmless_functions(sql::dialect::sqlite); }

names words(const std::string& text) {
    std::istringstream in{text};
    names all;
    for (std::string word; in >> word;) all.insert(word);
    return all;
}

std::string joined(const names& all) {
    std::string text;
    for (const auto& n : all) text += (text.empty() ? "" : " ") + n;
    return text;
}

names without(const names& a, const names& b) {
    names rest;
    std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::inserter(rest, rest.end()));
    return rest;
}

names common(const names& a, const names& b) {
    names both;
    std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::inserter(both, both.end()));
    return both;
}

void none(const names& found, const std::string& what) { BOOST_TEST(found.empty(), what << ": " << joined(found)); }

void same(const names& ours, const names& theirs) {
    none(without(ours, theirs), "expected, but not what the catalog says");
    none(without(theirs, ours), "the catalog says so, but it is not expected");
}

// Lines of names below "[dialect]", and "#" with the reason above them.
names refused(const std::string& dialect) {
    std::ifstream in{REAGENT_TEST_DATA "/tools/refused_functions.txt"};
    names all;
    bool here = false;
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with("[")) here = line == "[" + dialect + "]";
        if (here && !line.starts_with("[") && !line.starts_with("#")) all.merge(words(line));
    }
    BOOST_REQUIRE(!all.empty());
    return all;
}

postgres_server& server() {
    static postgres_server s;
    return s;
}

// @param query of one column of text
names ask(const std::string& query) {
    return words(server().ask("SELECT coalesce(string_agg(DISTINCT x.a, ' '), '') FROM (" + query + ") AS x(a)"));
}

bool is_version_15() { return server().ask("SHOW server_version_num").starts_with("15"); }

const std::string catalog = " pg_proc p WHERE pronamespace = 'pg_catalog'::regnamespace ";

std::string is_listed() {
    std::string list;
    for (const auto& n : postgres_list()) list += (list.empty() ? "'" : ", '") + n + "'";
    return " AND proname IN (" + list + ") ";
}

// Internal by what the catalogs say: every overload takes or returns a type that no statement can make a value of, or
// is what another catalog's entry is implemented with. Such a function is refused without a review.
const std::string internal_functions = R"(
    WITH support(f) AS (
        SELECT unnest(ARRAY[oprcode, oprrest, oprjoin]::oid[]) FROM pg_operator
        UNION SELECT amproc FROM pg_amproc
        UNION SELECT unnest(ARRAY[aggtransfn, aggfinalfn, aggcombinefn, aggserialfn, aggdeserialfn, aggmtransfn, aggminvtransfn,
                                  aggmfinalfn]::oid[]) FROM pg_aggregate
        UNION SELECT unnest(ARRAY[typinput, typoutput, typreceive, typsend, typmodin, typmodout, typanalyze, typsubscript]::oid[])
              FROM pg_type
        UNION SELECT prosupport FROM pg_proc
        UNION SELECT conproc FROM pg_conversion
        UNION SELECT unnest(ARRAY[rngcanonical, rngsubdiff]::oid[]) FROM pg_range
        UNION SELECT unnest(ARRAY[prsstart, prstoken, prsend, prsheadline, prslextype]::oid[]) FROM pg_ts_parser
        UNION SELECT unnest(ARRAY[tmplinit, tmpllexize]::oid[]) FROM pg_ts_template
        UNION SELECT amhandler FROM pg_am
        UNION SELECT unnest(ARRAY[lanplcallfoid, laninline, lanvalidator]) FROM pg_language)
    SELECT proname::text FROM pg_proc p WHERE pronamespace = 'pg_catalog'::regnamespace GROUP BY proname
    HAVING bool_and(p.oid IN (SELECT f FROM support)
                    OR ARRAY['internal', 'cstring']::regtype[]::oid[] && proargtypes::oid[]
                    OR prorettype IN ('internal'::regtype, 'cstring'::regtype, 'trigger'::regtype, 'event_trigger'::regtype,
                                      'language_handler'::regtype, 'fdw_handler'::regtype, 'index_am_handler'::regtype,
                                      'table_am_handler'::regtype, 'tsm_handler'::regtype)))";

struct memory_database {
    sqlite3* db = nullptr;
    memory_database() { BOOST_REQUIRE(sqlite3_open(":memory:", &db) == SQLITE_OK); }
    ~memory_database() { sqlite3_close(db); }
    names ask(const std::string& query) {
        names all;
        auto note = [](void* to, int, char** row, char**) {
            static_cast<names*>(to)->insert(row[0]);
            return 0;
        };
        BOOST_REQUIRE(sqlite3_exec(db, query.c_str(), note, &all, nullptr) == SQLITE_OK);
        return all;
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(function_lists)

BOOST_AUTO_TEST_CASE(what_reads_changes_waits_or_executes_is_not_listed) {
    none(common(postgres_list(), words("pg_sleep pg_sleep_for pg_sleep_until pg_read_file pg_read_binary_file "
                                       "pg_ls_dir pg_ls_waldir pg_stat_file current_setting "
                                       "set_config setseed nextval currval lastval setval lo_import lo_export lo_get "
                                       "lo_put lo_create lo_open loread lowrite "
                                       "pg_advisory_lock pg_try_advisory_lock pg_advisory_xact_lock pg_lock_status "
                                       "pg_terminate_backend pg_cancel_backend "
                                       "pg_notify "
                                       "pg_reload_conf txid_current pg_current_xact_id pg_current_snapshot "
                                       "inet_server_addr inet_client_addr version "
                                       "current_database current_query query_to_xml table_to_xml schema_to_xml "
                                       "database_to_xml cursor_to_xml ts_stat ts_rewrite "
                                       "dblink dblink_exec xpath xpath_exists xml xmlagg pg_column_size "
                                       "pg_relation_size pg_database_size pg_get_viewdef "
                                       "pg_get_functiondef pg_get_userbyid json_to_record json_to_recordset "
                                       "jsonb_to_record jsonb_to_recordset "
                                       "json_populate_record "
                                       "json_populate_recordset jsonb_populate_record jsonb_populate_recordset "
                                       "current_user session_user getpgusername "
                                       "has_table_privilege pg_has_role row_security_active pg_typeof format_type "
                                       "to_regclass to_regtype to_regrole regclass "
                                       "currtid2 enum_range array_fill polygon bpchar ts_lexize ts_debug ts_parse "
                                       "record_out regclassin int4pl texteq "
                                       "postgresql_fdw_validator makeaclitem aclexplode")),
         "listed");
    none(common(sqlite_list(), words("randomblob zeroblob load_extension readfile writefile edit fts3_tokenizer "
                                     "sqlite_version sqlite_source_id "
                                     "sqlite_compileoption_get sqlite_compileoption_used sqlite_log sqlite_offset "
                                     "last_insert_rowid changes total_changes "
                                     "optimize "
                                     "rtreecheck match snippet usleep")),
         "listed");
}

BOOST_AUTO_TEST_CASE(listed_functions_exist) {
    none(without(postgres_list(), ask("SELECT proname::text FROM" + catalog)), "not in pg_catalog");
    if (is_version_15())
        none(without(refused("postgres"), ask("SELECT proname::text FROM" + catalog)), "not in pg_catalog");
}

BOOST_AUTO_TEST_CASE(every_function_is_listed_or_refused_with_a_reason) {
    auto reviewed = refused("postgres"), internal = ask(internal_functions);
    none(common(postgres_list(), reviewed), "listed and refused");
    BOOST_TEST(internal.size() > 1000u);
    auto all = ask("SELECT proname::text FROM" + catalog);
    auto unknown = without(without(without(all, postgres_list()), reviewed), internal);
    BOOST_TEST_MESSAGE("pg_catalog: " << all.size() << " names, " << postgres_list().size() << " listed, "
                                      << reviewed.size() << " refused, " << internal.size()
                                      << " internal; in none of these: " << joined(unknown));
    if (const char* file = std::getenv("REAGENT_UNLISTED")) std::ofstream{file} << joined(unknown) << "\n";
    none(unknown,
         "look at each: list it in functions.cpp if it keeps the rule there, else add it to refused_functions.txt");
}

BOOST_AUTO_TEST_CASE(listed_functions_are_volatile_for_a_reason_only) {
    const names known{
        "clock_timestamp",  // the clock
        "timeofday",        // the clock
        "gen_random_uuid",  // random numbers that no statement can foretell or seed
        "random",           // random numbers; setseed is refused
    };
    same(known, ask("SELECT proname::text FROM" + catalog + is_listed() + "AND provolatile = 'v'"));
}

// A text constant becomes any of these types by itself, and a text column a regclass.
BOOST_AUTO_TEST_CASE(listed_functions_take_and_return_no_names_of_objects) {
    const names known{
        // An xmin of the row at hand gives a number of transactions; analysts need the other overloads.
        "age:xid",
        // Numbers to the function, which looks nothing up.
        "int8:oid", "max:oid", "min:oid", "max:pg_lsn", "min:pg_lsn", "max:tid", "min:tid", "max:xid8", "min:xid8",
        // Makes text of a value that is XML already; nothing is parsed.
        "text:xml",
        // Chooses one of the owner's configurations; that one exists is all that can be learned.
        "json_to_tsvector:regconfig", "jsonb_to_tsvector:regconfig", "phraseto_tsquery:regconfig",
        "plainto_tsquery:regconfig", "to_tsquery:regconfig", "to_tsvector:regconfig", "ts_headline:regconfig",
        "websearch_to_tsquery:regconfig"};
    same(known,
         ask("SELECT proname || ':' || t.typname FROM (SELECT proname, unnest(prorettype || coalesce(proallargtypes, "
             "proargtypes::oid[])) AS type FROM" +
             catalog + is_listed() +
             ") f JOIN pg_type whole ON whole.oid = f.type JOIN pg_type t ON t.oid IN (whole.oid, whole.typelem) "
             "WHERE t.typname LIKE 'reg%' OR t.typname IN ('aclitem', 'cid', 'cstring', 'internal', 'oid', 'pg_lsn', "
             "'pg_node_tree', 'pg_snapshot', 'refcursor', 'tid', 'trigger', 'txid_snapshot', 'xid', 'xid8', 'xml')"));
}

BOOST_AUTO_TEST_CASE(listed_functions_are_the_servers_own_code_and_the_callers_rights) {
    none(ask("SELECT proname::text FROM" + catalog + is_listed() + "AND prosecdef"), "runs as its owner");
    // SQL as a text is read with the search_path of the call. These two name the schema of all they use.
    const names qualified{"quote_literal", "quote_nullable"};
    same(qualified,
         ask("SELECT proname::text FROM" + catalog + is_listed() +
             "AND NOT (prolang = (SELECT oid FROM pg_language WHERE lanname = 'internal') OR prosqlbody IS NOT NULL)"));
}

BOOST_AUTO_TEST_CASE(the_kinds_of_functions_are_as_the_catalog_says) {
    if (!is_version_15()) return;
    same(sql::set_returning_functions(), ask("SELECT proname::text FROM" + catalog + "AND proretset"));
    same(sql::aggregate_functions(),
         ask("SELECT proname::text FROM" + catalog + "GROUP BY proname HAVING bool_and(prokind = 'a')"));
    names ours;
    for (const auto& [name, columns] : sql::function_columns()) {
        std::string line = name;
        for (const auto& c : columns) line += "," + c;
        ours.insert(line);
    }
    // Those with columns of the same names in every overload.
    same(ours,
         ask("SELECT min(columns) FROM (SELECT proname, proname || ',' || (SELECT string_agg(n, ',' ORDER BY i) FROM "
             "unnest(proargnames, proargmodes) WITH ORDINALITY AS a(n, m, i) WHERE m IN ('o', 't')) AS columns FROM" +
             catalog + is_listed() +
             "AND proretset) f GROUP BY proname HAVING count(*) = count(columns) AND min(columns) = max(columns)"));
}

BOOST_AUTO_TEST_CASE(every_function_of_sqlite_is_listed_or_refused_with_a_reason) {
    memory_database d;
    auto reviewed = refused("sqlite");
    none(common(sqlite_list(), reviewed), "listed and refused");
    auto all = d.ask("SELECT name FROM pragma_function_list");
    auto unknown = without(without(all, sqlite_list()), reviewed);
    BOOST_TEST_MESSAGE("SQLite " << sqlite3_libversion() << ": " << all.size() << " names, " << sqlite_list().size()
                                 << " listed, " << reviewed.size()
                                 << " refused; in none of these: " << joined(unknown));
    none(unknown,
         "look at each: list it in functions.cpp if it keeps the rule there, else add it to refused_functions.txt");

    // What this SQLite may lack: table-valued functions, what is built on request only, and what came after 3.40.
    const std::map<std::string, int> since{{"json_each", 0},
                                           {"json_tree", 0},
                                           {"soundex", 0},
                                           {"unhex", 3041000},
                                           {"json_error_position", 3042000},
                                           {"octet_length", 3043000},
                                           {"timediff", 3043000},
                                           {"concat", 3044000},
                                           {"concat_ws", 3044000},
                                           {"string_agg", 3044000},
                                           {"jsonb", 3045000},
                                           {"jsonb_array", 3045000},
                                           {"jsonb_extract", 3045000},
                                           {"jsonb_group_array", 3045000},
                                           {"jsonb_group_object", 3045000},
                                           {"jsonb_insert", 3045000},
                                           {"jsonb_object", 3045000},
                                           {"jsonb_patch", 3045000},
                                           {"jsonb_remove", 3045000},
                                           {"jsonb_replace", 3045000},
                                           {"jsonb_set", 3045000},
                                           {"json_pretty", 3046000},
                                           {"if", 3048000},
                                           {"unistr", 3050000},
                                           {"unistr_quote", 3050000}};
    for (const auto& name : without(sqlite_list(), all)) {
        auto found = since.find(name);
        bool may_lack = found != since.end() && (found->second == 0 || found->second > sqlite3_libversion_number());
        BOOST_TEST(may_lack, name << " is no function");
    }

    // SQLite's own word for "may be called from a schema that is not trusted"; its JSON functions lack it in old
    // versions.
    auto risky = d.ask("SELECT name FROM pragma_function_list WHERE flags & " + std::to_string(SQLITE_DIRECTONLY) +
                       " OR NOT flags & " + std::to_string(SQLITE_INNOCUOUS));
    for (const auto& name : common(sqlite_list(), risky))
        BOOST_TEST((name.starts_with("json") || name.starts_with("->")), name);
}

namespace {

const char* const tables =
    "CREATE TABLE orders(id integer, note text, total numeric, placed timestamptz, day date, data jsonb, tags text[], "
    "client inet, "
    "code bytea);"
    "INSERT INTO orders VALUES (1, 'red shoes', 10.5, '2024-05-01 10:00+00', '2024-05-01', '{\"a\": [1, 2]}', '{x,y}', "
    "'10.0.0.1', 'x');";

const char* const honest[]{
    "SELECT random(), gen_random_uuid(), setweight(to_tsvector('english', note), 'A') FROM orders",
    "SELECT acosd(1), cotd(45), degrees(pi()), factorial(5), gcd(4, 6), trim_scale(total), width_bucket(total, 0, 100, "
    "5) FROM orders",
    "SELECT trim(both 'x' from note), substring(note from 2 for 3), substring(note similar 'r%' escape '#'), "
    "overlay(note placing 'x' from 1), "
    "position('s' in note), note NOT LIKE 'a#%' ESCAPE '#', note SIMILAR TO 'r%', normalize(note), note IS NORMALIZED "
    "FROM orders",
    "SELECT regexp_count(note, 'e'), regexp_like(note, 'red'), regexp_instr(note, 's'), regexp_substr(note, 's.*'), "
    "regexp_match(note, 'e') FROM orders",
    "SELECT m[1] FROM orders, regexp_matches(note, '(e)', 'g') AS m",
    "SELECT word, count(*) FROM orders, regexp_split_to_table(note, ' ') AS word GROUP BY word",
    "SELECT part FROM orders, string_to_table(note, ' ') AS part",
    "SELECT extract(dow FROM placed), date_part('year', day), age(placed), placed AT TIME ZONE 'UTC', make_date(2024, "
    "1, 2), "
    "isfinite(day), "
    "(day, day) OVERLAPS (day, day), make_interval(days => 3), justify_days(interval '40 days'), to_timestamp(0), "
    "timeofday() FROM orders",
    "SELECT date(placed), text(id), int4(total), \"numeric\"(id), float8(total), \"char\"(id), name(note) FROM orders",
    "SELECT t FROM orders, unnest(tags) WITH ORDINALITY AS u(t, i)",
    "SELECT tags[i] FROM orders, generate_subscripts(tags, 1) AS i",
    "SELECT array_append(tags, 'z'), array_position(tags, 'x'), array_to_json(tags), trim_array(tags, 1), "
    "cardinality(tags) FROM orders",
    "SELECT key, value FROM orders, jsonb_each_text(data)",
    "SELECT e.value FROM orders, jsonb_array_elements(data -> 'a') AS e",
    "SELECT k FROM orders, jsonb_object_keys(data) AS k",
    "SELECT jsonb_build_object('id', id), jsonb_path_query_array(data, '$.a[*]'), jsonb_set(data, '{b}', '1'), "
    "jsonb_pretty(data), "
    "jsonb_typeof(data), jsonb_extract_path_text(data, 'a', '0'), to_json(note), row_to_json(row(id, note)) FROM "
    "orders",
    "SELECT ts_rank(to_tsvector(note), plainto_tsquery('shoe')), ts_headline('english', note, "
    "websearch_to_tsquery('shoe')), "
    "numnode(phraseto_tsquery('red shoe')), querytree(to_tsquery('shoe')), strip(to_tsvector(note)) FROM orders",
    "SELECT lower(int4range(1, 5)), upper_inf(daterange(day, NULL)), isempty(numrange(1, 1)), range_merge(int4range(1, "
    "2), "
    "int4range(4, 5)), range_agg(int4range(id, id + 1)) FROM orders GROUP BY day",
    "SELECT corr(id, total), regr_slope(id, total), stddev_samp(total), percentile_cont(0.5) WITHIN GROUP (ORDER BY "
    "total), "
    "mode() WITHIN GROUP (ORDER BY note), string_agg(note, ',' ORDER BY id), count(*) FILTER (WHERE id > 0), "
    "bit_xor(id) FROM orders",
    "SELECT rank() OVER w, lag(total) OVER w, ntile(4) OVER w, first_value(note) OVER w FROM orders WINDOW w AS (ORDER "
    "BY id)",
    "SELECT md5(note), sha256(code), encode(code, 'base64'), convert_from(code, 'UTF8'), hashtext(note), "
    "bit_count(code), "
    "get_bit(code, 1) FROM orders",
    "SELECT host(client), masklen(client), family(client), network(client), set_masklen(client, 8) FROM orders",
    "SELECT area(box(point(0, 0), point(1, 1))), diameter(circle(point(0, 0), 2)), slope(point(0, 0), point(1, 1))",
    "SELECT coalesce(note, ''), nullif(id, 1), greatest(1, 2), least(1, 2), num_nulls(note, id), "
    "pg_size_pretty(total), "
    "current_date FROM orders",
};

const char* const honest_sqlite[]{
    "SELECT random(), sinh(1), degrees(pi()), radians(1), acos(1), log2(8)",
    "SELECT current_date, current_timestamp, date('now'), strftime('%Y', day), julianday(day) FROM orders",
    "SELECT json_set(note, '$.a', 1), json_remove(note, '$.a'), json_patch(note, '{}'), json_quote(id), note ->> 'a', "
    "json_group_array(id) FROM orders",
    "SELECT iif(id > 1, 'a', 'b'), ifnull(note, ''), coalesce(note, ''), nullif(id, 1), typeof(id), unicode(note), "
    "char(65) FROM orders",
    "SELECT instr(note, 'a'), printf('%.2f', id), group_concat(note), total(id), note GLOB 'a*', note LIKE 'a#%' "
    "ESCAPE '#' FROM orders",
    "SELECT rank() OVER (ORDER BY id), lag(id) OVER (ORDER BY id), cume_dist() OVER (ORDER BY id) FROM orders",
};

sql::policy policy_for(sql::dialect d) { return {.dialect = d, .allowed_tables = {"orders"}}; }

}  // namespace

BOOST_AUTO_TEST_CASE(what_analysts_write_is_allowed_and_runs) {
    sql::schema columns{{"orders", {"id", "note", "total", "placed", "day", "data", "tags", "client", "code"}}};
    server().run("DROP TABLE IF EXISTS orders; " + std::string{tables});
    for (const char* statement : honest) {
        auto v = sql::check(statement, policy_for(sql::dialect::postgres), columns);
        BOOST_TEST(v.ok(), statement << "\n" << v.message());
        try {
            server().run(statement);
        } catch (const std::exception& e) {
            BOOST_ERROR(statement << "\n" << e.what());
        }
    }
    sql::schema plain{{"orders", {"id", "note", "day"}}};
    memory_database d;
    d.ask("CREATE TABLE orders(id, note, day)");
    d.ask("INSERT INTO orders VALUES (1, '{}', '2024-05-01')");
    for (const char* statement : honest_sqlite) {
        auto v = sql::check(statement, policy_for(sql::dialect::sqlite), plain);
        BOOST_TEST(v.ok(), statement << "\n" << v.message());
        BOOST_TEST(sqlite3_exec(d.db, statement, nullptr, nullptr, nullptr) == SQLITE_OK, statement
                                                                                              << "\n"
                                                                                              << sqlite3_errmsg(d.db));
    }
}

BOOST_AUTO_TEST_SUITE_END()
