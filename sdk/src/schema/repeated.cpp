#include "repeated.hpp"

#include <reagent/schema/repair.hpp>

#include <boost/json.hpp>

namespace reagent {

std::vector<std::string> repeated_members(std::string_view text) {
    std::vector<std::string> repeated;
    json::object seen;
    int depth = 0;
    std::size_t item = 0;  // where a member begins
    auto member = [&](std::string_view m) {
        auto one = parse_json("{" + std::string{m} + "}");
        if (!one || !one->is_object()) return;
        for (auto& [key, v] : one->get_object()) {
            if (auto* before = seen.if_contains(key); before && *before != v) repeated.emplace_back(key);
            seen[key] = std::move(v);
        }
    };
    for (std::size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (c == '"')
            for (++i; i < text.size() && text[i] != '"'; ++i) i += text[i] == '\\';
        else if (c == '{' || c == '[') {
            if (++depth == 1) item = i + 1;
        } else if (c == '}' || c == ']') {
            if (depth-- == 1) member(text.substr(item, i - item));
        } else if (c == ',' && depth == 1)
            member(text.substr(item, i - item)), item = i + 1;
    }
    return repeated;
}

}  // namespace reagent
