#include "reading.hpp"

#include <reagent/error.hpp>
#include <reagent/schema/repair.hpp>

#include "../../base64.hpp"
#include "../../redact.hpp"
#include "../../text.hpp"
#include "../quota.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <ctime>

namespace reagent::provider {

std::string text_of(const json::value* v) {
    if (!v) return {};
    if (v->is_string()) return std::string{v->get_string()};
    if (!v->is_array()) return {};
    std::string text;  // some servers send content in parts
    for (const auto& part : v->get_array()) text += text_member(part, "text");
    return text;
}

std::uint64_t count_of(const json::value* v) {
    if (!v) return 0;
    constexpr std::uint64_t most = 1'000'000'000'000'000;  // more is a lie; it must not pass for nothing, nor break what stores int64
    if (v->is_int64() && v->get_int64() > 0) return std::min(most, static_cast<std::uint64_t>(v->get_int64()));
    if (v->is_double() && v->get_double() > 0)
        return v->get_double() < 1e15 ? static_cast<std::uint64_t>(std::llround(v->get_double())) : most;
    return v->is_uint64() ? std::min(most, v->get_uint64()) : 0;
}

void malformed(const std::string& what, std::string_view body) {
    throw lm_error{lm_errc::malformed_response, "the provider's response " + what + ": " + cut(std::string{trim(body)}, 200)};
}

namespace {

// Whether a number in it may have more digits, or a larger exponent, than a double holds. `parse_json` keeps those, and is slower.
bool may_lose_digits(std::string_view body) {
    std::size_t run = 0;
    for (std::size_t i = 0; i < body.size(); ++i) {
        if (is_digit(body[i]) || body[i] == '.') {
            if (++run >= 18) return true;
        } else if ((body[i] | 0x20) == 'e' && run && i + 3 < body.size() &&
                   std::all_of(body.begin() + static_cast<std::ptrdiff_t>(i) + 2, body.begin() + static_cast<std::ptrdiff_t>(i) + 4,
                               is_digit))
            return true;
        else
            run = 0;
    }
    return false;
}

}  // namespace

json::value parse_body(std::string_view body, json::storage_ptr memory) {
    json::parse_options options;
    options.max_depth = max_json_depth;
    boost::system::error_code ec;
    json::value tree;
    if (may_lose_digits(body)) {
        auto kept = parse_json(body);
        if (!kept) malformed("is no JSON", body);
        tree = std::move(*kept);
    } else
        tree = json::parse({body.data(), body.size()}, ec, std::move(memory), options);
    if (ec) malformed("is no JSON", body);
    if (auto* e = member(tree, "error"); e && !e->is_null()) throw_error_object(*e);
    return tree;
}

const json::array& list_member(const json::value& v, std::string_view name, std::string_view body) {
    auto* list = member(v, name);
    if (!list || !list->is_array() || list->get_array().empty()) malformed("has no `" + std::string{name} + "`", body);
    return list->get_array();
}

namespace {

// The first of eight bytes that JSON escapes: below 0x20, a quote or a backslash. Little-endian.
// Source: Sean Eron Anderson, "Bit Twiddling Hacks" (determine if a word has a byte less than n, or equal to n).
/// @return the index of the first such byte, or 8
std::size_t first_escape(const char* eight) {
    std::uint64_t word;
    std::memcpy(&word, eight, 8);
    constexpr std::uint64_t ones = 0x0101010101010101u, high = 0x8080808080808080u;
    auto has_zero = [](std::uint64_t w) { return (w - ones) & ~w & high; };
    std::uint64_t low = (word - ones * 0x20) & ~word & high;
    std::uint64_t found = low | has_zero(word ^ (ones * '"')) | has_zero(word ^ (ones * '\\'));
    return found ? static_cast<std::size_t>(std::countr_zero(found)) / 8 : 8;
}

}  // namespace

void quoted(std::string& out, std::string_view text) {
    static constexpr char hex[] = "0123456789abcdef";
    out += '"';
    std::size_t plain = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        while (i + 8 <= text.size()) {
            std::size_t n = first_escape(text.data() + i);
            i += n;
            if (n < 8) break;
        }
        if (i == text.size()) break;
        auto c = static_cast<unsigned char>(text[i]);
        if (c >= 0x20 && c != '"' && c != '\\') continue;
        out.append(text, plain, i - plain);
        plain = i + 1;
        switch (c) {
            case '"': out += "\\\""; break;
            case '\\': out += "\\\\"; break;
            case '\n': out += "\\n"; break;
            case '\r': out += "\\r"; break;
            case '\t': out += "\\t"; break;
            default: ((out += "\\u00") += hex[c >> 4]) += hex[c & 15];
        }
    }
    out.append(text, plain);
    out += '"';
}

