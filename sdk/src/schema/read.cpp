// Reading a value by a compiled schema: validation by JSON Schema's rules, or conversion of what a model means.
// The conversions are those of Pydantic 2's lax mode (docs.pydantic.dev, "Conversion Table").
#include "node.hpp"

#include <reagent/schema/render.hpp>

#include "../text.hpp"
#include "held_number.hpp"
#include "unicode.hpp"

#include <boost/json.hpp>

#include <charconv>
#include <cmath>
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
    if (digits.starts_with('+')) digits.erase(0, 1);
    if (digits.empty() || digits.starts_with('+') || digits.size() > 400) return {};
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
    if (auto [end, ec] = std::from_chars(d.data(), d.data() + d.size(), i); ec == std::errc{} && end == d.data() + d.size())
        return json::value(i);
    std::uint64_t u{};
    if (auto [end, ec] = std::from_chars(d.data(), d.data() + d.size(), u); ec == std::errc{} && end == d.data() + d.size())
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
    if (v.is_int64() && std::abs(v.get_int64()) < (std::int64_t{1} << 53)) return python_float(static_cast<double>(v.get_int64()));
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

class reader {
public:
    explicit reader(reading how) : lenient_{how == reading::lenient} {}

    std::vector<violation> violations;

    // Reads `v` by `n`; where `out` is given, writes the converted value there.
    bool read(const node& n, const json::value& v, json::value* out, int depth = 0) {
        if (depth > max_schema_depth) return report("nested deeper than 200 levels");
        if (n.empty) return copy(v, out), true;
        if (n.never) return report("no value is allowed here, got " + describe(v));
        bool ok = true;
        if (n.reference)
            ok = read(*n.reference, v, out, depth + 1);
        else
            copy(v, out);
        if (n.types) {
            if (!(type_of(v) & n.types)) {
                auto converted = lenient_ ? convert(n, v) : std::nullopt;
                if (!converted) return report("expected " + expected(n.types) + ", got " + describe(v));
                if (out) *out = *converted;
                return finish(n, *converted, out, depth) && ok;
            }
            // 3.0 fits "integer"; it becomes 3, so that conversion to a C++ integer is exact.
            if (out && v.is_double() && (n.types & node::integer) && !(n.types & node::number)) {
                double d = v.get_double();
                if (std::abs(d) < 9.2e18) *out = static_cast<std::int64_t>(d);
            }
        }
        return finish(n, v, out, depth) && ok;
    }

private:
    bool finish(const node& n, const json::value& v, json::value* out, int depth) {
        bool ok = true;
        if (n.constant && !equal_json(*n.constant, v)) ok = report("expected " + json::serialize(*n.constant) + ", got " + describe(v));
        if (n.enumeration) ok = one_of_values(*n.enumeration, v) && ok;
        if (v.is_number()) ok = numbers(n, v.to_number<double>()) && ok;
        if (v.is_string()) ok = strings(n, v.get_string()) && ok;
        if (v.is_array()) ok = arrays(n, v.get_array(), out, depth) && ok;
        if (v.is_object()) ok = objects(n, v.get_object(), out, depth) && ok;
        if (!n.any_of.empty()) ok = any_of(n.any_of, v, out, depth) && ok;
        if (!n.one_of.empty()) ok = one_of(n.one_of, v, out, depth) && ok;
        for (const node* part : n.all_of) ok = all_of(*part, v, out, depth) && ok;
        if (n.negated && fits(*n.negated, v, depth)) ok = report("must not be what `not` describes, got " + describe(v));
        if (n.if_) {
            const node* branch = fits(*n.if_, v, depth) ? n.then_ : n.else_;
            if (branch) ok = read(*branch, v, nullptr, depth + 1) && ok;
        }
        return ok;
    }

    static std::optional<json::value> convert(const node& n, const json::value& v) {
        if (n.types & (node::integer | node::number)) {
            bool whole = !(n.types & node::number);
            if (v.is_bool()) return json::value(v.get_bool() ? 1 : 0);
            if (v.is_string()) {
                auto number = whole ? lenient_integer(v.get_string()) : lenient_number(v.get_string());
                if (number) return number;
            }
        }
        if (n.types & node::boolean)
            if (auto b = lenient_boolean(v)) return json::value(*b);
        return {};
    }

    bool one_of_values(const json::array& values, const json::value& v) {
        for (const auto& allowed : values)
            if (equal_json(allowed, v)) return true;
        std::string list;
        for (const auto& allowed : values) list += (list.empty() ? "" : ", ") + json::serialize(allowed);
        return report("expected one of " + cut(list, 400) + ", got " + describe(v));
    }

    bool numbers(const node& n, double d) {
        bool ok = true;
        auto got = [&] { return ", got " + number_text(d); };
        if (n.minimum && !(d >= *n.minimum)) ok = report("must be at least " + number_text(*n.minimum) + got());
        if (n.maximum && !(d <= *n.maximum)) ok = report("must be at most " + number_text(*n.maximum) + got());
        if (n.exclusive_minimum && !(d > *n.exclusive_minimum)) ok = report("must be above " + number_text(*n.exclusive_minimum) + got());
        if (n.exclusive_maximum && !(d < *n.exclusive_maximum)) ok = report("must be below " + number_text(*n.exclusive_maximum) + got());
        if (n.multiple_of) {
            double q = d / *n.multiple_of;
            if (!(std::abs(q - std::round(q)) <= 1e-9 * std::max(1.0, std::abs(q))))
                ok = report("must be a multiple of " + number_text(*n.multiple_of) + got());
        }
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
        return ok;
    }

