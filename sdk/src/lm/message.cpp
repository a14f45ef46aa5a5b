#include <reagent/lm/message.hpp>

#include <reagent/error.hpp>

#include "saturating.hpp"

#include <boost/json.hpp>

#include <fstream>
#include <sstream>

namespace reagent {
namespace {

// By the first bytes of the formats that every provider takes.
std::string_view picture_type(std::string_view b) {
    using namespace std::string_view_literals;
    if (b.starts_with("\x89PNG\r\n\x1a\n"sv)) return "image/png";
    if (b.starts_with("\xff\xd8\xff"sv)) return "image/jpeg";
    if (b.starts_with("GIF87a"sv) || b.starts_with("GIF89a"sv)) return "image/gif";
    if (b.size() >= 12 && b.starts_with("RIFF"sv) && b.substr(8, 4) == "WEBP"sv) return "image/webp";
    return {};
}

lm_error bad_image(const std::string& why) { return {lm_errc::invalid_request, "the image " + why}; }

}  // namespace

image image::from_bytes(std::string bytes) {
    if (bytes.size() > max_image_bytes)
        throw bad_image("has " + std::to_string(bytes.size()) + " bytes; the limit is " +
                        std::to_string(max_image_bytes));
    auto type = picture_type(bytes);
    if (type.empty()) throw bad_image("is no PNG, JPEG, GIF or WebP, by its first bytes");
    return {std::string{type}, std::move(bytes), {}};
}

image image::from_file(const std::string& path) {
    std::ifstream in{path, std::ios::binary};
    if (!in) throw bad_image("\"" + path + "\" cannot be read");
    std::string bytes(max_image_bytes + 1, '\0');
    in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    bytes.resize(static_cast<std::size_t>(in.gcount()));
    try {
        return from_bytes(std::move(bytes));
    } catch (const lm_error& e) {
        throw lm_error{e.code(), std::string{e.what()} + ": \"" + path + "\""};
    }
}

image image::from_url(std::string url) {
    if (!url.starts_with("https://") && !url.starts_with("http://") && !url.starts_with("data:image/"))
        throw bad_image("address must begin with https://, http:// or data:image/");
    if (url.size() > max_image_bytes / 3 * 4 + 100)
        throw bad_image("address is longer than the largest image would be");
    return {{}, {}, std::move(url)};
}

std::string_view to_string(role r) {
    switch (r) {
        case role::system: return "system";
        case role::user: return "user";
        case role::assistant: return "assistant";
        case role::tool: return "tool";
    }
    return {};
}

std::uint64_t usage::tokens() const { return saturating_sum(prompt_tokens, completion_tokens); }

usage& usage::operator+=(const usage& other) {
    for (auto count : {&usage::calls, &usage::prompt_tokens, &usage::completion_tokens, &usage::cached_tokens,
                       &usage::reasoning_tokens, &usage::estimated_tokens})
        this->*count = saturating_sum(this->*count, other.*count);
    if (other.cost) cost = cost.value_or(0) + *other.cost;
    return *this;
}

json::object to_json(const usage& u) {
    json::object o{{"calls", u.calls}, {"prompt_tokens", u.prompt_tokens}, {"completion_tokens", u.completion_tokens}};
    if (u.cached_tokens) o["cached_tokens"] = u.cached_tokens;
    if (u.reasoning_tokens) o["reasoning_tokens"] = u.reasoning_tokens;
    if (u.estimated_tokens) o["estimated_tokens"] = u.estimated_tokens;
    if (u.cost) o["cost"] = *u.cost;
    return o;
}

json::object to_json(const message& m) {
    json::object o{{"role", to_string(m.role)}, {"content", m.content}};
    if (!m.tool_calls.empty()) {
        json::array calls;
        for (const auto& c : m.tool_calls)
            calls.push_back({{"id", c.id}, {"name", c.name}, {"arguments", c.arguments}});
        o["tool_calls"] = std::move(calls);
    }
    if (!m.tool_call_id.empty()) o["tool_call_id"] = m.tool_call_id;
    return o;
}

}  // namespace reagent
