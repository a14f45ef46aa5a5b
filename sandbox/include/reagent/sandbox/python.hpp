#pragma once

#include <reagent/sandbox/process.hpp>
#include <reagent/task.hpp>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace reagent::sandbox {

namespace json = boost::json;

struct python_options {
    std::string program = "/usr/bin/python3";  ///< CPython 3.8 or newer, with its standard library
    std::vector<std::string> packages{};  ///< folders in which modules are looked for besides; they are shown to it
    std::chrono::milliseconds cell_time{
        10'000};  ///< of one cell, without the calls that it makes; then CellTimeout is raised in it
    std::chrono::milliseconds patience{2'000};  ///< after that, until the interpreter is ended
    std::size_t max_output_bytes = 64 * 1024;   ///< of what one cell prints; more is dropped
    std::size_t max_message_bytes =
        32 << 20;  ///< of what a cell tells: results, arguments, pictures; more ends the interpreter
    /// What it may use. `wall_time` is for its start; `cpu_time` for its life.
    limits limit{.cpu_time = std::chrono::seconds{600}, .processes = 24};
    std::vector<std::string> readable{};  ///< as of `command`
    std::map<std::string, std::string> environment{};
    std::set<layer> may_lack{layer::landlock}, without{};  ///< as of `command`
};

/// A function of the host that cells may call.
struct host_function {
    std::string name;                     ///< an identifier
    std::vector<std::string> parameters;  ///< in the order in which they may be given without names
    std::string doc{};
};
struct host_call {
    std::string name;
    json::object arguments;
};
struct host_result {
    json::value value;  ///< of a failure a text, which the cell meets as a ToolError
    bool failed = false;
};
/// Makes calls of one moment, at once where there are several. What it throws ends the interpreter and comes out of
/// `execute`.
using host_calls = std::function<task<std::vector<host_result>>(std::vector<host_call>)>;

struct cell_error {
    std::string type, message, trace;
    int line = 0;  ///< of the cell, from 1; 0: unknown
};

/// What came of a cell.
struct cell {
    std::string output{};                ///< stdout and stderr
    bool truncated = false;              ///< output was dropped
    std::string shown{};                 ///< `repr` of the value of its last expression; "": none
    std::optional<json::value> value{};  ///< that value, where it is one of JSON's: a table is {"columns", "rows"}
    std::optional<cell_error> error{};
    std::optional<json::object> submitted{};  ///< by `submit(...)`
    std::vector<std::string> pictures{};      ///< PNG files, as base64; `png_bytes` reads it
    /// Why the interpreter was ended, with all that it held: a field of `limits`, "cell_time", "ended"; "": it lives.
    std::string ended{};
};

/// What base64 means; "" for what is none.
std::string png_bytes(std::string_view base64);

/// A Python interpreter in a sandbox, whose state lasts from cell to cell. Its process lives as long as this does;
/// between cells, and while a cell waits for the host, it is stopped. Used by one coroutine at a time, of whatever
/// executor.
class python {
public:
    /// Starts one; blocks for some tens of milliseconds. @throws unavailable, std::invalid_argument, std::system_error
    explicit python(python_options o = {});
    ~python();
    python(python&&) noexcept;
    python& operator=(python&&) noexcept;

    /// What cells find from the next one on: functions, values of variables, and, where there are names, `submit` which
    /// takes them.
    void offer(const std::vector<host_function>& functions);
    void set(json::object variables);
    void take_submissions(const std::vector<std::string>& names);

    /// Executes a cell. Errors of the cell, and its end by a limit, are in the result. When the caller is cancelled the
    /// interpreter ends.
    /// @param told  where given: output as it comes
    task<cell> execute(std::string code, const host_calls& calls = {},
                       const std::function<void(std::string_view)>& told = {});

    bool alive() const;
    int process() const;  ///< of the host's guardian; for tests

private:
    struct state;
    std::unique_ptr<state> state_;
};

/// Interpreters that stand ready. Copies share them. One thread of its own starts them, so that neither `take` nor the
/// start of a program waits for more than the first.
class python_pool {
public:
    /// @param warm  how many stand ready, from the first `take` on
    explicit python_pool(python_options o = {}, std::size_t warm = 1);

    /// One that nobody has used. @throws as `python`
    task<python> take() const;
    const python_options& options() const;

private:
    struct state;
    std::shared_ptr<state> state_;
};

}  // namespace reagent::sandbox
