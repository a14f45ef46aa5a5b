#include "repeated.hpp"

#include "../base/text.hpp"

#include <reagent/schema/repair.hpp>

#include <boost/json.hpp>

#include <algorithm>
#include <map>
#include <optional>

namespace reagent {
namespace {

// An object or a list that is being read.
struct container {
    bool object;
    std::size_t begin;                             // of its member or item
    std::string path;                              // "a.b."
    std::map<std::string, std::string_view> seen;  // members as they stand
    std::optional<std::string> key{};
};

std::string key_of(std::string_view quoted) {
    auto v = parse_json(quoted);
    return v && v->is_string() ? std::string{std::string_view{v->get_string()}} : std::string{quoted};
}

bool differ(std::string_view a, std::string_view b) {
    if (a == b) return false;
    auto one = parse_json(a), other = parse_json(b);
    return !one || !other || *one != *other;
}

}  // namespace

std::size_t count_members(const json::value& v) {
    std::size_t n = 0;
    if (v.is_array())
        for (const auto& part : v.get_array()) n += part.is_structured() ? count_members(part) : 0;
    if (v.is_object()) {
        n = v.get_object().size();
        for (const auto& [name, part] : v.get_object()) n += part.is_structured() ? count_members(part) : 0;
    }
    return n;
}

std::vector<std::string> repeated_members(std::string_view text) {
    constexpr std::size_t longest_path = 400;
    std::vector<std::string> repeated;
    std::vector<container> open;
    auto end_member = [&](std::size_t end) {
        auto& o = open.back();
        if (!o.object || !o.key) return;
        auto value = trim(text.substr(o.begin, end - o.begin));
        auto [before, fresh] = o.seen.emplace(*o.key, value);
        if (!fresh && differ(before->second, value)) repeated.push_back(o.path + *o.key);
        before->second = value;
        o.key.reset();
    };
    std::size_t quoted = 0, end_quoted = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (c == '"') {
            quoted = i;
            for (++i; i < text.size() && text[i] != '"'; ++i) i += text[i] == '\\';
            end_quoted = std::min(i + 1, text.size());
        } else if (c == '{' || c == '[') {
            std::string path = open.empty() ? std::string{} : open.back().path;
            if (!open.empty() && open.back().object && path.size() < longest_path)
                path += cut(open.back().key.value_or(""), 100) + ".";
            open.push_back({c == '{', i + 1, std::move(path), {}});
        } else if (open.empty())
            continue;
        else if (c == ':' && open.back().object) {
            open.back().key = key_of(text.substr(quoted, end_quoted - quoted));
            open.back().begin = i + 1;
        } else if (c == ',')
            end_member(i);
        else if (c == '}' || c == ']') {
            end_member(i);
            open.pop_back();
        }
    }
    return repeated;
}

}  // namespace reagent
