#pragma once

#include <reagent/run/program_part.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace reagent {

/// A part of a program: a predictor, or something composed of modules. Immutable once built, so that any number of runs
/// and threads share one. Neither copied nor moved: children know their parent.
///
///     class router : public rg::module {
///         rg::predict<classify> triage{*this, "triage"};     // path "triage", or "router.triage" inside a parent
///     public:
///         using rg::module::module;
///         rg::task<std::string> forward(rg::run& run, std::string message) const;
///     };
class module : public program_part {
public:
    module() = default;                        ///< the root of a program
    module(module& parent, std::string name);  ///< @param name unique among the parent's children, without dots
    module(const module&) = delete;
    module& operator=(const module&) = delete;

    /// Names from the root down, joined by dots; "" for the root itself.
    const std::string& path() const { return path_; }

    /// Those that were built with this as their parent, in that order, and those that it works with though they stand
    /// elsewhere.
    const std::vector<const module*>& children() const { return children_; }

    bool is_or_contains(const program_part* other) const final;
    bool covers(std::string_view predictor_path) const final;

protected:
    /// A module that stands elsewhere, and whose predictors are found here too. It must outlive this.
    void works_with(const module& other) { children_.push_back(&other); }

private:
    std::string path_;
    std::vector<const module*> children_;
};

}  // namespace reagent
