#include <reagent/optimize/components.hpp>

namespace reagent {

std::string component::key() const {
    const std::string& path = of->predictor_path();
    if (what == kind::instructions) return path;
    return what == kind::field ? path + "[" + name + "]" : path + "(" + name + ")";
}

std::string component::title() const {
    const std::string at = "`" + of->predictor_path() + "` (" + of->signature().text() + ")";
    if (what == kind::instructions) return "the instructions of the step " + at;
    if (what == kind::field) return "the description of the field `" + name + "` of the step " + at;
    const auto dot = name.find('.');
    if (dot == name.npos) return "the description of the tool `" + name + "`, as the agent's step " + at + " reads it";
    return "the description of the argument `" + name.substr(dot + 1) + "` of the tool `" + name.substr(0, dot) +
           "`, as the agent's step " + at + " reads it";
}

std::string component::text(const parameters& p) const {
    const auto* own = p.find(of->predictor_path());
    if (what == kind::instructions) return of->open_instructions(own);
    if (what == kind::tool) {
        if (own)
            if (auto changed = own->tools.find(name); changed != own->tools.end()) return changed->second;
        auto said = of->tool_descriptions().find(name);
        return said == of->tool_descriptions().end() ? "" : said->second;
    }
    const auto shown = own ? with_parameters(of->signature(), *own) : of->signature();
    const auto* field = shown.input(name) ? shown.input(name) : shown.output(name);
    return field ? field->description : "";
}

void component::set(parameters& p, std::string text) const {
    auto& own = p.predictors[of->predictor_path()];
    if (what == kind::instructions)
        own.instructions = std::move(text);
    else
        (what == kind::tool ? own.tools : own.descriptions)[name] = std::move(text);
}

std::vector<component> components_of(const std::vector<const predictor*>& predictors, const component_choice& which) {
    std::vector<component> all;
    for (const predictor* p : predictors) {
        if (which.instructions) all.push_back({component::kind::instructions, p, {}});
        if (which.fields)
            for (const auto* fields : {&p->signature().inputs, &p->signature().outputs})
                for (const auto& f : *fields) all.push_back({component::kind::field, p, f.name});
        for (const auto& [name, text] : p->tool_descriptions())
            if (name.find('.') == name.npos ? which.tools : which.arguments)
                all.push_back({component::kind::tool, p, name});
    }
    return all;
}

}  // namespace reagent
