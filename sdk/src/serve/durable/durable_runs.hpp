#pragma once

#include "../program_route.hpp"
#include "halts.hpp"
#include "run_view.hpp"
#include "store_calls.hpp"

#include <map>
#include <set>
#include <thread>

namespace reagent::detail {

/// What a request said of how its answer is to come.
struct durable_request {
    json::object input;
    std::string session{};     ///< its id in the store; "": none
    std::string key{};         ///< Idempotency-Key; "": none
    std::string preference{};  ///< that is followed, for Preference-Applied
    std::chrono::milliseconds wait{0};
};

/// Durable programs of a server: their runs and conversations in one store, and the worker that goes on with them.
/// Belongs to the server's thread.
class durable_runs : public std::enable_shared_from_this<durable_runs> {
public:
    durable_runs(std::shared_ptr<route_context> by, durable_service& service);
    ~durable_runs();

    const durable_service& service() const { return calls_.service(); }
    void add(program_route& route);  ///< before `begin`
    void begin();                    ///< the worker, on a thread of its own
    void stop();                     ///< it takes up nothing more, and whoever waits is told
    task<void> expire();             ///< removes what is too old, until the server stops

    // Handlers.
    task<http_reply> post(program_route* route, std::shared_ptr<http_request> r);
    task<http_reply> get_run(std::shared_ptr<http_request> r);
    task<http_reply> get_events(std::shared_ptr<http_request> r);
    task<http_reply> decide(std::shared_ptr<http_request> r, run_decision::kind_t kind);
    task<http_reply> cancel(std::shared_ptr<http_request> r);
    task<http_reply> get_session(std::shared_ptr<http_request> r);
    task<http_reply> delete_session(std::shared_ptr<http_request> r);

private:
    struct begun_run {
        stored_run run;
        std::size_t turn = 0;  ///< of its conversation, from 1; 0: it is part of none
        bool again = false;    ///< by an Idempotency-Key that had come before
    };
    struct page {
        stored_run run;
        std::vector<journal_store::numbered_record> records;
        std::vector<pending_decision> pending;
    };

    void work();
    void serve_versions_of_open_runs();
    void serve_version(program_route& route, const versions::loaded& version);
    program_route* route_of(const std::string& stored_program) const;
    /// @throws refused with 404 for what is not there or not for that caller
    void check_seen(const std::optional<stored_run>& found, const http_request& r) const;
    task<stored_run> run_of(std::shared_ptr<http_request> r);
    task<page> read(std::string id, std::uint64_t after, bool records);
    task<begun_run> submit(program_route* route, std::shared_ptr<http_request> r, durable_request d);
    task<http_reply> answered(program_route* route, std::shared_ptr<http_request> r, begun_run b, durable_request d);
    task<http_reply> view_of(std::string id, int status);
    task<stored_run> until_halted(stored_run run, std::chrono::milliseconds wait, std::shared_ptr<departure> client);
    task<http_reply> page_of_events(std::shared_ptr<http_request> r, std::uint64_t after);
    task<void> send_events(event_sink& to, std::shared_ptr<http_request> r, std::uint64_t after, shown_steps steps);
    std::string text_of(const page& p, std::uint64_t& after, shown_steps steps) const;

    std::shared_ptr<route_context> by_;
    store_calls calls_;
    halts halts_;
    std::map<std::string, program_route*, std::less<>> routes_;  // by name
    std::set<std::string> served_;                               // as `stored_program` names them
    std::size_t viewers_ = 0;
    std::shared_ptr<asio::steady_timer> next_look_;
    std::atomic<bool> ended_ = true;  // the worker
    std::thread worker_;
};

/// A store's refusal as an answer; what it says of other things stays here.
http_reply store_refusal(const std::exception_ptr& failure);
/// What work answers, or a store's refusal.
task<http_reply> with_store_refusals(task<http_reply> work);

/// What the header says. @throws refused
durable_request read_durable_request(const program_route& route, const http_request& r, std::size_t json_depth);

/// A decision's body. @throws refused
run_decision read_decision(const http_request& r, run_decision::kind_t kind, std::size_t json_depth);
/// Blocks. @throws refused with 409 where what waits is not what was seen, or was decided
void decide_seen(journal_store& store, const std::string& id, const run_decision& d);

}  // namespace reagent::detail
