#include "privacy.hpp"

#include <reagent/lm/language_model.hpp>
#include <reagent/schema/repair.hpp>
#include <reagent/signature/signature.hpp>

#include "../base/redact.hpp"
#include "../base/text.hpp"

#include <boost/json.hpp>

#include <algorithm>

namespace reagent::detail {
namespace {

constexpr std::size_t shortest = 4;  // bytes of a value that is looked for in other texts: shorter ones stand everywhere
constexpr std::size_t most_values = 1000;
constexpr std::string_view withheld = in_place_of_private;

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
    else if (!v.is_null() && !v.is_bool()) {
        std::string text = v.is_string() ? std::string{v.get_string()} : json::serialize(v);
        if (text.size() < shortest) return;
        if (values_.size() < most_values || values_.contains(text)) {
            std::string quoted = json::serialize(json::value(json::string(text)));  // as it stands within JSON
            if (quoted.size() > text.size() + 2) values_.insert(quoted.substr(1, quoted.size() - 2));
            values_.insert(std::move(text));
        } else
            too_many_ = true;
    }
}

void privacy::learn(const std::string& path, const signature& s, const json::object& inputs) {
    for (const auto* fields : {&s.inputs, &s.outputs})
        for (const auto& f : *fields)
            if (f.is_private || names_.contains(f.name)) paths_[path].insert(f.name);
    learn(path, inputs);
}

void privacy::learn(const std::string& path, const json::object& fields) {
    if (is_empty()) return;
    for (const auto& [name, v] : fields) {
        if (is_private(path, name))
            keep(v);
        else if (v.is_object())
            learn(path, v.get_object());
    }
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
    if (v.is_number() && (too_many_ || values_.contains(json::serialize(v)))) return json::value(withheld);
    return v;
}

std::string privacy::shown(std::string_view text) const {
    if (too_many_) return std::string{withheld};  // they cannot all be looked for, so no text is shown
    std::vector<std::string_view> values;
    for (const auto& v : values_)
        if (text.find(v) != text.npos) values.push_back(v);
    if (secrets_) return without(text, *secrets_->search(), values);
    return without(text, std::span<const secret>{}, values);
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
