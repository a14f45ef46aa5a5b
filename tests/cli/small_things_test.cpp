// What is told when a command line, a file or a run is not as it should be.
#include "support/cli.hpp"
#include "support/folder.hpp"
#include "support/scripted_openai.hpp"

#include <boost/test/unit_test.hpp>

#include <thread>

using namespace reagent;
using namespace reagent::test;

namespace {

const std::string plain = "env -u OPENAI_API_KEY -u REAGENT_LM ";

bool has(const finished& done, const std::string& words) { return done.out.find(words) != std::string::npos; }

std::string completion(const std::string& answer) {
    return openai_text("[[ ## answer ## ]]\n" + answer + "\n\n[[ ## completed ## ]]");
}

const std::string evaluation_of =
    "eval --quiet --signature 'question -> answer' --metric exact_match:answer --inputs question --lm openai/local "
    "--api-base ";

}  // namespace

BOOST_AUTO_TEST_SUITE(small_things)

BOOST_AUTO_TEST_CASE(an_unknown_command_is_told_with_the_nearest) {
    for (const auto& [line, words] :
         {std::pair{"aks 'What is 2+2?'", "no command \"aks\"; did you mean \"ask\"?"},
          std::pair{"program shwo x.json", "no command \"program shwo\"; did you mean \"program show\"?"},
          std::pair{"xyzzy", "There are: ask, chat"}}) {
        auto done = reagent_cli(line, true);
        BOOST_TEST(done.code == 2);
        BOOST_TEST(has(done, words), done.out);
    }
}

BOOST_AUTO_TEST_CASE(a_value_that_is_empty_takes_no_other_option_for_its_own) {
    folder f;
    const std::string in_folder = "cd " + f.path.string() + " && ";
    for (const char* option : {"--journals", "--run-id", "--save-journal"}) {
        auto done = reagent_cli(std::string{"ask hi --lm offline/demo "} + option + "= --quiet", true, in_folder);
        BOOST_TEST(done.code == 2);
        BOOST_TEST(has(done, option + std::string{": it is empty"}), done.out);
    }
    BOOST_TEST(std::filesystem::is_empty(f.path));
    BOOST_TEST(reagent_cli("ask 'What is 2+2?' --lm offline/demo --tools= --help").code == 0);
}

BOOST_AUTO_TEST_CASE(a_file_that_cannot_be_made_is_told_before_anything_is_asked) {
    folder f;
    auto data = f.write("d.jsonl", "{\"question\": \"q\", \"answer\": \"a\"}\n").string();
    const std::string gone = (f.path / "none" / "x").string(),
                      subject = " --signature 'question -> answer' --metric exact_match:answer ";
    std::filesystem::create_symlink(f.path / "nowhere", f.path / "link");
    for (const auto& [line, option] :
         {std::pair{"ask hi --save-journal " + gone, "--save-journal"},
          std::pair{"eval" + subject + "--data " + data + " --html " + gone, "--html"},
          std::pair{"eval" + subject + "--data " + data + " --csv " + gone, "--csv"},
          std::pair{"compile" + subject + "--optimizer labeled_few_shot --train " + data + " --out " + gone,
                    "--out"}}) {
        auto done =
            reagent_cli(line + " --lm openai/m --api-base http://127.0.0.1:1/v1", true, "OPENAI_API_KEY=k-0123456789 ");
        BOOST_TEST(done.code == 2);
        BOOST_TEST(has(done, option + std::string{": \""}), done.out);
        BOOST_TEST(has(done, "there is no folder"), done.out);
    }
    auto link = reagent_cli("ask hi --lm offline/demo --save-journal " + (f.path / "link").string(), true);
    BOOST_TEST(link.code == 2);
    BOOST_TEST(has(link, "leads to nothing"), link.out);
}

BOOST_AUTO_TEST_CASE(help_on_a_command_shows_no_examples_of_others) {
    for (const char* leaf : {"tools", "models list", "program put", "sessions list", "runs list"})
        BOOST_TEST(!has(reagent_cli(leaf + std::string{" --help"}), "reagent ask \"What is 17%"), leaf);
    BOOST_TEST(has(reagent_cli("--help"), "reagent ask \"What is 17%"));
    BOOST_TEST(has(reagent_cli("ask --help"), "reagent ask \"What is 17%"));
}

