#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace reagent {

namespace json = boost::json;
class journal;

/// What a call of a tool lets in and out. Words of strangers, data that is not for everybody, and a way out: together
/// they are what it takes to rob an agent by what it reads. Source: Simon Willison, "The lethal trifecta for AI
/// agents", 2025.
struct flow_flags {
    bool untrusted =
        false;  ///< its result, or its error, may hold anybody's words: a page, a document, rows that customers filled
    bool private_data = false;  ///< it reads what not everybody may see
    bool acts = false;          ///< it changes or sends something outside; a GET whose URL the model writes does

    bool operator==(const flow_flags&) const = default;
    bool any() const { return untrusted || private_data || acts; }
};

/// `["untrusted", "acts"]`; the other way: @throws run_error(bad_journal) for other names
json::array to_json(flow_flags f);
flow_flags flow_flags_from_json(const json::value& v);

/// By what a run has met a flag.
struct flow_source {
    std::string tool{};        ///< the tool that was called; "" where it was no call
    std::uint64_t effect = 0;  ///< that call's number in the journal; 0: it has none (yet)
    std::string where{};       ///< besides: "an earlier turn, run x17", "the inputs"

    bool operator==(const flow_source&) const = default;
};

/// What a run has met: by its calls of tools, also those that failed or were undone, its inputs, and the turns before
/// it. It only grows: what was read was read, whether the prompt still shows it or not.
struct flow_state {
    std::optional<flow_source> untrusted{}, private_data{};  ///< by what first

    void meet(flow_flags f, const flow_source& by);
    void meet(const flow_state& other, const std::string& where);
    void meet(const journal& of);  ///< every call of a tool, also those that a backtrack undid

    /// "private data by `query_database` (effect 3) and untrusted words by `http_get` (effect 5)"; "": nothing.
    std::string text() const;

    bool operator==(const flow_state&) const = default;
};

/// `{"untrusted": {"tool": "http_get", "effect": 5}}`. The other way reads what it understands; a flag without a source
/// is a flag.
json::object to_json(const flow_state& s);
flow_state flow_state_from_json(const json::object& o);

/// A call that is about to be made.
struct flow_call {
    std::string_view tool;
    flow_flags flags;
    const json::value& arguments;
};

/// When a call of a tool needs somebody's consent for the sake of what the run has read. A floor, not a wall:
/// docs/injection.md.
struct flow_policy {
    enum mode_t {
        off,       ///< never; what is met is recorded all the same
        declared,  ///< a call that acts, once the run has met untrusted words and private data; what tools do not
                   ///< declare they do not do
        strict,    ///< a call that acts, once the run has met untrusted words. A tool that declares nothing does all
                   ///< three, unless it is read-only
    } mode = declared;

    flow_flags inputs{};                                     ///< of what the program is given: untrusted, private
    std::map<std::string, flow_flags, std::less<>> tools{};  ///< by name, instead of what they declare

    /// Instead of `mode`: asked before every call of a tool, on the run's thread. Pure: a call may be considered again.
    std::function<bool(const flow_call&, const flow_state&)> needs_consent{};

    flow_flags flags_of(std::string_view tool, const std::optional<flow_flags>& declares, bool read_only) const;
    bool asks(const flow_call& call, const flow_state& met) const;
};

}  // namespace reagent
