#include <reagent/watch/sample.hpp>

#include <boost/json.hpp>

#include <set>

namespace reagent {

json::object to_json(const request_feedback& f) {
    json::object o{{"request", f.request}};
    if (!f.labels.empty()) o["labels"] = f.labels;
    if (f.score) o["score"] = *f.score;
    if (!f.remark.empty()) o["remark"] = f.remark;
    if (f.withheld) o["withheld"] = true;
    return o;
}

json::object to_json(const sample& s) {
    json::object o{{"request", s.request}, {"program", s.program}, {"version", s.version}, {"heard", s.heard}};
    o["at_ms"] = std::chrono::duration_cast<std::chrono::milliseconds>(s.at.time_since_epoch()).count();
    o["inputs"] = s.inputs;
    o["outputs"] = s.outputs;
    if (!s.error.empty()) o["error"] = s.error;
    o["latency_us"] = s.latency.count();
    o["usage"] = to_json(s.usage);
    if (!s.model.empty()) o["model"] = s.model;
    o["kept_by"] = s.kept_by;
    if (s.withheld) o["withheld"] = true;
    if (s.said) o["feedback"] = to_json(*s.said);
    return o;
}

std::string models_of(const journal& history) {
    std::set<std::string> names;
    for (const auto& e : history.events())
        if (e.kind == event_kind::model_call && e.response)
            names.insert(e.response->model.empty() ? e.model : e.response->model);
    std::string text;
    for (const auto& n : names) text += (text.empty() ? "" : ", ") + n;
    return text;
}

dataset to_dataset(std::span<const sample> samples, labels_from where) {
    dataset all;
    for (const auto& s : samples) {
        const auto* labels = where == labels_from::answers ? &s.outputs : s.said ? &s.said->labels : nullptr;
        if (!s.heard || !s.error.empty() || s.withheld || !labels || labels->empty() || (s.said && s.said->withheld))
            continue;
        example e;
        for (const auto& [name, v] : s.inputs) {
            e.inputs.emplace_back(name);
            e.fields[name] = v;
        }
        for (const auto& [name, v] : *labels)
            if (!s.inputs.contains(name)) e.fields[name] = v;
        all.push_back(std::move(e));
    }
    return all;
}

// FNV-1a, and the last step of splitmix64, which spreads it over all bits. Source: Steele, Lea and Flood, "Fast
// splittable pseudorandom number generators", 2014.
double share_of(std::string_view key, std::string_view purpose) {
    std::uint64_t h = 1469598103934665603ULL;
    auto add = [&](std::string_view text) {
        for (unsigned char c : text) h = (h ^ c) * 1099511628211ULL;
    };
    add(purpose), add(std::string_view{"\0", 1}), add(key);
    h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9ULL;
    h = (h ^ (h >> 27)) * 0x94d049bb133111ebULL;
    h ^= h >> 31;
    return static_cast<double>(h >> 11) * 0x1p-53;
}

}  // namespace reagent
