#include "commands.hpp"

#include <reagent/error.hpp>
#include <reagent/http/client.hpp>
#include <reagent/http/shown_url.hpp>
#include <reagent/observe/telemetry.hpp>
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

struct listing {
    std::string model{};  // the first that the server lists; "" when there is none
    int status = 0;       // of the answer; 0: none came
};

// What an address answers, at once or not at all.
http::response answer_of(const std::string& url, const std::string& key) {
    boost::asio::io_context context;
    http::client client{context.get_executor(), {.connect_timeout = std::chrono::seconds{1}}};
    http::response found;
    found.status = 0;
    auto ask = [](http::client& c, http::request r, http::response& to) -> task<void> {
        to = co_await c.send(std::move(r), clock::now() + std::chrono::milliseconds{700});
    };
    http::request r{.url = url};
    if (!key.empty()) r.credentials.emplace_back("authorization", "Bearer " + key);
    boost::asio::co_spawn(context, ask(client, std::move(r), found), [](std::exception_ptr) {});
    context.run();
    return found;
}

std::string first_name(const json::value& body, const char* list, const char* name) {
    if (!body.is_object()) return {};
    auto* all = body.get_object().if_contains(list);
    if (!all || !all->is_array() || all->get_array().empty() || !all->get_array().front().is_object()) return {};
    auto* text = all->get_array().front().get_object().if_contains(name);
    return text && text->is_string() ? std::string{text->get_string()} : std::string{};
}

listing first_model(const std::string& url, const char* list, const char* name, const std::string& key = {}) {
    auto answer = answer_of(url, key);
    auto body = answer.status == 200 ? parse_json(answer.body) : std::nullopt;
    return {body ? first_name(*body, list, name) : std::string{}, answer.status};
}

// Of an OpenAI-compatible server.
listing local_model(const std::string& api_base, const std::string& key = {}) {
    return first_model(http::url_below(api_base, "/models"), "data", "id", key);
}

// Why a server that the user named cannot be used without naming a model as well.
std::string without_a_model(const std::string& api_base, int status, bool has_key) {
    std::string server = "the server at " + http::shown_url(api_base);
    if (status == 401 || status == 403)
        return server + (has_key ? " refuses the key in OPENAI_API_KEY" : " wants a key; set OPENAI_API_KEY") +
               " (HTTP " + std::to_string(status) + ")";
    if (status >= 500)
        return server + " cannot answer now (HTTP " + std::to_string(status) + "); is its model still being loaded?";
    return server + " lists no models; name one with --lm openai/NAME";
}

}  // namespace

bool has_key_for(const std::string& model) {
    const std::string_view provider = std::string_view{model}.substr(0, model.find('/'));
    for (const auto& p : known_providers())
        if (p.name == provider && !p.key_variable.empty())
            return !environment(std::string{p.key_variable}.c_str()).empty();
    return false;
}

chosen_model choose_model(const std::string& name, const std::string& api_base, key_use key) {
    language_model_options options;
    options.api_base = api_base;
    if (key == key_use::withheld) options.api_key = secret{"none"};
    std::string wanted = !name.empty() ? name : environment("REAGENT_LM");
    if (!wanted.empty()) return {language_model{wanted, options}, "", api_base};
    if (!api_base.empty()) {
        // which the model sends as well
        const std::string known = key == key_use::sent ? environment("OPENAI_API_KEY") : "";
        auto [found, status] = local_model(api_base, known);
        if (found.empty()) throw lm_error{lm_errc::unavailable, without_a_model(api_base, status, !known.empty())};
        return {language_model{"openai/" + found, options},
                "using openai/" + found + " from " + http::shown_url(api_base), api_base};
    }
    struct {
        const char *variable, *model;
    } const keys[]{{"OPENAI_API_KEY", "openai/gpt-4o-mini"},
                   {"ANTHROPIC_API_KEY", "anthropic/claude-haiku-4-5"},
                   {"GEMINI_API_KEY", "gemini/gemini-2.5-flash"}};
    for (const auto& k : keys)
        if (!environment(k.variable).empty())
            return {language_model{k.model},
                    std::string{"using "} + k.model + ", because " + k.variable + " is set; choose with --lm"};
    auto known = [](std::string_view provider) {
        for (const auto& p : known_providers())
            if (p.name == provider) return std::string{p.api_base};
        return std::string{};
    };
    std::string ollama = known("ollama");
    if (std::string found = first_model(ollama + "/api/tags", "models", "name").model; !found.empty())
        return {language_model{"ollama/" + found}, "using ollama/" + found + " from " + ollama};
    for (const auto& base : {ollama + "/v1", known("llamacpp")})
        if (std::string found = local_model(base).model; !found.empty()) {
            options.api_base = base;
            return {language_model{"openai/" + found, options}, "using openai/" + found + " from " + base, base};
        }
    return {language_model{"offline/demo"},
            "offline/demo is a rule-driven stand-in, not a language model; for a real one set OPENAI_API_KEY, run "
            "Ollama, or pass --lm and "
            "--api-base"};
}

runtime_options runtime_options_for(std::shared_ptr<journal_store> journals) {
    runtime_options o;
    o.journals = std::move(journals);
    if (auto t = telemetry_options::from_environment()) o.telemetry = std::make_shared<telemetry>(std::move(*t));
    return o;
}

}  // namespace reagent::cli
