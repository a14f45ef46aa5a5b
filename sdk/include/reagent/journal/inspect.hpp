#pragma once

#include <reagent/journal/journal.hpp>

namespace reagent {

/// The last `n` calls of models in a journal as a person reads them: what was asked, what was answered or why not,
/// tokens and time. `std::cout << rg::inspect(*done.report.history)`. Holds everything, private fields too; no key.
/// (DSPy's `inspect_history`.)
std::string inspect(const journal& j, std::size_t n = 1);

}  // namespace reagent
