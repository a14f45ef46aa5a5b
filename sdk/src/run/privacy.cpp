#include "privacy.hpp"

#include <reagent/lm/language_model.hpp>
#include <reagent/schema/render.hpp>
#include <reagent/schema/repair.hpp>
#include <reagent/signature/signature.hpp>

#include "../base/redact.hpp"
#include "../base/text.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <iterator>

namespace reagent::detail {
namespace {

constexpr std::size_t shortest =
    4;  // bytes of a value that is looked for in other texts: shorter ones stand everywhere
constexpr std::size_t most_values = 1000;
constexpr std::string_view withheld = in_place_of_private;

std::string fixed_text(double d, int digits = -1) {
    char text[400];
    auto end = digits < 0 ? std::to_chars(text, std::end(text), d, std::chars_format::fixed)
                          : std::to_chars(text, std::end(text), d, std::chars_format::fixed, digits);
    return end.ec == std::errc{} ? std::string{text, end.ptr} : std::string{};
}

// A number as JSON, prompts and people write it: 1.2345678E4, 12345.678, 12,345.678, and 5000.0 for 5000.
std::vector<std::string> spellings(const json::value& v) {
    if (v.is_string()) return {std::string{v.get_string()}};
    std::vector<std::string> all{json::serialize(v), python_str(v)};
    auto d = v.to_number<double>();
    if (!std::isfinite(d)) return all;
    std::string plain = v.is_double() ? fixed_text(d) : json::serialize(v);
    if (plain.size() < shortest) return all;
    all.push_back(plain);
    if (plain.find('.') == plain.npos) {
        all.push_back(plain + ".0");
        all.push_back(json::serialize(json::value(d)));
    }
    if (auto money = fixed_text(d, 2); std::fabs(d) < 1e15 && std::strtod(money.c_str(), nullptr) == d)
        all.push_back(money);
    auto point = std::min(plain.find('.'), plain.size());
    for (auto at = point; at > 3 && is_digit(plain[at - 4]);) plain.insert(at -= 3, ",");
    all.push_back(plain);
    std::sort(all.begin(), all.end());
    all.erase(std::unique(all.begin(), all.end()), all.end());
    return all;
}

}  // namespace

bool privacy::is_private(const std::string& path, std::string_view name) const {
    std::string key{name};
    if (names_.contains(key)) return true;
    auto found = paths_.find(path);
    return found != paths_.end() && found->second.contains(key);
}

void privacy::keep(const json::value& v) {
    if (v.is_object())
        for (const auto& [key, item] : v.get_object()) keep(item);
    else if (v.is_array())
        for (const auto& item : v.get_array()) keep(item);
    else if (!v.is_null() && !v.is_bool())
        for (auto& text : spellings(v)) {
            if (text.size() < shortest || values_.contains(text)) continue;
            if (values_.size() >= most_values) {
                too_many_ = true;
                continue;
            }
            values_.insert(std::move(text));
            search_.reset();
        }
}

void privacy::learn(const std::string& path, const signature& s, const json::object& inputs) {
    for (const auto* fields : {&s.inputs, &s.outputs})
        for (const auto& f : *fields) {
            if (f.is_private || names_.contains(f.name)) paths_[path].insert(f.name);
            if (!f.private_members.empty()) paths_[path].insert(f.private_members.begin(), f.private_members.end());
        }
    learn(path, inputs);
}

void privacy::learn(const std::string& path, const json::object& fields) {
    if (is_empty()) return;
    for (const auto& [name, v] : fields) {
        if (is_private(path, name))
            keep(v);
        else
            learn(path, v);
    }
}

void privacy::learn(const std::string& path, const json::value& v) {
    if (is_empty()) return;
    if (v.is_object())
        learn(path, v.get_object());
    else if (v.is_array())
        for (const auto& item : v.get_array()) learn(path, item);
    else if (v.is_string())  // calls have their arguments as the text of JSON
        if (std::string_view text = trim(std::string_view{v.get_string()});
            text.starts_with('{') || text.starts_with('['))
            if (auto inner = parse_json(text); inner && inner->is_structured()) learn(path, *inner);
}

bool privacy::may_hold_private(const std::string& path, std::string_view text) const {
    auto named = [&](const std::set<std::string>& names) {
        return std::any_of(names.begin(), names.end(), [&](const auto& n) { return text.find(n) != text.npos; });
    };
    auto found = paths_.find(path);
    return named(names_) || (found != paths_.end() && named(found->second));
}

void privacy::learn(const std::string& path, const lm_response& answer, bool has_tools) {
    if (is_empty()) return;
    for (const auto& call : answer.tool_calls) {
        auto arguments = parse_json(call.arguments);
        if (arguments && arguments->is_object())
            learn(path, arguments->get_object());
        else if (may_hold_private(path, call.arguments))
            keep(json::value(json::string(call.arguments)));
    }
    if (has_tools && answer.tool_calls.empty()) keep(json::value(json::string(trim(answer.text))));
}

json::value privacy::shown(const std::string& path, const json::value& v) const {
    // Arguments of calls are JSON within a text, where a value may be escaped in more than one way.
    if (v.is_string() && !is_empty()) {
        std::string_view text = trim(std::string_view{v.get_string()});
        if (text.starts_with('{') || text.starts_with('[')) {
            auto inner = parse_json(text);
            if (inner && inner->is_structured()) return json::value(json::string(json::serialize(shown(path, *inner))));
            if (may_hold_private(path, text)) return json::value(withheld);
        }
    }
    if (v.is_object()) {
        json::object o;
        for (const auto& [name, item] : v.get_object())
            o[shown(std::string_view{name})] = is_private(path, name)     ? json::value(withheld)
                                               : is_named_key(name, item) ? json::value(in_place_of_a_secret)
                                                                          : shown(path, item);
        return o;
    }
    if (v.is_array()) {
        json::array a;
        for (const auto& item : v.get_array()) a.push_back(shown(path, item));
        return a;
    }
    if (v.is_string()) return json::value(json::string(shown(std::string_view{v.get_string()})));
    if (v.is_number()) {
        auto written = spellings(v);
        if (too_many_ ||
            std::any_of(written.begin(), written.end(), [&](const auto& text) { return values_.contains(text); }))
            return json::value(withheld);
    }
    return v;
}

std::string privacy::shown(std::string_view text) const {
    if (too_many_) return std::string{withheld};  // they cannot all be looked for, so no text is shown
    if (!search_ && !values_.empty()) {
        std::vector<std::string> values{values_.begin(), values_.end()};
        search_ = std::make_shared<const secret_search>(std::span<const std::string>{values});
    }
    return without(text, secrets_ ? *secrets_->search() : secret_search{}, search_ ? *search_ : secret_search{});
}

std::string without_quotes(std::string_view error) {
    constexpr std::string_view got = ", got ";
    auto end = std::min(error.find_first_of("\"'\n{["), error.size());
    if (auto at = error.find(got); at < end) {  // its type is told, its value not
        end = at + got.size();
        while (end < error.size() && is_word(error[end])) ++end;
    }
    if (end == error.size()) return std::string{error};
    std::string told{trim(error.substr(0, end))};
    return told.empty() ? "(what it says stands in logs at level trace)" : told + " ...";
}

}  // namespace reagent::detail
