#pragma once

#include <reagent/agents/code.hpp>

namespace reagent::detail {

/// What the step's model is given: the signature's inputs, or, of `rlm`, what they are like.
signature told_signature(code_kind kind, const signature& s);
signature code_step_signature(code_kind kind, const signature& s);
standing_text code_standing(code_kind kind, const signature& s, const code_options& o);
signature llm_signature();
signature recursive_signature();

/// "document: str, 5,000,000 characters; it begins: ...", a line for each input.
std::string described(const json::object& inputs, std::size_t most_of_each);

/// The code without the fence that models put around it.
std::string bare_code(std::string_view text);

inline constexpr const char* variables_field = "variables";

}  // namespace reagent::detail
