// What is shown to whoever decides.
#include <reagent/run/consent.hpp>

#include <reagent/error.hpp>
#include <reagent/schema/render.hpp>

#include "../base/text.hpp"
#include "../base/unseen.hpp"
#include "../base/utf8.hpp"

#include <utf8proc.h>
#include <boost/json.hpp>

#include <algorithm>
#include <charconv>
#include <ctime>
#include <utility>

namespace reagent {
namespace {

bool is_ignorable(std::int32_t c) { return detail::is_default_ignorable(static_cast<char32_t>(c)); }

bool is_empty(std::int32_t c) { return detail::is_empty_symbol(static_cast<char32_t>(c)); }

// Emoji and the scripts of Persia and India need these between what is seen.
bool is_joiner(std::int32_t c) { return c == 0x200C || c == 0x200D || c == 0xFE0E || c == 0xFE0F; }

void add_escape(std::string& out, std::uint32_t unit) {
    constexpr const char* digits = "0123456789abcdef";
    out += "\\u";
    for (int shift : {12, 8, 4, 0}) out += digits[unit >> shift & 15];
}

void add_escaped(std::string& out, std::int32_t c) {
    if (c == '\n')
        out += "\\n";
    else if (c == '\t')
        out += "\\t";
    else if (c < 0x10000)
        add_escape(out, static_cast<std::uint32_t>(c));
    else {
        auto rest = static_cast<std::uint32_t>(c - 0x10000);
        add_escape(out, 0xD800 + (rest >> 10));
        add_escape(out, 0xDC00 + (rest & 0x3FF));
    }
}

void add_byte(std::string& out, char byte) {
    constexpr const char* digits = "0123456789abcdef";
    out += "\\x";
    out += digits[static_cast<unsigned char>(byte) >> 4];
    out += digits[byte & 15];
}

// Whether more of a character may follow: the text ends in the middle of one.
bool is_cut(std::string_view text, std::size_t at) {
    auto c = static_cast<unsigned char>(text[at]);
    std::size_t all = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : c >= 0xC2 ? 2 : 1;
    if (c > 0xF4 || text.size() - at >= all) return false;
    for (std::size_t i = at + 1; i < text.size(); ++i)
        if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) return false;
    return true;
}

}  // namespace

bool visible_pieces::is_seen(std::int32_t c) {
    if (c == '\n' || c == '\t') {
        base_ = false;
        return lines_;
    }
    auto category = utf8proc_category(c);
    if (category == UTF8PROC_CATEGORY_MN || category == UTF8PROC_CATEGORY_ME) {
        // They stand above and below what comes before, and enough of them over the lines around: real words have up to
        // four.
        if (!is_ignorable(c)) return base_ && ++marks_ <= 4;
    } else
        marks_ = 0;
    if (lines_ && is_joiner(c)) return base_ && ++joiners_ <= 2;
    joiners_ = 0;
    bool seen = c == ' ';
    switch (category) {
        case UTF8PROC_CATEGORY_CC:
        case UTF8PROC_CATEGORY_CF:
        case UTF8PROC_CATEGORY_CS:
        case UTF8PROC_CATEGORY_ZL:
        case UTF8PROC_CATEGORY_ZP: break;
        case UTF8PROC_CATEGORY_CO:
        case UTF8PROC_CATEGORY_CN:
        case UTF8PROC_CATEGORY_ZS: seen = seen || (lines_ && !is_ignorable(c)); break;
        default: seen = !is_ignorable(c) && (lines_ || !is_empty(c));
    }
    base_ = seen;
    return seen;
}

std::string visible_pieces::add(std::string_view piece) {
    std::string text = std::exchange(rest_, {});
    text += piece;
    std::string out;
    out.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
        auto n = detail::utf8_sequence(text, at);
        bool waits = n ? lines_ && text[at] == '\r' && at + 1 == text.size() : is_cut(text, at);
        if (waits && text.size() - at < 4) {
            rest_ = text.substr(at);
            break;
        }
        if (!n) {
            add_byte(out, text[at++]);
            base_ = true;
            continue;
        }
        utf8proc_int32_t c = 0;
        utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data() + at), static_cast<utf8proc_ssize_t>(n),
                         &c);
        bool end_of_line = lines_ && c == '\r' && text[at + 1] == '\n';
        if (is_seen(c))
            out.append(text, at, n);
        else if (!end_of_line)
            add_escaped(out, c);
        at += n;
    }
    return out;
}

std::string visible_pieces::end() {
    std::string out;
    for (char byte : std::exchange(rest_, {})) {
        if (byte == '\r')
            add_escaped(out, byte);
        else
            add_byte(out, byte);
    }
    base_ = false;
    return out;
}

