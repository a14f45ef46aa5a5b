// The words of an error are often another's.
#include <reagent/error.hpp>

#include "../../sdk/src/base/utf8.hpp"

#include <boost/test/unit_test.hpp>

using namespace reagent;

BOOST_AUTO_TEST_CASE(what_an_error_says_is_utf8) {
    lm_error e{lm_errc::malformed_response,
               "is no JSON: \xF0\x9F",
               {.attempted = "POST \xFF", .path = "$.\xC3", .provider_message = "gr\xC3", .request_id = "\x80"}};
    BOOST_TEST(e.what() == "is no JSON: \xEF\xBF\xBD\xEF\xBF\xBD");
    for (const auto& words :
         {e.details().attempted, e.details().path, e.details().provider_message, e.details().request_id})
        BOOST_TEST(detail::is_valid_utf8(words));
    BOOST_TEST(e.details().provider_message == "gr\xEF\xBF\xBD");
}
