// Reading a value by a compiled schema: validation by JSON Schema's rules, or conversion of what a model means.
// The conversions are those of Pydantic 2's lax mode (docs.pydantic.dev, "Conversion Table").
#include "node.hpp"

#include <reagent/schema/render.hpp>

#include "../base/text.hpp"
#include "dressed.hpp"
#include "held_number.hpp"
#include "unicode.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <compare>
#include <concepts>
#include <map>
#include <unordered_set>

namespace reagent {
namespace {

using node = schema::node;

std::uint8_t type_of(const json::value& v) {
    switch (v.kind()) {
        case json::kind::null: return node::null;
        case json::kind::bool_: return node::boolean;
        case json::kind::int64:
        case json::kind::uint64: return node::integer | node::number;
        case json::kind::double_: {
            double d = v.get_double();
            return std::isfinite(d) && d == std::trunc(d) ? node::integer | node::number : node::number;
        }
        case json::kind::string: return node::string;
        case json::kind::array: return node::array;
        case json::kind::object: return node::object;
    }
    return 0;
}

std::string expected(std::uint8_t types) {
    static constexpr std::pair<std::uint8_t, const char*> names[]{
        {node::string, "string"}, {node::integer, "integer"}, {node::number, "number"}, {node::boolean, "boolean"},
        {node::array, "array"},   {node::object, "object"},   {node::null, "null"}};
    std::string text;
    for (auto [bit, name] : names)
        if (types & bit) text += (text.empty() ? "" : " or ") + std::string{name};
    return text;
}

std::string number_text(double d) {
    return d == std::trunc(d) && std::abs(d) < 1e15 ? std::to_string(static_cast<std::int64_t>(d)) : python_float(d);
}

// A double and a whole number are compared exactly: as doubles, 2^53 + 1 would be 2^53.
std::partial_ordering compare(double d, std::integral auto i) {
    using whole = decltype(i);
    constexpr double above = std::is_signed_v<whole> ? 9223372036854775808.0 : 18446744073709551616.0;
    if (std::isnan(d)) return std::partial_ordering::unordered;
    if (d >= above) return std::partial_ordering::greater;
    if (d < (std::is_signed_v<whole> ? -above : 0.0)) return std::partial_ordering::less;
    const double cut_off = std::trunc(d);
    const auto w = static_cast<whole>(cut_off);
    if (w != i) return w <=> i;
    return d <=> cut_off;
}

std::partial_ordering compare_numbers(const json::value& a, const json::value& b) {
    if (a.is_double() && b.is_double()) return a.get_double() <=> b.get_double();
    if (a.is_double())
        return b.is_int64() ? compare(a.get_double(), b.get_int64()) : compare(a.get_double(), b.get_uint64());
    if (b.is_double()) return 0 <=> compare_numbers(b, a);
    if (a.is_int64() && b.is_int64()) return a.get_int64() <=> b.get_int64();
    if (a.is_uint64() && b.is_uint64()) return a.get_uint64() <=> b.get_uint64();
    const bool signed_first = a.is_int64();
    const auto s = signed_first ? a.get_int64() : b.get_int64();
    const auto u = signed_first ? b.get_uint64() : a.get_uint64();
    const auto order = s < 0 ? std::strong_ordering::less : static_cast<std::uint64_t>(s) <=> u;
    return signed_first ? order : 0 <=> order;
}

// The size of a whole number of 64 bits; nothing for another one.
std::optional<std::uint64_t> whole_size(const json::value& v) {
    if (v.is_uint64()) return v.get_uint64();
    if (v.is_int64()) {
        const auto i = v.get_int64();
        return i < 0 ? std::uint64_t{0} - static_cast<std::uint64_t>(i) : static_cast<std::uint64_t>(i);
    }
    const double d = std::abs(v.get_double());
    if (!(d < 18446744073709551616.0) || d != std::trunc(d)) return {};
    return static_cast<std::uint64_t>(d);
}

bool is_multiple(const json::value& v, const json::value& of) {
    const auto a = whole_size(v), b = whole_size(of);
    if (a && b) return *b != 0 && *a % *b == 0;
    const double q = v.to_number<double>() / of.to_number<double>();
    return std::abs(q - std::round(q)) <= 1e-9 * std::max(1.0, std::abs(q));
}

std::string number_text(const json::value& v) {
    return v.is_double() ? number_text(v.get_double()) : json::serialize(v);
}

// Python's int("...") and float("..."): surrounding space, a sign, underscores between digits.
std::optional<std::string> plain_number(std::string_view text) {
    text = trim(text);
    std::string digits;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '_') {
            if (i == 0 || i + 1 == text.size() || !is_digit(text[i - 1]) || !is_digit(text[i + 1])) return {};
            continue;
        }
        digits += text[i];
    }
    const bool plus = digits.starts_with('+');
    if (plus) digits.erase(0, 1);
    if (digits.empty() || (plus && (digits.starts_with('+') || digits.starts_with('-'))) || digits.size() > 400)
        return {};
    return digits;
}

