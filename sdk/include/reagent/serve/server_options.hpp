#pragma once

#include <reagent/run/run_options.hpp>
#include <reagent/secret.hpp>
#include <reagent/serve/request_observer.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace reagent {

class durable_service;

/// Who may ask. Its name stands in logs, the key in none.
struct api_key {
    std::string name{};
    secret key{};           ///< at least 16 characters
    double per_minute = 0;  ///< requests; 0: no limit
    unsigned burst = 10;    ///< that may come at once
    /// May see the stored runs of all keys, and approve or reject what they wait with; others see their own, and decide
    /// nothing.
    bool decides = false;
};

/// What a server keeps in the store of its durable programs.
struct kept_runs_limits {
    std::size_t open_runs = 10'000;  ///< of a program, that are not over; beyond: 503
    /// A run that has been over for this long is removed, and its Idempotency-Key with it.
    std::chrono::milliseconds run_time{std::chrono::hours{30 * 24}};
    std::size_t sessions = 1'000;  ///< conversations of a key; beyond: 409 for new ones
    std::size_t turns = 200;       ///< of a conversation; beyond: 409
    /// A conversation that nobody has continued for this long is removed.
    std::chrono::milliseconds session_time{std::chrono::hours{30 * 24}};
    std::size_t viewers = 1'000;  ///< clients that wait for what becomes of a run; beyond: 503
};

/// What a request may be, and how long things may take. What is beyond is refused with the status that is named.
struct server_limits {
    std::size_t connections =
        16'384;  ///< beyond: one that waits for a request is closed; where all are busy the new one gets 503
    /// Of all that a request brings around its body: request line, header, sizes and extensions of chunks (beyond 8
    /// bytes for each byte of the body), trailers. A field is at most 64 KiB, whatever stands here.
    std::size_t header_bytes = 16 * 1024;           ///< 431
    std::size_t target_bytes = 4 * 1024;            ///< 414
    std::size_t body_bytes = 1024 * 1024;           ///< 413
    std::size_t json_depth = 64;                    ///< 400
    std::size_t stream_bytes = 1024 * 1024;         ///< events that a slow reader has not taken: its run is cancelled
    std::chrono::milliseconds header_time{10'000};  ///< from the first byte of a request to the end of its header: 408
    std::chrono::milliseconds body_time{30'000};    ///< 408
    std::chrono::milliseconds write_time{30'000};   ///< in which a client takes the next part of its answer
    std::chrono::milliseconds idle_time{60'000};    ///< between requests; then the connection is closed
    /// A client that has closed its half of the connection may still wait for its answer; after this long it has gone.
    std::chrono::milliseconds half_closed{1'000};
    std::chrono::milliseconds stop_time{30'000};  ///< in which requests under way may end once the server stops
    std::size_t kept_answers = 10'000;            ///< for Idempotency-Key, and at most 64 MB
    std::chrono::milliseconds kept_time{std::chrono::hours{24}};
    kept_runs_limits stored{};
};

/// A line of the access log. Holds no key, no query, no body: one of the server's keys that a request has in its path
/// is replaced by "(secret)".
struct access_record {
    /// `path` is as it came, with its escapes: printable ASCII without a blank.

    std::string_view id{}, caller{}, method{}, path{}, route{}, program{}, version{}, run{};
    int status = 0;  ///< 499: the client had gone
    std::size_t bytes_in = 0, bytes_out = 0;
    std::chrono::microseconds latency{};
    std::string_view error{};  ///< the code of what a run ended with, as "reagent.lm: rate limited"
};
/// "GET /classify 200 12.3ms in=16 out=21 id=... caller=...": one line without control characters, which splits at its
/// blanks in one way only. A value that holds a blank, a quote, a backslash or "=" is written as JSON text.
std::string to_string(const access_record& r);

struct server_options {
    std::string address = "127.0.0.1";  ///< any other than loopback wants keys
    unsigned short port = 8080;         ///< 0: any that is free
    /// Names by which clients may call the server, besides addresses and "localhost": a name that somebody else made
    /// point here is refused with 421.
    std::vector<std::string> hosts{};
    std::vector<std::string> origins{};  ///< pages that may call it (CORS), as "https://app.example"
    std::vector<api_key> keys{};         ///< none: whoever reaches the address may ask
    bool without_keys = false;           ///< no keys, though the address is not loopback
    server_limits limits{};
    std::function<void(const access_record&)> on_access{};  ///< on the server's thread; must not block
    std::function<void(const std::string&)>
        on_notice{};  ///< versions taken over or refused; what keeps it from working
    std::vector<std::shared_ptr<request_observer>> observers{};
    std::string title = "Reagent";  ///< of the API's description
};

/// What of an agent's steps a stream tells its client.
enum class shown_steps {
    none,
    names,  ///< which tool is called
    all,    ///< thoughts, arguments and results too
};

/// A program under a path.
struct route_options {
    run_options run{};   ///< of its runs: model, budget. The deadline holds from the request on
    std::string name{};  ///< of the program, and as a model; default: the path without its first "/"
    std::string description{};
    /// What is loaded into the program: a file, or `FOLDER\@TAG` of a program store, which is followed when the tag
    /// moves. While it cannot be loaded for the first time, requests get 503. "": nothing.
    std::string saved{};
    bool saved_models = true;                    ///< models that the saved program names are taken over
    std::chrono::milliseconds poll{1'000};       ///< how often the tag is looked at
    std::size_t concurrency = 64;                ///< runs at work
    std::size_t queue = 256;                     ///< requests that wait for one; beyond: 503
    std::chrono::milliseconds deadline{60'000};  ///< of an answer: 504; 0: the run's own
    shown_steps steps = shown_steps::names;
    /// Its runs are stored there and go on in whichever process serves them next: POST answers 202 with the run's
    /// place, what becomes of it is told at /runs/{id}, and conversations are kept by X-Session-Id. The server works on
    /// the service's runs (`durable_service::work`) while it serves. Outlives the server; one for all its programs.
    durable_service* durable = nullptr;
    /// How long POST waits for the end of a stored run before it answers 202; `Prefer: wait=SECONDS` and
    /// `respond-async` (RFC 7240) say otherwise, up to `deadline`. A run that is not waited for goes on.
    std::chrono::milliseconds durable_wait{0};
    bool as_model = true;  ///< also at /v1/chat/completions and /v1/responses
};

}  // namespace reagent
