#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace reagent::detail {

/// A vector of a text's words and of their pieces of three letters, hashed into `dimensions` numbers; of length 1, or
/// zero for a text without words. Source: Weinberger and others, "Feature Hashing for Large Scale Multitask Learning",
/// 2009 (the sign of a hash).
std::vector<float> vector_of_words(const std::string& text, std::size_t dimensions);

}  // namespace reagent::detail
