#pragma once

#include "commands.hpp"

namespace reagent {
struct cli_program;
}

namespace reagent::cli {

void add_serve(CLI::App& app, command& chosen, const cli_program* own = nullptr);

}  // namespace reagent::cli