BOOST_AUTO_TEST_CASE(settings_and_scores_that_are_no_numbers_are_refused) {
    folder f;
    auto data = f.write("d.jsonl", "{\"question\": \"q\", \"answer\": \"a\"}\n").string();
    for (const char* name : {"copro init_temperature=-1", "mipro init_temperature=-0.5"}) {
        auto done = reagent_cli(
            "compile --signature 'question -> answer' --metric exact_match:answer --lm offline/demo --dry-run "
            "--train " +
                data + " --optimizer " + name,
            true);
        BOOST_TEST(done.code == 2);
        BOOST_TEST(has(done, "init_temperature"), done.out);
    }
    auto program =
        f.write(
             "p.json",
             R"({"predict": {"traces": [], "train": [], "demos": [], "signature": {"instructions": "Answer.", "fields": [{"prefix": "Question:", "description": "q"}, {"prefix": "Answer:", "description": "a"}]}, "lm": null}, "metadata": {"dependency_versions": {}}})")
            .string();
    for (const char* score : {"nan", "inf"})
        BOOST_TEST(
            reagent_cli("program put " + program + " --store " + (f.path / "store").string() + " --score " + score)
                .code == 2);
}

BOOST_AUTO_TEST_CASE(a_record_that_cannot_be_written_is_told_before_the_first_request) {
    folder f;
    loopback_server server{[](const server_request&) { return server_response{.body = completion("4")}; }};
    auto file = f.write("file", "x").string();
    for (const std::string& where : {file, file + "/below"}) {
        auto done =
            reagent_cli("ask --quiet 'What is 2+2?' --tools '' --lm openai/local --api-base " + server.url("/v1"), true,
                        plain + "REAGENT_RECORD=" + where + " ");
        BOOST_TEST(done.code == 1);
        BOOST_TEST(has(done, "REAGENT_RECORD"), done.out);
    }
    BOOST_TEST(server.requests() == 0);
}

BOOST_AUTO_TEST_CASE(a_data_set_comes_from_a_pipe) {
    folder f;
    loopback_server server{[](const server_request&) { return server_response{.body = completion("4")}; }};
    const std::pair<const char*, std::string> kinds[] = {
        {"lines", "{\"question\": \"a\", \"answer\": \"4\"}\n{\"question\": \"b\", \"answer\": \"5\"}\n"},
        {"list", R"([{"question": "a", "answer": 4}, {"question": "b", "answer": 5}])"},
        {"table", "question,answer\na,4\nb,5\n"}};
    for (const auto& [name, text] : kinds) {
        auto file = f.write(name, text).string();
        for (const char* where : {"-", "/dev/fd/0", "/dev/stdin"}) {
            auto done = reagent_cli(evaluation_of + server.url("/v1") + " --data " + where, true,
                                    "cat " + file + " | " + plain);
            BOOST_TEST(done.code == 0, name << done.out);
            BOOST_TEST(has(done, "score 50.0"), done.out);
        }
    }
    BOOST_REQUIRE(std::system(("mkfifo " + (f.path / "pipe.jsonl").string()).c_str()) == 0);
    auto done = reagent_cli(evaluation_of + server.url("/v1") + " --data " + (f.path / "pipe.jsonl").string(), true,
                            "timeout 60 " + plain);
    BOOST_TEST(done.code == 1);
    BOOST_TEST(has(done, "nobody writes into this pipe"), done.out);
}

