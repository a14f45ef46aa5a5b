#pragma once

#include <reagent/evaluate/evaluation.hpp>
#include <reagent/lm/scripted.hpp>
#include <reagent/module/predictor.hpp>

#include <memory>
#include <vector>

namespace reagent::test {

/// A program of several steps that all get the question, and whose answers are joined.
struct many_steps : module {
    explicit many_steps(std::size_t n);
    task<json::object> call(run& r, json::object inputs) const;
    std::vector<std::unique_ptr<predictor>> steps;
};

/// A model that does what its instructions say: it answers with the words that they name (`Write "apple".`), or, where
/// there are none, with those of the first demonstration. Asked to rewrite instructions, to advise or for rules, it
/// names the words that the feedback in its prompt asks for (`write "apple"`), besides those that are there.
scripted_answer obey(const lm_request& request);

/// Questions that each want one of so many words of every step; `word` is the label.
dataset wanted_words(std::size_t n, std::size_t words = 3);

/// The share of the steps that wrote the word; the feedback tells each step what it lacks.
metric wrote_the_word(const many_steps& program);

}  // namespace reagent::test
