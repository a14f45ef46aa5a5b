#include "support/cli.hpp"
#include "support/cases.hpp"
#include "support/postgres_server.hpp"
#include "support/scripted_openai.hpp"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <sqlite3.h>

#include <unistd.h>
#include <cstdlib>
#include <fstream>

using namespace reagent;
using namespace reagent::test;

namespace {

std::string quoted(const std::string& s) {
    std::string q = "'";
    for (char c : s) q += c == '\'' ? "'\\''" : std::string(1, c);
    return q + "'";
}

// A conninfo begins with host=FOLDER.
std::string folder_of(const postgres_server& s) {
    auto conninfo = s.conninfo();
    return conninfo.substr(5, conninfo.find(' ') - 5);
}

const std::string demo_tools = std::string{" --lm offline/demo --tools calculator,time,sql:"} + REAGENT_SHOP +
                               ",policy=" + REAGENT_EXAMPLE_DATA + "/shop_policy.json,docs:" + REAGENT_EXAMPLE_DATA +
                               "/documents ";

std::string from_shop(const std::string& sql) {
    sqlite3* db = nullptr;
    sqlite3_open_v2(REAGENT_SHOP, &db, SQLITE_OPEN_READONLY, nullptr);
    sqlite3_stmt* s = nullptr;
    sqlite3_prepare_v2(db, sql.c_str(), -1, &s, nullptr);
    std::string text;
    if (sqlite3_step(s) == SQLITE_ROW)
        for (int i = 0; i < sqlite3_column_count(s); ++i)
            text += (i ? " | " : "") + std::string{reinterpret_cast<const char*>(sqlite3_column_text(s, i))};
    sqlite3_finalize(s);
    sqlite3_close(db);
    if (text.ends_with(".0")) text.resize(text.size() - 2);
    return text;
}

struct asked {
    const char *question, *sql;
};
std::ostream& operator<<(std::ostream& out, const asked& a) { return out << a.question; }

// Each answer is checked against a query written by hand. A text that starts with = is the answer itself.
const asked questions[]{
    {"What is 17% of 2,340 plus 12?", "=409.8"},
    {"What is the square root of 144 plus 5 squared?", "=37"},
    {"Multiply 12.5 by 8 and add 3", "=103"},
    {"What is the average of 4, 8 and 15?", "=9"},
    {"How much is 3 to the power of 4 minus 1?", "=80"},
    {"What percentage of 80 is 20?", "=25"},
    {"What is 200 increased by 15%?", "=230"},
    {"What is 22 divided by 7, rounded to 2 decimals?", "=3.14"},
    {"How many orders came from customers in Oslo?",
     "SELECT count(*) FROM orders o, customers c WHERE o.customer_id = c.id AND c.city = 'Oslo'"},
    {"How many customers live in Norway?", "SELECT count(*) FROM customers WHERE country = 'Norway'"},
    {"How many products are there?", "SELECT count(*) FROM products"},
    {"How many cancelled orders were there in March 2024?",
     "SELECT count(*) FROM orders WHERE status = 'cancelled' AND ordered_on LIKE '2024-03%'"},
    {"How many orders are over 2000?", "SELECT count(*) FROM orders WHERE total > 2000"},
    {"How many customers have more than 10 orders?",
     "SELECT count(*) FROM (SELECT customer_id FROM orders GROUP BY customer_id HAVING count(*) > 10)"},
    {"How many customers have never ordered?",
     "SELECT count(*) FROM customers WHERE id NOT IN (SELECT customer_id FROM orders)"},
    {"How many different cities do our customers live in?", "SELECT count(DISTINCT city) FROM customers"},
    {"How many units of the Copper Kettle are in stock?",
     "SELECT sum(stock) FROM inventory i, products p WHERE i.product_id = p.id AND p.name = 'Copper Kettle'"},
    {"What is the total revenue from Denmark in 2024?",
     "SELECT sum(total) FROM orders o, customers c WHERE o.customer_id = c.id AND c.country = 'Denmark' AND ordered_on "
     "LIKE '2024%'"},
    {"What is the average price of knives?", "SELECT avg(price) FROM products WHERE category = 'knives'"},
    {"What is the average order total in Norway?",
     "SELECT round(avg(total), 2) FROM orders o, customers c WHERE o.customer_id = c.id AND c.country = 'Norway'"},
    {"What is the highest price?", "SELECT max(price) FROM products"},
    {"How many orders came from the city where the company was founded?",
     "SELECT count(*) FROM orders o, customers c WHERE o.customer_id = c.id AND c.city = 'Bergen'"},
    {"What was the revenue in the first quarter of 2024 from Swedish customers?",
     "SELECT sum(total) FROM orders o, customers c WHERE o.customer_id = c.id AND c.country = 'Sweden' AND ordered_on "
     "BETWEEN '2024-01' "
     "AND '2024-03~'"},
    {"What percentage of orders were cancelled?",
     "SELECT round(100.0 * sum(status = 'cancelled') / count(*), 2) FROM orders"},
    {"How many more customers are in Oslo than in Bergen?",
     "SELECT sum(city = 'Oslo') - sum(city = 'Bergen') FROM customers"},
    {"What is the total price of 3 Copper Kettles and 2 Woks?",
     "SELECT (SELECT 3 * price FROM products WHERE name = 'Copper Kettle') + (SELECT 2 * price FROM products WHERE "
     "name = 'Wok')"},
    {"What is the average number of orders per customer?",
     "SELECT round(1.0 * (SELECT count(*) FROM orders) / (SELECT count(*) FROM customers), 2)"},
    {"What is 10% of the number of orders from Oslo?",
     "SELECT count(*) * 0.1 FROM orders o, customers c WHERE o.customer_id = c.id AND c.city = 'Oslo'"},
};

struct part_of_answer {
    const char *question, *part;
};
std::ostream& operator<<(std::ostream& out, const part_of_answer& a) { return out << a.question; }
const part_of_answer looked_up[]{{"Which product is the most expensive?", "Copper Kettle (1290)"},
                                 {"Who founded the company?", "Ingrid Solheim"},
                                 {"How long is the warranty on kettles?", "5 years"},
                                 {"How many days do customers have to return an order?", "45 days"},
                                 {"When did the online shop open?", "2003"},
                                 {"Who is the managing director?", "Sofia Lindqvist"},
                                 {"What does the Chef Knife cost?", "1190"},
                                 {"How much does a repair cost?", "190 kroner"},
                                 {"What temperature are cinnamon buns baked at?", "225 degrees"}};

}  // namespace

