// A text with its escapes undone, and where each byte of it stands in the text as it was.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace reagent::detail {

/// One layer of escapes undone, of all kinds at once: percent-encoding (RFC 3986), JSON strings (RFC 8259; also "\-"
/// and the like, as Markdown and shells write) and character references (`&amp;`, `&#45;`, `&#x2d;`). What is no escape
/// stays as it is. Linear in the text.
class decoded_view {
public:
    /// Nothing when there is no escape in the text.
    static std::optional<decoded_view> of(std::string_view text);

    /// Likewise, of what is base64 (both alphabets) of a text.
    static std::optional<decoded_view> of_base64(std::string_view text);
    /// Likewise, of base64 with line ends in it (RFC 2045: lines of 76; RFC 7468: of 64). Nothing when none goes on in
    /// a further line.
    static std::optional<decoded_view> of_wrapped_base64(std::string_view text);

    std::string_view text() const { return plain_; }
    /// The bytes of the text from which [begin, end) of the view come: whole escapes. `begin` < `end` <= size of the
    /// view.
    std::pair<std::size_t, std::size_t> origin(std::size_t begin, std::size_t end) const;

private:
    struct escape {
        std::size_t at, size;          // in the view
        std::size_t raw_at, raw_size;  // in the text
    };
    struct base64_run;
    void add_base64(std::string_view text, const base64_run& run, std::size_t& copied);

    /// The last escape that begins at or before a byte of the view; null: none.
    const escape* before(std::size_t at) const;

    std::string plain_;
    std::vector<escape> escapes_;  // in order
};

}  // namespace reagent::detail
