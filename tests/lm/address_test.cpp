// Where a request goes, by the model's name and the address that is given; and which settings it takes along.
#include "support/ask.hpp"

#include <reagent/error.hpp>
#include <reagent/lm/catalog.hpp>

#include <boost/json.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

using namespace reagent;
using namespace reagent::test;

namespace {

struct address {
    const char *name, *base, *url;
};
std::ostream& operator<<(std::ostream& out, const address& a) { return out << a.name << " at " << a.base; }

const address addresses[]{{"openai/m", "", "https://api.openai.com/v1/chat/completions"},
                          {"openai/m", "http://h/v1", "http://h/v1/chat/completions"},
                          {"openai/m", "http://h/v1//", "http://h/v1/chat/completions"},
                          {"openai/m", "http://h:8000", "http://h:8000/chat/completions"},
                          {"openai/m", "h:8000/v1", "http://h:8000/v1/chat/completions"},
                          {"openai/a/b", "http://h/v1", "http://h/v1/chat/completions"},
                          {"openai/m", "http://h/v1/?version=2", "http://h/v1/chat/completions?version=(secret)"},
                          {"openai-responses/m", "http://h/v1", "http://h/v1/responses"},
                          {"anthropic/m", "http://h", "http://h/v1/messages"},
                          {"anthropic/m", "http://h/v1/", "http://h/v1/messages"},
                          {"anthropic/m", "http://h/v1?version=2", "http://h/v1/messages?version=(secret)"},
                          {"cohere/m", "http://h/v2", "http://h/v2/chat"},
                          {"gemini/m", "http://h/v1beta", "http://h/v1beta/models/m:generateContent"},
                          {"ollama/m", "h", "http://h:11434/api/chat"},
                          {"ollama/m", "h:1", "http://h:1/api/chat"},
                          {"ollama/m", "http://h", "http://h/api/chat"},
                          {"ollama/m", "http://h/v1", "http://h/api/chat"},
                          {"llamacpp/m", "h", "http://h/chat/completions"}};

}  // namespace

BOOST_AUTO_TEST_SUITE(addresses_of_models)

BOOST_DATA_TEST_CASE(an_address_is_fitted_to_the_protocol, addresses, a) {
    BOOST_TEST(preview(a.name, question("x"), {.api_base = a.base}).url == a.url);
}

BOOST_AUTO_TEST_CASE(the_model_is_what_follows_the_first_slash) {
    BOOST_TEST(preview("openai/a/b", question("x")).body.at("model").as_string() == "a/b");
    for (const char* none : {"openai", "openai/"})
        BOOST_CHECK_EXCEPTION(preview(none, question("x")), lm_error, [](const lm_error& e) {
            return e.code() == lm_errc::unknown_provider &&
                   std::string{e.what()}.find("write openai/MODEL") != std::string::npos;
        });
    BOOST_CHECK_EXCEPTION(preview("nothing-like-it/m", question("x")), lm_error, [](const lm_error& e) {
        return e.code() == lm_errc::unknown_provider &&
               std::string{e.what()}.find("known are offline/demo, openai") != std::string::npos;
    });
}

BOOST_AUTO_TEST_CASE(a_request_wins_over_the_models_settings) {
    const sampling all{.temperature = 0.5,
                       .top_p = 0.25,
                       .max_tokens = 10,
                       .seed = 1,
                       .stop = {"A"},
                       .n = 2,
                       .reasoning_effort = effort::low};
    const sampling others{.temperature = 1,
                          .top_p = 1,
                          .max_tokens = 20,
                          .seed = 2,
                          .stop = {"B"},
                          .n = 3,
                          .reasoning_effort = effort::high};
    auto shown = [](const sampling& s) {
        lm_request r;
        r.sampling = s;
        return json::serialize(to_json(r));
    };
    BOOST_TEST(shown(all.or_else(others)) == shown(all));
    BOOST_TEST(shown(sampling{}.or_else(others)) == shown(others));
    BOOST_TEST(shown(all.or_else({})) == shown(all));
}

BOOST_AUTO_TEST_SUITE_END()
