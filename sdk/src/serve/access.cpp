#include "access.hpp"

#include "problem.hpp"
#include "wire/head.hpp"

#include <reagent/run/consent.hpp>

#include "../base/text.hpp"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <boost/asio/ip/address.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace reagent::detail {
namespace {

constexpr std::size_t least_key = 16, longest_decider = 200;

std::array<unsigned char, 32> digest_of(std::string_view text) {
    std::array<unsigned char, 32> d{};
    ::SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), d.data());
    return d;
}

bool is_address(std::string_view host) {
    boost::system::error_code ec;
    asio::ip::make_address(std::string{host}, ec);
    return !ec;
}

bool is_loopback(const std::string& host) {
    boost::system::error_code ec;
    auto a = asio::ip::make_address(host, ec);
    return !ec && a.is_loopback();
}

std::string_view given_key(const http_request& r) {
    std::string_view bearer = r.header("Authorization");
    if (bearer.size() > 7 && same_word(bearer.substr(0, 7), "Bearer ")) return trim(bearer.substr(7));
    return r.header("X-API-Key");
}

// ":8080"
bool is_port(std::string_view text) {
    unsigned port = 0;
    auto [end, ec] = std::from_chars(text.data() + 1, text.data() + text.size(), port);
    return text.front() == ':' && ec == std::errc{} && end == text.data() + text.size() && port >= 1 && port <= 65'535;
}

bool writes(const http_request& r) { return r.method != "GET" && r.method != "HEAD" && r.method != "OPTIONS"; }

}  // namespace

rate_limit::rate_limit(double per_minute, unsigned burst, clock::time_point now)
    : per_second_{per_minute / 60}, most_{std::max(1.0, static_cast<double>(burst))}, left_{most_}, last_{now} {}

std::chrono::milliseconds rate_limit::take(clock::time_point now) {
    left_ = std::min(most_, left_ + std::chrono::duration<double>{now - last_}.count() * per_second_);
    last_ = now;
    if (left_ >= 1) {
        left_ -= 1;
        return std::chrono::milliseconds{0};
    }
    return std::chrono::milliseconds{static_cast<std::int64_t>(std::ceil((1 - left_) / per_second_ * 1000))};
}

access::access(const server_options& o) : hosts_{o.hosts}, origins_{o.origins} {
    for (auto& h : hosts_) h = to_lower(h);
    for (const auto& k : o.keys) {
        if (k.key.reveal().size() < least_key)
            throw std::invalid_argument{"the key \"" + k.name + "\" is shorter than 16 characters"};
        if (k.name.empty()) throw std::invalid_argument{"a key has no name"};
        if (k.decides && (k.name.size() > longest_decider || visible_name(k.name) != k.name))
            throw std::invalid_argument{
                "a key that decides is named with each decision: at most 200 bytes that can be "
                "seen"};
        std::optional<rate_limit> limit;
        if (k.per_minute > 0) limit.emplace(k.per_minute, k.burst, clock::now());
        keys_.push_back({k.name, digest_of(k.key.reveal()), limit, k.decides});
    }
    if (keys_.empty() && !o.without_keys && !is_loopback(o.address))
        throw std::invalid_argument{
            "the address " + o.address +
            " can be reached by others, and no key is wanted of them; give keys, or say that everybody may ask "
            "(server_options::without_keys)"};
}

std::string_view host_name(std::string_view authority) {
    const bool bracketed = authority.starts_with('[');
    auto end = bracketed ? authority.find(']') : authority.find(':');
    if (bracketed && end == authority.npos) return {};
    end = bracketed ? end + 1 : std::min(end, authority.size());
    if (end < authority.size() && !is_port(authority.substr(end))) return {};
    if (!bracketed) return authority.substr(0, end);
    const auto name = authority.substr(1, end - 2);
    return name.find(':') == name.npos ? std::string_view{} : name;  // an IPv6 address
}

