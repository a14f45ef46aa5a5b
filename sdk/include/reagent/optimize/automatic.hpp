#pragma once

#include <reagent/optimize/optimizer.hpp>

namespace reagent {

struct automatic_options {
    std::optional<double> target{};  ///< from 0 to 100: enough, no further stage
    std::size_t demos = 16;          ///< labels shown in the cheap stages
};

/// Begins with what costs least and moves on while that pays: the program as it is, labeled examples, the nearest ones,
/// demonstrations from runs, then reflection (`gepa` light), instructions with demonstrations (`mipro` light, where
/// there is validation data), and reflection with a larger budget. It ends at the target, at the full score, at a
/// limit, or where the 95% interval of what the last search gained on the validation data (paired, example by example)
/// reaches one point at most. The report's "lab_book" says what was tried, what it cost, what it brought, and why it
/// went on or ended.
class automatic final : public optimizer {
public:
    explicit automatic(automatic_options how = {}) : how_{how} {}
    std::string_view name() const override { return "auto"; }

private:
    work plan(std::size_t predictors, std::size_t train, std::size_t validation) const override;
    void search(study& s) const override;
    automatic_options how_;
};

}  // namespace reagent
