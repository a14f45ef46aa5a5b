#include "support/cases.hpp"
#include "support/folder.hpp"
#include "support/loopback_server.hpp"
#include "support/scripted_openai.hpp"
#include "support/thrown.hpp"

#include <reagent/journal/journal_record.hpp>
#include <reagent/lm/catalog.hpp>
#include <reagent/reagent.hpp>

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <cmath>
#include <filesystem>
#include <limits>
#include <set>
#include <thread>

using namespace reagent;
using namespace reagent::test;
using namespace reagent::literals;
namespace fs = std::filesystem;

namespace {

std::vector<std::string> golds_of(const golden_case& c) {
    std::vector<std::string> golds;
    const auto& g = c.data.at("gold");
    if (g.is_array())
        for (const auto& one : g.as_array()) golds.emplace_back(one.as_string());
    else
        golds.emplace_back(g.as_string());
    return golds;
}

// Answers a question "x + y" as it is asked; "fail" fails.
class adder final : public lm_backend {
public:
    std::string name() const override { return "test/adder"; }
    task<lm_response> complete(lm_context, const lm_request& request) const override {
        const std::string& q = request.messages.back().content;
        if (q.find("fail") != q.npos) throw lm_error{lm_errc::server_error, "it fails"};
        auto plus = q.find('+');
        lm_response r;
        int sum = 0;
        if (plus != q.npos) {
            auto begin = q.find_last_of("0123456789", plus);
            while (begin > 0 && std::isdigit(static_cast<unsigned char>(q[begin - 1]))) --begin;
            sum = std::atoi(q.c_str() + begin) + std::atoi(q.c_str() + plus + 1);
        }
        r.text = chat_completion({{"answer", sum}});
        r.usage = {1, 10, 5, 0.001};
        co_return r;
    }
};

dataset sums(int n) {
    dataset all;
    for (int i = 0; i < n; ++i)
        all.push_back(example{{{"question", std::to_string(i) + " + 1"},
                               {"answer", i % 4 ? i + 1 : -1},
                               {"kind", i % 2 ? "odd" : "even"}},
                              {"question"}});
    return all;
}

using sum = predict<sig<"question -> answer: int">>;

}  // namespace

static void check_metrics(const golden_case& c) {
    auto golds = golds_of(c);
    std::string p = c.text("prediction");
    auto number = [&](const char* key) { return c.data.at(key).to_number<double>(); };
    if (c.data.contains("em")) BOOST_TEST(exact_match(p, golds) == c.data.at("em").as_bool());
    if (c.data.contains("f1")) BOOST_TEST(std::abs(token_f1(p, golds) - number("f1")) < 1e-12);
    if (c.data.contains("hotpot_f1")) BOOST_TEST(std::abs(hotpot_f1(p, golds) - number("hotpot_f1")) < 1e-12);
}
BOOST_DATA_TEST_CASE(text_metrics_agree_with_dspy, cases_of("metrics.json"), c) { check_metrics(c); }

static void check_score(const golden_case& c) {
    dataset data;
    std::vector<double> scores;
    for (const auto& s : c.data.at("scores").as_array()) {
        scores.push_back(s.is_bool() ? s.as_bool() : s.to_number<double>());
        json::object n{{"n", scores.size() - 1}};
        data.push_back(example{n, {"n"}});
    }
    auto m = make_metric(
        [&](const example& e, const json::object&) { return scores.at(e.fields.at("n").to_number<std::size_t>()); });
    program_function nothing = [](run&, const json::object&) -> task<json::object> {
        json::object empty;
        co_return empty;
    };
    runtime rt;
    auto e = evaluate(rt, nothing, data, m, {});
    BOOST_TEST(e.score == c.data.at("score").to_number<double>());
    BOOST_TEST(e.low <= e.score);
    BOOST_TEST(e.high >= e.score);
}
BOOST_DATA_TEST_CASE(scores_add_up_as_dspy_adds_them, cases_of("evaluate.json"), c) { check_score(c); }

BOOST_AUTO_TEST_SUITE(evaluation_of_programs)

