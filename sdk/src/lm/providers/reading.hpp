#pragma once

#include "protocol.hpp"

#include <boost/json.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace reagent::provider {

/// A member of an object; null when there is none, or `v` is no object.
inline const json::value* member(const json::value* v, std::string_view name) {
    if (!v || !v->is_object()) return nullptr;
    constexpr std::size_t few = 16;  // of so many most are told apart by their length
    const auto& o = v->get_object();
    if (o.size() > few) return o.if_contains(name);
    for (const auto& m : o)
        if (std::string_view{m.key().data(), m.key().size()} == name) return &m.value();
    return nullptr;
}
inline const json::value* member(const json::value& v, std::string_view name) { return member(&v, name); }

/// A string member, or "".
inline std::string text_member(const json::value* v, std::string_view name) {
    auto* m = member(v, name);
    return m && m->is_string() ? std::string{m->get_string()} : std::string{};
}
inline std::string text_member(const json::value& v, std::string_view name) { return text_member(&v, name); }

/// The text of a message's content: a string, or parts with a `text`.
std::string text_of(const json::value* v);

/// What a message's content says: a text, or parts. What a part of a type that speaks of thinking holds is reasoning; a
/// part whose type is not known says nothing.
struct content_words {
    std::string text{}, reasoning{};
    std::vector<std::string> unread{};  ///< the unknown types
};
/// @throws lm_error(malformed_response) for what is neither a text nor a list
content_words content_of(const json::value* v, const char* name = "content");
/// Takes them into an answer. @return the text
std::string take_content(lm_response& r, content_words words);
/// Whether a type's name says that it holds what a model thinks: `thinking`, `reasoning_text`, ...
bool names_thinking(std::string_view type);
/// What a part of such a type holds.
std::string thinking_of(const json::value& part);
void note_unread(lm_response& r, const std::string& type);

/// A number that counts something, also as a text of digits; 0 when it is missing or none.
std::uint64_t count_of(const json::value* v);

/// Of two counts of one answer the larger, part by part: servers tell a count that grows, and some none at the end.
usage largest_of(const usage& a, const usage& b);

/// Where an answer counts more tokens elsewhere, or under other names, than the protocol's own place says, they count:
/// a budget must hold.
/// @return whether that changed anything
bool complete_usage(usage& u, const json::value& answer);

/// Parses a text of which single surrogates and bytes that are no UTF-8 stay in it, for `text_pieces`.
json::value parse(std::string_view text, json::storage_ptr memory, boost::system::error_code& ec);

/// What a server sent, and whether it says two things with one member of a part that counts.
struct parsed_body {
    json::value tree;
    bool unclear = false;
};
/// As `parse`. Arguments of a call that are an object and hold a member twice, with two values, are there as their
/// text: what takes them refuses it, and says why.
parsed_body parse_answer(std::string_view text, json::storage_ptr memory, boost::system::error_code& ec);
bool is_json(std::string_view text);

/// Parses a body into `memory`. @throws lm_error(malformed_response); the error that a body with `error` reports
parsed_body parse_body(std::string_view body, json::storage_ptr memory);

/// @throws the error that an answer's `error` reports; null, "", false and {} there are none
void check_error(const json::value& v);

/// As `malformed`, or the error that a body without an answer tells in its `message` or `detail`.
[[noreturn]] void no_answer(const std::string& what, const json::value& parsed, std::string_view body);

/// A member that is an object; null where there is none. @throws lm_error(malformed_response) for one that is something
/// else
const json::value* object_member(const json::value* v, const char* name);
inline const json::value* object_member(const json::value& v, const char* name) { return object_member(&v, name); }

/// A member that carries a piece of the answer: a text, parts with a `text`, or nothing. @throws
/// lm_error(malformed_response)
std::string payload_text(const json::value* v, const char* name);

/// A message of the user's or a tool's is no answer. @throws lm_error(malformed_response)
void check_role(const json::value& message);

std::string to_upper(std::string_view s);

/// A call that its server says did not come to its end does not act. @throws lm_error(malformed_response)
void check_stands(const json::value& call);

/// A call's arguments: a text, an object, or nothing. @throws lm_error(malformed_response)
std::string payload_arguments(const json::value* v);

/// A number from 0, also as a text of digits.
std::optional<std::uint64_t> index_of(const json::value* v);

/// The name of the reason why an answer ended; of one that is no text its JSON, which no protocol knows as a name. "":
/// none is given.
std::string reason_of(const json::value* v);

/// What a response says of its end, for people: the reason's name, with the words beside it. "": nothing.
std::string finish_words_of(const json::value& response);

/// Of two reasons why one answer ended, the one that says more against it.
finish_reason worse(finish_reason a, finish_reason b);

/// Puts the calls in order, and corrects what the server says of the end by them: calls that are there make it
/// `tool_calls`, calls that it announces and that are missing, or of which nobody knows which are meant,
/// `malformed_call`.
void settle_finish(lm_response& r);

/// @throws lm_error(content_filter) with the model's words, where it refused: blanks are none
void check_refusal(const std::string& words);

/// Whether a member that tells why an answer ended is there and says that it has not, or nothing; by
/// `dialect::done_ends` that is no news.
inline bool is_open(const json::value& v, std::string_view name, const rules& how) {
    auto* m = member(v, name);
    return m && (m->is_null() || (m->is_string() && m->get_string().empty())) && !how.done_ends;
}

[[noreturn]] void malformed(const std::string& what, std::string_view body);

/// An array of at least one element. @throws lm_error(malformed_response)
const json::array& list_member(const json::value& v, std::string_view name, std::string_view body);

/// Of several completions, with `n`: the one whose `index` is 0, wherever it stands, or the first.
const json::value& first_of(const json::array& completions);
/// The others, by their `index`.
std::vector<const json::value*> others_of(const json::array& completions);

/// Whether a call is the same as one of these, by its name and arguments.
bool is_told(const std::vector<tool_call>& calls, const tool_call& c);

/// What stands in further choices: alternatives, or, where one completion was asked for, parts of that (its calls, and
/// its text where the first has none). The same call in two of them is one.
void take_others(lm_response& r, std::vector<lm_response> others, const rules& how);

// Requests.

/// Appends a string as JSON. Prompts are long, so it is quick.
void quoted(std::string& out, std::string_view text);
/// The same for a text that is sent again and again, as a program's system message is: it is looked for among the
/// latest of the thread.
void quoted_as_before(std::string& out, std::string_view text);

/// Notes or refuses options that a provider lacks.
class option_filter {
public:
    option_filter(const call_settings& s, std::string_view provider, std::vector<std::string>& dropped)
        : settings_{s}, provider_{provider}, dropped_{dropped} {}
    /// @throws lm_error(unsupported_option) unless options are to be dropped
    void lacks(bool given, std::string_view option, std::string_view instead = {});

private:
    const call_settings& settings_;
    std::string_view provider_;
    std::vector<std::string>& dropped_;
};

/// The arguments of a call that goes back to a provider as an object: what the model wrote, repaired; {} when it is no
/// object.
json::object arguments_object(const tool_call& c);

/// "data:image/png;base64,..." or the URL.
std::string image_address(const image& i);

std::string_view to_string(effort e);

/// An array of one object.
inline json::array list_of(json::object o) {
    json::array list;
    list.push_back(std::move(o));
    return list;
}

/// A tool in the shape that OpenAI began and others took over.
json::object openai_tool(const tool_description& t);

}  // namespace reagent::provider
