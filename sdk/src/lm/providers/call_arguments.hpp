#pragma once

#include <boost/json.hpp>

#include <initializer_list>
#include <string>
#include <string_view>

namespace reagent::provider {

namespace json = boost::json;

/// The arguments of a call, or a piece of them.
struct call_arguments {
    std::string text{};
    bool whole = false;      ///< an object, and no piece of its text
    bool elsewhere = false;  ///< there are none, and a member that is not known holds what could be them
};

/// Reads a call's arguments where its protocol has them, or under another of the usual names.
/// @param own   the protocol's name of them
/// @param parts what a call is made of: what holds its name first, then what that stands in; null for none
/// @throws lm_error(malformed_response) where two places say two things
call_arguments arguments_of(std::string_view own, std::initializer_list<const json::value*> parts);

/// As `arguments_of`, of a call that does not come in pieces. @throws lm_error(malformed_response) where they may be
/// elsewhere too
std::string whole_arguments_of(std::string_view own, std::initializer_list<const json::value*> parts);

/// Whether a member that nobody reads holds arguments, or a piece of them, at any depth.
/// @param known the members that are read
bool holds_stray_arguments(const json::value& v, std::initializer_list<std::string_view> known = {});

/// Whether arguments are none: blank, or an empty object.
bool are_no_arguments(std::string_view text);

}  // namespace reagent::provider
