#include "commands.hpp"

#include <reagent/error.hpp>
#include <reagent/http/client.hpp>
#include <reagent/http/shown_url.hpp>
#include <reagent/schema/repair.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>

#include <cstdlib>
#include <optional>

namespace reagent::cli {
namespace {

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value ? value : "";
}

// The JSON that an address on localhost answers with, at once or not at all.
std::optional<json::value> answer_of(const std::string& url) {
    boost::asio::io_context context;
    http::client client{context.get_executor(), {.connect_timeout = std::chrono::seconds{1}}};
    std::optional<json::value> found;
    auto ask = [](http::client& c, http::request r, std::optional<json::value>& to) -> task<void> {
        auto response = co_await c.send(std::move(r), clock::now() + std::chrono::milliseconds{700});
        if (response.status == 200) to = parse_json(response.body);
    };
    boost::asio::co_spawn(context, ask(client, {.url = url}, found), [](std::exception_ptr) {});
    context.run();
    return found;
}

// The first name in a list of models; "" when there is none.
std::string first_model(const std::string& url, const char* list, const char* name) {
    auto body = answer_of(url);
    if (!body || !body->is_object()) return {};
    auto* all = body->get_object().if_contains(list);
    if (!all || !all->is_array() || all->get_array().empty() || !all->get_array().front().is_object()) return {};
    auto* text = all->get_array().front().get_object().if_contains(name);
    return text && text->is_string() ? std::string{text->get_string()} : std::string{};
}

// The first model that an OpenAI-compatible server lists.
std::string local_model(const std::string& api_base) { return first_model(http::url_below(api_base, "/models"), "data", "id"); }

}  // namespace

chosen_model choose_model(const std::string& name, const std::string& api_base) {
    language_model_options options;
    options.api_base = api_base;
    std::string wanted = !name.empty() ? name : environment("REAGENT_LM");
    if (!wanted.empty()) return {language_model{wanted, options}, ""};
    if (!api_base.empty()) {
        std::string found = local_model(api_base);
        if (found.empty())
            throw lm_error{lm_errc::unavailable,
                           "the server at " + http::shown_url(api_base) + " lists no models; name one with --lm openai/NAME"};
        return {language_model{"openai/" + found, options}, "using openai/" + found + " from " + http::shown_url(api_base)};
    }
    struct {
        const char *variable, *model;
    } const keys[]{{"OPENAI_API_KEY", "openai/gpt-4o-mini"},
                   {"ANTHROPIC_API_KEY", "anthropic/claude-haiku-4-5"},
                   {"GEMINI_API_KEY", "gemini/gemini-2.5-flash"}};
    for (const auto& k : keys)
        if (!environment(k.variable).empty())
            return {language_model{k.model}, std::string{"using "} + k.model + ", because " + k.variable + " is set; choose with --lm"};
    auto known = [](std::string_view provider) {
        for (const auto& p : known_providers())
            if (p.name == provider) return std::string{p.api_base};
        return std::string{};
    };
    std::string ollama = known("ollama");
    if (std::string found = first_model(ollama + "/api/tags", "models", "name"); !found.empty())
        return {language_model{"ollama/" + found}, "using ollama/" + found + " from " + ollama};
    for (const auto& base : {ollama + "/v1", known("llamacpp")})
        if (std::string found = local_model(base); !found.empty()) {
            options.api_base = base;
            return {language_model{"openai/" + found, options}, "using openai/" + found + " from " + base};
        }
    return {language_model{"offline/demo"},
            "offline/demo is a rule-driven stand-in, not a language model; for a real one set OPENAI_API_KEY, run Ollama, or pass --lm and "
            "--api-base"};
}

runtime_options runtime_options_for(std::shared_ptr<journal_store> journals) {
    runtime_options o;
    o.journals = std::move(journals);
    if (auto t = telemetry_options::from_environment()) o.telemetry = std::make_shared<telemetry>(std::move(*t));
    return o;
}

}  // namespace reagent::cli
