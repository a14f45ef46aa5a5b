#include "commands.hpp"

#include <reagent/error.hpp>
#include <reagent/http/client.hpp>
#include <reagent/schema/repair.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>

#include <cstdlib>
#include <future>

namespace reagent::cli {
namespace {

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value ? value : "";
}

// The first model that an OpenAI-compatible server on localhost lists; "" when none answers at once.
std::string local_model(const std::string& api_base) {
    boost::asio::io_context context;
    http::client client{context.get_executor(), {.connect_timeout = std::chrono::seconds{1}}};
    std::string name;
    auto ask = [](http::client& c, std::string url, std::string& found) -> task<void> {
        http::request r{"GET", url, {}, {}};
        auto response = co_await c.send(std::move(r), clock::now() + std::chrono::milliseconds{700});
        if (response.status != 200) co_return;
        auto body = parse_json(response.body);
        if (!body || !body->is_object()) co_return;
        auto* data = body->get_object().if_contains("data");
        if (!data || !data->is_array() || data->get_array().empty() || !data->get_array().front().is_object()) co_return;
        auto* id = data->get_array().front().get_object().if_contains("id");
        if (id && id->is_string()) found = id->get_string();
    };
    boost::asio::co_spawn(context, ask(client, api_base + "/models", name), [](std::exception_ptr) {});
    context.run();
    return name;
}

}  // namespace

chosen_model choose_model(const std::string& name, const std::string& api_base) {
    language_model_options options;
    options.api_base = api_base;
    std::string wanted = !name.empty() ? name : environment("REAGENT_LM");
    if (!wanted.empty()) return {language_model{wanted, options}, ""};
    if (!api_base.empty()) {
        std::string found = local_model(api_base);
        if (found.empty())
            throw lm_error{lm_errc::unavailable, "the server at " + api_base + " lists no models; name one with --lm openai/NAME"};
        return {language_model{"openai/" + found, options}, "using openai/" + found + " from " + api_base};
    }
    if (!environment("OPENAI_API_KEY").empty())
        return {language_model{"openai/gpt-4o-mini"}, "using openai/gpt-4o-mini, because OPENAI_API_KEY is set; choose with --lm"};
    for (const char* provider : {"ollama", "llamacpp"})
        for (const auto& p : known_providers()) {
            if (p.name != provider) continue;
            std::string found = local_model(std::string{p.api_base});
            if (!found.empty())
                return {language_model{std::string{provider} + "/" + found},
                        "using " + std::string{provider} + "/" + found + " from " + std::string{p.api_base}};
        }
    return {language_model{"offline/demo"},
            "offline/demo is a rule-driven stand-in, not a language model; for a real one set OPENAI_API_KEY, run Ollama, or pass --lm and "
            "--api-base"};
}

}  // namespace reagent::cli
