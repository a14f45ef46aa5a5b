#include "resolve.hpp"

#include <reagent/error.hpp>

#include "../http/url.hpp"

#include <cstdlib>

namespace reagent {
namespace {

std::string environment(std::string_view name) {
    const char* value = name.empty() ? nullptr : std::getenv(std::string{name}.c_str());
    return value ? value : "";
}

lm_error unknown(std::string_view wanted, std::string_view name) {
    std::vector<std::string> names{"offline"};
    std::string list = "offline/demo";
    for (const auto& p : provider::all()) {
        names.emplace_back(p.name);
        list += ", " + std::string{p.name};
    }
    auto near = did_you_mean(wanted, names);
    return {
        lm_errc::unknown_provider,
        "unknown provider \"" + std::string{wanted} + "\" in \"" + std::string{name} + "\"; " +
            (near.empty() ? "known are " + list + "; any OpenAI-compatible server works as openai/NAME with api_base"
                          : "did you mean \"" + near + "\"?")};
}

}  // namespace

resolved_name resolve(std::string_view name, std::string api_base, secret api_key, bool key_may_be_missing) {
    auto slash = name.find('/');
    auto wanted = name.substr(0, slash);
    const provider::facts* found = nullptr;
    for (const auto& p : provider::all())
        if (p.name == wanted) found = &p;
    if (!found) throw unknown(wanted, name);
    if (slash == name.npos || slash + 1 == name.size())
        throw lm_error{lm_errc::unknown_provider, "the language model \"" + std::string{name} +
                                                      "\" names no model; write " + std::string{wanted} + "/MODEL"};
    bool own_server = !api_base.empty();
    for (auto variable : found->base_variables)
        if (api_base.empty()) api_base = environment(variable);
    if (api_base.empty()) api_base = found->api_base;
    if (api_base.find("://") == std::string::npos) {  // a host, as OLLAMA_HOST has it
        if (found->name == "ollama" && api_base.find(':') == std::string::npos) api_base += ":11434";
        api_base.insert(0, "http://");
    }
    http::check_base(api_base);
    std::string parameters;
    if (auto mark = api_base.find('?'); mark != api_base.npos) {
        parameters = api_base.substr(mark);
        api_base.resize(mark);
    }
    while (api_base.ends_with('/')) api_base.pop_back();
    // Addresses are given with and without the version that a protocol's targets begin with.
    for (const char* version : {"/v1", "/v2"})
        if (!found->api_base.ends_with(version) && found->speaks != &provider::openai_chat() &&
            api_base.ends_with(version))
            api_base.resize(api_base.size() - 3);
    api_base += parameters;
    http::parse_url(api_base);
    for (auto variable : found->key_variables)
        if (api_key.empty()) api_key = secret{environment(variable)};
    if (api_key.empty() && !found->key_variables.empty() && !own_server && !key_may_be_missing)
        throw lm_error{lm_errc::missing_key, std::string{name} + " needs an API key; set " +
                                                 std::string{found->key_variables.front()} +
                                                 ", or api_base for a server of your own"};
    return {found, std::string{name.substr(slash + 1)}, std::move(api_base), std::move(api_key)};
}

}  // namespace reagent
