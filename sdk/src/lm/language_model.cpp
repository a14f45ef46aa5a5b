#include <reagent/lm/language_model.hpp>

#include <reagent/error.hpp>
#include <reagent/http/shown_url.hpp>
#include <reagent/lm/catalog.hpp>

#include "../base/text.hpp"
#include "http_model.hpp"
#include "resolve.hpp"

#include <boost/json.hpp>

#include <cstdlib>

namespace reagent {

// The library reagent::offline has it; null in a program that does not link it.
[[gnu::weak]] std::shared_ptr<const lm_backend> offline_demo();

std::string_view to_string(finish_reason r) {
    switch (r) {
        case finish_reason::stop: return "stop";
        case finish_reason::length: return "length";
        case finish_reason::tool_calls: return "tool_calls";
        case finish_reason::content_filter: return "content_filter";
        case finish_reason::error: return "error";
        case finish_reason::malformed_call: return "malformed_call";
        case finish_reason::other: break;
    }
    return "other";
}

bool is_whole(const lm_response& r) {
    const bool calls = !r.tool_calls.empty();
    const bool ended = r.finish == finish_reason::stop || (r.finish == finish_reason::tool_calls && calls);
    return ended && (calls || !trim(r.text).empty());
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
            found.push_back(
                {p.name, p.api_base, p.key_variables.empty() ? std::string_view{} : p.key_variables.front()});
        return found;
    }();
    return list;
}

language_model::language_model(std::string_view name, language_model_options options) {
    if (name == "offline/demo") {
        if (!offline_demo)
            throw lm_error{
                lm_errc::unknown_provider,
                "offline/demo is not in this program: link reagent::offline, or name a model, as openai/gpt-4o-mini"};
        backend_ = offline_demo();
        return;
    }
    auto target = resolve(name, options.api_base, options.api_key);
    options.api_base = target.api_base;
    options.api_key = target.api_key;
    backend_ = http_model(std::string{name}, std::move(target.model), *target.facts, std::move(options));
}

request_preview preview(std::string_view name, const lm_request& request, language_model_options options) {
    auto target = resolve(name, options.api_base, options.api_key, true);
    provider::call_settings settings{target.model,
                                     options.sampling,
                                     options.structured_output,
                                     options.cache_prompt,
                                     true,
                                     false,
                                     target.facts->name,
                                     options.dialect,
                                     provider::server_name(*target.facts, target.api_base)};
    auto call = target.facts->speaks->write(settings, request);
    return {http::shown_url(http::url_below(target.api_base, call.target)), json::parse(call.body),
            std::move(call.dropped)};
}

}  // namespace reagent
