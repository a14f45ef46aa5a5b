#include "decoded_view.hpp"

#include "text.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace reagent::detail {
namespace {

int digit(char c) {
    return is_digit(c) ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
}

// `count` hexadecimal digits at `at`; -1 when they are not all there.
int hex(std::string_view text, std::size_t at, std::size_t count) {
    if (text.size() < at + count) return -1;
    int value = 0;
    for (std::size_t i = at; i < at + count; ++i) {
        if (digit(text[i]) < 0) return -1;
        value = value * 16 + digit(text[i]);
    }
    return value;
}

void append_utf8(std::string& out, std::uint32_t c) {
    auto rest = [&](int shift) { out += static_cast<char>(0x80 | ((c >> shift) & 0x3F)); };
    if (c < 0x80) {
        out += static_cast<char>(c);
    } else if (c < 0x800) {
        out += static_cast<char>(0xC0 | (c >> 6)), rest(0);
    } else if (c < 0x10000) {
        out += static_cast<char>(0xE0 | (c >> 12)), rest(6), rest(0);
    } else {
        out += static_cast<char>(0xF0 | (c >> 18)), rest(12), rest(6), rest(0);
    }
}

// Each reads the escape at `at`, appends what it stands for and tells how long it is; 0: it is none.
std::size_t read_percent(std::string_view text, std::size_t at, std::string& out) {
    int value = hex(text, at + 1, 2);
    if (value < 0) return 0;
    out += static_cast<char>(value);
    return 3;
}

std::size_t read_backslash(std::string_view text, std::size_t at, std::string& out) {
    if (at + 1 >= text.size()) return 0;
    char c = text[at + 1];
    constexpr std::string_view letters = "nrtbf", meant = "\n\r\t\b\f";
    if (auto known = letters.find(c); known != letters.npos) return out += meant[known], 2;
    if (c == 'x') {
        int value = hex(text, at + 2, 2);
        return value < 0 ? 0 : (out += static_cast<char>(value), 4);
    }
    if (c == '%' || c == '&') return 0;  // what stands behind it may be its letter, written otherwise
    if (c != 'u') return is_word(c) || static_cast<unsigned char>(c) >= 0x80 ? 0 : (out += c, 2);
    int unit = hex(text, at + 2, 4);
    if (unit < 0) return 0;
    bool high = unit >= 0xD800 && unit < 0xDC00 && text.substr(at + 6, 2) == "\\u";
    int low = high ? hex(text, at + 8, 4) : -1;
    if (low >= 0xDC00 && low < 0xE000) {
        append_utf8(out, 0x10000 + ((static_cast<std::uint32_t>(unit) - 0xD800) << 10) +
                             static_cast<std::uint32_t>(low) - 0xDC00);
        return 12;
    }
    append_utf8(out, static_cast<std::uint32_t>(unit));
    return 6;
}

constexpr auto begins_escape = [] {
    std::array<bool, 256> table{};
    table['%'] = table['\\'] = table['&'] = true;
    return table;
}();

// The number of a character reference without its ";" (HTML, "numeric character reference state"): any number of zeros
// may lead. @return how long it is; 0: there is none
std::size_t read_number(std::string_view text, std::size_t at, std::uint32_t& value) {
    if (at + 2 >= text.size() || text[at] != '&' || text[at + 1] != '#') return 0;
    const bool sixteen = (text[at + 2] | 0x20) == 'x';
    const std::size_t begin = at + (sixteen ? 3 : 2);
    auto end = begin;
    for (value = 0; end < text.size() && (sixteen ? digit(text[end]) >= 0 : is_digit(text[end])); ++end) {
        value = value * (sixteen ? 16 : 10) + static_cast<std::uint32_t>(digit(text[end]));
        if (value > 0x10FFFF) return 0;
    }
    return end == begin ? 0 : end - at;
}

// The ";" of a reference, which may be written otherwise itself, and may be missing, as browsers read them.
std::size_t semicolon_at(std::string_view text, std::size_t at) {
    if (at >= text.size()) return 0;
    if (text[at] == ';') return 1;
    std::string meant;
    std::uint32_t number = 0;
    std::size_t size = 0;
    if (text[at] == '%') size = read_percent(text, at, meant);
    if (text[at] == '\\') size = read_backslash(text, at, meant);
    if (text[at] == '&') size = read_number(text, at, number);
    if (number == ';') return size + (at + size < text.size() && text[at + size] == ';');
    return meant == ";" ? size : 0;
}

std::size_t read_reference(std::string_view text, std::size_t at, std::string& out) {
    constexpr std::pair<std::string_view, char> named[] = {
        {"&amp", '&'}, {"&lt", '<'}, {"&gt", '>'}, {"&quot", '"'}, {"&apos", '\''}};
    auto with_its_end = [&](std::size_t size) { return size + semicolon_at(text, at + size); };
    for (auto [known, meant] : named)
        if (text.substr(at, known.size()) == known) return out += meant, with_its_end(known.size());
    std::uint32_t value = 0;
    const auto size = read_number(text, at, value);
    if (!size) return 0;
    const auto whole = with_its_end(size);
    const char next = whole == size && at + size < text.size() ? text[at + size] : ' ';
    // Its further digits, or its end, are written otherwise.
    if (next == '%' || next == '\\' || (next == '&' && value < 0x20)) return 0;
    append_utf8(out, value);
    return whole;
}

std::size_t read_escape(std::string_view text, std::size_t at, std::string& out) {
    switch (text[at]) {
        case '%': return read_percent(text, at, out);
        case '\\': return read_backslash(text, at, out);
        default: return read_reference(text, at, out);
    }
}

}  // namespace

