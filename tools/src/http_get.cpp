#include <reagent/http/client.hpp>
#include <reagent/tools/function.hpp>
#include <reagent/tools/ready.hpp>

#include <boost/asio/ip/address.hpp>
#include <boost/json.hpp>

#include <algorithm>

namespace reagent::ready {
namespace {

// A host that may be asked, read as a URL's is, so that both mean the same.
struct allowed_host {
    std::string host, port;  // port "": the scheme's own

    bool allows(const http::url_parts& url) const {
        return host == url.host && url.port == (!port.empty() ? port : url.tls ? "443" : "80");
    }
};

allowed_host read_host(const std::string& text) try {
    error_code ec;
    boost::asio::ip::make_address_v6(text, ec);
    std::string there = ec ? text : "[" + text + "]";
    auto plain = http::parse_url("http://" + there), tls = http::parse_url("https://" + there);
    if (plain.target != "/" || text.find_first_of("/?#") != text.npos) throw std::runtime_error{"a host has no path"};
    return {plain.host, plain.port == tls.port ? plain.port : ""};
} catch (const std::exception& e) {
    throw tool_error{
        tool_errc::bad_configuration,
        "http_get cannot ask \"" + text + "\"; write example.org, example.org:8080 or [::1]:8080 (" + e.what() + ")"};
}

std::string list_of(const std::vector<std::string>& hosts) {
    std::string list;
    for (const auto& h : hosts) list += (list.empty() ? "" : ", ") + h;
    return list;
}

struct settings {
    http_get_options options;
    std::vector<allowed_host> allowed;
};

task<json::value> get(run& r, std::shared_ptr<const settings> s, std::string url) {
    const auto& options = s->options;
    auto parts = http::parse_url(url);
    if (std::none_of(s->allowed.begin(), s->allowed.end(), [&](const allowed_host& h) { return h.allows(parts); }))
        throw std::runtime_error{"the host " + parts.host + ":" + parts.port + " may not be asked; allowed are: " +
                                 list_of(options.hosts) + " (without a port: 80 for http, 443 for https)"};
    http::request request{"GET", url, {{"accept", "text/*, application/json"}}, {}};
    auto response = co_await r.http().send(std::move(request), deadline_after(options.timeout));
    json::object result{{"status", response.status}, {"content_type", response.header("content-type")}};
    if (auto location = response.header("location"); !location.empty()) result["redirects_to"] = location;
    if (response.body.size() > options.max_bytes)
        response.body.resize(options.max_bytes), response.body += "\n[cut here]";
    result["body"] = response.body;
    co_return result;
}

}  // namespace

tool http_get(http_get_options options) {
    if (options.hosts.empty())
        throw tool_error{tool_errc::bad_configuration, "http_get needs the hosts that it may ask"};
    settings all{std::move(options), {}};
    for (const auto& h : all.options.hosts) all.allowed.push_back(read_host(h));
    auto shared = std::make_shared<const settings>(std::move(all));
    auto call = [shared](run& r, std::string url) { return get(r, shared, std::move(url)); };
    return detail::make_tool(
        "http_get", "Fetches a URL and returns status and text. Allowed hosts: " + list_of(shared->options.hosts) + ".",
        call, {{"url", "an http or https address"}},
        {.read_only = true,
         .timeout = shared->options.timeout + std::chrono::seconds{2},
         .max_result_bytes = shared->options.max_bytes + 1000,
         .flow = flow_flags{.untrusted = true, .acts = true}});
}

}  // namespace reagent::ready
