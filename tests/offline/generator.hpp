#pragma once

#include <random>
#include <string>
#include <vector>

namespace reagent::test {

/// A question to the shop in several wordings, and the statement that answers it; none when no answer is right, because
/// the tables do not say it or because a part of the question means nothing to them.
struct generated_question {
    std::vector<std::string> wordings;
    std::string sql;
};

/// Questions from a grammar of its own, as somebody would write them who knows the shop and not the demo: its words are
/// not taken from the demo's vocabulary. A third of them is outside of what the tables say.
class question_generator {
public:
    explicit question_generator(unsigned seed) : random_{seed} {}
    generated_question next();

private:
    struct part {
        std::vector<std::string> words;  // behind the noun: "from Oslo", "who live in Oslo"
        std::string sql;
    };
    std::size_t below(std::size_t n) { return std::uniform_int_distribution<std::size_t>{0, n - 1}(random_); }
    template <class T>
    const T& one(const std::vector<T>& all) {
        return all[below(all.size())];
    }
    std::string number(int low, int high) {
        return std::to_string(low + static_cast<int>(below(static_cast<std::size_t>(high - low + 1))));
    }

    part period(const std::string& column);
    part customers();
    part orders();
    part products();
    part bought();
    generated_question counts();
    generated_question lists();
    generated_question sums();
    generated_question ranks();
    generated_question shares();
    generated_question differences();
    generated_question distinct();
    generated_question groups();
    generated_question joined();
    generated_question details();
    generated_question odd();      // of columns and notions that are not there
    generated_question spoiled();  // a good question with a word that changes it

    std::mt19937 random_;
};

}  // namespace reagent::test
