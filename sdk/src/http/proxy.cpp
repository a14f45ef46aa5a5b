#include "proxy.hpp"

#include <reagent/error.hpp>

#include "../base/base64.hpp"
#include "../base/text.hpp"
#include "url.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/url.hpp>

#include <ifaddrs.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace reagent::http {
namespace {

// An address without its scope, a mapped IPv4 address as what it is.
asio::ip::address plain(const asio::ip::address& a) {
    if (!a.is_v6()) return a;
    if (a.to_v6().is_v4_mapped()) return asio::ip::make_address_v4(asio::ip::v4_mapped, a.to_v6());
    return asio::ip::address_v6{a.to_v6().to_bytes()};
}

std::vector<asio::ip::address> addresses_of_interfaces() {
    std::vector<asio::ip::address> all;
    ifaddrs* first = nullptr;
    if (::getifaddrs(&first) != 0) return all;
    for (auto* i = first; i; i = i->ifa_next) {
        if (!i->ifa_addr) continue;
        asio::ip::tcp::endpoint e;
        if (i->ifa_addr->sa_family == AF_INET)
            std::memcpy(e.data(), i->ifa_addr, sizeof(sockaddr_in));
        else if (i->ifa_addr->sa_family == AF_INET6)
            std::memcpy(e.data(), i->ifa_addr, sizeof(sockaddr_in6));
        else
            continue;
        all.push_back(plain(e.address()));
    }
    ::freeifaddrs(first);
    return all;
}

std::string host_name() {
    char name[256] = {};
    return ::gethostname(name, sizeof name - 1) == 0 ? to_lower(name) : "";
}

bool is_own_machine(const std::string& host) {
    error_code ec;
    auto address = asio::ip::make_address(host, ec);
    // RFC 6761, section 6.3: what ends in ".localhost" is the loopback address too.
    if (ec) return host == "localhost" || host.ends_with(".localhost") || host == host_name();
    address = plain(address);
    if (address.is_loopback() || address.is_unspecified()) return true;
    auto own = addresses_of_interfaces();
    return std::find(own.begin(), own.end(), address) != own.end();
}

// "no_proxy": names separated by commas; a name also stands for what ends in it, "*" for everything.
bool excepted(const url_parts& to, std::string_view list) {
    for (const auto& part : split(list, ',')) {
        std::string name = to_lower(trim(part));
        if (name.empty()) continue;
        if (name == "*") return true;
        if (auto colon = name.rfind(':'); colon != name.npos && name.find(':') == colon) {
            if (name.substr(colon + 1) != to.port) continue;
            name.resize(colon);
        }
        while (!name.empty() && (name.front() == '.' || name.front() == '*')) name.erase(0, 1);
        std::string host = to_lower(to.host);
        if (host == name ||
            (host.size() > name.size() && host.ends_with(name) && host[host.size() - name.size() - 1] == '.'))
            return true;
    }
    return false;
}

proxy_address parse_proxy(const std::string& text) {
    std::string whole = text.find("://") == text.npos ? "http://" + text : text;  // the parsed URL refers to it
    auto parsed = boost::urls::parse_uri(whole);
    // The text may hold a password, so the message does not.
    auto unusable = [](const std::string& why) -> http_error {
        return {http_errc::bad_url, "the proxy's address is not usable" + why +
                                        "; write it as http://host:port (an https or socks proxy is not supported)"};
    };
    if (!parsed || parsed->scheme_id() != boost::urls::scheme::http) throw unusable("");
    std::string_view rest = std::string_view{whole}.substr(whole.find("://") + 3);
    rest = rest.substr(0, rest.find_first_of("/?#"));
    if (auto user = rest.rfind('@'); user != rest.npos) rest.remove_prefix(user + 1);
    authority where;
    if (std::string wrong = read_authority(rest, "3128", where); !wrong.empty()) throw unusable(": " + wrong);
    proxy_address p{std::move(where.host), std::move(where.port), {}};
    if (parsed->has_userinfo()) p.authorization = "Basic " + base64(parsed->user() + ":" + parsed->password());
    return p;
}

}  // namespace

std::optional<proxy_address> proxy_for(const url_parts& to, const std::optional<std::string>& given,
                                       const environment& get) {
    auto beyond_this_machine = [&](const std::string& proxy) -> std::optional<proxy_address> {
        if (proxy.empty() || is_own_machine(to.host)) return {};
        return parse_proxy(proxy);
    };
    if (given) return beyond_this_machine(*given);
    auto first = [&](std::initializer_list<const char*> names) -> std::string {
        for (const char* name : names)
            if (const char* value = get(name); value && *value) return value;
        return {};
    };
    std::string proxy = to.tls ? first({"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"})
                               : first({"http_proxy", "all_proxy", "ALL_PROXY"});
    if (excepted(to, first({"no_proxy", "NO_PROXY"}))) return {};
    return beyond_this_machine(proxy);
}

}  // namespace reagent::http
