#pragma once

#include <reagent/lm/message.hpp>

#include <functional>
#include <string_view>
#include <vector>

namespace reagent::detail {

/// The calls of tools that a model wrote as text instead of making them, where the text is nothing but the calls: blanks and fences aside,
/// no word stands before, between or behind them. Forms: `<tool_call>` around JSON or `<function=`, `<function=NAME>` around JSON or
/// `<parameter=NAME>`, `[TOOL_CALLS]`, `<|python_tag|>`, and bare `{"name": ..., "arguments": ...}`, `{"function_call": {...}}` or a list
/// of them. Without ids. What names no tool is none, and so is what has to be guessed: then there are no calls at all.
/// @param text without what the model thinks in it
std::vector<tool_call> written_calls(std::string_view text, const std::function<bool(std::string_view)>& is_tool);

/// The markup of a call as some server or model writes it, where `text` holds one anywhere, or "a call in JSON" where it is such a call;
/// "": there is none. Such a text is no answer.
std::string_view call_markup(std::string_view text);

}  // namespace reagent::detail