BOOST_AUTO_TEST_CASE(the_interval_is_wilsons_or_students) {
    // Computed apart from this code, in Python, with the quantile 2.7764451 of t for 4 degrees of freedom from a
    // printed table.
    auto of = [](std::vector<double> scores) {
        dataset data;
        for (std::size_t n = 0; n < scores.size(); ++n) data.push_back(example{{{"n", n}}, {"n"}});
        program_function nothing = [](run&, const json::object&) -> task<json::object> {
            json::object empty;
            co_return empty;
        };
        auto m = make_metric([&](const example& e, const json::object&) {
            return scores.at(e.fields.at("n").to_number<std::size_t>());
        });
        runtime rt;
        return evaluate(rt, nothing, data, m, {});
    };
    auto wilson = of({1, 1, 1, 1, 1, 1, 1, 0, 0, 0});
    BOOST_TEST(wilson.low == 39.68);
    BOOST_TEST(wilson.high == 89.22);
    auto all = of({1, 1, 1, 1, 1});  // never from 100 to 100
    BOOST_TEST(all.low == 56.55);
    BOOST_TEST(all.high == 100.0);
    auto student = of({.1, .2, .4, .8, .9});
    BOOST_TEST(student.score == 48.0);
    BOOST_TEST(student.low == 3.75);
    BOOST_TEST(student.high == 92.25);
}

BOOST_AUTO_TEST_CASE(progress_is_told_ten_times_a_second_at_most) {
    sum program;
    evaluate_options o;
    o.run.lm = language_model{std::make_shared<adder>()};
    o.keep_histories = false;
    std::size_t told = 0, last = 0;
    o.on_progress = [&](const evaluation_progress& p) {
        ++told;
        last = p.done;
    };
    runtime rt;
    auto e = evaluate(rt, as_program(program), sums(3000), exact_match_of("answer"), o);
    BOOST_TEST(last == 3000u);
    BOOST_TEST(told <= 2 + static_cast<std::size_t>(e.elapsed.count()) / 100);
}

BOOST_AUTO_TEST_CASE(every_example_is_scored_in_order) {
    sum program;
    evaluate_options o;
    o.run.lm = language_model{std::make_shared<adder>()};
    std::size_t told = 0, last = 0;
    o.on_progress = [&](const evaluation_progress& p) {
        ++told;
        BOOST_TEST(p.done >= last);
        last = p.done;
        BOOST_TEST(p.all == 100u);
    };
    for (std::size_t concurrency : {1u, 7u, 200u}) {
        for (unsigned threads : {1u, 4u}) {
            runtime_options ro;
            ro.threads = threads;
            runtime rt{ro};
            o.concurrency = concurrency;
            last = 0;
            auto data = sums(100);
            auto e = evaluate(rt, as_program(program), data, exact_match_of("answer"), o);
            BOOST_TEST(e.score == 75.0);
            BOOST_TEST(e.rows.size() == 100u);
            for (std::size_t i = 0; i < 100; ++i) {
                BOOST_TEST(e.rows[i].index == i);
                BOOST_TEST(e.rows[i].score == (i % 4 ? 1.0 : 0.0));
                BOOST_TEST(e.rows[i].history->predictor_calls().size() == 1u);
            }
            BOOST_TEST(e.usage.calls == 100u);
            BOOST_TEST(std::abs(e.usage.cost.value() - 0.1) < 1e-9);
            BOOST_TEST(last == 100u);
            BOOST_TEST(e.rows[4].feedback.find("expected -1, got 5") != std::string::npos);
            BOOST_TEST(e.low < 75);
            BOOST_TEST(e.low > 60);
            BOOST_TEST(e.high > 75);
            auto by_kind = slices(e, data, "kind");
            BOOST_REQUIRE(by_kind.size() == 2u);
            BOOST_TEST(by_kind[0].value == "even");
            BOOST_TEST(by_kind[0].score == 50.0);
            BOOST_TEST(by_kind[1].score == 100.0);
        }
    }
    BOOST_TEST(told >= 6u);
}

