// What a server's errors do to a run: another attempt, an observation, or the end of the run with the server's words.
// The errors are llama.cpp's llama-server's (0.5.0-dev, b1-0c1e570), byte for byte; its answers are too, but for their
// texts and times.
#include "support/loopback_server.hpp"
#include "support/scripted_openai.hpp"

#include <reagent/reagent.hpp>
#include <reagent/schema/render.hpp>

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <mutex>

using namespace reagent;
using namespace reagent::test;
using namespace reagent::literals;
namespace data = boost::unit_test::data;

namespace {

const std::string misread =
    R"({"error":{"code":500,"message":"The model produced output that does not match the expected peg-native format","type":"server_error"}})";
const std::string not_utf8 =
    R"({"error":{"code":500,"message":"[json.exception.type_error.316] invalid UTF-8 byte at index 60: 0xAC","type":"server_error"}})";
const std::string too_long =
    R"({"error":{"code":400,"message":"request (3052 tokens) exceeds the available context size (1024 tokens), try increasing it",)"
    R"("type":"exceed_context_size_error","n_prompt_tokens":3052,"n_ctx":1024}})";

constexpr const char* of_all = R"("created":1795683304,"model":"tiny.gguf","system_fingerprint":"b1-0c1e570",)";
std::string chunk(const std::string& delta, const std::string& finish = "null") {
    return R"(data: {"choices":[{"finish_reason":)" + finish + R"(,"index":0,"delta":)" + delta + "}]," + of_all +
           R"("id":"chatcmpl-40BJi16UUQZnuj3vFN0SXG8iVMcEvMct","object":"chat.completion.chunk"})" + "\n\n";
}
const std::string begun = chunk(R"({"role":"assistant","content":null})") + chunk(R"({"content":"{"})") +
                          chunk(R"({"content":"\"answer"})") + chunk(R"({"content":"\" :"})") +
                          chunk(R"({"content":"\n\""})");

struct reply {
    std::string content{};
    std::string finish = "stop";
    std::vector<std::pair<std::string, std::string>> calls{};
    std::string error{};
    std::string body{};  // sent as it is
};

json::object message_of(const reply& r) {
    json::object m{{"role", "assistant"}, {"content", r.content}};
    json::array list;
    for (const auto& [name, arguments] : r.calls)
        list.push_back(json::object{{"index", list.size()},
                                    {"type", "function"},
                                    {"function", json::object{{"name", name}, {"arguments", arguments}}},
                                    {"id", "5XLBQp0MLKm3WWyxATkmyqfAGB5Jj4d" + std::to_string(list.size())}});
    if (!list.empty()) m["tool_calls"] = std::move(list);
    return m;
}

server_response sent(const reply& r, bool streamed) {
    if (!r.body.empty()) return {.body = r.body};
    if (!r.error.empty() && !streamed)
        return {.status = static_cast<int>(json::parse(r.error).at("error").at("code").as_int64()), .body = r.error};
    const std::string finish = '"' + (r.calls.empty() ? r.finish : "tool_calls") + '"';
    if (!streamed)
        return {
            .body =
                R"({"choices":[{"finish_reason":)" + finish + R"(,"index":0,"message":)" +
                json::serialize(message_of(r)) + "}]," + of_all +
                R"("object":"chat.completion","usage":{"completion_tokens":21,"prompt_tokens":54,"total_tokens":75},)" +
                R"("id":"chatcmpl-h87pIExo4UFDC7d6gQsBVztOWfBbiIQX"})"};
    // An error behind the beginning of an answer comes as an event.
    std::string body = r.error.empty()
                           ? chunk(json::serialize(message_of(r))) + chunk("{}", finish) + "data: [DONE]\n\n"
                           : begun + "data: " + r.error + "\n\n";
    return {.body = body, .content_type = "text/event-stream"};
}

/// Answers from a list; a request with more bytes of messages than its context holds is refused, and takes no reply.
struct llama {
    explicit llama(std::vector<reply> all, std::size_t context = 1'000'000)
        : server{[this, all = std::move(all), context](const server_request& r) {
              auto body = json::parse(r.body).as_object();
              std::size_t size = 0;
              for (const auto& m : body.at("messages").as_array()) size += json::serialize(m).size();
              std::lock_guard lock{mutex};
              if (size > context) {
                  ++refused;
                  return server_response{.status = 400, .body = too_long};
              }
              requests.push_back(body);
              if (requests.size() > all.size()) return server_response{.status = 404, .body = "{}"};
              return sent(all[requests.size() - 1], body.contains("stream"));
          }} {}

