// Outputs that do not parse or break a constraint go back to the model.
#include "support/scripted_openai.hpp"

#include <reagent/reagent.hpp>

#include <boost/test/unit_test.hpp>

using namespace reagent;
using namespace reagent::test;
using namespace reagent::literals;

namespace {

enum class mood { calm, angry };
struct stay {
    int from, to;
    std::string validate() const { return from <= to ? "" : "`from` must not be after `to`"; }
};
struct guest {
    field<std::string, "", length{2, 10}> name;
    field<int, "", range{0, 120}> age;
    std::optional<stay> visit;
    std::vector<violation> validate() const {
        if (age.value < 18 && visit) return {{"$.visit", "nobody under 18 stays alone"}};
        return {};
    }
};
struct booking {
    static constexpr auto instructions = "Read a booking.";
    struct input {
        std::string text;
    };
    struct output {
        field<std::vector<guest>, "", items{1, 3}> guests;
        mood temper;
        field<std::string, "", pattern{"^[A-Z]{2}[0-9]+$"}> code;
        field<double, "", range{0, 1}> confidence;
        std::optional<std::string> validate() const {
            if (code.value == "XX0") return "`code` XX0 is reserved";
            return std::nullopt;
        }
    };
};

std::string answer(const std::string& guests, const std::string& temper = "calm", const std::string& code = "AB1",
                   const std::string& confidence = "0.5") {
    return "[[ ## guests ## ]]\n" + guests + "\n\n[[ ## temper ## ]]\n" + temper + "\n\n[[ ## code ## ]]\n" + code +
           "\n\n[[ ## confidence ## ]]\n" + confidence + "\n\n[[ ## completed ## ]]";
}
const std::string good_guest = R"({"name": "Ingrid", "age": 30, "visit": {"from": 1, "to": 3}})";
const std::string good = R"({"guests": [)" + good_guest + R"(], "temper": "calm", "code": "AB1", "confidence": 0.5})";

// What the model is told after its first answer.
std::string complaint_about(const std::string& first) {
    auto model = scripted_model::texts({first, good});
    runtime rt;
    predict<booking> p;
    auto read = rt.run(language_model{model}, p, "text"_f = "x");
    BOOST_TEST(read->guests.value.at(0).name.value == "Ingrid");
    auto requests = model->requests();
    BOOST_REQUIRE(requests.size() == 2u);
    const auto& m = requests[1].messages;
    BOOST_TEST(m[m.size() - 2].content == first);
    BOOST_TEST((m[m.size() - 2].role == role::assistant));
    return m.back().content;
}

void has(const std::string& text, std::initializer_list<const char*> parts) {
    for (const char* part : parts)
        BOOST_TEST(text.find(part) != std::string::npos, "\"" << part << "\" is missing in: " << text);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(validated_output)

BOOST_AUTO_TEST_CASE(every_violation_is_told_with_its_path) {
    has(complaint_about(
            answer(R"([{"name": "I", "age": 130, "visit": null}, {"age": 1, "visit": null}])", "furious", "ab1", "7")),
        {"guests[0].name: ", "guests[0].age: ", "guests[1].name: ", "temper: expected one of calm, angry",
         "code: ", "confidence: "});
    has(complaint_about(answer("[]")), {"guests: ", "at least 1"});
    has(complaint_about(answer("[" + good_guest + "," + good_guest + "," + good_guest + "," + good_guest + "]")),
        {"guests: ", "at most 3"});
    has(complaint_about("I do not know."), {"missing `guests`"});
    has(complaint_about(answer("twenty", "calm", "AB1", "high")), {"guests: ", "confidence: "});
}

BOOST_AUTO_TEST_CASE(a_struct_may_check_itself) {
    has(complaint_about(answer(R"([{"name": "Ingrid", "age": 30, "visit": {"from": 5, "to": 3}}])")),
        {"guests[0].visit: `from` must not be after `to`"});
    has(complaint_about(answer(R"([{"name": "Ingrid", "age": 3, "visit": {"from": 1, "to": 3}}])")),
        {"guests[0].visit: nobody under 18 stays alone"});
    has(complaint_about(answer("[" + good_guest + "]", "calm", "XX0")), {"`code` XX0 is reserved"});
    BOOST_TEST(try_from_json<stay>(json::parse(R"({"from": 2, "to": 1})"))
                   .violations.at(0)
                   .message.find("must not be after") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(integers_that_do_not_fit_their_type_go_back_too) {
    struct tiny {
        struct input {
            std::string text;
        };
        struct output {
            std::uint8_t n;
        };
    };
    auto model = scripted_model::texts({chat_completion({{"n", 300}}), R"({"n": 30})"});
    runtime rt;
    predict<tiny> p;
    BOOST_TEST(rt.run(language_model{model}, p, "text"_f = "x")->n == 30);
    has(model->requests()[1].messages.back().content, {"n: ", "8 bits"});
}

BOOST_AUTO_TEST_CASE(attempts_are_bounded_and_all_of_them_are_in_the_error) {
    for (std::size_t retries : {0u, 1u, 3u, 5u}) {
        std::vector<std::string> replies;
        for (std::size_t i = 0; i <= retries; ++i)
            replies.push_back(chat_completion({{"n", "no number " + std::to_string(i)}}));
        auto model = scripted_model::texts(replies);
        run_options options{language_model{model}};
        options.max_retries = retries;
        options.json_fallback = false;
        runtime rt;
        predict<sig<"text -> n: int">> p;
        try {
            rt.run(options, p, "text"_f = "x");
            BOOST_ERROR("was read");
        } catch (const parse_error& e) {
            BOOST_TEST((e.code() == adapter_errc::bad_value));
            BOOST_TEST(e.details().path == "n");
            BOOST_REQUIRE(e.attempts().size() == retries + 1);
            BOOST_TEST(e.attempts()[retries].completion == replies[retries]);
            BOOST_TEST(e.attempts()[0].violations.at(0).first == "n");
        }
        BOOST_TEST(model->requests().size() == retries + 1);
        // Each request shows everything that was rejected before it.
        BOOST_TEST(model->requests().back().messages.size() == 2 + 2 * retries);
    }
}

BOOST_AUTO_TEST_CASE(chain_of_thought_and_agents_validate_too) {
    runtime rt;
    chain_of_thought<sig<"text -> n: int">> cot;
    auto model =
        scripted_model::texts({chat_completion({{"reasoning", "r"}, {"n", "many"}}), R"({"reasoning": "s", "n": 4})"});
    auto thought = rt.run(language_model{model}, cot, "text"_f = "x");
    BOOST_TEST(thought.get<"n">() == 4);
    BOOST_TEST(thought.reasoning() == "s");

    int calls = 0;
    tools t;
    t.add("look", "Looks.", [&calls]() -> task<std::string> {
        ++calls;
        co_return "seven guests";
    });
    react<booking> agent{t};
    auto step =
        chat_completion({{"next_thought", "look"}, {"next_tool_name", "look"}, {"next_tool_args", json::object{}}});
    auto finish =
        chat_completion({{"next_thought", "done"}, {"next_tool_name", "finish"}, {"next_tool_args", json::object{}}});
    auto extraction =
        "[[ ## reasoning ## ]]\nr\n\n" + answer(R"([{"name": "Ingrid", "age": 30, "visit": {"from": 5, "to": 3}}])");
    auto last = R"({"reasoning": "r", )" + good.substr(1);
    auto script = scripted_model::texts({step, finish, extraction, last});
    auto found = rt.run(language_model{script}, agent, "text"_f = "x");
    BOOST_TEST(found->guests.value.size() == 1u);
    BOOST_TEST(calls == 1);
    has(script->requests()[3].messages.back().content, {"guests[0].visit: `from` must not be after `to`"});
}

BOOST_AUTO_TEST_CASE(constraints_stand_in_the_schema_and_in_the_prompt) {
    auto model = scripted_model::texts({good}, true);
    run_options options{language_model{model}};
    options.adapter = adapter::json;
    runtime rt;
    predict<booking> p;
    rt.run(options, p, "text"_f = "x");
    auto requests = model->requests();
    auto schema = json::serialize(*requests[0].outputs_schema);
    has(schema, {R"("minItems":1)", R"("maxItems":3)", R"("minLength":2)", R"("maximum":120)",
                 R"("enum":["calm","angry"])", "^[A-Z]{2}[0-9]+$"});
    for (auto a : {adapter::chat, adapter::json, adapter::xml}) {
        prompt_template t{a, signature_traits<booking>::get()};
        const std::string system = t.messages({{"text", "x"}}).front().content;
        has(system, {"from 0 to 1", "^[A-Z]{2}[0-9]+$", "maxItems", "minLength", "angry"});
    }
    struct counted {
        struct input {
            std::string text;
        };
        struct output {
            field<std::string, "", length{1, 50}> title;
            field<int, "", at_least{3}> n;
        };
    };
    prompt_template t{adapter::chat, signature_traits<counted>::get()};
    has(t.messages({{"text", "x"}}).front().content, {"text, of 1 to 50 characters", "one integer, at least 3"});
}

BOOST_AUTO_TEST_CASE(an_answer_to_a_retry_may_be_in_the_first_format) {
    auto model = scripted_model::texts({chat_completion({{"n", "many"}}), chat_completion({{"n", 5}})});
    runtime rt;
    predict<sig<"text -> n: int">> p;
    BOOST_TEST(rt.run(language_model{model}, p, "text"_f = "x").get<"n">() == 5);
    auto xml = scripted_model::texts({"<n>many</n>", "<n>5</n>"});
    run_options options{language_model{xml}};
    options.adapter = adapter::xml;
    BOOST_TEST(rt.run(options, p, "text"_f = "x").get<"n">() == 5);
    has(xml->requests()[1].messages.back().content, {"nothing but the JSON object"});
}

BOOST_AUTO_TEST_CASE(a_retry_keeps_the_format_where_it_is_asked_to) {
    for (auto a : {adapter::chat, adapter::json, adapter::xml}) {
        auto model = scripted_model::texts({"nothing", a == adapter::chat   ? chat_completion({{"n", 3}})
                                                       : a == adapter::json ? std::string{"{\"n\": 3}"}
                                                                            : std::string{"<n>3</n>"}});
        run_options options{language_model{model}};
        options.adapter = a;
        options.json_fallback = false;
        runtime rt;
        predict<sig<"text -> n: int">> p;
        BOOST_TEST(rt.run(options, p, "text"_f = "x").get<"n">() == 3);
        has(model->requests()[1].messages.back().content, {a == adapter::chat   ? "under its marker"
                                                           : a == adapter::json ? "nothing but the JSON object"
                                                                                : "in its element"});
    }
}

BOOST_AUTO_TEST_CASE(an_output_called_completed_is_asked_for_as_json) {
    predict<sig<"order -> completed: bool">> p;
    auto model = scripted_model::texts({R"({"completed": true})"});
    runtime rt;
    BOOST_TEST(rt.run(language_model{model}, p, "order"_f = "7").get<"completed">());
    BOOST_TEST(model->requests().size() == 1u);
}
BOOST_AUTO_TEST_SUITE_END()