BOOST_AUTO_TEST_CASE(failures_are_scored_listed_and_bounded) {
    sum program;
    runtime rt;
    evaluate_options o;
    o.run.lm = language_model{std::make_shared<adder>()};
    auto data = sums(20);
    for (std::size_t i = 0; i < 20; i += 5) data[i].fields["question"] = "fail";
    o.failure_score = 0.5;
    auto e = evaluate(rt, as_program(program), data, exact_match_of("answer"), o);
    BOOST_TEST(e.errors == 4u);
    BOOST_TEST(!e.stopped);
    BOOST_TEST(e.rows[5].error == "it fails");
    BOOST_TEST(e.rows[5].score == 0.5);
    o.max_errors = 1;
    o.concurrency = 1;
    auto stopped = evaluate(rt, as_program(program), data, exact_match_of("answer"), o);
    BOOST_TEST(stopped.stopped);
    BOOST_TEST(stopped.rows.size() == 6u);
    // What a callback throws comes out when all that is under way has ended.
    auto throwing = o;
    throwing.concurrency = 4;
    throwing.on_progress = [](const evaluation_progress&) { throw std::logic_error{"no terminal"}; };
    BOOST_CHECK_THROW(evaluate(rt, as_program(program), data, exact_match_of("answer"), throwing), std::logic_error);
    // A metric that does not fit says so.
    o.max_errors = 100;
    auto wrong = evaluate(rt, as_program(program), data, exact_match_of("anwser"), o);
    BOOST_TEST(wrong.rows[1].error.find("`anwser`") != std::string::npos);
    for (double odd :
         {std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity(), std::nan("")}) {
        metric m = [odd](run&, const rated_run&) -> task<judgement> { co_return judgement{odd}; };
        auto unrated = evaluate(rt, as_program(program), data, m, o);
        BOOST_TEST(unrated.rows[1].error.find("the metric returned") != std::string::npos);
        BOOST_TEST(unrated.score == 50);  // of failures only
    }
    dataset without{example{{{"question", "1 + 1"}}, {}}};
    thrown(program_errc::mismatch, [&] { evaluate(rt, as_program(program), without, exact_match_of("answer"), o); });
}

BOOST_AUTO_TEST_CASE(metrics_see_predictors_and_violations) {
    struct careful {
        sum ask;
        task<json::object> call(run& r, json::object inputs) const {
            auto p = co_await ask.call(r, std::move(inputs));
            r.suggest_that(p.at("answer").to_number<int>() % 2 == 0, "an even number, please", ask);
            co_return p;
        }
    };
    careful program;
    runtime rt;
    evaluate_options o;
    o.run.lm = language_model{std::make_shared<adder>()};
    auto m = make_metric([](const rated_run& r) -> judgement {
        return {r.history.violations().empty() ? 1.0 : 0.0, std::to_string(r.history.predictor_calls().size())};
    });
    auto e = evaluate(rt, as_program(program), sums(4), m, o);
    BOOST_TEST(e.score == 50.0);
    BOOST_TEST(e.rows[0].violations == 4u);
    BOOST_TEST(e.rows[0].feedback == "1");
    BOOST_TEST(e.rows[1].violations == 0u);
}

BOOST_AUTO_TEST_CASE(a_judge_may_be_a_model) {
    sum program;
    runtime rt;
    evaluate_options o;
    o.run.lm = language_model{std::make_shared<adder>()};
    language_model strict{
        scripted_model::texts({chat_completion({{"verdict", true}}), chat_completion({{"verdict", false}})})};
    o.concurrency = 1;
    metric m = [&](run& r, const rated_run& rated) -> task<judgement> {
        lm_request q;
        message ask{role::user, "Is " + std::string{rated.expected.fields.at("question").as_string()} + " right?"};
        q.messages.push_back(ask);
        auto response = co_await r.call_model("judge", strict, q);
        judgement j{response->text.find("True") != std::string::npos || response->text.find("true") != std::string::npos
                        ? 1.0
                        : 0.0,
                    {}};
        co_return j;
    };
    auto e = evaluate(rt, as_program(program), sums(2), m, o);
    BOOST_TEST(e.score == 50.0);
    BOOST_TEST(e.usage.calls == 2u);
    BOOST_TEST(e.metric_usage.calls == 2u);
}

