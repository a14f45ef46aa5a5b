#include "support/ask.hpp"
#include "support/cli.hpp"
#include "support/folder.hpp"
#include "support/learner.hpp"
#include "support/scripted_openai.hpp"

#include <boost/test/unit_test.hpp>

#include <filesystem>

using namespace reagent;
using namespace reagent::test;
namespace fs = std::filesystem;

namespace {

const std::string saved = std::string{REAGENT_TEST_DATA} + "/golden/saved_programs/";

}  // namespace

BOOST_AUTO_TEST_SUITE(eval_and_program)

BOOST_AUTO_TEST_CASE(a_server_is_evaluated_with_a_gate_and_a_page) {
    // Answers with the last word of the question, capitalized; knows what demonstrations it was shown.
    std::atomic<int> with_demo = 0;
    loopback_server server{[&](const server_request& q) {
        auto body = json::parse(q.body);
        const auto& messages = body.at("messages").as_array();
        if (messages.size() > 2) ++with_demo;
        std::string text{messages.back().at("content").as_string()};
        return server_response{
            .body = openai_text(chat_completion(
                {{"answer", text.find("Norway") != text.npos ? "Oslo" : "<script>alert(1)</script>"}}))};
    }};
    folder f;
    std::string data = f.write("dev.jsonl",
                               "{\"question\": \"Capital of Norway?\", \"answer\": \"oslo\"}\n{\"question\": \"Capital "
                               "of Peru?\", \"answer\": \"Lima\"}\n");
    std::string common = "eval --signature 'question -> answer' --data " + data +
                         " --inputs question --metric exact_match:answer --lm openai/x --api-base " + server.url("/v1");
    auto whole = reagent_cli(common + " --json --quiet --html " + (f.path / "e.html").string() + " --csv " +
                             (f.path / "e.csv").string());
    BOOST_TEST(whole.code == 0);
    auto result = json::parse(whole.out);
    BOOST_TEST(result.at("score").to_number<double>() == 50.0);
    BOOST_TEST(result.at("rows").at(0).at("outputs").at("answer").as_string() == "Oslo");
    auto page = f.read("e.html");
    BOOST_TEST(page.find("<script>alert") == page.npos);
    BOOST_TEST(page.find("&lt;script&gt;alert(1)") != page.npos);
    BOOST_TEST(page.find("href=\"#trace-2\"") != page.npos);
    BOOST_TEST(f.read("e.csv").find("0,1.0,,Capital of Norway?,oslo,Oslo") != std::string::npos);

    auto below = reagent_cli(common + " --min-score 60", true);
    BOOST_TEST(below.code == 3);
    BOOST_TEST(below.out.find("score 50.0") != std::string::npos);
    BOOST_TEST(below.out.find("is below 60.0") != std::string::npos);
    BOOST_TEST(below.out.find('\033') == std::string::npos);
    BOOST_TEST(reagent_cli(common + " --min-score 50").code == 0);

    BOOST_TEST(with_demo == 0);
    std::string program = f.write(
        "p.json",
        R"({"demos": [{"question": "Capital of Spain?", "answer": "Madrid"}], "signature_instructions": "Name it."})");
    BOOST_TEST(reagent_cli(common + " --quiet --program " + program).code == 0);
    BOOST_TEST(with_demo == 2);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_evaluated_is_told_before_any_call) {
    folder f;
    std::string data = f.write("dev.jsonl", "{\"question\": \"q\", \"answer\": \"a\"}\n");
    auto run = [&](const std::string& rest) {
        return reagent_cli("eval --signature 'question -> answer' --data " + data + " --lm offline/demo " + rest, true);
    };
    auto misspelt = run("--metric f1:anser");
    BOOST_TEST(misspelt.code == 1);
    BOOST_TEST(misspelt.out.find("did you mean `answer`?") != std::string::npos, misspelt.out);
    std::string unlabeled = f.write("unlabeled.jsonl", "{\"question\": \"q\"}\n"),
                misspelt_label = f.write("label.jsonl", "{\"question\": \"q\", \"anwser\": \"a\"}\n");
    auto on = [](const std::string& file) {
        return reagent_cli("eval --signature 'question -> answer' --lm offline/demo --metric f1:answer --data " + file,
                           true)
            .out;
    };
    BOOST_TEST(on(unlabeled).find("example 1 has no such field") != std::string::npos, on(unlabeled));
    BOOST_TEST(on(unlabeled).find("did you mean") == std::string::npos, on(unlabeled));
    BOOST_TEST(on(misspelt_label).find("did you mean `anwser`?") != std::string::npos, on(misspelt_label));
    BOOST_TEST(run("--metric best").out.find("exact_match:FIELD") != std::string::npos);
    BOOST_TEST(run("--metric f1:answer --inputs qestion").out.find("did you mean `question`?") != std::string::npos);
    BOOST_TEST(run("").code == 2);
    auto foreign = run("--metric f1:answer --program " + saved + "router.json");
    BOOST_TEST(foreign.code == 1);
    BOOST_TEST(foreign.out.find("the file has no predictor `self`") != std::string::npos, foreign.out);
    BOOST_TEST(
        reagent_cli("eval --signature 'question -> answer' --data /nowhere.jsonl --metric f1:answer", true).code == 1);
}

