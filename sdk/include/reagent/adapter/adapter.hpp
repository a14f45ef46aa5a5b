#pragma once

#include <reagent/error.hpp>
#include <reagent/lm/message.hpp>
#include <reagent/signature/signature.hpp>

#include <boost/json/object.hpp>
#include <boost/system/result.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace reagent {

/// How a signature is put to a model, and its answer read.
enum class adapter {
    chat,  ///< `[[ ## field ## ]]` markers; what most models follow best
    json,  ///< inputs by markers, outputs as one JSON object; uses the provider's structured output where it has one
    xml,   ///< `<field>` elements
};

std::string_view to_string(adapter a);

/// The adapter of that name ("chat", "json", "xml"). @throws adapter name unknown: signature_error
adapter adapter_named(std::string_view name);

/// Fields that are not the signature's own, shown behind its inputs: an agent's past as `thought_0`, `tool_name_0`, ...
using further_fields = std::vector<std::pair<std::string, json::value>>;

/// What a prompt is made from besides the signature. Objects map field names to values.
struct prompt_parts {
    std::vector<json::object> demos{};    ///< inputs and outputs together; a missing field is left out of the prompt
    std::vector<json::object> history{};  ///< earlier turns of this conversation, in order
    json::object inputs{};
    further_fields past{};
};

/// Why a completion could not be read.
struct parse_failure {
    adapter_errc code{};
    std::string field{};                  ///< the first output at fault, or ""
    std::string message{};                ///< for the model and for people: everything that is wrong
    std::vector<violation> violations{};  ///< the same one by one; paths begin with the field: "issues[2].name"
};
[[noreturn]] void throw_exception_from_error(const parse_failure& f, const boost::source_location&);

/// The outputs by name, or why there are none.
using parsed_outputs = boost::system::result<json::object, parse_failure>;

/// What is the same in every prompt of a predictor: the system message and the demonstrations, made once.
///
/// Text in a value that looks like a marker is escaped, so that it neither ends a field nor starts another.
class prompt_template {
public:
    prompt_template(reagent::adapter a, reagent::signature s, const std::vector<json::object>& demos = {});

    /// The messages that ask for the signature's outputs: system, demonstrations as user/assistant pairs, history,
    /// inputs with the past behind them. @param steps further fields in words, which stand before `past`
    std::vector<message> messages(const json::object& inputs, const std::vector<json::object>& history = {},
                                  const further_fields& past = {}, std::string_view steps = {}) const;

    reagent::adapter adapter() const { return adapter_; }
    const reagent::signature& signature() const { return signature_; }

private:
    reagent::adapter adapter_;
    reagent::signature signature_;
    reagent::signature shown_;  // without inputs that are conversations
    std::vector<message> prefix_;
    std::string request_;
};

/// `prompt_template`, used once.
std::vector<message> format(adapter a, const signature& s, const prompt_parts& parts);

/// Whether a field is a conversation: an input of type `History`, whose value is `{"messages": [{field: value, ...},
/// ...]}`, each message a turn's inputs and outputs. An agent's steps may stand under `trajectory`, and a `summary` of
/// still earlier turns beside the messages. Prompts show turns as pairs of user and assistant messages before the
/// question. Source: DSPy's `dspy.History`.
bool is_history(const signature_field& f);

/// The messages of the signature's conversations.
std::vector<message> history_messages(adapter a, const signature& s, const json::object& inputs);

/// Further fields as a prompt shows them.
std::string format_further(adapter a, const further_fields& fields);

/// Text of others for a place in a prompt that is no field: nothing in it is a marker, in whatever spelling. Fields are
/// escaped anyway.
std::string escape_markers(std::string text);

/// As `escape_markers`, and in XML nothing is a tag.
std::string escape_for(adapter a, std::string text);

/// Reads a completion. Every output of the signature is in the result, converted to its type; other fields are dropped.
/// A field that stands twice and says two things is a failure. Of several complete blocks (that end with `completed`)
/// the last counts, but of an agent's steps none where their calls differ. Of several objects of JSON that differ, the
/// last counts under a heading such as `Final:` or `Corrected:`; else they are a failure. Tokens of a template at the
/// end (`<|im_end|>`) are left out. Pure; never throws but for lack of memory.
parsed_outputs parse(adapter a, const signature& s, std::string_view completion);

/// A value as it stands in a prompt, before markers are escaped: text as it is, scalars as Python prints them, lists
/// and objects as JSON; a list for a `str` field as a numbered list.
std::string format_value(const signature_field& field, const json::value& value);

/// The JSON Schema of all outputs, for a provider's structured output.
json::object outputs_schema(const signature& s);

/// Reads one output from text or from JSON.
boost::system::result<json::value, parse_failure> read_field(const signature_field& field, json::value value);

}  // namespace reagent
