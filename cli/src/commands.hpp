#pragma once

#include <reagent/lm/language_model.hpp>
#include <reagent/run/runtime.hpp>
#include <reagent/signature/signature.hpp>
#include <reagent/tools/registry.hpp>

#include <CLI/CLI.hpp>

#include <functional>
#include <string>

namespace reagent::cli {

/// Exit codes: 0 it worked; 1 the input was wrong or the work failed; 2 the command line was wrong.
using command = std::function<int()>;

void add_ask(CLI::App& app, command& chosen);
void add_signature(CLI::App& app, command& chosen);
void add_parse(CLI::App& app, command& chosen);
void add_tools(CLI::App& app, command& chosen);
void add_models(CLI::App& app, command& chosen);
void add_sql(CLI::App& app, command& chosen);
void add_sandbox(CLI::App& app, command& chosen);
void add_program(CLI::App& app, command& chosen);
void add_traffic(CLI::App& app, command& chosen);

/// The tools of "calculator,sql:shop.db,docs:notes,files:notes,time,http:example.org". @throws tool_error, naming the
/// part
tools tools_from(const std::string& list);

/// The same list with absolute paths: whoever goes on with a run reads the same files, wherever it stands.
/// @throws misuse for a path that would have a comma in it
std::string with_absolute_paths(const std::string& tools);

/// The first of the tools that `--tools` lists here and not there; a policy belongs to its database. "": there is none.
std::string tool_beyond(const std::string& tools, const std::string& lent);

/// The model that `--lm`, the environment or a local server offers; else the stand-in. `notice` says what was chosen
/// and why, where the user may wonder.
struct chosen_model {
    language_model model;
    std::string notice;
    std::string api_base{};  ///< of a server that was found or named; "": the provider's own
};
/// Whether the key that the environment has for a provider is sent to the address.
enum class key_use { sent, withheld };
chosen_model choose_model(const std::string& name, const std::string& api_base, key_use = key_use::sent);

/// Whether the environment has a key for the provider of a model of this name.
bool has_key_for(const std::string& model);

/// A runtime's options, with telemetry where the environment names a collector.
runtime_options runtime_options_for(std::shared_ptr<journal_store> journals = {});

/// The `models` object of a golden file, or an object of type name to JSON Schema. @throws error naming the file
named_types types_from(const std::string& file);

/// A whole file that a user named; a pipe is read to its end. @throws program_error(unreadable)
std::string text_of(const std::string& file);

/// Of a path that a library opens by itself: where something else than a file is there (a pipe, a device, a folder) it
/// is refused, as the library would wait for it without end. What is not there is the library's to tell. @throws
/// misuse, naming the option
void check_is_file(const std::string& option, const std::string& path);
/// That a file that is not there yet can be made, before anything is paid for. @throws misuse
void check_folder(const std::string& option, const std::string& path);

/// Colours and live output, for terminals only.
class terminal {
public:
    explicit terminal(bool to_stderr = false);
    bool colours() const { return colours_; }
    std::string dim(const std::string& s) const { return paint("2", s); }
    std::string bold(const std::string& s) const { return paint("1", s); }
    std::string bold_begin() const { return colours_ ? "\033[1m" : ""; }  ///< for text that comes in pieces
    std::string bold_end() const { return colours_ ? "\033[0m" : ""; }
    std::string red(const std::string& s) const { return paint("31", s); }
    std::string green(const std::string& s) const { return paint("32", s); }
    std::string cyan(const std::string& s) const { return paint("36", s); }

private:
    std::string paint(const char* code, const std::string& s) const {
        return colours_ ? "\033[" + std::string{code} + "m" + s + "\033[0m" : s;
    }
    bool colours_;
};

/// The text, cut at a character's boundary where it has more bytes than that.
std::string shortened(std::string s, std::size_t limit);

/// Of an option: that it was given and is empty, as by `--seen "$NOTHING"`, is not that it was left out.
CLI::Validator not_empty();
/// A whole number in a range, in digits: of "-1" and "1e20" conversions make numbers that nobody meant. For every
/// option that counts.
CLI::Validator whole_number(std::uint64_t least, std::uint64_t most = std::uint64_t{1} << 53);
/// A finite number in a range: "nan" and "-1" would switch a limit off in silence.
CLI::Validator number(double least, double most = 1e18);
/// The id of a new run or session: no blanks at its ends, and no key that this process knows or that looks like one; it
/// is not shown.
CLI::Validator new_id();
/// Any number but infinities and "nan".
CLI::Validator finite();

/// Writes "reagent: TEXT" and a line's end to the standard error, on a line of its own (also behind output that comes
/// in pieces), without keys: of the environment, of this command line's addresses, and whatever looks like one.
void complain(std::string_view text);

/// What Ctrl-C says before the process ends with code 130: what is kept, and how to go on. "" for nothing. The last
/// call counts.
void tell_when_interrupted(const std::string& text);

/// The names that `given` has and `known` has not are refused, with the nearest one. @throws misuse
void check_names(const std::vector<std::string>& known, const json::object& given, const char* what);

/// Text from a model or a tool, which may have several lines: what steers a terminal or cannot be seen stands there as
/// an escape
/// (`visible_lines`). What is to be one line is shown by `visible`, a name by `visible_name`.
std::string printable(std::string_view text);

/// Lines behind the first begin with `by`, so that none looks like one of ours.
std::string indented(std::string_view text, std::string_view by);

/// A document of `--json`: as `dump_strict_json`, and at a terminal with escapes for what steers it or cannot be seen,
/// as U+009B, DEL and marks that turn the direction of writing. It stays equal JSON.
std::string shown_json(const boost::json::value& v);
/// The escapes of `shown_json`. @param text JSON
std::string with_unseen_escaped(const std::string& text);

/// What a model answered. @param alone nothing else is printed: its lines are left as they are, for a pipe
std::string answer_text(const boost::json::value& v, bool alone);

/// A key that stands twice in one object of a JSON text; "": none does, as far as it is JSON.
std::string repeated_key(const std::string& text);

}  // namespace reagent::cli
