// Health, metrics, the description, and the page to try it.
#include "problem.hpp"
#include "server_impl.hpp"

#include "try_page.hpp"

#include <boost/json.hpp>

namespace reagent {
namespace {

constexpr std::string_view page_policy =
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; "
    "frame-ancestors 'none'";

http_reply ready(bool stopping, const std::vector<std::unique_ptr<detail::program_route>>& programs) {
    json::object all;
    bool good = !stopping;
    for (const auto& p : programs) {
        all[p->name()] = p->is_ready() ? "ready" : "no program yet";
        good = good && p->is_ready();
    }
    return detail::json_reply(json::object{{"status", good       ? "ready"
                                                      : stopping ? "stopping"
                                                                 : "waiting"},
                                           {"programs", std::move(all)}},
                              good ? 200 : 503);
}

task<http_reply> at_once(http_reply reply) { co_return reply; }

}  // namespace

void server::impl::add_own_routes() {
    using request = std::shared_ptr<http_request>;
    handle("GET", "/healthz", [](request) {
        return at_once(detail::json_reply(json::object{{"status", "alive"}}));
    }).open = true;
    handle("GET", "/readyz", [this](request) { return at_once(ready(stopping, programs)); }).open = true;
    handle("GET", "/metrics", [this](request r) { return metrics(std::move(r)); });
    handle("GET", "/openapi.json", [this](request) {
        if (described.empty()) described = description();
        http_reply reply{.body = described};
        return at_once(std::move(reply));
    });
    auto page = [](request) {
        http_reply reply{.body = detail::try_page, .type = "text/html; charset=utf-8"};
        reply.headers = {{"Content-Security-Policy", std::string{page_policy}},
                         {"Referrer-Policy", "no-referrer"},
                         {"X-Frame-Options", "DENY"}};
        return at_once(std::move(reply));
    };
    handle("GET", "/", page).open = true;
}

task<http_reply> server::impl::metrics(std::shared_ptr<http_request>) {
    std::vector<detail::program_metrics> all;
    for (const auto& p : programs) all.push_back(p->metrics());
    http_reply reply{.body = detail::metrics_text(measured, all, clients->all.size()),
                     .type = "text/plain; version=0.0.4; charset=utf-8"};
    co_return reply;
}

}  // namespace reagent
