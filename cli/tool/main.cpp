#include "index.hpp"
#include "runs.hpp"
#include "serve.hpp"

int main(int argc, char** argv) {
    CLI::App app{"Reagent: agents that use tools, from the command line.", "reagent"};
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
    reagent::cli::add_chat(app, chosen);
    reagent::cli::add_signature(app, chosen);
    reagent::cli::add_parse(app, chosen);
    reagent::cli::add_tools(app, chosen);
    reagent::cli::add_models(app, chosen);
    reagent::cli::add_sql(app, chosen);
    reagent::cli::add_program(app, chosen);
    reagent::cli::add_sandbox(app, chosen);
    reagent::cli::add_index(app, chosen);
    reagent::cli::add_eval(app, chosen);
    reagent::cli::add_compile(app, chosen);
    reagent::cli::add_traffic(app, chosen);
    reagent::cli::add_watch(app, chosen);
    reagent::cli::add_runs(app, chosen);
    reagent::cli::add_sessions(app, chosen);
    reagent::cli::add_trace(app, chosen);
    reagent::cli::add_ui(app, chosen);
    reagent::cli::add_serve(app, chosen);
    return reagent::cli::run_commands(app, chosen, argc, argv);
}