std::optional<json::value> lenient_number(std::string_view text) {
    auto digits = plain_number(text);
    if (!digits) return {};
    std::string lower = to_lower(*digits);
    bool negative = lower.starts_with('-');
    std::string_view word = std::string_view{lower}.substr(negative ? 1 : 0);
    if (word == "inf" || word == "infinity") return json::value(negative ? -INFINITY : INFINITY);
    if (word == "nan") return json::value(std::nan(""));
    if (word.empty() || !(is_digit(word[0]) || word[0] == '.')) return {};
    auto held = held_number(*digits);
    return held ? std::optional{json::value(*held)} : std::nullopt;  // never rounded in silence
}

std::optional<json::value> lenient_integer(std::string_view text) {
    auto digits = plain_number(text);
    if (!digits) return {};
    std::string_view d = *digits;
    if (auto dot = d.find('.'); dot != d.npos) {  // "4.0", "4." are 4
        if (d.substr(dot + 1).find_first_not_of('0') != d.npos || dot == 0) return {};
        d = d.substr(0, dot);
    }
    std::int64_t i{};
    if (auto [end, ec] = std::from_chars(d.data(), d.data() + d.size(), i);
        ec == std::errc{} && end == d.data() + d.size())
        return json::value(i);
    std::uint64_t u{};
    if (auto [end, ec] = std::from_chars(d.data(), d.data() + d.size(), u);
        ec == std::errc{} && end == d.data() + d.size())
        return json::value(u);
    return {};
}

std::optional<bool> lenient_boolean(const json::value& v) {
    if (v.is_number()) {
        double d = v.to_number<double>();
        if (d == 0) return false;
        if (d == 1) return true;
        return {};
    }
    if (!v.is_string()) return {};
    std::string word = to_lower(v.get_string());
    for (const char* t : {"1", "on", "t", "true", "y", "yes"})
        if (word == t) return true;
    for (const char* f : {"0", "off", "f", "false", "n", "no"})
        if (word == f) return false;
    return {};
}

// The same text for values that are equal by `equal_json`, so that many items are compared in linear time.
std::string canonical(const json::value& v) {
    if (v.is_int64() && std::abs(v.get_int64()) < (std::int64_t{1} << 53))
        return python_float(static_cast<double>(v.get_int64()));
    if (v.is_array()) {
        std::string text = "[";
        for (const auto& item : v.get_array()) text += canonical(item) + ",";
        return text + "]";
    }
    if (v.is_object()) {
        std::map<std::string, std::string> members;
        for (const auto& [key, item] : v.get_object()) members[dump_json(json::value(key))] = canonical(item);
        std::string text = "{";
        for (const auto& [key, item] : members) text += key + ":" + item + ",";
        return text + "}";
    }
    return dump_json(v);
}

std::size_t size_of(const json::value& v) {
    std::size_t n = 1;
    if (v.is_array())
        for (const auto& item : v.get_array()) n += size_of(item);
    if (v.is_object())
        for (const auto& member : v.get_object()) n += size_of(member.value());
    return n;
}

/// What a whole reading shares: how much it has done, and the resources it came through (for `$dynamicRef`).
class scope {
public:
    scope(bool dynamic, const json::value& whole) : dynamic{dynamic}, whole_{whole} {}

    const bool dynamic;
    std::vector<const schema::resource*> came_through;

    /// False once the reading has taken too many steps.
    bool step(std::size_t cost = 1) {
        steps_ += cost;
        if (steps_ <= limit_) [[likely]]
            return true;
        if (!counted_) {
            counted_ = true;
            limit_ += max_schema_steps_per_value * size_of(whole_);
        }
        return steps_ <= limit_;
    }
    bool exhausted() const { return counted_ && steps_ > limit_; }