std::optional<decoded_view> decoded_view::of(std::string_view text) {
    decoded_view v;
    std::size_t copied = 0;
    for (std::size_t at = 0; at < text.size();) {
        if (!begins_escape[static_cast<unsigned char>(text[at])]) {
            ++at;
            continue;
        }
        v.plain_ += text.substr(copied, at - copied);
        copied = at;
        auto begin = v.plain_.size();
        auto size = read_escape(text, at, v.plain_);
        if (size) v.escapes_.push_back({begin, v.plain_.size() - begin, at, size});
        copied += size;
        at += std::max<std::size_t>(size, 1);
    }
    if (v.escapes_.empty()) return {};
    v.plain_ += text.substr(copied);
    return v;
}

namespace {

constexpr auto sextets = [] {
    std::array<std::int8_t, 256> table{};
    table.fill(-1);
    constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (std::size_t i = 0; i < digits.size(); ++i)
        table[static_cast<unsigned char>(digits[i])] = static_cast<std::int8_t>(i);
    table['-'] = 62, table['_'] = 63;  // RFC 4648, section 5
    return table;
}();

std::string from_base64(std::string_view run) {
    std::string out;
    std::uint32_t bits = 0;
    std::size_t n = 0;
    for (char c : run) {
        bits = bits << 6 | static_cast<std::uint32_t>(sextets[static_cast<unsigned char>(c)]);
        if (++n % 4 != 1) out += static_cast<char>(bits >> (n % 4 == 2 ? 4 : n % 4 == 3 ? 2 : 0));
    }
    return out;
}

bool is_of_text(char c) { return (c >= 0x20 && c < 0x7F) || c == '\n' || c == '\r' || c == '\t'; }

struct stretch {
    std::size_t begin, end;
};

// Bytes that are a text, where enough of them stand in a row to be no accident.
std::vector<stretch> texts_in(std::string_view bytes) {
    constexpr std::size_t shortest = 8;
    std::vector<stretch> all;
    for (std::size_t at = 0; at < bytes.size();) {
        auto end = at;
        while (end < bytes.size() && is_of_text(bytes[end])) ++end;
        if (end - at >= shortest) all.push_back({at, end});
        at = end + 1;
    }
    return all;
}

}  // namespace

// Characters of base64 in a row, which may go on in further lines.
struct decoded_view::base64_run {
    std::string_view digits;
    std::vector<std::pair<std::size_t, std::size_t>> lines;  // where each begins in `digits`, and in the text

