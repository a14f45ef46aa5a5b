#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace reagent {

/// Texts as vectors of their words, of length 1: TF-IDF, so that words which few texts have count more. Text is
/// normalized as answers are.
class word_vectors {
public:
    using vector = std::vector<std::pair<std::uint32_t, float>>;  // by word, in order

    explicit word_vectors(const std::vector<std::string>& texts);

    std::size_t size() const { return vectors_.size(); }
    const vector& at(std::size_t i) const { return vectors_[i]; }
    vector of(const std::string& text) const;  ///< words that no text has count nothing

    static double cosine(const vector& a, const vector& b);

private:
    std::vector<std::pair<std::string, float>> words_;  // and how rare each is, sorted
    std::vector<vector> vectors_;
};

}  // namespace reagent
