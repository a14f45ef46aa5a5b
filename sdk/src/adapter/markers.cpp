// Field markers: how they are written, and how text that looks like one is kept from being one.
#include "../base/text.hpp"
#include "../base/unseen.hpp"
#include "../base/utf8.hpp"
#include "formats.hpp"

#include <reagent/schema/repair.hpp>

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
        default: return is_unseen(c) ? part::nothing : part::other;
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
    if (lead >= 0xC2 && text.size() - i < needs)
        return {};  // cut within a character: as far as it goes, the text has ended
    utf8proc_int32_t c = 0;
    auto n = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data() + i),
                              static_cast<utf8proc_ssize_t>(text.size() - i), &c);
    if (n <= 0) return {part::other, 1};  // no UTF-8
    return {part_of(static_cast<char32_t>(c)), static_cast<std::size_t>(n)};
}

bool may_begin(char c) { return c == '[' || static_cast<unsigned char>(c) >= 0xE2; }

// Recognizes the beginning of a marker, symbol by symbol: brackets that count for two or more, and two hashes. Between
// them may stand nothing that is seen, and before the hashes backslashes, which an earlier escape put there.
class recognizer {
public:
    enum result { no, maybe, first_hash, found };

    result next(part p) {
        if (hash_) {
            if (p == part::nothing) return maybe;
            *this = {};
            if (p == part::hash) return found;
        }
        switch (p) {
            case part::bracket:
            case part::both_brackets:
                brackets_ = std::min(2, (slashed_ ? 0 : brackets_) + (p == part::bracket ? 1 : 2));
                slashed_ = false;
                return maybe;
            case part::nothing: return brackets_ ? maybe : no;
            case part::backslash:
                if (brackets_ < 2) break;
                slashed_ = true;
                return maybe;
            case part::hash:
                if (brackets_ < 2) break;
                hash_ = true;
                return first_hash;
            case part::other: break;
        }
        *this = {};
        return no;
    }
    bool idle() const { return brackets_ == 0; }

private:
    int brackets_ = 0;
    bool slashed_ = false, hash_ = false;
};

// Calls `change(out, piece before the hashes)` for each beginning of a marker.
// Without a bracket, and with nothing that may look like one, there is nothing to find.
bool may_hold_beginnings(std::string_view text) { return text.find('[') != text.npos || !is_ascii(text); }

template <class F>
std::string at_beginnings(std::string text, F change) {
    if (!may_hold_beginnings(text)) return text;
    std::string out;
    std::size_t copied = 0, hash = 0;
    recognizer r;
    for (std::size_t i = 0; i < text.size();) {
        if (r.idle() && !may_begin(text[i])) {
            ++i;
            continue;
        }
        auto s = symbol_at(text, i);
        if (s.size == 0) break;
        auto what = r.next(s.what);
        if (what == recognizer::first_hash) hash = i;
        i += s.size;
        if (what != recognizer::found) continue;
        out.append(text, copied, hash - copied);
        change(out);
        out.append(text, hash, i - hash);
        copied = i;
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
        for (auto& [key, item] : v.get_object())
            changed[change(std::string{key})] = in_every_text(std::move(item), change);
        v = std::move(changed);
    }
    return v;
}

}  // namespace

std::string marker(std::string_view name) { return "[[ ## " + std::string{name} + " ## ]]"; }

std::string marker_name(std::string_view name) {
    if (name.size() <= 100 && std::all_of(name.begin(), name.end(), is_word)) return std::string{name};
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
    if (v.is_string() && v.get_string().find('\\') == json::string::npos) return v;
    return in_every_text(std::move(v), [](std::string s) { return unescape_markers(std::move(s)); });
}

struct marker_unescaper::state {
    recognizer r;
    std::string part;      // of a character
    std::string held;      // since the brackets
    std::size_t hash = 0;  // the first, in what is held
};

marker_unescaper::marker_unescaper() : state_{std::make_unique<state>()} {}
marker_unescaper::~marker_unescaper() = default;

void marker_unescaper::feed(std::string_view text, std::string& out) {
    auto& s = *state_;
    std::string whole;
    if (!s.part.empty()) text = whole = std::exchange(s.part, {}).append(text);
    for (std::size_t i = 0; i < text.size();) {
        auto one = symbol_at(text, i);
        if (one.size == 0) {
            s.part = text.substr(i);
            return;
        }
        auto what = s.r.next(one.what);
        if (what == recognizer::no) {
            out += s.held;
            out += text.substr(i, one.size);
            s.held.clear();
        } else {
            if (what == recognizer::first_hash) s.hash = s.held.size();
            s.held += text.substr(i, one.size);
        }
        if (what == recognizer::found) {
            if (s.hash > 0 && s.held[s.hash - 1] == '\\') s.held.erase(s.hash - 1, 1);
            out += s.held;
            s.held.clear();
        }
        i += one.size;
    }
}

