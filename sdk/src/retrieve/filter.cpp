#include <reagent/retrieve/filter.hpp>

#include <reagent/retrieve/error.hpp>

#include <boost/json.hpp>

#include <algorithm>
#include <cmath>
#include <compare>

namespace reagent {
namespace {

using kind = filter::kind;

constexpr std::size_t most_levels = 64, most_conditions = 10'000;

[[noreturn]] void wrong(const std::string& where, const std::string& why) {
    throw retrieve_error{retrieve_errc::bad_filter, "filter: " + where + ": " + why, {.path = where}};
}

bool can_be_compared(const json::value& v) {
    if (v.is_double()) return std::isfinite(v.get_double());
    return !v.is_structured();
}

// A whole number and a double, exactly: a double has no more than 53 bits of a whole number.
template <class Whole>
std::partial_ordering compare_mixed(Whole a, double b) {
    constexpr double end = std::is_signed_v<Whole> ? 0x1p63 : 0x1p64;
    if (b >= end) return std::partial_ordering::less;
    if (b < static_cast<double>(std::numeric_limits<Whole>::min())) return std::partial_ordering::greater;
    const double whole = std::floor(b);
    if (auto order = a <=> static_cast<Whole>(whole); order != 0) return order;
    return whole < b ? std::partial_ordering::less : std::partial_ordering::equivalent;
}

std::partial_ordering compare_numbers(const json::value& a, const json::value& b) {
    if (a.is_double() && b.is_double()) return a.get_double() <=> b.get_double();
    if (a.is_double()) return 0 <=> compare_numbers(b, a);
    if (b.is_double())
        return a.is_int64() ? compare_mixed(a.get_int64(), b.get_double())
                            : compare_mixed(a.get_uint64(), b.get_double());
    if (a.is_int64() && b.is_int64()) return a.get_int64() <=> b.get_int64();
    if (a.is_uint64() && b.is_uint64()) return a.get_uint64() <=> b.get_uint64();
    if (a.is_int64())
        return a.get_int64() < 0 ? std::partial_ordering::less
                                 : static_cast<std::uint64_t>(a.get_int64()) <=> b.get_uint64();
    return 0 <=> compare_numbers(b, a);
}

value_order order_of(std::partial_ordering o) {
    if (o == std::partial_ordering::less) return value_order::less;
    if (o == std::partial_ordering::greater) return value_order::greater;
    return o == std::partial_ordering::equivalent ? value_order::equal : value_order::unordered;
}

constexpr std::pair<const char*, kind> comparisons[]{{"$eq", kind::eq},   {"$in", kind::in}, {"$lt", kind::lt},
                                                     {"$lte", kind::lte}, {"$gt", kind::gt}, {"$gte", kind::gte}};

const char* word_of(kind k) {
    for (auto [word, of] : comparisons)
        if (of == k) return word;
    return "";
}

// Reads a filter and knows how much of it there has been.
class reader {
public:
    filter read(const json::value& v, const std::string& where, std::size_t level) {
        if (level > most_levels) wrong(where, "more than " + std::to_string(most_levels) + " levels");
        if (!v.is_object()) wrong(where, "expected an object of conditions");
        std::vector<filter> parts;
        for (const auto& [key, value] : v.get_object())
            parts.push_back(member(std::string{key}, value, where + "." + std::string{key}, level));
        return filter::all_of(std::move(parts));
    }

private:
    filter member(const std::string& key, const json::value& value, const std::string& where, std::size_t level) {
        if (++conditions_ > most_conditions)
            wrong(where, "more than " + std::to_string(most_conditions) + " conditions");
        if (key == "$and" || key == "$or") {
            auto parts = list(value, where, level);
            return key == "$and" ? filter::all_of(std::move(parts)) : filter::any_of(std::move(parts));
        }
        if (key == "$not") return !read(value, where, level + 1);
        if (key.starts_with('$'))
            wrong(where,
                  "no such operator; there are $and, $or, $not, and for a member $eq, $ne, $in, $nin, $lt, $lte, $gt, "
                  "$gte");
        if (!value.is_object()) return compared(key, "$eq", value, where);
        std::vector<filter> parts;
        for (const auto& [word, operand] : value.get_object())
            parts.push_back(compared(key, std::string{word}, operand, where + "." + std::string{word}));
        if (parts.empty()) wrong(where, "expected a value, or an operator like {\"$gte\": 3}");
        return filter::all_of(std::move(parts));
    }

    std::vector<filter> list(const json::value& value, const std::string& where, std::size_t level) {
        if (!value.is_array()) wrong(where, "expected a list of filters");
        std::vector<filter> parts;
        for (const auto& item : value.get_array()) {
            const std::string place = where + "[" + std::to_string(parts.size()) + "]";
            parts.push_back(read(item, place, level + 1));
        }
        return parts;
    }

