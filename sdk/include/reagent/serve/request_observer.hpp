#pragma once

#include <reagent/lm/language_model.hpp>

#include <boost/json/object.hpp>

#include <chrono>
#include <exception>
#include <optional>
#include <string>
#include <string_view>

namespace reagent {

/// A request to a program that has been answered. Valid during the call only.
struct served_request {
    std::string_view id;       ///< X-Request-Id; a client may repeat one
    std::string_view run;      ///< the run's id in logs and traces; unique, and begins with the request's
    std::string_view route;    ///< "/classify"
    std::string_view program;  ///< its name
    std::string_view
        version;  ///< of what was loaded into it: a store's number, or the beginning of a file's hash; "": nothing was
    std::string_view caller;  ///< the name of the API key; "": none was wanted
    const json::object& input;
    const json::object* output = nullptr;  ///< null: it failed
    std::chrono::microseconds latency{};   ///< from the whole request to the answer, waiting in the queue included
    reagent::usage usage{};                ///< with cost, where prices are known
    int status = 200;                      ///< that the client was sent
    std::exception_ptr error{};            ///< what the run ended with
};

/// Told of every request to a program that began a run, and may choose the version that answers it. Called on the
/// server's thread; must not block. What it throws is dropped.
class request_observer {
public:
    virtual ~request_observer() = default;

    /// @return the number of the version that answers; "": the current one. One that cannot be loaded, or has yet to
    /// be, leaves the request to the current one
    virtual std::string version_for(std::string_view /*route*/, std::string_view /*id*/,
                                    const json::object& /*input*/) {
        return {};
    }

    virtual void answered(const served_request&) {}
};

/// What a given version made of an input: see `server::answer_by`.
struct versioned_answer {
    std::string version{};
    std::optional<json::object> output{};
    std::chrono::microseconds latency{};
    reagent::usage usage{};
    std::exception_ptr error{};
};

}  // namespace reagent