    language_model model() const { return language_model{"llamacpp/tiny", {.api_base = server.url("/v1")}}; }
    std::string said(std::size_t n) const { return json::serialize(requests.at(n).at("messages")); }

    std::mutex mutex;
    std::vector<json::object> requests;  // that were answered
    std::size_t refused = 0;
    loopback_server server;
};

bool holds(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

struct outcome {
    std::string answer, error, notes, shown;
    boost::system::error_code code{};
    std::vector<react_step> steps;
};

template <class Module>
outcome ask(const Module& m, const llama& server, run_options o = {}) {
    outcome out;
    o.lm = server.model();
    o.on_event = [&](const run_event& e) {
        if (e.kind == run_event::note) out.notes += std::string{e.error} + "\n";
        if (e.kind == run_event::piece) out.shown += e.text;
        if (e.kind == run_event::restart) out.shown += "<again>";
    };
    try {
        runtime rt;
        auto p = rt.run(o, m, "question"_f = "?");
        out.answer = p.template get<"answer">();
        if constexpr (requires { p.trajectory(); }) out.steps = p.trajectory();
    } catch (const error& e) {
        out.error = e.what();
        out.code = e.code();
    }
    return out;
}

const predict<sig<"question -> answer">> asked{};
using agent = react<sig<"question -> answer">>;

run_options with(bool stream, adapter a = adapter::json) {
    run_options o;
    o.adapter = a;
    o.stream = stream;
    return o;
}

tools notes_tool(std::string text = "a note") {
    tools t;
    t.add("note", "Gives a note.", [text] { return text; }, {}, {.quick = true});
    return t;
}
std::string step(const std::string& tool) {
    return R"({"next_thought": "So.", "next_tool_name": ")" + tool + R"(", "next_tool_args": {}})";
}
const reply good_chat{.content = "[[ ## answer ## ]]\n42\n\n[[ ## completed ## ]]"};
const reply good{.content = R"({"answer": "42"})"}, extracted{.content = R"({"reasoning": "", "answer": "42"})"};

}  // namespace

BOOST_AUTO_TEST_SUITE(server_errors)

BOOST_DATA_TEST_CASE(an_answer_that_the_server_could_not_read_is_asked_for_again, data::make({false, true}), stream) {
    for (const auto& words : {misread, not_utf8}) {
        llama server{{{.error = words}, good}};
        auto r = ask(asked, server, with(stream));
        BOOST_TEST(r.answer == "42", r.error);
        BOOST_REQUIRE(server.requests.size() == 2u);
        BOOST_TEST(holds(server.said(1), "could not be read"), server.said(1));
        BOOST_TEST(server.requests[1].at("messages").as_array().size() ==
                   server.requests[0].at("messages").as_array().size());
        if (stream) BOOST_TEST(r.shown == "<again>42");
    }
}

