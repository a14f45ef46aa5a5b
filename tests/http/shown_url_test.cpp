#include <reagent/http/shown_url.hpp>

#include <reagent/error.hpp>
#include <reagent/lm/language_model.hpp>

#include <boost/test/unit_test.hpp>

using namespace reagent;

BOOST_AUTO_TEST_SUITE(shown_urls)

BOOST_AUTO_TEST_CASE(what_is_secret_is_not_shown) {
    struct {
        const char *url, *shown;
    } const cases[]{
        {"http://h/v1", "http://h/v1"},
        {"http://h:80/v1?", "http://h:80/v1"},
        {"http://h/v1?key=K3Y", "http://h/v1?key=(secret)"},
        {"http://h/v1?api-version=2024-05-01&key=K3Y&x", "http://h/v1?api-version=(secret)&key=(secret)&(secret)"},
        {"http://h?K3Y", "http://h?(secret)"},
        {"http://h/a?K3Y==", "http://h/a?K3Y=(secret)"},  // a short name is taken for one
        {"http://h/a?0123456789012345678901234=", "http://h/a?(secret)"},
        {"https://me:K3Y@h:1/v1", "https://(secret)@h:1/v1"},
        {"https://K3Y@h", "https://(secret)@h"},
        {"https://me:K3/Y@h/v1", "https://(secret)@h/v1"},
        {"https://me:K3@Y@h/v1", "https://(secret)@h/v1"},
        {"me:K3Y@h/v1?a=b", "(secret)@h/v1?a=(secret)"},
        {"http://h/@someone/x", "http://h/@someone/x"},
        {"http://[::1]:80/@x", "http://[::1]:80/@x"},
        {"http://h/v1#K3Y", "http://h/v1"},
        {"h?next=http://K3Y@x", "h?next=(secret)"},
        {"no url at all", "no url at all"},
        {"htps://h/v1?api_key=K3Y", "htps://h/v1?api_key=(secret)"},
        {"https:/h/v1?api_key=K3Y", "https:/h/v1?api_key=(secret)"},
        {"https//me:K3Y@h/v1", "(secret)@h/v1"},
        {"http:/me:K3Y@h/v1", "(secret)@h/v1"},
        {"http:///me:K3Y@h/v1", "http://(secret)@h/v1"},
        {"http://me:K3#Y@h/v1", "http://(secret)@h/v1"},
        {"http://me:K3?Y@h/v1", "http://(secret)@h/v1"},
        {"http://h/v1;key=K3Y/chat;v=1?a=b", "http://h/v1;key=(secret)/chat;v=(secret)?a=(secret)"},
        {"http://h/v1;K3Y", "http://h/v1;(secret)"},
        {"http://h/v1&api_key=K3Y", "http://h/v1?api_key=(secret)"},
        {"http://h/v1%3Fapi_key=K3Y", "http://h/v1?api_key=(secret)"},
        {"http://h/v1%3fapi_key%3DK3Y", "http://h/v1?(secret)"},
        {"http://h/v1?a=b?key=K3Y", "http://h/v1?a=(secret)&key=(secret)"},
        {"http://h/q&a/x", "http://h/q&a/x"},
        {"http://h/K3YK3Y/x?key=K3YK3Y", "http://h/(secret)/x?key=(secret)"},
        {"http://h/K3Y%4b3Y/x?key=K3YK3Y", "http://h/(secret)/x?key=(secret)"},
        {"", ""},
    };
    for (const auto& c : cases) BOOST_TEST(http::shown_url(c.url) == c.shown);
}

BOOST_AUTO_TEST_CASE(secrets_are_found_as_given_and_decoded) {
    std::vector<std::string> found;
    for (const auto& s : http::secrets_of_url("http://me:passw%6Frd@h/v1?key=abc%20def&v=1"))
        found.emplace_back(s.reveal());
    std::vector<std::string> expected{"me:passw%6Frd", "me:password", "passw%6Frd", "password", "abc%20def", "abc def"};
    BOOST_TEST(found == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(passwords_of_proxies_are_secrets) {
    std::vector<std::string> found;
    for (const auto& s : http::secrets_of_proxies("http://app:p%40ss@proxy:3128")) found.emplace_back(s.reveal());
    std::vector<std::string> expected{"app:p%40ss", "app:p@ss", "p%40ss", "p@ss"};
    BOOST_TEST(found == expected, boost::test_tools::per_element());
    BOOST_TEST(http::secrets_of_proxies("").empty());
}

BOOST_AUTO_TEST_CASE(targets_stand_before_the_parameters_of_a_base) {
    BOOST_TEST(http::url_below("http://h/v1", "/chat") == "http://h/v1/chat");
    BOOST_TEST(http::url_below("http://h/v1/", "/chat") == "http://h/v1/chat");
    BOOST_TEST(http::url_below("http://h/v1?key=K", "/chat") == "http://h/v1/chat?key=K");
    BOOST_TEST(http::url_below("http://h/v1?key=K", "/chat?alt=sse") == "http://h/v1/chat?alt=sse&key=K");
    BOOST_TEST(http::url_below("http://h?", "/chat") == "http://h/chat");
}

// What is put below it would stand in the fragment, which no server is sent.
BOOST_AUTO_TEST_CASE(a_base_with_a_fragment_is_refused) {
    auto says = [](const http_error& e) {
        std::string told = e.what();
        return e.code() == http_errc::bad_url && told.find("fragment") != told.npos && told.find("hidden") == told.npos;
    };
    for (const char* base : {"http://h/v1#x", "http://h#", "http://h/v1?key=hidden-value#y", "http://h/#hidden"}) {
        BOOST_CHECK_EXCEPTION(http::url_below(base, "/chat"), http_error, says);
        BOOST_CHECK_EXCEPTION((language_model{"openai/m", {.api_base = base}}), http_error, says);
    }
    BOOST_CHECK_NO_THROW((language_model{"openai/m", {.api_base = "http://h/a%23b"}}));
}

BOOST_AUTO_TEST_SUITE_END()
