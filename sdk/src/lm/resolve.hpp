#pragma once

#include "providers/protocol.hpp"

namespace reagent {

/// What a name like "openai/gpt-4o" stands for, with address and key.
struct resolved_name {
    const provider::facts* facts;
    std::string model;
    std::string api_base;  ///< without a slash at its end
    secret api_key;
};

/// @param api_base, api_key as given; empty ones are read from the provider's environment variables
/// @throws lm_error(unknown_provider), http_error(bad_url); lm_error(missing_key) unless the key may be missing
resolved_name resolve(std::string_view name, std::string api_base, secret api_key, bool key_may_be_missing = false);

}  // namespace reagent
