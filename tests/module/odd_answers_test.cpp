// What a predictor makes of answers that are none: nothing is read from them, whatever they hold.
#include "support/scripted_openai.hpp"

#include <reagent/reagent.hpp>

#include <boost/test/unit_test.hpp>

using namespace reagent;
using namespace reagent::test;
using namespace reagent::literals;

namespace {

lm_response answer(std::string text, finish_reason finish = finish_reason::stop) {
    lm_response r;
    r.text = std::move(text);
    r.finish = finish;
    return r;
}
const std::string good = "[[ ## answer ## ]]\n1250\n\n[[ ## completed ## ]]";
const std::string cut_off = "[[ ## answer ## ]]\n12";

struct outcome {
    std::int64_t value = 0;
    std::string error;
    boost::system::error_code code{};
    std::vector<lm_request> requests;
};
outcome ask(std::vector<lm_response> replies, run_options o = {}) {
    auto model = std::make_shared<scripted_model>(std::move(replies));
    predict<sig<"question -> answer: int">> p;
    o.lm = language_model{model};
    outcome out;
    try {
        runtime rt;
        auto r = rt.run(o, p, "question"_f = "?");
        out.value = r.get<"answer">();
    } catch (const error& e) {
        out.error = e.what();
        out.code = e.code();
    }
    out.requests = model->requests();
    return out;
}
bool holds(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

}  // namespace

BOOST_AUTO_TEST_SUITE(odd_completions)

BOOST_AUTO_TEST_CASE(nothing_is_taken_from_an_answer_that_was_cut_off) {
    run_options o;
    o.sampling.max_tokens = 50;
    auto r = ask({answer(cut_off, finish_reason::length), answer(good, finish_reason::length), answer(good)}, o);
    BOOST_TEST(r.value == 1250, r.error);
    BOOST_REQUIRE(r.requests.size() == 3u);
    BOOST_TEST(*r.requests[1].sampling.max_tokens == 100u);
    BOOST_TEST(*r.requests[2].sampling.max_tokens == 200u);
    BOOST_TEST(holds(r.requests[1].messages.back().content, "cut off by the limit of tokens"));
    r = ask({answer(cut_off, finish_reason::length), answer(good)});
    BOOST_TEST(r.value == 1250, r.error);
    BOOST_TEST(!r.requests[1].sampling.max_tokens);
    o.max_retries = 1;
    r = ask({answer(good, finish_reason::length), answer(good, finish_reason::length)}, o);
    BOOST_TEST((holds(r.error, "cut off") && holds(r.error, "raise max_tokens")), r.error);
    // No more than the bound, and no less than what was set.
    o.sampling.max_tokens = 100'000;
    BOOST_TEST(*ask({answer(cut_off, finish_reason::length), answer(good)}, o).requests[1].sampling.max_tokens ==
               131'072u);
    o.sampling.max_tokens = 200'000;
    BOOST_TEST(*ask({answer(cut_off, finish_reason::length), answer(good)}, o).requests[1].sampling.max_tokens ==
               200'000u);
}

BOOST_AUTO_TEST_CASE(a_provider_that_refuses_more_tokens_is_named_in_the_error) {
    auto model =
        std::make_shared<scripted_model>(std::vector<lm_response>{answer(good, finish_reason::length), answer(good)});
    model->failures[1] = std::make_exception_ptr(lm_error{lm_errc::invalid_request, "max_tokens is too large"});
    run_options o{language_model{model}};
    o.sampling.max_tokens = 50;
    predict<sig<"question -> answer: int">> p;
    runtime rt;
    BOOST_CHECK_EXCEPTION(rt.run(o, p, "question"_f = "?"), parse_error,
                          [](const parse_error& e) { return holds(e.what(), "the provider refuses max_tokens 100"); });
}

BOOST_AUTO_TEST_CASE(what_ended_otherwise_than_by_the_model_is_asked_for_again) {
    for (auto reason : {finish_reason::error, finish_reason::other, finish_reason::malformed_call}) {
        auto r = ask({answer("[[ ## answer ## ]]\n12\n[[ ## completed ## ]]", reason), answer(good)});
        BOOST_TEST(r.value == 1250, r.error);
        BOOST_REQUIRE(r.requests.size() == 2u);
        BOOST_TEST(r.requests[1].messages.size() ==
                   r.requests[0].messages.size());  // it is not shown as the model's own
        BOOST_TEST(holds(r.requests[1].messages.back().content, "not accepted"));
    }
}

BOOST_AUTO_TEST_CASE(what_a_filter_withholds_is_no_answer) {
    auto r = ask({answer(good, finish_reason::content_filter), answer(good)});
    BOOST_TEST((r.code == lm_errc::content_filter), r.error);
    BOOST_TEST(r.requests.size() == 1u);
}

// Asked for JSON after a wrong value, a model that goes on in prose does not hide what was wrong.
BOOST_AUTO_TEST_CASE(an_error_names_the_value_that_was_wrong) {
    run_options few;
    few.max_retries = 2;
    auto r = ask(
        {answer("[[ ## answer ## ]]\n1,234\n[[ ## completed ## ]]"), answer("It is 1,234."), answer("It is 1,234.")},
        few);
    BOOST_TEST(holds(r.error, "`answer`"), r.error);
    BOOST_TEST(holds(r.error, "1,234"), r.error);
    BOOST_TEST(holds(r.error, "no JSON object"), r.error);
    BOOST_TEST((r.code == adapter_errc::bad_value));
}

BOOST_AUTO_TEST_CASE(a_blank_completion_is_not_sent_back) {
    for (const char* blank : {"", " \n\t"}) {
        auto r = ask({answer(blank), answer(blank), answer(good)});
        BOOST_TEST(r.value == 1250, r.error);
        BOOST_REQUIRE(r.requests.size() == 3u);
        for (const auto& m : r.requests[2].messages) BOOST_TEST(holds(m.content, "e"));
        for (std::size_t i = 1; i < r.requests[2].messages.size(); ++i)
            BOOST_TEST((r.requests[2].messages[i].role != r.requests[2].messages[i - 1].role));
    }
}

BOOST_AUTO_TEST_SUITE_END()
