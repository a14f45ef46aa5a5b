#include <reagent/module/saved_program.hpp>
#include <reagent/run/invoke.hpp>

#include <algorithm>
#include <set>

namespace reagent {
namespace {

void collect(const module& m, std::vector<const predictor*>& found) {
    const auto* p = dynamic_cast<const predictor*>(&m);
    if (p && std::find(found.begin(), found.end(), p) == found.end())
        found.push_back(p);  // a module may be reached in two ways
    for (const module* child : m.children()) collect(*child, found);
}

std::string named(std::string_view s) { return "`" + std::string{s} + "`"; }

run_error two_of_one_name(const std::string& path) {
    return {run_errc::ambiguous_path,
            "two predictors of this program are both known as \"" + path +
                "\", so that parameters for one would reach the other; give each a name of its own, as members of a "
                "module: "
                "`rg::predict<S> draft{*this, \"draft\"};`",
            {.path = path}};
}

}  // namespace

std::vector<const predictor*> predictors_of(const module& program) {
    std::vector<const predictor*> found;
    collect(program, found);
    std::set<std::string_view> paths;
    for (const predictor* p : found)
        if (!paths.insert(p->predictor_path()).second) throw two_of_one_name(p->predictor_path());
    return found;
}

void detail::check_parameters(const module& program, const run_options& options) {
    check_parameters(program, options.parameters.get());
}

void detail::check_parameters(const module& program, const parameters* given) {
    if (!given) return;
    std::vector<std::string> paths;
    for (const predictor* p : predictors_of(program)) paths.push_back(p->predictor_path());
    if (paths.empty()) return;
    for (const auto& [path, theirs] : given->predictors) {
        if (std::find(paths.begin(), paths.end(), path) != paths.end()) continue;
        std::string all;
        for (const auto& p : paths) all += (all.empty() ? "" : ", ") + named(p);
        auto near = did_you_mean(path, paths);
        throw program_error{program_errc::mismatch,
                            "parameters for " + named(path) + ", but the program has no such predictor" +
                                (near.empty() ? "." : "; did you mean " + named(near) + "?") + " It has " + all,
                            {.path = path}};
    }
    for (const auto& member : given->members) check_parameters(program, member.get());
}

}  // namespace reagent
