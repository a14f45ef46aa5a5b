#pragma once

#include <reagent/agents/interpreter.hpp>

namespace reagent::ready {

/// `python(code)` for any agent: cells of Python in a sandbox whose variables last through the run. Cells call
/// `functions` by name, each with its own schema, consent and flow. One interpreter for each run; of a process at most
/// `max_interpreters` live at once, the longest unused goes first and is made again from the journal where it is wanted
/// once more.
tool python(tools functions = {}, sandbox::python_pool interpreters = sandbox::python_pool{},
            std::size_t max_interpreters = 16);

}  // namespace reagent::ready
