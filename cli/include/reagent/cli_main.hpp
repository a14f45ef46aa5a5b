#pragma once

#include <reagent/evaluate/evaluation.hpp>
#include <reagent/optimize/optimizers.hpp>

#include <optional>
#include <string>
#include <vector>

namespace reagent {

/// A program as the command line works with it.
struct cli_program {
    const module& root;
    program_function call;               ///< inputs by name in, outputs by name out
    std::vector<std::string> inputs{};   ///< names; empty: those of the first predictor
    std::vector<std::string> outputs{};  ///< names, so that a misspelt metric is told before any call; empty: not known
    std::string description{};           ///< for --help
    std::string name{};                  ///< under which its durable runs are stored; "": that of the executable
    std::optional<reagent::optimizers> optimizers{};  ///< that `compile` knows; none: those of this library
};

/// The `main` of a program of your own: `run`, `eval`, `compile`, `program`, `runs` and `trace`, with the options of
/// the `reagent` tool.
///
///     int main(int argc, char** argv) { return rg::cli_main(argc, argv, customer_care{}); }
///
/// In CMake: target_link_libraries(app PRIVATE reagent::cli); `reagent::reagent` does not have it.
/// @return the exit code: 0 it worked, 1 it failed, 2 the command line was wrong, 3 a score below --min-score
int cli_main(int argc, char** argv, const cli_program& program);

/// For a module that is a program: its inputs and outputs are those of its types.
template <program_type Module>
int cli_main(int argc, char** argv, const Module& m, std::string description = {}) {
    return cli_main(argc, argv,
                    cli_program{.root = m,
                                .call = as_program(m),
                                .inputs = detail::input_names<Module>(),
                                .outputs = detail::output_names<Module>(),
                                .description = std::move(description)});
}

}  // namespace reagent
