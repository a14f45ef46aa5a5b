// What of a text nobody is to read: secrets, whatever looks like a key, and private values, all looked for in the text
// as it is.
#pragma once

#include <reagent/secret.hpp>

#include <boost/json/value.hpp>

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace reagent::detail {

class secret_search;

inline constexpr std::string_view in_place_of_a_secret = "(secret)", in_place_of_private = "(private)";

/// As `redact`, with values that are private besides. What overlaps is left out as one.
/// Also what stands there escaped, in up to three layers (`decoded_view`); then the escapes are left out whole. Linear
/// in the text.
std::string without(std::string_view text, const secret_search& secrets, const secret_search& private_values);
std::string without(std::string_view text, const secret_search& secrets);

/// The text without them, and then its first `limit` bytes: cut before, half a key would stay that nobody knows again.
std::string cut_without(std::string_view text, const secret_search& secrets, std::size_t limit);
std::string cut_without_keys(std::string_view text, std::size_t limit, std::span<const secret> keys = {});

/// `text` without the keys of a model, and whatever looks like one. What local servers are given in place of a key
/// ("none", "EMPTY") is none.
std::string without_keys(std::string_view text, std::span<const secret> keys);
/// Whether this is a word that stands in place of a key, or too short for one.
bool is_no_key(std::string_view s);

/// Every text in it, and what stands under a name that keys have ("api_key"). The names too.
boost::json::value without(const boost::json::value& v, std::span<const secret> secrets);
boost::json::value without(const boost::json::value& v, const secret_search& secrets);

/// Whether a member of this name with this value holds a key.
bool is_named_key(std::string_view name, const boost::json::value& v);

}  // namespace reagent::detail
