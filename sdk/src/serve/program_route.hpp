#pragma once

#include "call.hpp"
#include "idempotency.hpp"
#include "metrics.hpp"

#include <reagent/serve/served_program.hpp>

#include <unordered_set>

namespace reagent::detail {

/// Who says what was said before, to a program with an input `history`.
enum class history_from { caller, session };

/// What routes share of their server.
struct route_context {
    reagent::runtime& runtime;
    asio::any_io_executor executor;  ///< the server's thread
    asio::any_io_executor blocking;  ///< for what reads files
    const server_options& options;
    kept_answers answers;
    bool stopping = false;
};

/// A program behind a path: its queue, its runs and its versions. Belongs to the server's thread but for `answer_by`.
class program_route {
public:
    program_route(std::shared_ptr<route_context> by, std::string path, served_program program, route_options options);

    const std::string& path() const { return path_; }
    const std::string& name() const { return options_.name; }
    const served_program& program() const { return program_; }
    const route_options& options() const { return options_; }
    detail::versions& versions() { return *versions_; }
    bool is_ready() const { return versions_->current() != nullptr; }

    /// POST: JSON in, JSON or events out.
    task<http_reply> post(std::shared_ptr<http_request> r);

    /// A request's body as an input. @throws refused
    json::object read_input(const http_request& r, std::size_t most_depth, history_from from) const;
    bool remembers() const;  ///< it has an input `history`
    /// That answers an input, as observers and the tag want it; null: there is none yet.
    std::shared_ptr<const versions::loaded> version_for(const http_request& r, const json::object& input);

    /// What is wrong with an input; empty: nothing.
    std::vector<violation> violations_of(const json::value& input) const;

    struct call_settings {
        bool streams = false;
        reagent::sampling sampling{};
        bool outlives_client = false;
    };
    /// Puts a call into the queue, or starts it. @throws refused with 503
    std::shared_ptr<call> begin(const std::shared_ptr<http_request>& r, json::object input, call_settings how);
    task<void> left_queue(std::shared_ptr<call> c);  ///< until it is at work, or over
    task<void> ended(std::shared_ptr<call> c);
    /// Counts it and tells observers; to be called once it has been answered, or cannot be any more.
    void answered(const call& c, http_request& r, int status);

    void answer_by(const std::string& version, json::object input, std::function<void(const versioned_answer&)> done);
    void cancel_all();
    std::size_t at_work() const { return at_work_.size(); }
    program_metrics metrics() const;

private:
    task<http_reply> whole(std::shared_ptr<http_request> r, json::object input, bool outlives_client);
    task<http_reply> kept(std::shared_ptr<http_request> r, json::object input, std::string key);
    task<http_reply> streamed(std::shared_ptr<http_request> r, json::object input);
    http_reply reply_to(const call& c) const;
    void start(const std::shared_ptr<call>& c);
    void start_next();
    void finished(const std::shared_ptr<call>& c, std::exception_ptr failure, json::object output, const asked& a);
    void drop(const std::shared_ptr<call>& c, std::exception_ptr why);
    std::function<void(const run_event&)> listener(const std::shared_ptr<call>& c) const;
    std::optional<live_event> live(const run_event& e) const;
    run_options options_for(const versions::loaded& version, clock::time_point deadline, const std::string& run) const;

    std::shared_ptr<route_context> by_;
    std::string path_;
    served_program program_;
    route_options options_;
    std::shared_ptr<detail::versions> versions_;
    schema input_;
    std::unordered_set<std::string> outputs_;  // names
    std::unordered_set<std::shared_ptr<call>> at_work_;
    std::deque<std::shared_ptr<call>> queue_;
    std::uint64_t refused_ = 0;
    reagent::usage used_;
};

/// Sends what a run tells as it goes on, and at last what came of it: `events` of an http_reply.
task<void> send_events(event_sink& to, program_route& route, std::shared_ptr<call> c, std::shared_ptr<http_request> r);
/// Sends events as `shown` has them until the run is over, and says now and then that the connection lives.
task<void> next_events(event_sink& to, std::shared_ptr<call> c, std::function<std::string(const live_event&)> shown);

}  // namespace reagent::detail