    const node& dynamic_target(const node& n) const {
        if (n.dynamic_anchor)
            for (const auto* outer : came_through)
                if (const node* found = outer->dynamic_node(*n.dynamic_anchor)) return *found;
        return *n.dynamic_reference;
    }

private:
    const json::value& whole_;
    std::size_t steps_ = 0, limit_ = max_schema_steps;
    bool counted_ = false;
};

/// Which items or members of one value some keyword has looked at, for `unevaluatedItems` and `unevaluatedProperties`.
class evaluated {
public:
    explicit evaluated(const json::value& v)
        : seen_(v.is_array()    ? v.get_array().size()
                : v.is_object() ? v.get_object().size()
                                : 0) {}
    void mark(std::size_t i) { seen_[i] = true; }
    bool operator[](std::size_t i) const { return seen_[i]; }
    void merge(const evaluated& other) {
        for (std::size_t i = 0; i < seen_.size(); ++i)
            if (other.seen_[i]) seen_[i] = true;
    }

private:
    std::vector<bool> seen_;
};

// "-12.50", "1e400"
bool is_decimal_text(std::string_view text) {
    double ignored{};
    auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), ignored);
    auto first = text.find_first_not_of('-');
    return ec != std::errc::invalid_argument && end == text.data() + text.size() && first != text.npos &&
           (is_digit(text[first]) || text[first] == '.');
}

class reader {
public:
    reader(reading how, scope& shared) : lenient_{how == reading::lenient}, scope_{shared} {}

    std::vector<violation> violations;

    // Reads `v` by `n`; where `out` is given, writes the converted value there, and in `seen` what was looked at.
    bool read(const node& n, const json::value& v, json::value* out, int depth = 0, evaluated* seen = nullptr) {
        if (depth > max_schema_depth) return report("nested deeper than 200 levels");
        if (!scope_.step()) return report(too_many_steps);
        if (n.empty) return copy(v, out), true;
        if (n.never) return report("no value is allowed here, got " + describe(v));
        if (!scope_.dynamic && !n.unevaluated_items && !n.unevaluated_properties) [[likely]]
            return read_known(n, v, out, depth, seen);
        return read_in_scope(n, v, out, depth, seen);
    }

    static constexpr const char* too_many_steps = "takes too many steps to check against its schema";

private:
    // What becomes of members that an object's schema does not know, when it is read leniently.
    enum class further { dropped, dropped_if_open, refused };

    [[gnu::noinline]] bool read_in_scope(const node& n, const json::value& v, json::value* out, int depth,
                                         evaluated* seen) {
        bool entered = scope_.dynamic && (scope_.came_through.empty() || scope_.came_through.back() != n.home);
        if (entered) scope_.came_through.push_back(n.home);
        bool ok = n.unevaluated_items || n.unevaluated_properties ? read_all(n, v, out, depth, seen)
                                                                  : read_known(n, v, out, depth, seen);
        if (entered) scope_.came_through.pop_back();
        return ok;
    }

    [[gnu::always_inline]] bool read_known(const node& n, const json::value& v, json::value* out, int depth,
                                           evaluated* seen) {
        bool ok = true;
        if (n.reference)
            ok = read(*n.reference, v, out, depth + 1, seen);
        else
            copy(v, out);
        if (n.dynamic_reference) ok = read(scope_.dynamic_target(n), v, out, depth + 1, seen) && ok;
        if (n.types) {
            if (!(type_of(v) & n.types)) {
                auto converted = lenient_ ? convert(n, v) : std::nullopt;
                if (!converted) return report("expected " + expected(n.types) + ", got " + describe(v) + hint(n, v));
                if (out) *out = *converted;
                return finish(n, *converted, out, depth, seen) && ok;
            }
            // 3.0 fits "integer"; it becomes 3, so that conversion to a C++ integer is exact.
            if (out && v.is_double() && (n.types & node::integer) && !(n.types & node::number)) {
                double d = v.get_double();
                if (!(std::abs(d) < 9007199254740992.0))  // from 2^53 on it may be another that was rounded
                    return report("expected an integer of 64 bits, written as one, got " + describe(v) +
                                  "; larger ones keep their digits in a text field");
                *out = static_cast<std::int64_t>(d);
            }
            if (out && !lenient_ && v.is_double() && !std::isfinite(v.get_double()))
                return report("expected a number, got " + describe(v));
            if (out && !(n.types & node::integer) && !fits_a_double(v))
                return report("expected number, got " + describe(v) + too_many_digits);
        }
        return finish(n, v, out, depth, seen) && ok;
    }

