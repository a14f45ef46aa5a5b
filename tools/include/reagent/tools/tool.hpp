#pragma once

#include <reagent/run/run.hpp>
#include <reagent/schema/convert.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <set>
#include <string>

namespace reagent {

/// How a tool is treated. The hints are the ones that the Model Context Protocol has.
struct tool_options {
    bool read_only = false;    ///< changes nothing outside
    bool destructive = false;  ///< may destroy something: somebody is asked before each call
    bool idempotent =
        false;  ///< calling it again with the same idempotency key does no harm (run::idempotency_key, call_key)
    bool quick = false;  ///< never blocks, so it runs on the run's own thread; coroutines always do
    std::chrono::milliseconds timeout{
        30'000};  ///< of one call; zero and less: no limit; nothing interrupts a `quick` function
    std::size_t max_result_bytes = 20'000;  ///< of the observation; what is longer is cut, and the model told so

    /// What its calls let in and out, as `.flow = flow_flags{.acts = true}`. None: it declares nothing; what that means
    /// the run's `flow_policy` says. Once a run has met untrusted words and private data, a call that acts needs
    /// consent.
    std::optional<flow_flags> flow{};

    /// What its description lets in, as soon as it is shown to a model: values of a database's columns, words of a
    /// server.
    flow_flags described_flow{};
};

/// One argument of a tool: its name, and what the model is told of it.
struct argument {
    std::string name;
    std::string description{};
    std::optional<json::value> fallback{};  ///< makes the argument optional

    argument(const char* n) : name{n} {}
    argument(std::string n) : name{std::move(n)} {}
    argument(std::string n, std::string d) : name{std::move(n)}, description{std::move(d)} {}
    argument(std::string n, std::string d, json::value f)
        : name{std::move(n)}, description{std::move(d)}, fallback{std::move(f)} {}
};

/// A first parameter of this type is given the call's idempotency key: the same for each attempt at one call, also
/// after a crash, and for no other call.
struct call_key {
    std::string text;
};

/// A last parameter of this type takes whatever arguments the others do not name.
struct rest {
    json::object values;
};

/// A function that a model may call: a value, cheap to copy, safe to share between threads.
class tool {
public:
    using function = std::function<task<json::value>(run&, json::object)>;

    /// A tool whose arguments are described by JSON Schema. Arguments are checked before the function sees them.
    /// @throws tool_error(bad_name): names are up to 64 letters, digits, `_` and `-`
    tool(std::string name, std::string description, json::object parameters, function call, tool_options options = {},
         bool takes_rest = false, bool uses_run = true);
    /// The same, with what arguments are checked against, where that is more than the model is shown.
    tool(std::string name, std::string description, json::object parameters, json::object checked, function call,
         tool_options options, bool takes_rest, bool uses_run);

    const std::string& name() const { return data_->name; }
    const std::string& description() const { return data_->description; }
    const json::object& parameters() const { return data_->parameters; }  ///< JSON Schema of an object
    const tool_options& options() const { return data_->options; }
    bool uses_run() const { return data_->uses_run; }  ///< whether the function is given the run to work with

    /// The same tool, with names of arguments, or of members in them, whose values stand in no log and no telemetry of
    /// a run that has it
    /// (`is_private`). Functions have theirs by the types of their parameters.
    tool with_private_arguments(std::set<std::string> names) const;
    const std::set<std::string>& private_arguments() const { return data_->private_arguments; }

    /// What arguments are checked against: the parameters, with nothing besides those that they name.
    const json::value& checked_parameters() const { return data_->check.document(); }

    /// Of arguments that somebody gave in place of the model's: the schema that they have to fit, which has the ranges
    /// of the C++ types besides, and what else the conversion finds wrong; "": nothing.
    const json::object& edit_schema() const;
    std::string wrong_edit(const json::object& arguments) const;

    /// The same tool with such checks. @param convert what is wrong with arguments that the schema accepts; "": nothing
    tool with_edit_check(json::object schema, std::function<std::string(const json::object&)> convert) const;

    /// The same tool, declared otherwise: `ready::http_get({...}).with_flow({.untrusted = true})` of hosts that may be
    /// told anything.
    tool with_flow(flow_flags f) const;

    /// The arguments with defaults filled in, or what is wrong with them.
    schema::outcome read_arguments(const json::value& arguments) const;

    /// Calls the function; no checks, no timeout, no journal.
    task<json::value> call(run& r, json::object arguments) const { return data_->call(r, std::move(arguments)); }

private:
    struct data {
        std::string name, description;
        json::object parameters;
        schema check;
        function call;
        tool_options options;
        bool uses_run;
        json::object edit_schema;                                      // empty: as `check`
        std::function<std::string(const json::object&)> convert_edit;  // null: nothing besides
        std::set<std::string> private_arguments{};
    };
    std::shared_ptr<const data> data_;
};

}  // namespace reagent
