#pragma once

#include "subject.hpp"

#include <reagent/durable/durable_service.hpp>

#include <optional>

namespace reagent::cli {

/// $REAGENT_JOURNALS, else reagent-runs.db.
std::string default_journals();

/// Where nothing is there, and `access` is not `create`, that is an error, and nothing is made.
std::shared_ptr<journal_store> open_journals(const std::string& where, journal_access access = journal_access::read,
                                             journal_store_options options = {});
/// How a command that is suggested names them: " --journals runs.db"; "" for the default ones, and no address, which
/// may hold a password.
std::string with_journals(const std::string& where);
/// A text that suggests commands, as "reagent runs show ID": each names the journals that this process was told to use
/// by --journals.
std::string naming_journals(std::string text);
/// For an option that only a durable run has: there are journals without --journals, in $REAGENT_JOURNALS. @throws
/// misuse
void want_journals(const std::string& option, const std::string& value);
void check_there(const std::string& where);  ///< @throws std::runtime_error when it is a file that is not there

struct model_choice {
    std::string lm, api_base, saved;
    std::chrono::milliseconds consent_lifetime{std::chrono::hours{24}};  ///< `run_options::consent_lifetime`
    std::string adapter{};                                               ///< of a program of `cli_main`; "": chat
    /// Where they stand, a worker refuses runs that began with another model, adapter or saved program than it has,
    /// except for what it was told by name.
    std::shared_ptr<journal_store> journals{};
    bool lm_told = true, saved_told = true;
    /// Whoever can write to a store can name any address in it: the worker's own keys are not sent there.
    bool address_is_stored = false;
    /// The tools that a worker lends to runs of `reagent ask`, as `--tools` lists them; others are refused. Nothing:
    /// what a run was stored with.
    std::optional<std::string> tools{};
};

/// What a run was started with: `reagent ask` has it in its inputs, a program of `cli_main` in its journal. "": not
/// known
struct started_with {
    std::string lm, api_base, adapter, saved;
};
started_with started_of(journal_store& journals, const stored_run& of);

/// The run's own model, adapter and saved program, where `choice` names none. @throws misuse where its address is not
/// known whole
model_choice as_started(journal_store& journals, const stored_run& of, model_choice choice);

/// Makes the program known whose runs are to be continued: the one of `cli_main`, or the agent of `reagent ask`.
/// @param of a run whose own model counts where none is chosen; may be null
void serve_program(runtime& rt, const cli_program* own, const model_choice& choice, const stored_run* of);

/// The name under which an own program's runs are stored.
std::string program_name(const cli_program& own);

/// The agent of `reagent ask` as a durable program: its inputs hold signature, tools and limits.
inline constexpr const char* ask_program = "ask";
program_function ask_program_function();

/// How the agent of `ask` and `chat` was set up: what is stored with a run, and holds in whichever process goes on with
/// it.
struct ask_setup {
    std::string signature, tools, lm, api_base, adapter = "chat";
    std::size_t max_iters = 12;
    bool native = false;
    std::uint64_t max_tokens = 0;  ///< 0: the model's own
    double timeout = 0;            ///< seconds, over all resumes together; 0: as the process that goes on has it
    std::vector<std::string> private_fields{};    ///< `run_options::private_fields`
    std::optional<std::size_t> history_tokens{};  ///< `history_limits::tokens`

    json::object stored(json::object inputs) const;
};
/// A name that no field and no argument of a tool has would keep nothing private, in silence. @throws misuse
void check_private(const std::vector<std::string>& given, const signature& s, const tools& all);

/// What is stored with a run about its options, for `runtime::serve`. Runs of older versions, which stored less, go on
/// as they did.
runtime::options_of_inputs stored_options();

/// "run ID is STATUS", and why where that is known.
std::string halted_text(const stored_run& r);
/// 0: it finished, 3: it waits for somebody, 1: it failed or was cancelled.
int exit_code(run_status s);
std::string time_text(std::chrono::system_clock::time_point t);
std::string random_id();

void add_chat(CLI::App& app, command& chosen);
void add_sessions(CLI::App& app, command& chosen);
void add_runs(CLI::App& app, command& chosen, const cli_program* own = nullptr);
void add_trace(CLI::App& app, command& chosen);
void add_ui(CLI::App& app, command& chosen);

}  // namespace reagent::cli
