#include <reagent/lm/language_model.hpp>

#include <reagent/error.hpp>
#include <reagent/lm/offline.hpp>

#include "../text.hpp"
#include "openai.hpp"

#include <cstdlib>

namespace reagent {
namespace {

std::string environment(std::string_view name) {
    const char* value = name.empty() ? nullptr : std::getenv(std::string{name}.c_str());
    return value ? value : "";
}

class openai_backend final : public lm_backend {
public:
    openai_backend(std::string name, std::string model, language_model_options options)
        : name_{std::move(name)}, model_{std::move(model)}, options_{std::move(options)}, url_{options_.api_base + "/chat/completions"} {
        headers_.emplace_back("content-type", "application/json");
        if (!options_.api_key.empty()) headers_.emplace_back("authorization", "Bearer " + std::string{options_.api_key.reveal()});
    }

    std::string name() const override { return name_; }
    bool has_structured_output() const override { return options_.structured_output; }

    task<lm_response> complete(lm_context context, const lm_request& request) const override {
        http::request r{"POST", url_, headers_, openai::request_body(model_, request, options_.sampling, options_.structured_output)};
        auto deadline = std::min(context.deadline, clock::now() + options_.timeout);
        http::response answer = co_await context.http.send(std::move(r), deadline);
        if (answer.status != 200) openai::throw_status(answer, "POST " + url_, options_.api_key);
        lm_response result = openai::read_response(answer.body);
        if (auto id = answer.header("x-request-id"); !id.empty()) result.request_id = id;
        if (result.model.empty()) result.model = model_;
        result.usage.cost = price_of(result.model, result.usage);
        co_return result;
    }

private:
    std::string name_, model_;
    language_model_options options_;
    std::string url_;
    std::vector<std::pair<std::string, std::string>> headers_;
};

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
    static const std::vector<provider_facts> all{
        {"openai", "https://api.openai.com/v1", "OPENAI_API_KEY"},
        {"ollama", "http://127.0.0.1:11434/v1", ""},
        {"llamacpp", "http://127.0.0.1:8080/v1", ""},
    };
    return all;
}

language_model::language_model(std::string_view name, language_model_options options) {
    if (name == "offline/demo") {
        backend_ = offline_demo();
        return;
    }
    auto slash = name.find('/');
    auto provider = name.substr(0, slash);
    std::vector<std::string> names;
    for (const auto& p : known_providers()) {
        names.emplace_back(p.name);
        if (p.name != provider) continue;
        if (slash == name.npos || slash + 1 == name.size())
            throw lm_error{lm_errc::unknown_provider,
                           "the language model \"" + std::string{name} + "\" names no model; write " + std::string{provider} + "/MODEL"};
        bool own_server = !options.api_base.empty();
        if (!own_server) options.api_base = p.api_base;
        while (options.api_base.ends_with('/')) options.api_base.pop_back();
        http::parse_url(options.api_base);
        if (options.api_key.empty()) options.api_key = secret{environment(p.key_variable)};
        if (options.api_key.empty() && !p.key_variable.empty() && !own_server)
            throw lm_error{lm_errc::missing_key, std::string{name} + " needs an API key; set " + std::string{p.key_variable} +
                                                     ", or api_base for a server of your own"};
        backend_ = std::make_shared<openai_backend>(std::string{name}, std::string{name.substr(slash + 1)}, std::move(options));
        return;
    }
    auto near = did_you_mean(provider, names);
    std::string list;
    for (const auto& n : names) list += (list.empty() ? "" : ", ") + n;
    throw lm_error{lm_errc::unknown_provider,
                   "unknown provider \"" + std::string{provider} + "\" in \"" + std::string{name} + "\"; " +
                       (near.empty() ? "known are " + list + "; any OpenAI-compatible server works as openai/NAME with api_base"
                                     : "did you mean \"" + near + "\"?")};
}

}  // namespace reagent
