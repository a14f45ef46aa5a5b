#include "known_secrets.hpp"

#include <reagent/lm/language_model.hpp>

#include "../text.hpp"

#include <algorithm>

namespace reagent::detail {
namespace {

constexpr std::size_t most = 1000;

bool is_no_key(std::string_view s) {
    return s.size() < 6 || (s.size() < 10 && std::all_of(s.begin(), s.end(), [](char c) { return is_alpha(c) || c == '-'; }));
}

}  // namespace

known_secrets::known_secrets(std::vector<secret> given) : all_{std::move(given)} {}

void known_secrets::learn(const lm_backend* model) {
    if (!model) return;
    for (auto& s : model->secrets()) {
        if (is_no_key(s.reveal())) continue;
        std::lock_guard lock{mutex_};
        bool known = std::any_of(all_.begin(), all_.end(), [&](const auto& k) { return k.reveal() == s.reveal(); });
        if (!known && all_.size() < most) all_.push_back(std::move(s));
    }
}

std::vector<secret> known_secrets::all() const {
    std::lock_guard lock{mutex_};
    return all_;
}

std::string known_secrets::without(std::string_view text) const { return redact(text, all()); }

}  // namespace reagent::detail