    static bool matches(const boost::regex& pattern, std::string_view text) {
        if (text.size() > max_pattern_input) return false;
        try {
            return boost::regex_search(text.begin(), text.end(), pattern);
        } catch (const std::runtime_error&) {
            return false;  // too complex: fails closed
        }
    }

    bool arrays(const node& n, const json::array& items, json::value* out, int depth) {
        bool ok = true;
        auto got = ", got " + std::to_string(items.size());
        if (n.min_items && items.size() < *n.min_items) ok = report("must have at least " + std::to_string(*n.min_items) + " items" + got);
        if (n.max_items && items.size() > *n.max_items) ok = report("must have at most " + std::to_string(*n.max_items) + " items" + got);
        for (std::size_t i = 0; i < items.size(); ++i) {
            const node* child = i < n.prefix_items.size() ? n.prefix_items[i] : n.items;
            if (!child) continue;
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
            for (const auto& item : items) found += fits(*n.contains, item, depth) ? 1 : 0;
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

    static bool unique(const json::array& items) {
        std::unordered_set<std::string> seen;
        for (const auto& item : items)
            if (!seen.insert(canonical(item)).second) return false;
        return true;
    }

    bool objects(const node& n, const json::object& members, json::value* out, int depth) {
        bool ok = true;
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
            if (const node* child = n.property(key)) known = true, ok = read(*child, value, target, depth + 1) && ok;
            for (const auto& [pattern, child] : n.pattern_properties)
                if (matches(pattern, key)) known = true, ok = read(*child, value, target, depth + 1) && ok;
            if (!known && n.additional) {
                if (n.additional->never) {
                    if (lenient_ && out)
                        out->get_object().stable_erase(key);
                    else if (!lenient_)
                        ok = report("is not a known property" + known_properties(n));
                } else
                    ok = read(*n.additional, value, target, depth + 1) && ok;
            } else if (!known && lenient_ && out && !n.properties.empty() && !in_combination_) {
                out->get_object().stable_erase(key);
            }
            if (n.property_names) ok = read(*n.property_names, json::value(key), nullptr, depth + 1) && ok;
            if (violations.size() >= max_violations) return false;
        }
        for (const auto& [name, others] : n.dependent_required)
            if (members.contains(name))
                for (const auto& other : others)
                    if (!members.contains(other)) ok = report("has `" + name + "`, so it needs `" + other + "`");
        for (const auto& [name, child] : n.dependent_schemas)
            if (members.contains(name)) ok = read(*child, json::value(members), nullptr, depth + 1) && ok;
        if (out)
            for (const auto& [name, child] : n.properties)
                if (child->fallback && !members.contains(name)) out->get_object()[name] = *child->fallback;
        return ok;
    }

    static std::string known_properties(const node& n) {
        std::string list;
        for (const auto& [name, child] : n.properties) list += (list.empty() ? "; known are " : ", ") + name;
        return cut(list, 300);
    }

    // Pydantic's "smart" union: first an alternative that fits as it is, then the first that can be converted to.
    bool any_of(const std::vector<const node*>& alternatives, const json::value& v, json::value* out, int depth) {
        std::vector<std::vector<violation>> failures;
        for (bool lenient : {false, true}) {
            if (lenient && !lenient_) break;
            for (const node* a : alternatives) {
                reader attempt{lenient ? reading::lenient : reading::strict};
                attempt.path_ = path_;
                json::value converted;
                bool ok = attempt.read(*a, v, &converted, depth + 1);
                if (ok && lenient_ && !lenient) {  // fits: now drop unknown properties, fill in defaults
                    reader tidy{reading::lenient};
                    tidy.read(*a, v, &converted, depth + 1);
                }
                if (ok) {
                    if (out) *out = std::move(converted);
                    return true;
                }
                if (lenient == lenient_) failures.push_back(std::move(attempt.violations));
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
            if (!f.empty() && wanted.find(f.front().message) == wanted.npos) wanted += (wanted.empty() ? "" : "; or ") + f.front().message;
        return report(cut(wanted, 500));
    }

    bool one_of(const std::vector<const node*>& alternatives, const json::value& v, json::value* out, int depth) {
        std::size_t count = 0;
        for (const node* a : alternatives) count += fits(*a, v, depth) ? 1 : 0;
        if (count == 0) return any_of(alternatives, v, out, depth);
        if (count > 1) return report("fits more than one of the alternatives in `oneOf`");
        for (const node* a : alternatives)
            if (fits(*a, v, depth)) return any_of({a}, v, out, depth);
        return false;
    }

    bool all_of(const node& part, const json::value& v, json::value* out, int depth) {
        bool before = std::exchange(in_combination_, true);
        json::value converted;
        bool ok = read(part, v, &converted, depth + 1);
        in_combination_ = before;
        if (ok && out) *out = std::move(converted);
        return ok;
    }

    static bool fits(const node& n, const json::value& v, int depth) { return reader{reading::strict}.read(n, v, nullptr, depth + 1); }

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
    bool in_combination_ = false;
    std::string path_ = "$";
};

}  // namespace

bool equal_json(const json::value& a, const json::value& b) {
    if (a.is_number() && b.is_number()) {
        if (a.is_double() || b.is_double()) return a.to_number<double>() == b.to_number<double>();
        return a == b;
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
    reader r{how};
    outcome result;
    r.read(*compiled_->root, value, &result.value);
    result.violations = std::move(r.violations);
    return result;
}

std::vector<violation> schema::validate(const json::value& value) const {
    reader r{reading::strict};
    r.read(*compiled_->root, value, nullptr);
    return std::move(r.violations);
}

}  // namespace reagent
