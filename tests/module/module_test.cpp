#include "support/scripted_openai.hpp"

#include <reagent/reagent.hpp>

#include <boost/asio/steady_timer.hpp>
#include <boost/test/unit_test.hpp>

using namespace reagent;
using namespace reagent::test;
using namespace reagent::literals;

namespace {

enum class urgency { low, medium, high };
struct classify {
    static constexpr auto instructions = "Classify a customer support message.";
    struct input {
        std::string message;
    };
    struct output {
        std::string intent;
        urgency level;
        field<double, "how sure, from 0 to 1", range{0, 1}> confidence;
    };
};

std::vector<std::string> one_text() { return {"x"}; }
std::array<const char*, 2> two_letters() { return {"x", "y"}; }

using qa_signature = sig<"context: list[str], question -> answer: int">;

class answerer : public module {
    chain_of_thought<sig<"question -> answer">> answer{*this, "answer"};

public:
    using module::module;
    task<std::string> forward(run& r, std::string question) const {
        auto p = co_await answer(r, "question"_f = question);
        co_return p.get<"answer">();
    }
};

class router : public module {
    predict<classify> triage{*this, "triage"};
    answerer first{*this, "first"};

public:
    using module::module;
    task<std::string> forward(run& r, std::string message) const {
        auto t = co_await triage(r, "message"_f = message);
        if (t->level != urgency::high) co_return "later";
        co_return co_await first.forward(r, message);
    }
};

class desk : public module {
    router route{*this, "route"};

public:
    task<std::string> forward(run& r, std::string message) const { co_return co_await route.forward(r, message); }
};

const auto classified = chat_completion({{"intent", "delivery"}, {"level", "high"}, {"confidence", 0.9}});
const auto reasoned_out = chat_completion({{"reasoning", "because"}, {"answer", "tomorrow"}});

}  // namespace

BOOST_AUTO_TEST_SUITE(modules)

