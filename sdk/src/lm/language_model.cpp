#include <reagent/lm/language_model.hpp>

#include <reagent/error.hpp>
#include <reagent/lm/catalog.hpp>
#include <reagent/lm/offline.hpp>

#include "../text.hpp"
#include "http_model.hpp"

#include <boost/json.hpp>

#include <cstdlib>

namespace reagent {
namespace {

std::string environment(std::string_view name) {
    const char* value = name.empty() ? nullptr : std::getenv(std::string{name}.c_str());
    return value ? value : "";
}

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

const std::vector<provider_facts>& known_providers() {
    static const std::vector<provider_facts> list = [] {
        std::vector<provider_facts> found;
        for (const auto& p : provider::all())
            found.push_back({p.name, p.api_base, p.key_variables.empty() ? std::string_view{} : p.key_variables.front()});
        return found;
    }();
    return list;
}

namespace {

// What a name stands for, with address and key.
struct resolved {
    const provider::facts* facts;
    std::string model;
    language_model_options options;
};

resolved resolve(std::string_view name, language_model_options options) {
    auto slash = name.find('/');
    auto wanted = name.substr(0, slash);
    std::vector<std::string> names{"offline"};
    for (const auto& p : provider::all()) {
        names.emplace_back(p.name);
        if (p.name != wanted) continue;
        if (slash == name.npos || slash + 1 == name.size())
            throw lm_error{lm_errc::unknown_provider,
                           "the language model \"" + std::string{name} + "\" names no model; write " + std::string{wanted} + "/MODEL"};
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
        return {&p, std::string{name.substr(slash + 1)}, std::move(options)};
    }
    auto near = did_you_mean(wanted, names);
    std::string list;
    for (const auto& n : names) list += (list.empty() ? "" : ", ") + n;
    throw lm_error{lm_errc::unknown_provider,
                   "unknown provider \"" + std::string{wanted} + "\" in \"" + std::string{name} + "\"; " +
                       (near.empty() ? "known are " + list + "; any OpenAI-compatible server works as openai/NAME with api_base"
                                     : "did you mean \"" + near + "\"?")};
}

}  // namespace

language_model::language_model(std::string_view name, language_model_options options) {
    if (name == "offline/demo") {
        backend_ = offline_demo();
        return;
    }
    bool own_server = !options.api_base.empty();
    auto [facts, model, complete] = resolve(name, std::move(options));
    if (complete.api_key.empty() && !facts->key_variables.empty() && !own_server)
        throw lm_error{lm_errc::missing_key, std::string{name} + " needs an API key; set " + std::string{facts->key_variables.front()} +
                                                 ", or api_base for a server of your own"};
    backend_ = http_model(std::string{name}, std::move(model), *facts->speaks, std::move(complete));
}

request_preview preview(std::string_view name, const lm_request& request, language_model_options options) {
    auto [facts, model, complete] = resolve(name, std::move(options));
    provider::call_settings settings{model, complete.sampling, complete.structured_output, complete.cache_prompt, true, false};
    auto call = facts->speaks->write(settings, request);
    return {complete.api_base + call.target, json::parse(call.body), std::move(call.dropped)};
}

}  // namespace reagent
