#pragma once

#include "raw_client.hpp"

#include <reagent/durable/durable_service.hpp>
#include <reagent/lm/scripted.hpp>
#include <reagent/serve/server.hpp>

#include <reagent/reagent.hpp>

#include <future>
#include <mutex>

namespace reagent::test {

enum class team { logistics, billing };

/// A program of one predictor behind types.
struct ticket_router : module {
    struct input {
        std::string message;
        std::optional<int> size{};
    };
    struct output {
        test::team team;
    };
    predict<sig<"message -> team: Literal['logistics', 'billing']">> route{*this, "route"};

    task<output> forward(run& r, input in) const {
        auto p = co_await route(r, in.message);
        co_return output{p.get<"team">() == "billing" ? team::billing : team::logistics};
    }
};

/// A program that waits until it is let go.
class gate : public module {
public:
    task<json::object> call(run& r, json::object inputs) const;
    void open(std::size_t n = 1000) const;
    std::size_t entered() const { return entered_; }
    std::size_t cancelled() const { return cancelled_; }
    /// Until so many have entered. @return false after ten seconds
    bool wait_entered(std::size_t n) const;
    bool wait_cancelled(std::size_t n) const;

private:
    mutable std::atomic<std::size_t> entered_ = 0, cancelled_ = 0, open_ = 0;
};
served_program served_gate(const gate& g);

/// A server on a thread of its own, with what it wrote into its log.
struct service {
    explicit service(server_options options = {}, std::shared_ptr<journal_store> store = {});
    raw_client client() const { return raw_client{server.port()}; }
    std::vector<std::string> log() const;
    /// Until the log has so many lines
    std::vector<std::string> log_of(std::size_t lines) const;

    mutable std::mutex mutex;
    std::vector<std::string> lines, notices;
    reagent::runtime runtime;
    scripted lm{scripted::function{[](const lm_request&) { return scripted_answer{{{"team", "billing"}}}; }}};
    ticket_router program;
    gate slow;
    std::optional<durable_service> runs;  ///< where there is a store
    reagent::server server;
};

}  // namespace reagent::test
