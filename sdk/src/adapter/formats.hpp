#pragma once

#include <reagent/adapter/adapter.hpp>

#include <memory>
#include <optional>

namespace reagent::detail {

/// What an adapter's format decides; everything else is shared.
struct prompt_format {
    std::string (*layout)(const signature&);  // shows the model the shape of a conversation
    std::string (*inputs)(const signature&, const json::object&);
    std::string (*outputs)(const signature&, const json::object&);
    std::string (*request)(const signature&);  // the last words of a request: what to write now
    void (*further)(std::string& out, std::string_view name,
                    std::string_view text);  // a field that is not the signature's
};

const prompt_format& chat_format();
const prompt_format& json_format();
const prompt_format& xml_format();

parsed_outputs parse_chat(const signature& s, std::string_view completion);
parsed_outputs parse_json_object(const signature& s, std::string_view completion);
parsed_outputs parse_xml(const signature& s, std::string_view completion);  // of the library reagent::xml

/// What an answer is besides its fields.
struct answer_form {
    std::string stray{};  ///< a name in the manner of a field that is none: an optional output may be meant by it
    std::vector<std::string> unknown{};  ///< a few of such names
    std::string_view text{};  ///< all of it, where the name of an output may stand in it in some other manner
    bool says_none = false;   ///< it says that it holds no field, as `{}` does; a text without any is no answer
    void note(const signature& s,
              std::string_view name);  ///< that an answer holds it; one that speaks of arguments comes first
    bool quoted = false;               ///< texts are told from other values, as in JSON: one that fits stays one
};
/// Reads every output from `found` (text or JSON by name), as all three formats do it.
parsed_outputs read_outputs(const signature& s, json::object found, const answer_form& form = {});

/// What an answer is that may leave an output out or name it otherwise, by what it holds and what is read of that.
/// Nothing: it may not.
std::optional<parse_failure> misses_an_output(const signature& s, const json::object& found, const json::object& read,
                                              const answer_form& form);

/// Whether a name is one of the signature's own: a model may repeat the inputs.
bool names_a_field(const signature& s, std::string_view name);

/// "one of: a; b", "an int", "JSON that fits {...}", or "" for text.
std::string type_note(const signature_field& f);

std::string marker(std::string_view name);

/// A name as it may stand in a marker or a tag: what is neither letter, digit nor `_` becomes `_`, and it is cut at 100
/// bytes. Letters beyond ASCII stay.
std::string marker_name(std::string_view name);

void append_field(std::string& out, std::string_view name, std::string_view text);  // marker and escaped text

/// Puts a backslash before the hashes of whatever our parser or a model could read as the beginning of a marker: `[[
/// ##` in any spelling, with spaces, tabs, line ends and invisible characters in it or none at all, in full-width or
/// other brackets and hashes. Linear.
std::string escape_markers(std::string text);
/// The way back, exact: `unescape_markers(escape_markers(x)) == x`.
std::string unescape_markers(std::string text);
json::value escape_markers(json::value v);  // in every text of it
json::value unescape_markers(json::value v);

/// `unescape_markers` for a text that comes in pieces; linear, whatever the pieces. Gives whole characters only.
class marker_unescaper {
public:
    marker_unescaper();
    ~marker_unescaper();
    void feed(std::string_view text, std::string& out);
    void finish(std::string& out);  // what was held back; begins anew

private:
    struct state;
    std::unique_ptr<state> state_;
};

/// A marker as a model writes it: `[[ ## name ## ]]` with other blanks in it, or none.
struct marker_header {
    std::string_view name;
    std::size_t end;
};
/// The marker that `text` starts with. @param cut whether it is none as far as it goes, and more text might make it one
std::optional<marker_header> marker_at(std::string_view text, bool& cut);

/// Bytes of a character that leaves no mark (a blank, a byte order mark) at a place; 0: there is another, or half a
/// one.
std::size_t unseen_at(std::string_view text, std::size_t at);

/// What a field is that stands twice in one answer and says two things.
parse_failure stands_twice(const std::string& field);

std::string escape_xml_text(std::string text);  // `<`, `&`, and what could be taken for them
/// What an entity of XML stands for; itself where it is none.
std::string xml_meaning(const std::string& entity);

/// Whether a text of any form fits.
bool takes_any_text(const signature_field& f);
/// Whether one of the outputs acts.
bool has_arguments(const signature& s);
/// Whether a text that stands in quotes fits as it is, and so is no other value.
bool stays_text(const signature_field& f, const json::value& v);

/// What stands beside a list or an object in a text, and may say that it is not, or not all of, what is meant: other
/// words than those that introduce it, or that deny it. "": nothing does.
std::string_view doubt_beside(std::string_view text);

/// A field of decimal.Decimal: its digits are kept as they are written.
bool keeps_digits(const signature_field& f);
/// JSON or a literal of Python in which numbers with a point or an exponent are texts.
std::string with_fractions_as_text(std::string_view text);

/// What arguments of what acts are that were cut off: what is missing is not guessed.
parse_failure has_no_end(const std::string& field);
/// What JSON is that can be read only by guessing. @param field ""; the answer itself @param text the JSON
parse_failure could_be_read_otherwise(const std::string& field, std::string_view text);
/// What arguments are that can be read only by guessing.
parse_failure doubtful_arguments(const std::string& field, const std::string& why);

/// What an answer is that holds several steps of an agent, of which none is known to be the one that is meant.
parse_failure holds_several_steps(const signature_field& acts);

/// Names that are elements of an answer in XML, and so no thinking there.
std::vector<std::string> output_elements(const signature& s);

/// What an answer is whose thinking has no end.
parse_failure ended_thinking(parse_failure why);
/// What an answer is with such thinking in a field: what is left of that may be a draft, or nothing.
parse_failure thinks_within(const std::string& field);
/// What an answer is with an end of thinking in a field that began nowhere.
parse_failure ends_thinking_within(const std::string& field);

/// Each field under its marker; inputs that are absent are left out.
std::string by_markers(const std::vector<signature_field>& fields, const json::object& values);

}  // namespace reagent::detail
