#pragma once

#include "formats.hpp"
#include "thinking.hpp"

namespace reagent::detail {

/// Reads a completion of markers, whole or piece by piece, in linear time; what parsing and streaming have in common.
///
/// A marker stands at the beginning of a line, bold or not; `completed` also ends a line. A part within `<think>` is no
/// part of the answer: it begins outside of every field, or on a new line of one but not in its code, and without an
/// end it goes on to the end of all.
class chat_scanner {
public:
    struct sink {
        virtual ~sink() = default;
        /// A field's marker. @return whether what follows is kept, up to the next one
        virtual bool begin(std::string_view name) = 0;
        virtual void text(std::string_view piece) = 0;
        virtual void completed() = 0;
    };

    explicit chat_scanner(sink& s) : sink_{s} {}
    void feed(std::string_view text);
    void finish();
    /// `feed` and `finish` with all there is.
    void read(std::string_view whole);

    bool is_thinking() const { return thinking_ > 0; }

private:
    enum class place { line_start, behind_marker, in_text, behind_completed };

    void take(std::string_view text, bool last);
    std::size_t take_plain(std::string_view text);
    std::size_t take_line(std::string_view text, bool last);
    void put(char c);
    void think(char c);
    void decide(bool whole_line);
    bool at_start(bool whole_line);
    bool in_text(bool whole_line);
    void end_line(bool more_follow);
    void give(std::size_t bytes);

    sink& sink_;
    std::string line_;      // what of it is not given yet
    std::size_t lead_ = 0;  // blanks at its beginning
    place place_ = place::line_start;
    bool kept_ = false, after_cr_ = false;
    bool fenced_ = false;  // within code of a field, where a tag of thinking is an example
    int thinking_ = 0;
    std::string tag_;  // of the thinking, as far as it goes
};

}  // namespace reagent::detail
