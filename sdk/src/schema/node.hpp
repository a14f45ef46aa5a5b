#pragma once

#include "pattern.hpp"

#include <reagent/schema/schema.hpp>

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <utility>

namespace reagent {

/// What the keywords of a resource mean.
struct schema_rules {
    json_schema_draft draft = json_schema_draft::any;
    bool validation = true;  ///< false: its meta-schema leaves the vocabulary of `type`, `minimum` and their like out
    bool formats = false;    ///< `format` is an assertion
};

/// A document, or a part of one with an `$id` of its own.
struct schema::resource {
    std::string base;                     ///< absolute, without a fragment
    const json::value* source = nullptr;  ///< only while compiling
    schema_rules rules;
    std::map<std::string, const json::value*, std::less<>> anchors, dynamic_anchors;
    std::vector<std::pair<std::string, const node*>> dynamic;  ///< compiled `dynamic_anchors`
    bool reached = false;

    const node* dynamic_node(std::string_view name) const {
        for (const auto& [anchor, n] : dynamic)
            if (anchor == name) return n;
        return nullptr;
    }
};

/// Whether a text has a format, by the rule that JSON Schema names or as a model would write it (lenient).
struct text_format {
    std::string_view name;
    bool (*fits)(std::string_view text);
    bool (*fits_leniently)(std::string_view text);
    const char* example;
};

/// The rule for a format; null for one that is not known.
const text_format* format_called(std::string_view name);

/// One compiled (sub)schema. Nodes are owned by `schema::compiled` and point at each other freely, also in cycles.
struct schema::node {
    enum type_bit : std::uint8_t {
        null = 1,
        boolean = 2,
        integer = 4,
        number = 8,
        string = 16,
        array = 32,
        object = 64
    };

    bool never = false;      // the schema `false`
    std::uint8_t types = 0;  // bits; 0: any
    int assertions = 0;
    bool empty = true;  // no assertion at all: accepts anything
    const node* reference = nullptr;
    const node* dynamic_reference = nullptr;    // where `$dynamicRef` points if no outer schema says otherwise
    std::optional<std::string> dynamic_anchor;  // and the name that an outer schema may have given
    const resource* home = nullptr;

    std::optional<json::value> constant;
    std::optional<json::array> enumeration;

    std::optional<json::value> minimum, maximum, exclusive_minimum, exclusive_maximum, multiple_of;  // numbers
    std::optional<std::size_t> min_length, max_length;
    std::optional<text_pattern> pattern;
    std::string pattern_text;
    const text_format* format = nullptr;

    std::vector<const node*> prefix_items;
    const node* items = nullptr;  // for what follows the prefix
    const node* contains = nullptr;
    std::optional<std::size_t> min_items, max_items, min_contains, max_contains;
    bool unique_items = false;
    bool contained_is_evaluated = true;  // since 2020-12
    const node* unevaluated_items = nullptr;

    std::vector<std::pair<std::string, const node*>> properties;
    std::vector<std::pair<text_pattern, const node*>> pattern_properties;
    const node* additional = nullptr;
    const node* unevaluated_properties = nullptr;
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
    std::deque<std::unique_ptr<resource>> resources;
    const node* root = nullptr;
    bool dynamic = false;  // some node has a `$dynamicRef`
};

/// Longest text that a `pattern` is tried on; a longer one fails it.
inline constexpr std::size_t max_pattern_input = 64 * 1024;
inline constexpr int max_schema_depth = 200;
inline constexpr std::size_t max_violations = 100;
/// Steps of one reading, and those that every value inside of what is read adds: alternatives within alternatives can
/// ask for a number of steps that grows as a power.
inline constexpr std::size_t max_schema_steps = 1'000'000;
inline constexpr std::size_t max_schema_steps_per_value = 100;

}  // namespace reagent
