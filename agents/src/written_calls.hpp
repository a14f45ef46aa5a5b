#pragma once

#include <reagent/lm/message.hpp>
#include <reagent/signature/signature.hpp>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace reagent::detail {

/// The tool that a name means, with a server's ornaments or without; null: none.
using find_tool = std::function<const tool_description*(std::string_view)>;

/// The calls of tools that a model wrote as text instead of making them, where the text is nothing but the calls:
/// blanks and fences aside, no word stands before, between or behind them. Forms: `<tool_call>` around JSON or
/// `<function=`, `<function=NAME>` around JSON or
/// `<parameter=NAME>`, `[TOOL_CALLS]`, `<|python_tag|>`, an object that says nothing but a tool's name and arguments or
/// a list of them,
/// `[NAME(a=1)]`, `functions.NAME:0{...}`, Qwen's flowers, `Action: NAME` with `Action Input: {...}`. Without ids. What
/// names no tool is none, and so is what has to be guessed: then there are no calls at all.
/// @param text without what the model thinks in it
std::vector<tool_call> written_calls(std::string_view text, const find_tool& find);

/// Calls as Python writes them, in a list and with the names of their parameters: `[NAME(a=1, b='x')]`. Nothing else
/// may stand there.
std::optional<std::vector<tool_call>> python_calls(std::string_view text, const find_tool& find);

/// What looks like a call of a tool in `text`: the markup of some server or model anywhere, or anything that names an
/// offered tool in the manner of a call (a tag or token, JSON, `NAME(...)` alone on its line, `Action: NAME`). "":
/// nothing does. Such a text is no answer.
std::string call_markup(std::string_view text, const std::vector<tool_description>& offered);

/// Whether a text that was submitted is a call that was meant otherwise: it is nothing but one, or holds a model's
/// markup of one.
bool is_written_as_call(std::string_view text, const std::vector<tool_description>& offered);

/// The output that a text names as a member of the object, as the element or, in the manner of prompted agents, behind
/// the thought that the text is; "": none. Capitals do not count.
/// @param whole without a fence around it
std::string output_named_in(const signature& s, std::string_view whole);

/// A parameter that stands somewhere as a text, by the tool's schema of it: the number, list or truth value that it is,
/// where no text is wanted.
json::value parameter_value(std::string_view text, const json::value* schema);

/// What stands in a fence that is all of a text; else the text. Without the blanks around it.
std::string_view without_fence(std::string_view text);

}  // namespace reagent::detail
