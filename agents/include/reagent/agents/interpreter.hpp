#pragma once

#include <reagent/sandbox/python.hpp>
#include <reagent/tools/registry.hpp>

#include <optional>

namespace reagent {

/// What cells of an interpreter find.
struct interpreter_setup {
    tools functions{};  ///< called by name: `weather(city="Oslo")`; a name that is no identifier has `_` for what
                        ///< Python does not take
    struct own_function {
        sandbox::host_function shown;
        std::function<task<sandbox::host_result>(run&, json::object)> call;
    };
    std::vector<own_function> own{};     ///< further functions, which are no tools
    json::object variables{};            ///< by name
    std::vector<std::string> submits{};  ///< the arguments of `submit(...)`; none: there is none
    std::string path{};                  ///< where cells and their calls stand in the journal
    std::size_t max_picture_bytes =
        1 << 20;  ///< of all pictures of a cell in the journal, as base64; of more only their number is kept
};

/// Python in a sandbox that a run works in: cells are effects of the run, and so are the calls that they make, with
/// schema, consent, journal, limits and flow policy as everywhere. A cell that the journal answers is executed only
/// when a later one needs its state; its calls are answered from what it told then, and what differs is told in the
/// next cell's `differs`. Whatever ends the process ends no run: the next cell finds the state of those before that
/// came to an end.
///
/// What came of a cell, as JSON: `output`, `shown` and `value` of the last expression, `error` {type, message, line,
/// trace}, `submitted`, `pictures` (PNG as base64), `ended` (the limit that ended the interpreter), `calls`, `differs`;
/// what there is not is left out. Used by one coroutine at a time.
class interpreter {
public:
    interpreter(sandbox::python_pool pool, interpreter_setup setup)
        : pool_{std::move(pool)}, setup_{std::move(setup)} {}

    /// As an effect of the run. @throws run_error, sandbox::unavailable
    task<json::object> execute(run& r, std::string code);
    /// Within a tool's effect, whose run this is.
    task<json::object> execute_here(run& inside, std::string code);

    /// A cell that was executed elsewhere: the next one finds its state.
    void know(std::string code, json::object told);
    std::size_t cells() const { return cells_.size(); }
    void forget();  ///< all state

private:
    struct known_cell {
        std::string code;
        json::object told;
    };
    struct recorded_calls;
    task<json::object> live(run& inside, std::string code);
    task<std::vector<sandbox::host_result>> make_once(run& inside, json::array& record, recorded_calls& before,
                                                      std::vector<sandbox::host_call> calls);
    static task<std::vector<sandbox::host_result>> answered(recorded_calls* from,
                                                            std::vector<sandbox::host_call> calls);
    task<std::string> catch_up();
    task<std::string> again(const known_cell& c);
    void open(sandbox::python p);
    task<std::vector<sandbox::host_result>> make(run& inside, json::array& record,
                                                 std::vector<sandbox::host_call> calls);
    task<sandbox::host_result> call(run& r, sandbox::host_call c);

    sandbox::python_pool pool_;
    interpreter_setup setup_;
    std::optional<sandbox::python> python_;
    std::vector<known_cell> cells_;
    std::size_t executed_ = 0;  // of them, by `python_`
};

namespace detail {

/// The name that Python code has for a tool.
std::string python_name(std::string_view tool);
/// "- weather(city: string, days: integer = 3): what it does", a line for each.
std::string python_functions(const tools& all);
/// What a model is shown of a cell; at most about so many bytes.
std::string cell_text(const json::object& told, std::size_t most);

}  // namespace detail

}  // namespace reagent
