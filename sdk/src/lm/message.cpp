#include <reagent/lm/message.hpp>

#include <boost/json.hpp>

namespace reagent {

std::string_view to_string(role r) {
    switch (r) {
        case role::system: return "system";
        case role::user: return "user";
        case role::assistant: return "assistant";
        case role::tool: return "tool";
    }
    return {};
}

usage& usage::operator+=(const usage& other) {
    calls += other.calls;
    prompt_tokens += other.prompt_tokens;
    completion_tokens += other.completion_tokens;
    if (other.cost) cost = cost.value_or(0) + *other.cost;
    return *this;
}

json::object to_json(const usage& u) {
    json::object o{{"calls", u.calls}, {"prompt_tokens", u.prompt_tokens}, {"completion_tokens", u.completion_tokens}};
    if (u.cost) o["cost"] = *u.cost;
    return o;
}

json::object to_json(const message& m) {
    json::object o{{"role", to_string(m.role)}, {"content", m.content}};
    if (!m.tool_calls.empty()) {
        json::array calls;
        for (const auto& c : m.tool_calls) calls.push_back({{"id", c.id}, {"name", c.name}, {"arguments", c.arguments}});
        o["tool_calls"] = std::move(calls);
    }
    if (!m.tool_call_id.empty()) o["tool_call_id"] = m.tool_call_id;
    return o;
}

}  // namespace reagent