BOOST_AUTO_TEST_CASE(what_is_empty_or_no_number_or_no_text_switches_nothing_off) {
    folder f;
    std::string data = f.write("dev.jsonl", "{\"question\": \"q\", \"answer\": \"a\"}\n");
    std::string odd = f.write("odd.csv", "question,answer\ncaf\xe9,42\n");
    auto run = [&](const std::string& what) { return reagent_cli(what, true); };
    std::string eval = "eval --signature 'question -> answer' --lm offline/demo --metric f1:answer --data " + data;
    std::string compile =
        "compile --signature 'question -> answer' --lm offline/demo --metric f1:answer --optimizer copro --train " +
        data + " --out " + (f.path / "o.json").string();
    std::string store = " --journals " + (f.path / "j.db").string();
    for (const std::string& wrong : std::vector<std::string>{
             eval + " --min-score nan", eval + " --max-errors -1", compile + " --max-cost nan",
             compile + " --max-calls -1", compile + " --max-errors 1e999", "runs approve a --seen ''" + store,
             "runs approve a --arguments ''" + store, "ask hi --lm offline/demo --journals ''",
             "ask hi --lm offline/demo --run-id ''" + store,
             eval + std::string{" --instructions \"$(printf 'caf\\351')\""}}) {
        auto r = run(wrong);
        BOOST_TEST(r.code == 2, wrong << ": " << r.out);
    }
    auto r = run("eval --signature 'question -> answer' --lm offline/demo --metric f1:answer --data " + odd);
    BOOST_TEST(r.code == 1);
    BOOST_TEST(r.out.find("no UTF-8") != std::string::npos, r.out);
    using namespace std::string_literals;
    const std::pair<std::string, const char*> foreign[]{
        {"{\"question\": \"caf\xe9\", \"answer\": \"a\"}\n", "iconv -f LATIN1 -t UTF-8"},
        {"\xff\xfe{\0\"\0a\0\"\0:\0"s + "1\0}\0"s, "iconv -f UTF-16 -t UTF-8"},
        {"{\0\"\0a\0\"\0:\0"s + "1\0}\0"s, "iconv -f UTF-16LE -t UTF-8"}};
    for (const auto& [text, words] : foreign)
        for (const char* kind : {"jsonl", "json", "csv"}) {
            std::string file = f.write(std::string{"foreign."} + kind, text);
            auto told =
                run("eval --signature 'question -> answer' --lm offline/demo --metric f1:answer --data " + file);
            BOOST_TEST(told.out.find(words) != std::string::npos, kind << ": " << told.out);
        }
}

