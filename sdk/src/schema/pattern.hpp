#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace reagent {

/// A `pattern` of JSON Schema: an ECMAScript expression over code points, searched for anywhere; PCRE2 underneath,
/// which also understands most of what Python writes. Immutable, safe to share between threads.
class text_pattern {
public:
    enum class result { found, absent, too_costly };

    /// @throws std::runtime_error for what is no pattern
    explicit text_pattern(std::string_view expression);

    /// Bounded: about ten million comparisons and 64 MB. A text that is no UTF-8 is `absent`.
    result search(std::string_view text) const;

private:
    std::shared_ptr<const void> code_;
};

/// Whether a text is an expression by ECMA 262 (2025, with the `u` flag's escapes), and nothing beyond.
bool is_ecmascript_pattern(std::string_view text);

}  // namespace reagent
