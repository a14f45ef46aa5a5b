#include "kept_events.hpp"

#include <algorithm>

namespace reagent::detail {
namespace {

bool is_at(const event& e, event_kind kind, std::string_view path, std::uint32_t occurrence) {
    return e.kind == kind && e.occurrence == occurrence && e.path == path;
}

}  // namespace

std::vector<event> kept_events::put(std::vector<event> events, bool counted) {
    std::map<std::string, std::vector<slot>, std::less<>> fresh;
    for (auto& e : events) {
        auto& row = fresh[e.branch];
        row.push_back({std::move(e), counted});
    }
    std::vector<event> replaced;
    for (auto& [branch, slots] : fresh) {
        row& r = by_branch_[branch];
        for (std::size_t i = r.first; i < r.slots.size(); ++i) {
            auto& old = r.slots[i];
            if (old.used) continue;
            auto same = [&](const slot& s) { return is_at(s.what, old.what.kind, old.what.path, old.what.occurrence); };
            if (std::any_of(slots.begin(), slots.end(), same))
                replaced.push_back(std::move(old.what));
            else
                slots.push_back(std::move(old));
        }
        r = {std::move(slots), 0};
    }
    return replaced;
}

std::optional<kept_events::slot> kept_events::take(event_kind kind, std::string_view branch, std::string_view path,
                                                   std::uint32_t occurrence) {
    auto found = by_branch_.find(branch);
    if (found == by_branch_.end()) return {};
    row& r = found->second;
    for (std::size_t i = r.first; i < r.slots.size(); ++i) {
        slot& s = r.slots[i];
        if (s.used || !is_at(s.what, kind, path, occurrence)) continue;
        slot taken = std::move(s);
        s.used = true;
        while (r.first < r.slots.size() && r.slots[r.first].used) ++r.first;
        if (r.first == r.slots.size()) by_branch_.erase(found);
        return taken;
    }
    return {};
}

const event* kept_events::find(event_kind kind, std::string_view branch, std::string_view path,
                               std::uint32_t occurrence) const {
    auto found = by_branch_.find(branch);
    if (found == by_branch_.end()) return nullptr;
    const row& r = found->second;
    for (std::size_t i = r.first; i < r.slots.size(); ++i)
        if (const slot& s = r.slots[i]; !s.used && is_at(s.what, kind, path, occurrence)) return &s.what;
    return nullptr;
}

const event* kept_events::next(std::string_view branch) const {
    auto found = by_branch_.find(branch);
    return found == by_branch_.end() ? nullptr : &found->second.slots[found->second.first].what;
}

bool kept_events::has(std::string_view branch) const {
    for (const auto& [name, r] : by_branch_)
        if (is_within(name, branch)) return true;
    return false;
}

std::vector<kept_events::slot> kept_events::flush(std::string_view branch) {
    std::vector<slot> left;
    for (auto r = by_branch_.begin(); r != by_branch_.end();) {
        if (!is_within(r->first, branch)) {
            ++r;
            continue;
        }
        for (auto& s : r->second.slots)
            if (!s.used) left.push_back(std::move(s));
        r = by_branch_.erase(r);
    }
    return left;
}

}  // namespace reagent::detail
