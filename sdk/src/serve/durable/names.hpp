#pragma once

#include <string>
#include <string_view>

namespace reagent::detail {

/// Ids of stored runs and conversations that were begun over HTTP: "http.OWNER.REST". The owner is a hash of the key's
/// name, so that whose a run is holds after a restart, and nobody reaches another's by a name of his own choice. Pure,
/// but for `new_run_name`.

inline constexpr std::string_view stored_prefix = "http.";

std::string owner_prefix(std::string_view caller);  ///< "http.0123456789ab."
bool is_owned_by(std::string_view id, std::string_view caller);

std::string new_run_name(std::string_view caller);
/// The same for the same Idempotency-Key of that caller at that path: the store has one run of a name.
std::string run_name_for(std::string_view caller, std::string_view path, std::string_view key);

/// A conversation's id as its caller names it: 1 to 64 letters, digits, dots, - and _.
bool is_session_name(std::string_view name);
std::string session_id_of(std::string_view caller, std::string_view name);
std::string_view session_name_of(std::string_view id);  ///< the other way; the id itself where it is none of ours

/// A program as the store knows it, "desk" or "desk@3": a run goes on with the version that it began with.
std::string stored_program(std::string_view name, std::string_view version);

}  // namespace reagent::detail
