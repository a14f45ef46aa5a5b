#include "proxy.hpp"

#include <reagent/error.hpp>

#include "../base/base64.hpp"
#include "../base/text.hpp"
#include "url.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/url.hpp>

namespace reagent::http {
namespace {

bool is_own_machine(const std::string& host) {
    if (host == "localhost") return true;
    error_code ec;
    auto address = asio::ip::make_address(host, ec);
    if (!ec && address.is_v6() && address.to_v6().is_v4_mapped())
        return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).is_loopback();
    return !ec && address.is_loopback();
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
        if (host == name || (host.size() > name.size() && host.ends_with(name) && host[host.size() - name.size() - 1] == '.')) return true;
    }
    return false;
}

proxy_address parse_proxy(const std::string& text) {
    std::string whole = text.find("://") == text.npos ? "http://" + text : text;  // the parsed URL refers to it
    auto parsed = boost::urls::parse_uri(whole);
    // The text may hold a password, so the message does not.
    auto unusable = [](const std::string& why) -> http_error {
        return {http_errc::bad_url,
                "the proxy's address is not usable" + why + "; write it as http://host:port (an https or socks proxy is not supported)"};
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

std::optional<proxy_address> proxy_for(const url_parts& to, const std::optional<std::string>& given, const environment& get) {
    if (is_own_machine(to.host)) return {};
    if (given) return given->empty() ? std::nullopt : std::optional{parse_proxy(*given)};
    auto first = [&](std::initializer_list<const char*> names) -> std::string {
        for (const char* name : names)
            if (const char* value = get(name); value && *value) return value;
        return {};
    };
    std::string proxy =
        to.tls ? first({"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"}) : first({"http_proxy", "all_proxy", "ALL_PROXY"});
    if (proxy.empty() || excepted(to, first({"no_proxy", "NO_PROXY"}))) return {};
    return parse_proxy(proxy);
}

}  // namespace reagent::http
