#pragma once

#include <reagent/serve/http_exchange.hpp>

#include <list>
#include <optional>
#include <unordered_map>

namespace reagent::detail {

/// Answers that are given again for the same Idempotency-Key; the oldest go first. Source:
/// draft-ietf-httpapi-idempotency-key-header-07
class kept_answers {
public:
    static constexpr std::size_t most_bytes = 64 * 1024 * 1024;

    kept_answers(std::size_t most, std::chrono::milliseconds time) : most_{most}, time_{time} {}

    enum class state { fresh, under_way, answered, other_request };
    struct found {
        kept_answers::state state;
        const http_reply* reply = nullptr;  ///< of one that was answered
    };
    /// A fresh one is under way from here on. @param request tells one request from another under the same key
    found begin(const std::string& key, const std::string& request, clock::time_point now);
    void keep(const std::string& key, const http_reply& reply, clock::time_point now);
    void forget(const std::string& key);  ///< it may be tried again

private:
    struct entry {
        std::string key, request;
        std::optional<http_reply> reply{};
        clock::time_point until{};
        std::size_t bytes = 0;
    };
    using list = std::list<entry>;
    void erase(list::iterator e);

    std::size_t most_, bytes_ = 0;
    std::chrono::milliseconds time_;
    list all_;  // the oldest first
    std::unordered_map<std::string, list::iterator> by_key_;
};

}  // namespace reagent::detail
