#pragma once

#include <reagent/http/client.hpp>
#include <reagent/journal/journal.hpp>
#include <reagent/secret.hpp>

#include <memory>
#include <optional>

namespace spdlog {
class logger;
}

namespace reagent {

namespace detail {
class privacy;
}

struct telemetry_options {
    std::string endpoint = "http://127.0.0.1:4318";  ///< of a collector; /v1/traces and /v1/metrics are added
    http::header_list headers{};
    std::vector<std::pair<std::string, secret>> credentials{};  ///< headers that hold keys
    std::string service_name = "reagent";
    /// Send prompts, completions, arguments and results too; private fields never, and of a predictor that has such no
    /// prompt either.
    bool content = false;
    bool traces = true, metrics = true;
    std::chrono::milliseconds interval{1'000};  ///< between batches of spans; metrics go every ten of them
    std::size_t max_queued_runs = 2'000;        ///< more are dropped, and counted
    std::size_t max_spans_per_request = 2'000;
    std::chrono::milliseconds timeout{10'000};  ///< of one request; zero and less: no limit
    http::client_options http{};

    /// What OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS (a=b,c=d), OTEL_SERVICE_NAME, OTEL_SDK_DISABLED and
    /// OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT (true: content) say; none without an endpoint.
    static std::optional<telemetry_options> from_environment();

    std::shared_ptr<spdlog::logger> logger{};  ///< told, once for each kind, what the collector does not take
};

/// A run that has ended, as telemetry is told of it.
struct ended_run {
    std::string id{};
    std::string program{};
    std::string session{};
    std::shared_ptr<const journal> history{};
    std::chrono::system_clock::time_point began{};
    std::chrono::microseconds duration{};
    std::string error{};
    std::shared_ptr<const detail::privacy> privacy{};  ///< what is not to be sent even where content is; null: nothing
};

/// Sends spans and metrics of ended runs to a collector, by OTLP over HTTP in JSON. Works on a thread of its own: a run
/// hands over a pointer and goes on, whatever the collector does. Its destructor sends what is queued, for at most
/// `timeout`.
///
/// Spans: `invoke_agent` for a run, `chat` for a model call, `execute_tool`, and spans of ours for branches,
/// predictors, consents and backtracks. Sources: OpenTelemetry protocol 1.9 (OTLP/HTTP, JSON encoding); OpenTelemetry
/// semantic conventions for generative AI, 1.38.
class telemetry {
public:
    explicit telemetry(telemetry_options options);
    ~telemetry();
    telemetry(const telemetry&) = delete;

    void record(ended_run r);  ///< from any thread; never waits

    struct counts {
        std::uint64_t spans_sent = 0, spans_refused = 0, runs_dropped = 0;
    };
    counts so_far() const;

    struct impl;

private:
    std::unique_ptr<impl> impl_;
};

}  // namespace reagent
