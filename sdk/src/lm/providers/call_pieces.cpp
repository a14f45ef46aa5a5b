#include "call_pieces.hpp"

#include "reading.hpp"

#include <reagent/error.hpp>
#include <reagent/schema/repair.hpp>

#include "../../base/redact.hpp"
#include "../../base/text.hpp"

#include <algorithm>
#include <set>

namespace reagent::provider {
namespace {

lm_error misfit(const std::string& what, const call_piece& p) {
    return {lm_errc::malformed_response, "the provider's stream holds a piece of a tool call " + what + ": " +
                                             detail::cut_without_keys(p.arguments, 100)};
}

bool is_blank(std::string_view s) { return trim(s).empty(); }

}  // namespace

// Where a server numbers its calls, a piece without a number belongs to the one that is open.
void call_pieces::check_only_one_open(const call_piece& p) const {
    auto open = std::count_if(places_.begin(), places_.end(), [](const place& at) { return !at.extent.closed(); });
    if (open > 1 && !is_blank(p.arguments)) throw misfit("that does not say to which of several it belongs", p);
}

// The call that a piece speaks of, unless it begins another.
std::optional<std::size_t> call_pieces::candidate(const call_piece& p, const std::vector<tool_call>& calls) const {
    auto last = [&](auto fits) -> std::optional<std::size_t> {
        for (std::size_t i = calls.size(); i-- > 0;)
            if (fits(i)) return i;
        return {};
    };
    auto by_id = p.id.empty() ? std::nullopt : last([&](std::size_t i) { return calls[i].id == p.id; });
    if (!p.index) {
        if (by_id || calls.empty()) return by_id;
        if (p.id.empty() && p.name.empty() && places_.back().index) check_only_one_open(p);
        return calls.size() - 1;
    }
    if (by_id && places_[*by_id].index == p.index) return by_id;
    if (auto same = last([&](std::size_t i) { return places_[i].index == p.index; })) return same;
    if (by_id && p.name.empty() && !places_[*by_id].extent.closed()) return by_id;  // it is the index that changes
    bool nameless = p.id.empty() && p.name.empty() && !calls.empty();
    if (nameless && !places_.back().index && !places_.back().extent.closed()) return calls.size() - 1;
    return {};
}

// A name comes in pieces under the number or the id of its call, before there are arguments.
bool call_pieces::goes_on(const call_piece& p, const tool_call& c, const place& at) {
    bool named = p.id.empty() ? p.index && p.index == at.index : p.id == c.id;
    return named && !p.name.empty() && !c.name.empty() && is_blank(c.arguments) && !at.extent.begun();
}

call_pieces::meaning call_pieces::of_same_id(const call_piece& p, const tool_call& c, const place& at) const {
    if (!at.extent.closed()) return meaning::goes_on;
    if (is_blank(p.arguments) || p.arguments == c.arguments) return meaning::nothing;
    if (!p.name.empty()) return meaning::another;  // ids that are all the same
    throw misfit("that goes on after its end", p);
}

// Two calls of one tool under one index, of which the first has no arguments.
bool call_pieces::is_another_without_arguments(const call_piece& p, const tool_call& c, const place& at) {
    return !p.id.empty() && !c.id.empty() && p.id != c.id && p.name == c.name && is_blank(p.arguments) &&
           is_blank(c.arguments) && !at.extent.begun();
}

call_pieces::meaning call_pieces::of_name(const call_piece& p, const tool_call& c, const place& at) const {
    bool same = p.name == c.name || c.name.empty() || goes_on(p, c, at);
    if (is_another_without_arguments(p, c, at)) return meaning::another;
    if (!at.extent.closed()) return same ? meaning::goes_on : meaning::another;
    if (!same) return meaning::another;
    if (is_blank(p.arguments) && p.id.empty()) return meaning::nothing;
    // The same call once more under one index is a piece that was sent twice; without an index it is a second call.
    return p.index && p.id.empty() && p.arguments == c.arguments ? meaning::nothing : meaning::another;
}

call_pieces::meaning call_pieces::meaning_of(const call_piece& p, const tool_call& c, const place& at) const {
    if (!p.id.empty() && p.id == c.id) return of_same_id(p, c, at);
    if (!p.name.empty()) return of_name(p, c, at);
    if (!at.extent.closed()) return meaning::goes_on;
    if (is_blank(p.arguments)) return meaning::nothing;
    throw misfit("that goes on after its end", p);
}

std::optional<std::size_t> call_pieces::add(const call_piece& p, std::vector<tool_call>& calls) {
    auto found = candidate(p, calls);
    auto meant = found ? meaning_of(p, calls[*found], places_[*found]) : meaning::another;
    if (meant == meaning::nothing) return {};
    if (meant == meaning::another) {
        if (p.id.empty() && p.name.empty() && is_blank(p.arguments)) return {};
        if (calls.size() == max_tool_calls)
            throw lm_error{lm_errc::malformed_response,
                           "the provider's stream asks for more than 128 tool calls at once"};
        auto doubts = found && is_another_without_arguments(p, calls[*found], places_[*found]) ? found : std::nullopt;
        found = calls.size();
        calls.emplace_back();
        places_.push_back({.index = p.index, .single = p.single, .doubts = doubts});
    }
    auto& call = calls[*found];
    if (p.whole && !is_blank(call.arguments)) throw misfit("that is an object behind a piece of text", p);
    auto& at = places_[*found];
    if (call.id.empty()) call.id = p.id;
    if (call.name.empty() || (goes_on(p, call, at) && p.name.starts_with(call.name)))
        call.name = p.name;  // said again as a whole, or grown
    else if (goes_on(p, call, at))
        call.name += p.name;
    if (!at.index) at.index = p.index;
    call.arguments += p.arguments;
    call.signature += p.signature;
    at.extent.feed(p.arguments);
    at.elsewhere = at.elsewhere || p.elsewhere;
    at.torn = at.torn || (p.elsewhere && p.id.empty() && p.name.empty());
    return found;
}

bool call_pieces::lost_arguments(const std::vector<tool_call>& calls) const {
    if (places_.size() != calls.size()) return false;
    for (std::size_t i = 0; i < calls.size(); ++i) {
        const auto& at = places_[i];
        if (at.torn || (at.elsewhere && is_blank(calls[i].arguments))) return true;
        if (at.doubts && is_blank(calls[i].arguments) != is_blank(calls[*at.doubts].arguments)) return true;
    }
    return false;
}

bool call_pieces::drop_copy(std::vector<tool_call>& calls) const {
    if (places_.size() != calls.size()) return true;
    std::vector<bool> single;
    for (const auto& p : places_) single.push_back(p.single);
    return drop_copies(calls, single);
}

bool same_arguments(const std::string& a, const std::string& b) {
    if (a == b) return true;
    auto one = read_unambiguous_json(is_blank(a) ? "{}" : a).value,
         other = read_unambiguous_json(is_blank(b) ? "{}" : b).value;
    return one && one->is_object() && one == other;
}

bool drop_copies(std::vector<tool_call>& calls, const std::vector<bool>& single) {
    if (std::find(single.begin(), single.end(), false) == single.end()) return true;
    std::vector<tool_call> kept, copies;
    for (std::size_t i = 0; i < calls.size(); ++i) (single[i] ? copies : kept).push_back(std::move(calls[i]));
    calls = std::move(kept);
    return std::all_of(copies.begin(), copies.end(), [&](const tool_call& c) { return is_told(calls, c); });
}

namespace {

// One call that was sent twice is one. @return false where one id stands for calls that differ
bool drop_repeated(std::vector<tool_call>& calls) {
    bool clear = true;
    for (std::size_t i = 0; i < calls.size(); ++i)
        for (std::size_t k = i + 1; k < calls.size();) {
            const auto &a = calls[i], &b = calls[k];
            bool same = !a.id.empty() && a.id == b.id;
            bool repeated = same && a.name == b.name && same_arguments(a.arguments, b.arguments);
            if (repeated && calls[i].signature.empty()) calls[i].signature = b.signature;
            clear = clear && (!same || repeated);
            if (repeated)
                calls.erase(calls.begin() + static_cast<std::ptrdiff_t>(k));
            else
                ++k;
        }
    return clear;
}

}  // namespace

bool settle(std::vector<tool_call>& calls) {
    for (const auto& c : calls)
        if (c.name.empty() && (!is_blank(c.arguments) || !c.id.empty()))
            throw lm_error{lm_errc::malformed_response, "the provider's response has a tool call without a name: " +
                                                            detail::cut_without_keys(c.id + " " + c.arguments, 200)};
    std::erase_if(calls, [](const tool_call& c) { return c.name.empty(); });
    const bool clear = drop_repeated(calls);
    std::set<std::string> ids;
    for (const auto& c : calls) ids.insert(c.id);
    std::set<std::string> taken;
    for (std::size_t i = 0; i < calls.size(); ++i) {
        auto& id = calls[i].id;
        if (!id.empty() && taken.insert(id).second) continue;
        std::size_t n = i;
        do id = "call_" + std::to_string(n++);
        while (ids.contains(id));
        ids.insert(id);
        taken.insert(id);
    }
    return clear;
}

}  // namespace reagent::provider
