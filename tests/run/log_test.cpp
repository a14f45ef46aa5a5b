#include "support/folder.hpp"
#include "support/loopback_server.hpp"
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
                    throw std::runtime_error{"card " + number + " refused by db://app:hunter2@host for " +
                                             std::to_string(amount)};
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
    for (int i = 0; i < 2; ++i)
        rt.run(answering_with({chat_completion({{"answer", "done"}, {"password", password}})}), p);
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

// It has no name there that it could be known by. What is not private stands in errors at level trace only.
BOOST_AUTO_TEST_CASE(what_did_not_fit_a_private_field_stands_in_no_log) {
    for (auto level : {spdlog::level::warn, spdlog::level::trace})
        for (bool is_secret : {true, false}) {
            written w{level};
            runtime rt{{.logger = w.logger}};
            auto o = answering_with(std::vector<std::string>(12, chat_completion({{"pin", "PATIENT-Anna"}})));
            if (is_secret) o.private_fields = {"pin"};
            predict<sig<"question -> pin: int">> ask;
            BOOST_CHECK_THROW(rt.run(o, ask, "question"_f = "which one?"), error);
            BOOST_TEST(w.has("expected integer, got string"), w.text.str());
            BOOST_TEST(w.has("PATIENT-Anna") == (!is_secret && level == spdlog::level::trace), w.text.str());
        }
}

// A model of this process with a key: every text that a run is told of may hold it.
class keyed final : public lm_backend {
public:
    explicit keyed(std::string key) : key_{std::move(key)} {}
    std::string name() const override { return "test/keyed"; }
    std::vector<secret> secrets() const override { return {secret{key_}}; }
    task<lm_response> complete(lm_context, const lm_request& r) const override {
        if (r.messages.back().content.find("fail") != std::string::npos)
            throw std::runtime_error{"no answer for " + key_};
        lm_response a;
        a.text = chat_completion({{"answer", "your key is " + key_}});
        co_return a;
    }

private:
    std::string key_;
};

BOOST_AUTO_TEST_CASE(no_key_of_any_model_of_the_runtime_is_logged_or_sent) {
    std::mutex mutex;
    std::string sent;
    loopback_server server{[&](const server_request& r) {
        std::lock_guard lock{mutex};
        sent += r.body;
        return server_response{.body = "{}"};
    }};
    const std::string key = "opaque0123456789abcdef", other = "0123456789abcdefOTHER9";
    written w{spdlog::level::trace};
    {
        auto sink = std::make_shared<telemetry>(telemetry_options{.endpoint = server.url(""), .content = true});
        runtime rt{{.logger = w.logger, .telemetry = sink}};
        predict<sig<"message -> answer">> ask;
        rt.run(run_options{language_model{std::make_shared<keyed>(other)}}, ask, "message"_f = "hello");
        run_options o{retrying(
            fallback({language_model{scripted_model::texts({})}, language_model{std::make_shared<keyed>(key)}}))};
        rt.run(o, ask, "message"_f = "mine is " + key + ", and theirs is " + other + "; AIzaSyA1b2C3d4E5f6G7h8 too");
    }
    BOOST_TEST(w.has("mine is (secret), and theirs is (secret); (secret) too"), w.text.str());
    for (const auto& text : {key, other, std::string{"AIza"}}) {
        BOOST_TEST(!w.has(text), w.text.str());
        BOOST_TEST(sent.find(text) == std::string::npos, sent);
    }
    BOOST_TEST(sent.find("mine is (secret)") != std::string::npos, sent);
}

