#include <reagent/http/client.hpp>

#include <reagent/error.hpp>
#include <reagent/http/shown_url.hpp>

#include "../text.hpp"

#include <boost/url.hpp>

namespace reagent::http {

url_parts parse_url(std::string_view text) {
    auto fail = [&](const std::string& why) -> http_error {
        return {http_errc::bad_url, "\"" + cut(shown_url(text), 200) + "\" is no usable URL: " + why, {.attempted = "reading a URL"}};
    };
    auto parsed = boost::urls::parse_uri({text.data(), text.size()});
    if (!parsed) throw fail("write it as http://host:port/path");
    url_parts p;
    if (parsed->scheme_id() == boost::urls::scheme::https)
        p.tls = true;
    else if (parsed->scheme_id() != boost::urls::scheme::http)
        throw fail("only http and https are spoken");
    if (parsed->has_userinfo()) throw fail("a user or password does not belong into a URL; send a header");
    p.host = parsed->host_address();
    if (p.host.empty()) throw fail("it names no host");
    p.port = parsed->has_port() && !parsed->port().empty() ? std::string{parsed->port()} : p.tls ? "443" : "80";
    if (p.port.size() > 5 || std::stoul(p.port) > 65535 || std::stoul(p.port) == 0) throw fail("the port must be from 1 to 65535");
    p.target = std::string{parsed->encoded_resource().substr(0)};
    if (auto hash = p.target.find('#'); hash != p.target.npos) p.target.resize(hash);
    if (p.target.empty() || p.target.front() != '/') p.target.insert(0, "/");
    return p;
}

}  // namespace reagent::http
