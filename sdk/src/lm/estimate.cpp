#include "estimate.hpp"

#include "saturating.hpp"

#include <boost/json.hpp>

namespace reagent {
namespace {

constexpr std::uint64_t bytes_around_a_message = 16, bytes_of_a_token = 3, tokens_of_an_image = 4'000;

std::uint64_t bytes_of(const std::vector<tool_call>& calls) {
    std::uint64_t bytes = 0;
    for (const auto& c : calls) bytes += c.id.size() + c.name.size() + c.arguments.size() + bytes_around_a_message;
    return bytes;
}

std::uint64_t tokens_of(std::uint64_t bytes) { return (bytes + bytes_of_a_token - 1) / bytes_of_a_token; }

}  // namespace

std::uint64_t bytes_of(const lm_request& r) {
    std::uint64_t bytes = 0;
    for (const auto& m : r.messages) {
        bytes += m.content.size() + bytes_around_a_message + bytes_of(m.tool_calls);
        for (const auto& b : m.reasoning_blocks) bytes += json::serialize(b).size();
    }
    for (const auto& t : r.tools) bytes += t.name.size() + t.description.size() + json::serialize(t.parameters).size();
    if (r.outputs_schema) bytes += json::serialize(*r.outputs_schema).size();
    return bytes;
}

std::size_t images_of(const lm_request& r) {
    std::size_t n = 0;
    for (const auto& m : r.messages) n += m.images.size();
    return n;
}

void estimate_missing(usage& u, std::uint64_t prompt_bytes, std::size_t images, const lm_response& r) {
    const std::uint64_t prompt = tokens_of(prompt_bytes) + images * tokens_of_an_image;
    const bool only_a_sum = u.prompt_tokens == 1;  // as `complete_usage` has it
    if (u.prompt_tokens == 0 || (only_a_sum && u.tokens() < prompt)) {
        u.prompt_tokens = prompt;
        u.estimated_tokens = prompt;
    }
    if (u.completion_tokens > 0) return;
    std::uint64_t bytes = r.text.size() + r.reasoning.size() + bytes_of(r.tool_calls);
    for (const auto& a : r.alternatives) bytes += a.size();
    u.completion_tokens = tokens_of(bytes);
    u.estimated_tokens = saturating_sum(u.estimated_tokens, u.completion_tokens);
}

void estimate_missing(usage& u, const std::vector<std::string>& embedded) {
    if (u.prompt_tokens > 0) return;
    std::uint64_t bytes = 0;
    for (const auto& text : embedded) bytes += text.size();
    u.prompt_tokens = u.estimated_tokens = tokens_of(bytes);
}

}  // namespace reagent
