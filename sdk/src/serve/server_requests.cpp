// What a server does with each request before and after its handler.
#include "json_body.hpp"
#include "problem.hpp"
#include "server_impl.hpp"
#include "wire/head.hpp"

#include <reagent/run/consent.hpp>

#include "../base/text.hpp"

#include <boost/json.hpp>

#include <random>

namespace reagent {
namespace {

constexpr std::size_t longest_id = 64;

bool is_id(std::string_view s) {
    if (s.empty() || s.size() > longest_id) return false;
    return std::all_of(s.begin(), s.end(), [](char c) { return is_word(c) || c == '-' || c == '.'; });
}

constexpr std::size_t longest_path = 200;

// As it is, or as JSON where it would not be one word.
std::string word_of(std::string_view value) {
    std::string shown = visible(value);
    return shown.find_first_of(" \"\\=") == shown.npos ? shown : json::serialize(json::value(json::string(shown)));
}

void add_headers(http_reply& reply, std::vector<std::pair<std::string, std::string>> headers) {
    for (auto& h : headers) reply.headers.push_back(std::move(h));
}

}  // namespace

std::string server::impl::new_id() {
    static thread_local std::mt19937_64 random{[] {
        std::random_device device;
        std::seed_seq seed{device(), device(), device(), device()};
        return std::mt19937_64{seed};
    }()};
    char text[32];
    std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(random()));
    return text;
}

std::string server::impl::id_for(const http_request& r) {
    std::string_view given = r.header("X-Request-Id");
    return is_id(given) && detail::without(given, keys) == given ? std::string{given} : new_id();
}

std::optional<http_reply> server::impl::refuse(http_request& r) {
    r.id = id_for(r);
    auto with_cors = [&](http_reply reply) {
        add_headers(reply, access.cors(r));
        return reply;
    };
    const std::string target = std::move(r.path);
    r.path.clear();
    if (!detail::take_target(r, target)) return detail::problem(400, "target", "that is no path");
    if (auto twice = detail::repeated_header(r); !twice.empty())
        return detail::problem(400, "header", std::string{twice} + " stands twice, with two values");
    if (auto refusal = access.check_place(r)) return with_cors(std::move(*refusal));
    const auto* route = routes.find(r);
    if (r.method == "OPTIONS" && route) return with_cors(access.preflight(r, route->methods()));
    if (!route || !route->open)
        if (auto refusal = access.check_key(r, clock::now())) return with_cors(std::move(*refusal));
    if (!route) return with_cors(detail::problem(404, "not-found", "there is nothing here"));
    if (!route->handlers.contains(r.method == "HEAD" ? "GET" : r.method)) {
        auto refusal = detail::problem(405, "method", "this path takes " + route->methods());
        refusal.headers.emplace_back("Allow", route->methods());
        return with_cors(std::move(refusal));
    }
    if (auto why = detail::coded_otherwise(r); !why.empty()) return with_cors(detail::problem(415, "type", why));
    return {};
}

task<http_reply> server::impl::answer(std::shared_ptr<http_request> r) {
    const auto* route = routes.find(*r);
    const auto& handler = route->handlers.find(r->method == "HEAD" ? "GET" : r->method)->second;
    http_reply reply;
    try {
        reply = co_await handler(r);
    } catch (const detail::refused& e) {
        reply = e.reply;
    } catch (...) {
        r->error = detail::code_text(std::current_exception());
        reply = detail::problem(500, "failed", "the request could not be answered");
    }
    add_headers(reply, access.cors(*r));
    co_return reply;
}

http_reply server::impl::refusal(int status, std::string_view why) {
    std::string kind = detail::to_kind(status);
    return detail::problem(status, kind, why);
}

void server::impl::answered(const http_request& r, int status, std::size_t in, std::size_t out,
                            std::chrono::microseconds took) {
    auto copy = r;
    const auto* route = r.path.empty() ? nullptr : routes.find(copy);
    measured[route ? route->pattern : std::string{"other"}].add(status, took);
    if (!options.on_access) return;
    const std::string path = detail::cut_without(r.target, keys, longest_path),
                      method = detail::cut_without(r.method, keys, 16);
    access_record record{.id = r.id,
                         .caller = r.caller,
                         .method = method,
                         .path = path,
                         .route = route ? route->pattern : std::string_view{}};
    record.program = r.program;
    record.version = r.version;
    record.run = r.run;
    record.status = status;
    record.bytes_in = in;
    record.bytes_out = out;
    record.latency = took;
    record.error = r.error;
    options.on_access(record);
}

std::string to_string(const access_record& r) {
    std::string line = word_of(r.method.empty() ? "-" : r.method) + " " + word_of(r.path.empty() ? "-" : r.path) + " " +
                       std::to_string(r.status);
    char took[32];
    std::snprintf(took, sizeof took, " %.1fms", static_cast<double>(r.latency.count()) / 1000);
    line += took;
    line += " in=" + std::to_string(r.bytes_in) + " out=" + std::to_string(r.bytes_out);
    auto add = [&](const char* name, std::string_view value) {
        if (!value.empty()) line += std::string{" "} + name + "=" + word_of(value);
    };
    add("id", r.id);
    add("caller", r.caller);
    add("program", r.program);
    add("version", r.version);
    add("run", r.run);
    add("error", r.error);
    return line;
}

}  // namespace reagent
