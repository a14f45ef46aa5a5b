#include "asked.hpp"
#include "generator.hpp"

#include "support/cases.hpp"

#include <reagent/tools/sql.hpp>

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <sqlite3.h>

#include <stdlib.h>
#include <fstream>
#include <iterator>

using namespace reagent;
using namespace reagent::test;

namespace {

std::string policy() {
    std::ifstream in{std::string{REAGENT_EXAMPLE_DATA} + "/shop_policy.json"};
    return {std::istreambuf_iterator<char>{in}, {}};
}

const std::string documents = std::string{REAGENT_EXAMPLE_DATA} + "/documents";

struct library {
    library() {
        char path[] = "/tmp/reagent-offline-XXXXXX";
        file = std::string{mkdtemp(path)} + "/library.db";
        sqlite3* db = nullptr;
        sqlite3_open(file.c_str(), &db);
        sqlite3_exec(
            db,
            "CREATE TABLE employees(id INTEGER PRIMARY KEY, name TEXT, department TEXT, salary REAL, hired_on TEXT);"
            "CREATE TABLE books(id INTEGER PRIMARY KEY, title TEXT, genre TEXT, price REAL);"
            "INSERT INTO employees VALUES (1, 'Ada Byron', 'loans', 4000, '2019-05-01'), (2, 'Grace Hop', 'loans', "
            "5200, '2021-01-10'),"
            "(3, 'Alan Tur', 'archive', 6100, '2021-07-01');"
            "INSERT INTO books VALUES (1, 'Emma', 'novel', 12.5), (2, 'Ulysses', 'novel', 20), (3, 'Odes', 'poetry', "
            "9)",
            nullptr, nullptr, nullptr);
        sqlite3_close(db);
    }
    std::string file;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(offline_demo)

// Half of them are answered; what is answered is right.
BOOST_AUTO_TEST_CASE(the_questions_of_the_corpus) {
    demo_agent agent{REAGENT_SHOP, policy(), documents};
    int right = 0, asked = 0;
    auto questions = read_json("corpora/demo_questions.json");
    for (const auto& q : questions.as_array()) {
        const auto& o = q.as_object();
        auto s = agent.ask(std::string(o.at("question").as_string()));
        ++asked;
        if (s.declined()) continue;
        bool good = false;
        if (auto* sql = o.if_contains("sql"))
            good = same_answer(s.answer, rows_of(REAGENT_SHOP, std::string(sql->as_string())));
        else if (auto* part = o.if_contains("answer"))
            good = s.answer.find(std::string(part->as_string())) != std::string::npos;
        BOOST_TEST(good, o.at("question").as_string() << " " << s.answer);
        right += good;
    }
    BOOST_TEST(asked == 80);
    BOOST_TEST(2 * right >= asked, right);
}

BOOST_AUTO_TEST_CASE(what_is_computed_is_said_before_it_is_asked_for) {
    demo_agent agent{REAGENT_SHOP, policy(), documents};
    auto s = agent.ask("How many customers joined in 2024 and have never ordered?");
    BOOST_REQUIRE(!s.thoughts.empty());
    BOOST_TEST(s.thoughts[0] ==
               "I ask the tables for the number of customers joined in 2024 and except those with orders.");
    BOOST_TEST(s.answer == rows_of(REAGENT_SHOP,
                                   "SELECT count(*) FROM customers WHERE joined LIKE '2024%' AND id NOT IN "
                                   "(SELECT customer_id FROM orders)")[0][0]);
}

BOOST_AUTO_TEST_CASE(large_whole_numbers_are_not_rounded) {
    demo_agent agent{REAGENT_SHOP, policy(), documents};
    const std::pair<const char*, const char*> asked[]{
        {"What is 1000000000000001 + 1?", "1000000000000002"},
        {"What is 94906267 * 94906267 rounded to 2 decimals?", "9007199515875289"},
        {"What is 2147483647 squared?", "4611686014132420609"},
        {"What is 10 / 3 rounded to 2 decimals?", "3.33"},
        {"What is 100000000000000000 / 3 rounded to 2 decimals?", "about 33333333333333332"}};
    for (const auto& [question, answer] : asked) BOOST_TEST(agent.ask(question).answer == answer);
}

// The part that was not understood, and two questions that it does answer.
BOOST_AUTO_TEST_CASE(a_refusal_says_what_and_offers_two_questions) {
    demo_agent agent{REAGENT_SHOP, policy(), ""};
    for (const char* q : {"How many left-handed customers are there?", "What is the variance of prices?",
                          "How many customers live in Narvik?"}) {
        auto s = agent.ask(q);
        BOOST_TEST(s.declined(), q);
        BOOST_TEST(s.answer.find("I do not understand it from \"") != s.answer.npos, s.answer);
        auto first = s.answer.find("I could answer \""), second = s.answer.find("\" or \"");
        BOOST_REQUIRE(first != s.answer.npos);
        BOOST_REQUIRE(second != s.answer.npos);
        first += 16;
        BOOST_TEST(!agent.ask(s.answer.substr(first, second - first)).declined());
        BOOST_TEST(!agent.ask(s.answer.substr(second + 6, s.answer.rfind('"') - second - 6)).declined());
    }
}

// Each of these was answered once, with a number for something else.
BOOST_AUTO_TEST_CASE(what_can_be_read_in_two_ways_or_says_more_is_declined) {
    demo_agent agent{REAGENT_SHOP, policy(), documents};
    for (const char* q :
         {"How many customers have all orders delivered?", "How many customers ordered all kettles?",
          "Which customer has the largest order?", "Which city has the biggest customers?",
          "What percentage of orders from Norway were cancelled in 2024?", "How many orders are pending and shipped?",
          "How much is a Teapot and a Wok?", "What was the first order?",
          "How many orders for products over 500 are there?",
          "How many customers who bought a Wok with more than 9 orders are there?",
          "How many customers who never placed an order from Oslo are there?", "Are all orders delivered?",
          "How many customers live in Hamburg or joined before 2020 and have never ordered?"})
        BOOST_TEST(agent.ask(q).declined(), q);
    BOOST_TEST(
        agent.ask("How many orders do we have from customers who joined after 2022 but before 2024?").answer ==
        rows_of(REAGENT_SHOP,
                "SELECT count(*) FROM orders WHERE customer_id IN (SELECT id FROM customers WHERE joined LIKE '2023%')")
            [0][0]);
    BOOST_TEST(agent.ask("Which city had the fewest orders in December 2023?").answer == "Copenhagen (0)");
}

// No policy, no listed values: the database is asked where they stand. A place that stands nowhere is not zero
// customers.
BOOST_AUTO_TEST_CASE(values_that_nobody_listed_are_looked_up) {
    demo_agent agent{REAGENT_SHOP, "", ""};
    auto s = agent.ask("How many orders came from customers in Trondheim?");
    BOOST_TEST(same_answer(s.answer, rows_of(REAGENT_SHOP,
                                             "SELECT count(*) FROM orders WHERE customer_id IN "
                                             "(SELECT id FROM customers WHERE city = 'Trondheim')")),
               s.answer);
    BOOST_TEST(s.statements.size() == 2u);
    BOOST_TEST(agent.ask("How many orders came from customers in Narvik?").declined());
}

BOOST_AUTO_TEST_CASE(other_tables_and_native_calls) {
    library l;
    for (bool native : {false, true}) {
        demo_agent agent{l.file, "", "", native};
        BOOST_TEST(agent.ask("What is the average salary of employees in the department loans?").answer == "4600");
        BOOST_TEST(agent.ask("How many employees joined in 2021?").declined());  // they are hired
        BOOST_TEST(agent.ask("How many employees were hired in 2021?").answer == "2");
        BOOST_TEST(agent.ask("Which book is the second most expensive?").answer == "Emma (12.5)");
        BOOST_TEST(agent.ask("How many books are there per genre?").answer == "novel (2); poetry (1)");
    }
}

// Everything that it asks for passes the guard, with the policy's limit on rows too.
BOOST_AUTO_TEST_CASE(a_limit_on_rows_is_kept) {
    demo_agent agent{REAGENT_SHOP,
                     R"({"dialect": "sqlite", "allowed_tables": ["customers", "orders", "products"], "max_rows": 20,
                                       "listed_columns": ["customers.city", "products.category"]})",
                     ""};
    BOOST_TEST(agent.ask("How many customers live in Oslo?").answer ==
               rows_of(REAGENT_SHOP, "SELECT count(*) FROM customers WHERE city = 'Oslo'")[0][0]);
    BOOST_TEST(agent.ask("Which customers live in Oslo?").declined());  // more than 20: not half of them
}

BOOST_AUTO_TEST_SUITE_END()
