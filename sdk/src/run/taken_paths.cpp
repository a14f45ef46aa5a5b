#include "taken_paths.hpp"

#include <reagent/error.hpp>
#include <reagent/signature/signature.hpp>

#include <algorithm>

#include "state.hpp"

namespace reagent {

namespace {

run_error ambiguous(const std::string& path, const signature& first, const signature& second) {
    return {run_errc::ambiguous_path,
            "two predictors of this program are both known as \"" + path + "\" (" + first.text() + ", and " +
                second.text() +
                "), so that parameters, advice and demonstrations for one would reach the other; give each a name of "
                "its own, as members "
                "of a module: `rg::predict<S> draft{*this, \"draft\"};`",
            {.path = path}};
}

}  // namespace

void detail::taken_paths::take(const std::string& path, const std::string& branch, std::uint64_t inside,
                               const signature& s, const std::shared_ptr<const void>& alive) {
    auto& here = all_[inside];
    auto found = std::find_if(here.begin(), here.end(), [&](const taken& t) { return t.path == path; });
    if (found == here.end()) {
        here.push_back({path, branch, alive, alive.get(), &s});
        return;
    }
    if (found->who == alive.get()) return;
    auto held = found->alive.lock();
    if (held && (found->branch == branch || found->own->text() != s.text())) throw ambiguous(path, *found->own, s);
    if (!held) *found = {path, branch, alive, alive.get(), &s};
}

void run_core::take_path(const std::string& path, const signature& s, const std::shared_ptr<const void>& alive) {
    state_->paths.take(path, branch_, inside_, s, alive);
}
void run_core::release_paths() { state_->paths.release(); }

}  // namespace reagent
