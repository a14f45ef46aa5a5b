// What the errors of providers mean.
#include "reading.hpp"

#include <reagent/error.hpp>
#include <reagent/schema/repair.hpp>

#include "../../base/redact.hpp"
#include "../../base/text.hpp"
#include "../quota.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <ctime>

namespace reagent::provider {
namespace {

bool holds(const std::string& text, std::initializer_list<std::string_view> words) {
    for (auto word : words)
        if (text.find(word) != text.npos) return true;
    return false;
}

// A single request beyond a limit of tokens per minute: waiting does not help.
bool is_too_large_for_a_limit(const std::string& lower) {
    return holds(lower, {"request too large"}) && holds(lower, {"requested"});
}

// What is longer than anybody waits is so long that nobody does; it must not pass for nothing.
std::chrono::milliseconds at_most_a_year(double ms) {
    constexpr double year = 365.0 * 86'400'000;
    return std::chrono::milliseconds{static_cast<long long>(std::ceil(std::clamp(ms, 0.0, year)))};
}

// How long a response asks to wait: seconds, or a date. Source: RFC 9110, section 10.2.3; OpenAI sends milliseconds as
// well.
std::optional<std::chrono::milliseconds> wait_of(const http::response& r) {
    using namespace std::chrono;
    auto number = [](std::string_view s) -> std::optional<double> {
        std::string text{trim(s)};
        if (text.empty() || text.find_first_not_of("0123456789.") != text.npos || !is_digit(text[0])) return {};
        return std::strtod(text.c_str(), nullptr);
    };
    if (auto ms = number(r.header("retry-after-ms"))) return at_most_a_year(*ms);
    auto text = r.header("retry-after");
    if (auto s = number(text)) return at_most_a_year(*s * 1000);
    std::tm date{};
    std::string copy{trim(text)};
    if (copy.empty() || !::strptime(copy.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &date)) return {};
    return at_most_a_year(1000 * std::difftime(::timegm(&date), system_clock::to_time_t(system_clock::now())));
}

// "3.5s", "7m12.4s", "250ms" at the beginning of a text, as a number of milliseconds.
std::optional<std::chrono::milliseconds> duration_at(std::string_view s) {
    double total = 0;
    bool any = false;
    while (!s.empty() && (is_digit(s[0]) || s[0] == '.')) {
        auto end = s.find_first_not_of("0123456789.");
        if (end == s.npos || end > 400) break;
        std::string unit;
        for (std::size_t i = end; i < s.size() && (is_alpha(s[i]) || (s[i] == ' ' && i == end)); ++i)
            if (s[i] != ' ') unit += s[i];
        double n = std::strtod(std::string{s.substr(0, end)}.c_str(), nullptr);
        double each = unit == "ms" || unit == "milliseconds"    ? 1
                      : unit == "s" || unit.starts_with("sec")  ? 1000
                      : unit == "m" || unit.starts_with("min")  ? 60'000
                      : unit == "h" || unit.starts_with("hour") ? 3'600'000
                                                                : 0;
        if (each == 0) break;
        total += n * each;
        any = true;
        s.remove_prefix(s.find(unit, end) + unit.size());
    }
    if (!any) return {};
    return at_most_a_year(total);
}

// How long an error's body asks to wait: Google's RetryInfo, or words. Source: google/rpc/error_details.proto; OpenAI's
// and Groq's errors.
std::optional<std::chrono::milliseconds> wait_in(const json::value* error, const std::string& message) {
    if (error && error->is_array() && !error->get_array().empty()) return wait_in(&error->get_array().front(), message);
    if (auto* inner = member(error, "error"); inner && inner->is_object()) return wait_in(inner, message);
    if (auto* details = member(error, "details"); details && details->is_array())
        for (const auto& d : details->get_array())
            if (auto delay = text_member(d, "retryDelay"); !delay.empty())
                if (auto ms = duration_at(delay)) return ms;
    std::string lower = to_lower(message);
    for (std::string_view words : {"retry in ", "try again in ", "retry after "})
        if (auto at = lower.find(words); at != lower.npos)
            if (auto ms = duration_at(std::string_view{lower}.substr(at + words.size()))) return ms;
    return {};
}

// What counts a prompt, and what says that the count is too high. Not what speaks of the answer's length, or of a time.
// Source: TGI, router/src/validation.rs; watsonx.ai and Volcengine Ark, reports of their users.
bool counts_too_much(const std::string& lower) {
    return holds(lower, {"input token", "number of tokens", "`inputs`", "input length", "length of the input",
                         "length of input", "prompt length", "length of the prompt", "prompt token",
                         "tokens of the prompt", "tokens in the prompt", "sequence length", "total token",
                         "total message token", "message tokens", "the prompt has", "the input has"}) &&
           holds(lower, {"exceed", "less than", "longer than", "larger than", "greater than", "more than",
                         "must be <=", "must not be", "too long", "too large", "too many", "over the", "beyond",
                         "at most", "max sequence", "surpass"}) &&
           !holds(lower,
                  {"per minute", "per day", "per second", "per hour", "rate limit", "ratelimit", "quota", "tpm",
                   "max_tokens", "max_completion_tokens", "max_output_tokens", "output token", "completion tokens"});
}

// The words of OpenAI, Azure, DeepSeek, Fireworks, SGLang ("context length"), Anthropic, Bedrock, Gemini, Cohere, Groq,
// Cerebras, xAI, TGI and Together, vLLM, TensorRT-LLM, llama.cpp and its Python server, LM Studio, Mistral, Moonshot,
// Zhipu, DashScope, MiniMax, GitHub. Source: reports of their users and their error pages.
bool is_too_long(const std::string& lower) {
    return holds(lower, {"context_length",
                         "context length",
                         "context window",
                         "context limit",
                         "context size",
                         "exceed_context_size",
                         "maximum context",
                         "max context",
                         "too many tokens",
                         "prompt is too long",
                         "prompt too long",
                         "input is too long",
                         "input too long",
                         "input token count",
                         "too many input tokens",
                         "exceeds the maximum number of tokens",
                         "maximum prompt length",
                         "maximum input length",
                         "maximum model length",
                         "max_model_len",
                         "`inputs` tokens",
                         "inputs tokens",
                         "exceeded model token limit",
                         "exceeds max length",
                         "range of input length",
                         "reduce the length of the",
                         "reduce your message size",
                         "prompt token count",
                         "tokens_limit_reached",
                         "request body too large",
                         "string_above_max_length",
                         "context overflow",
                         "tokens) is too large to process"}) ||
           is_too_large_for_a_limit(lower) || counts_too_much(lower);
}

// Groq's, llama.cpp's and Ollama's, where the model's own answer does not parse, or holds bytes that are no UTF-8.
// Source: Groq, "Tool use", tool_use_failed; llama.cpp, common/chat.cpp, and its issue 27543; Ollama's issues 12884 and
// 14492.
bool is_misread(int status, const std::string& lower) {
    if (holds(lower,
              {"tool_use_failed", "failed to call a function", "json_validate_failed",
               "output that does not match the expected", "failed to parse input at pos", "error parsing tool call"}))
        return true;
    const bool of_the_request = status >= 400 && status < 500;
    return !of_the_request &&
           holds(lower, {"type_error.316", "invalid utf-8 byte", "invalid diff:", "failed to parse json"});
}

// What an error is, by its status (0: unknown) and words.
std::pair<lm_errc, const char*> classify(int status, const std::string& code, const std::string& lower) {
    if (quota_is_used_up(code) && status != 402)
        return {lm_errc::rate_limited,
                "the provider's quota is used up, which waiting does not change; look at its plan and billing"};
    if (is_misread(status, lower))
        return {lm_errc::server_error,
                "the model wrote an answer that the provider could not read; asked again, it mostly writes another"};
    bool too_long = is_too_long(lower) || status == 413;
    bool filtered = holds(lower, {"content_filter", "content management policy", "safety system"});
    switch (status) {
        case 400:
        case 413:
        case 422:
            if (too_long) return {lm_errc::context_length, "the prompt is longer than the model's context"};
            if (filtered) return {lm_errc::content_filter, "the provider's content filter refused the request"};
            if (holds(lower, {"api key not valid", "invalid api key", "api_key_invalid"}))
                return {lm_errc::authentication, "the provider refused the API key; check its environment variable"};
            return {lm_errc::invalid_request, "the provider refused the request"};
        case 401: return {lm_errc::authentication, "the provider refused the API key; check its environment variable"};
        case 402: return {lm_errc::permission, "the provider wants to be paid first"};
        case 403: return {lm_errc::permission, "the API key may not use this model"};
        case 404:
            return {lm_errc::not_found,
                    "the provider knows no such model or address; check the model's name and api_base"};
        case 408:
        case 409:
        case 425: return {lm_errc::unavailable, "the provider could not answer now"};
        case 429:
            if (is_too_large_for_a_limit(lower))
                return {lm_errc::context_length, "the prompt is larger than the provider's limit for a request"};
            return {lm_errc::rate_limited, "the provider's rate limit or quota is used up"};
        case 0:
            if (too_long) return {lm_errc::context_length, "the prompt is longer than the model's context"};
            if (holds(lower, {"rate_limit", "rate limit", "too many requests", "resource_exhausted", "quota"}))
                return {lm_errc::rate_limited, "the provider's rate limit or quota is used up"};
            if (holds(lower, {"authentication", "invalid_api_key", "unauthorized", "unauthenticated"}))
                return {lm_errc::authentication, "the provider refused the API key; check its environment variable"};
            if (filtered) return {lm_errc::content_filter, "the provider's content filter refused the request"};
            if (holds(lower, {"invalid_request", "invalid_argument", "bad_request"}))
                return {lm_errc::invalid_request, "the provider refused the request"};
            return {lm_errc::server_error, "the provider failed"};
        default: break;
    }
    if (status == 501 && !too_long) return {lm_errc::invalid_request, "the server has not what was asked for"};
    if (status >= 500 && too_long) return {lm_errc::context_length, "the prompt is longer than the model's context"};
    if (status >= 500) return {lm_errc::server_error, "the provider failed"};
    return {lm_errc::invalid_request, "the provider gave an unexpected answer"};
}

struct words {
    std::string message, code;
};

// The message and code of an error in any of the providers' shapes.
words words_of(const json::value* e) {
    if (!e) return {};
    if (e->is_string()) return {std::string{e->get_string()}, {}};
    if (e->is_array() && !e->get_array().empty()) return words_of(&e->get_array().front());
    std::string code;
    for (const char* key : {"error", "errors", "detail"})
        if (auto* inner = member(e, key);
            inner && !inner->is_null() && (!inner->is_string() || key == std::string_view{"error"})) {
            auto w = words_of(inner);
            if (w.message.empty()) w.message = text_member(e, "message");
            for (const char* own : {"code", "type"})  // {"error": "...", "code": "insufficient_quota"}
                if (std::string part = text_member(e, own); !part.empty()) w.code += " " + part;
            return w;
        }
    for (const char* key : {"code", "type", "status"})
        if (std::string part = text_member(e, key); !part.empty()) code += " " + part;
    std::string message = text_member(e, "message");
    if (message.empty()) message = text_member(e, "detail");
    return {message, code};
}

// What a provider that only passes requests on was told, and what a model wrote that could not be read.
// Source: OpenRouter, "Errors" (metadata.raw); Groq, "Tool use" (failed_generation).
std::string further_words(const json::value& error, std::span<const secret> keys) {
    const json::value* e = member(error, "error");
    if (!e || !e->is_object()) e = &error;
    std::string more;
    for (std::string words : {text_member(member(e, "metadata"), "raw"), text_member(e, "failed_generation")})
        if (!words.empty()) more += " (" + detail::cut_without_keys(words, 300, keys) + ")";
    return more;
}

// The provider's words, with a code that says what they may not: `is_transient` reads it there.
std::string shown_words(const words& w, std::span<const secret> keys) {
    std::string text = detail::cut_without_keys(w.message, 1000, keys);
    if (!quota_is_used_up(w.code) || quota_is_used_up(text)) return text;
    return text + " (" + detail::cut_without_keys(trim(w.code), 100, keys) + ")";
}

}  // namespace

void throw_error_object(const json::value& error, const json::value& whole) {
    auto [message, code] = words_of(&error);
    if (message.empty()) message = text_member(whole, "message");
    if (message.empty()) message = detail::cut_without_keys(json::serialize(error), 300);
    message += further_words(error, {});
    int status = 0;
    for (const auto* where : {&error, &whole})
        for (const char* name : {"code", "status", "status_code", "http_status"}) {
            auto number = index_of(member(*where, name));
            if (!status && number && *number >= 400 && *number < 600) status = static_cast<int>(*number);
        }
    auto [errc, what] = classify(status, code, to_lower(message + code));
    std::string shown = shown_words({message, code}, {});
    throw lm_error{errc,
                   std::string{what} + ": " + shown,
                   {.provider_message = shown, .http_status = status, .retry_after = wait_in(&error, message)}};
}

constexpr std::size_t longest_read = 16'384;  // of a body that is no error of a known shape

void throw_status(const http::response& r, const std::string& attempted, std::span<const secret> keys) {
    auto parsed = parse_json(r.body);
    auto [message, code] = words_of(parsed ? &*parsed : nullptr);
    if (message.empty()) message = cut(clean_text(detail::cut_without_keys(trim(r.body), longest_read, keys)), 300);
    if (parsed) message += further_words(*parsed, keys);
    std::string id;
    for (const char* name : {"x-request-id", "request-id", "x-debug-trace-id"})
        if (id.empty()) id = r.header(name);
    auto [errc, what] = classify(r.status, code, to_lower(message + code));
    diagnostics d{.attempted = attempted,
                  .provider_message = shown_words({message, code}, keys),
                  .request_id = id,
                  .http_status = r.status,
                  .retry_after = wait_of(r)};
    if (!d.retry_after) d.retry_after = wait_in(parsed ? &*parsed : nullptr, message);
    std::string text = std::string{what} + " (HTTP " + std::to_string(r.status) +
                       (d.provider_message.empty() ? "" : ": " + d.provider_message) + ")";
    throw lm_error{errc, text, d};
}

}  // namespace reagent::provider