BOOST_DATA_TEST_CASE(a_server_that_never_can_read_it_is_the_runs_error, data::make({false, true}), stream) {
    llama server{std::vector<reply>(9, {.error = misread})};
    auto r = ask(asked, server, with(stream));
    BOOST_TEST((r.code == lm_errc::server_error), r.error);
    BOOST_TEST(holds(r.error, "does not match the expected peg-native format"), r.error);
    BOOST_TEST(server.requests.size() == 4u);
    // What is no answer of the model's is no reason to ask again.
    llama failing{
        std::vector<reply>(9, {.error = R"({"error":{"code":500,"message":"Compute error.","type":"server_error"}})"})};
    r = ask(asked, failing, with(stream));
    BOOST_TEST((r.code == lm_errc::server_error), r.error);
    BOOST_TEST(failing.requests.size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_response_of_no_shape_is_asked_for_again) {
    const reply page{.body = "<html>Welcome</html>"};
    llama server{{page, good}};
    auto r = ask(asked, server, with(false));
    BOOST_TEST(r.answer == "42", r.error);
    BOOST_TEST(!holds(server.said(1), "Welcome"));
    llama elsewhere{std::vector<reply>(9, page)};
    r = ask(asked, elsewhere, with(false));
    BOOST_TEST((r.code == lm_errc::malformed_response), r.error);
    BOOST_TEST(holds(r.error, "Welcome"), r.error);
    BOOST_TEST(elsewhere.requests.size() == 4u);
    llama steps{{page, {.content = step("finish")}, page, extracted}};
    BOOST_TEST(ask(agent{notes_tool()}, steps, with(false)).answer == "42");
}

BOOST_DATA_TEST_CASE(an_answer_that_cannot_be_read_is_paid_for, data::make({false, true}), stream) {
    const std::string used = R"("usage":{"prompt_tokens":1000,"completion_tokens":2000})";
    const reply unread{
        .body = stream
                    ? R"(data: {"choices":[{"index":0,"delta":{"content":5},"finish_reason":"stop"}],)" + used + "}\n\n"
                    : R"({"choices":[{"index":0,"message":{"content":5},"finish_reason":"stop"}],)" + used + "}"};
    run_options o = with(stream);
    auto spend = [&](const llama& server, std::optional<std::uint64_t> tokens) {
        run_options of = o;
        of.lm = server.model();
        of.budget.tokens = tokens;
        return of;
    };
    llama server{{unread, good}};
    runtime rt;
    auto first = rt.execute(spend(server, {}), asked, "question"_f = "?");
    BOOST_TEST(first.report.usage.tokens() > 3000u);
    BOOST_TEST(first.report.usage.calls == 2u);
    run_options again = o;
    again.replay = first.report.history;
    BOOST_TEST((rt.execute(again, asked, "question"_f = "?").report.usage == first.report.usage));
    const event failed = first.report.history->events().front();
    const auto read = journal_record_from_json(to_json(journal_record{.what = effect_finished{failed}}));
    BOOST_TEST((std::get<effect_finished>(read.what).what.used == failed.used));
    BOOST_TEST(failed.used.tokens() == 3000u);
    llama poor{{unread, good}};
    BOOST_CHECK_EXCEPTION(rt.run(spend(poor, 2500), asked, "question"_f = "?"), run_error,
                          [](const run_error& e) { return e.code() == run_errc::budget_tokens; });
    // Without a count it is estimated.
    llama silent{{{.body = R"({"choices":[{"index":0,"message":{"content":5},"finish_reason":"stop"}]})"}, good}};
    BOOST_TEST(rt.execute(spend(silent, {}), asked, "question"_f = "?").report.usage.calls == 2u);
}

BOOST_AUTO_TEST_CASE(a_text_without_a_call_counts_as_an_attempt) {
    const reply text{.content = "Let me see."};
    llama server{{text, text}};
    react<sig<"question -> n: int">> counting{notes_tool(), {.mode = react_mode::native}};
    run_options o{server.model()};
    runtime rt;
    BOOST_CHECK_EXCEPTION(rt.run(o, counting, "question"_f = "?"), parse_error, [](const parse_error& e) {
        return holds(e.what(), "got no answer in 2 attempts: it is text without a call, twice");
    });
}

BOOST_DATA_TEST_CASE(a_step_that_the_server_could_not_read_is_an_observation, data::make({false, true}), stream) {
    const reply bad{.error = misread};
    llama server{{bad, {.content = step("note")}, bad, bad, {.content = step("finish")}, bad, extracted}};
    auto r = ask(agent{notes_tool()}, server, with(stream));
    BOOST_TEST(r.answer == "42", r.error);
    BOOST_REQUIRE(r.steps.size() == 3u);
    BOOST_TEST(r.steps[0].tool == "note");
    BOOST_TEST(r.steps[1].failed);
    BOOST_TEST(holds(python_str(r.steps[1].observation), "the server could not read it"),
               python_str(r.steps[1].observation));
    BOOST_TEST(r.steps[2].tool == "finish");
}

BOOST_DATA_TEST_CASE(a_native_round_that_the_server_could_not_read_is_asked_for_again, data::make({false, true}),
                     stream) {
    for (const auto& words : {misread, not_utf8}) {
        const reply bad{.error = words}, call{.calls = {{"note", "{}"}}},
            last{.calls = {{"submit", R"({"answer": "42"})"}}};
        llama server{{bad, call, bad, bad, last}};
        auto r = ask(agent{notes_tool(), {.mode = react_mode::native}}, server, with(stream));
        BOOST_TEST(r.answer == "42", r.error);
        BOOST_TEST(r.steps.size() == 2u);
    }
}

BOOST_DATA_TEST_CASE(an_answer_that_is_sent_back_makes_room_when_the_context_is_full, data::make({false, true}),
                     stream) {
    const std::string endless(3000, 'x');
    for (const char* finish : {"length", "stop"}) {
        llama server{{{endless, finish}, good_chat}, 2500};
        auto r = ask(asked, server, with(stream, adapter::chat));
        BOOST_TEST(r.answer == "42", r.error);
        BOOST_TEST(server.refused == 1u);
        BOOST_REQUIRE(server.requests.size() == 2u);
        BOOST_TEST(!holds(server.said(1), "xxx"));
        BOOST_TEST(holds(server.said(1), "not accepted"));
    }
    // And once it is known that there is none, no further answer is sent back.
    llama server{{{endless, "length"}, {endless, "length"}, good_chat}, 2500};
    BOOST_TEST(ask(asked, server, with(stream, adapter::chat)).answer == "42");
    BOOST_TEST(server.refused == 1u);
}

BOOST_AUTO_TEST_CASE(a_context_without_room_for_another_attempt_says_what_was_wrong_with_the_first) {
    std::size_t prompt = 0;
    {
        llama server{{good}};
        ask(asked, server, with(false));
        for (const auto& m : server.requests.at(0).at("messages").as_array()) prompt += json::serialize(m).size();
    }
    llama server{std::vector<reply>(9, {"{\"answer\": \"4", "length"}), prompt + 10};
    auto r = ask(asked, server, with(false));
    BOOST_TEST((r.code == lm_errc::context_length), r.error);
    BOOST_TEST(holds(r.error, "exceeds the available context size (1024 tokens)"), r.error);
    BOOST_TEST(holds(r.error, "it was cut off by the limit of tokens"), r.error);
    llama small{{good}, prompt - 1};
    r = ask(asked, small, with(false));
    BOOST_TEST((r.code == lm_errc::context_length), r.error);
    BOOST_TEST(small.refused == 1u);
}

BOOST_DATA_TEST_CASE(a_step_that_fills_the_context_is_shortened, data::make({false, true}), native) {
    std::string text = "The beginning. ";
    for (int i = 0; i < 4000; ++i) text += "\xC3\xA9";  // é: no character is cut in two
    auto calls = [&](const char* tool) {
        if (native) return reply{.calls = {{tool, tool == std::string{"submit"} ? R"({"answer": "42"})" : "{}"}}};
        return reply{.content = step(tool)};
    };
    std::vector<reply> replies{calls("note"), calls(native ? "submit" : "finish")};
    if (!native) replies.push_back(extracted);
    llama server{replies, 6000};
    auto r =
        ask(agent{notes_tool(text), {.mode = native ? react_mode::native : react_mode::prompted}}, server, with(false));
    BOOST_TEST(r.answer == "42", r.error);
    BOOST_TEST(server.refused > 0u);
    BOOST_TEST(holds(r.notes, "the context is too long; the last step is shortened in the prompt"), r.notes);
    BOOST_REQUIRE(server.requests.size() >= 2u);
    BOOST_TEST(holds(server.said(1), "The beginning. "));
    BOOST_TEST(holds(server.said(1), "the context has no room for more"), server.said(1));
    BOOST_TEST(!holds(server.said(1), "\xEF\xBF\xBD"));
    BOOST_REQUIRE(!r.steps.empty());
    BOOST_TEST(r.steps[0].observation == json::value(text));  // the trajectory has all of it
}

BOOST_DATA_TEST_CASE(a_prompt_that_never_fits_ends_the_run_with_the_servers_words, data::make({false, true}), native) {
    llama server{{}, 100};
    auto r =
        ask(agent{notes_tool(), {.mode = native ? react_mode::native : react_mode::prompted}}, server, with(false));
    BOOST_TEST((r.code == lm_errc::context_length), r.error);
    BOOST_TEST(holds(r.error, "request (3052 tokens) exceeds the available context size (1024 tokens)"), r.error);
    BOOST_TEST(server.refused == 1u);
}

BOOST_AUTO_TEST_SUITE_END()