BOOST_AUTO_TEST_SUITE(command_line)

BOOST_DATA_TEST_CASE(the_stand_in_answers, questions, q) {
    auto f = reagent_cli("ask " + quoted(q.question) + demo_tools + "--quiet");
    std::string expected = q.sql[0] == '=' ? q.sql + 1 : from_shop(q.sql);
    BOOST_TEST(f.code == 0);
    BOOST_TEST(f.out == expected + "\n");
}

BOOST_DATA_TEST_CASE(the_stand_in_looks_things_up, looked_up, q) {
    auto f = reagent_cli("ask " + quoted(q.question) + demo_tools + "--quiet");
    BOOST_TEST(f.out.find(q.part) != std::string::npos, f.out);
}

BOOST_AUTO_TEST_CASE(the_stand_in_says_what_it_is_and_what_it_cannot_plan) {
    auto f = reagent_cli("ask 'Write me a poem about autumn'" + demo_tools, true);
    BOOST_TEST(f.out.find("cannot plan") != std::string::npos, f.out);
    auto notice = reagent_cli("ask 'What is 1 + 1?' --tools calculator", true);
    BOOST_TEST(notice.code == 0);
}

BOOST_AUTO_TEST_CASE(ask_shows_steps_and_json) {
    auto f = reagent_cli("ask 'What is 2 + 3?'" + demo_tools);
    for (const char* part : {"thought", "calculator {\"expression\": \"2 + 3\"}", "result   5", "3 model calls"})
        BOOST_TEST(f.out.find(part) != std::string::npos, f.out);
    BOOST_TEST(f.out.find("\033[") == std::string::npos);  // no terminal, no colours
    auto j =
        json::parse(reagent_cli("ask 'What is 2 + 3?' --json --signature 'question -> answer: int'" + demo_tools).out);
    BOOST_TEST(j.at("outputs").at("answer").as_int64() == 5);
    BOOST_TEST(j.at("trajectory").at("tool_name_0").as_string() == "calculator");
    BOOST_TEST(j.at("usage").at("calls").as_int64() == 3);
    auto logged = reagent_cli("ask 'What is 2 + 3?' --quiet --log-level debug" + demo_tools, true);
    BOOST_TEST(logged.out.find(" path=react tool=calculator ms=") != std::string::npos, logged.out);
    BOOST_TEST(logged.out.find("What is") == std::string::npos, logged.out);
    auto traced = reagent_cli("ask 'What is 2 + 3?' --quiet --log-level trace --private question" + demo_tools, true);
    BOOST_TEST(traced.out.find("predictor run=") != std::string::npos, traced.out);
    BOOST_TEST(traced.out.find("What is") == std::string::npos, traced.out);
    auto native = reagent_cli("ask 'What is 2 + 3?' --native --quiet" + demo_tools);
    BOOST_TEST(native.out == "5\n");
    for (const char* a : {"json", "xml"})
        BOOST_TEST(reagent_cli("ask 'What is 2 + 3?' --quiet --adapter " + std::string{a} + demo_tools).out == "5\n");
}

