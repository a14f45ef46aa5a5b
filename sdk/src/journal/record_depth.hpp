#pragma once

#include <reagent/journal/journal_record.hpp>

namespace reagent::detail {

/// How deep what is stored may be nested where it is read: what a run holds, with the record, the turn and the
/// conversation around it.
inline constexpr int max_record_depth = max_stored_depth + 16;

}  // namespace reagent::detail
