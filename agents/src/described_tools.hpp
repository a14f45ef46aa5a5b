#pragma once

#include <reagent/module/predictor.hpp>
#include <reagent/tools/registry.hpp>

namespace reagent::detail {

/// What a model is told of tools, as they describe themselves: by tool, and by "tool.argument".
standing_text::descriptions own_descriptions(const tools& all);

/// The tools as a model is told of them, with other words for some.
std::vector<tool_description> described_with(const tools& all, const standing_text::descriptions& changed);

}  // namespace reagent::detail
