#include <reagent/http/shown_url.hpp>

#include "../text.hpp"

#include <algorithm>
#include <utility>

namespace reagent::http {
namespace {

// Read by hand: what is no URL must not be shown whole either.
struct pieces {
    std::string_view scheme, user, rest, query;  // "http://", "name:password", "host/path", "key=value"
};

pieces pieces_of(std::string_view url) {
    pieces p;
    url = url.substr(0, url.find('#'));
    if (auto begin = url.find("://"); begin != url.npos && begin < url.find('?')) {
        p.scheme = url.substr(0, begin + 3);
        url.remove_prefix(begin + 3);
    }
    if (auto mark = url.find('?'); mark != url.npos) {
        p.query = url.substr(mark + 1);
        url = url.substr(0, mark);
    }
    auto authority = url.substr(0, url.find('/'));
    auto at = authority.rfind('@');
    // A password that holds a slash ends the authority too early; then what stands for the port is none.
    if (auto colon = authority.find(':');
        at == url.npos && colon != url.npos && !authority.starts_with('[') &&
        !std::all_of(authority.begin() + static_cast<std::ptrdiff_t>(colon) + 1, authority.end(), is_digit))
        at = url.rfind('@');
    if (at != url.npos) {
        p.user = url.substr(0, at);
        url.remove_prefix(at + 1);
    }
    p.rest = url;
    return p;
}

// What looks like a name is shown, so that one sees which parameter it is.
bool is_name(std::string_view s) {
    return !s.empty() && s.size() <= 24 && std::all_of(s.begin(), s.end(), [](char c) { return is_word(c) || c == '-' || c == '.'; });
}

std::string decoded(std::string_view text) {
    auto digit = [](char c) { return is_digit(c) ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1; };
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
        bool coded = text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 && digit(text[i + 2]) >= 0;
        plain += coded ? static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2])) : text[i];
        if (coded) i += 2;
    }
    return plain;
}

template <class F>
void for_each_parameter(std::string_view query, F what) {
    while (!query.empty()) {
        auto end = std::min(query.find('&'), query.size());
        auto piece = query.substr(0, end);
        auto equals = piece.find('=');
        what(equals == piece.npos ? std::string_view{} : piece.substr(0, equals), equals == piece.npos ? piece : piece.substr(equals + 1));
        query.remove_prefix(std::min(end + 1, query.size()));
    }
}

}  // namespace

std::string shown_url(std::string_view url) {
    auto p = pieces_of(url);
    std::string shown{p.scheme};
    if (!p.user.empty()) shown += "(secret)@";
    shown += p.rest;
    char before = '?';
    for_each_parameter(p.query, [&](std::string_view name, std::string_view) {
        shown += std::exchange(before, '&') + (is_name(name) ? std::string{name} + "=" : "") + "(secret)";
    });
    return shown;
}

std::vector<secret> secrets_of_url(std::string_view url) {
    std::vector<secret> found;
    // Short values (a version, "true") are no keys, and to cut them from every text would make it unreadable.
    auto add = [&found](std::string_view value) {
        if (value.size() < 6) return;
        found.emplace_back(std::string{value});
        if (std::string plain = decoded(value); plain != value) found.emplace_back(std::move(plain));
    };
    auto p = pieces_of(url);
    add(p.user);
    if (auto colon = p.user.find(':'); colon != p.user.npos) add(p.user.substr(colon + 1));
    for_each_parameter(p.query, [&](std::string_view, std::string_view value) { add(value); });
    return found;
}

std::string url_below(std::string_view base, std::string_view target) {
    auto mark = base.find('?');
    std::string url{base.substr(0, mark)};
    while (url.ends_with('/') && target.starts_with('/')) url.pop_back();
    url += target;
    if (mark == base.npos || mark + 1 == base.size()) return url;
    url += url.find('?') == url.npos ? '?' : '&';
    return url += base.substr(mark + 1);
}

}  // namespace reagent::http
