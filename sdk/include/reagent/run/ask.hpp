#pragma once

#include <reagent/run/runtime.hpp>

namespace reagent {

/// The shortest program: runs a module once, on a runtime of its own, and waits. For scripts and first tries; whoever
/// asks again and again makes a `runtime`, which keeps connections. Not to be called from a task. @param lm a model, or
/// its name, as "openai/gpt-4o-mini"
/// @throws as `language_model` and `runtime::run`
template <class Module, class... Inputs>
auto ask(const language_model& lm, const Module& m, Inputs&&... inputs) {
    runtime own;
    return own.run(run_options{lm}, m, std::forward<Inputs>(inputs)...);
}
template <class Module, class... Inputs>
auto ask(std::string_view lm, const Module& m, Inputs&&... inputs) {
    return ask(language_model{lm}, m, std::forward<Inputs>(inputs)...);
}

}  // namespace reagent
