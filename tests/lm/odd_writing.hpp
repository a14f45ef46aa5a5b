#pragma once
// The forms in which servers write JSON.
#include "odd_servers.hpp"

#include <algorithm>
#include <cstdio>

namespace reagent::test::odd {

/// Puts the members of all objects in another order.
inline void shuffle_members(json::value& v, dice& r) {
    if (v.is_array())
        for (auto& part : v.get_array()) shuffle_members(part, r);
    if (!v.is_object()) return;
    std::vector<std::pair<std::string, json::value>> members;
    for (auto& [name, part] : v.get_object()) {
        shuffle_members(part, r);
        members.emplace_back(name, std::move(part));
    }
    std::shuffle(members.begin(), members.end(), r);
    json::object o;
    for (auto& [name, part] : members) o[name] = std::move(part);
    v = std::move(o);
}

/// Everything beyond ASCII as escapes, a character beyond the first plane as two.
inline std::string ascii(const std::string& json) {
    std::string out;
    for (std::size_t i = 0; i < json.size(); ++i) {
        auto c = static_cast<unsigned char>(json[i]);
        if (c < 0x80) {
            out += json[i];
            continue;
        }
        int more = c >= 0xF0 ? 3 : c >= 0xE0 ? 2 : 1;
        unsigned point = c & (0x3Fu >> more);
        for (; more > 0; --more) point = point << 6 | (static_cast<unsigned char>(json[++i]) & 63u);
        auto escape = [&](unsigned n) {
            char text[16];
            std::snprintf(text, sizeof text, "\\u%04x", n);
            out += text;
        };
        if (point >= 0x10000) {
            escape(0xD800 + ((point - 0x10000) >> 10));
            escape(0xDC00 + ((point - 0x10000) & 0x3FF));
        } else
            escape(point);
    }
    return out;
}

/// With lines of its own for members and elements, as some servers write what they send.
/// @param newline what a line ends with, and the next begins with
inline std::string pretty(const std::string& json, const std::string& newline) {
    std::string out;
    bool in_text = false;
    for (std::size_t i = 0; i < json.size(); ++i) {
        char c = json[i];
        out += c;
        if (in_text && c == '\\')
            out += json[++i];
        else if (c == '"')
            in_text = !in_text;
        else if (!in_text && (c == '{' || c == ','))
            out += newline + "  ";
        else if (!in_text && c == ':')
            out += ' ';
    }
    return out;
}

}  // namespace reagent::test::odd
