#include "problem.hpp"

#include "wire/head.hpp"

#include <reagent/error.hpp>
#include <reagent/schema/render.hpp>

#include <boost/json.hpp>

namespace reagent::detail {
namespace {

json::object body_of(int status, std::string_view kind, std::string_view detail) {
    return {{"type", "urn:reagent:problem:" + std::string{kind}},
            {"title", reason_of(status)},
            {"status", status},
            {"detail", detail}};
}

http_reply reply_with(int status, json::object body) {
    http_reply r{.status = status, .body = json::serialize(body), .type = "application/problem+json"};
    return r;
}

unsigned seconds_of(const error& e) {
    if (!e.details().retry_after) return 1;
    return static_cast<unsigned>(std::clamp<std::int64_t>(e.details().retry_after->count() / 1000 + 1, 1, 3600));
}

told_failure told_of_model(const lm_error& e) {
    if (e.code() == lm_errc::rate_limited || e.code() == lm_errc::unavailable || e.code() == lm_errc::server_error)
        return {503, "model-unavailable", "the language model cannot be asked at the moment", seconds_of(e)};
    if (e.code() == lm_errc::content_filter) return {502, "withheld", "the provider withholds the model's answer"};
    if (e.code() == lm_errc::context_length)
        return {502, "too-long", "the input is longer than the language model takes"};
    return {502, "model-failed", "the language model could not be asked"};
}

told_failure told_of_run(const run_error& e) {
    if (e.code() == run_errc::deadline_exceeded) return {504, "deadline", "there was no answer before the deadline"};
    if (e.code() == run_errc::cancelled) return {503, "cancelled", "the run was cancelled", 1};
    if (e.code() == run_errc::no_language_model) return {503, "no-model", "there is no language model", 10};
    if (e.code() == run_errc::budget_calls || e.code() == run_errc::budget_tokens || e.code() == run_errc::budget_cost)
        return {500, "budget", "the run has used up what it may"};
    if (e.code() == run_errc::assertion_failed)
        return {502, "assertion", "the answer did not become what the program wants of it"};
    return {500, "run-failed", "the run failed"};
}

}  // namespace

http_reply problem(int status, std::string_view kind, std::string_view detail) {
    return reply_with(status, body_of(status, kind, detail));
}

http_reply problem_of(const std::vector<violation>& violations) {
    json::array all;
    for (const auto& v : violations) all.push_back(json::object{{"path", v.path}, {"message", v.message}});
    const auto n = all.size();
    auto body = body_of(
        422, "violations",
        n == 1 ? "the input does not fit in one place" : "the input does not fit in " + std::to_string(n) + " places");
    body["violations"] = std::move(all);
    return reply_with(422, std::move(body));
}

http_reply busy(std::string_view detail, unsigned seconds) {
    auto r = problem(503, "busy", detail);
    r.headers.emplace_back("Retry-After", std::to_string(seconds));
    return r;
}

told_failure told(const std::exception_ptr& failure) {
    try {
        std::rethrow_exception(failure);
    } catch (const lm_error& e) {
        return told_of_model(e);
    } catch (const run_error& e) {
        return told_of_run(e);
    } catch (const parse_error&) {
        return {502, "unreadable-answer", "the language model gave no answer that can be read"};
    } catch (const http_error&) {
        return {502, "model-failed", "the language model could not be reached"};
    } catch (const signature_error&) {
        return {422, "violations", "the input does not fit the program's signature"};
    } catch (...) {
        return {500, "run-failed", "the run failed"};
    }
}

http_reply reply_of(const told_failure& f) {
    auto r = problem(f.status, f.kind, f.detail);
    if (f.retry_after) r.headers.emplace_back("Retry-After", std::to_string(f.retry_after));
    return r;
}

std::string code_text(const std::exception_ptr& failure) {
    if (!failure) return {};
    try {
        std::rethrow_exception(failure);
    } catch (const error& e) {
        return std::string{e.code().category().name()} + ": " + e.code().message();
    } catch (const boost::system::system_error& e) {
        return std::string{e.code().category().name()} + ": " + std::to_string(e.code().value());
    } catch (...) {
        return "an exception of the program";
    }
}

std::string to_kind(int status) {
    switch (status) {
        case 408: return "slow";
        case 413: return "body-size";
        case 414: return "target-size";
        case 417: return "expectation";
        case 431: return "header-size";
        case 505: return "version";
        default: return "request";
    }
}

http_reply json_reply(const json::value& body, int status) {
    http_reply r{.status = status, .body = dump_strict_json(body)};
    return r;
}

}  // namespace reagent::detail