BOOST_AUTO_TEST_CASE(a_key_of_few_letters_is_not_looked_for_and_that_is_said_once) {
    auto warnings = [](const std::string& given, const std::string& of_model) {
        written w{spdlog::level::trace};
        runtime rt{{.logger = w.logger, .secrets = {secret{given}}}};
        predict<sig<"message -> answer">> ask;
        for (int i = 0; i < 3; ++i)
            rt.run(run_options{language_model{std::make_shared<keyed>(of_model)}}, ask, "message"_f = "tokens to keep");
        BOOST_TEST(w.has("tokens to keep"), w.text.str());
        std::size_t n = 0;
        for (const auto& line : w.lines()) n += line.find("too short to be looked for") != line.npos;
        return n;
    };
    BOOST_TEST(warnings("k", "opaque0123456789abcdef") == 1u);
    BOOST_TEST(warnings("to", "ken") == 1u);
    BOOST_TEST(warnings("opaque0123456789abcdef", "k3y") == 1u);
    for (const char* placeholder : {"", "none", "EMPTY", "no-key"}) BOOST_TEST(warnings("hunter2", placeholder) == 0u);
}

BOOST_AUTO_TEST_CASE(what_failed_is_kept_in_a_journal_without_keys_and_replays_the_same) {
    const std::string key = "opaque0123456789abcdef";
    tools all;
    all.add("look", "",
            [key](std::string what) -> std::string { throw std::runtime_error{"GET /?key=" + key + " for " + what}; },
            {"what"});
    struct program {
        const tools& all;
        predict<sig<"message -> answer">> ask;
        task<std::string> forward(run& r) const {
            std::string path = "self", tool = "look";
            json::value args = json::object{{"what", "x"}};
            auto seen = co_await all.call(r, path, tool, args);
            std::string told = seen.text();
            try {
                co_await ask(r, "message"_f = "fail " + told);
            } catch (const std::exception& e) {
                told += e.what();
            }
            co_return told;
        }
    } p{all, {}};
    runtime rt;
    run_options o{language_model{std::make_shared<keyed>(key)}};
    auto handle = rt.start(o, p);
    auto told = handle.get();
    auto journal = json::serialize(handle.report().history->to_json());
    for (const auto& text : {told, journal}) {
        BOOST_TEST(text.find(key) == text.npos, text);
        BOOST_TEST(text.find("no answer for (secret)") != text.npos, text);
    }
    run_options replay;
    replay.replay = handle.report().history;
    BOOST_TEST(rt.run(replay, p) == told);
}

BOOST_AUTO_TEST_CASE(what_is_private_is_left_out_whole_though_a_part_of_it_looks_like_a_key) {
    written w{spdlog::level::trace};
    runtime rt{{.logger = w.logger}};
    predict<sig<"message -> answer">> ask;
    auto o = answering_with({chat_completion({{"answer", "so: pin 7777 and sk-abcdef123456 of Ada"}})});
    o.private_fields = {"message"};
    rt.run(o, ask, "message"_f = "pin 7777 and sk-abcdef123456 of Ada");
    BOOST_TEST(!w.has("7777"), w.text.str());
    BOOST_TEST(!w.has("Ada"), w.text.str());
}

BOOST_AUTO_TEST_CASE(private_values_are_found_within_json_and_however_many_there_are) {
    predict<sig<"message: list[str] -> answer">> ask;
    std::vector<std::string> few{"a \"quoted\" name\nof two lines"}, many;
    for (int i = 0; i < 1500; ++i) many.push_back("name-" + std::to_string(i));
    for (const auto& values : {few, many}) {
        written w{spdlog::level::trace};
        runtime rt{{.logger = w.logger}};
        auto o = answering_with({chat_completion({{"answer", json::serialize(json::value_from(values.back()))}})});
        o.private_fields = {"message"};
        rt.run(o, ask, "message"_f = values);
        BOOST_TEST(!w.has("quoted"), w.text.str());
        BOOST_TEST(!w.has("name-"), w.text.str());
    }
}

BOOST_AUTO_TEST_CASE(private_numbers_are_found_in_every_spelling) {
    predict<sig<"amount: float, count: int -> answer">> ask;
    written w{spdlog::level::trace};
    runtime rt{{.logger = w.logger}};
    auto o = answering_with(
        {chat_completion({{"answer", "1.2345678E4 12345.678 12,345.678 and 5000 5,000 5000.0 5000.00 kept 77"}})});
    o.private_fields = {"amount", "count"};
    rt.run(o, ask, "amount"_f = 12345.678, "count"_f = 5000);
    BOOST_TEST(w.has("kept 77"), w.text.str());
    for (const char* shown : {"12345.67", "1.2345678E4", "12,345", " 5000 ", " 5,000", " 5000.0"})
        BOOST_TEST(!w.has(shown), shown << ": " << w.text.str());
}