BOOST_AUTO_TEST_CASE(a_program_is_compiled_saved_shown_and_evaluated) {
    learner_server server;
    folder f;
    auto write = [&](const char* name, std::size_t n, std::uint64_t seed) {
        std::string lines;
        for (const auto& e : support_messages(n, seed)) lines += json::serialize(e.fields) + "\n";
        return f.write(name, lines).string();
    };
    auto train = write("train.jsonl", 40, 1), dev = write("dev.jsonl", 40, 2);
    std::string server_options = " --lm openai/x --api-base " + server.url() + " --quiet ";
    std::string common =
        " --signature 'message -> intent' --metric exact_match:intent --inputs message" + server_options;
    std::string out = (f.path / "compiled.json").string();
    auto made = reagent_cli("compile" + common + "--optimizer bootstrap_few_shot --train " + train + " --val " + dev +
                            " --out " + out + " --json max_bootstrapped_demos=6 max_labeled_demos=20");
    BOOST_REQUIRE(made.code == 0);
    auto report = json::parse(made.out);
    const auto& on_dev = report.at("validation");
    double after = on_dev.at("after").at("score").to_number<double>();
    BOOST_TEST(after > on_dev.at("before").at("score").to_number<double>() + 10);
    auto shown = json::parse(reagent_cli("program show --json " + out).out);
    BOOST_TEST(shown.at("predictors").at(0).at("demos").as_array().size() == 20u);
    BOOST_TEST(shown.at("hash") == report.at("hash"));
    auto scored = reagent_cli("eval" + common + "--json --data " + dev + " --program " + out);
    BOOST_TEST(json::parse(scored.out).at("score").to_number<double>() == after);
    // The same again is the same file; another seed is not.
    auto hash = [&](const std::string& more) {
        auto again = reagent_cli("compile" + common + "--optimizer labeled_few_shot --train " + train + " --out " +
                                 out + " --json k=5 " + more);
        return json::parse(again.out).at("hash");
    };
    BOOST_TEST((hash("") == hash("")));
    BOOST_TEST((hash("") != hash("--seed 2")));

    auto wrong = [&](const std::string& rest) {
        return reagent_cli("compile" + common + "--train " + train + " --out " + out + " " + rest, true);
    };
    BOOST_TEST(wrong("--optimizer bootstrap_few_shot max_bootstraped_demos=2")
                   .out.find("did you mean `max_bootstrapped_demos`?") != std::string::npos);
    BOOST_TEST(wrong("--optimizer bootstrap_few_shot k").code == 2);
    BOOST_TEST(wrong("--optimizer gradient_descent").code == 2);
    BOOST_TEST(wrong("--optimizer labeled_few_shot --val " + train).out.find("stand in --train too") !=
               std::string::npos);
}

