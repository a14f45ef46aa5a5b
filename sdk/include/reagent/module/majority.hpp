#pragma once

#include <boost/json/object.hpp>

#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace reagent {

namespace json = boost::json;

/// A text as answers are compared: NFD, lower case, without punctuation and English articles, spaces collapsed.
/// Source: DSPy 3, `dspy.evaluate.normalize_text`.
std::string normalize_text(std::string_view text);

struct majority_options {
    std::string field{};  ///< which output is counted; default: the last

    /// What counts as the same; nothing: the value is not counted. Default: `normalize_text`, where nothing is left
    /// nothing counts.
    std::function<std::optional<std::string>(const json::value&)> normalize{};
};

namespace detail {

/// The index of the first of `outputs` that has the most common value.
std::size_t majority_index(const std::vector<const json::object*>& outputs, const majority_options& options);

}  // namespace detail

/// The prediction whose output most of them share; of equally common ones the earliest.
/// Source: Wang et al., "Self-Consistency Improves Chain of Thought Reasoning in Language Models", 2022; DSPy 3,
/// `dspy.majority`.
/// @throws std::invalid_argument without predictions, or when they have no such output
template <class Prediction>
const Prediction& majority(const std::vector<Prediction>& predictions, const majority_options& options = {}) {
    std::vector<const json::object*> outputs;
    for (const auto& p : predictions) outputs.push_back(&p.to_json());
    return predictions[detail::majority_index(outputs, options)];
}

}  // namespace reagent
