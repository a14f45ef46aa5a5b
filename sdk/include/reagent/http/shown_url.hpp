#pragma once

#include <reagent/secret.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace reagent::http {

/// A URL as it may stand in a log, an error, a journal or a file: without the user, the password, and the values of
/// parameters, each of which becomes "(secret)"; without a fragment. Parameters of a path (";key=K") are hidden too,
/// and so is what stands elsewhere in the URL a second time. Also for texts that are no URL. Whatever shows an address
/// shows it by this function. `http://me:pw@host/v1?key=K` -> `http://(secret)@host/v1?key=(secret)`
std::string shown_url(std::string_view url);

/// What `shown_url` hides, as given and percent-decoded, to be looked for in a server's words. Values under 6 bytes,
/// and passwords under 4, are left out.
std::vector<secret> secrets_of_url(std::string_view url);

/// The users and passwords of a proxy's address; not set: of those that the environment names
/// (`client_options::proxy`).
std::vector<secret> secrets_of_proxies(const std::optional<std::string>& given = {});

/// The address of `target`, as "/chat/completions", below a base: parameters of the base go to the end.
/// @throws http_error(bad_url) for a base with a fragment: the target would stand behind it, and go nowhere
std::string url_below(std::string_view base, std::string_view target);

}  // namespace reagent::http