BOOST_AUTO_TEST_CASE(predict_takes_inputs_in_every_shape) {
    std::vector<std::string> replies(7, chat_completion({{"answer", 3}}));
    auto model = scripted_model::texts(replies);
    struct program {
        task<std::int64_t> forward(run& r) const {
            predict<qa_signature> qa;
            std::vector<std::string> passages{"a", "b"};
            std::string question = "How many?";
            std::int64_t sum = 0;
            auto p = co_await qa(r, "question"_f = "How many?", "context"_f = passages);
            sum += p.get<"answer">();
            p = co_await qa(r, "context"_f = one_text(), "question"_f = question);
            sum += p.get<"answer">();
            p = co_await qa(r, passages, "How many?");
            sum += p.get<"answer">();
            p = co_await qa(r, passages, std::string{"temporary"} + question);
            sum += p.get<"answer">();
            auto letters = two_letters();
            p = co_await qa(r, "context"_f = letters, "question"_f = std::string_view{question});
            sum += p.get<"answer">();
            json::value dynamic = json::parse("[\"x\"]");
            p = co_await qa(r, "context"_f = dynamic, "question"_f = question);
            sum += p.get<"answer">();
            auto late = qa(r, "context"_f = passages, "question"_f = std::string{"gone before it is awaited"});
            p = co_await std::move(late);
            sum += p.get<"answer">();
            co_return sum;
        }
    };
    runtime rt;
    BOOST_TEST(rt.run(language_model{model}, program{}) == 21);
    for (const auto& r : model->requests())
        BOOST_TEST(r.messages.back().content.find("[[ ## context ## ]]\n[\"") != std::string::npos);
    BOOST_TEST(model->requests()[6].messages.back().content.find("gone before it is awaited") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_struct_signature_gives_a_struct) {
    runtime rt;
    struct program {
        task<double> forward(run& r) const {
            predict<classify> triage;
            classify::input in{"Where is my parcel?"};
            auto t = co_await triage(r, in);
            BOOST_TEST((t->level == urgency::high));
            BOOST_TEST(t.get<"intent">() == "delivery");
            BOOST_TEST((*t).intent == "delivery");
            BOOST_TEST(t.to_json().at("level").as_string() == "high");
            co_return t->confidence;
        }
    };
    BOOST_TEST(rt.run(language_model{scripted_model::texts({classified})}, program{}) == 0.9);
}

BOOST_AUTO_TEST_CASE(programs_are_composed_two_levels_deep) {
    auto model = scripted_model::texts({classified, reasoned_out});
    runtime rt;
    auto o = rt.execute(language_model{model}, desk{}, "Where is my parcel?");
    BOOST_TEST(o.value == "tomorrow");
    const auto& events = o.report.history->events();
    BOOST_TEST(events[0].path == "route.triage");
    BOOST_TEST(events[1].path == "route.first.answer.predict");
    BOOST_TEST(model->requests()[0].messages[0].content.find("Classify a customer support message.") !=
               std::string::npos);
    BOOST_TEST(model->requests()[1].messages[0].content.find("`reasoning`") != std::string::npos);
    desk d;
    BOOST_REQUIRE(d.children().size() == 1u);
    BOOST_TEST(d.children()[0]->children()[0]->path() == "route.triage");
}

BOOST_AUTO_TEST_CASE(parameters_are_data) {
    parameters p;
    auto& triage = p.predictors["route.triage"];
    triage.instructions = "Sort it.";
    triage.demos = {json::object{{"message", "hello"}, {"intent", "greeting"}, {"level", "low"}, {"confidence", 1}}};
    triage.descriptions["intent"] = "what they want";
    auto special = scripted_model::texts({reasoned_out});
    p.predictors["route.first.answer.predict"].lm = language_model{special};
    auto model = scripted_model::texts({classified, classified, reasoned_out});
    run_options with{language_model{model}};
    with.parameters = std::make_shared<const parameters>(p);
    desk d;
    runtime rt;
    BOOST_TEST(rt.run(with, d, "a") == "tomorrow");
    BOOST_TEST(rt.run(language_model{model}, d, "a") == "tomorrow");  // the module itself has not changed
    auto requests = model->requests();
    BOOST_TEST(requests[0].messages.size() == 4u);
    BOOST_TEST(requests[0].messages[0].content.find("Sort it.") != std::string::npos);
    BOOST_TEST(requests[0].messages[0].content.find("what they want") != std::string::npos);
    BOOST_TEST(requests[0].messages[2].content.find("greeting") != std::string::npos);
    BOOST_TEST(requests[1].messages.size() == 2u);
    BOOST_TEST(special->requests().size() == 1u);
}

BOOST_AUTO_TEST_CASE(an_unreadable_chat_completion_is_asked_for_again_as_json) {
    auto model = scripted_model::texts({"I think it is three.", "{\"answer\": 3}"}, true);
    runtime rt;
    predict<qa_signature> qa;
    auto p = rt.run(language_model{model}, qa, std::vector<std::string>{}, "How many?");
    BOOST_TEST(p.get<"answer">() == 3);
    auto requests = model->requests();
    BOOST_TEST(!requests[0].outputs_schema.has_value());
    BOOST_TEST(requests[1].outputs_schema.has_value());
    const auto& m = requests[1].messages;
    BOOST_TEST(m[m.size() - 2].content == "I think it is three.");
    BOOST_TEST(m.back().content.find("missing `answer`") != std::string::npos);

    run_options strict{language_model{scripted_model::texts({"nothing", "{\"answer\": 3}"})}};
    strict.max_retries = 0;
    BOOST_CHECK_THROW(rt.run(strict, qa, std::vector<std::string>{}, "?"), parse_error);
    try {
        auto never = scripted_model::texts({"nothing", "still nothing", "no", "never"});
        rt.run(language_model{never}, qa, std::vector<std::string>{}, "?");
        BOOST_ERROR("was read");
    } catch (const parse_error& e) {
        BOOST_TEST(e.completion() == "never");
        BOOST_REQUIRE(e.attempts().size() == 4u);
        BOOST_TEST(e.attempts()[1].completion == "still nothing");
        BOOST_TEST(e.attempts()[1].violations.size() == 1u);
    }
}

BOOST_AUTO_TEST_CASE(a_server_without_structured_output_is_asked_again_without_it) {
    auto model = scripted_model::texts({"{\"answer\": 3}"}, true);
    model->failures[0] = std::make_exception_ptr(lm_error{lm_errc::invalid_request, "unknown field response_format"});
    run_options o{language_model{model}};
    o.adapter = adapter::json;
    runtime rt;
    predict<qa_signature> qa;
    auto p = rt.run(o, qa, std::vector<std::string>{}, "How many?");
    BOOST_TEST(p.get<"answer">() == 3);
    auto requests = model->requests();
    BOOST_REQUIRE(requests.size() == 2u);
    BOOST_TEST(requests[0].outputs_schema.has_value());
    BOOST_TEST(!requests[1].outputs_schema.has_value());
}

BOOST_AUTO_TEST_CASE(hints_and_reasoning) {
    auto model = scripted_model::texts({reasoned_out});
    runtime rt;
    chain_of_thought_with_hint<sig<"question -> answer">> cot;
    auto p = rt.run(language_model{model}, cot, hint{"look at the calendar"}, "When?");
    BOOST_TEST(p.reasoning() == "because");
    BOOST_TEST(p.get<"reasoning">() == "because");
    BOOST_TEST(p.get<"answer">() == "tomorrow");
    BOOST_TEST(model->requests()[0].messages.back().content.find("[[ ## hint ## ]]\nlook at the calendar") !=
               std::string::npos);
}

BOOST_AUTO_TEST_CASE(wrong_inputs_of_a_dynamic_predictor_are_refused_before_the_call) {
    auto model = scripted_model::texts({});
    struct program {
        predictor p{parse_signature("question -> answer")};
        task<json::object> forward(run& r, json::object inputs) const { return p.call(r, inputs); }
    } dynamic;
    runtime rt;
    BOOST_CHECK_THROW(rt.run(language_model{model}, dynamic, json::object{}), signature_error);
    try {
        rt.run(language_model{model}, dynamic, json::object{{"question", "a"}, {"qestion", "b"}});
        BOOST_ERROR("was accepted");
    } catch (const signature_error& e) {
        BOOST_TEST(e.hint().find("`question`") != std::string::npos);
    }
    BOOST_TEST(model->requests().empty());
}

BOOST_AUTO_TEST_CASE(parallel_returns_a_tuple_and_the_first_failure) {
    struct program {
        task<int> forward(run& r) const {
            auto one = [](run&) -> task<int> { co_return 1; };
            auto text = [](run& own) -> task<std::string> { co_return own.branch_name(); };
            auto nothing = [](run&) -> task<void> { co_return; };
            auto [a, b, c] = co_await parallel(r, one, text, nothing);
            BOOST_TEST(b == "1");
            auto fails = [](run&) -> task<int> {
                throw std::logic_error{"own"};
                co_return 0;
            };
            auto waits = [](run&) -> task<int> {
                boost::asio::steady_timer timer{co_await boost::asio::this_coro::executor, std::chrono::hours{1}};
                co_await timer.async_wait(boost::asio::use_awaitable);
                co_return 1;
            };
            bool thrown = false;
            try {
                co_await parallel(r, waits, fails);
            } catch (const std::logic_error&) {
                thrown = true;
            }
            BOOST_TEST(thrown);
            std::vector<int> none;
            auto twice = [](run&, int i) -> task<int> { co_return 2 * i; };
            auto empty = co_await parallel_map(r, none, twice);
            BOOST_TEST(empty.empty());
            std::vector<int> many(100, 2);
            parallel_options few{.max_concurrency = 3};
            auto all = co_await parallel_map(r, many, twice, few);
            BOOST_TEST(all.size() == 100u);
            co_return a;
        }
    };
    runtime rt;
    BOOST_TEST(rt.run(run_options{}, program{}) == 1);
}

BOOST_AUTO_TEST_CASE(children_have_names_of_their_own) {
    struct twice : module {
        answerer a{*this, "same"};
        answerer b{*this, "same"};
    };
    BOOST_CHECK_THROW(twice{}, std::invalid_argument);
    struct dotted : module {
        answerer a{*this, "a.b"};
    };
    BOOST_CHECK_THROW(dotted{}, std::invalid_argument);
}

BOOST_AUTO_TEST_SUITE_END()
