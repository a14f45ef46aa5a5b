// What goes through a proxy, and what never does.
#include "../../sdk/src/http/proxy.hpp"
#include "../../sdk/src/http/url.hpp"

#include <boost/test/unit_test.hpp>

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <unistd.h>

#include <map>

using namespace reagent;

namespace {

bool goes_through(const std::string& url, const std::optional<std::string>& given = "http://proxy.example:3128",
                  const std::map<std::string, std::string>& environment = {}) {
    auto get = [&](const char* name) {
        auto found = environment.find(name);
        return found == environment.end() ? nullptr : found->second.c_str();
    };
    return http::proxy_for(http::parse_url(url), given, get).has_value();
}

std::vector<std::string> addresses_of_this_machine() {
    std::vector<std::string> hosts;
    ifaddrs* first = nullptr;
    BOOST_REQUIRE(::getifaddrs(&first) == 0);
    for (auto* i = first; i; i = i->ifa_next) {
        char text[INET6_ADDRSTRLEN];
        if (!i->ifa_addr) continue;
        if (i->ifa_addr->sa_family == AF_INET)
            hosts.push_back(
                ::inet_ntop(AF_INET, &reinterpret_cast<sockaddr_in*>(i->ifa_addr)->sin_addr, text, sizeof text));
        else if (i->ifa_addr->sa_family == AF_INET6)
            hosts.push_back("[" +
                            std::string{::inet_ntop(AF_INET6, &reinterpret_cast<sockaddr_in6*>(i->ifa_addr)->sin6_addr,
                                                    text, sizeof text)} +
                            "]");
    }
    ::freeifaddrs(first);
    return hosts;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(proxy)

BOOST_AUTO_TEST_CASE(no_address_of_this_machine_goes_through_a_proxy) {
    auto hosts = addresses_of_this_machine();
    BOOST_TEST(!hosts.empty());
    char name[256] = {};
    ::gethostname(name, sizeof name - 1);
    hosts.insert(hosts.end(), {"localhost", "LOCALHOST", "api.localhost", "a.b.localhost", "127.0.0.1", "127.9.9.9",
                               "0.0.0.0", "[::]", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:0.0.0.0]"});
    if (*name) hosts.push_back(name);
    for (const auto& host : hosts) {
        BOOST_TEST(!goes_through("http://" + host + ":8080/v1"), host);
        BOOST_TEST(!goes_through("https://" + host + "/v1", {}, {{"https_proxy", "http://proxy.example:3128"}}), host);
    }
    for (const char* host :
         {"models.example", "localhost.example", "notlocalhost", "192.0.2.7", "[2001:db8::7]", "[::ffff:192.0.2.7]"})
        BOOST_TEST(goes_through(std::string{"http://"} + host + "/v1"), host);
}

BOOST_AUTO_TEST_CASE(an_exception_names_hosts_ports_and_what_is_below_a_name) {
    auto passes = [](const char* url, const char* no_proxy) {
        return goes_through(url, {}, {{"http_proxy", "proxy.example"}, {"no_proxy", no_proxy}});
    };
    BOOST_TEST(passes("http://models.example/", "other.example"));
    BOOST_TEST(!passes("http://models.example/", "other.example, models.example"));
    BOOST_TEST(!passes("http://a.models.example/", ".models.example"));
    BOOST_TEST(passes("http://mymodels.example/", "models.example"));
    BOOST_TEST(!passes("http://models.example:8080/", "models.example:8080"));
    BOOST_TEST(passes("http://models.example/", "models.example:8080"));
    BOOST_TEST(!passes("http://models.example/", "*"));
    BOOST_TEST(!goes_through("http://models.example/", ""));
}

BOOST_AUTO_TEST_SUITE_END()
