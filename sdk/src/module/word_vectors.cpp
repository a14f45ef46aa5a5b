#include "word_vectors.hpp"

#include <reagent/module/majority.hpp>

#include <algorithm>
#include <cmath>
#include <map>

namespace reagent {
namespace {

std::map<std::string, double> counts_of(const std::string& text) {
    std::map<std::string, double> counts;
    std::string word;
    for (char c : normalize_text(text) + " ")
        if (c != ' ' && c != '\n' && c != '\t')
            word += c;
        else if (!word.empty()) {
            ++counts[word];
            word.clear();
        }
    return counts;
}

}  // namespace

word_vectors::word_vectors(const std::vector<std::string>& texts) {
    std::vector<std::map<std::string, double>> counts;
    std::map<std::string, double> in_texts;
    for (const auto& t : texts) {
        counts.push_back(counts_of(t));
        for (const auto& [word, n] : counts.back()) ++in_texts[word];
    }
    const auto all = static_cast<double>(texts.size());
    for (const auto& [word, n] : in_texts)
        words_.emplace_back(word, static_cast<float>(std::log((1 + all) / (1 + n)) + 1));
    for (const auto& t : texts) vectors_.push_back(of(t));
}

word_vectors::vector word_vectors::of(const std::string& text) const {
    vector v;
    double squares = 0;
    for (const auto& [word, n] : counts_of(text)) {
        auto found = std::lower_bound(words_.begin(), words_.end(), word,
                                      [](const auto& known, const std::string& w) { return known.first < w; });
        if (found == words_.end() || found->first != word) continue;
        double weight = n * static_cast<double>(found->second);
        squares += weight * weight;
        v.emplace_back(static_cast<std::uint32_t>(found - words_.begin()), static_cast<float>(weight));
    }
    for (auto& [word, weight] : v) weight = static_cast<float>(static_cast<double>(weight) / std::sqrt(squares));
    return v;
}

double word_vectors::cosine(const vector& a, const vector& b) {
    double sum = 0;
    for (auto i = a.begin(), j = b.begin(); i != a.end() && j != b.end();) {
        if (i->first < j->first)
            ++i;
        else if (j->first < i->first)
            ++j;
        else
            sum += static_cast<double>((i++)->second) * static_cast<double>((j++)->second);
    }
    return sum;
}

}  // namespace reagent
