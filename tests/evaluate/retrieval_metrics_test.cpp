#include <reagent/evaluate/retrieval_metrics.hpp>
#include <reagent/reagent.hpp>

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

using namespace reagent;

namespace {

constexpr double near = 1e-12;
const relevance graded{{"a", 3}, {"b", 1}, {"z", 2}, {"n", 0}, {"m", -1}};

// Retrieves as the journal has it, without a retriever: the metrics look at nothing else.
struct retrieving {
    std::vector<json::array> found;  // of one retrieval after the other
    json::object outputs{};

    program_function program() const {
        return [this](run& r, const json::object&) -> task<json::object> { return go(*this, r); };
    }
    static task<json::object> go(const retrieving& self, run& r) {
        for (const auto& passages : self.found) {
            json::value arguments = json::object{{"retriever", "test"}, {"query", "q"}, {"k", 3}};
            std::function<task<json::value>()> effect = [&]() -> task<json::value> { co_return json::value(passages); };
            std::string path = "find", tool = "retrieve";
            co_await r.call_tool(std::move(path), std::move(tool), std::move(arguments), effect, tool_call_traits{});
        }
        co_return self.outputs;
    }
};

json::array passages(std::initializer_list<const char*> ids) {
    json::array all;
    for (const char* id : ids) all.push_back(json::object{{"id", id}, {"text", std::string{"text of "} + id}});
    return all;
}

evaluation rated(const metric& m, const retrieving& program, json::object fields, language_model lm = {}) {
    runtime rt;
    fields["question"] = "q";
    dataset data{example{std::move(fields), {"question"}}};
    evaluate_options o;
    o.run.lm = std::move(lm);
    return evaluate(rt, program.program(), data, m, o);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(retrieval_metrics)

BOOST_AUTO_TEST_CASE(measures_of_a_ranking) {
    const ranking found{"x", "b", "a", "y"};
    BOOST_TEST(recall_at(found, graded) == 2.0 / 3);
    BOOST_TEST(recall_at(found, graded, 2) == 1.0 / 3);
    BOOST_TEST(precision_at(found, graded, 2) == 0.5);
    BOOST_TEST(precision_at(found, graded, 10) == 0.2);  // by k, though there are four
    BOOST_TEST(precision_at(found, graded) == 0.5);
    BOOST_TEST(reciprocal_rank(found, graded) == 0.5);
    BOOST_TEST(reciprocal_rank(found, graded, 1) == 0.0);
    BOOST_TEST(hit_at(found, graded, 1) == 0.0);
    BOOST_TEST(hit_at(found, graded, 2) == 1.0);
    const double best = 3 + 2 / std::log2(3.0) + 1 / std::log2(4.0);
    BOOST_TEST(ndcg_at(found, graded) == (1 / std::log2(3.0) + 3 / std::log2(4.0)) / best,
               boost::test_tools::tolerance(near));
    BOOST_TEST(ndcg_at(found, graded, 1) == 0.0);
    BOOST_TEST(ndcg_at({"a", "z", "b"}, graded, 2) == 1.0, boost::test_tools::tolerance(near));
}

BOOST_AUTO_TEST_CASE(nothing_found_or_nothing_relevant_scores_0_and_an_id_counts_once) {
    for (auto f : {recall_at, precision_at, reciprocal_rank, ndcg_at, hit_at}) {
        BOOST_TEST(f({}, graded, 3) == 0.0);
        BOOST_TEST(f({"a"}, {}, 3) == 0.0);
        BOOST_TEST(f({"n", "m"}, graded, 3) == 0.0);
    }
    BOOST_TEST(recall_at({"a", "a", "a"}, graded) == 1.0 / 3);
    BOOST_TEST(precision_at({"a", "a", "x"}, graded, 2) == 0.5);
}

BOOST_AUTO_TEST_CASE(a_program_is_measured_by_its_trace) {
    const retrieving two{{passages({"x", "a"}), passages({"a", "b"})}};
    const json::object fields{{"gold", json::array{"a", "b", "c"}}};
    const auto e = rated(retrieval_metric_of("gold", retrieval_measure::recall), two, fields);
    BOOST_TEST(e.score == 66.67);
    BOOST_TEST(e.rows[0].feedback == "not found: c");
    BOOST_TEST(rated(retrieval_metric_of("gold", retrieval_measure::recall, {.k = 2}), two, fields).score == 33.33);
    BOOST_TEST(rated(metric_named("mrr:gold"), two, fields).score == 50.0);
    BOOST_TEST(rated(metric_named("precision@2:gold"), two, fields).score == 50.0);
    BOOST_TEST(rated(metric_named("hit@1:gold"), two, fields).score == 0.0);
    BOOST_TEST(rated(retrieval_metric_of("gold", retrieval_measure::hit, {.path = "elsewhere"}), two, fields).score ==
               0.0);
    BOOST_TEST(rated(metric_named("ndcg@3:gold"), two, {{"gold", json::object{{"x", 1}, {"a", 1}, {"b", 1}}}}).score ==
               100.0);
    BOOST_TEST(rated(metric_named("recall@1:gold"), two, {{"gold", "x"}}).score == 100.0);
}

BOOST_AUTO_TEST_CASE(a_retriever_alone_is_measured_by_an_output) {
    const retrieving program{{}, {{"found", json::array{"b", json::object{{"id", "a"}}}}}};
    BOOST_TEST(rated(retrieval_metric_of("gold", retrieval_measure::mrr, {.output = "found"}), program, {{"gold", "a"}})
                   .score == 50.0);
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_is_an_error_of_that_example) {
    const retrieving program{{passages({"a"})}, {{"found", 3}}};
    BOOST_TEST(rated(metric_named("recall@1:gold"), program, {}).rows[0].error.find("`gold`") != std::string::npos);
    for (const json::value& bad : {json::value(3), json::value(json::array{3}), json::value(json::object{{"a", "x"}})})
        BOOST_TEST(rated(metric_named("recall@1:gold"), program, {{"gold", bad}}).errors == 1u);
    BOOST_TEST(rated(retrieval_metric_of("gold", retrieval_measure::mrr, {.output = "found"}), program, {{"gold", "a"}})
                   .errors == 1u);
    BOOST_TEST(rated(retrieval_metric_of("gold", retrieval_measure::mrr, {.output = "none"}), program, {{"gold", "a"}})
                   .errors == 1u);
}

BOOST_AUTO_TEST_CASE(citations_have_precision_and_recall) {
    const json::array cited{json::object{{"passage_id", "a"}}, json::object{{"passage_id", "a"}},
                            json::object{{"passage_id", "x"}}, "b"};
    const retrieving program{{}, {{"citations", cited}}};
    const json::object fields{{"gold", json::array{"a", "b", "c", "d"}}};
    const auto e = rated(metric_named("citation_precision:gold"), program, fields);
    BOOST_TEST(e.score == 75.0);
    BOOST_TEST(e.rows[0].feedback == "cited, but not relevant: x");
    BOOST_TEST(rated(metric_named("citation_recall:gold"), program, fields).score == 50.0);
    BOOST_TEST(rated(metric_named("citation_precision:gold"), {{}, {{"citations", json::array{}}}}, fields).score ==
               0.0);
}

BOOST_AUTO_TEST_CASE(a_judge_is_shown_what_was_retrieved) {
    scripted lm{{{"system_response_claims", "c"}, {"discussion", "Half."}, {"groundedness", 0.5}}};
    const retrieving program{{passages({"x", "a"}), passages({"a"})}, {{"answer", "It is a."}}};
    const auto e = rated(metric_named("groundedness:answer", {lm}), program, {});
    BOOST_TEST(e.score == 50.0);
    BOOST_TEST(e.rows[0].feedback == "Half.");
    BOOST_TEST(e.metric_usage.calls == 1u);
    const std::string shown = lm.requests().at(0).messages.back().content;
    BOOST_TEST(shown.find("text of x\n") != std::string::npos);
    BOOST_TEST(shown.find("text of a") == shown.rfind("text of a"));
}

BOOST_AUTO_TEST_CASE(without_passages_nothing_is_grounded_and_no_judge_is_asked) {
    scripted lm{{{"groundedness", 1}}};
    BOOST_TEST(rated(groundedness_of("answer", {lm}), {{}, {{"answer", "It is a."}}}, {}).score == 0.0);
    BOOST_TEST(lm.calls() == 0u);
}

BOOST_AUTO_TEST_CASE(complete_and_grounded_is_f1_of_both) {
    scripted lm{{{"ground_truth_key_ideas", "k"}, {"discussion", "All."}, {"completeness", 1.0}},
                {{"system_response_claims", "c"}, {"discussion", "Half."}, {"groundedness", 0.5}}};
    const retrieving program{{passages({"a"})}, {{"answer", "It is a."}}};
    const auto e = rated(metric_named("complete_and_grounded:answer", {lm}), program, {{"answer", "a"}});
    BOOST_TEST(e.score == 66.67);
    BOOST_TEST(e.rows[0].feedback == "All.\nHalf.");
}

BOOST_AUTO_TEST_CASE(names_that_are_none_are_refused) {
    for (const char* bad :
         {"recall@0:gold", "recall@x:gold", "recall@5", "recall@5:", "groundedness@2:answer", "recal@5:gold"})
        BOOST_CHECK_EXCEPTION(metric_named(bad), program_error, [](const program_error& e) {
            return std::string{e.what()}.find("recall@K:LABEL") != std::string::npos;
        });
}

BOOST_AUTO_TEST_SUITE_END()