    // With `unevaluatedItems` or `unevaluatedProperties`: they see what this schema looked at, not what its neighbours
    // did.
    bool read_all(const node& n, const json::value& v, json::value* out, int depth, evaluated* seen) {
        evaluated mine{v};
        bool ok = read_known(n, v, out, depth, &mine);
        if (n.unevaluated_items && v.is_array())
            ok = rest_of_items(*n.unevaluated_items, v.get_array(), out, depth, mine) && ok;
        if (n.unevaluated_properties && v.is_object())
            ok = rest_of_members(*n.unevaluated_properties, v.get_object(), out, depth, mine) && ok;
        if (seen && ok) seen->merge(mine);
        return ok;
    }

    bool rest_of_items(const node& rest, const json::array& items, json::value* out, int depth, evaluated& seen) {
        bool ok = true;
        for (std::size_t i = 0; i < items.size() && violations.size() < max_violations; ++i) {
            if (seen[i]) continue;
            step s{*this, "[" + std::to_string(i) + "]"};
            json::value* target = out && out->is_array() ? out->get_array().if_contains(i) : nullptr;
            ok = read(rest, items[i], target, depth + 1) && ok;
            seen.mark(i);
        }
        return ok;
    }

    bool rest_of_members(const node& rest, const json::object& members, json::value* out, int depth, evaluated& seen) {
        bool ok = true;
        std::size_t i = 0;
        for (const auto& [key, value] : members) {
            std::size_t at = i++;
            if (seen[at]) continue;
            seen.mark(at);
            if (violations.size() >= max_violations) return false;
            step s{*this, member_path(key)};
            json::value* target = out && out->is_object() ? out->get_object().if_contains(key) : nullptr;
            if (!rest.never)
                ok = read(rest, value, target, depth + 1) && ok;
            else if (!lenient_)
                ok = report("is not a known property");
            else if (target)
                out->get_object().stable_erase(key);
        }
        return ok;
    }

    bool finish(const node& n, const json::value& v, json::value* out, int depth, evaluated* seen) {
        bool ok = true;
        if (n.constant && !equal_json(*n.constant, v))
            ok = report("expected " + json::serialize(*n.constant) + ", got " + describe(v));
        if (n.enumeration) ok = one_of_values(*n.enumeration, v) && ok;
        if (v.is_number()) ok = numbers(n, v) && ok;
        if (v.is_string()) ok = strings(n, v.get_string()) && ok;
        if (v.is_array()) ok = arrays(n, v.get_array(), out, depth, seen) && ok;
        if (v.is_object()) ok = objects(n, v, out, depth, seen) && ok;
        if (!n.any_of.empty()) ok = any_of(n.any_of, v, out, depth, seen) && ok;
        if (!n.one_of.empty()) ok = one_of(n.one_of, v, out, depth, seen) && ok;
        for (const node* part : n.all_of) ok = all_of(*part, v, out, depth, seen) && ok;
        if (n.negated && fits(*n.negated, v, depth))
            ok = report("must not be what `not` describes, got " + describe(v));
        if (n.if_) {
            const node* branch = fits(*n.if_, v, depth, seen) ? n.then_ : n.else_;
            if (branch) ok = read(*branch, v, nullptr, depth + 1, seen) && ok;
        }
        return ok;
    }

    // Why what looks like a number is none.
    static std::string hint(const node& n, const json::value& v) {
        if (!(n.types & (node::integer | node::number)) || !v.is_string()) return {};
        auto digits = plain_number(v.get_string());
        if (!digits || !is_decimal_text(*digits) || held_number(*digits)) return {};
        return why_not_held(*digits);
    }
    // A number that no double holds.
    static const char* why_not_held(std::string_view digits) {
        const auto exponent = digits.find_first_of("eE");
        const bool small = exponent != digits.npos && digits.substr(exponent + 1).starts_with('-');
        const auto mantissa = digits.substr(0, exponent);
        const auto significant = std::count_if(mantissa.begin(), mantissa.end(), is_digit);
        if (significant > 17 || exponent == digits.npos) return too_many_digits;
        return small ? "; it is nearer to zero than any number that is kept: give 0, or make the field a text"
                     : "; it is larger than any number that is kept: give a smaller one, or make the field a text";
    }
    static constexpr const char* too_many_digits =
        "; it has more digits than a number keeps: give fewer, or make the field a text";

