#include <reagent/watch/drift.hpp>

#include <reagent/watch/statistics.hpp>

#include <boost/json.hpp>

#include <map>
#include <set>

namespace reagent {
namespace {

constexpr std::size_t most_categories = 30, most_fields = 50;
constexpr std::size_t most_texts = 400;  // of each side, for the test of words

using values = std::vector<const json::value*>;  // of one field, one of each sample; null: it has none

std::size_t characters(std::string_view text) {
    std::size_t n = 0;
    for (unsigned char c : text) n += (c & 0xc0) != 0x80;
    return n;
}

std::string category_of(const json::value* v) {
    if (!v || v->is_null()) return "(none)";
    return v->is_string() ? std::string{std::string_view{v->get_string()}} : json::serialize(*v);
}

bool is_withheld(const json::value* v) {
    return v && v->is_string() && std::string_view{v->get_string()}.starts_with("(private");
}

drift_finding by_numbers(std::string what, const std::vector<double>& a, const std::vector<double>& b) {
    auto r = smirnov_test(a, b);
    return {std::move(what), "smirnov", r.statistic, r.p_value, population_stability(a, b)};
}

drift_finding by_categories(std::string what, const std::vector<std::string>& a, const std::vector<std::string>& b) {
    std::map<std::string, std::pair<std::size_t, std::size_t>> counts;
    const std::set<std::string> known{a.begin(), a.end()};
    for (const auto& c : a) ++counts[c].first;
    for (const auto& c : b) ++counts[known.contains(c) ? c : "(new)"].second;
    std::vector<std::size_t> before, after;
    for (const auto& [name, n] : counts) before.push_back(n.first), after.push_back(n.second);
    auto r = chi_square_test(before, after);
    return {std::move(what), "chi_square", r.statistic, r.p_value, population_stability(before, after)};
}

drift_finding by_texts(std::string what, const std::vector<std::string>& a, const std::vector<std::string>& b) {
    // Spread over the sample, so that no part of it is left out.
    auto some = [](const std::vector<std::string>& all) {
        std::vector<std::string> part;
        const std::size_t n = std::min(all.size(), most_texts);
        for (std::size_t i = 0; i < n; ++i) part.push_back(all[i * all.size() / n]);
        return part;
    };
    auto r = text_test(some(a), some(b));
    return {std::move(what), "text", r.statistic, r.p_value, r.statistic};
}

template <class T, class F>
std::vector<T> each(const values& all, F f) {
    std::vector<T> made;
    for (const auto* v : all)
        if (auto x = f(v)) made.push_back(std::move(*x));
    return made;
}

std::optional<std::string> text_in(const json::value* v) {
    if (!v || !v->is_string()) return std::nullopt;
    return std::string{std::string_view{v->get_string()}};
}
std::optional<double> number_in(const json::value* v) {
    if (!v || !v->is_number()) return std::nullopt;
    return v->to_number<double>();
}
std::optional<double> length_in(const json::value* v) {
    if (!v) return std::nullopt;
    if (v->is_string()) return static_cast<double>(characters(v->get_string()));
    if (v->is_array()) return static_cast<double>(v->get_array().size());
    return std::nullopt;
}
std::optional<std::string> kind_in(const json::value* v) { return category_of(v); }

// How a field of the reference is looked at.
void look_at(const std::string& name, const values& a, const values& b, std::vector<drift_finding>& found) {
    std::set<std::string> distinct;
    std::size_t numbers = 0, lengths = 0, texts = 0;
    for (const auto* v : a) {
        if (is_withheld(v)) return;
        if (distinct.size() <= most_categories) distinct.insert(category_of(v).substr(0, 200));
        numbers += v && v->is_number();
        texts += v && v->is_string();
        lengths += length_in(v).has_value();
    }
    if (distinct.size() <= most_categories && distinct.size() * 5 <= a.size()) {
        found.push_back(by_categories(name, each<std::string>(a, kind_in), each<std::string>(b, kind_in)));
        return;
    }
    if (numbers * 2 > a.size())
        found.push_back(by_numbers(name, each<double>(a, number_in), each<double>(b, number_in)));
    if (lengths * 2 > a.size())
        found.push_back(by_numbers(name + ": length", each<double>(a, length_in), each<double>(b, length_in)));
    if (texts * 2 > a.size())
        found.push_back(by_texts(name + ": words", each<std::string>(a, text_in), each<std::string>(b, text_in)));
}

values of_field(std::span<const sample> all, json::object sample::*side, const std::string& name) {
    values v;
    for (const auto& s : all)
        if (side == &sample::inputs || s.error.empty()) v.push_back((s.*side).if_contains(name));
    return v;
}

}  // namespace

json::object to_json(const drift_finding& f) {
    return {{"what", f.what},       {"test", f.test}, {"statistic", f.statistic},
            {"p_value", f.p_value}, {"size", f.size}, {"drifted", f.drifted}};
}

std::vector<drift_finding> find_drift(std::span<const sample> reference, std::span<const sample> window, double level,
                                      const drift_options& options) {
    std::vector<drift_finding> found;
    if (reference.empty() || window.empty()) return found;
    auto failed = [](std::span<const sample> all) {
        std::vector<std::string> kinds;
        for (const auto& s : all) kinds.push_back(s.error.empty() ? "answered" : "failed");
        return kinds;
    };
    found.push_back(by_categories("failures", failed(reference), failed(window)));
    for (auto side : {&sample::inputs, &sample::outputs}) {
        std::set<std::string> names;
        for (const auto& s : reference)
            for (const auto& [name, v] : s.*side)
                if (names.size() < most_fields) names.insert(name);
        const std::string prefix = side == &sample::inputs ? "inputs." : "outputs.";
        for (const auto& name : names) {
            auto a = of_field(reference, side, name), b = of_field(window, side, name);
            if (!a.empty() && !b.empty()) look_at(prefix + name, a, b, found);
        }
    }
    for (auto& f : found)
        f.drifted = f.p_value <= level / static_cast<double>(found.size()) &&
                    f.size >= (f.test == "text" ? options.least_rank : options.least_stability);
    return found;
}

}  // namespace reagent
