#include "described_tools.hpp"

#include <boost/json.hpp>

namespace reagent::detail {
namespace {

json::object* properties_of(json::value& parameters) {
    auto* o = parameters.if_object();
    auto* properties = o ? o->if_contains("properties") : nullptr;
    return properties ? properties->if_object() : nullptr;
}

}  // namespace

standing_text::descriptions own_descriptions(const tools& all) {
    standing_text::descriptions texts;
    for (auto& t : all.describe()) {
        texts[t.name] = t.description;
        if (auto* properties = properties_of(t.parameters))
            for (const auto& [name, about] : *properties) {
                const auto* said = about.is_object() ? about.get_object().if_contains("description") : nullptr;
                texts[t.name + "." + std::string{name}] =
                    said && said->is_string() ? std::string{said->get_string()} : "";
            }
    }
    return texts;
}

std::vector<tool_description> described_with(const tools& all, const standing_text::descriptions& changed) {
    auto described = all.describe();
    for (auto& t : described) {
        if (auto other = changed.find(t.name); other != changed.end()) t.description = other->second;
        if (auto* properties = properties_of(t.parameters))
            for (auto& [name, about] : *properties) {
                auto other = changed.find(t.name + "." + std::string{name});
                if (other != changed.end() && about.is_object()) about.get_object()["description"] = other->second;
            }
    }
    return described;
}

}  // namespace reagent::detail
