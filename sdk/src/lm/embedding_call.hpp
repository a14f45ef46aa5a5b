#pragma once

#include <reagent/lm/language_model.hpp>

#include <span>
#include <string>
#include <vector>

namespace reagent::detail {

/// A request for vectors as a model call (`embedder::as_model`): the texts are its messages.
lm_request request_for_vectors(std::span<const std::string> texts);

/// What the answer to it says: a list of `expected` lists of numbers. @throws lm_error(malformed_response)
std::vector<std::vector<float>> vectors_in(const json::value& rows, std::size_t expected);

}  // namespace reagent::detail
