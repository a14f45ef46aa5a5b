#include <reagent/watch/statistics.hpp>

#include "../module/word_vectors.hpp"

#include <map>

namespace reagent {
namespace {

using halves = std::pair<std::vector<std::string>, std::vector<std::string>>;

// Every other one, so that what changes in the course of a sample is in both.
halves halved(std::span<const std::string> texts) {
    halves h;
    for (std::size_t i = 0; i < texts.size(); ++i) (i % 2 ? h.second : h.first).push_back(texts[i]);
    return h;
}

// How much more each word stands in `b` than in `a`, as a mean.
std::map<std::uint32_t, double> witness(const word_vectors& vectors, std::size_t of_a, std::size_t of_b) {
    std::map<std::uint32_t, double> w;
    for (std::size_t i = 0; i < of_a + of_b; ++i)
        for (auto [word, weight] : vectors.at(i))
            w[word] += i < of_a ? -static_cast<double>(weight) / static_cast<double>(of_a)
                                : static_cast<double>(weight) / static_cast<double>(of_b);
    return w;
}

}  // namespace

two_sample_result text_test(std::span<const std::string> a, std::span<const std::string> b) {
    if (a.size() < 4 || b.size() < 4) return {0.5, 1};
    auto [learn_a, rank_a] = halved(a);
    auto [learn_b, rank_b] = halved(b);
    auto learned = learn_a;
    learned.insert(learned.end(), learn_b.begin(), learn_b.end());
    word_vectors vectors{learned};
    auto w = witness(vectors, learn_a.size(), learn_b.size());
    auto ranked = [&](const std::vector<std::string>& texts) {
        std::vector<double> values;
        for (const auto& t : texts) {
            double sum = 0;
            for (auto [word, weight] : vectors.of(t))
                if (auto found = w.find(word); found != w.end()) sum += found->second * static_cast<double>(weight);
            values.push_back(sum);
        }
        return values;
    };
    return rank_test(ranked(rank_a), ranked(rank_b));
}

}  // namespace reagent