BOOST_AUTO_TEST_CASE(a_page_shows_the_comparison_and_the_slices) {
    folder f;
    loopback_server server{[](const server_request&) { return server_response{.body = completion("4")}; }};
    auto data = f.write("d.jsonl",
                        "{\"question\": \"a\", \"answer\": \"4\", \"kind\": \"sum\"}\n{\"question\": \"b\", "
                        "\"answer\": \"5\", \"kind\": \"product\"}\n");
    auto before = reagent_cli(evaluation_of + server.url("/v1") + " --json --data " + data.string());
    f.write("before.json", "\xEF\xBB\xBF" + before.out);
    auto done = reagent_cli(evaluation_of + server.url("/v1") + " --slices kind --baseline " +
                                (f.path / "before.json").string() + " --html " + (f.path / "page.html").string() +
                                " --csv " + (f.path / "rows.csv").string() + " --data " + data.string(),
                            true);
    BOOST_TEST(done.code == 0, done.out);
    auto page = f.read("page.html");
    for (const char* words : {"Compared with before", "within noise", "By kind", "product: "})
        BOOST_TEST(page.find(words) != page.npos, words);
    BOOST_TEST(f.read("rows.csv").find("predicted_answer") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(an_interrupt_says_what_is_kept) {
    folder f;
    std::string state = (f.path / "state").string(), journals = (f.path / "runs.db").string();
    loopback_server server{[](const server_request&) {
        std::this_thread::sleep_for(std::chrono::seconds{4});
        return server_response{.body = completion("4")};
    }};
    auto data = f.write("d.jsonl", "{\"question\": \"a\", \"answer\": \"4\"}\n").string();
    std::string ask = "ask 'What is 2+2?' --tools '' --lm openai/local --api-base " + server.url("/v1"),
                eval = evaluation_of + server.url("/v1") + " --data " + data;
    for (const auto& [line, words] :
         {std::pair{ask, std::string{"With --journals FILE"}},
          std::pair{ask + " --run-id r1 --journals " + journals, "reagent runs resume r1 --journals " + journals},
          std::pair{eval, std::string{"With --state FOLDER"}},
          std::pair{eval + " --state " + state, "is kept in " + state}}) {
        auto done = reagent_cli(line, true, "timeout --preserve-status -s INT 2 " + plain);
        BOOST_TEST(done.code == 130);
        BOOST_TEST(has(done, "\nreagent: interrupted; "), done.out);
        BOOST_TEST(has(done, words), done.out);
    }
}

BOOST_AUTO_TEST_CASE(runs_are_listed_under_a_heading) {
    folder f;
    std::string journals = " --journals " + (f.path / "runs.db").string();
    loopback_server server{[](const server_request&) { return server_response{.body = completion("4")}; }};
    reagent_cli("ask --quiet 'What is 2+2?' --tools '' --run-id r1 --lm openai/local --api-base " + server.url("/v1") +
                journals);
    auto done = reagent_cli("runs list" + journals);
    auto first = done.out.substr(0, done.out.find('\n'));
    for (const char* column : {"run", "status", "changed", "worked", "calls", "program"})
        BOOST_TEST(first.find(column) != first.npos, first);
    BOOST_TEST(done.out.find("r1", first.size()) != std::string::npos, done.out);
}

BOOST_AUTO_TEST_CASE(json_on_a_terminal_does_not_steer_it) {
    const std::string odd =
        "a\xC2\x9B"
        "31m\xE2\x80\xAE\xE2\x81\xA6\x7F \xF0\x9F\x98\x80 \xF3\xA0\x81\x81z";
    loopback_server server{[&](const server_request&) {
        return server_response{.body = openai_text("[[ ## reasoning ## ]]\nr\n\n[[ ## answer ## ]]\n" + odd +
                                                   "\n\n[[ ## completed ## ]]")};
    }};
    folder f;
    auto data = f.write("d.jsonl", "{\"question\": \"q\", \"answer\": \"a\"}\n").string();
    const std::string line = "ask q --tools '' --max-iters 1 --json --lm openai/local --api-base " + server.url("/v1");
    auto piped = reagent_cli(line);
    BOOST_TEST(has(piped, "\x7F"), piped.out);
    const std::string terminal = "python3 -c 'import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)' ";
    auto shown = reagent_cli(line, false, plain + terminal);
    for (const char* unseen : {"\xC2\x9B", "\xE2\x80\xAE", "\xE2\x81\xA6", "\x7F", "\xF3\xA0\x81\x81"})
        BOOST_TEST(!has(shown, unseen), shown.out);
    for (const char* escape : {"\\u009b", "\\u202e", "\\u2066", "\\u007f", "\xF0\x9F\x98\x80", "\\udb40\\udc41"})
        BOOST_TEST(has(shown, escape), shown.out);
    auto of = [](const finished& done) {
        return json::parse(done.out.substr(done.out.find('{'), done.out.rfind('}') + 1 - done.out.find('{')))
            .at("outputs");
    };
    BOOST_TEST(of(shown) == of(piped));
}

BOOST_AUTO_TEST_CASE(the_length_of_an_answer_is_an_option_that_the_error_names) {
    std::string sent;
    loopback_server server{[&](const server_request& r) {
        sent = r.body;
        return server_response{.body = R"({"choices":[{"message":{"content":"half"},"finish_reason":"length"}]})"};
    }};
    auto done = reagent_cli(
        "ask q --native --tools '' --max-tokens 77 --lm openai/local --api-base " + server.url("/v1"), true);
    BOOST_TEST(done.code == 1);
    BOOST_TEST(has(done, "--max-tokens"), done.out);
    BOOST_TEST(sent.find("\"max_tokens\":") != std::string::npos, sent);
    BOOST_TEST(reagent_cli("ask q --max-tokens 0", true).code == 2);
}

BOOST_AUTO_TEST_SUITE_END()
