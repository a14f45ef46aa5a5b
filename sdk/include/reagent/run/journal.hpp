#pragma once

#include <reagent/lm/language_model.hpp>

#include <boost/json/value.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace reagent {

/// The effects that a run can have.
enum class event_kind { model_call, tool_call, clock, random };

std::string_view to_string(event_kind k);

/// One effect of a run, keyed by where it happened and not by when: branch, predictor path, kind and how many of the
/// kind happened there before. So a replay does not depend on how concurrent branches interleaved.
struct event {
    event_kind kind{};
    std::string branch{};  ///< "" is the trunk; "0.2" the third branch of the first one
    std::string path{};    ///< predictor path: "router.classify"
    std::uint32_t occurrence = 0;

    std::shared_ptr<const lm_request> request{};    ///< of a model call
    std::shared_ptr<const lm_response> response{};  ///< of a model call that succeeded
    std::string tool{};                             ///< of a tool call
    json::value arguments{};                        ///< of a tool call
    json::value result{};                           ///< of the others; the clock in microseconds since 1970
    std::string error{};                            ///< why it failed; "" when it did not

    std::chrono::microseconds started{};  ///< since the run began
    std::chrono::microseconds duration{};
};

/// All effects of a run, in the order in which they finished. Holds no key: requests are recorded as the adapter made
/// them, before a provider adds its credentials.
class journal {
public:
    const std::vector<event>& events() const { return events_; }
    const event* find(event_kind kind, std::string_view branch, std::string_view path, std::uint32_t occurrence) const;

    void append(event e);
    std::size_t bytes() const { return bytes_; }  ///< approximate memory of what is recorded

    json::array to_json() const;

private:
    static std::string key(event_kind kind, std::string_view branch, std::string_view path, std::uint32_t occurrence);

    std::vector<event> events_;
    mutable std::unordered_map<std::string, std::size_t> index_;  // made at the first `find`
    mutable std::size_t indexed_ = 0;
    std::size_t bytes_ = 0;
};

}  // namespace reagent
