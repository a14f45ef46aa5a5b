#pragma once

#include <reagent/journal/journal_record.hpp>

#include <string>
#include <string_view>

namespace reagent {

/// Text of others as it may be shown to whoever decides: everything that cannot be seen or that changes how its
/// neighbours look (control characters, line breaks, bidirectional marks, zero-width and unusual spaces, more than four
/// combining marks on a letter, what is no UTF-8) as an escape of JSON: `\u202e`.
std::string visible(std::string_view text);

/// Likewise of several lines, for a terminal: line breaks, tabs, wide spaces, and joiners between what is seen (emoji
/// and many scripts need them) stay. A carriage return before a line break goes.
std::string visible_lines(std::string_view text);

/// `visible_lines` of a text that comes in pieces, which may be cut anywhere. Not thread-safe.
class visible_pieces {
public:
    /// @param lines false: as `visible`
    explicit visible_pieces(bool lines = true) : lines_{lines} {}
    std::string add(std::string_view piece);
    std::string end();  ///< what was held back: a character that is not whole. Then it begins anew

private:
    bool is_seen(std::int32_t c);
    std::string rest_{};
    bool lines_, base_ = false;
    int marks_ = 0, joiners_ = 0;  ///< in a row
};

/// A word of a command line that somebody may paste into a shell: as it is where that is safe, else in quotes (POSIX),
/// with escapes as bash, zsh and ksh read them where it holds anything that cannot be seen.
std::string shell_word(std::string_view text);

/// The name of a run, a tool or a person: as it is, or in quotation marks with escapes where it holds anything but
/// visible text.
std::string visible_name(std::string_view name);

/// A value as one line of visible JSON.
std::string visible_json(const json::value& v);

/// What a consent binds, as a SHA-256 in hexadecimal digits: the run, the place in its journal, the tool, the arguments
/// that were shown, and those that were given instead.
std::string consent_digest(std::string_view run, const event& shown, const std::optional<json::object>& edited);

/// A pending call for people: "refund" and a line for each argument, `  amount  7`. Shows at most `most_bytes` of the
/// arguments' values, cut between characters; then says how many bytes there are and, by `rest`, how to see them.
std::string question_text(const event& asked, std::size_t most_bytes, std::string_view rest);

/// "approved by ada at 2026-01-31 12:00:00Z"
std::string decision_text(bool approved, std::string_view by, std::chrono::milliseconds at);

/// "90s", "30m", "24h", "7d" or "never" (0). @throws run_error(not_possible)
std::chrono::milliseconds lifetime_named(std::string_view text);

}  // namespace reagent
