#include <reagent/http/shown_url.hpp>

#include "../base/text.hpp"
#include "url.hpp"

#include <reagent/error.hpp>

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace reagent::http {
namespace {

// Read by hand: what is no URL must not be shown whole either.
struct pieces {
    std::string_view scheme, user, rest, query;  // "http://", "name:password", "host/path;a=b", "key=value"
};

// Where user and password end, npos: there are none. They may hold what ends an authority ("/", "?", "#"); then what
// stands for the port is none. Without a scheme, or with nothing behind it, all of it may be a password.
std::size_t end_of_user(std::string_view url, bool has_scheme) {
    auto authority = url.substr(0, url.find_first_of("/?#"));
    if (auto at = authority.rfind('@'); at != url.npos) return at;
    auto colon = authority.starts_with('[') ? url.npos : authority.find(':');
    bool has_port = colon != url.npos &&
                    std::all_of(authority.begin() + static_cast<std::ptrdiff_t>(colon) + 1, authority.end(), is_digit);
    if (colon != url.npos && !has_port) return url.rfind('@');
    return has_scheme && !authority.empty() ? url.npos : url.substr(0, url.find('?')).rfind('@');
}

// Where parameters begin that stand in a path as if they belonged there: "/v1%3Fkey=K", "/v1&key=K".
std::size_t begin_of_misplaced(std::string_view path) {
    for (std::size_t at = 0; at < path.size(); ++at) {
        bool encoded = path[at] == '%' && (path.substr(at, 3) == "%3F" || path.substr(at, 3) == "%3f");
        if ((encoded || path[at] == '&') && (path.find('=', at) != path.npos || path.find("%3", at + 1) != path.npos))
            return at;
    }
    return path.npos;
}

pieces pieces_of(std::string_view url) {
    pieces p;
    if (auto begin = url.find("://"); begin != url.npos && begin < url.find('?')) {
        p.scheme = url.substr(0, begin + 3);
        url.remove_prefix(begin + 3);
    }
    if (auto at = end_of_user(url, !p.scheme.empty()); at != url.npos) {
        p.user = url.substr(0, at);
        url.remove_prefix(at + 1);
    }
    url = url.substr(0, url.find('#'));
    p.rest = url.substr(0, url.find('?'));
    if (p.rest.size() < url.size()) p.query = url.substr(p.rest.size() + 1);
    if (auto at = begin_of_misplaced(p.rest); at != url.npos) {
        p.query = url.substr(at + (url[at] == '%' ? 3 : 1));
        p.rest = p.rest.substr(0, at);
    }
    return p;
}

// What looks like a name is shown, so that one sees which parameter it is.
bool is_name(std::string_view s) {
    return !s.empty() && s.size() <= 24 &&
           std::all_of(s.begin(), s.end(), [](char c) { return is_word(c) || c == '-' || c == '.'; });
}

std::string decoded(std::string_view text) {
    auto digit = [](char c) {
        return is_digit(c) ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
    };
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
        bool coded = text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 && digit(text[i + 2]) >= 0;
        plain += coded ? static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2])) : text[i];
        if (coded) i += 2;
    }
    return plain;
}

// `what(mark, name, value)` for each parameter; the name is "" where there is none.
template <class F>
void for_each_parameter(std::string_view query, F what) {
    for (char mark = '?'; !query.empty(); mark = '&') {
        auto end = std::min(query.find_first_of("&?"), query.size());
        auto piece = query.substr(0, end);
        auto equals = piece.find('=');
        what(mark, equals == piece.npos ? std::string_view{} : piece.substr(0, equals),
             equals == piece.npos ? piece : piece.substr(equals + 1));
        query.remove_prefix(std::min(end + 1, query.size()));
    }
}

// The same for those of a path, "/v1;key=K/chat" (RFC 3986, section 3.3); `between(text)` for what else stands there.
template <class F, class G>
void for_each_path_parameter(std::string_view path, F what, G between) {
    while (!path.empty()) {
        auto mark = std::min(path.find(';'), path.size());
        between(path.substr(0, mark));
        path.remove_prefix(mark);
        if (path.empty()) return;
        auto piece = path.substr(1, std::min(path.find_first_of(";/", 1), path.size()) - 1);
        path.remove_prefix(1 + piece.size());
        auto equals = piece.find('=');
        if (!piece.empty())
            what(';', equals == piece.npos ? std::string_view{} : piece.substr(0, equals),
                 equals == piece.npos ? piece : piece.substr(equals + 1));
    }
}

}  // namespace

std::string shown_url(std::string_view url) {
    auto p = pieces_of(url);
    std::string shown{p.scheme};
    if (!p.user.empty()) shown += "(secret)@";
    auto show = [&](char mark, std::string_view name, std::string_view) {
        shown += mark + (is_name(name) ? std::string{name} + "=" : "") + "(secret)";
    };
    for_each_path_parameter(p.rest, show, [&](std::string_view between) { shown += between; });
    for_each_parameter(p.query, show);
    if (p.user.empty() && p.query.empty() && p.rest.find(';') == p.rest.npos) return shown;
    // A server that is given a key may lead to an address with the key in its path.
    return redact(shown, secrets_of_url(url));
}

std::vector<secret> secrets_of_url(std::string_view url) {
    // Short values (a version, "true") are no keys, and to cut them from every text would make it unreadable.
    constexpr std::size_t shortest_value = 6, shortest_password = 4;
    std::vector<secret> found;
    auto add = [&found](std::string_view value, std::size_t shortest) {
        if (value.size() < shortest) return;
        found.emplace_back(std::string{value});
        if (std::string plain = decoded(value); plain != value) found.emplace_back(std::move(plain));
    };
    auto p = pieces_of(url);
    add(p.user, shortest_password);
    if (auto colon = p.user.find(':'); colon != p.user.npos) add(p.user.substr(colon + 1), shortest_password);
    auto value_of = [&](char, std::string_view, std::string_view value) { add(value, shortest_value); };
    for_each_path_parameter(p.rest, value_of, [](std::string_view) {});
    for_each_parameter(p.query, value_of);
    return found;
}

std::vector<secret> secrets_of_proxies(const std::optional<std::string>& given) {
    if (given) return secrets_of_url(*given);
    std::vector<secret> found;
    for (const char* name : {"https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"})
        if (const char* value = std::getenv(name))
            for (auto& s : secrets_of_url(value)) found.push_back(std::move(s));
    return found;
}

std::string url_below(std::string_view base, std::string_view target) {
    check_base(base);
    auto mark = base.find('?');
    std::string url{base.substr(0, mark)};
    while (url.ends_with('/') && target.starts_with('/')) url.pop_back();
    url += target;
    if (mark == base.npos || mark + 1 == base.size()) return url;
    url += url.find('?') == url.npos ? '?' : '&';
    return url += base.substr(mark + 1);
}

void check_base(std::string_view base) {
    if (base.find('#') == base.npos) return;
    throw http_error{http_errc::bad_url, "the address \"" + shown_url(base.substr(0, base.find('#'))) +
                                             "#...\" has a fragment, which no server is sent; leave out the \"#\" and "
                                             "what follows, or write %23 for it"};
}

}  // namespace reagent::http