void option_filter::lacks(bool given, std::string_view option, std::string_view instead) {
    if (!given) return;
    dropped_.emplace_back(option);
    if (settings_.drop_unsupported) return;
    throw lm_error{lm_errc::unsupported_option,
                   std::string{provider_} + " has no option `" + std::string{option} + "`" +
                       (instead.empty() ? "" : "; " + std::string{instead}) +
                       "; leave it out, or set language_model_options::drop_unsupported",
                   {.attempted = "asking " + std::string{provider_} + "/" + settings_.model, .path = std::string{option}}};
}

json::object arguments_object(const tool_call& c) {
    auto parsed = parse_json(c.arguments);
    if (!parsed) parsed = repair_json(c.arguments);
    return parsed && parsed->is_object() ? std::move(parsed->get_object()) : json::object{};
}

std::string image_address(const image& i) { return i.url.empty() ? "data:" + i.media_type + ";base64," + base64(i.bytes) : i.url; }

bool is_strict(const json::value& schema) {
    if (schema.is_array()) {
        for (const auto& part : schema.get_array())
            if (!is_strict(part)) return false;
        return true;
    }
    if (!schema.is_object()) return true;
    const auto& o = schema.get_object();
    if (o.empty()) return false;
    if (auto* properties = o.if_contains("properties"); properties && properties->is_object()) {
        auto* required = o.if_contains("required");
        auto* additional = o.if_contains("additionalProperties");
        if (!required || !required->is_array() || required->get_array().size() != properties->get_object().size()) return false;
        if (!additional || !additional->is_bool() || additional->get_bool()) return false;
        for (const auto& [name, part] : properties->get_object())
            if (!is_strict(part)) return false;
        return true;
    }
    if (auto* type = o.if_contains("type"); type && *type == "object") return false;
    if (o.contains("prefixItems") || o.contains("default")) return false;
    for (const char* key : {"items", "anyOf", "$defs"})
        if (auto* part = o.if_contains(key)) {
            if (part->is_object() && std::string_view{key} == "$defs") {
                for (const auto& [name, d] : part->get_object())
                    if (!is_strict(d)) return false;
            } else if (!is_strict(*part))
                return false;
        }
    return true;
}

std::string_view to_string(effort e) {
    switch (e) {
        case effort::none: return "none";
        case effort::minimal: return "minimal";
        case effort::low: return "low";
        case effort::medium: return "medium";
        case effort::high: break;
    }
    return "high";
}

json::object openai_tool(const tool_description& t) {
    return {{"type", "function"}, {"function", {{"name", t.name}, {"description", t.description}, {"parameters", t.parameters}}}};
}

http::header_list protocol::credentials(const secret& key) const {
    if (key.empty()) return {};
    return {{"authorization", "Bearer " + std::string{key.reveal()}}};
}

void stream_reader::read(std::string_view event, std::string_view data, std::vector<lm_event>& out) {
    // The tree lives for this function only, so its memory is freed at once.
    unsigned char buffer[4096];
    json::monotonic_resource memory{buffer};
    json::value tree = parse_body(data, &memory);
    if (tree.is_object()) read_json(event, tree, out);
}

lm_response stream_reader::finish() {
    if (!ended_)
        throw lm_error{lm_errc::unavailable,
                       "the provider's stream broke off after " + std::to_string(answer_.text.size()) + " bytes of the answer"};
    for (std::size_t i = 0; i < answer_.tool_calls.size(); ++i)
        if (answer_.tool_calls[i].id.empty()) answer_.tool_calls[i].id = "call_" + std::to_string(i);
    std::erase_if(answer_.tool_calls, [](const tool_call& c) { return c.name.empty(); });
    if (!answer_.tool_calls.empty() && answer_.finish == finish_reason::stop) answer_.finish = finish_reason::tool_calls;
    answer_.usage.calls = 1;
    return std::move(answer_);
}

void stream_reader::text(std::string piece, std::vector<lm_event>& out) {
    if (piece.empty()) return;
    answer_.text += piece;
    out.push_back({.kind = lm_event::text, .text_piece = std::move(piece)});
}

void stream_reader::reasoning(std::string piece, std::vector<lm_event>& out) {
    if (piece.empty()) return;
    answer_.reasoning += piece;
    out.push_back({.kind = lm_event::reasoning, .text_piece = std::move(piece)});
}

void stream_reader::call(std::size_t index, tool_call piece, std::vector<lm_event>& out) {
    constexpr std::size_t most = 128;  // an index is the provider's word: it must not make us allocate at will
    if (index >= most) throw lm_error{lm_errc::malformed_response, "the provider's stream asks for more than 128 tool calls at once"};
    if (index >= answer_.tool_calls.size()) answer_.tool_calls.resize(index + 1);
    auto& whole = answer_.tool_calls[index];
    if (whole.id.empty()) whole.id = piece.id;
    if (whole.name.empty()) whole.name = piece.name;
    whole.arguments += piece.arguments;
    whole.signature += piece.signature;
    out.push_back({.kind = lm_event::tool_call, .index = index, .call = std::move(piece)});
}