BOOST_AUTO_TEST_CASE(private_values_are_found_however_they_are_escaped) {
    const std::string name = "Ada \"A\" & Byron/1815";
    predict<sig<"message -> answer">> ask;
    for (std::string form :
         {"Ada%20%22A%22%20%26%20Byron%2F1815", "Ada+%22A%22+%26+Byron%2F1815", "Ada &quot;A&quot; &amp; Byron/1815",
          "Ada &#34;A&#34; &#38; Byron&#x2f;1815", R"(Ada \"A\" & Byron\/1815)",
          R"(Ada \u0022A\u0022 \u0026 Byron/1815)",
          "QWRhICJBIiAmIEJ5cm9uLzE4MTU=", "VGhlIG5hbWUgaXMgQWRhICJBIiAm\nIEJ5cm9uLzE4MTUgYW5kIG5vIG90aGVy"}) {
        written w{spdlog::level::trace};
        runtime rt{{.logger = w.logger}};
        auto o = answering_with({chat_completion({{"answer", "was " + form + " kept"}})});
        o.private_fields = {"message"};
        rt.run(o, ask, "message"_f = name);
        BOOST_TEST(w.has("(private)"), form << ": " << w.text.str());
        BOOST_TEST(!w.has("Byron"), form << ": " << w.text.str());
        BOOST_TEST(!w.has("QWRhICJB"), form << ": " << w.text.str());
        BOOST_TEST(!w.has("VGhlIG5h"), form << ": " << w.text.str());
    }
}

BOOST_AUTO_TEST_CASE(spans_go_in_requests_of_the_size_that_was_asked_for) {
    std::mutex mutex;
    std::vector<std::size_t> sizes;
    loopback_server server{[&](const server_request& r) {
        std::lock_guard lock{mutex};
        if (r.target == "/v1/traces")
            sizes.push_back(
                json::parse(r.body).at("resourceSpans").at(0).at("scopeSpans").at(0).at("spans").as_array().size());
        return server_response{.body = "{}"};
    }};
    {
        auto sink =
            std::make_shared<telemetry>(telemetry_options{.endpoint = server.url(""), .max_spans_per_request = 2});
        runtime rt{{.telemetry = sink}};
        program p;
        rt.run(answering_with({chat_completion({{"answer", "done"}, {"password", password}})}), p);
    }
    BOOST_REQUIRE(!sizes.empty());
    BOOST_TEST(sizes.size() > 1u);
    for (auto n : sizes) BOOST_TEST(n <= 2u);
}

BOOST_AUTO_TEST_CASE(headers_for_telemetry_are_percent_encoded) {
    ::setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1", 1);
    ::setenv("OTEL_EXPORTER_OTLP_HEADERS", "Authorization=Basic%20dXNlcjpwYXNz%3D%3D, x-team = a%2Cb ,odd=100%,z=%zz",
             1);
    auto o = telemetry_options::from_environment();
    ::unsetenv("OTEL_EXPORTER_OTLP_ENDPOINT");
    ::unsetenv("OTEL_EXPORTER_OTLP_HEADERS");
    BOOST_REQUIRE(o.has_value());
    std::vector<std::string> got;
    for (const auto& [name, value] : o->credentials) got.push_back(name + ": " + std::string{value.reveal()});
    std::vector<std::string> wanted{"Authorization: Basic dXNlcjpwYXNz==", "x-team: a,b", "odd: 100%", "z: %zz"};
    BOOST_TEST(got == wanted, boost::test_tools::per_element());
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
    rt.run(answering_with({chat_completion({{"answer", "a\nb \"c\" info run_ends run=forged"}})}), ask,
           "message"_f = "x\r\ny {} {0}");
    for (const auto& l : w.lines())
        BOOST_TEST((l.find("info") == 0 || l.find("debug") == 0 || l.find("trace") == 0), l);
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
