#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace reagent {

inline bool is_digit(char c) { return c >= '0' && c <= '9'; }
inline bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
inline bool is_word(char c) { return is_alpha(c) || is_digit(c) || c == '_'; }
inline bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

inline std::string_view trim(std::string_view s) {
    while (!s.empty() && is_space(s.front())) s.remove_prefix(1);
    while (!s.empty() && is_space(s.back())) s.remove_suffix(1);
    return s;
}

inline std::string to_lower(std::string_view s) {
    std::string result{s};
    for (char& c : result)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return result;
}

/// The text, or its first `limit` bytes (never half a UTF-8 character) and "...".
inline std::string cut(std::string s, std::size_t limit) {
    if (s.size() <= limit) return s;
    while (limit > 0 && (static_cast<unsigned char>(s[limit]) & 0xC0) == 0x80) --limit;
    s.resize(limit);
    return s + "...";
}

/// Replaces every `from` by `to`; `from` is not empty.
inline std::string replace_all(std::string_view s, std::string_view from, std::string_view to) {
    std::string result;
    for (std::size_t at = 0;;) {
        auto next = s.find(from, at);
        result += s.substr(at, next - at);
        if (next == s.npos) return result;
        result += to;
        at = next + from.size();
    }
}

inline std::vector<std::string> split(std::string_view s, char separator) {
    std::vector<std::string> parts;
    for (std::size_t at = 0;;) {
        auto next = s.find(separator, at);
        parts.emplace_back(s.substr(at, next - at));
        if (next == s.npos) return parts;
        at = next + 1;
    }
}

}  // namespace reagent