void stream_reader::used(const usage& u, std::vector<lm_event>& out) {
    answer_.usage = u;
    out.push_back({.kind = lm_event::usage, .used = u});
}

namespace {

bool holds(const std::string& text, std::initializer_list<std::string_view> words) {
    for (auto word : words)
        if (text.find(word) != text.npos) return true;
    return false;
}

// How long a response asks to wait: seconds, or a date. Source: RFC 9110, section 10.2.3; OpenAI sends milliseconds as well.
std::optional<std::chrono::milliseconds> wait_of(const http::response& r) {
    using namespace std::chrono;
    auto number = [](std::string_view s) -> std::optional<double> {
        std::string text{trim(s)};
        if (text.empty() || text.size() > 12 || text.find_first_not_of("0123456789.") != text.npos) return {};
        try {
            return std::stod(text);
        } catch (const std::exception&) {
            return {};
        }
    };
    if (auto ms = number(r.header("retry-after-ms"))) return milliseconds{static_cast<long long>(*ms)};
    auto text = r.header("retry-after");
    if (auto s = number(text)) return milliseconds{static_cast<long long>(*s * 1000)};
    std::tm date{};
    std::string copy{trim(text)};
    if (copy.empty() || !::strptime(copy.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &date)) return {};
    auto until = system_clock::from_time_t(::timegm(&date)) - system_clock::now();
    return std::max(milliseconds{0}, duration_cast<milliseconds>(until));
}

// What an error is, by its status (0: unknown) and words.
std::pair<lm_errc, const char*> classify(int status, const std::string& code, const std::string& lower) {
    if (quota_is_used_up(code) && status != 402)
        return {lm_errc::rate_limited, "the provider's quota is used up, which waiting does not change; look at its plan and billing"};
    bool too_long = holds(lower, {"context_length", "context length", "context window", "too many tokens", "prompt is too long",
                                  "maximum context", "input token count", "exceeds the maximum number of tokens", "too many input tokens"});
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
        case 404: return {lm_errc::not_found, "the provider knows no such model or address; check the model's name and api_base"};
        case 408:
        case 409:
        case 425: return {lm_errc::unavailable, "the provider could not answer now"};
        case 429: return {lm_errc::rate_limited, "the provider's rate limit or quota is used up"};
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
        if (auto* inner = member(e, key); inner && !inner->is_null() && (!inner->is_string() || key == std::string_view{"error"})) {
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

// The provider's words, with a code that says what they may not: `is_transient` reads it there.
std::string shown_words(const words& w, std::span<const secret> keys) {
    std::string text = cut(detail::without_keys(w.message, keys), 1000);
    if (!quota_is_used_up(w.code) || quota_is_used_up(text)) return text;
    return text + " (" + cut(detail::without_keys(trim(w.code), keys), 100) + ")";
}

}  // namespace

void throw_error_object(const json::value& error) {
    auto [message, code] = words_of(&error);
    if (message.empty()) message = cut(json::serialize(error), 300);
    int status = 0;
    if (auto* number = member(error, "code"); number && number->is_int64() && number->get_int64() >= 400 && number->get_int64() < 600)
        status = static_cast<int>(number->get_int64());
    auto [errc, what] = classify(status, code, to_lower(message + code));
    std::string shown = shown_words({message, code}, {});
    throw lm_error{errc, std::string{what} + ": " + shown, {.provider_message = shown, .http_status = status}};
}

constexpr std::size_t longest_read = 16'384;  // of a body that is no error of a known shape

void throw_status(const http::response& r, const std::string& attempted, std::span<const secret> keys) {
    auto parsed = parse_json(r.body);
    auto [message, code] = words_of(parsed ? &*parsed : nullptr);
    if (message.empty()) message = cut(detail::without_keys(trim(r.body).substr(0, longest_read), keys), 300);
    std::string id;
    for (const char* name : {"x-request-id", "request-id", "x-debug-trace-id"})
        if (id.empty()) id = r.header(name);
    auto [errc, what] = classify(r.status, code, to_lower(message + code));
    diagnostics d{.attempted = attempted,
                  .provider_message = shown_words({message, code}, keys),
                  .request_id = id,
                  .http_status = r.status,
                  .retry_after = wait_of(r)};
    std::string text =
        std::string{what} + " (HTTP " + std::to_string(r.status) + (d.provider_message.empty() ? "" : ": " + d.provider_message) + ")";
    throw lm_error{errc, text, d};
}

}  // namespace reagent::provider
