#pragma once

#include "commands.hpp"

#include <reagent/cli_main.hpp>
#include <reagent/lm/answer_log.hpp>
#include <reagent/module/saved_program.hpp>

namespace reagent::cli {

/// What the commands that run a program on data have in common: which program, which model, which metric.
struct subject_options {
    std::string signature, module = "predict", instructions, program, metric, lm, api_base, judge, adapter = "chat",
                           tools, state;
    std::vector<std::string> inputs;
    key_use key = key_use::sent;
    std::size_t concurrency = 8, threads = 1;
    bool json = false, quiet = false;
};

/// @param own the program of `cli_main`; null: one made from --signature and --module
void add_subject_options(CLI::App& c, subject_options& o, const cli_program* own);
void add_metric_options(CLI::App& c, subject_options& o);

/// A program to work with.
class subject {
public:
    /// @throws signature_error, tool_error
    subject(const subject_options& o, const cli_program* own);
    ~subject();

    const module& root() const;
    const program_function& call() const { return call_; }
    const std::vector<std::string>& inputs() const { return inputs_; }
    const std::string& title() const { return title_; }

    /// Examples with their inputs. @throws program_error
    dataset load(const std::string& file) const;

    /// A misspelt field is told before any model is asked. @throws program_error(mismatch)
    void check_metric(const std::string& metric, const dataset& data) const;

    /// What `--program` names: a file, or FOLDER@TAG of a store.
    std::shared_ptr<const parameters> load_parameters(const std::string& program, bool models) const;

    /// Model, adapter and parameters of a run. @throws lm_error
    run_options prepared(const subject_options& o) const;

private:
    class dynamic_program;
    std::unique_ptr<dynamic_program> made_;
    const module* root_;
    program_function call_;
    std::vector<std::string> inputs_, outputs_;
    std::string title_;
};

/// A saved program from a file, or from FOLDER@TAG of a store.
saved_program load_program(const std::string& where);

/// What Ctrl-C says during an evaluation or a search that keeps what models answered in this folder; "": nowhere.
std::string interrupted_text(const std::string& state);

/// --metric and --judge as a metric.
metric metric_of(const subject_options& o);

/// The model with retries; the stand-in as it is.
language_model with_retries(language_model model);

/// A wrong command line that only the command itself can see: exit code 2.
struct misuse : std::runtime_error {
    using std::runtime_error::runtime_error;
};

void write_file(const std::string& file, const std::string& text);

/// A bar on a terminal, a line every few seconds elsewhere.
class progress {
public:
    explicit progress(bool quiet);
    void operator()(const evaluation_progress& p);

private:
    bool bar_, lines_;
    std::chrono::milliseconds told_{};
};

void add_eval(CLI::App& app, command& chosen, const cli_program* own = nullptr);
void add_compile(CLI::App& app, command& chosen, const cli_program* own = nullptr);
void add_run(CLI::App& app, command& chosen, const cli_program& own);
void add_watch(CLI::App& app, command& chosen, const cli_program* own = nullptr);

/// Parses, runs what was chosen, and turns what it throws into a message and an exit code.
int run_commands(CLI::App& app, command& chosen, int argc, char** argv);

/// Before anything is written: where lines begin is known from here on (`complain`), and which addresses hold keys.
void watch_lines(int argc, char** argv);

}  // namespace reagent::cli