BOOST_AUTO_TEST_CASE(every_optimizer_is_there_by_its_name_and_settings) {
    learner_server server{{.noise = 5, .without_hints = 20}};
    folder f;
    auto train = f.write("train.jsonl", json_lines(support_messages(20, 1))).string(),
         dev = f.write("dev.jsonl", json_lines(support_messages(20, 2))).string(),
         test = f.write("test.jsonl", json_lines(support_messages(20, 3))).string();
    std::string out = (f.path / "out.json").string();
    auto compile = [&](const std::string& rest) {
        return reagent_cli(
            "compile --signature 'message -> intent' --metric exact_match:intent --lm openai/x --quiet --json "
            "--api-base " +
                server.url() + " --train " + train + " --out " + out + " " + rest,
            true);
    };
    for (const char* optimizer :
         {"labeled_few_shot k=3", "bootstrap_few_shot max_rounds=2 metric_threshold=0.5",
          "bootstrap_random_search num_candidate_programs=2 stop_at_score=99.5 max_errors=50",
          "knn_few_shot k=2 bootstrap=true", "ensemble size=2", "copro breadth=2 depth=1 init_temperature=1.0",
          "mipro auto=none num_candidates=3 num_trials=3 minibatch=false",
          "mipro auto=light num_trials=2 max_bootstrapped_demos=0 max_labeled_demos=0"}) {
        auto made = compile(std::string{"--optimizer "} + optimizer + " --val " + dev + " --test " + test);
        BOOST_TEST(made.code == 0, optimizer << made.out);
        const json::value report = json::parse(made.out);
        for (const char* part : {"train", "validation", "test", "verdict", "search_calls", "seed"})
            BOOST_TEST(report.as_object().contains(part), optimizer << part);
        BOOST_TEST(
            reagent_cli(
                "eval --signature 'message -> intent' --metric exact_match:intent --quiet --lm openai/x --api-base " +
                server.url() + " --data " + dev + " --program " + out)
                .code == 0);
        BOOST_TEST(reagent_cli("program show " + out).code == 0);
    }
    // What it will cost is said before, and kept.
    auto dry = json::parse(
        reagent_cli("compile --signature 'message -> intent' --metric exact_match:intent --lm openai/gpt-4o-mini "
                    "--quiet --json --dry-run --train " +
                    train + " --val " + dev + " --optimizer mipro --api-base " + server.url())
            .out);
    BOOST_TEST(dry.at("calls").to_number<int>() > 100);
    BOOST_TEST(dry.at("dollars").to_number<double>() > 0);
    auto before = server.requests();
    auto limited = json::parse(compile("--optimizer copro --max-calls 50 --val " + dev).out);
    BOOST_TEST(server.requests() - before <= 50u);
    BOOST_TEST(limited.at("stopped").as_string().find("limit") != std::string::npos);
    // A second time with the same state nothing is asked.
    compile("--optimizer mipro num_trials=3 --state " + (f.path / "state").string() + " --val " + dev);
    auto first = f.read("out.json");
    before = server.requests();
    auto again = json::parse(
        compile("--optimizer mipro num_trials=3 --state " + (f.path / "state").string() + " --val " + dev).out);
    BOOST_TEST(server.requests() == before);
    BOOST_TEST(again.at("usage").at("asked_now").to_number<int>() == 0);
    BOOST_TEST(f.read("out.json") == first);
    auto wrong = [&](const std::string& rest) {
        auto r = compile(rest);
        BOOST_TEST(r.code == 2, r.out);
        return r.out;
    };
    BOOST_TEST(wrong("--optimizer mipro auto=huge").find("light, medium, heavy or none") != std::string::npos);
    BOOST_TEST(wrong("--optimizer copro breadth=0").find("breadth must be from 1") != std::string::npos);
    BOOST_TEST(wrong("--optimizer copro depth=x").find("must be a number") != std::string::npos);
    BOOST_TEST(wrong("--optimizer mipro num_trial=3").find("did you mean `num_trials`?") != std::string::npos);
    BOOST_TEST(compile("--optimizer mipro --state /proc/none").code == 1);
}

BOOST_AUTO_TEST_CASE(an_interrupted_evaluation_goes_on) {
    learner_server server;
    folder f;
    auto dev = f.write("dev.jsonl", json_lines(support_messages(30, 2))).string(), state = (f.path / "state").string();
    std::string command =
        "eval --signature 'message -> intent' --metric exact_match:intent --quiet --json --lm openai/x --api-base " +
        server.url() + " --data " + dev + " --slices intent --state " + state;
    auto whole = json::parse(reagent_cli(command).out);
    BOOST_TEST(server.requests() == 30u);
    BOOST_TEST(whole.at("slices").at("intent").as_array().size() == 3u);
    // Compared with itself nothing differs; with a worse one, what was fixed is listed.
    auto same = f.write("same.json", json::serialize(whole)).string();
    auto compared = json::parse(reagent_cli(command + " --baseline " + same).out);
    BOOST_TEST(compared.at("comparison").at("difference").to_number<double>() == 0);
    whole.at("rows").at(3).at("score") = whole.at("rows").at(3).at("score").to_number<double>() - 1;
    auto worse = f.write("worse.json", json::serialize(whole)).string();
    BOOST_TEST(json::parse(reagent_cli(command + " --baseline " + worse).out)
                   .at("comparison")
                   .at("fixed")
                   .at(0)
                   .to_number<int>() == 3);
    whole.at("rows").at(3).at("score") = whole.at("rows").at(3).at("score").to_number<double>() + 1;
    BOOST_TEST(reagent_cli(command + " --baseline " + f.write("no.json", "{}").string(), true)
                   .out.find("`score` is missing") != std::string::npos);
    BOOST_TEST(server.requests() == 30u);
    // Half of the answers are gone, as if it had been killed.
    auto answers = f.read("state/answers.jsonl");
    f.write("state/answers.jsonl", answers.substr(0, answers.size() / 2));
    auto rest = json::parse(reagent_cli(command).out);
    BOOST_TEST(rest.at("score") == whole.at("score"));
    BOOST_TEST(server.requests() < 50u);
    BOOST_TEST(server.requests() > 40u);
}