BOOST_AUTO_TEST_CASE(examples_are_seen_as_structs_and_made_from_them) {
    enum class mood { calm, angry };
    struct given {
        std::string message;
    };
    struct labels {
        mood how;
        std::optional<double> sure;
    };
    auto e = make_example(given{"hello"}, labels{mood::angry, {}});
    BOOST_TEST(e.inputs == std::vector<std::string>{"message"}, boost::test_tools::per_element());
    BOOST_TEST(view<given>(e).message == "hello");
    BOOST_TEST((view<labels>(e).how == mood::angry));
    e.fields["how"] = "bored";
    BOOST_CHECK_EXCEPTION(view<labels>(e), schema_error,
                          [](const schema_error& x) { return std::string{x.what()}.find("how") != std::string::npos; });
}

BOOST_AUTO_TEST_CASE(votes_are_counted_over_members_and_memory_need_not_grow) {
    sum program;
    evaluate_options o;
    o.run.lm = language_model{std::make_shared<adder>()};
    o.keep_histories = false;
    runtime rt;
    auto e = evaluate(rt, as_program(program), sums(10), exact_match_of("answer"), o);
    for (const auto& r : e.rows) BOOST_TEST(!r.history);
    parameters p;
    for (int i = 0; i < 3; ++i) p.members.push_back(std::make_shared<const parameters>());
    o.run.parameters = std::make_shared<const parameters>(p);
    o.keep_histories = true;
    auto voted = evaluate(rt, as_program(program), sums(10), exact_match_of("answer"), o);
    BOOST_TEST(voted.score == e.score);
    BOOST_TEST(voted.usage.calls == 30u);
}

BOOST_AUTO_TEST_CASE(two_evaluations_are_compared) {
    auto made = [](std::vector<double> scores) {
        evaluation e;
        for (std::size_t i = 0; i < scores.size(); ++i) e.rows.push_back({.index = i, .score = scores[i]});
        return e;
    };
    auto same = compare(made({1, 0, 1, 0}), made({1, 0, 1, 0}));
    BOOST_TEST(same.difference == 0.0);
    BOOST_TEST(same.p_value == 1.0);
    std::vector<double> before(40, 0.0), after(40, 1.0);
    after[7] = 0;
    before[9] = 1;
    after[9] = 0;
    auto better = compare(made(before), made(after));
    BOOST_TEST(better.fixed.size() == 38u);
    BOOST_TEST(better.broken == std::vector<std::size_t>{9});
    BOOST_TEST(better.p_value < 0.001);
    auto little = compare(made({1, 0, 0, 0, 1}), made({1, 1, 0, 0, 1}));
    BOOST_TEST(little.p_value > 0.5);
}

