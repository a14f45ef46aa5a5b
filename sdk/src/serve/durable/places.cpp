// Where stored runs and conversations are found.
#include "../server_impl.hpp"

#include <stdexcept>

namespace reagent {

void server::impl::add_durable(detail::program_route& route) {
    auto& service = *route.options().durable;
    if (!stored) {
        stored = std::make_shared<detail::durable_runs>(by, service);
        add_stored_places();
    } else if (&stored->service() != &service)
        throw std::invalid_argument{"a server has one store of runs: its durable programs want the same service"};
    stored->add(route);
    auto* all = stored.get();
    handle("POST", route.path(), [all, of = &route](std::shared_ptr<http_request> r) {
        return detail::with_store_refusals(all->post(of, std::move(r)));
    });
}

void server::impl::add_stored_places() {
    using request = std::shared_ptr<http_request>;
    using runs = detail::durable_runs;
    auto* all = stored.get();
    auto add = [this, all](const char* method, const char* pattern, task<http_reply> (runs::*answer)(request)) {
        handle(method, pattern,
               [all, answer](request r) { return detail::with_store_refusals((all->*answer)(std::move(r))); });
    };
    auto decide = [this, all](const char* pattern, run_decision::kind_t kind) {
        handle("POST", pattern,
               [all, kind](request r) { return detail::with_store_refusals(all->decide(std::move(r), kind)); });
    };
    add("GET", "/runs/{id}", &runs::get_run);
    add("GET", "/runs/{id}/events", &runs::get_events);
    add("POST", "/runs/{id}/cancel", &runs::cancel);
    decide("/runs/{id}/approve", run_decision::approve);
    decide("/runs/{id}/reject", run_decision::reject);
    add("GET", "/sessions/{id}", &runs::get_session);
    add("DELETE", "/sessions/{id}", &runs::delete_session);
}

}  // namespace reagent