    filter compared(const std::string& field, const std::string& word, const json::value& operand,
                    const std::string& where) {
        if (++conditions_ > most_conditions)
            wrong(where, "more than " + std::to_string(most_conditions) + " conditions");
        try {
            if (word == "$ne") return filter::ne(field, operand);
            if (word == "$nin" || word == "$in") {
                if (!operand.is_array()) wrong(where, "expected a list of values");
                if ((conditions_ += operand.get_array().size()) > most_conditions)
                    wrong(where, "more than " + std::to_string(most_conditions) + " conditions");
                filter f = filter::in(field, operand.get_array());
                return word == "$in" ? f : !f;
            }
            if (word == "$eq") return filter::eq(field, operand);
            if (word == "$lt") return filter::lt(field, operand);
            if (word == "$lte") return filter::lte(field, operand);
            if (word == "$gt") return filter::gt(field, operand);
            if (word == "$gte") return filter::gte(field, operand);
        } catch (const retrieve_error& e) {
            if (!e.details().path.empty()) throw;
            wrong(where, e.what());
        }
        wrong(where, "no such operator; there are $eq, $ne, $in, $nin, $lt, $lte, $gt, $gte");
    }

    std::size_t conditions_ = 0;
};

}  // namespace

filter filter::compared(kind k, std::string field, json::value v) {
    auto refuse = [](const json::value& bad) {
        throw retrieve_error{retrieve_errc::bad_filter,
                             "only texts, finite numbers, booleans and null are compared, not " + json::serialize(bad)};
    };
    if (k == kind::in) {
        for (const auto& item : v.get_array())
            if (!can_be_compared(item)) refuse(item);
    } else if (!can_be_compared(v))
        refuse(v);
    filter f;
    f.what_ = k;
    f.field_ = std::move(field);
    f.value_ = std::move(v);
    return f;
}

filter filter::all_of(std::vector<filter> parts) {
    std::erase_if(parts, [](const filter& f) { return f.holds_always(); });
    if (parts.empty()) return {};
    if (parts.size() == 1) return std::move(parts.front());
    filter f;
    f.what_ = kind::conjunction;
    f.parts_ = std::move(parts);
    return f;
}

filter filter::any_of(std::vector<filter> parts) {
    if (parts.size() == 1) return std::move(parts.front());
    filter f;
    f.what_ = kind::disjunction;
    f.parts_ = std::move(parts);
    return f;
}

filter filter::operator!() const {
    if (what_ == kind::negation) return parts_.front();
    filter f;
    f.what_ = kind::negation;
    f.parts_.push_back(*this);
    return f;
}

filter filter::from_json(const json::value& v) { return reader{}.read(v, "$", 0); }

json::object filter::to_json() const {
    json::array parts;
    for (const auto& p : parts_) parts.push_back(p.to_json());
    switch (what_) {
        case kind::all: return {};
        case kind::conjunction: return {{"$and", std::move(parts)}};
        case kind::disjunction: return {{"$or", std::move(parts)}};
        case kind::negation: return {{"$not", parts_.front().to_json()}};
        default: return {{field_, json::object{{word_of(what_), value_}}}};
    }
}

value_order compare_values(const json::value& a, const json::value& b) {
    if (a.is_number() && b.is_number()) return order_of(compare_numbers(a, b));
    if (a.is_string() && b.is_string())
        return order_of(std::string_view{a.get_string()} <=> std::string_view{b.get_string()});
    if (a.is_bool() && b.is_bool()) return a.get_bool() == b.get_bool() ? value_order::equal : value_order::unordered;
    return a.is_null() && b.is_null() ? value_order::equal : value_order::unordered;
}

bool matches(const filter& f, const json::object& metadata) {
    auto holds = [&](const filter& part) { return matches(part, metadata); };
    switch (f.what()) {
        case kind::all: return true;
        case kind::conjunction: return std::all_of(f.parts().begin(), f.parts().end(), holds);
        case kind::disjunction: return std::any_of(f.parts().begin(), f.parts().end(), holds);
        case kind::negation: return !holds(f.parts().front());
        default: break;
    }
    const auto* v = metadata.if_contains(f.field());
    if (!v || v->is_structured()) return false;
    if (f.what() == kind::in) {
        const auto& values = f.value().get_array();
        return std::any_of(values.begin(), values.end(),
                           [&](const json::value& one) { return compare_values(*v, one) == value_order::equal; });
    }
    const auto order = compare_values(*v, f.value());
    switch (f.what()) {
        case kind::eq: return order == value_order::equal;
        case kind::lt: return order == value_order::less;
        case kind::lte: return order == value_order::less || order == value_order::equal;
        case kind::gt: return order == value_order::greater;
        default: return order == value_order::greater || order == value_order::equal;
    }
}

}  // namespace reagent