BOOST_AUTO_TEST_CASE(a_store_keeps_versions_and_tags) {
    folder f;
    std::string store = (f.path / "store").string(), of = " --store " + store;
    BOOST_TEST(
        reagent_cli("program put " + saved + "predict_class.json --tag production --score 80 --what first" + of).out ==
        "version 1, tagged production\n");
    BOOST_TEST(reagent_cli("program put " + saved + "labeled_k3.json" + of).out == "version 2\n");
    BOOST_TEST(reagent_cli("program tag production latest" + of).out == "production is version 2\n");
    BOOST_TEST(reagent_cli("program diff " + store + "@1 " + store + "@production").code == 1);
    BOOST_TEST(reagent_cli("program rollback production" + of).out == "production is version 1\n");
    BOOST_TEST(reagent_cli("program show --json " + store + "@production").out ==
               reagent_cli("program show --json " + store + "@1").out);
    const json::value all = json::parse(reagent_cli("program list --json" + of).out);
    BOOST_TEST(all.at(0).at("what") == "first");
    BOOST_TEST(all.at(0).at("tags").at(0) == "production");
    BOOST_TEST(all.at(1).at("score").is_null());
    BOOST_TEST(reagent_cli("program rollback production" + of, true).code == 1);
    BOOST_TEST(reagent_cli("program put /nowhere.json" + of, true).code == 1);
    BOOST_TEST(reagent_cli("program put " + saved + "cot.json", true).code == 2);
}

BOOST_AUTO_TEST_CASE(programs_are_shown_compared_and_checked) {
    auto shown = json::parse(reagent_cli("program show --json " + saved + "bootstrapped_cot.json").out);
    BOOST_REQUIRE(shown.at("predictors").as_array().size() == 1u);
    const auto& p = shown.at("predictors").at(0);
    BOOST_TEST(p.at("name").as_string() == "predict");
    BOOST_TEST(p.at("instructions").as_string() == "Pick the one intent that fits the customer message.");
    BOOST_TEST(p.at("demos").as_array().size() == 4u);
    BOOST_TEST(p.at("demos").at(0).at("augmented").as_bool());
    BOOST_TEST(reagent_cli("program show " + saved + "router.json").out.find("recommend.predict") != std::string::npos);
    BOOST_TEST(reagent_cli("program diff " + saved + "cot.json " + saved + "cot.json").code == 0);
    auto different = reagent_cli("program diff " + saved + "predict_class.json " + saved + "labeled_k3.json");
    BOOST_TEST(different.code == 1);
    BOOST_TEST(different.out.find("Refund my order") != std::string::npos);
    BOOST_TEST(reagent_cli("program check " + saved + "cot.json " + saved + "react.json").code == 0);
    auto bad = reagent_cli("program check " + saved + "cot.json " + saved + "index.json", true);
    BOOST_TEST(bad.code == 1);
    BOOST_TEST(bad.out.find("expected an object") != std::string::npos);
    BOOST_TEST(reagent_cli("program show /nowhere.json", true).code == 1);
    BOOST_TEST(reagent_cli("program", true).code == 2);
}

BOOST_AUTO_TEST_SUITE_END()