void marker_unescaper::finish(std::string& out) {
    out += state_->held + state_->part;
    *state_ = {};
}

namespace {

// A marker as it is asked for: nearly all are.
std::optional<marker_header> exact_marker_at(std::string_view text) {
    constexpr std::string_view open = "[[ ## ", close = " ## ]]";
    constexpr std::size_t longest_name = 200;
    if (!text.starts_with(open)) return {};
    std::size_t at = open.size();
    while (at < text.size() && is_word(text[at])) ++at;
    const auto name = text.substr(open.size(), at - open.size());
    if (name.empty() || name.size() > longest_name || !text.substr(at).starts_with(close)) return {};
    return marker_header{name, at + close.size()};
}

}  // namespace

std::optional<marker_header> marker_at(std::string_view text, bool& cut) {
    constexpr std::size_t longest = 256;
    cut = false;
    if (auto exact = exact_marker_at(text)) return exact;
    std::size_t at = 0;
    auto ended = [&] { return cut = at >= text.size() && text.size() < longest, std::nullopt; };
    auto literal = [&](std::string_view wanted) {
        for (char c : wanted) {
            if (at >= text.size() || text[at] != c) return false;
            ++at;
        }
        return true;
    };
    auto blanks = [&] {
        for (auto s = symbol_at(text, at); s.size && s.what == part::nothing && at < longest; s = symbol_at(text, at))
            at += s.size;
        if (at < text.size() && symbol_at(text, at).size == 0) at = text.size();  // cut within a character
    };
    if (!literal("[[")) return ended();
    blanks();
    if (!literal("##")) return ended();
    blanks();
    std::size_t begin = at;
    for (auto s = symbol_at(text, at); s.size && (s.size > 1 ? s.what == part::other : is_word(text[at]));
         s = symbol_at(text, at)) {
        at += s.size;
        if (at > longest) return {};
    }
    auto name = text.substr(begin, at - begin);
    blanks();
    if (name.empty()) return ended();
    if (!literal("##")) return ended();
    blanks();
    if (!literal("]]")) return ended();
    return marker_header{name, at};
}

std::size_t unseen_at(std::string_view text, std::size_t at) {
    auto s = symbol_at(text, at);
    return s.what == part::nothing ? s.size : 0;
}

void append_field(std::string& out, std::string_view name, std::string_view text) {
    out.append("[[ ## ").append(name).append(" ## ]]\n");
    if (may_hold_beginnings(text))
        out.append(escape_markers(std::string{text}));
    else
        out.append(text);
}

parse_failure stands_twice(const std::string& field) {
    std::string why = "stands twice, and says two things; write it once, and what you quote without its markers";
    return {adapter_errc::bad_value, field, "field `" + field + "` " + why, {{field, why}}};
}

parse_failure has_no_end(const std::string& field) {
    std::string why =
        "its JSON has no end or leaves something out, and nothing is done with a part of it; write all of it, quotes "
        "and braces closed";
    return {adapter_errc::bad_value, field, "field `" + field + "`: " + why, {{field, why}}};
}

parse_failure could_be_read_otherwise(const std::string& field, std::string_view text) {
    std::string why = "its JSON could be read in more than one way";
    if (auto wrong = read_unambiguous_json(text).wrong; !wrong.empty()) why += ": " + wrong;
    why += "; write texts in quotes, a quotation mark in a text as `\\\"`, and commas between";
    const std::string where = field.empty() ? std::string{} : "field `" + field + "`: ";
    return {adapter_errc::bad_value, field, where + why, {{field.empty() ? "$" : field, why}}};
}

parse_failure doubtful_arguments(const std::string& field, const std::string& why) {
    std::string message = why + "; nothing is done with arguments that would have to be guessed";
    return {adapter_errc::bad_value, field, "field `" + field + "`: " + message, {{field, message}}};
}

parse_failure holds_several_steps(const signature_field& acts) {
    const std::string why =
        "the answer holds more than one step, and they differ; nothing is done with any; write one, and stop behind it";
    return {adapter_errc::bad_value, acts.name, "field `" + acts.name + "`: " + why, {{acts.name, why}}};
}

parse_failure ended_thinking(parse_failure why) {
    why.message = "the thinking has no end (`</think>`), so nothing behind its beginning is an answer; " + why.message;
    return why;
}

parse_failure ends_thinking_within(const std::string& field) {
    const std::string why =
        "thinking ends in it (`</think>`) that began nowhere, so it is not clear what of it is meant";
    return {adapter_errc::bad_value, field, "field `" + field + "`: " + why, {{field, why}}};
}

parse_failure thinks_within(const std::string& field) {
    const std::string why = "the thinking in it has no end (`</think>`), so it is not clear what of it is meant";
    return ended_thinking({adapter_errc::bad_value, field, "field `" + field + "`: " + why, {{field, why}}});
}

}  // namespace reagent::detail

std::string reagent::escape_markers(std::string text) { return detail::escape_markers(std::move(text)); }
