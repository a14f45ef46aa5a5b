#include <reagent/schema/convert.hpp>

#include <cmath>
#include <limits>

namespace reagent::detail {
namespace {

// Constraints of an optional or a union belong to its members, not to the union itself.
void set(json::object& schema, std::string_view keyword, const json::value& value) {
    if (auto* alternatives = schema.if_contains("anyOf"); alternatives && alternatives->is_array()) {
        for (auto& a : alternatives->get_array())
            if (a.is_object() && a.get_object().contains("type") && a.get_object()["type"] != "null")
                set(a.get_object(), keyword, value);
        return;
    }
    schema[keyword] = value;
}

json::value number(double d) {
    if (d == std::trunc(d) && std::abs(d) < 1e15) return static_cast<std::int64_t>(d);
    return d;
}

}  // namespace

void add_constraint(json::object& schema, const range& c) {
    set(schema, "minimum", number(c.min));
    set(schema, "maximum", number(c.max));
}
void add_constraint(json::object& schema, const at_least& c) { set(schema, "minimum", number(c.value)); }
void add_constraint(json::object& schema, const at_most& c) { set(schema, "maximum", number(c.value)); }
void add_constraint(json::object& schema, const length& c) {
    set(schema, "minLength", c.min);
    set(schema, "maxLength", c.max);
}
void add_constraint(json::object& schema, const items& c) {
    set(schema, "minItems", c.min);
    set(schema, "maxItems", c.max);
}
void add_constraint(json::object& schema, const char* keyword, std::string_view text) {
    set(schema, keyword, json::value(text));
}

json::value any_of(json::array alternatives) { return {{"anyOf", std::move(alternatives)}}; }

schema checked_schema(json::value document) { return schema{std::move(document), {.assert_formats = true}}; }

void from_number(const json::value& v, double& out, conversion& c) {
    out = v.to_number<double>();
    constexpr double beyond = 18446744073709551616.0;  // 2 to the power of 64
    bool exact =
        v.is_double() || (v.is_int64() ? std::abs(out) < beyond / 2 && static_cast<std::int64_t>(out) == v.get_int64()
                          : v.is_uint64() ? out < beyond && static_cast<std::uint64_t>(out) == v.get_uint64()
                                          : true);
    if (!exact)
        c.report(describe(v) + " has more digits than a double keeps; an integer field or a text field keeps them");
}

void from_number(const json::value& v, float& out, conversion& c) {
    double d = 0;
    const auto before = c.violations.size();
    from_number(v, d, c);
    if (c.violations.size() != before) return;
    constexpr double rounds_to_infinity = 3.4028235677973366e38, all_written_out = 9007199254740992.0;
    if (std::isfinite(d) && std::abs(d) >= rounds_to_infinity)
        return c.report(describe(v) + " is beyond what a float holds; a double holds it");
    if (d != 0 && std::abs(d) < static_cast<double>(std::numeric_limits<float>::denorm_min()))
        return c.report(describe(v) + " is nearer to zero than a float tells; a double holds it");
    out = static_cast<float>(d);
    const bool whole = !v.is_double() || (d == std::trunc(d) && std::abs(d) <= all_written_out);
    if (whole && static_cast<double>(out) != d)
        c.report(describe(v) + " has more digits than a float keeps; a double or an integer field keeps them");
}

json::value character_to_value(char c) {
    if (static_cast<unsigned char>(c) >= 0x80)
        throw schema_error{schema_errc::mismatch,
                           "a char of the value " + std::to_string(static_cast<unsigned char>(c)) +
                               " is no character of ASCII; a std::string holds others, in UTF-8"};
    return json::value(json::string(1, c));
}

char character_from(const json::value& v, conversion& c) {
    if (v.is_string() && v.get_string().size() == 1) return v.get_string()[0];
    c.report("expected one character of ASCII, got " + describe(v));
    return {};
}

void throw_no_enumerator(std::string_view type, std::int64_t value) {
    throw schema_error{schema_errc::mismatch, "the value " + std::to_string(value) + " of " + std::string{type} +
                                                  " is no enumerator, or one that is not seen (below -16 or above "
                                                  "127): describe them with BOOST_DESCRIBE_ENUM"};
}

json::value tuple_schema(json::array items) {
    auto n = items.size();
    return {{"type", "array"}, {"prefixItems", std::move(items)}, {"minItems", n}, {"maxItems", n}};
}

// What is open and what is closed of one type are two definitions.
std::string schema_builder::definition_name(std::string_view type) const {
    std::string name{type};
    for (bool taken = true; taken;) {
        taken = false;
        for (const auto& d : definitions_) taken = taken || (d.name == name && d.further != further_);
        if (taken) name += "_closed";
    }
    return name;
}

json::value schema_builder::finish(json::value root) {
    if (!shared_.empty()) root.get_object()["$defs"] = shared_;
    return root;
}

void throw_mismatch(std::vector<violation> violations) {
    std::string path = violations.empty() ? "$" : violations.front().path;
    throw schema_error{schema_errc::mismatch, to_string(violations), {.attempted = "reading a value", .path = path}};
}

}  // namespace reagent::detail
