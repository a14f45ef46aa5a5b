#include "chat_scanner.hpp"

#include "../base/text.hpp"

#include <algorithm>

namespace reagent::detail {
namespace {

bool is_line_end(char c) { return c == '\n' || c == '\r' || c == '\v' || c == '\f'; }
bool is_bold(char c) { return c == '*' || c == '_' || c == '`'; }
bool may_decide(char c) { return c == '[' || c == '<' || c == '*' || c == '`' || is_line_end(c); }

std::size_t bold_marks(std::string_view text) {
    std::size_t n = 0;
    while (n < text.size() && n < 3 && is_bold(text[n])) ++n;
    return n;
}

}  // namespace

void chat_scanner::feed(std::string_view text) {
    take(text, false);
    if (place_ == place::in_text && line_.find_first_of("[<*`") == line_.npos) give(line_.size());
}

void chat_scanner::read(std::string_view whole) {
    take(whole, true);
    finish();
}

void chat_scanner::take(std::string_view text, bool last) {
    while (!text.empty()) {
        std::size_t n = 0;
        if (line_.empty() && !thinking_ && !after_cr_)
            n = place_ == place::in_text ? take_plain(text) : take_line(text, last);
        if (n == 0) put(text[n++]);
        text.remove_prefix(n);
    }
}

// Text in which nothing has to be decided. @return its bytes
std::size_t chat_scanner::take_plain(std::string_view text) {
    const auto end = static_cast<std::size_t>(std::find_if(text.begin(), text.end(), may_decide) - text.begin());
    if (kept_ && end) sink_.text(text.substr(0, end));
    return end;
}

// A line that is there to its end is decided on once, not at every character of it. Not one with thinking, which does
// not end with it, nor one that is longer than a marker may be. @return its bytes without the line's end, which follows
std::size_t chat_scanner::take_line(std::string_view text, bool last) {
    constexpr std::size_t longest = 200;
    if (place_ == place::behind_completed) return 0;
    const auto begin = text.substr(0, longest + 1);
    const auto at = std::find_if(begin.begin(), begin.end(), [](char c) { return is_line_end(c) || c == '<'; });
    const auto end = static_cast<std::size_t>(at - begin.begin());
    const bool ends_here = at == begin.end() ? last && end <= longest : *at != '<';
    if (!ends_here) return 0;
    line_ = text.substr(0, end);
    return end;
}

void chat_scanner::finish() {
    if (!thinking_) end_line(false);
}

void chat_scanner::put(char c) {
    if (c == '\n' && std::exchange(after_cr_, false)) return;
    after_cr_ = c == '\r';
    if (thinking_) return think(c);
    if (is_line_end(c)) return end_line(true);
    line_ += c;
    if (place_ == place::behind_completed && !is_space(c) && !is_bold(c)) {  // it is quoted
        place_ = place::in_text;
        give(1);
    }
    constexpr std::string_view special = "[<*`";
    if (place_ == place::in_text && line_.size() > 1 && special.find(line_.front()) == special.npos &&
        special.find(c) == special.npos)
        return;
    decide(false);
}

// Up to the tag that ends it; thinking within thinking is a part of it.
void chat_scanner::think(char c) {
    if (c == '<') tag_.clear();
    if (c != '<' && tag_.empty()) return;
    tag_ += c;
    auto tag = thinking_tag_at(tag_);
    if (tag.cut) return;
    if (tag.size) thinking_ += tag.closes ? -1 : 1;
    tag_.clear();
    if (thinking_) return;
    line_.clear();
    lead_ = 0;
    place_ = place::line_start;
}

void chat_scanner::give(std::size_t bytes) {
    if (kept_ && bytes) sink_.text(std::string_view{line_}.substr(0, bytes));
    line_.erase(0, bytes);
    lead_ = 0;
}

void chat_scanner::end_line(bool more_follow) {
    decide(true);
    if (thinking_) return;
    if (place_ == place::behind_completed) {
        line_.clear();
        sink_.completed();
        kept_ = fenced_ = false;
    }
    give(line_.size());
    if (kept_ && more_follow) sink_.text("\n");
    place_ = place::line_start;
}

void chat_scanner::decide(bool whole_line) {
    while (!thinking_) {
        if (place_ == place::behind_completed) return;
        bool again = place_ == place::in_text ? in_text(whole_line) : at_start(whole_line);
        if (!again) return;
    }
}

// Whether the line begins with a marker or with thinking, as soon as that is clear. @return whether there is more to
// decide
bool chat_scanner::at_start(bool whole_line) {
    for (std::size_t n = 0; lead_ < line_.size(); lead_ += n) {
        n = is_space(line_[lead_]) ? 1 : unseen_at(line_, lead_);
        if (n == 0) break;
    }
    std::string_view rest = std::string_view{line_}.substr(lead_);
    if (rest.empty() && !whole_line) return false;
    const auto tag = rest.starts_with('<') ? thinking_tag_at(rest) : thinking_tag{};
    if (tag.cut && !whole_line) return false;
    if (tag.size && !tag.closes && !fenced_) {
        thinking_ = 1;
        line_.clear();
        lead_ = 0;
        return false;
    }
    if (place_ == place::line_start) {
        std::size_t bold = bold_marks(rest);
        bool cut = false;
        auto found = marker_at(rest.substr(bold), cut);
        if (found) {
            std::size_t end = lead_ + bold + found->end;
            if (!whole_line && bold && line_.size() - end < bold &&
                bold_marks(std::string_view{line_}.substr(end)) == line_.size() - end)
                return false;  // the marks that end the bold text
            end += std::min(bold, bold_marks(std::string_view{line_}.substr(end)));
            std::string name{found->name};
            line_.erase(0, end);
            lead_ = 0;
            fenced_ = false;
            kept_ = sink_.begin(name);
            // Behind the end of an answer another may begin on the same line.
            place_ = name == "completed" && !kept_ ? place::line_start : place::behind_marker;
            return true;
        }
        bool half =
            !rest.empty() && unseen_at(rest, 0) == 0 && static_cast<unsigned char>(rest[0]) >= 0x80 && rest.size() < 4;
        if ((cut || half) && !whole_line) return false;
        if (kept_ && rest.starts_with("```")) fenced_ = !fenced_;
    }
    place_ = place::in_text;
    return true;
}

// Gives what is no part of a marker `completed` at the line's end, and outside of fields none of thinking.
bool chat_scanner::in_text(bool whole_line) {
    std::size_t at = line_.find_first_of(kept_ ? "[*`" : "[<*`");
    give(std::min(at, line_.size()));
    if (line_.empty()) return false;
    if (line_[0] == '<') {
        auto tag = thinking_tag_at(line_);
        if (tag.cut && !whole_line) return false;
        if (tag.size && !tag.closes) {
            thinking_ = 1;
            line_.clear();
            return false;
        }
    } else {
        bool cut = false;
        std::size_t bold = bold_marks(line_);
        auto found = marker_at(std::string_view{line_}.substr(bold), cut);
        if (cut && !whole_line) return false;
        if (found && found->name == "completed") {
            std::string_view behind = std::string_view{line_}.substr(bold + found->end);
            if (std::all_of(behind.begin(), behind.end(), [](char c) { return is_space(c) || is_bold(c); })) {
                place_ = place::behind_completed;
                return false;
            }
        }
    }
    give(1);
    return true;
}

}  // namespace reagent::detail