BOOST_AUTO_TEST_CASE(ask_uses_a_server_and_hides_the_key) {
    std::mutex mutex;
    std::string authorization;
    loopback_server server{[&](const server_request& r) {
        std::lock_guard lock{mutex};
        authorization = r.authorization;
        return server_response{.status = 401,
                               .body = R"({"error":{"message":"Incorrect API key provided: sk-secret-1234567890"}})"};
    }};
    auto f = reagent_cli("ask hello --lm openai/x --api-base " + server.url("/v1"), true,
                         "env OPENAI_API_KEY=sk-secret-1234567890");
    BOOST_TEST(f.code == 1);
    std::lock_guard lock{mutex};
    BOOST_TEST(authorization == "Bearer sk-secret-1234567890");
    BOOST_TEST(f.out.find("sk-secret") == std::string::npos, f.out);
    BOOST_TEST(f.out.find("API key") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(signature_shows_fields_or_where_it_is_wrong) {
    auto j = json::parse(reagent_cli("signature 'context: list[str], question -> answer: int' --json").out);
    BOOST_TEST(j.at("inputs").as_array()[0].at("type").as_string() == "list[str]");
    BOOST_TEST(j.at("outputs").as_array()[0].at("description").as_string() == "${answer}");
    auto wrong = reagent_cli("signature 'a -> b: strng' --json");
    BOOST_TEST(wrong.code == 1);
    BOOST_TEST(json::parse(wrong.out).at("error").at("position").as_int64() == 8);
    auto shown = reagent_cli("signature 'a -> b: strng'", true);
    BOOST_TEST(shown.out.find("          ^") != std::string::npos, shown.out);
    BOOST_TEST(reagent_cli("signature ' -> '").code == 0);
}

BOOST_AUTO_TEST_CASE(parse_reads_stdin) {
    auto f = reagent_cli("parse --signature 'q -> a: float, i: Item' --types " + std::string{REAGENT_TEST_DATA} +
                         "/golden/chat_parse.json <<'X'\n[[ ## a ## ]]\ninf\n[[ ## i ## ]]\n{name: a, qty: '2'}\nX\n");
    BOOST_TEST(f.code == 0);
    BOOST_TEST(f.out == "{\"a\": {\"float\": \"inf\"}, \"i\": {\"name\": \"a\", \"qty\": 2, \"price\": null}}\n");
    auto wrong = reagent_cli("parse --signature 'q -> a: int' --adapter json <<'X'\nnothing\nX\n");
    BOOST_TEST(wrong.code == 1);
    BOOST_TEST(json::parse(wrong.out).as_object().contains("error"));
}

BOOST_AUTO_TEST_CASE(command_line_errors_say_what_to_do) {
    auto contains = [](const std::string& arguments, int code, const char* part) {
        auto f = reagent_cli(arguments, true);
        BOOST_TEST(f.code == code, arguments << ": " << f.code);
        BOOST_TEST(f.out.find(part) != std::string::npos, f.out);
    };
    contains("", 2, "subcommand");
    contains("ask", 2, "QUESTION");
    contains("ask q --tools calculatr", 1, "did you mean \"calculator\"?");
    contains("ask q --tools sql:/nowhere.db", 1, "cannot be read");
    contains("ask q --tools sql", 1, "sql:FILE");
    contains("ask q --tools ,,", 1, "write them as calculator,time");
    contains("ask q --tools calculator,", 1, "write them as calculator,time");
    contains("tools --tools http://127.0.0.1:8080", 1, "write http:127.0.0.1:8080");
    contains("ask q --tools policy=x.json", 1, "right behind sql:FILE");
    contains(std::string{"ask q --tools sql:"} + REAGENT_SHOP + ",policy=/nowhere.json", 2, "cannot be read");
    contains("ask q --lm nope/x", 1, "unknown provider");
    contains("ask q --lm openai/x", 1, "OPENAI_API_KEY");
    contains("ask q --signature 'a, b -> c' --lm offline/demo", 1, "--input");
    contains("ask --help", 0, "Examples:");
    contains("--help", 0, "Examples:");
    contains("tools", 0, "calculator");
    contains("tools --tools calculator --json", 0, "\"parameters\"");
    contains("parse --signature 'a -> b' --types /nowhere", 1, "cannot be read");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_CASE(an_answer_appears_while_it_is_written) {
    auto piece = [](const std::string& text) {
        return "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":" +
               json::serialize(json::value(json::string(text))) + "}}]}\n\n";
    };
    loopback_server server{[&](const server_request& r) {
        bool step = r.body.find("next_tool_name ## ]]`") != r.body.npos;
        std::string text = step ? "[[ ## next_thought ## ]]\nEasy.\n\n[[ ## next_tool_name ## ]]\nfinish\n\n[[ ## "
                                  "next_tool_args ## ]]\n{}"
                                : "[[ ## reasoning ## ]]\nx\n\n[[ ## answer ## ]]\n";
        std::vector<std::string> pieces{piece(text)};
        if (!step)
            for (const char* word : {"It ", "is ", "forty ", "two."}) pieces.push_back(piece(word));
        pieces.push_back(
            "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n");
        return server_response{.content_type = "text/event-stream",
                               .pieces = pieces,
                               .piece_delay = std::chrono::milliseconds{step ? 0 : 100}};
    }};
    std::string command =
        std::string{REAGENT_BINARIES} + "/reagent ask hello --lm openai/x --api-base " + server.url("/v1") + " 2>&1";
    FILE* p = ::popen(("env OPENAI_API_KEY=sk-x " + command).c_str(), "r");
    int fd = ::fileno(p), early = 0;
    std::string out;
    char buffer[4096];
    for (ssize_t n; (n = ::read(fd, buffer, sizeof buffer)) > 0;) {
        out.append(buffer, static_cast<std::size_t>(n));
        bool some = out.find("It is") != out.npos, all = out.find("two.") != out.npos;
        early += some && !all;
    }
    BOOST_TEST(::pclose(p) == 0);
    BOOST_TEST(early > 0);
    BOOST_TEST(out.find("thought  Easy.\ncall     finish") != out.npos, out);
    BOOST_TEST(out.find("\nIt is forty two.\n") != out.npos, out);
    BOOST_TEST(out.find("forty two.", out.find("forty two.") + 1) == out.npos, out);  // once
}

BOOST_AUTO_TEST_CASE(sql_is_judged) {
    char path[] = "/tmp/reagent-cli-XXXXXX";
    std::string folder = mkdtemp(path);
    auto corpus = read_json("corpora/sql_policy.json").as_object();
    auto write = [&](const char* name, const json::value& v) {
        std::ofstream{folder + "/" + name} << json::serialize(v);
        return folder + "/" + name;
    };
    std::string policy = write("policy.json", corpus.at("policies").at("base")),
                schema = write("schema.json", corpus.at("schema"));
    std::string lite = write("lite.json", corpus.at("policies").at("sqlite")),
                bad = write("bad.json", json::object{{"allowed_table", 1}});
    auto check = [&](const std::string& statement, const std::string& arguments, bool errors = false) {
        return reagent_cli("sql check " + arguments + " < /dev/stdin", errors,
                           "printf '%s' " + quoted(statement) + " | ");
    };
    std::string both = "--policy " + policy + " --schema " + schema;
    std::string twice = folder + "/twice.json";
    std::ofstream{twice} << R"({"allowed_tables": ["orders"], "denied_columns": ["orders.id"], "denied_columns": []})";
    BOOST_TEST(check("SELECT 1", "--policy " + twice, true).code == 2);
    BOOST_TEST(check("SELECT 1", "--policy " + twice, true).out.find("\"denied_columns\" twice") != std::string::npos);
    auto instead = check("SELECT * FROM customers c", both + " --rewritten");
    BOOST_TEST(instead.code == 0);
    BOOST_TEST(instead.out == "SELECT * FROM (SELECT id, name, city FROM public.customers reagent_table) c\n");
    auto good = check("SELECT id FROM orders", both);
    BOOST_TEST(good.code == 0);
    BOOST_TEST(good.out == "allowed\n");
    auto denied = check("SELECT ssn, pg_sleep(1) FROM customers", both + " --json");
    BOOST_TEST(denied.code == 1);
    auto v = json::parse(denied.out);
    BOOST_TEST((v.at("verdict") == "deny"));
    BOOST_REQUIRE(v.at("violations").as_array().size() == 2u);
    BOOST_TEST((v.at("violations").at(0).at("code") == "column_denied"));
    BOOST_TEST((v.at("violations").at(0).at("position") == 7));
    BOOST_TEST((v.at("violations").at(1).at("code") == "function_not_allowed"));
    BOOST_TEST((json::parse(check("SELECT 1", both + " --json").out) ==
                json::parse(R"({"verdict":"allow","violations":[]})")));
    BOOST_TEST(check("SELECT [id] FROM [orders]", "--policy " + lite + " --schema " + schema).code == 0);
    BOOST_TEST(check("SELECT * FROM sqlite_master", both + " --dialect sqlite").code == 1);
    auto endless = reagent_cli("sql check " + both, false, "yes 'SELECT 1' | timeout 20 ");  // ends by itself
    BOOST_TEST(endless.code == 1);
    BOOST_TEST(endless.out.find("too_long") != std::string::npos, endless.out);
    struct {
        std::string arguments, words;
    } const misuse[]{{"--policy /nonexistent", "cannot be read"},
                     {"--policy " + bad, "did you mean \"allowed_tables\""},
                     {"--policy " + lite, "--schema"},
                     {both + " --dialect mysql", "mysql"},
                     {"", "--policy"}};
    for (const auto& m : misuse) {
        auto f = check("SELECT 1", m.arguments, true);
        BOOST_TEST(f.code == 2, m.arguments);
        BOOST_TEST(f.out.find(m.words) != std::string::npos, f.out);
    }
}

BOOST_AUTO_TEST_CASE(the_wall_is_printed_and_probed) {
    postgres_server server;
    server.run(
        "CREATE TABLE customers(id integer, ssn text); CREATE TABLE orders(id integer); CREATE TABLE secrets(word "
        "text)");
    char path[] = "/tmp/reagent-cli-XXXXXX";
    std::string folder = mkdtemp(path);
    auto write = [&](const char* name, const char* text) {
        std::ofstream{folder + "/" + name} << text;
        return folder + "/" + name;
    };
    std::string policy =
        write("policy.json", R"({"allowed_tables": ["customers", "orders"], "denied_columns": ["customers.ssn"]})");
    std::string schema = write("schema.json", R"({"customers": ["id", "ssn"], "orders": ["id"]})");
    std::string lite = write("lite.json", R"({"dialect": "sqlite", "allowed_tables": ["orders"]})");

    auto script = reagent_cli("sql grants --policy " + policy + " --schema " + schema + " --role 'A reader'");
    BOOST_TEST(script.code == 0);
    server.run(script.out);
    std::string user = quoted(server.conninfo("'A reader'")), probe = "sql probe --policy " + policy;
    auto good = reagent_cli(probe + " --conninfo " + user);
    BOOST_TEST(good.code == 0, good.out);
    BOOST_TEST(good.out.starts_with("behind the wall: "), good.out);

    server.run("GRANT SELECT ON secrets TO \"A reader\"");
    auto open = reagent_cli(probe + " --conninfo " + user);
    BOOST_TEST(open.code == 1);
    BOOST_TEST(open.out.starts_with("no wall: 1 opening; "), open.out);
    for (const char* part :
         {"\nopen  relation: \"A reader\" may read public.secrets, which the policy does not allow\n",
          "\nnote  function: ", "\nREVOKE SELECT ON public.secrets FROM \"A reader\";\n",
          "\nREVOKE EXECUTE ON FUNCTION pg_catalog.pg_sleep"})
        BOOST_TEST(open.out.find(part) != open.out.npos, open.out);
    auto v = json::parse(reagent_cli(probe + " --json --conninfo " + user).out);
    BOOST_TEST(!v.at("behind_wall").as_bool());
    auto first = v.at("openings").at(0);
    BOOST_TEST(
        (first ==
         json::parse(
             R"({"kind": "relation", "what": "\"A reader\" may read public.secrets, which the policy does not allow",
        "serious": true, "closing": ["REVOKE SELECT ON public.secrets FROM \"A reader\";"]})")),
        json::serialize(first));

    // Without a word on the command line.
    BOOST_TEST(reagent_cli(probe + " --conninfo -", false, "printf '%s\n' " + user + " | ").code == 1);
    BOOST_TEST(reagent_cli(probe, false, "env REAGENT_CONNINFO=" + user).code == 1);
    BOOST_TEST(reagent_cli(probe, false,
                           "env -u REAGENT_CONNINFO PGUSER='A reader' PGDATABASE=postgres PGHOST=" + folder_of(server))
                   .code == 1);

    struct {
        std::string arguments, words;
    } const misuse[]{
        {"grants --policy " + policy + " --role x", "columns of \"customers\""},
        {"grants --policy " + policy + " --schema " + schema + " --role public", "cannot be a role's name"},
        {"grants --policy " + lite + " --role x", "SQLite has no users"},
        {"grants --policy " + policy, "--role"},
        {"probe --policy " + lite + " --conninfo " + user, "SQLite has no users"},
        {"probe --policy /nonexistent --conninfo " + user, "cannot be read"},
        {"probe --policy " + policy + " --conninfo - </dev/null", "standard input"},
        {"probe --policy " + policy + " --conninfo 'host=127.0.0.1 port=1 user=x password=hunter2'", "cannot be read"}};
    for (const auto& m : misuse) {
        auto f = reagent_cli("sql " + m.arguments, true);
        BOOST_TEST(f.code == 2, m.arguments);
        BOOST_TEST(f.out.find(m.words) != std::string::npos, f.out);
        BOOST_TEST(f.out.find("hunter2") == std::string::npos, f.out);
    }
    BOOST_TEST(reagent_cli("sql probe --help").out.find("REAGENT_CONNINFO") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_provider_that_fails_at_first_is_asked_again) {
    std::atomic<int> n = 0;
    loopback_server server{[&](const server_request& r) {
        if (n++ == 0) return server_response{.status = 503, .headers = {{"Retry-After-Ms", "1"}}};
        bool step = r.body.find("next_tool_name ## ]]`") != r.body.npos;
        return server_response{.body = openai_text(step ? chat_completion({{"next_thought", "x"},
                                                                           {"next_tool_name", "finish"},
                                                                           {"next_tool_args", json::object{}}})
                                                        : chat_completion({{"reasoning", "x"}, {"answer", "fine"}}))};
    }};
    auto f = reagent_cli("ask hello -q --lm openai/x --api-base " + server.url("/v1"), true);
    BOOST_TEST(f.code == 0);
    BOOST_TEST(f.out == "fine\n");
    BOOST_TEST(n == 3);
}

// Half an answer, or the answer to something else, is worse than none.
BOOST_AUTO_TEST_CASE(the_stand_in_does_not_answer_half_of_a_question) {
    for (const char* text : {"Which city has the most customers, and how many orders came from there?",
                             "How many customers are there, and what is 7.5% of the revenue from Bergen?",
                             "How many customers are there and what is 7 * 3?",
                             "Which customer placed the most orders and what did they spend?",
                             "How many orders came from the city with the most customers?"}) {
        std::string q = text;
        auto f = reagent_cli("ask " + quoted(text) + demo_tools + "-q");
        BOOST_TEST(f.out.find("cannot plan this: ") != std::string::npos, f.out);
        bool twice = q.find("and what") != q.npos || q.find("and how") != q.npos;
        BOOST_TEST((f.out.find("it asks for two things") != f.out.npos) == twice, f.out);
    }
    BOOST_TEST(
        reagent_cli("ask " + quoted("Which city has the most customers?") + demo_tools + "-q").out.starts_with("Oslo"));
}
