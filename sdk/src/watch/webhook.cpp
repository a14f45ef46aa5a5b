#include <reagent/watch/watcher.hpp>

#include <reagent/http/client.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/json.hpp>

#include <stdexcept>

namespace reagent {

std::function<void(const json::object&)> webhook(std::string url, secret bearer, std::chrono::milliseconds deadline) {
    http::parse_url(url);  // a bad one is told now
    return [url = std::move(url), bearer = std::move(bearer), deadline](const json::object& alert) {
        asio::io_context context;
        http::client client{context.get_executor(), {.max_response_bytes = 64 * 1024}};
        http::request r{.method = "POST", .url = url};
        r.headers = {{"content-type", "application/json"}};
        r.body = json::serialize(alert);
        r.repeatable = true;  // it has an id
        if (!bearer.reveal().empty())
            r.credentials.emplace_back("authorization", "Bearer " + std::string{bearer.reveal()});
        auto answer = asio::co_spawn(context, client.send(std::move(r), clock::now() + deadline), asio::use_future);
        context.run();
        int status = answer.get().status;
        if (status >= 300) throw std::runtime_error{"the webhook answered with status " + std::to_string(status)};
    };
}

}  // namespace reagent