    // Whether a whole number of 64 bits is that very number as a double.
    static bool fits_a_double(const json::value& v) {
        if (v.is_int64()) return held_number(std::to_string(v.get_int64())).has_value();
        if (v.is_uint64()) return held_number(std::to_string(v.get_uint64())).has_value();
        return true;
    }

    static std::optional<json::value> convert(const node& n, const json::value& v) {
        const bool scalar = n.types & (node::integer | node::number | node::boolean);
        if (!scalar) return {};
        if ((n.types & (node::integer | node::number)) && v.is_bool()) return json::value(v.get_bool() ? 1 : 0);
        if (auto read = convert_plain(n, v); read || !v.is_string()) return read;
        const auto forms = undressed(v.get_string());
        for (std::size_t i = 1; i < forms.size(); ++i)
            if (auto read = convert_plain(n, json::value(forms[i]))) return read;
        return {};
    }

    static std::optional<json::value> convert_plain(const node& n, const json::value& v) {
        if ((n.types & (node::integer | node::number)) && v.is_string()) {
            const bool whole = !(n.types & node::number);
            auto number = whole ? lenient_integer(v.get_string()) : lenient_number(v.get_string());
            if (number) return number;
        }
        if (n.types & node::boolean)
            if (auto b = lenient_boolean(v)) return json::value(*b);
        return {};
    }

    bool one_of_values(const json::array& values, const json::value& v) {
        scope_.step(values.size() / 8);
        for (const auto& allowed : values)
            if (equal_json(allowed, v)) return true;
        std::string list;
        for (const auto& allowed : values) list += (list.empty() ? "" : ", ") + json::serialize(allowed);
        return report("expected one of " + cut(list, 400) + ", got " + describe(v));
    }

    bool numbers(const node& n, const json::value& v) {
        bool ok = true;
        auto got = [&] { return ", got " + number_text(v); };
        if (n.minimum && !(compare_numbers(v, *n.minimum) >= 0))
            ok = report("must be at least " + number_text(*n.minimum) + got());
        if (n.maximum && !(compare_numbers(v, *n.maximum) <= 0))
            ok = report("must be at most " + number_text(*n.maximum) + got());
        if (n.exclusive_minimum && !(compare_numbers(v, *n.exclusive_minimum) > 0))
            ok = report("must be above " + number_text(*n.exclusive_minimum) + got());
        if (n.exclusive_maximum && !(compare_numbers(v, *n.exclusive_maximum) < 0))
            ok = report("must be below " + number_text(*n.exclusive_maximum) + got());
        if (n.multiple_of && !is_multiple(v, *n.multiple_of))
            ok = report("must be a multiple of " + number_text(*n.multiple_of) + got());
        return ok;
    }

    bool strings(const node& n, std::string_view text) {
        bool ok = true;
        if (n.min_length || n.max_length) {
            auto length = utf8_length(text);
            auto got = ", got " + std::to_string(length);
            if (n.min_length && length < *n.min_length)
                ok = report("must have at least " + std::to_string(*n.min_length) + " characters" + got);
            if (n.max_length && length > *n.max_length)
                ok = report("must have at most " + std::to_string(*n.max_length) + " characters" + got);
        }
        if (n.pattern && !matches(*n.pattern, text))
            ok = report("must match the pattern " + n.pattern_text + ", got " + describe(json::value(text)));
        if (n.format && !(lenient_ ? n.format->fits_leniently : n.format->fits)(text))
            ok = report("expected " + std::string{n.format->name} + " as \"" + n.format->example + "\", got " +
                        describe(json::value(text)));
        return ok;
    }

    bool matches(const text_pattern& pattern, std::string_view text) {
        if (text.size() > max_pattern_input || !scope_.step(1 + text.size() / 64)) return false;
        auto found = pattern.search(text);
        if (found == text_pattern::result::too_costly)
            scope_.step(max_schema_steps / 4);  // it took a second or so; fails closed
        return found == text_pattern::result::found;
    }

