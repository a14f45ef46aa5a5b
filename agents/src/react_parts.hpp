#pragma once

#include <reagent/agents/react.hpp>

#include <boost/json.hpp>

#include <functional>
#include <optional>

namespace reagent::detail {

inline constexpr std::string_view finish = "finish";

std::string output_names(const signature& s);
/// Whether a text that was submitted fits as it is, and so is no other value (sdk/src/adapter/value.cpp).
bool stays_text(const signature_field& f, const json::value& v);
further_fields fields_of(const react_step& step, std::size_t i);
/// The name of a tool without the quotes, stars and brackets that models put around it.
std::string bare_name(std::string_view text);
/// The tool that a name means: as it stands there, or without quotes, a name space (`functions.`), a number (`:0`) and
/// tokens of a template.
std::optional<std::string> meant_tool(const std::string& name, const std::function<bool(const std::string&)>& is_tool);
/// A model that runs in circles is told so.
void point_out_repetition(std::vector<react_step>& steps);

/// The beginning of a text, in about so many bytes, and that it is no more. What was shortened before may be shortened
/// again.
std::string shortened(std::string text, std::size_t bytes);
/// Below this nothing is shortened.
inline constexpr std::size_t least_shown = 200;

struct react_core::progress {
    std::vector<react_step> steps;

    growing_fields& shown();
    /// Makes the prompt shorter, where the context is too small for it. @return what was done, as a note; "" when
    /// nothing can be
    std::string make_room();

private:
    std::size_t shown_from = 0;            // earlier steps are left out of the prompt
    std::size_t most = std::string::npos;  // bytes that the step `shown_from` has for each of its values
    growing_fields in_words;
    std::size_t told = 0;
};

}  // namespace reagent::detail
