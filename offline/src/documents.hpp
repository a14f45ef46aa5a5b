#pragma once

#include <string>
#include <vector>

namespace reagent::offline {

/// The words to search the documents for.
std::string search_words(const std::string& question);

/// The sentence among the search results that answers the question, or "". Every word of the question that carries
/// meaning stands in the sentence or in its document's name, and the sentence holds what was asked for: a number of
/// that, a year, a name.
/// @param fewest words that a question needs, besides what it asks for, so that a sentence with all of them is no
/// accident
std::string answering_sentence(const std::string& observed, const std::string& question, std::size_t fewest = 3);

}  // namespace reagent::offline
