#include <reagent/schema/convert.hpp>

#include <cmath>

namespace reagent::detail {
namespace {

// Constraints of an optional or a union belong to its members, not to the union itself.
void set(json::object& schema, std::string_view keyword, const json::value& value) {
    if (auto* alternatives = schema.if_contains("anyOf"); alternatives && alternatives->is_array()) {
        for (auto& a : alternatives->get_array())
            if (a.is_object() && a.get_object().contains("type") && a.get_object()["type"] != "null") set(a.get_object(), keyword, value);
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
void add_constraint(json::object& schema, const char* keyword, std::string_view text) { set(schema, keyword, json::value(text)); }

json::value any_of(json::array alternatives) { return {{"anyOf", std::move(alternatives)}}; }

schema checked_schema(json::value document) { return schema{std::move(document), {.assert_formats = true}}; }

void from_number(const json::value& v, double& out, conversion& c) {
    out = v.to_number<double>();
    constexpr double beyond = 18446744073709551616.0;  // 2 to the power of 64
    bool exact = v.is_double() || (v.is_int64()    ? std::abs(out) < beyond / 2 && static_cast<std::int64_t>(out) == v.get_int64()
                                   : v.is_uint64() ? out < beyond && static_cast<std::uint64_t>(out) == v.get_uint64()
                                                   : true);
    if (!exact) c.report(describe(v) + " has more digits than a double keeps; an integer field or a text field keeps them");
}

json::value tuple_schema(json::array items) {
    auto n = items.size();
    return {{"type", "array"}, {"prefixItems", std::move(items)}, {"minItems", n}, {"maxItems", n}};
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
