#include "support/cases.hpp"
#include "support/scripted_openai.hpp"

#include <reagent/reagent.hpp>

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

using namespace reagent;
using namespace reagent::test;

namespace {

safe_sql_options shop() {
    safe_sql_options o;
    o.policy.allowed_tables = {"customers", "orders"};
    o.policy.denied_columns = {"customers.ssn"};
    o.policy.max_rows = 100;
    o.schema = {
        {"customers", {"id", "name", "ssn"}}, {"orders", {"id", "customer_id", "total"}}, {"secrets", {"word"}}};
    o.notes = "Totals are in kroner.";
    return o;
}

std::string written(const std::string& sql) { return chat_completion({{"reasoning", "r"}, {"sql", sql}}); }

void has(const std::string& text, std::initializer_list<const char*> parts) {
    for (const char* part : parts)
        BOOST_TEST(text.find(part) != std::string::npos, "\"" << part << "\" is missing in: " << text);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(safe_sql_agent)

BOOST_AUTO_TEST_CASE(a_statement_is_written_until_the_policy_allows_it) {
    auto model = scripted_model::texts({written("SELECT name, ssn FROM customers"), written("DELETE FROM orders"),
                                        written("```sql\nSELECT name FROM customers LIMIT 10;\n```")});
    safe_sql write{shop()};
    runtime rt;
    BOOST_TEST(rt.run(language_model{model}, write, "All names") == "SELECT name FROM customers LIMIT 10;");
    auto requests = model->requests();
    BOOST_REQUIRE(requests.size() == 3u);
    const auto first = requests[0].messages.back().content, third = requests[2].messages.back().content;
    has(first, {"All names", "customers(id, name)", "orders(id, customer_id, total)", "kroner", "at most 100"});
    BOOST_TEST(first.find("ssn") == first.npos);
    BOOST_TEST(first.find("secrets") == first.npos);
    has(third,
        {"past_sql_0", "SELECT name, ssn FROM customers", "past_sql_1", "DELETE FROM orders", "Only SELECT", "LIMIT"});
}

// A model that writes what an analyst wrote, and then what the words of the refusal lead to.
BOOST_AUTO_TEST_CASE(what_is_harmless_and_refused_is_told_a_way) {
    std::size_t refused = 0;
    for (const char* name : {"sql_analysts", "sql_analysts_2"}) {
        auto corpus = read_json(std::string{"corpora/"} + name + ".json").as_object();
        for (const auto& c : corpus.at("cases").as_array()) {
            auto* instead = c.as_object().if_contains("instead");
            if (!instead) continue;
            ++refused;
            safe_sql_options o;
            o.policy = sql::policy_from_json(corpus.at("policies").at(c.at("policy").as_string()));
            o.schema = sql::schema_from_json(corpus.at("schema"));
            o.preferred_bytes = 20'000;
            std::string first{std::string_view{c.at("sql").as_string()}},
                second{std::string_view{instead->as_string()}};
            auto model = scripted_model::texts({written(first), written(second)});
            safe_sql write{std::move(o)};
            runtime rt;
            BOOST_TEST(rt.run(language_model{model}, write, "that") == second, first);
            BOOST_REQUIRE(model->requests().size() == 2u);
            // The refusal says what it is about and what to do.
            const auto told = model->requests()[1].messages.back().content;
            bool leads = false;
            for (const char* words :
                 {"do without it", "use a plain type", "name the columns", "write a plain SELECT", "write a column as"})
                leads = leads || told.find(words) != std::string::npos;
            BOOST_TEST(leads, told);
        }
    }
    BOOST_TEST(refused == 10u);
}

BOOST_AUTO_TEST_CASE(what_is_never_allowed_is_never_returned) {
    auto model = scripted_model::texts(std::vector<std::string>(4, written("SELECT ssn FROM customers LIMIT 1")));
    safe_sql write{shop()};
    runtime rt;
    try {
        rt.run(language_model{model}, write, "All numbers");
        BOOST_ERROR("was allowed");
    } catch (const assertion_failed& e) {
        BOOST_TEST(e.attempts().size() == 4u);
    }
}

BOOST_AUTO_TEST_CASE(wishes_are_told_together_with_violations_and_are_let_go) {
    auto wide = written("SELECT * FROM orders LIMIT 10");
    auto model = scripted_model::texts({written("SELECT * FROM orders"), wide, wide, wide});
    safe_sql write{shop()};
    runtime rt;
    BOOST_TEST(rt.run(language_model{model}, write, "All orders") == "SELECT * FROM orders LIMIT 10");
    has(model->requests()[1].messages.back().content, {"Name the columns", "End the statement with LIMIT"});
}

BOOST_AUTO_TEST_CASE(a_question_is_answered_from_the_database) {
    sql::policy p;
    p.allowed_tables = {"customers", "orders"};
    ask_database ask{ready::sqlite_query(REAGENT_SHOP, {.policy = p})};
    auto model = scripted_model::texts(
        {written("SELECT count(*) FROM products"), written("SELECT count(*) AS n FROM orders WHERE town = 'x'"),
         written("SELECT count(*) AS n FROM orders"), chat_completion({{"answer", "There are 1660 orders."}})});
    runtime rt;
    auto done = rt.execute(language_model{model}, ask, "How many orders are there?");
    BOOST_TEST(done.value.answer == "There are 1660 orders.");
    BOOST_TEST(done.value.statement == "SELECT count(*) AS n FROM orders");
    BOOST_TEST(done.value.result.at("rows").at(0).at(0).to_number<int>() == 1660);
    auto requests = model->requests();
    BOOST_REQUIRE(requests.size() == 4u);
    has(requests[0].messages.back().content, {"orders(", "How many orders are there?"});
    BOOST_TEST(requests[0].messages.back().content.find("products(") == std::string::npos);
    has(requests[1].messages.back().content, {"\"products\" is not allowed"});
    has(requests[2].messages.back().content, {"no such column: town"});
    has(requests[3].messages.back().content, {"[[1660]]", "SELECT count(*) AS n FROM orders"});
    BOOST_TEST(done.report.history->violations().size() == 2u);
}

BOOST_AUTO_TEST_CASE(a_statement_is_found_in_what_a_model_wrote) {
    BOOST_TEST(sql::extract("  SELECT 1\n") == "SELECT 1");
    BOOST_TEST(sql::extract("```sql\nSELECT 1;\n```") == "SELECT 1;");
    BOOST_TEST(sql::extract("Here it is:\n```SQL\nSELECT 1\n```\nIt selects one.") == "SELECT 1");
    BOOST_TEST(sql::extract("```SELECT 1```") == "SELECT 1");
    BOOST_TEST(sql::extract("```\nSELECT sql FROM t\n```") == "SELECT sql FROM t");
    for (const char* left : {"```sql\nSELECT 1\n```\nor\n```sql\nSELECT 2\n```", "```sql\nSELECT 1", "", "``````"})
        BOOST_TEST(!sql::check(sql::extract(left), {.allowed_tables = {"t"}}).ok(), left);
}

BOOST_AUTO_TEST_SUITE_END()
