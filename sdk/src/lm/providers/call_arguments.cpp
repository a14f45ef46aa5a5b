// Servers that stand for others write a call's arguments under the name that those give them: a call must not act
// without what was meant for it.
#include "call_arguments.hpp"

#include "../../base/text.hpp"
#include "call_pieces.hpp"
#include "reading.hpp"

#include <algorithm>

namespace reagent::provider {
namespace {

bool is_one_of(std::string_view name, std::initializer_list<std::string_view> names) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

// In lower case, without what joins words: servers write tool_args, toolArgs, Tool-Args.
std::string plain(std::string_view name) {
    std::string text = to_lower(name);
    std::erase_if(text, [](char c) { return c == '_' || c == '-' || c == ' '; });
    return text;
}

bool names_arguments(std::string_view name) {
    const std::string text = plain(name);
    for (const char* other : {"token", "schema"})
        if (text.find(other) != text.npos) return false;
    for (std::string_view word : {"argument", "parameter", "input", "kwarg", "params", "payload", "partialjson"})
        if (text.find(word) != text.npos) return true;
    return text == "args" || text == "arg" || text == "param" || text.ends_with("args") || text.ends_with("argsjson");
}

// What stands in a call beside its arguments. Source: the six protocols; LiteLLM (`provider_specific_fields`),
// Anthropic (`caller`).
bool is_beside_arguments(std::string_view name) {
    if (is_one_of(name, {"id", "type", "name", "index", "function"})) return true;  // most are
    if (to_lower(name).find("schema") != std::string::npos) return true;
    return is_one_of(plain(name), {"id",
                                   "callid",
                                   "toolcallid",
                                   "itemid",
                                   "type",
                                   "name",
                                   "index",
                                   "status",
                                   "signature",
                                   "thoughtsignature",
                                   "thought",
                                   "extracontent",
                                   "providerspecificfields",
                                   "caller",
                                   "cachecontrol",
                                   "function",
                                   "functioncall",
                                   "toolcall",
                                   "description",
                                   "role",
                                   "object",
                                   "namespace",
                                   "createdby",
                                   "strict",
                                   "metadata",
                                   "willcontinue",
                                   "partialargs",
                                   "outputindex",
                                   "sequencenumber",
                                   "title"});
}

bool says_something(const json::value& v) {
    switch (v.kind()) {
        case json::kind::null: return false;
        case json::kind::string: return !are_no_arguments(v.get_string());
        case json::kind::array: return !v.get_array().empty();
        case json::kind::object: return !v.get_object().empty();
        default: return true;
    }
}

bool is_piece(const json::value& v) { return v.is_string() ? !v.get_string().empty() : says_something(v); }

bool may_be_arguments(const json::value& v) { return v.is_string() || v.is_structured(); }

[[noreturn]] void say_two_things(const json::value& call) {
    malformed("has arguments of a tool call in two places, which say two things", json::serialize(call));
}

class search {
public:
    search(std::string_view own, std::initializer_list<const json::value*> parts) : own_{own}, parts_(parts) {}

    call_arguments run() {
        const json::value* given = member(*parts_.begin(), own_);
        const std::string text = payload_arguments(given);
        look_at_others(given, text.empty());
        if (!found_) return {text, given && given->is_structured(), text.empty() && unknown_};
        if (trim(text).empty()) return {payload_arguments(found_), found_->is_structured()};
        if (!same_arguments(text, payload_arguments(found_))) say_two_things(**parts_.begin());
        return {text, given->is_structured()};
    }

private:
    // @param none whether there are no arguments under their own name: then a piece of them may be a blank
    void look_at_others(const json::value* given, bool none) {
        for (const auto* part : parts_) {
            if (!part || !part->is_object()) continue;
            for (const auto& [name, v] : part->get_object()) {
                if (&v == given || is_beside_arguments(name) || !(none ? is_piece(v) : says_something(v))) continue;
                if (names_arguments(name) && may_be_arguments(v))
                    take(v, *part);
                else
                    unknown_ = true;
            }
        }
    }

    void take(const json::value& v, const json::value& call) {
        if (found_ && !same_arguments(payload_arguments(found_), payload_arguments(&v))) say_two_things(call);
        found_ = &v;
    }

    std::string_view own_;
    std::initializer_list<const json::value*> parts_;
    const json::value* found_ = nullptr;
    bool unknown_ = false;
};

}  // namespace

bool are_no_arguments(std::string_view text) {
    text = trim(text);
    if (text.empty() || text == "null") return true;
    return text.front() == '{' && text.back() == '}' && trim(text.substr(1, text.size() - 2)).empty();
}

call_arguments arguments_of(std::string_view own, std::initializer_list<const json::value*> parts) {
    return search{own, parts}.run();
}

std::string whole_arguments_of(std::string_view own, std::initializer_list<const json::value*> parts) {
    call_arguments found = arguments_of(own, parts);
    if (found.elsewhere)
        malformed("has a tool call without arguments, and a member that may hold them",
                  json::serialize(**parts.begin()));
    return std::move(found.text);
}

bool holds_stray_arguments(const json::value& v, std::initializer_list<std::string_view> known) {
    if (v.is_array())
        return std::any_of(v.get_array().begin(), v.get_array().end(),
                           [](const auto& part) { return holds_stray_arguments(part); });
    if (!v.is_object()) return false;
    for (const auto& [name, part] : v.get_object()) {
        if (is_one_of(name, known) || !may_be_arguments(part) || !is_piece(part)) continue;
        if (names_arguments(name) || holds_stray_arguments(part)) return true;
    }
    return false;
}

}  // namespace reagent::provider
