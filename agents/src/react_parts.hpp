#pragma once

#include <reagent/agents/react.hpp>

#include <boost/json.hpp>

#include <functional>
#include <optional>

namespace reagent::detail {

inline constexpr std::string_view finish = "finish";

std::string output_names(const signature& s);
further_fields fields_of(const react_step& step, std::size_t i);
/// The name of a tool without the quotes, stars and brackets that models put around it.
std::string bare_name(std::string_view text);
/// The tool that a name means: as it stands there, or without quotes, a name space (`functions.`), a number (`:0`) and tokens of a
/// template.
std::optional<std::string> meant_tool(const std::string& name, const std::function<bool(const std::string&)>& is_tool);
/// A model that runs in circles is told so.
void point_out_repetition(std::vector<react_step>& steps);

struct react_core::progress {
    std::vector<react_step> steps;
    std::size_t shown_from = 0;  // earlier steps were dropped from the prompt because the context was too long

    growing_fields& shown() {
        for (; told < steps.size(); ++told) in_words.add(fields_of(steps[told], told));
        return in_words;
    }
    void leave_out_oldest() {
        in_words.clear();
        told = ++shown_from;
    }

private:
    growing_fields in_words;
    std::size_t told = 0;
};

}  // namespace reagent::detail
