#pragma once

#include "../base/text.hpp"

#include <string>
#include <string_view>

namespace reagent {

/// Whether an error's code or type says that what was paid for is used up, so that waiting does not help. Codes are
/// written in many ways (insufficient_quota, InsufficientQuota), so letters and digits alone count. Source: the error
/// pages of OpenAI, Azure, DeepSeek, Moonshot, DashScope, xAI, OpenRouter, Together.
inline bool quota_is_used_up(std::string_view code) {
    std::string letters;
    for (char c : to_lower(code))
        if (is_alpha(c) || is_digit(c)) letters += c;
    for (const char* known :
         {"insufficientquota", "exceededcurrentquota", "exceededyourcurrentquota", "quotaexhausted", "billinghardlimit",
          "billingnotactive", "insufficientbalance", "insufficientcredit", "insufficientfunds", "creditbalance",
          "creditlimitexceeded", "outofcredits", "arrearage", "spendlimit", "billingerror"})
        if (letters.find(known) != letters.npos) return true;
    return false;
}

}  // namespace reagent