std::string visible(std::string_view text) {
    visible_pieces all{false};
    std::string out = all.add(text);
    return out + all.end();
}

std::string visible_lines(std::string_view text) {
    visible_pieces all;
    std::string out = all.add(text);
    return out + all.end();
}

std::string shell_word(std::string_view text) {
    auto is_plain = [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               std::string_view{"_-./:@%+=,"}.find(c) != std::string_view::npos;
    };
    bool plain =
        !text.empty() && std::all_of(text.begin(), text.end(), is_plain) && text.front() != '-' && text.front() != '=';
    if (plain) return std::string{text};
    if (visible(text) == text) {
        std::string out = "'";
        for (char c : text) out += c == '\'' ? "'\\''" : std::string(1, c);
        return out + "'";
    }
    // What cannot be seen is not pasted either: bash, zsh and ksh read these escapes.
    std::string out = "$'";
    for (unsigned char c : text) {
        constexpr const char* digits = "0123456789abcdef";
        if (c < 0x20 || c >= 0x7F || c == '\'' || c == '\\')
            out += std::string{"\\x"} + digits[c >> 4] + digits[c & 15];
        else
            out += static_cast<char>(c);
    }
    return out + "'";
}

std::string visible_name(std::string_view name) {
    bool plain = !name.empty() && name.front() != ' ' && name.back() != ' ' && name.find_first_of("\\\"") == name.npos;
    if (plain && visible(name) == name) return std::string{name};
    std::string quoted = json::serialize(json::value(json::string(name)));
    return "\"" + visible(std::string_view{quoted}.substr(1, quoted.size() - 2)) +
           "\"";  // a mark at its beginning stands on no quote
}

std::string visible_json(const json::value& v) { return visible(dump_strict_json(v)); }

std::string question_text(const event& asked, std::size_t most_bytes, std::string_view rest) {
    std::string out = visible_name(asked.tool);
    if (!asked.error.empty()) out += "\n  asked again: " + visible(asked.error);
    if (!asked.why.empty()) out += "\n  because " + visible(asked.why);
    std::size_t all = 0, left = most_bytes;
    auto add = [&](const std::string& name, const std::string& value) {
        all += value.size();
        out += "\n  " + name + "  ";
        std::size_t shown = std::min(left, value.size());
        while (shown > 0 && shown < value.size() && (static_cast<unsigned char>(value[shown]) & 0xC0) == 0x80) --shown;
        out.append(value, 0, shown);
        if (shown < value.size())
            out += " [" + std::to_string(shown) + " of " + std::to_string(value.size()) + " bytes]";
        left -= shown;
    };
    auto* arguments = asked.arguments.if_object();
    std::size_t names = 0;
    if (!arguments)
        add("arguments", visible_json(asked.arguments));
    else
        for (const auto& [name, v] : *arguments) {
            if (++names > 200 && left == 0) {
                out += "\n  [" + std::to_string(arguments->size() - names + 1) + " more arguments]";
                break;
            }
            add(visible_name(name), visible_json(v));
        }
    if (all > most_bytes)
        out += "\n  [" + std::to_string(most_bytes) + " bytes are shown; the rest: " + std::string{rest} + "]";
    return out;
}

std::string decision_text(bool approved, std::string_view by, std::chrono::milliseconds at) {
    std::string out = approved ? "approved" : "refused";
    if (!by.empty()) out += " by " + visible_name(by);
    if (at.count() <= 0) return out;
    std::time_t seconds = std::chrono::duration_cast<std::chrono::seconds>(at).count();
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    char text[40];
    std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%SZ", &parts);
    return out + " at " + text;
}

std::chrono::milliseconds lifetime_named(std::string_view text) {
    auto wrong = [&] {
        return run_error{run_errc::not_possible,
                         "a lifetime is a number with s, m, h or d behind it, as in 90s, 24h, or `never`; not \"" +
                             cut(visible(text), 40) + "\""};
    };
    if (text == "never") return {};
    std::uint64_t n = 0;
    auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), n);
    std::string_view unit{end, static_cast<std::size_t>(text.data() + text.size() - end)};
    if (ec != std::errc{} || n == 0 || n > 100'000'000) throw wrong();
    if (unit == "s") return std::chrono::seconds{n};
    if (unit == "m") return std::chrono::minutes{n};
    if (unit == "h") return std::chrono::hours{n};
    if (unit == "d") return std::chrono::hours{24 * n};
    throw wrong();
}

}  // namespace reagent
