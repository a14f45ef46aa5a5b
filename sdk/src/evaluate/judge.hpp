#pragma once

#include <reagent/evaluate/metrics.hpp>
#include <reagent/module/predictor.hpp>

namespace reagent {

/// A model that judges by a signature. A child of a module of its own, so that a program's parameters never reach it:
/// its path is "judge.NAME". What it answered is kept in memory.
class judge : public module {
public:
    judge(const char* name, signature s, judge_options o);

    task<json::object> forward(run& r, json::object inputs) const;

private:
    struct group : module {
        using module::module;
    };
    group group_;
    predictor ask_;
    language_model lm_;
};

signature_field judged_text(const char* name, const char* description);
signature_field judged_share(const char* name, const char* description);  ///< from 0 to 1
std::string shown_to_judge(const json::value& v);

}  // namespace reagent
