#include <reagent/journal/journal.hpp>

#include <boost/json.hpp>

namespace reagent {
namespace {

std::size_t weight(const json::value& v) {
    std::size_t n = sizeof v;
    if (v.is_string())
        n += v.get_string().size();
    else if (v.is_array())
        for (const auto& item : v.get_array()) n += weight(item);
    else if (v.is_object())
        for (const auto& [key, item] : v.get_object()) n += key.size() + weight(item);
    return n;
}

std::size_t weight(const event& e) {
    std::size_t n = sizeof e + e.branch.size() + e.path.size() + e.tool.size() + e.error.size() + e.why.size() +
                    weight(e.arguments) + weight(e.result);
    if (e.request) n += e.request->kept_bytes();
    if (e.response) n += sizeof *e.response + e.response->text.size();
    return n;
}

std::size_t weight(const json::object& o) {
    std::size_t n = sizeof o;
    for (const auto& [key, item] : o) n += key.size() + weight(item);
    return n;
}

std::size_t weight(const predictor_call& c) {
    return sizeof c + c.place.branch.size() + c.place.path.size() + weight(c.inputs) + weight(c.outputs) +
           c.trajectory.kept_bytes();
}

}  // namespace

std::string_view to_string(event_kind k) {
    switch (k) {
        case event_kind::model_call: return "model_call";
        case event_kind::tool_call: return "tool_call";
        case event_kind::clock: return "clock";
        case event_kind::random: return "random";
        case event_kind::approval: return "approval";
    }
    return {};
}

void journal::append(event e) {
    bytes_ += weight(e);
    if (events_.empty()) events_.reserve(8);  // an event is large: most runs have a few, and none is moved
    events_.push_back(std::move(e));
}

void journal::append(std::shared_ptr<const predictor_call> c) {
    bytes_ += weight(*c);
    calls_.push_back(std::move(c));
}

void journal::append(failed_assertion a) {
    bytes_ += sizeof a + a.message.size() + weight(a.outputs);
    violations_.push_back(std::move(a));
}

void journal::abandon(event e) {
    bytes_ += weight(e);
    abandoned_.push_back(std::move(e));
}

void journal::advise(const call_place& place, feedback f) {
    bytes_ += sizeof f + f.message.size() + weight(f.outputs);
    feedback_[place].push_back(std::move(f));
}

std::vector<event> journal::take(std::string_view branch) {
    std::vector<event> taken, stay;
    for (auto& e : events_)
        if (is_within(e.branch, branch)) {
            bytes_ -= weight(e);
            taken.push_back(std::move(e));
        } else
            stay.push_back(std::move(e));
    events_ = std::move(stay);
    forget_calls(branch);
    return taken;
}

void journal::forget_calls(std::string_view branch) {
    std::erase_if(calls_, [&](const auto& c) {
        if (!is_within(c->place.branch, branch)) return false;
        bytes_ -= weight(*c);
        return true;
    });
}

void journal::adopt_assertions(const journal& other) {
    for (const auto& a : other.violations_) append(a);
    for (const auto& e : other.abandoned_) abandon(e);
    for (const auto& [place, all] : other.feedback_)
        for (const auto& f : all) advise(place, f);
}

bool is_within(std::string_view branch, std::string_view ancestor) {
    if (ancestor.empty()) return true;
    return branch.starts_with(ancestor) && (branch.size() == ancestor.size() || branch[ancestor.size()] == '.');
}

namespace {

json::object to_json_object(const event& e) {
    json::object o{{"kind", to_string(e.kind)}, {"branch", e.branch}, {"path", e.path}, {"occurrence", e.occurrence}};
    if (e.request) {
        json::array messages;
        const lm_request whole = e.request->whole();
        for (const auto& m : whole.messages) messages.push_back(reagent::to_json(m));
        o["request"] = json::object{{"messages", std::move(messages)}};
    }
    if (e.response) {
        json::object r{{"text", e.response->text},
                       {"finish_reason", to_string(e.response->finish)},
                       {"model", e.response->model},
                       {"usage", reagent::to_json(e.response->usage)}};
        json::array calls;
        for (const auto& c : e.response->tool_calls)
            calls.push_back({{"id", c.id}, {"name", c.name}, {"arguments", c.arguments}});
        if (!calls.empty()) r["tool_calls"] = std::move(calls);
        o["response"] = std::move(r);
    }
    if (!e.tool.empty()) o["tool"] = e.tool, o["arguments"] = e.arguments;
    if (e.kind != event_kind::model_call) o["result"] = e.result;
    if (!e.error.empty()) o["error"] = e.error;
    if (e.flow.any()) o["flow"] = to_json(e.flow);
    if (!e.why.empty()) o["why"] = e.why;
    o["started_us"] = e.started.count();
    o["duration_us"] = e.duration.count();
    return o;
}

}  // namespace

json::array journal::to_json() const {
    json::array all;
    for (const auto& e : events_) all.push_back(to_json_object(e));
    for (const auto& e : abandoned_) {
        json::object o = to_json_object(e);
        o["abandoned"] = true;
        all.push_back(std::move(o));
    }
    for (const auto& a : violations_)
        all.push_back(json::object{{"kind", a.soft ? "suggestion" : "assertion"},
                                   {"branch", a.blamed.branch},
                                   {"path", a.blamed.path},
                                   {"occurrence", a.blamed.occurrence},
                                   {"message", a.message},
                                   {"site", a.site},
                                   {"outputs", a.outputs},
                                   {"final", a.final}});
    return all;
}

}  // namespace reagent
