#include <reagent/http/client.hpp>
#include <reagent/tools/function.hpp>
#include <reagent/tools/ready.hpp>

#include <boost/json.hpp>

namespace reagent::ready {
namespace {

// "example.org" allows the scheme's own port, "example.org:8080" that one.
bool allowed(const std::vector<std::string>& hosts, const http::url_parts& url) {
    bool own_port = url.port == (url.tls ? "443" : "80");
    for (const auto& h : hosts)
        if ((own_port && h == url.host) || h == url.host + ":" + url.port) return true;
    return false;
}

task<json::value> get(run& r, std::shared_ptr<const http_get_options> options, std::string url) {
    auto parts = http::parse_url(url);
    if (!allowed(options->hosts, parts)) {
        std::string list;
        for (const auto& h : options->hosts) list += (list.empty() ? "" : ", ") + h;
        throw std::runtime_error{"the host " + parts.host + ":" + parts.port + " may not be asked; allowed are: " + list};
    }
    http::request request{"GET", url, {{"accept", "text/*, application/json"}}, {}};
    auto response = co_await r.http().send(std::move(request), clock::now() + options->timeout);
    json::object result{{"status", response.status}, {"content_type", response.header("content-type")}};
    if (auto location = response.header("location"); !location.empty()) result["redirects_to"] = location;
    if (response.body.size() > options->max_bytes) response.body.resize(options->max_bytes), response.body += "\n[cut here]";
    result["body"] = response.body;
    co_return result;
}

}  // namespace

tool http_get(http_get_options options) {
    if (options.hosts.empty()) throw tool_error{tool_errc::bad_configuration, "http_get needs the hosts that it may ask"};
    auto shared = std::make_shared<const http_get_options>(std::move(options));
    auto call = [shared](run& r, std::string url) { return get(r, shared, std::move(url)); };
    std::string list;
    for (const auto& h : shared->hosts) list += (list.empty() ? "" : ", ") + h;
    return detail::make_tool("http_get", "Fetches a URL and returns status and text. Allowed hosts: " + list + ".", call,
                             {{"url", "an http or https address"}},
                             {.read_only = true,
                              .timeout = shared->timeout + std::chrono::seconds{2},
                              .max_result_bytes = shared->max_bytes + 1000,
                              .flow = flow_flags{.untrusted = true, .acts = true}});
}

}  // namespace reagent::ready
