// Each module of ours is a program: evaluated, compiled, saved, and a part of another, with its predictors found.
#include "every_program.hpp"

using namespace reagent;
using namespace reagent::test;
using namespace reagent::literals;

namespace {

sql::policy customers_only() {
    sql::policy p;
    p.allowed_tables = {"customers"};
    p.max_rows = 100;
    return p;
}

const char* const statement = "SELECT count(id) FROM customers LIMIT 1";

}  // namespace

BOOST_AUTO_TEST_SUITE(every_program)

BOOST_AUTO_TEST_CASE(a_chain_of_thought_with_and_without_a_hint) {
    is_a_program_alone_and_within<predict<qa>>({"self"}, questions(), "answer", answers);
    is_a_program_alone_and_within<chain_of_thought<qa>>({"predict"}, questions(), "answer", answers);
    is_a_program_alone_and_within<chain_of_thought_with_hint<qa>>({"predict"}, questions({{"hint", "count"}}), "answer",
                                                                  answers);
}

BOOST_AUTO_TEST_CASE(a_comparison_of_attempts) {
    const json::array two{json::object{{"reasoning", "a"}, {"answer", "41"}},
                          json::object{{"reasoning", "b"}, {"answer", "42"}}};
    is_a_program_alone_and_within<multi_chain_comparison<qa>>({"predict"}, questions({{"attempts", two}}), "answer",
                                                              answers, std::size_t{2});
}

namespace {

struct right {
    bool operator()(const prediction<qa>& p) const { return p.get<"answer">() == "42"; }
};
template <template <class...> class Wrapper>
struct wrapped : module {
    predict<qa> ask{*this, "ask"};
    Wrapper<predict<qa>, right> best{*this, "best", ask, right{}};
    task<json::object> call(run& r, json::object inputs) const { return best.call(r, std::move(inputs)); }
};
struct voted : module {
    predict<qa> ask{*this, "ask"};
    self_consistency<predict<qa>> vote{*this, "vote", ask, {.n = 3}};
    task<json::object> call(run& r, json::object inputs) const { return vote.call(r, std::move(inputs)); }
};

}  // namespace

BOOST_AUTO_TEST_CASE(attempts_refinements_and_votes) {
    const auto say = [](const lm_request& r) -> scripted_answer {
        if (asks_for(r, "advice")) return {{"discussion", "d"}, {"advice", json::object{}}};
        return answers(r);
    };
    predict<qa> ask;
    is_a_program(best_of_n{ask, right{}, {.n = 2}}, {"self"}, questions(), "answer", say);
    is_a_program(wrapped<best_of_n>{}, {"ask"}, questions(), "answer", say);
    is_a_program(self_consistency{ask, {.n = 3}}, {"self"}, questions(), "answer", say);
    is_a_program(voted{}, {"ask"}, questions(), "answer", say);
    is_a_program(refine{ask, right{}}, {"advisor.advise", "self"}, questions(), "answer", say);
    is_a_program(wrapped<refine>{}, {"ask", "best.advisor.advise"}, questions(), "answer", say);
}

BOOST_AUTO_TEST_CASE(sql_that_a_policy_allows) {
    const auto say = [](const lm_request&) -> scripted_answer { return {{"reasoning", "r"}, {"sql", statement}}; };
    safe_sql_options o;
    o.policy = customers_only();
    o.schema = {{"customers", {"id", "name"}}};
    dataset data;
    for (const char* request : {"How many customers?", "Count the customers."})
        data.push_back(example{{{"request", request}, {"sql", statement}}, {"request"}});
    is_a_program_alone_and_within<safe_sql>({"write.predict"}, data, "sql", say, o);
}

BOOST_AUTO_TEST_CASE(a_database_that_is_asked) {
    const auto say = [](const lm_request& r) -> scripted_answer {
        if (asks_for(r, "sql")) return {{"reasoning", "r"}, {"sql", statement}};
        return answers(r);
    };
    is_a_program_alone_and_within<ask_database>({"tell", "write.predict"}, questions(), "answer", say,
                                                ready::sqlite_query(REAGENT_SHOP, {.policy = customers_only()}));
}

BOOST_AUTO_TEST_CASE(an_agent_with_tools) {
    const auto say = [](const lm_request& r) -> scripted_answer {
        if (!asks_for(r, "next_tool_name")) return answers(r);
        const bool added = r.messages.back().content.find("observation_0") != std::string::npos;
        if (added)
            return {{"next_thought", "That is it."}, {"next_tool_name", "finish"}, {"next_tool_args", json::object{}}};
        return {{"next_thought", "I add."},
                {"next_tool_name", "add"},
                {"next_tool_args", json::object{{"a", 40}, {"b", 2}}}};
    };
    tools adding;
    adding.add("add", "Adds two numbers.", [](double a, double b) { return a + b; }, {"a", "b"});
    is_a_program_alone_and_within<react<qa>>({"extract.predict", "react"}, questions(), "answer", say, adding);
}

BOOST_AUTO_TEST_SUITE_END()
