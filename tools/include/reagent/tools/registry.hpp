#pragma once

#include <reagent/tools/function.hpp>
#include <reagent/tools/tool.hpp>

#include <initializer_list>
#include <vector>

namespace reagent {

/// What came of a tool call, as the model is shown it. Failures are observations too: they say what to do next.
struct observation {
    json::value value;  ///< the result, or a text about the failure
    bool failed = false;
    std::optional<json::object>
        arguments{};  ///< what it was called with, where whoever approved it gave others than the model

    std::string text() const;  ///< as it stands in a prompt
};

/// The tools that an agent may use. A value; copies share nothing but the functions.
///
///     rg::tools tools;
///     tools.add("add", "Adds two numbers.", add, {"a", "b"});
///     tools.add("search", "Finds passages.", search, {{"query", "what to look for"}, {"k", "how many", 5}});
///     tools.add("find", "Finds a customer.", &store::find, shop, {"name"});
class tools {
public:
    /// Asked before a destructive tool is called, and before a call that the run's `flow_policy` wants consent to
    /// (`run::flow` says what the run has met); false refuses. Without one, a durable run is suspended until somebody
    /// decides, and in others such calls are refused. What was decided is journaled.
    using approval = std::function<task<bool>(run&, const tool&, const json::object&)>;

    tools() = default;
    tools(std::initializer_list<tool> all);

    /// Registers a function, function pointer, lambda or coroutine. Its parameters become the tool's arguments, named
    /// in order; a first parameter of type `run&` is the caller's run and no argument, one of type `call_key` is the
    /// call's idempotency key; a single struct without names stands for its members. `std::optional` parameters and
    /// those with a fallback may be left out.
    ///
    /// Functions run on the runtime's threads for blocking work, several at once, unless `quick`; coroutines on the
    /// run's thread. @throws tool_error(duplicate_name, bad_name, bad_argument_name)
    template <class F>
    requires(!std::is_member_function_pointer_v<F>) tools& add(std::string name, std::string description, F f,
                                                               std::initializer_list<argument> arguments = {},
                                                               tool_options options = {}) {
        return add(detail::make_tool(std::move(name), std::move(description), std::move(f), arguments, options));
    }

    /// Registers a member function of an object: a pointer, which must outlive the registry, or a shared pointer.
    template <class F, class Object>
    requires(std::is_member_function_pointer_v<F>) tools& add(std::string name, std::string description, F f,
                                                              Object object,
                                                              std::initializer_list<argument> arguments = {},
                                                              tool_options options = {}) {
        return add(detail::make_tool(std::move(name), std::move(description),
                                     detail::bound_member<F, Object>{f, std::move(object)}, arguments, options));
    }

    tools& add(tool t);
    tools& on_approval(approval a);

    const tool* find(std::string_view name) const;
    const std::vector<tool>& all() const { return all_; }
    bool empty() const { return all_.empty(); }

    /// For a provider's native tool calling.
    std::vector<tool_description> describe() const;

    /// Tells the run that these are called together: what one of them lets in counts for all. Names that are no tool's
    /// are passed over.
    void announce(run& r, const std::vector<std::string>& names) const;

    /// Tells the run that the descriptions are shown to a model (`tool_options::described_flow`).
    void shown(run& r) const;

    /// Calls a tool through the run: arguments checked, approval asked, the call journaled under `path`, deadline and
    /// size of the result enforced. Never throws for what the model or the tool did wrong.
    /// @throws run_error; operation_aborted when the run is cancelled
    task<observation> call(run& r, std::string path, std::string name, json::value arguments) const;

private:
    std::vector<tool> all_;
    approval approve_;
};

}  // namespace reagent
