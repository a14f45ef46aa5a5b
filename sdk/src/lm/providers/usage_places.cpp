// Where servers write what an answer used, and how they call it.
// Source: OpenAI, Groq (`x_groq`), Moonshot (`choices[0].usage`), Cohere 1 (`meta.billed_units`), Gemini, llama.cpp and
// Vercel AI.
#include "../../base/text.hpp"
#include "../saturating.hpp"
#include "reading.hpp"

#include <algorithm>

namespace reagent::provider {
namespace {

// A name in lower case and without `_`: servers write prompt_tokens, promptTokens, PromptTokens.
std::string plain(std::string_view name) {
    std::string text = to_lower(name);
    std::erase(text, '_');
    return text;
}

// The same without a copy on the heap, of one that may be in a list here: no name in them is longer than that.
struct plain_name {
    explicit plain_name(std::string_view name) {
        for (char c : name) {
            if (c == '_') continue;
            if (size == sizeof text) {
                size = 0;
                return;
            }
            text[size++] = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
        }
    }
    operator std::string_view() const { return {text, size}; }

    char text[24];
    std::size_t size = 0;
};

template <std::size_t N>
bool is_one_of(std::string_view name, const std::string_view (&names)[N]) {
    return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

constexpr std::string_view of_prompt[]{"prompttokens", "inputtokens", "prompttokencount", "inputtokencount",
                                       "promptevalcount"};
constexpr std::string_view of_completion[]{"completiontokens",     "outputtokens",      "candidatestokencount",
                                           "completiontokencount", "outputtokencount",  "evalcount",
                                           "generatedtokens",      "responsetokencount"};
constexpr std::string_view of_all[]{"totaltokens", "totaltokencount"};
constexpr std::string_view places[]{"xgroq",       "meta",   "metrics", "stats",   "statistics",
                                    "billedunits", "tokens", "choices", "message", "response"};
constexpr int deepest = 5;

// Tokens that nothing but their sum counts are a completion's, but for one: those are dearer, and a prompt without any
// would be estimated.
usage counted(const json::object& o) {
    usage u;
    std::uint64_t total = 0;
    for (const auto& [key, v] : o) {
        constexpr std::size_t shortest = std::string_view{"evalcount"}.size();
        if (key.size() < shortest || (!v.is_number() && !v.is_string())) continue;
        const plain_name name{key};
        if (is_one_of(name, of_prompt)) u.prompt_tokens = std::max(u.prompt_tokens, count_of(&v));
        if (is_one_of(name, of_completion)) u.completion_tokens = std::max(u.completion_tokens, count_of(&v));
        if (is_one_of(name, of_all)) total = std::max(total, count_of(&v));
    }
    const std::uint64_t rest = saturating_difference(total, u.tokens());
    if (u.prompt_tokens == 0 && rest > 0) u.prompt_tokens = u.completion_tokens > 0 ? rest : 1;
    u.completion_tokens = saturating_sum(u.completion_tokens, saturating_difference(total, u.tokens()));
    return u;
}

usage largest_in(const json::value& v, int depth) {
    usage best;
    auto take = [&](const usage& u) {
        if (u.tokens() > best.tokens()) best = u;
    };
    if (depth == deepest) return best;
    if (v.is_array())
        for (const auto& part : v.get_array()) take(largest_in(part, depth + 1));
    if (!v.is_object()) return best;
    take(counted(v.get_object()));
    for (const auto& [key, part] : v.get_object()) {
        if (!part.is_structured()) continue;
        const std::string name = plain(key);
        if (name.find("usage") != name.npos || is_one_of(name, places)) take(largest_in(part, depth + 1));
    }
    return best;
}

}  // namespace

usage largest_of(const usage& a, const usage& b) {
    usage u = a;
    for (auto count : {&usage::calls, &usage::prompt_tokens, &usage::completion_tokens, &usage::cached_tokens,
                       &usage::reasoning_tokens})
        u.*count = std::max(a.*count, b.*count);
    return u;
}

bool complete_usage(usage& u, const json::value& answer) {
    const usage found = largest_in(answer, 0);
    if (found.tokens() <= u.tokens()) return false;
    u.prompt_tokens = std::max(u.prompt_tokens, found.prompt_tokens);
    u.completion_tokens = std::max(u.completion_tokens, found.completion_tokens);
    return true;
}

}  // namespace reagent::provider
