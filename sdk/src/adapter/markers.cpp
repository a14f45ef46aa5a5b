// Field markers: how they are written, and how text that looks like one is kept from being one.
#include "../text.hpp"
#include "formats.hpp"

#include <utf8proc.h>
#include <boost/json.hpp>

#include <algorithm>

namespace reagent::detail {
namespace {

// What a character is within the beginning of a marker, to a reader who is generous.
enum class part { other, bracket, both_brackets, hash, backslash, nothing };

part part_of(char32_t c) {
    switch (c) {
        case '[':
        case 0xFF3B:  // full-width
        case 0xFE47:  // vertical
        case 0x2045:  // with quill
        case 0x23A1:  // corner
        case 0x2772:  // tortoise-shell ornament
        case 0x298B:
        case 0x298D:
        case 0x298F:
        case 0x3010:  // lenticular
        case 0x3014:  // tortoise shell
        case 0x3016: return part::bracket;
        case 0x27E6:  // white square bracket: looks like two
        case 0x301A: return part::both_brackets;
        case '#':
        case 0xFF03:  // full-width
        case 0xFE5F:  // small
        case 0x266F:  // sharp
        case 0x22D5:
        case 0x2317: return part::hash;
        case '\\': return part::backslash;
        case 0x115F:  // fillers and blanks that are letters or symbols by category
        case 0x1160:
        case 0x3164:
        case 0xFFA0:
        case 0x2800: return part::nothing;
        default: break;
    }
    switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
        case UTF8PROC_CATEGORY_ZS:
        case UTF8PROC_CATEGORY_ZL:
        case UTF8PROC_CATEGORY_ZP:
        case UTF8PROC_CATEGORY_CC:
        case UTF8PROC_CATEGORY_CF:  // zero width, direction, tags
        case UTF8PROC_CATEGORY_MN:
        case UTF8PROC_CATEGORY_ME: return part::nothing;
        default: return part::other;
    }
}

struct symbol {
    part what = part::other;
    std::size_t size = 0;  // 0: the text's end
};

symbol symbol_at(std::string_view text, std::size_t i) {
    if (i >= text.size()) return {};
    if (static_cast<unsigned char>(text[i]) < 0x80) return {part_of(static_cast<unsigned char>(text[i])), 1};
    auto lead = static_cast<unsigned char>(text[i]);
    std::size_t needs = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead >= 0xC2 && text.size() - i < needs) return {};  // cut within a character: as far as it goes, the text has ended
    utf8proc_int32_t c = 0;
    auto n =
        utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data() + i), static_cast<utf8proc_ssize_t>(text.size() - i), &c);
    if (n <= 0) return {part::other, 1};  // no UTF-8
    return {part_of(static_cast<char32_t>(c)), static_cast<std::size_t>(n)};
}

std::size_t past(std::string_view text, std::size_t i, bool backslashes) {
    for (;;) {
        auto s = symbol_at(text, i);
        if (s.size == 0 || !(s.what == part::nothing || (backslashes && s.what == part::backslash))) return i;
        i += s.size;
    }
}

// The beginning of a marker at `i`: two brackets and two hashes. Between them may stand nothing that is seen, and before the hashes
// backslashes, which an earlier escape put there.
struct beginning {
    bool is_one = false;
    bool cut = false;      // not one, as far as it goes; more text might make it one
    std::size_t hash = 0;  // where the first hash stands
    std::size_t end = 0;   // behind the second
};
beginning beginning_at(std::string_view text, std::size_t i) {
    auto s = symbol_at(text, i);
    if (s.what != part::bracket && s.what != part::both_brackets) return {};
    i += s.size;
    if (s.what == part::bracket) {
        i = past(text, i, false);
        s = symbol_at(text, i);
        if (s.what != part::bracket) return {.cut = s.size == 0};
        i += s.size;
    }
    std::size_t hash = past(text, i, true);
    s = symbol_at(text, hash);
    if (s.what != part::hash) return {.cut = s.size == 0};
    i = past(text, hash + s.size, false);
    s = symbol_at(text, i);
    if (s.what != part::hash) return {.cut = s.size == 0};
    return {true, false, hash, i + s.size};
}

bool may_begin(char c) { return c == '[' || static_cast<unsigned char>(c) >= 0xE2; }

// Calls `change(out, piece before the hashes)` for each beginning of a marker.
template <class F>
std::string at_beginnings(std::string text, F change) {
    std::string out;
    std::size_t copied = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (!may_begin(text[i])) continue;
        auto found = beginning_at(text, i);
        if (!found.is_one) continue;
        out.append(text, copied, found.hash - copied);
        change(out);
        out.append(text, found.hash, found.end - found.hash);
        copied = found.end;
        i = found.end - 1;
    }
    if (copied == 0) return text;
    return out.append(text, copied);
}

template <class F>
json::value in_every_text(json::value v, F change) {
    if (v.is_string()) {
        std::string changed = change(std::string{v.get_string()});
        if (std::string_view{v.get_string()} != changed) v = json::string(changed);
    } else if (v.is_array()) {
        for (auto& item : v.get_array()) item = in_every_text(std::move(item), change);
    } else if (v.is_object()) {
        json::object changed;
        for (auto& [key, item] : v.get_object()) changed[change(std::string{key})] = in_every_text(std::move(item), change);
        v = std::move(changed);
    }
    return v;
}

}  // namespace

std::string marker(std::string_view name) { return "[[ ## " + std::string{name} + " ## ]]"; }

std::string marker_name(std::string_view name) {
    std::string out;
    for (std::size_t i = 0; i < name.size() && out.size() < 100;) {
        auto s = symbol_at(name, i);
        if (s.size == 0) s.size = 1;
        bool letter = s.size > 1 && s.what == part::other;
        if (letter || is_word(name[i]))
            out += name.substr(i, s.size);
        else
            out += '_';
        i += s.size;
    }
    return out;
}

std::string escape_markers(std::string text) {
    return at_beginnings(std::move(text), [](std::string& out) { out += '\\'; });
}

std::string unescape_markers(std::string text) {
    if (text.find('\\') == text.npos) return text;
    return at_beginnings(std::move(text), [](std::string& out) {
        if (out.ends_with('\\')) out.pop_back();
    });
}

json::value escape_markers(json::value v) {
    return in_every_text(std::move(v), [](std::string s) { return escape_markers(std::move(s)); });
}
json::value unescape_markers(json::value v) {
    return in_every_text(std::move(v), [](std::string s) { return unescape_markers(std::move(s)); });
}

std::size_t cut_marker(std::string_view text) {
    constexpr std::size_t longest = 4096;  // bytes that are held back
    std::size_t first = text.size() > longest ? text.size() - longest : 0;
    for (std::size_t i = first; i < text.size(); ++i)
        if (may_begin(text[i]) && beginning_at(text, i).cut) return i;
    return text.size();
}

void append_field(std::string& out, std::string_view name, std::string text) {
    out.append("[[ ## ").append(name).append(" ## ]]\n").append(escape_markers(std::move(text)));
}

parse_failure stands_twice(const std::string& field) {
    std::string why = "stands twice, and says two things; write it once, and what you quote without its markers";
    return {adapter_errc::bad_value, field, "field `" + field + "` " + why, {{field, why}}};
}

}  // namespace reagent::detail

std::string reagent::escape_markers(std::string text) { return detail::escape_markers(std::move(text)); }