    bool arrays(const node& n, const json::array& items, json::value* out, int depth, evaluated* seen) {
        bool ok = true;
        auto got = ", got " + std::to_string(items.size());
        if (n.min_items && items.size() < *n.min_items)
            ok = report("must have at least " + std::to_string(*n.min_items) + " items" + got);
        if (n.max_items && items.size() > *n.max_items)
            ok = report("must have at most " + std::to_string(*n.max_items) + " items" + got);
        for (std::size_t i = 0; i < items.size(); ++i) {
            const node* child = i < n.prefix_items.size() ? n.prefix_items[i] : n.items;
            if (!child) continue;
            if (seen) seen->mark(i);
            step s{*this, "[" + std::to_string(i) + "]"};
            ok = read(*child, items[i], out ? &out->get_array()[i] : nullptr, depth + 1) && ok;
            if (violations.size() >= max_violations) return false;
        }
        if (n.unique_items && lenient_ && out)
            drop_repetitions(out->get_array());  // a set
        else if (n.unique_items && !unique(items))
            ok = report("items must differ from each other");
        if (n.contains) {
            std::size_t found = 0;
            for (std::size_t i = 0; i < items.size(); ++i) {
                if (!fits(*n.contains, items[i], depth)) continue;
                ++found;
                if (seen && n.contained_is_evaluated) seen->mark(i);
            }
            if (found < n.min_contains.value_or(1)) ok = report("too few items fit `contains`");
            if (n.max_contains && found > *n.max_contains) ok = report("too many items fit `contains`");
        }
        return ok;
    }

    static void drop_repetitions(json::array& items) {
        std::unordered_set<std::string> seen;
        json::array kept;
        for (auto& item : items)
            if (seen.insert(canonical(item)).second) kept.push_back(std::move(item));
        items = std::move(kept);
    }

    bool unique(const json::array& items) {
        scope_.step(items.size());
        std::unordered_set<std::string> seen;
        for (const auto& item : items)
            if (!seen.insert(canonical(item)).second) return false;
        return true;
    }

    bool objects(const node& n, const json::value& v, json::value* out, int depth, evaluated* seen) {
        const json::object& members = v.get_object();
        bool ok = true;
        std::size_t index = 0;
        scope_.step((n.required.size() + n.properties.size() * members.size()) / 64);
        auto got = ", got " + std::to_string(members.size());
        if (n.min_properties && members.size() < *n.min_properties)
            ok = report("must have at least " + std::to_string(*n.min_properties) + " properties" + got);
        if (n.max_properties && members.size() > *n.max_properties)
            ok = report("must have at most " + std::to_string(*n.max_properties) + " properties" + got);
        for (const auto& name : n.required) {
            if (members.contains(name)) continue;
            step s{*this, "." + name};
            ok = report("is missing");
        }
        for (const auto& [key, value] : members) {
            step s{*this, member_path(key)};
            json::value* target = out ? out->get_object().if_contains(key) : nullptr;
            bool known = false;
            std::size_t at = index++;
            if (const node* child = n.property(key)) known = true, ok = read(*child, value, target, depth + 1) && ok;
            for (const auto& [pattern, child] : n.pattern_properties)
                if (matches(pattern, key)) known = true, ok = read(*child, value, target, depth + 1) && ok;
            if (!known && n.additional) {
                if (n.additional->never) {
                    if (lenient_ && out && leaves_over_ == further::dropped)
                        ok = drop(n, members, key, *out) && ok;
                    else if (!lenient_ || out)
                        ok = report("is not a known property" + known_properties(n));
                } else
                    ok = read(*n.additional, value, target, depth + 1) && ok;
            } else if (!known && out && !n.properties.empty() && !n.unevaluated_properties && !in_combination_) {
                if (leaves_over_ == further::refused)
                    ok = report("is not a known property" + known_properties(n));
                else if (lenient_)
                    ok = drop(n, members, key, *out) && ok;
            }
            if (seen && (known || n.additional)) seen->mark(at);
            if (n.property_names) ok = read(*n.property_names, json::value(key), nullptr, depth + 1) && ok;
            if (violations.size() >= max_violations) return false;
        }
        for (const auto& [name, others] : n.dependent_required)
            if (members.contains(name))
                for (const auto& other : others)
                    if (!members.contains(other)) ok = report("has `" + name + "`, so it needs `" + other + "`");
        for (const auto& [name, child] : n.dependent_schemas)
            if (members.contains(name)) ok = read(*child, v, nullptr, depth + 1, seen) && ok;
        if (out)
            for (const auto& [name, child] : n.properties)
                if (child->fallback && !members.contains(name)) out->get_object()[name] = *child->fallback;
        return ok;
    }

