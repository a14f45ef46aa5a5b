#pragma once

#include <reagent/lm/message.hpp>

#include <functional>
#include <string_view>
#include <vector>

namespace reagent::detail {

/// The calls of tools that a model wrote as text instead of making them: blocks of `<tool_call>` at the text's end, or a text that is
/// nothing but `{"name": ..., "arguments": ...}`, `{"function_call": {...}}` or a list of them, fenced or not. Without ids. What stands in
/// `<think>` is none, and so is what names no tool. Broken JSON in a block is the call's arguments as they stand, for whoever makes it to
/// refuse.
std::vector<tool_call> written_calls(std::string_view text, const std::function<bool(std::string_view)>& is_tool);

}  // namespace reagent::detail
