#pragma once

#include <reagent/lm/language_model.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace reagent::provider {

/// Which ids of tool calls a provider takes.
struct id_rule {
    std::size_t longest = 0;  ///< 0: any
    std::size_t exactly = 0;
    bool dashes = true;  ///< '-' and '_' besides letters and digits
    bool anything = false;
};

/// Which JSON Schema a provider takes for structured output.
struct schema_rules {
    std::vector<std::string_view> keywords{};  ///< that are sent; none: all of them
    std::vector<std::string_view> formats{};   ///< of `format`, where that is sent; none: all of them
    bool closed = false;                       ///< objects must list all members: all required, no other allowed
    bool only_closed = false;      ///< what cannot be closed is not sent at all, instead of sent as not strict
    bool bare_references = false;  ///< `$ref` stands alone
    bool recursive = true;
    bool counts_items = true;  ///< `minItems` beyond 1
};

/// How a request is written for a server: its row of the table, and a user's options over it.
struct rules {
    std::string_view max_tokens = "max_tokens", seed = "seed";
    bool include_reasoning = false;
    bool usage_in_stream = true;
    bool reasoning_back = true;
    bool done_ends = false;
    bool named_tool = true;
    bool several = false;  ///< several completions were asked for: else the choices of an answer are parts of one
    bool strict_schemas = true;
    bool thinking_budget = false;  ///< Gemini: reasoning effort as a number of tokens
    dialect::empty empty_content = dialect::empty::text;
    dialect::format response_format = dialect::format::json_schema;
    const schema_rules* schemas = nullptr;
    id_rule ids{};
};

/// @param provider the table's name @param model as the user wrote it: "ft:gpt-4o:org::id", "azure/o3-mini" find their
/// family too
rules rules_for(std::string_view provider, std::string_view model, const dialect& over);

/// The family's name in a model's name: in lower case, without `ft:` and what stands before the last slash.
std::string family_of(std::string_view model);

/// The id itself where the rule takes it, else one made from it: always the same, and another for another id.
std::string fitted_id(const std::string& id, const id_rule& rule);

/// The name of a called tool where it is offered or servers take it, else one made from it, which is no offered tool's.
std::string fitted_name(const std::string& name, const lm_request& r);

struct fitted_schema {
    json::object schema;
    bool strict = false;
};

/// The schema without what the provider does not take. What is left out still stands in the prompt, and is checked in
/// the answer.
/// @return nothing when the provider would refuse all that can be made of it
std::optional<fitted_schema> fitted(const json::object& schema, const rules& how);

/// The request as it can be sent: ids and names of calls fit for the provider, arguments that are an object, no blank
/// messages. Nothing: it can be sent as it is.
std::optional<lm_request> prepared(const lm_request& r, const rules& how);

/// The request without what another server signed, encrypted or thought, and without the marks of whose it is. Nothing:
/// it holds neither.
std::optional<lm_request> fit_for_server(const lm_request& r, std::string_view server);

/// A call's arguments as JSON text of an object: what the model wrote, or that repaired, or {}.
std::string arguments_text(const tool_call& c);

}  // namespace reagent::provider