    // `zip_code` for `zip`, `Zip`: one name holds the other, in any capitals.
    static bool akin(std::string_view a, std::string_view b) {
        const std::string x = to_lower(a), y = to_lower(b);
        constexpr std::size_t shortest = 3;
        return x == y || (std::min(x.size(), y.size()) >= shortest &&
                          (x.find(y) != std::string::npos || y.find(x) != std::string::npos));
    }

    // A member that nobody knows is left out, unless one is missing that it may stand for.
    bool drop(const node& n, const json::object& members, std::string_view key, json::value& out) {
        out.get_object().stable_erase(key);
        for (const auto& [name, child] : n.properties)
            if (!members.contains(name) && (!child->fallback || akin(name, key)))
                return report("is not a known property, and may be meant as `" + name +
                              "`, which is missing; write each under its own name, as null where there is none");
        return true;
    }

    static std::string known_properties(const node& n) {
        std::string list;
        for (const auto& [name, child] : n.properties) list += (list.empty() ? "; known are " : ", ") + name;
        return cut(list, 300);
    }

    // How an alternative is tried: by its type as it is or converted to it, and with what is done with members that it
    // does not know.
    struct way {
        bool lenient;
        further left_over;
    };

    // First an alternative that nothing is left over of, as it is or converted; then Pydantic's "smart" union: one that
    // fits as it is, then the first that can be converted to. Of several closed alternatives none may lose members.
    bool any_of(const std::vector<const node*>& alternatives, const json::value& v, json::value* out, int depth,
                evaluated* seen) {
        bool marked = false;
        if (seen)
            for (const node* a : alternatives) marked = fits(*a, v, depth, seen) || marked;
        const auto kept = leaves_over_ == further::refused ? further::refused
                          : several(alternatives)          ? further::dropped_if_open
                                                           : leaves_over_;
        std::vector<way> ways{{false, kept}};
        if (lenient_) ways = {{false, further::refused}, {true, further::refused}, {false, kept}, {true, kept}};
        if (lenient_ && kept == further::refused) ways.resize(2);
        std::vector<std::vector<violation>> failures;
        for (const way& w : ways) {
            failures.clear();
            for (const node* a : alternatives) {
                reader attempt{w.lenient ? reading::lenient : reading::strict, scope_};
                attempt.path_ = path_;
                attempt.leaves_over_ = w.left_over;
                json::value converted;
                bool ok = attempt.read(*a, v, &converted, depth + 1, w.lenient && !marked ? seen : nullptr);
                if (ok && lenient_ && !w.lenient) {  // fits: now drop unknown properties, fill in defaults
                    reader tidy{reading::lenient, scope_};
                    tidy.leaves_over_ = w.left_over;
                    tidy.read(*a, v, &converted, depth + 1);
                }
                if (ok) {
                    if (out) *out = std::move(converted);
                    return true;
                }
                failures.push_back(std::move(attempt.violations));
            }
        }
        // Show the failures of the alternative that came nearest, if it got past its own top level.
        for (auto& f : failures)
            if (!f.empty() && f.front().path.size() > path_.size()) {
                for (auto& one : f) add(std::move(one));
                return false;
            }
        std::string wanted;
        for (const auto& f : failures)
            if (!f.empty() && wanted.find(f.front().message) == wanted.npos)
                wanted += (wanted.empty() ? "" : "; or ") + f.front().message;
        return report(cut(wanted, 500));
    }

    // Whether there is a choice: null beside one other is none.
    static bool several(const std::vector<const node*>& alternatives) {
        return std::count_if(alternatives.begin(), alternatives.end(),
                             [](const node* a) { return a->types != node::null; }) > 1;
    }

