#pragma once

#include <string_view>

namespace reagent {

/// What a run knows of the modules that work with it: enough to say which of their calls an assertion blames.
class program_part {
public:
    virtual ~program_part() = default;

    /// Whether `other` is this part, or one of those that it is made of. Compares addresses only.
    virtual bool is_or_contains(const program_part* other) const = 0;
    /// Whether the predictor of that path stands in this part.
    virtual bool covers(std::string_view predictor_path) const = 0;
};

}  // namespace reagent
