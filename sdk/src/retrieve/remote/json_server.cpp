#include "store.hpp"

#include "../../base/redact.hpp"
#include "../../base/text.hpp"

namespace reagent {

json_server::json_server(std::string name, std::string url, http::header_list credentials,
                         std::chrono::milliseconds timeout)
    : name_{std::move(name)}, url_{std::move(url)}, credentials_{std::move(credentials)}, timeout_{timeout} {
    for (const auto& [header, value] : credentials_) keys_.emplace_back(value);
    while (url_.ends_with('/')) url_.pop_back();
    http::parse_url(url_);  // refused now rather than at the first request
}

task<json_server::answer> json_server::call(run& r, std::string method, std::string target, json::value body) const {
    http::request request{
        .method = std::move(method), .url = url_ + target, .credentials = credentials_, .repeatable = true};
    if (!body.is_null()) {
        request.headers.emplace_back("content-type", "application/json");
        request.body = json::serialize(body);
    }
    const auto deadline = timeout_.count() > 0 ? clock::now() + timeout_ : no_deadline;
    http::response response;
    try {
        response = co_await r.http().send(std::move(request), deadline);
    } catch (const http_error& e) {
        throw retrieve_error{retrieve_errc::server, name_ + ": " + e.what()};
    }
    answer a;
    a.status = response.status;
    boost::system::error_code wrong;
    if (!response.body.empty()) a.body = json::parse(response.body, wrong);
    if (wrong && a.ok()) nonsense("no JSON");
    if (wrong) a.body = json::string(detail::cut_without_keys(response.body, 200, keys_));
    co_return a;
}

void json_server::refuse(const answer& a, const std::string& what) const {
    const std::string said = detail::cut_without_keys(json::serialize(a.body), 400, keys_);
    throw retrieve_error{retrieve_errc::server,
                         name_ + ": " + what + ": status " + std::to_string(a.status) + ", " + said};
}

void json_server::nonsense(const std::string& what) const {
    throw retrieve_error{retrieve_errc::server, name_ + ": its answer cannot be understood: " + what};
}

const json::value& json_server::member(const json::value& of, std::string_view name) const {
    const auto* o = of.if_object();
    const auto* v = o ? o->if_contains(name) : nullptr;
    if (!v) nonsense("there is no \"" + std::string{name} + "\"");
    return *v;
}

std::uint64_t json_server::count(const json::value& v, const std::string& what) const {
    boost::system::error_code wrong;
    const auto n = v.is_number() ? v.to_number<std::uint64_t>(wrong) : 0;
    if (wrong || !v.is_number()) nonsense(what + " is no count");
    return n;
}

std::string percent_encoded(std::string_view text) {
    constexpr char digits[] = "0123456789ABCDEF";
    std::string out;
    for (char c : text) {
        if (is_word(c) || c == '-' || c == '.' || c == '~')
            out += c;
        else
            out += {'%', digits[static_cast<unsigned char>(c) >> 4], digits[static_cast<unsigned char>(c) & 15]};
    }
    return out;
}

}  // namespace reagent
