#pragma once

#include <boost/json.hpp>

#include <string>
#include <string_view>

namespace reagent::provider {

namespace json = boost::json;

/// JSON whose lone surrogate escapes (`\ud83d`) became the three bytes that UTF-8 would give them, so that halves of a
/// character which a stream puts into two pieces can be joined. Escapes that are a pair stay. Source: RFC 8259, section
/// 7; "WTF-8", Simon Sapin.
std::string with_surrogates_as_bytes(std::string_view text);

/// Joins what was cut in the middle of a character: bytes of UTF-8, or the two surrogates of one. What stays alone is
/// U+FFFD.
class text_pieces {
public:
    /// The text that is complete by now; what may go on is kept back, at most five bytes.
    std::string feed(std::string_view piece);
    /// What was kept back.
    std::string finish();

private:
    std::string held_;
};

/// A whole text, as `text_pieces` gives it.
std::string clean_text(std::string_view text);

/// Every text in it cleaned, names of members too.
void clean_texts(json::value& v);

/// Where a JSON object or array ends that arrives in pieces; what begins otherwise has no end. Constant memory, linear
/// time; it does not check what it reads.
class json_extent {
public:
    void feed(std::string_view piece);
    bool begun() const { return begun_; }
    /// Whether the outermost container is closed.
    bool closed() const { return closed_; }

private:
    void take(char c);

    int depth_ = 0;
    bool in_string_ = false, escaped_ = false, begun_ = false, closed_ = false, other_ = false;
};

}  // namespace reagent::provider