std::string_view repeated_header(const http_request& r) {
    for (std::string_view name : {"Authorization", "X-API-Key", "Idempotency-Key", "X-Request-Id", "X-Session-Id",
                                  "Origin", "Content-Type", "Content-Encoding"}) {
        const std::string_view first = r.header(name);
        for (const auto& [other, value] : r.headers)
            if (same_word(other, name) && value != first) return name;
    }
    return {};
}

bool access::is_own_host(std::string_view host) const {
    auto name = to_lower(host_name(host));
    return name == "localhost" || is_address(name) || std::find(hosts_.begin(), hosts_.end(), name) != hosts_.end();
}

bool access::allows(std::string_view origin) const {
    return std::find(origins_.begin(), origins_.end(), origin) != origins_.end();
}

std::optional<http_reply> access::check_place(const http_request& r) const {
    std::string_view host = r.header("Host");
    const auto hosts =
        std::count_if(r.headers.begin(), r.headers.end(), [](const auto& h) { return same_word(h.first, "Host"); });
    if (hosts != 1 || host.empty()) return problem(400, "host", "a request names its host, once");
    if (!is_own_host(host))
        return problem(421, "host", "this server is not known by that name; name it in server_options::hosts");
    for (const char* secret : {"token", "key", "api_key", "apikey", "access_token", "authorization"})
        if (r.query.contains(secret))
            return problem(400, "key-in-address",
                           "keys do not stand in addresses, which end in logs: send Authorization: Bearer KEY");
    if (!writes(r)) return {};
    std::string_view origin = r.header("Origin");
    const bool own =
        origin.ends_with(host) && (origin == "http://" + std::string{host} || origin == "https://" + std::string{host});
    if (!origin.empty() && !own && !allows(origin))
        return problem(403, "origin", "pages of that origin may not ask here");
    if (origin.empty() && r.header("Sec-Fetch-Site") == "cross-site")
        return problem(403, "origin", "other sites may not ask here");
    return {};
}

// Every key is compared, whichever it is, so that the time tells nothing.
std::optional<http_reply> access::check_key(http_request& r, clock::time_point now) {
    if (keys_.empty()) return {};
    auto given = digest_of(given_key(r));
    known* found = nullptr;
    for (auto& k : keys_)
        if (::CRYPTO_memcmp(given.data(), k.digest.data(), given.size()) == 0) found = &k;
    if (!found) {
        auto refusal = problem(401, "key", "send a key, as Authorization: Bearer KEY");
        refusal.headers.emplace_back("WWW-Authenticate", "Bearer");
        return refusal;
    }
    r.caller = found->name;
    r.decides = found->decides;
    if (!found->limit) return {};
    auto wait = found->limit->take(now);
    if (wait <= wait.zero()) return {};
    auto refusal = problem(429, "rate", "this key asks too often");
    refusal.headers.emplace_back("Retry-After", std::to_string((wait.count() + 999) / 1000));
    return refusal;
}

std::vector<std::pair<std::string, std::string>> access::cors(const http_request& r) const {
    std::string_view origin = r.header("Origin");
    if (origins_.empty()) return {};
    if (origin.empty() || !allows(origin)) return {{"Vary", "Origin"}};
    return {{"Vary", "Origin"},
            {"Access-Control-Allow-Origin", std::string{origin}},
            {"Access-Control-Expose-Headers",
             "X-Request-Id, X-Run-Id, X-Session-Turn, X-Program-Version, Preference-Applied, Retry-After, Location"}};
}

http_reply access::preflight(const http_request& r, const std::string& methods) const {
    http_reply reply{.status = 204};
    reply.headers.emplace_back("Allow", methods);
    if (!allows(r.header("Origin"))) return reply;
    reply.headers.emplace_back("Access-Control-Allow-Methods", methods);
    reply.headers.emplace_back("Access-Control-Allow-Headers",
                               "Authorization, Content-Type, Idempotency-Key, Last-Event-ID, Prefer, X-API-Key, "
                               "X-Request-Id, X-Session-Id");
    reply.headers.emplace_back("Access-Control-Max-Age", "600");
    return reply;
}

}  // namespace reagent::detail
