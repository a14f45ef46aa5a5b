#include <reagent/run/journal.hpp>

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
    std::size_t n = sizeof e + e.branch.size() + e.path.size() + e.tool.size() + e.error.size() + weight(e.arguments) + weight(e.result);
    if (e.request)
        for (const auto& m : e.request->messages) n += sizeof m + m.content.size();
    if (e.response) n += sizeof *e.response + e.response->text.size();
    return n;
}

}  // namespace

std::string_view to_string(event_kind k) {
    switch (k) {
        case event_kind::model_call: return "model_call";
        case event_kind::tool_call: return "tool_call";
        case event_kind::clock: return "clock";
        case event_kind::random: return "random";
    }
    return {};
}

std::string journal::key(event_kind kind, std::string_view branch, std::string_view path, std::uint32_t occurrence) {
    std::string k{branch};
    k.append(1, '\0').append(path).append(1, '\0').append(to_string(kind)).append(1, '\0').append(std::to_string(occurrence));
    return k;
}

const event* journal::find(event_kind kind, std::string_view branch, std::string_view path, std::uint32_t occurrence) const {
    for (; indexed_ < events_.size(); ++indexed_) {
        const auto& e = events_[indexed_];
        index_.emplace(key(e.kind, e.branch, e.path, e.occurrence), indexed_);
    }
    auto found = index_.find(key(kind, branch, path, occurrence));
    return found == index_.end() ? nullptr : &events_[found->second];
}

void journal::append(event e) {
    bytes_ += weight(e);
    events_.push_back(std::move(e));
}

json::array journal::to_json() const {
    json::array all;
    for (const auto& e : events_) {
        json::object o{{"kind", to_string(e.kind)}, {"branch", e.branch}, {"path", e.path}, {"occurrence", e.occurrence}};
        if (e.request) {
            json::array messages;
            for (const auto& m : e.request->messages) messages.push_back(reagent::to_json(m));
            o["request"] = json::object{{"messages", std::move(messages)}};
        }
        if (e.response) {
            json::object r{{"text", e.response->text},
                           {"finish_reason", to_string(e.response->finish)},
                           {"model", e.response->model},
                           {"usage", reagent::to_json(e.response->usage)}};
            json::array calls;
            for (const auto& c : e.response->tool_calls) calls.push_back({{"id", c.id}, {"name", c.name}, {"arguments", c.arguments}});
            if (!calls.empty()) r["tool_calls"] = std::move(calls);
            o["response"] = std::move(r);
        }
        if (!e.tool.empty()) o["tool"] = e.tool, o["arguments"] = e.arguments;
        if (e.kind != event_kind::model_call) o["result"] = e.result;
        if (!e.error.empty()) o["error"] = e.error;
        o["started_us"] = e.started.count();
        o["duration_us"] = e.duration.count();
        all.push_back(std::move(o));
    }
    return all;
}

}  // namespace reagent
