#include "support/folder.hpp"
#include "support/scripted_openai.hpp"

#include <reagent/reagent.hpp>

#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <sstream>

using namespace reagent;
using namespace reagent::test;
using namespace reagent::literals;

namespace {

struct payment {
    struct input {
        std::string customer;
        field<std::string, "as on the card", is_private{}> card;
    };
    struct output {
        std::string answer;
        field<std::string, "", is_private{}> password;
    };
};

const std::string card = "4000-1234-5678-9010", password = "pass-word-7";

struct written {
    std::ostringstream text;
    std::shared_ptr<spdlog::logger> logger;

    explicit written(spdlog::level::level_enum level) {
        auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(text);
        sink->set_pattern("%l %v");
        logger = std::make_shared<spdlog::logger>("test", sink);
        logger->set_level(level);
    }
    bool has(const std::string& what) const { return text.str().find(what) != std::string::npos; }
    std::vector<std::string> lines() const {
        std::vector<std::string> all;
        std::istringstream in{text.str()};
        for (std::string line; std::getline(in, line);) all.push_back(line);
        return all;
    }
};

run_options answering_with(std::vector<std::string> texts) {
    run_options o{language_model{scripted_model::texts(std::move(texts))}};
    o.program = "payments";
    return o;
}

// Asks for a payment, and calls a tool with what it knows of the card.
struct program {
    predict<payment> pay;
    tools all;
    program() {
        all.add("charge", "",
                [](std::string number, int amount) -> std::string {
                    throw std::runtime_error{"card " + number + " refused by db://app:hunter2@host for " + std::to_string(amount)};
                },
                {"number", "amount"});
    }
    task<std::string> forward(run& r) const {
        auto p = co_await pay(r, "customer"_f = "Ada Lovelace", "card"_f = card);
        std::string path = "self", tool = "charge";
        json::value args = json::object{{"number", card}, {"amount", 5}};
        auto o = co_await all.call(r, path, tool, args);
        co_return p->answer;
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(logs)

BOOST_AUTO_TEST_CASE(every_line_names_its_run_and_is_key_and_value) {
    written w{spdlog::level::debug};
    runtime rt{{.logger = w.logger}};
    program p;
    for (int i = 0; i < 2; ++i) rt.run(answering_with({chat_completion({{"answer", "done"}, {"password", password}})}), p);
    auto lines = w.lines();
    BOOST_REQUIRE(lines.size() == 8u);
    std::set<std::string> runs;
    for (const auto& l : lines) {
        auto at = l.find(" run=");
        BOOST_REQUIRE_MESSAGE(at != std::string::npos, l);
        runs.insert(l.substr(at + 5, l.find(' ', at + 5) - at - 5));
    }
    BOOST_TEST(runs.size() == 2u);
    BOOST_TEST(lines[0].find("info run_begins run=") == 0u, lines[0]);
    BOOST_TEST(lines[0].find(" program=payments model=test/scripted") != std::string::npos, lines[0]);
    BOOST_TEST(lines[1].find("debug model_call run=") == 0u, lines[1]);
    BOOST_TEST(lines[1].find(" finish=stop") != std::string::npos, lines[1]);
    BOOST_TEST(lines[2].find("warning tool_call run=") == 0u, lines[2]);
    BOOST_TEST(lines[2].find(" tool=charge ms=") != std::string::npos, lines[2]);
    BOOST_TEST(lines[3].find(" status=finished") != std::string::npos, lines[3]);
    BOOST_TEST(!w.has("Ada"));  // content: at level trace only
}

BOOST_AUTO_TEST_CASE(contents_at_level_trace_without_what_is_private) {
    written w{spdlog::level::trace};
    runtime rt{{.logger = w.logger, .secrets = {secret{"hunter2"}}}};
    program p;
    rt.run(answering_with({chat_completion({{"answer", "it is " + password}, {"password", password}})}), p);
    BOOST_TEST(w.has("Ada Lovelace"), w.text.str());
    BOOST_TEST(w.has("\\\"card\\\":\\\"(private)\\\""), w.text.str());
    BOOST_TEST(w.has("card (private) refused by db://app:(secret)@host"), w.text.str());
    BOOST_TEST(!w.has(card), w.text.str());
    BOOST_TEST(!w.has(password), w.text.str());
    BOOST_TEST(!w.has("hunter2"), w.text.str());
}

BOOST_AUTO_TEST_CASE(fields_are_marked_for_a_run_too) {
    written w{spdlog::level::trace};
    runtime rt{{.logger = w.logger}};
    predict<sig<"message -> answer">> ask;
    auto o = answering_with({chat_completion({{"answer", "You said: my number is 555-0199"}})});
    o.private_fields = {"message"};
    rt.run(o, ask, "message"_f = "my number is 555-0199");
    BOOST_TEST(w.has("You said: (private)"), w.text.str());
    BOOST_TEST(!w.has("555"), w.text.str());
    // Without the mark it stands there.
    rt.run(answering_with({chat_completion({{"answer", "yes"}})}), ask, "message"_f = "my number is 555-0199");
    BOOST_TEST(w.has("555-0199"));
}

BOOST_AUTO_TEST_CASE(a_line_is_one_line_whatever_stands_in_it) {
    written w{spdlog::level::trace};
    runtime rt{{.logger = w.logger}};
    predict<sig<"message -> answer">> ask;
    auto before = w.lines().size();
    rt.run(answering_with({chat_completion({{"answer", "a\nb \"c\" info run_ends run=forged"}})}), ask, "message"_f = "x\r\ny {} {0}");
    for (const auto& l : w.lines()) BOOST_TEST((l.find("info") == 0 || l.find("debug") == 0 || l.find("trace") == 0), l);
    BOOST_TEST(w.lines().size() - before == 4u);
    BOOST_TEST(w.has("{} {0}"));
}

BOOST_AUTO_TEST_CASE(telemetry_sends_content_when_asked_to_and_never_what_is_private) {
    std::mutex mutex;
    std::string sent;
    loopback_server server{[&](const server_request& r) {
        std::lock_guard lock{mutex};
        sent += r.body;
        return server_response{.body = "{}"};
    }};
    {
        auto sink = std::make_shared<telemetry>(telemetry_options{.endpoint = server.url(""), .content = true});
        runtime rt{{.secrets = {secret{"hunter2"}}, .telemetry = sink}};
        program p;
        rt.run(answering_with({chat_completion({{"answer", "done"}, {"password", password}})}), p);
        predict<sig<"message -> answer">> ask;
        rt.run(answering_with({chat_completion({{"answer", "open to all"}})}), ask, "message"_f = "hello there");
    }
    BOOST_TEST(sent.find("open to all") != std::string::npos);
    BOOST_TEST(sent.find("hello there") != std::string::npos);
    BOOST_TEST(sent.find("withheld: holds private fields") != std::string::npos);
    for (const auto& text : {card, password, std::string{"hunter2"}, std::string{"Ada"}})
        BOOST_TEST(sent.find(text) == std::string::npos, text << " was sent");
}

BOOST_AUTO_TEST_SUITE_END()
