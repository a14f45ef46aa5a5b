#include "commands.hpp"

#include <reagent/error.hpp>

#include <csignal>
#include <iostream>

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN);
    CLI::App app{"Reagent: agents that use tools, from the command line."};
    app.require_subcommand(1);
    app.set_version_flag("--version", "reagent 0.1.0");
    app.footer(
        "Examples:\n"
        "  reagent ask \"What is 17% of 2,340 plus 12?\"\n"
        "  reagent ask \"How many orders came from Oslo?\" --tools calculator,sql:shop.db\n"
        "  reagent signature \"context: list[str], question -> answer: int\"\n"
        "Help on a command: reagent ask --help");
    reagent::cli::command chosen;
    reagent::cli::add_ask(app, chosen);
    reagent::cli::add_signature(app, chosen);
    reagent::cli::add_parse(app, chosen);
    reagent::cli::add_tools(app, chosen);
    reagent::cli::add_models(app, chosen);
    reagent::cli::add_sql(app, chosen);
    reagent::cli::add_program(app, chosen);
    reagent::cli::add_eval(app, chosen);
    reagent::cli::add_compile(app, chosen);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        int code = app.exit(e);
        return code == 0 ? 0 : 2;
    }
    try {
        int code = chosen();
        std::cout.flush();
        if (std::cout) return code;
        std::cerr << "reagent: the output cannot be written; is the disk full?\n";
    } catch (const reagent::error& e) {
        std::cerr << "reagent: " << reagent::cli::printable(e.what()) << "\n";
    } catch (const std::exception& e) {
        std::cerr << "reagent: " << reagent::cli::printable(e.what()) << "\n";
    }
    return 1;
}
