#pragma once

#include <reagent/schema/schema.hpp>

#include <boost/regex.hpp>

#include <cstdint>
#include <optional>
#include <utility>

namespace reagent {

/// One compiled (sub)schema. Nodes are owned by `schema::compiled` and point at each other freely, also in cycles.
struct schema::node {
    enum type_bit : std::uint8_t { null = 1, boolean = 2, integer = 4, number = 8, string = 16, array = 32, object = 64 };

    bool never = false;      // the schema `false`
    std::uint8_t types = 0;  // bits; 0: any
    int assertions = 0;
    bool empty = true;  // no assertion at all: accepts anything
    const node* reference = nullptr;

    std::optional<json::value> constant;
    std::optional<json::array> enumeration;

    std::optional<double> minimum, maximum, exclusive_minimum, exclusive_maximum, multiple_of;
    std::optional<std::size_t> min_length, max_length;
    std::optional<boost::regex> pattern;
    std::string pattern_text;

    std::vector<const node*> prefix_items;
    const node* items = nullptr;  // for what follows the prefix
    const node* contains = nullptr;
    std::optional<std::size_t> min_items, max_items, min_contains, max_contains;
    bool unique_items = false;

    std::vector<std::pair<std::string, const node*>> properties;
    std::vector<std::pair<boost::regex, const node*>> pattern_properties;
    const node* additional = nullptr;
    const node* property_names = nullptr;
    std::vector<std::string> required;
    std::vector<std::pair<std::string, std::vector<std::string>>> dependent_required;
    std::vector<std::pair<std::string, const node*>> dependent_schemas;
    std::optional<std::size_t> min_properties, max_properties;

    std::vector<const node*> any_of, one_of, all_of;
    const node* negated = nullptr;
    const node* if_ = nullptr;
    const node* then_ = nullptr;
    const node* else_ = nullptr;

    std::optional<json::value> fallback;  // `default`

    const node* property(std::string_view name) const {
        for (const auto& [key, child] : properties)
            if (key == name) return child;
        return nullptr;
    }
};

struct schema::compiled {
    json::value document;
    std::vector<std::unique_ptr<node>> nodes;
    const node* root = nullptr;
};

/// Longest text that a `pattern` is tried on; a longer one fails it. Boost.Regex bounds its own backtracking.
inline constexpr std::size_t max_pattern_input = 64 * 1024;
inline constexpr int max_schema_depth = 200;
inline constexpr std::size_t max_violations = 100;

}  // namespace reagent
