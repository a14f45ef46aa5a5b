#pragma once

#include <reagent/serve/http_exchange.hpp>

#include <optional>

namespace reagent::detail {

/// Which handler answers a path.
class router {
public:
    struct route {
        std::string pattern;
        std::map<std::string, http_handler, std::less<>> handlers{};  // by method
        bool open = false;                                            // wants no key
        std::string methods() const;                                  ///< "GET, HEAD, OPTIONS"
    };
    /// @throws std::invalid_argument for a pattern that is none, or a method that is taken
    route& add(const std::string& method, const std::string& pattern, http_handler handler);
    /// Sets the request's places. @return null: there is nothing
    const route* find(http_request& r) const;

private:
    std::map<std::string, route, std::less<>> exact_;
    std::vector<std::unique_ptr<route>> patterns_;
};

/// Of the request line: path and query, decoded. @return false where it is none
bool take_target(http_request& r, std::string_view target);

}  // namespace reagent::detail
