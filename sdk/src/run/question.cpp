// What is shown to whoever decides.
#include <reagent/run/consent.hpp>

#include <reagent/error.hpp>
#include <reagent/schema/render.hpp>

#include "../text.hpp"
#include "../unseen.hpp"
#include "../utf8.hpp"

#include <utf8proc.h>
#include <boost/json.hpp>

#include <algorithm>
#include <charconv>
#include <ctime>

namespace reagent {
namespace {

bool is_seen(std::int32_t c) {
    if (c == ' ') return true;
    switch (utf8proc_category(c)) {
        case UTF8PROC_CATEGORY_CC:
        case UTF8PROC_CATEGORY_CF:
        case UTF8PROC_CATEGORY_CS:
        case UTF8PROC_CATEGORY_CO:
        case UTF8PROC_CATEGORY_CN:
        case UTF8PROC_CATEGORY_ZL:
        case UTF8PROC_CATEGORY_ZP:
        case UTF8PROC_CATEGORY_ZS: return false;
        default: return !detail::is_default_ignorable(static_cast<char32_t>(c)) && !detail::is_empty_symbol(static_cast<char32_t>(c));
    }
}

void add_escape(std::string& out, std::uint32_t unit) {
    constexpr const char* digits = "0123456789abcdef";
    out += "\\u";
    for (int shift : {12, 8, 4, 0}) out += digits[unit >> shift & 15];
}

}  // namespace

std::string visible(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
        auto n = detail::utf8_sequence(text, at);
        if (!n) {
            out += "\\x";
            out += "0123456789abcdef"[static_cast<unsigned char>(text[at]) >> 4];
            out += "0123456789abcdef"[text[at] & 15];
            ++at;
            continue;
        }
        utf8proc_int32_t c = 0;
        utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data() + at), static_cast<utf8proc_ssize_t>(n), &c);
        if (is_seen(c))
            out.append(text, at, n);
        else if (c == '\n')
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
        at += n;
    }
    return out;
}

std::string visible_name(std::string_view name) {
    bool plain = !name.empty() && name.front() != ' ' && name.back() != ' ' && name.find_first_of("\\\"") == name.npos;
    if (plain && visible(name) == name) return std::string{name};
    return visible(json::serialize(json::value(json::string(name))));
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
        if (shown < value.size()) out += " [" + std::to_string(shown) + " of " + std::to_string(value.size()) + " bytes]";
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
    if (all > most_bytes) out += "\n  [" + std::to_string(most_bytes) + " bytes are shown; the rest: " + std::string{rest} + "]";
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
        return run_error{run_errc::not_possible, "a lifetime is a number with s, m, h or d behind it, as in 90s, 24h, or `never`; not \"" +
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