    bool one_of(const std::vector<const node*>& alternatives, const json::value& v, json::value* out, int depth,
                evaluated* seen) {
        const node* fitting = nullptr;
        for (const node* a : alternatives) {
            if (!fits(*a, v, depth)) continue;
            if (fitting) return report("fits more than one of the alternatives in `oneOf`");
            fitting = a;
        }
        return fitting ? any_of({fitting}, v, out, depth, seen) : any_of(alternatives, v, out, depth, seen);
    }

    bool all_of(const node& part, const json::value& v, json::value* out, int depth, evaluated* seen) {
        bool before = std::exchange(in_combination_, true);
        json::value converted;
        bool ok = read(part, v, &converted, depth + 1, seen);
        in_combination_ = before;
        if (ok && out) *out = std::move(converted);
        return ok;
    }

    // What a part that does not fit has looked at does not count.
    bool fits(const node& n, const json::value& v, int depth, evaluated* seen = nullptr) {
        reader attempt{reading::strict, scope_};
        if (!seen) return attempt.read(n, v, nullptr, depth + 1);
        evaluated mine{v};
        bool ok = attempt.read(n, v, nullptr, depth + 1, &mine);
        if (ok) seen->merge(mine);
        return ok;
    }

    static void copy(const json::value& v, json::value* out) {
        if (out && out != &v) *out = v;
    }

    bool report(std::string message) {
        add({path_, std::move(message)});
        return false;
    }
    void add(violation v) {
        if (violations.size() < max_violations) violations.push_back(std::move(v));
    }

    static std::string member_path(std::string_view key) {
        bool plain = !key.empty() && key.size() < 100;
        for (char c : key) plain = plain && (is_word(c) || c == '-' || static_cast<unsigned char>(c) >= 0x80);
        return plain ? "." + std::string{key} : "[" + json::serialize(cut(std::string{key}, 60)) + "]";
    }

    struct step {
        step(reader& r, std::string part) : r_{r}, size_{r.path_.size()} { r.path_ += part; }
        ~step() { r_.path_.resize(size_); }
        reader& r_;
        std::size_t size_;
    };

    bool lenient_;
    scope& scope_;
    further leaves_over_ = further::dropped;
    bool in_combination_ = false;
    std::string path_ = "$";
};

}  // namespace

bool equal_json(const json::value& a, const json::value& b) {
    if (a.is_number() && b.is_number()) {
        return compare_numbers(a, b) == 0;
    }
    if (a.is_array() && b.is_array()) {
        const auto &x = a.get_array(), &y = b.get_array();
        return x.size() == y.size() && std::equal(x.begin(), x.end(), y.begin(), equal_json);
    }
    if (a.is_object() && b.is_object()) {
        const auto &x = a.get_object(), &y = b.get_object();
        if (x.size() != y.size()) return false;
        for (const auto& [key, value] : x) {
            auto* other = y.if_contains(key);
            if (!other || !equal_json(value, *other)) return false;
        }
        return true;
    }
    return a == b;
}

std::string describe(const json::value& v) {
    switch (v.kind()) {
        case json::kind::null: return "null";
        case json::kind::bool_: return v.get_bool() ? "boolean true" : "boolean false";
        case json::kind::int64:
        case json::kind::uint64: return "number " + json::serialize(v);
        case json::kind::double_: return "number " + number_text(v.get_double());
        case json::kind::string: return "string " + json::serialize(cut(std::string{v.get_string()}, 60));
        case json::kind::array: return "array of " + std::to_string(v.get_array().size());
        case json::kind::object: return "object";
    }
    return {};
}

std::string to_string(const std::vector<violation>& violations) {
    std::string text;
    for (const auto& v : violations) text += (text.empty() ? "" : "\n") + v.path + ": " + v.message;
    return text;
}

schema::outcome schema::read(const json::value& value, reading how) const {
    scope shared{compiled_->dynamic, value};
    reader r{how, shared};
    outcome result;
    r.read(*compiled_->root, value, &result.value);
    result.violations = std::move(r.violations);
    if (shared.exhausted() && result.violations.empty()) result.violations.push_back({"$", reader::too_many_steps});
    return result;
}

std::vector<violation> schema::validate(const json::value& value) const {
    scope shared{compiled_->dynamic, value};
    reader r{reading::strict, shared};
    r.read(*compiled_->root, value, nullptr);
    if (shared.exhausted() && r.violations.empty()) r.violations.push_back({"$", reader::too_many_steps});
    return std::move(r.violations);
}

}  // namespace reagent
