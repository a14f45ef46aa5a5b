// An address means what it says, to the client and to whoever checks it before.
#include <reagent/error.hpp>
#include <reagent/http/client.hpp>

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

using namespace reagent;

namespace {

struct address {
    const char* url;
    const char* host;  // nullptr: refused
    const char* port = "80";
    const char* target = "/";
};
std::ostream& operator<<(std::ostream& out, const address& a) { return out << a.url; }

const address addresses[] = {
    {"http://example.org", "example.org"},
    {"http://EXAMPLE.Org/A", "example.org", "80", "/A"},
    {"HTTP://example.org:/", "example.org"},
    {"http://example.org:0080/", "example.org"},
    {"https://example.org", "example.org", "443"},
    {"http://my_model:8000/v1?a=b#c", "my_model", "8000", "/v1?a=b"},
    {"http://127.0.0.1:1/", "127.0.0.1", "1"},
    {"http://[::1]:65535/", "::1", "65535"},
    {"http://[0:0:0:0:0:0:0:1]/", "::1"},
    {"http://[::FFFF:127.0.0.1]/", "::ffff:127.0.0.1"},
    {"http://example.org?x", "example.org", "80", "/?x"},
    {"http://example.org/%20%0d%0a", "example.org", "80", "/%20%0d%0a"},
    // What would be another host, or another port, to somebody else.
    {"http://h:80%20/", nullptr},
    {"http://h%3a80/", nullptr},
    {"http://127.0.0.1:18801%20/", nullptr},
    {"http://127.0.0.1%20/", nullptr},
    {"http://%31%32%37.0.0.1/", nullptr},
    {"http://h%00.example.org/", nullptr},
    {"http://h%2eexample.org/", nullptr},
    {"http://h%5b/", nullptr},
    {"http://h.:80/", nullptr},
    {"http://127.0.0.1.:80/", nullptr},
    {"http://h../", nullptr},
    {"http://.h/", nullptr},
    {"http://a..b/", nullptr},
    {"http://-/", nullptr},
    {"http://-h/", nullptr},
    {"http://h-/", nullptr},
    {"http://h,i/", nullptr},
    {"http://h;i/", nullptr},
    {"http://h!/", nullptr},
    {"http://(h)/", nullptr},
    {"http://h=i/", nullptr},
    {"http://h$/", nullptr},
    {"http://h~/", nullptr},
    {"http://*/", nullptr},
    {"http://127.1/", nullptr},
    {"http://2130706433/", nullptr},
    {"http://0x7f000001/", nullptr},
    {"http://0x7f.0.0.1/", nullptr},
    {"http://0177.0.0.1/", nullptr},
    {"http://127.0.0.01/", nullptr},
    {"http://127.0.0.256/", nullptr},
    {"http://1.2.3.4.5/", nullptr},
    {"http://example.0x1f/", nullptr},
    {"http://[::1%25lo]/", nullptr},
    {"http://[fe80::1%25eth0]/", nullptr},
    {"http://[v1.x]/", nullptr},
    {"http://[::1/", nullptr},
    {"http://::1/", nullptr},
    {"http://[127.0.0.1]/", nullptr},
    {"http://h:80:80/", nullptr},
    {"http://h:0/", nullptr},
    {"http://h:65536/", nullptr},
    {"http://h:99999999999999999999/", nullptr},
    {"http://h:-1/", nullptr},
    {"http://h:+80/", nullptr},
    {"http://h:8 0/", nullptr},
    {"http://@h/", nullptr},
    {"http://a@h/", nullptr},
    {"http://a:b@h/", nullptr},
    {"http://127.0.0.1:80@h/", nullptr},
    {"http://h\\@i/", nullptr},
    {"http://h\\/", nullptr},
    {"http:\\\\h/", nullptr},
    {"http:/h/", nullptr},
    {"http:h", nullptr},
    {"http:///h", nullptr},
    {"//h/", nullptr},
    {" http://h/", nullptr},
    {"http://h/ ", nullptr},
    {"http://h\t/", nullptr},
    {"http://h\n/", nullptr},
    {"ht\ntp://h/", nullptr},
    {"http://h/a b", nullptr},
    {"http://h/\r\nX: y", nullptr},
    {"http://h/\xc3\xa4", nullptr},
    {"http://\xc3\xa4.example/", nullptr},
    {"http://h\xe3\x80\x82org/", nullptr},
    {"http:// h/", nullptr},
    {"ftp://h/", nullptr},
};

}  // namespace

BOOST_AUTO_TEST_SUITE(http_url)

BOOST_DATA_TEST_CASE(an_address_is_refused_or_means_what_it_says, boost::unit_test::data::make(addresses)) {
    try {
        auto p = http::parse_url(sample.url);
        BOOST_REQUIRE_MESSAGE(sample.host, "taken for host \"" << p.host << "\", port " << p.port);
        BOOST_TEST(p.host == sample.host);
        BOOST_TEST(p.port == sample.port);
        BOOST_TEST(p.target == sample.target);
    } catch (const http_error& e) {
        BOOST_TEST(!sample.host, e.what());
        BOOST_TEST((e.code() == http_errc::bad_url));
    }
}

BOOST_AUTO_TEST_CASE(a_name_has_its_limit) {
    std::string label(63, 'a'), name = label + "." + label + "." + label + "." + std::string(61, 'b');
    BOOST_TEST(http::parse_url("http://" + name + "/").host == name);
    BOOST_CHECK_THROW(http::parse_url("http://" + name + "c/"), http_error);
}

BOOST_AUTO_TEST_SUITE_END()
