#include <reagent/module/self_consistency.hpp>

namespace reagent::detail {

// The first answer may come from a cache like any call; each further one is its own.
std::shared_ptr<const variation> nth_answer(const run& r, std::size_t i, const sampling& how) {
    const variation* outer = r.current_variation();
    auto v = outer ? std::make_shared<variation>(*outer) : std::make_shared<variation>();
    v->rollout_id = (outer ? outer->rollout_id * 64 : r.options().rollout_id) + i;
    v->sampling = outer ? how.or_else(outer->sampling) : how;
    return v;
}

}  // namespace reagent::detail
