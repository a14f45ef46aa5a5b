#pragma once

#include <reagent/run/consent.hpp>

#include <set>
#include <string>
#include <vector>

namespace reagent::detail {

/// What the check that the call itself makes finds wrong in edited arguments, naming the fields; "": nothing.
std::string wrong_edit(const decision_wanted& wanted, const json::object& arguments);

/// Effects by which somebody consented to a call that these records do not hold to its end: whoever goes on from them
/// asks again.
/// @param begun calls that may have acted: what came of them is asked first, and the consent to them is used
std::vector<std::uint64_t> unused_consents(const std::vector<journal_record>& records,
                                           const std::set<std::uint64_t>& begun);

/// Why a consent does not hold for a call that is to be made now; "": it holds.
/// @param wrong_arguments what is wrong with edited ones; "": nothing. @param lifetime 0: for ever. @param now since
/// 1970
std::string why_consent_fails(const approval_decision& d, const std::string& run, const event& call,
                              const std::function<std::string(const json::object&)>& wrong_arguments,
                              std::chrono::milliseconds lifetime, std::chrono::milliseconds now);

}  // namespace reagent::detail