    std::size_t origin(std::size_t at) const {
        auto next = std::upper_bound(lines.begin(), lines.end(), at,
                                     [](std::size_t a, const auto& line) { return a < line.first; });
        return (next - 1)->second + (at - (next - 1)->first);
    }
};

void decoded_view::add_base64(std::string_view text, const base64_run& run, std::size_t& copied) {
    // What stands before it may look like a part of it ("/v1/..."): four places where it can begin.
    std::string best;
    std::vector<stretch> found;
    std::size_t most = 0, skipped = 0;
    for (std::size_t skip = 0; skip < 4; ++skip) {
        auto bytes = from_base64(run.digits.substr(skip));
        auto texts = texts_in(bytes);
        std::size_t n = 0;
        for (auto t : texts) n += t.end - t.begin;
        if (n > most) most = n, best = std::move(bytes), found = std::move(texts), skipped = skip;
    }
    for (auto t : found) {
        auto last = std::min(skipped + (t.end + 2) / 3 * 4, run.digits.size()) - 1;
        auto raw = std::max(run.origin(skipped + t.begin / 3 * 4), copied), raw_end = run.origin(last) + 1;
        if (raw >= raw_end) continue;
        plain_ += text.substr(copied, raw - copied);
        escapes_.push_back({plain_.size(), t.end - t.begin, raw, raw_end - raw});
        plain_.append(best, t.begin, t.end - t.begin);
        copied = raw_end;
    }
}

namespace {

constexpr std::size_t shortest_base64 = 12;

bool is_sextet(std::string_view text, std::size_t at) {
    return at < text.size() && sextets[static_cast<unsigned char>(text[at])] >= 0;
}

// Where the next line begins, which may be indented; `at` itself when there is no line's end.
std::size_t next_line(std::string_view text, std::size_t at) {
    auto end = at;
    if (end < text.size() && text[end] == '\r') ++end;
    if (end >= text.size() || text[end] != '\n') return at;
    for (++end; end < text.size() && (text[end] == ' ' || text[end] == '\t');) ++end;
    return end;
}

}  // namespace

std::optional<decoded_view> decoded_view::of_base64(std::string_view text) {
    decoded_view v;
    std::size_t copied = 0;
    for (std::size_t at = 0; at < text.size(); ++at) {
        auto begin = at;
        while (is_sextet(text, at)) ++at;
        if (at - begin >= shortest_base64) v.add_base64(text, {text.substr(begin, at - begin), {{0, begin}}}, copied);
    }
    if (v.escapes_.empty()) return {};
    v.plain_ += text.substr(copied);
    return v;
}

std::optional<decoded_view> decoded_view::of_wrapped_base64(std::string_view text) {
    if (text.find('\n') == text.npos) return {};
    decoded_view v;
    std::size_t copied = 0;
    std::string joined;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (!is_sextet(text, at)) continue;
        joined.clear();
        base64_run run;
        for (auto next = at; is_sextet(text, next); next = next_line(text, at)) {
            run.lines.emplace_back(joined.size(), next);
            for (at = next; is_sextet(text, at);) joined += text[at++];
        }
        run.digits = joined;
        if (run.lines.size() > 1 && joined.size() >= shortest_base64) v.add_base64(text, run, copied);
    }
    if (v.escapes_.empty()) return {};
    v.plain_ += text.substr(copied);
    return v;
}

const decoded_view::escape* decoded_view::before(std::size_t at) const {
    auto next =
        std::upper_bound(escapes_.begin(), escapes_.end(), at, [](std::size_t a, const escape& e) { return a < e.at; });
    return next == escapes_.begin() ? nullptr : &*(next - 1);
}

std::pair<std::size_t, std::size_t> decoded_view::origin(std::size_t begin, std::size_t end) const {
    auto raw = [&](std::size_t at, bool to_its_end) {
        const escape* e = before(at);
        if (!e) return at + to_its_end;
        if (at < e->at + e->size) return e->raw_at + (to_its_end ? e->raw_size : 0);
        return e->raw_at + e->raw_size + (at - e->at - e->size) + to_its_end;
    };
    return {raw(begin, false), raw(end - 1, true)};
}

}  // namespace reagent::detail
