#include <reagent/lm/language_model.hpp>

#include <reagent/error.hpp>
#include <reagent/lm/offline.hpp>

#include "../text.hpp"
#include "http_model.hpp"

#include <cstdlib>

namespace reagent {
namespace {

std::string environment(std::string_view name) {
    const char* value = name.empty() ? nullptr : std::getenv(std::string{name}.c_str());
    return value ? value : "";
}

// US dollars per million tokens, prompt and completion. Source: openai.com/api/pricing, as of 2025.
struct price {
    std::string_view model;
    double prompt, completion;
};
constexpr price prices[]{
    {"gpt-4o-mini", 0.15, 0.60}, {"gpt-4o", 2.50, 10.00},    {"gpt-4.1-nano", 0.10, 0.40}, {"gpt-4.1-mini", 0.40, 1.60},
    {"gpt-4.1", 2.00, 8.00},     {"gpt-5-nano", 0.05, 0.40}, {"gpt-5-mini", 0.25, 2.00},   {"gpt-5", 1.25, 10.00},
    {"o3-mini", 1.10, 4.40},     {"o4-mini", 1.10, 4.40},    {"o3", 2.00, 8.00},
};

}  // namespace

std::string_view to_string(finish_reason r) {
    switch (r) {
        case finish_reason::stop: return "stop";
        case finish_reason::length: return "length";
        case finish_reason::tool_calls: return "tool_calls";
        case finish_reason::content_filter: return "content_filter";
        case finish_reason::other: break;
    }
    return "other";
}

sampling sampling::or_else(const sampling& o) const {
    sampling s = *this;
    if (!s.temperature) s.temperature = o.temperature;
    if (!s.top_p) s.top_p = o.top_p;
    if (!s.max_tokens) s.max_tokens = o.max_tokens;
    if (!s.seed) s.seed = o.seed;
    if (s.stop.empty()) s.stop = o.stop;
    if (!s.n) s.n = o.n;
    if (!s.reasoning_effort) s.reasoning_effort = o.reasoning_effort;
    return s;
}

std::optional<double> price_of(std::string_view model, const usage& u) {
    for (const auto& p : prices) {
        if (!model.starts_with(p.model)) continue;
        auto rest = model.substr(p.model.size());
        if (!rest.empty() && !(rest.size() == 11 && rest[0] == '-' && is_digit(rest[1]))) continue;  // "-2024-07-18"
        return (static_cast<double>(u.prompt_tokens) * p.prompt + static_cast<double>(u.completion_tokens) * p.completion) / 1e6;
    }
    return {};
}

const std::vector<provider_facts>& known_providers() {
    static const std::vector<provider_facts> list = [] {
        std::vector<provider_facts> found;
        for (const auto& p : provider::all())
            found.push_back({p.name, p.api_base, p.key_variables.empty() ? std::string_view{} : p.key_variables.front()});
        return found;
    }();
    return list;
}

language_model::language_model(std::string_view name, language_model_options options) {
    if (name == "offline/demo") {
        backend_ = offline_demo();
        return;
    }
    auto slash = name.find('/');
    auto wanted = name.substr(0, slash);
    std::vector<std::string> names;
    for (const auto& p : provider::all()) {
        names.emplace_back(p.name);
        if (p.name != wanted) continue;
        if (slash == name.npos || slash + 1 == name.size())
            throw lm_error{lm_errc::unknown_provider,
                           "the language model \"" + std::string{name} + "\" names no model; write " + std::string{wanted} + "/MODEL"};
        bool own_server = !options.api_base.empty();
        for (auto variable : p.base_variables)
            if (options.api_base.empty()) options.api_base = environment(variable);
        if (options.api_base.empty()) options.api_base = p.api_base;
        if (options.api_base.find("://") == std::string::npos) options.api_base.insert(0, "http://");  // as OLLAMA_HOST has it
        while (options.api_base.ends_with('/')) options.api_base.pop_back();
        // Addresses are given with and without the version that a protocol's targets begin with.
        for (const char* version : {"/v1", "/v2"})
            if (!p.api_base.ends_with(version) && p.speaks != &provider::openai_chat() && options.api_base.ends_with(version))
                options.api_base.resize(options.api_base.size() - 3);
        http::parse_url(options.api_base);
        for (auto variable : p.key_variables)
            if (options.api_key.empty()) options.api_key = secret{environment(variable)};
        if (options.api_key.empty() && !p.key_variables.empty() && !own_server)
            throw lm_error{lm_errc::missing_key, std::string{name} + " needs an API key; set " + std::string{p.key_variables.front()} +
                                                     ", or api_base for a server of your own"};
        backend_ = http_model(std::string{name}, std::string{name.substr(slash + 1)}, *p.speaks, std::move(options));
        return;
    }
    auto near = did_you_mean(wanted, names);
    std::string list;
    for (const auto& n : names) list += (list.empty() ? "" : ", ") + n;
    throw lm_error{lm_errc::unknown_provider,
                   "unknown provider \"" + std::string{wanted} + "\" in \"" + std::string{name} + "\"; " +
                       (near.empty() ? "known are " + list + "; any OpenAI-compatible server works as openai/NAME with api_base"
                                     : "did you mean \"" + near + "\"?")};
}

}  // namespace reagent