BOOST_AUTO_TEST_CASE(results_are_written_as_json_and_csv) {
    sum program;
    runtime rt;
    evaluate_options o;
    o.run.lm = language_model{std::make_shared<adder>()};
    auto data = sums(2);
    data[0].fields["note"] = "=cmd(), \"quoted\"";
    auto e = evaluate(rt, as_program(program), data, exact_match_of("answer"), o);
    auto j = to_json(e, data);
    BOOST_TEST(j.at("score").to_number<double>() == 50.0);
    BOOST_TEST(j.at("rows").as_array().size() == 2u);
    BOOST_TEST(j.at("rows").at(1).at("outputs").at("answer").to_number<int>() == 2);
    auto csv = to_csv(e, data);
    BOOST_TEST(csv.find("index,score,error,question,answer,kind,note,predicted_answer\r\n0,0.0,,0 + "
                        "1,-1,even,\"'=cmd(), \"\"quoted\"\"\",1\r\n") == 0u,
               csv);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(datasets)

BOOST_AUTO_TEST_CASE(reports_hold_no_bytes_that_are_no_utf_8) {
    dataset data{example{.fields = json::object{{"q", "a\xff"}}}};
    evaluation e;
    e.rows.emplace_back();
    e.rows[0].error = "cannot read \xfe";
    for (const auto& text : {to_csv(e, data), to_html(e, data, "title \xc0")}) {
        for (char byte : {'\xff', '\xfe', '\xc0'}) BOOST_TEST(text.find(byte) == text.npos);
        BOOST_TEST(text.find("\xEF\xBF\xBD") != text.npos);
    }
}

BOOST_AUTO_TEST_CASE(examples_are_read_from_every_kind_of_file) {
    folder f;
    auto lines =
        load_examples(f.write("a.jsonl", "{\"q\": \"one\", \"a\": 1}\n\n{\"q\": \"two\", \"a\": 2}\r\n"), {"q"});
    BOOST_REQUIRE(lines.size() == 2u);
    BOOST_TEST(json::serialize(lines[1].input_fields()) == R"({"q":"two"})");
    BOOST_TEST(json::serialize(lines[1].labels()) == R"({"a":2})");
    auto list = load_examples(
        f.write("b.json",
                R"([{"q": "one", "a": [1, 2]}, {"_store": {"q": "x", "a": 1}, "_demos": [], "_input_keys": ["q"]}])"));
    BOOST_TEST(list[0].inputs.empty());
    BOOST_TEST(list[1].inputs == std::vector<std::string>{"q"});
    BOOST_TEST(list[1].fields.at("a").to_number<int>() == 1);
}

BOOST_AUTO_TEST_CASE(csv_cells_keep_what_they_are) {
    folder f;
    auto csv = load_examples(
        f.write("c.csv", "q,a,code,note\n\"What, \"\"then\"\"?\",1.5,007,\nnext,true,-3,\"two\nlines\"\n"), {"q"});
    BOOST_REQUIRE(csv.size() == 2u);
    BOOST_TEST(csv[0].fields.at("q").as_string() == "What, \"then\"?");
    BOOST_TEST(csv[0].fields.at("a").as_string() == "1.5");
    BOOST_TEST(csv[0].fields.at("code").as_string() == "007");
    BOOST_TEST(csv[0].fields.at("note").as_string() == "");
    BOOST_TEST(csv[1].fields.at("a").as_string() == "true");
    BOOST_TEST(csv[1].fields.at("code").as_string() == "-3");
    BOOST_TEST(csv[1].fields.at("note").as_string() == "two\nlines");
}

std::vector<signature_field> fields_of(const signature& s) {
    auto all = s.inputs;
    all.insert(all.end(), s.outputs.begin(), s.outputs.end());
    return all;
}

// A cell is what stands there; a number is never rounded in silence.
BOOST_AUTO_TEST_CASE(no_cell_and_no_number_of_a_dataset_is_changed_in_silence) {
    folder f;
    auto csv = load_examples(f.write("blanks.csv", "q, a\n x , y\n\" z \",\tw\n"), {"q"});
    BOOST_TEST(csv[0].fields.at("q").as_string() == " x ");
    BOOST_TEST(csv[0].fields.at("a").as_string() == " y");
    BOOST_TEST(csv[1].fields.at("q").as_string() == " z ");
    BOOST_TEST(csv[1].fields.at("a").as_string() == "\tw");
    auto s = parse_signature("q -> n: float, all: list[int]");
    std::vector<signature_field> fields = s.outputs;
    auto refused = [&](const std::string& name, const std::string& text) {
        try {
            load_examples(f.write(name, text), {"q"}, fields);
        } catch (const program_error&) {
            return true;
        }
        return false;
    };
    for (const char* bad : {"9007199254740993", "9007199254740993.0", "-9007199254740993.", "0x10", "1_000"})
        BOOST_TEST(refused("n.csv", std::string{"q,n,all\nx,"} + bad + ",[1]\n"), bad);
    for (const char* good : {"9007199254740992.0", "9007199254740992", "1.5", "-0.1", "1e3", " 7 ", "+5", ".5"})
        BOOST_TEST(!refused("n.csv", std::string{"q,n,all\nx,"} + good + ",[1]\n"), good);
    BOOST_TEST(refused("l.csv", "q,n,all\nx,1,[92233720368547758081]\n"));
    BOOST_TEST(refused("l.jsonl", R"({"q": "x", "n": 1, "all": [92233720368547758081]})"));
    BOOST_TEST(refused("n.jsonl", R"({"q": "x", "n": 9007199254740993.0, "all": [1]})"));
    BOOST_TEST(refused("twice.jsonl", R"({"q": "x", "n": 1, "n": 2, "all": [1]})"));
    BOOST_TEST(refused("twice.json", R"([{"q": "x", "n": 1, "n": 2, "all": [1]}])"));
    BOOST_TEST(!refused("fine.json", R"([{"q": "x", "n": 1.0, "all": [1, 9007199254740993]}])"));
}

BOOST_AUTO_TEST_CASE(csv_cells_are_numbers_where_the_signature_says_so) {
    folder f;
    auto fields = fields_of(parse_signature(
        "q: str, n: int, x: Optional[float] -> yes: bool, level: Literal[1, 2], more: list[int], t: Union[int, str]"));
    auto csv = load_examples(
        f.write("c.csv", "q,n,x,yes,level,more,t,else\n1.10,007,1.10,True,2,[1],1.10,1.10\n,-3,,no,2,,,\n"), {"q"},
        fields);
    BOOST_TEST(json::serialize(csv[0].fields) ==
               R"({"q":"1.10","n":7,"x":1.1E0,"yes":true,"level":2,"more":"[1]","t":"1.10","else":"1.10"})");
    BOOST_TEST(json::serialize(csv[1].fields) ==
               R"({"q":"","n":-3,"x":null,"yes":false,"level":2,"more":"","t":"","else":""})");
    for (const char* wrong : {"ten", "12345678901234567890123", "1.5", "9876e543"}) {
        auto file = f.write("w.csv", std::string{"q,n\nx,1\nx,"} + wrong + "\n");
        BOOST_TEST(thrown(program_errc::bad_document, [&] {
                       load_examples(file, {"q"}, fields);
                   }).find("row 3: field `n`") != std::string::npos);
    }
}

BOOST_AUTO_TEST_CASE(numbers_that_no_double_holds_keep_their_digits_or_are_refused) {
    folder f;
    auto fields = fields_of(parse_signature("q: str -> n: int, x: float"));
    for (std::string number : {"12345678901234567890123", "-12345678901234567890123", "9876e543", "1e-400"}) {
        for (const auto& [name, before, after] : {std::tuple{"a.json", "[", "]"}, std::tuple{"a.jsonl", "", "\n"}}) {
            auto text =
                load_examples(f.write(name, before + std::string{"{\"q\": "} + number + "}" + after), {}, fields);
            BOOST_TEST(text[0].fields.at("q").as_string() == number);
            for (std::string field : {"n", "x"}) {
                auto file = f.write(name, before + ("{\"" + field + "\": ") + number + "}" + after);
                auto why = thrown(program_errc::bad_document, [&] { load_examples(file, {}, fields); });
                BOOST_TEST(why.find("example 1: field `" + field + "`") != std::string::npos, why);
            }
        }
    }
    auto held = load_examples(
        f.write("b.json", R"([{"x": 0.1, "n": 18446744073709551615}, {"x": 1e300}, {"x": 10000000000000000000000}])"),
        {}, fields);
    BOOST_TEST(held[0].fields.at("x").as_double() == 0.1);
    BOOST_TEST(held[0].fields.at("n").as_uint64() == 18446744073709551615u);
    BOOST_TEST(held[1].fields.at("x").as_double() == 1e300);
    held = load_examples(f.write("c.json", R"([{"x": 0.12345678901234567890123}])"), {}, fields);
    BOOST_TEST(held[0].fields.at("x").as_double() == 0.12345678901234567890123);
}

BOOST_AUTO_TEST_CASE(a_mark_of_byte_order_is_skipped) {
    folder f;
    const std::string mark = "\xEF\xBB\xBF";
    for (const auto& [name, text] : {std::pair{"a.json", R"([{"q": "x"}])"}, std::pair{"a.jsonl", "{\"q\": \"x\"}\n"},
                                     std::pair{"a.csv", "q\nx\n"}}) {
        auto data = load_examples(f.write(name, mark + text), {"q"});
        BOOST_TEST(data.size() == 1u);
        BOOST_TEST(data[0].fields.at("q").as_string() == "x");
    }
    std::string program =
        R"({"predict": {"traces": [], "train": [], "demos": [], "signature": {"instructions": "Answer.", "fields": [{"prefix": "Question:", "description": "q"}, {"prefix": "Answer:", "description": "a"}]}, "lm": null}, "metadata": {"dependency_versions": {}}})";
    BOOST_TEST(saved_program::load(f.write("p.json", mark + program)).hash() ==
               saved_program::load(f.write("q.json", program)).hash());
    auto journal_text = f.path / "j.jsonl";
    save_journal(journal_text.string(), journal{});
    f.write("k.jsonl", mark + f.read("j.jsonl"));
    BOOST_TEST(read_journal_file((f.path / "k.jsonl").string()).about.contains("format"));
    model_catalog{}.add(mark + R"({"models": []})");
}

BOOST_AUTO_TEST_CASE(bad_files_are_refused_with_the_place) {
    folder f;
    auto refused = [&](program_errc code, const std::string& name, const std::string& text,
                       std::vector<std::string> inputs = {}) {
        auto file = f.write(name, text);
        return thrown(code, [&] { load_examples(file, inputs); });
    };
    BOOST_TEST(refused(program_errc::bad_document, "a.jsonl", "{\"a\": 1}\n[1]\n").find("line 2: expected an object") !=
               std::string::npos);
    BOOST_TEST(refused(program_errc::bad_document, "a.jsonl", "{\"a\": 1}\n{\"a\": \n").find("line 2") !=
               std::string::npos);
    BOOST_TEST(refused(program_errc::bad_document, "a.json", "{}").find("expected a list") != std::string::npos);
    BOOST_TEST(refused(program_errc::bad_document, "a.csv", "a,b\n1\n").find("row 2 has 1 cells, the header 2") !=
               std::string::npos);
    refused(program_errc::bad_document, "a.csv", "a,b\n\"open,1\n");
    BOOST_TEST(refused(program_errc::bad_document, "a.csv", "a,b,a\n1,2,3\n").find("the column `a` twice") !=
               std::string::npos);
    refused(program_errc::bad_document, "a.txt", "x");
    refused(program_errc::bad_document, "a.jsonl", "");
    refused(program_errc::not_json, "a.json", "[");
    BOOST_TEST(refused(program_errc::bad_document, "a.jsonl", "{\"question\": 1}", {"questoin"})
                   .find("did you mean `question`?") != std::string::npos);
    thrown(program_errc::unreadable, [] { load_examples("/nowhere.jsonl"); });
    thrown(program_errc::unreadable, [] { load_examples("/tmp"); });
}

BOOST_AUTO_TEST_CASE(splits_are_seeded_and_stratified) {
    auto data = sums(100);
    auto a = split_examples(data), b = split_examples(data);
    BOOST_TEST(a.train.size() == 60u);
    BOOST_TEST(a.dev.size() == 20u);
    BOOST_TEST(a.test.size() == 20u);
    for (std::size_t i = 0; i < 60; ++i) BOOST_TEST((a.train[i].fields == b.train[i].fields));
    split_options other;
    other.seed = 2;
    BOOST_TEST((split_examples(data, other).train[0].fields != a.train[0].fields ||
                split_examples(data, other).train[1].fields != a.train[1].fields));
    BOOST_TEST(shared_examples(a.train, a.test).empty());
    split_options even;
    even.stratify_by = "kind";
    auto s = split_examples(data, even);
    auto odd = std::count_if(s.dev.begin(), s.dev.end(), [](const example& e) { return e.fields.at("kind") == "odd"; });
    BOOST_TEST(odd == 10);
    auto doubled = a.test;
    doubled.push_back(a.train[3]);
    auto shared = shared_examples(a.train, doubled);
    BOOST_REQUIRE(shared.size() == 1u);
    BOOST_TEST(shared[0].first == 3u);
}

BOOST_AUTO_TEST_SUITE_END()
