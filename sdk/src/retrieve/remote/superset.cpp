#include "store.hpp"

namespace reagent {
namespace {

using kind = filter::kind;
using can_translate = std::function<bool(const filter&, bool)>;

filter reduced(const filter& f, bool negated, const can_translate& can);

filter all_of(const std::vector<filter>& parts, bool negated, const can_translate& can) {
    std::vector<filter> kept;
    for (const auto& p : parts) {
        kept.push_back(reduced(p, negated, can));
        if (holds_never(kept.back())) return never();
    }
    return filter::all_of(std::move(kept));
}

filter any_of(const std::vector<filter>& parts, bool negated, const can_translate& can) {
    std::vector<filter> kept;
    for (const auto& p : parts) {
        auto one = reduced(p, negated, can);
        if (one.holds_always()) return {};
        if (!holds_never(one)) kept.push_back(std::move(one));
    }
    return filter::any_of(std::move(kept));
}

// A list is a choice between its values.
std::vector<filter> choices(const filter& in) {
    std::vector<filter> all;
    for (const auto& v : in.value().get_array()) all.push_back(filter::eq(in.field(), v));
    return all;
}

filter reduced(const filter& f, bool negated, const can_translate& can) {
    switch (f.what()) {
        case kind::all: return negated ? never() : filter{};
        case kind::negation: return reduced(f.parts().front(), !negated, can);
        case kind::conjunction: return negated ? any_of(f.parts(), true, can) : all_of(f.parts(), false, can);
        case kind::disjunction: return negated ? all_of(f.parts(), true, can) : any_of(f.parts(), false, can);
        case kind::in: return negated ? all_of(choices(f), true, can) : any_of(choices(f), false, can);
        default: break;
    }
    if (!can(f, negated)) return {};
    return negated ? !f : f;
}

}  // namespace

filter never() { return filter::any_of({}); }
bool holds_never(const filter& f) { return f.what() == kind::disjunction && f.parts().empty(); }

filter superset(const filter& f, const can_translate& can) { return reduced(f, false, can); }

}  // namespace reagent
