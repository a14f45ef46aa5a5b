#pragma once

#include <reagent/lm/message.hpp>
#include <reagent/run/history_limits.hpp>
#include <reagent/secret.hpp>

#include "known_secrets.hpp"

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace reagent {
struct signature;
struct lm_response;
}  // namespace reagent

namespace reagent::detail {

/// What of a run is kept out of logs and telemetry: fields that are marked private, by name and by the values they had,
/// and secrets. A journal holds them all the same: without them no run could go on.
class privacy {
public:
    privacy() = default;
    privacy(std::set<std::string> names, std::shared_ptr<const known_secrets> secrets)
        : names_{std::move(names)}, secrets_{std::move(secrets)} {}

    /// These names too, wherever they occur in the run.
    void mark(const std::set<std::string>& names) { names_.insert(names.begin(), names.end()); }

    /// A predictor is about to be called.
    void learn(const std::string& path, const signature& s, const json::object& inputs);
    /// Fields of a predictor that has been called, or a tool's arguments.
    void learn(const std::string& path, const json::object& fields);
    void learn(const std::string& path, const json::value& v);

    /// What a model has answered: of calls of tools their arguments; where it only talks although it has tools, that is
    /// its answer.
    void learn(const std::string& path, const lm_response& answer, bool has_tools);

    /// Whether the prompts and completions of a predictor are withheld whole: they hold private fields.
    bool withholds(const std::string& path) const {
        return paths_.contains(path) || (path == history_path && !is_empty());
    }
    bool is_empty() const { return names_.empty() && paths_.empty(); }

    /// A value without private fields, private values and secrets.
    json::value shown(const std::string& path, const json::value& v) const;
    std::string shown(std::string_view text) const;

private:
    bool is_private(const std::string& path, std::string_view name) const;
    bool may_hold_private(const std::string& path, std::string_view text) const;
    void keep(const json::value& v);

    std::set<std::string> names_;                         // of the run, wherever they occur
    std::map<std::string, std::set<std::string>> paths_;  // predictors, with what their signatures mark
    std::set<std::string> values_;
    mutable std::shared_ptr<const secret_search> search_;  // for `values_`; null: to be made anew
    bool too_many_ = false;
    std::shared_ptr<const known_secrets> secrets_;  // of the runtime; null: none
};

/// An error's text without what it quotes of arguments, answers and results: until the first of that.
std::string without_quotes(std::string_view error);

}  // namespace reagent::detail
