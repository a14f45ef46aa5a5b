// What a run has read, and whether a call may follow from it without anybody's consent.
#include <reagent/journal/flow.hpp>

#include <reagent/error.hpp>
#include <reagent/journal/journal.hpp>

#include <boost/json.hpp>

namespace reagent {
namespace {

constexpr std::pair<std::string_view, bool flow_flags::*> flag_names[]{
    {"untrusted", &flow_flags::untrusted}, {"private_data", &flow_flags::private_data}, {"acts", &flow_flags::acts}};

std::string by(const flow_source& s) {
    std::string text;
    if (!s.tool.empty()) text += " by `" + s.tool + "`";
    std::string details = s.effect ? "effect " + std::to_string(s.effect) : std::string{};
    if (!s.where.empty()) details += (details.empty() ? "" : ", ") + s.where;
    return details.empty() ? text : text + " (" + details + ")";
}

json::object to_json(const flow_source& s) {
    json::object o;
    if (!s.tool.empty()) o["tool"] = s.tool;
    if (s.effect) o["effect"] = s.effect;
    if (!s.where.empty()) o["where"] = s.where;
    return o;
}

flow_source source_from(const json::value& v) {
    flow_source s;
    if (!v.is_object()) return s;
    const auto& o = v.get_object();
    if (auto* t = o.if_contains("tool"); t && t->is_string()) s.tool = t->get_string();
    if (auto* w = o.if_contains("where"); w && w->is_string()) s.where = w->get_string();
    boost::system::error_code ec;
    if (auto* e = o.if_contains("effect"); e && e->is_number()) s.effect = e->to_number<std::uint64_t>(ec);
    return s;
}

void meet_one(std::optional<flow_source>& known, const flow_source& source) {
    // A call that was announced gets its number when it is made.
    bool numbered = known && !known->effect && source.effect && !known->tool.empty() && known->tool == source.tool;
    if (!known || numbered) known = source;
}

}  // namespace

json::array to_json(flow_flags f) {
    json::array names;
    for (auto [name, flag] : flag_names)
        if (f.*flag) names.emplace_back(name);
    return names;
}

flow_flags flow_flags_from_json(const json::value& v) {
    flow_flags f;
    if (v.is_null()) return f;
    if (!v.is_array()) throw run_error{run_errc::bad_journal, "`flow` is no list of flags"};
    for (const auto& one : v.get_array()) {
        bool known = false;
        for (auto [name, flag] : flag_names)
            if (one.is_string() && one.get_string() == name) f.*flag = known = true;
        if (!known)
            throw run_error{run_errc::bad_journal, "`flow` holds " + json::serialize(one) + ", which is no flag"};
    }
    return f;
}

void flow_state::meet(flow_flags f, const flow_source& source) {
    if (f.untrusted) meet_one(untrusted, source);
    if (f.private_data) meet_one(private_data, source);
}

void flow_state::meet(const flow_state& other, const std::string& where) {
    auto take = [&](std::optional<flow_source>& own, const std::optional<flow_source>& theirs) {
        if (!theirs || own) return;
        own = theirs->where.empty() ? flow_source{theirs->tool, 0, where} : *theirs;
    };
    take(untrusted, other.untrusted);
    take(private_data, other.private_data);
}

void flow_state::meet(const journal& of) {
    for (const auto* events : {&of.events(), &of.abandoned()})
        for (const auto& e : *events)
            if (e.kind == event_kind::tool_call) meet(e.flow, {e.tool, e.id, {}});
}

std::string flow_state::text() const {
    std::string text;
    if (private_data) text += "private data" + by(*private_data);
    if (untrusted) text += (text.empty() ? "" : " and ") + ("untrusted words" + by(*untrusted));
    return text;
}

json::object to_json(const flow_state& s) {
    json::object o;
    if (s.untrusted) o["untrusted"] = to_json(*s.untrusted);
    if (s.private_data) o["private_data"] = to_json(*s.private_data);
    return o;
}

flow_state flow_state_from_json(const json::object& o) {
    flow_state s;
    if (auto* v = o.if_contains("untrusted")) s.untrusted = source_from(*v);
    if (auto* v = o.if_contains("private_data")) s.private_data = source_from(*v);
    return s;
}

flow_flags flow_policy::flags_of(std::string_view tool, const std::optional<flow_flags>& declares,
                                 bool read_only) const {
    if (auto found = tools.find(tool); found != tools.end()) return found->second;
    if (declares) return *declares;
    if (mode == strict) return {true, true, !read_only};
    return {};
}

bool flow_policy::asks(const flow_call& call, const flow_state& met) const {
    if (needs_consent) return needs_consent(call, met);
    if (!call.flags.acts || !met.untrusted) return false;
    return mode == strict || (mode == declared && met.private_data);
}

}  // namespace reagent
