#pragma once

#include <reagent/serve/http_exchange.hpp>
#include <reagent/serve/server_options.hpp>

#include <optional>

namespace reagent::detail {

/// Requests as they may come: so many at once, and so many a minute.
class rate_limit {
public:
    rate_limit(double per_minute, unsigned burst, clock::time_point now);
    /// @return how long to wait; zero: it may come, and counts
    std::chrono::milliseconds take(clock::time_point now);

private:
    double per_second_, most_, left_;
    clock::time_point last_;
};

/// Who may ask, from where, and by which name.
class access {
public:
    /// @throws std::invalid_argument for what protects nothing
    explicit access(const server_options& o);

    /// Host and Origin: what a page in somebody's browser may not forge. @return a refusal, or none
    std::optional<http_reply> check_place(const http_request& r) const;
    /// The key; sets `caller`. @param counts whether its rate is taken from
    std::optional<http_reply> check_key(http_request& r, clock::time_point now);
    bool wants_keys() const { return !keys_.empty(); }

    /// Headers for a page of an allowed origin; none for others.
    std::vector<std::pair<std::string, std::string>> cors(const http_request& r) const;
    /// The answer to a preflight (OPTIONS).
    http_reply preflight(const http_request& r, const std::string& methods) const;

private:
    struct known {
        std::string name;
        std::array<unsigned char, 32> digest;
        std::optional<rate_limit> limit;
        bool decides;
    };
    bool is_own_host(std::string_view host) const;
    bool allows(std::string_view origin) const;

    std::vector<std::string> hosts_, origins_;
    std::vector<known> keys_;
};

/// The host of "name:port", "[::1]:port"; "" where it is none, or where what follows it is no port.
std::string_view host_name(std::string_view authority);

/// A header that says who asks, or what, and stands there with two values; "": there is none. Which one counts, two
/// readers would tell differently.
std::string_view repeated_header(const http_request& r);

}  // namespace reagent::detail
