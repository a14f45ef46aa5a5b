#pragma once

#include <reagent/adapter/adapter.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace reagent {

/// What a field has grown by.
struct field_piece {
    std::string field;
    std::string text;

    bool operator==(const field_piece&) const = default;
};

/// Reads a completion while it is written, so that a user sees `answer` appear. Pure: fed with pieces of any size.
///
/// The pieces of a text field together are the field's value as `parse` reads it from a well-formed completion; those
/// of another field are its text. What is broken is shown as well as it can be, and of a field that stands twice the
/// first: the value that counts is the one of `parse`. A predictor compares the two when the answer is whole, and where
/// they differ tells a restart and the right ones.
class field_stream {
public:
    field_stream(adapter a, const signature& s);
    field_stream(field_stream&&) noexcept;
    field_stream& operator=(field_stream&&) noexcept;
    ~field_stream();

    std::vector<field_piece> feed(std::string_view text);
    /// What was held back because it might have been the beginning of a marker.
    std::vector<field_piece> finish();

    struct reader;

private:
    std::unique_ptr<reader> reader_;
};

}  // namespace reagent
