#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace reagent {

namespace json = boost::json;

/// A condition on the metadata of passages: a value.
///
///     auto recent = filter::gte("year", 2024) && !filter::eq("lang", "de");
///     auto same   = filter::from_json(json::parse(R"({"year": {"$gte": 2024}, "lang": {"$ne": "de"}})"));
///
/// Only texts, numbers, booleans and null are compared. `1` equals `1.0`; a text and a number are never equal, and
/// neither is before the other; texts are ordered by their bytes. A member that a passage does not have equals nothing
/// and is before nothing, so `ne` holds for it. `metadata` members that are lists or objects count as not there.
class filter {
public:
    enum class kind { all, eq, in, lt, lte, gt, gte, conjunction, disjunction, negation };

    filter() = default;  ///< holds for every passage

    // Values are texts, numbers, booleans, nullptr, or a json::value of these.
    template <class T>
    static filter eq(std::string field, const T& v) {
        return compared(kind::eq, std::move(field), value_of(v));
    }
    template <class T>
    static filter ne(std::string field, const T& v) {
        return !eq(std::move(field), v);
    }
    template <class T>
    static filter lt(std::string field, const T& v) {
        return compared(kind::lt, std::move(field), value_of(v));
    }
    template <class T>
    static filter lte(std::string field, const T& v) {
        return compared(kind::lte, std::move(field), value_of(v));
    }
    template <class T>
    static filter gt(std::string field, const T& v) {
        return compared(kind::gt, std::move(field), value_of(v));
    }
    template <class T>
    static filter gte(std::string field, const T& v) {
        return compared(kind::gte, std::move(field), value_of(v));
    }
    static filter in(std::string field, json::array values) {
        return compared(kind::in, std::move(field), std::move(values));
    }
    static filter all_of(std::vector<filter> parts);  ///< of none: holds always
    static filter any_of(std::vector<filter> parts);  ///< of none: holds never

    friend filter operator&&(filter a, filter b) { return all_of({std::move(a), std::move(b)}); }
    friend filter operator||(filter a, filter b) { return any_of({std::move(a), std::move(b)}); }
    filter operator!() const;

    /// In the words that MongoDB and Chroma use: `{"field": value}`, `$eq $ne $in $nin $lt $lte $gt $gte $and $or
    /// $not`; several members of an object all have to hold. `{}` holds always.
    /// @throws retrieve_error(bad_filter) naming the place, also for more than 64 levels or 10,000 conditions
    static filter from_json(const json::value& v);
    json::object to_json() const;

    // For those who translate it.
    kind what() const { return what_; }
    const std::string& field() const { return field_; }          ///< of a comparison
    const json::value& value() const { return value_; }          ///< of a comparison; of `in` a list
    const std::vector<filter>& parts() const { return parts_; }  ///< of the last three; of a negation one
    bool holds_always() const { return what_ == kind::all; }

    bool operator==(const filter&) const = default;

private:
    /// @throws retrieve_error(bad_filter) for a value that cannot be compared
    static filter compared(kind k, std::string field, json::value v);
    template <class T>
    static json::value value_of(const T& v) {
        if constexpr (std::is_convertible_v<const T&, std::string_view>)
            return json::value(std::string_view{v});
        else
            return json::value(v);
    }

    kind what_ = kind::all;
    std::string field_;
    json::value value_;
    std::vector<filter> parts_;
};

/// Whether the filter holds for a passage with this metadata. Pure: what an index or a server does instead has to come
/// to the same.
bool matches(const filter& f, const json::object& metadata);

/// How two such values compare. @return negative, zero, positive; `unordered` where neither is before the other
enum class value_order { less, equal, greater, unordered };
value_order compare_values(const json::value& a, const json::value& b);

}  // namespace reagent
