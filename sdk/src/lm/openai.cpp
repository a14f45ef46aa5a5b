#include "openai.hpp"

#include <reagent/error.hpp>
#include <reagent/schema/repair.hpp>

#include "../text.hpp"

#include <boost/json.hpp>

#include <bit>
#include <cstring>

namespace reagent::openai {
namespace {

// Bodies are written straight into one string: a request holds mostly prompt text, which a tree of values would copy.
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

void write(std::string& out, const message& m) {
    out += "{\"role\":\"";
    out += to_string(m.role);
    out += "\",\"content\":";
    if (m.content.empty() && !m.tool_calls.empty())
        out += "null";
    else
        quoted(out, m.content);
    if (!m.tool_calls.empty()) {
        out += ",\"tool_calls\":[";
        for (const auto& c : m.tool_calls) {
            if (out.back() != '[') out += ',';
            out += "{\"type\":\"function\",\"id\":";
            quoted(out, c.id);
            out += ",\"function\":{\"name\":";
            quoted(out, c.name);
            out += ",\"arguments\":";
            quoted(out, c.arguments);
            out += "}}";
        }
        out += ']';
    }
    if (m.role == role::tool) {
        out += ",\"tool_call_id\":";
        quoted(out, m.tool_call_id);
    }
    out += '}';
}

// OpenAI's strict mode wants every property required and no other allowed; a schema that does not say so goes unstrict.
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

const json::value* member(const json::value* v, std::string_view name) {
    return v && v->is_object() ? v->get_object().if_contains(name) : nullptr;
}

std::string text_of(const json::value* v) {
    if (!v) return {};
    if (v->is_string()) return std::string{v->get_string()};
    if (!v->is_array()) return {};
    std::string text;  // some servers send content in parts
    for (const auto& part : v->get_array())
        if (auto* t = member(&part, "text"); t && t->is_string()) text += t->get_string();
    return text;
}

std::uint64_t count_of(const json::value* v) {
    if (v && v->is_int64() && v->get_int64() > 0) return static_cast<std::uint64_t>(v->get_int64());
    return v && v->is_uint64() ? v->get_uint64() : 0;
}

[[noreturn]] void malformed(const std::string& what, std::string_view body) {
    throw lm_error{lm_errc::malformed_response, "the provider's response " + what + ": " + cut(std::string{trim(body)}, 200)};
}

finish_reason finish_of(const std::string& name) {
    if (name == "stop" || name.empty()) return finish_reason::stop;
    if (name == "length") return finish_reason::length;
    if (name == "tool_calls" || name == "function_call") return finish_reason::tool_calls;
    return name == "content_filter" ? finish_reason::content_filter : finish_reason::other;
}

}  // namespace

std::string request_body(std::string_view model, const lm_request& r, const sampling& defaults, bool structured_output) {
    std::size_t size = 256;
    for (const auto& m : r.messages) size += m.content.size() + m.content.size() / 8 + 64;
    std::string out;
    out.reserve(size);
    out += "{\"model\":";
    quoted(out, model);
    out += ",\"messages\":[";
    for (const auto& m : r.messages) {
        if (out.back() != '[') out += ',';
        write(out, m);
    }
    out += ']';
    if (!r.tools.empty()) {
        out += ",\"tools\":[";
        for (const auto& t : r.tools) {
            if (out.back() != '[') out += ',';
            out += "{\"type\":\"function\",\"function\":{\"name\":";
            quoted(out, t.name);
            out += ",\"description\":";
            quoted(out, t.description);
            out += ",\"parameters\":" + json::serialize(t.parameters) + "}}";
        }
        out += ']';
    }
    if (r.outputs_schema && structured_output) {
        json::value schema = *r.outputs_schema;
        bool strict = is_strict(schema);
        out += ",\"response_format\":" +
               json::serialize(json::object{{"type", "json_schema"},
                                            {"json_schema", {{"name", "outputs"}, {"strict", strict}, {"schema", std::move(schema)}}}});
    }
    const sampling s = r.sampling.or_else(defaults);
    auto number = [&](const char* key, auto value) { out += std::string{",\""} + key + "\":" + json::serialize(json::value(value)); };
    if (s.temperature) number("temperature", *s.temperature);
    if (s.top_p) number("top_p", *s.top_p);
    // The reasoning models know the limit by its newer name only.
    bool newer = model.starts_with("gpt-5") || (model.size() > 1 && model[0] == 'o' && is_digit(model[1]));
    if (s.max_tokens) number(newer ? "max_completion_tokens" : "max_tokens", *s.max_tokens);
    if (s.seed) number("seed", *s.seed);
    if (!s.stop.empty()) {
        out += ",\"stop\":[";
        for (const auto& word : s.stop) {
            if (out.back() != '[') out += ',';
            quoted(out, word);
        }
        out += ']';
    }
    return out += '}';
}

lm_response read_response(std::string_view body) {
    // The tree lives for this function only, so its memory is freed at once.
    unsigned char buffer[8192];
    json::monotonic_resource memory{buffer};
    json::parse_options options;
    options.max_depth = max_json_depth;
    boost::system::error_code ec;
    json::value tree = json::parse({body.data(), body.size()}, ec, &memory, options);
    const json::value* parsed = &tree;
    if (ec) malformed("is no JSON", body);
    const json::value* choices = member(parsed, "choices");
    if (!choices || !choices->is_array() || choices->get_array().empty()) malformed("has no `choices`", body);
    const json::value* choice = &choices->get_array().front();
    const json::value* m = member(choice, "message");
    if (!m || !m->is_object()) malformed("has no `choices[0].message`", body);
    lm_response r;
    r.text = text_of(member(m, "content"));
    if (auto* refusal = member(m, "refusal"); r.text.empty() && refusal) r.text = text_of(refusal);
    if (auto* calls = member(m, "tool_calls"); calls && calls->is_array())
        for (const auto& c : calls->get_array()) {
            const json::value* f = member(&c, "function");
            std::string name = text_of(member(f, "name"));
            if (name.empty()) malformed("has a tool call without a name", body);
            const json::value* arguments = member(f, "arguments");
            std::string text = arguments && arguments->is_object() ? json::serialize(*arguments) : text_of(arguments);
            std::string id = text_of(member(&c, "id"));
            if (id.empty()) id = "call_" + std::to_string(r.tool_calls.size());
            r.tool_calls.push_back({std::move(id), std::move(name), std::move(text)});
        }
    r.finish = finish_of(text_of(member(choice, "finish_reason")));
    const json::value* u = member(parsed, "usage");
    r.usage = {1, count_of(member(u, "prompt_tokens")), count_of(member(u, "completion_tokens")), {}};
    r.model = text_of(member(parsed, "model"));
    r.request_id = text_of(member(parsed, "id"));
    return r;
}

void throw_status(const http::response& r, const std::string& attempted, const secret& key) {
    auto parsed = parse_json(r.body);
    const json::value* e = parsed ? member(&*parsed, "error") : nullptr;
    std::string words = e && e->is_string() ? text_of(e) : text_of(member(e, "message"));
    if (words.empty() && parsed) words = text_of(member(&*parsed, "message"));
    if (words.empty()) words = cut(std::string{trim(r.body)}, 300);
    std::string code = text_of(member(e, "code")) + text_of(member(e, "type"));
    diagnostics d{.attempted = attempted,
                  .provider_message = cut(redact(words, key), 1000),
                  .request_id = std::string{r.header("x-request-id")},
                  .http_status = r.status};
    auto fail = [&](lm_errc c, const std::string& what) {
        return lm_error{
            c, what + " (HTTP " + std::to_string(r.status) + (d.provider_message.empty() ? "" : ": " + d.provider_message) + ")", d};
    };
    std::string lower = to_lower(words + code);
    switch (r.status) {
        case 400:
        case 413:
        case 422:
            if (lower.find("context_length") != lower.npos || lower.find("context length") != lower.npos ||
                lower.find("context window") != lower.npos || lower.find("too many tokens") != lower.npos ||
                lower.find("prompt is too long") != lower.npos)
                throw fail(lm_errc::context_length, "the prompt is longer than the model's context");
            if (lower.find("content_filter") != lower.npos || lower.find("content management policy") != lower.npos)
                throw fail(lm_errc::content_filter, "the provider's content filter refused the request");
            throw fail(lm_errc::invalid_request, "the provider refused the request");
        case 401: throw fail(lm_errc::authentication, "the provider refused the API key; check its environment variable");
        case 403: throw fail(lm_errc::permission, "the API key may not use this model");
        case 404: throw fail(lm_errc::not_found, "the provider knows no such model or address; check the model's name and api_base");
        case 429: throw fail(lm_errc::rate_limited, "the provider's rate limit or quota is used up");
        default:
            if (r.status >= 500) throw fail(lm_errc::server_error, "the provider failed");
            throw fail(lm_errc::invalid_request, "the provider gave an unexpected answer");
    }
}

}  // namespace reagent::openai
