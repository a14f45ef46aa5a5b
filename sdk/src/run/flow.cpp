// Whether a call of a run may follow from what it has read without anybody's consent.
#include <reagent/run/flow.hpp>

#include <reagent/run/run.hpp>

#include "state.hpp"

#include <boost/json.hpp>

namespace reagent {

constexpr std::string_view same_step = "called in the same step";

const flow_state& run_core::flow() const { return state_->flow; }

void run_core::meet(flow_flags f, std::string tool, std::string where) {
    auto& s = *state_;
    if (tool.empty()) s.announced.clear();  // another step
    if (where == same_step && !tool.empty()) s.announced.emplace_back(tool, f);
    s.flow.meet(f, {std::move(tool), 0, std::move(where)});
}

namespace {

// What a call has met, without its own announcement: another call of the step stands for that, where one brings the
// same.
flow_state met_before(const std::vector<std::pair<std::string, flow_flags>>& announced, flow_state met,
                      const std::string& tool) {
    auto look = [&](std::optional<flow_source>& source, bool flow_flags::*flag) {
        if (!source || source->effect || source->tool != tool || source->where != same_step) return;
        bool own = true;
        source.reset();
        for (const auto& [other, flags] : announced) {
            if (!(flags.*flag)) continue;
            if (other == tool && std::exchange(own, false)) continue;
            if (!source) source = {other, 0, std::string{same_step}};
        }
    };
    look(met.untrusted, &flow_flags::untrusted);
    look(met.private_data, &flow_flags::private_data);
    return met;
}

}  // namespace

// The n-th call of a tool at a place has the n-th consent there, whether somebody is asked or not: so a replay finds
// it, whatever the run has met by then.
run_core::flow_question run_core::question_flow(const std::string& path, const std::string& tool, flow_flags flags,
                                                const json::value& arguments) {
    auto& s = *state_;
    const std::string at = path + ".flow";
    const auto n = upcoming(event_kind::approval, at);
    if (const event* known = live_ ? nullptr : s.kept.find(event_kind::approval, branch_, at, n))
        return {true, at, known->why};
    auto place_of = [&](event_kind kind, const std::string& where, std::uint32_t occurrence) {
        return event{.kind = kind, .branch = branch_, .path = where, .occurrence = occurrence};
    };
    if (!s.log || !s.log->is_pending(place_of(event_kind::approval, at, n))) {
        const auto calls = upcoming(event_kind::tool_call, path);
        const bool known = (!live_ && s.kept.holds(event_kind::tool_call, branch_, path, calls)) ||
                           (s.log && s.log->is_open(place_of(event_kind::tool_call, path, calls)));
        if (known || !s.options.flow.asks({tool, flags, arguments}, met_before(s.announced, s.flow, tool))) {
            occurrence(event_kind::approval, at);
            return {};
        }
    }
    std::string met = met_before(s.announced, s.flow, tool).text();
    return {
        true, at,
        (flags.acts ? "it acts" : "the flow policy wants it") + (met.empty() ? "" : ", and this run has read " + met)};
}

}  // namespace reagent
