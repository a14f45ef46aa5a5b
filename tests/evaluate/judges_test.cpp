#include "support/folder.hpp"
#include "support/scripted_openai.hpp"

#include <reagent/reagent.hpp>

#include <boost/test/unit_test.hpp>

#include <sqlite3.h>

using namespace reagent;
using namespace reagent::test;

namespace {

program_function giving(json::object outputs) {
    return [outputs = std::move(outputs)](run&, const json::object&) -> task<json::object> {
        return [](json::object o) -> task<json::object> { co_return o; }(outputs);
    };
}

evaluation judged(const metric& m, json::object fields, json::object outputs, language_model own = {}) {
    runtime rt;
    dataset data{example{std::move(fields), {"question"}}};
    evaluate_options o;
    o.run.lm = std::move(own);
    return evaluate(rt, giving(std::move(outputs)), data, m, o);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(judges)

BOOST_AUTO_TEST_CASE(semantic_f1_is_of_what_the_judge_says_and_counted_apart) {
    auto model =
        scripted_model::texts({chat_completion({{"reasoning", "Half of it."}, {"recall", 0.5}, {"precision", 1.0}})});
    auto m = semantic_f1_of("answer", {language_model{model}});
    auto e = judged(m, {{"question", "q"}, {"answer", "It is a tall lighthouse."}}, {{"answer", "a lighthouse"}});
    BOOST_TEST(e.score == 66.67);
    BOOST_TEST(e.rows[0].feedback == "Half of it.");
    BOOST_TEST(e.usage.calls == 0u);
    BOOST_TEST(e.metric_usage.calls == 1u);
    auto prompt = model->requests().at(0).messages.back().content;
    BOOST_TEST(prompt.find("It is a tall lighthouse.") != prompt.npos);
    BOOST_TEST(prompt.find("a lighthouse") != prompt.npos);
    // The same is not judged twice: there is no second reply.
    BOOST_TEST(
        judged(m, {{"question", "q"}, {"answer", "It is a tall lighthouse."}}, {{"answer", "a lighthouse"}}).score ==
        66.67);
}

BOOST_AUTO_TEST_CASE(a_judge_outside_of_its_range_is_asked_again) {
    auto model = scripted_model::texts(
        {chat_completion({{"reasoning", "r"}, {"score", 7}}), R"({"reasoning": "r", "score": 0.25})"});
    auto e = judged(rubric("Polite and short.", {language_model{model}}), {{"question", "q"}}, {{"reply", "No."}});
    BOOST_TEST(e.score == 25.0);
    BOOST_TEST(e.metric_usage.calls == 2u);
}

BOOST_AUTO_TEST_CASE(the_programs_parameters_never_reach_the_judge) {
    auto model = scripted_model::texts({chat_completion({{"reasoning", "r"}, {"score", 1}})});
    runtime rt;
    evaluate_options o;
    o.run.lm = language_model{model};
    parameters p;
    p.predictors["self"].instructions = "SECRET INSTRUCTIONS";
    o.run.parameters = std::make_shared<const parameters>(p);
    dataset data{example{{{"question", "q"}}, {"question"}}};
    auto m = metric_named("rubric:Polite and short.");
    BOOST_TEST(evaluate(rt, giving({{"reply", "Yes."}}), data, m, o).score == 100.0);
    const auto asked = model->requests();
    for (const auto& message : asked.at(0).messages) BOOST_TEST(message.content.find("SECRET") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(statements_match_when_their_rows_do) {
    folder f;
    auto file = (f.path / "shop.db").string();
    sqlite3* db = nullptr;
    sqlite3_open(file.c_str(), &db);
    sqlite3_exec(db,
                 "CREATE TABLE t(name TEXT, price REAL, n INTEGER); INSERT INTO t VALUES ('a', 2.5, 1), ('b', 1.0, 2), "
                 "('c', NULL, 3), ('b', 1, 2);",
                 nullptr, nullptr, nullptr);
    sqlite3_close(db);
    auto m = sql_match_of("sql", file);
    auto score = [&](const char* gold, const char* predicted) {
        return judged(m, {{"question", "q"}, {"sql", gold}}, {{"sql", predicted}}).rows[0];
    };
    BOOST_TEST(score("SELECT name FROM t", "SELECT t.name AS x FROM t WHERE 1 ORDER BY n DESC").score == 1);
    BOOST_TEST(score("SELECT name FROM t ORDER BY n", "SELECT name FROM t ORDER BY n DESC").score == 0);
    BOOST_TEST(score("SELECT name FROM t", "SELECT DISTINCT name FROM t").score ==
               0);  // rows count as often as they are there
    BOOST_TEST(score("SELECT sum(n) FROM t", "SELECT 8.0").score == 1);
    BOOST_TEST(score("SELECT price FROM t WHERE name = 'c'", "SELECT NULL").score == 1);
    BOOST_TEST(score("SELECT n, name FROM t", "SELECT name, n FROM t").score == 0);
    BOOST_TEST(score("SELECT count(*) FROM t", "```sql\nSELECT count(n) FROM t\n```").score == 1);
    auto bad = score("SELECT 1", "SELEC 1");
    BOOST_TEST(bad.score == 0);
    BOOST_TEST(bad.error.empty());
    BOOST_TEST(bad.feedback.find("cannot be run") != std::string::npos);
    BOOST_TEST(score("SELECT 1", "DELETE FROM t").score == 0);
    BOOST_TEST(score("SELECT count(*) FROM t", "SELECT 4").score == 1);  // nothing was deleted
    BOOST_TEST(!score("SELEC 1", "SELECT 1").error.empty());             // a wrong label is an error, not a score
    BOOST_CHECK_THROW(sql_match_of("sql", f.path / "nowhere.db"), tool_error);
}

BOOST_AUTO_TEST_SUITE_END()
