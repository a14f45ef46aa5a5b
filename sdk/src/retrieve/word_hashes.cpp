#include "word_hashes.hpp"

#include "../base/utf8.hpp"

#include <xapian.h>

#include <cmath>
#include <cstdint>

namespace reagent::detail {
namespace {

constexpr double weight_of_a_piece = 0.3;

std::uint64_t hash_of(std::string_view s) {  // FNV-1a, and then mixed: its low bits are weak
    std::uint64_t h = 14695981039346656037u;
    for (unsigned char c : s) h = (h ^ c) * 1099511628211u;
    h ^= h >> 32;
    h *= 0x9E3779B97F4A7C15u;
    return h ^ h >> 29;
}

}  // namespace

std::vector<float> vector_of_words(const std::string& text, std::size_t dimensions) {
    Xapian::Document words;
    Xapian::TermGenerator generator;  // which knows the letters of all scripts
    generator.set_document(words);
    generator.set_flags(Xapian::TermGenerator::FLAG_CJK_NGRAM);
    generator.index_text_without_positions(valid_utf8(text));
    std::vector<double> sums(dimensions);
    auto add = [&](std::string_view feature, double weight) {
        const auto h = hash_of(feature);
        sums[(h >> 1) % dimensions] += h & 1 ? weight : -weight;
    };
    for (auto t = words.termlist_begin(); t != words.termlist_end(); ++t) {
        const std::string word = *t;
        // Short words are mostly those that every text has.
        const double weight = (1 + std::log(t.get_wdf())) * std::min(1.0, static_cast<double>(word.size()) / 4);
        add(word, weight);
        const std::string edged = "<" + word + ">";
        for (std::size_t at = 0; at + 3 <= edged.size(); ++at)
            add("3" + edged.substr(at, 3), weight * weight_of_a_piece);
    }
    double squares = 0;
    for (double s : sums) squares += s * s;
    std::vector<float> v(dimensions);
    for (std::size_t i = 0; i < dimensions && squares > 0; ++i) v[i] = static_cast<float>(sums[i] / std::sqrt(squares));
    return v;
}

}  // namespace reagent::detail
