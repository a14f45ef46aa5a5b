#include "commands.hpp"

#include <reagent/lm/catalog.hpp>
#include <reagent/schema/render.hpp>

#include <boost/json.hpp>

#include <iomanip>
#include <iostream>
#include <sstream>
#include <stdexcept>

namespace reagent::cli {
namespace {

std::string tokens(const std::optional<std::uint64_t>& n) {
    if (!n) return "-";
    return *n >= 10'000 ? std::to_string(*n / 1000) + "k" : std::to_string(*n);
}

std::string dollars(const std::optional<double>& d) {
    if (!d) return "-";
    std::ostringstream s;
    s << std::setprecision(4) << *d;
    return s.str();
}

int list(bool as_json) {
    const auto& models = model_catalog::standard().models();
    terminal t;
    if (as_json) {
        json::array all, providers;
        for (const auto& m : models) all.push_back(to_json(m));
        for (const auto& p : known_providers()) {
            json::object o{{"name", p.name}, {"api_base", p.api_base}, {"key_variable", p.key_variable}};
            providers.push_back(std::move(o));
        }
        json::object o{{"models", std::move(all)}, {"providers", std::move(providers)}};
        std::cout << shown_json(o) << "\n";
        return 0;
    }
    std::cout << t.bold("  model                              context  output  $/M in  $/M out  can") << "\n";
    for (const auto& m : models) {
        std::string can;
        for (const auto& a : m.abilities) can += (can.empty() ? "" : ", ") + a;
        std::cout << "  " << std::left << std::setw(34) << m.name << std::right << std::setw(8) << tokens(m.context)
                  << std::setw(8) << tokens(m.output) << std::setw(8) << dollars(m.prompt) << std::setw(9)
                  << dollars(m.completion) << "  " << t.dim(can) << "\n";
    }
    std::cout << "\nProviders, as PROVIDER/MODEL; the key is read from the variable:\n";
    for (const auto& p : known_providers())
        std::cout << "  " << std::left << std::setw(18) << p.name << std::setw(20)
                  << (p.key_variable.empty() ? "(no key)" : p.key_variable) << t.dim(std::string{p.api_base}) << "\n";
    return 0;
}

// A request that uses every option, so that what a provider lacks is seen.
lm_request sample_request() {
    lm_request r;
    r.messages = {{role::system, "Be brief."}, {role::user, "What is the capital of France?"}};
    json::object city{{"type", "string"}}, properties{{"city", city}};
    json::object parameters{{"type", "object"}, {"properties", properties}, {"required", json::array{"city"}}};
    r.tools = {{"lookup", "Finds a city.", parameters}};
    r.tool_choice = {tool_choice::one, "lookup"};
    r.parallel_tool_calls = false;
    json::object answer{{"type", "string"}}, outputs{{"answer", answer}};
    r.outputs_schema = json::object{{"type", "object"},
                                    {"properties", outputs},
                                    {"required", json::array{"answer"}},
                                    {"additionalProperties", false}};
    r.sampling = {.temperature = 0.7,
                  .top_p = 0.9,
                  .max_tokens = 1000,
                  .seed = 1,
                  .stop = {"END"},
                  .n = 2,
                  .reasoning_effort = effort::low};
    return r;
}

int check(const std::string& name, const std::string& api_base, bool as_json) {
    terminal t;
    const auto& catalog = model_catalog::standard();
    if (name == "offline/demo") throw std::runtime_error{"offline/demo is the built-in stand-in: it sends nothing"};
    const auto* facts = catalog.find(name);
    std::string near = facts ? "" : catalog.nearest(name);
    auto shown = preview(name, sample_request(), {.api_base = api_base});
    if (as_json) {
        json::object o{{"name", name},
                       {"known", facts != nullptr},
                       {"url", shown.url},
                       {"body", shown.body},
                       {"dropped", json::value_from(shown.dropped)}};
        if (facts) o["facts"] = to_json(*facts);
        if (!near.empty()) o["did_you_mean"] = near;
        std::cout << shown_json(o) << "\n";
        return 0;
    }
    if (facts)
        std::cout << t.bold(facts->name) << ": context " << tokens(facts->context) << ", output "
                  << tokens(facts->output) << ", $" << dollars(facts->prompt) << " in and $"
                  << dollars(facts->completion) << " out per million tokens\n";
    else
        std::cout << t.bold(printable(name)) << " is not in the catalog; it is asked all the same"
                  << (near.empty() ? "" : ". Did you mean " + near + "?") << "\n";
    std::cout << "\nA request with every option would go to\n  POST " << shown.url << "\n  " << dump_json(shown.body)
              << "\n\n";
    if (shown.dropped.empty())
        std::cout << "The provider has every option.\n";
    else {
        std::string all;
        for (const auto& d : shown.dropped) all += (all.empty() ? "" : ", ") + d;
        std::cout << t.red("The provider lacks: " + all)
                  << ". They are an error, unless language_model_options::drop_unsupported is set.\n";
    }
    return 0;
}

}  // namespace

void add_models(CLI::App& app, command& chosen) {
    struct options {
        std::string name, api_base;
        bool json = false;
    };
    auto o = std::make_shared<options>();
    auto* c = app.add_subcommand("models", "Lists language models and providers, or checks one");
    c->add_flag("--json", o->json, "machine-readable output");
    c->footer(
        "Examples:\n  reagent models\n  reagent models check anthropic/claude-sonnet-4-5\nFacts of your own: "
        "$REAGENT_MODELS, a file like "
        "sdk/data/models.json.");
    auto* one = c->add_subcommand(
        "check", "Shows what a request would look like and which options would be dropped; sends nothing");
    one->add_option("NAME", o->name, "as openai/gpt-4o-mini")->required();
    one->add_option("--api-base", o->api_base, "address of the server")->check(not_empty());
    one->add_flag("--json", o->json, "machine-readable output");
    c->require_subcommand(0, 1);
    c->callback([o, one, &chosen] {
        chosen = [o, one] { return one->parsed() ? check(o->name, o->api_base, o->json) : list(o->json); };
    });
}

}  // namespace reagent::cli
