#include "url.hpp"

#include <reagent/error.hpp>
#include <reagent/http/client.hpp>
#include <reagent/http/shown_url.hpp>

#include "../base/text.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/url.hpp>

#include <algorithm>

namespace reagent::http {
namespace {

bool all_digits(std::string_view s) { return std::all_of(s.begin(), s.end(), is_digit); }

// What inet_aton, a browser or a resolver would read as a number: "1", "0x7f", "08".
bool is_number(std::string_view label) { return all_digits(label) || label.starts_with("0x"); }

bool is_label(std::string_view s) {
    auto allowed = [](char c) { return is_word(c) || c == '-'; };
    return !s.empty() && s.front() != '-' && s.back() != '-' && std::all_of(s.begin(), s.end(), allowed);
}

std::string read_name(std::string host, std::string& out) {
    if (host.empty()) return "it names no host";
    if (host.size() > 253) return "the host's name is longer than 253 characters";
    if (host.ends_with('.')) return "write the host without the dot at its end";
    auto labels = split(host, '.');
    for (const auto& label : labels)
        if (!is_label(label))
            return "a host is a name of letters, digits, - and _ between dots, or an address; percent-encoding and "
                   "other scripts are not "
                   "read (write xn--...)";
    if (is_number(labels.back())) {
        error_code ec;
        auto address = asio::ip::make_address_v4(host, ec);
        if (ec || address.to_string() != host)
            return "an IPv4 address is written as four numbers up to 255, as 127.0.0.1";
    }
    out = std::move(host);
    return {};
}

std::string read_ipv6(const std::string& text, std::string& out) {
    error_code ec;
    auto address = asio::ip::make_address_v6(text, ec);
    if (ec || text.find('%') != text.npos) return "what stands in brackets is no IPv6 address (zones are not read)";
    out = to_lower(address.to_string());
    return {};
}

std::string read_port(std::string_view text, std::string& out) {
    const char* wrong = "the port must be a number from 1 to 65535";
    if (!all_digits(text)) return wrong;
    text.remove_prefix(std::min(text.find_first_not_of('0'), text.size()));
    if (text.empty() || text.size() > 5 || std::stoul(std::string{text}) > 65535) return wrong;
    out = text;
    return {};
}

}  // namespace

std::string read_authority(std::string_view text, std::string_view default_port, authority& out) {
    if (text.find('@') != text.npos) return "a user or password does not belong into a URL; send a header";
    auto end = text.starts_with('[') ? text.find(']') : text.find(':');
    std::string_view rest;
    std::string wrong;
    if (text.starts_with('[')) {
        if (end == text.npos) return "a bracket is not closed";
        wrong = read_ipv6(std::string{text.substr(1, end - 1)}, out.host);
        rest = text.substr(end + 1);
        if (!rest.empty() && rest.front() != ':') return "between an address in brackets and its port stands a colon";
    } else {
        wrong = read_name(to_lower(text.substr(0, end)), out.host);
        if (end != text.npos) rest = text.substr(end);
    }
    if (!wrong.empty()) return wrong;
    out.port = default_port;
    return rest.size() > 1 ? read_port(rest.substr(1), out.port)
                           : std::string{};  // "host:" is "host": RFC 3986, section 3.2.3
}

url_parts parse_url(std::string_view text) {
    auto fail = [&](const std::string& why) -> http_error {
        return {http_errc::bad_url,
                "\"" + cut(shown_url(text), 200) + "\" is no usable URL: " + why,
                {.attempted = "reading a URL"}};
    };
    url_parts p;
    auto begin = text.find("://");
    std::string scheme = begin == text.npos ? std::string{} : to_lower(text.substr(0, begin));
    if (scheme.empty()) throw fail("write it as http://host:port/path");
    if (scheme != "http" && scheme != "https") throw fail("only http and https are spoken");
    p.tls = scheme == "https";
    // Boost.URL stops reading an authority where it does not go on as expected ("h:80:80", "1.2.3.4.5"), and says
    // nothing.
    auto rest = text.substr(begin + 3);
    authority where;
    std::string wrong = read_authority(rest.substr(0, rest.find_first_of("/?#")), p.tls ? "443" : "80", where);
    if (!wrong.empty()) throw fail(wrong);
    p.host = std::move(where.host);
    p.port = std::move(where.port);
    auto parsed = boost::urls::parse_uri({text.data(), text.size()});
    if (!parsed) throw fail("a character in it must be percent-encoded");
    p.target = std::string{parsed->encoded_resource().substr(0)};
    if (auto hash = p.target.find('#'); hash != p.target.npos) p.target.resize(hash);
    if (p.target.empty() || p.target.front() != '/') p.target.insert(0, "/");
    return p;
}

}  // namespace reagent::http
