#pragma once

#include <reagent/schema/schema.hpp>

#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace reagent {

/// How a field's text is read from a completion.
enum class field_kind {
    text,           ///< taken as it is
    choice,         ///< one of a fixed list (Literal, enumeration); quotes around it are forgiven
    optional_text,  ///< text or null: taken as it is
    data,           ///< JSON, repaired where needed, read leniently by the schema
    arguments,      ///< as `data`, but of what acts: JSON that has no end is refused, and so is a member that says two
                    ///< things
};

/// One input or output of a signature.
struct signature_field {
    std::string name;         ///< an identifier; unique within its signature
    std::string type;         ///< as Python prints it: "list[str]", "Union[int, NoneType]", "Item"
    schema shape;             ///< what its values look like
    std::string description;  ///< for the model; "${name}" when nobody described it
    std::string prefix;       ///< its name for people: "Search Query:"
    field_kind kind = field_kind::text;
    bool is_private = false;  ///< its values stand in no log and no telemetry
    std::set<std::string>
        private_members{};  ///< names of members, at whatever depth of its value, of which the same is true

    bool is_described() const { return description != "${" + name + "}"; }
};

/// What a predictor is given and what it is to produce. A value.
struct signature {
    std::string instructions;
    std::vector<signature_field> inputs;   ///< in the order in which a prompt shows them
    std::vector<signature_field> outputs;  ///< in the order in which the model writes them

    const signature_field* input(std::string_view name) const;
    const signature_field* output(std::string_view name) const;

    /// `context: list[str], question -> answer`; types that are `str` are left out.
    std::string text() const;
};

/// Type names a signature may use besides the built-in ones, each with its JSON Schema.
using named_types = std::map<std::string, json::value, std::less<>>;

/// Parses `context: list[str], question -> answer: int`: Python parameters on both sides of one arrow, as DSPy reads
/// them. A field without a type is `str`. Types: str, int, float, bool, list, dict, tuple, set, Any, Optional, Union,
/// `|`, Literal, `datetime.datetime` and the like, DSPy's own (`dspy.Image`, ...), and `types`.
///
/// @throws signature_error with the byte position and a hint
signature parse_signature(std::string_view text, const named_types& types = {});

/// "From `question`, produce `answer`.": the instructions of a signature that has none.
std::string default_instructions(const signature& s);

/// A field's name for people: `search_query` is "Search Query:", `HTTPServer2` is "HTTP Server 2:".
std::string prefix_of(std::string_view name);

/// A field for a type given as JSON Schema; `type` is what messages and documents call it.
signature_field make_field(std::string name, std::string type, schema shape, std::string description = {});

}  // namespace reagent
