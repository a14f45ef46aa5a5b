#include <reagent/watch/rollout.hpp>

#include <exception>
#include <stdexcept>

namespace reagent {

rollout::rollout(program_store store, std::string tag, const module& program, double canary_share)
    : store_{std::move(store)}, tag_{std::move(tag)}, program_{program}, share_{canary_share} {
    if (!(share_ >= 0 && share_ <= 1)) throw std::invalid_argument{"a canary's share is from 0 to 1"};
    follow(tag_, true, first_);
    try {
        refresh();
    } catch (
        const program_error&) {  // the first version answers; what is wrong with others is told by the next `refresh`
    }
}

answering rollout::choose(std::string_view key) const {
    std::lock_guard lock{mutex_};
    if (canary_ && canary_->version != first_->version && share_of(key, "canary") < share_)
        return {canary_->version, canary_->parameters, true};
    return {first_->version, first_->parameters, false};
}

std::optional<answering> rollout::shadowed() const {
    std::lock_guard lock{mutex_};
    if (!shadow_ || shadow_->version == first_->version) return std::nullopt;
    return answering{shadow_->version, shadow_->parameters, false};
}

bool rollout::refresh() {
    bool changed = false;
    std::exception_ptr wrong;
    for (auto [tag, into] :
         {std::pair{tag_, &first_}, std::pair{tag_ + "-canary", &canary_}, std::pair{tag_ + "-shadow", &shadow_}})
        try {
            changed = follow(tag, into == &first_, *into) || changed;
        } catch (const program_error&) {
            wrong = std::current_exception();
        }
    if (wrong) std::rethrow_exception(wrong);
    return changed;
}

bool rollout::follow(const std::string& tag, bool required, std::optional<tagged>& into) {
    std::error_code ec;
    if (!required && !std::filesystem::exists(store_.folder() / "tags" / tag, ec)) {
        std::lock_guard lock{mutex_};
        bool was = into.has_value();
        into.reset();
        return was;
    }
    auto number = store_.number_of(tag);
    {
        std::lock_guard lock{mutex_};
        if (into && into->version == number) return false;
    }
    auto fresh = std::make_shared<const reagent::parameters>(from_saved(program_, store_.get(std::to_string(number))));
    std::lock_guard lock{mutex_};
    into = tagged{number, std::move(fresh)};
    return true;
}

}  // namespace reagent
