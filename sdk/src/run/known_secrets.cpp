#include "known_secrets.hpp"

#include <reagent/lm/language_model.hpp>

#include "../base/redact.hpp"
#include "../base/text.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace reagent::detail {
namespace {

constexpr std::size_t most = 1000;

// What local servers are given in place of a key.
bool is_placeholder(std::string_view s) {
    constexpr std::string_view usual[] = {"none", "null", "empty", "dummy", "local", "fake", "test",
                                          "key",  "no",   "na",    "-",     "x",     "xx",   "xxx"};
    std::string lower = to_lower(s);
    return s.empty() || std::find(std::begin(usual), std::end(usual), lower) != std::end(usual);
}

}  // namespace

known_secrets::known_secrets(std::vector<secret> given, std::function<void(std::string_view)> warn)
    : warn_{std::move(warn)}, all_{std::move(given)} {
    for (const auto& s : all_)
        if (!s.empty() && s.reveal().size() < shortest_secret) this->warn();
    search_ = std::make_shared<const secret_search>(all_);
}

void known_secrets::learn(const lm_backend* model) {
    if (!model) return;
    auto secrets = model->secrets();
    std::lock_guard lock{mutex_};
    bool more = false;
    for (auto& s : secrets) {
        if (is_no_key(s.reveal())) {
            if (s.reveal().size() < 6 && !is_placeholder(s.reveal())) warn();
            continue;
        }
        bool known = std::any_of(all_.begin(), all_.end(), [&](const auto& k) { return k.reveal() == s.reveal(); });
        if (known || all_.size() >= most) continue;
        all_.push_back(std::move(s));
        more = true;
    }
    if (more) search_ = std::make_shared<const secret_search>(all_);
}

// Once: a run a second would say it a thousand times.
void known_secrets::warn() {
    if (!warn_ || std::exchange(warned_, true)) return;
    warn_(
        "a secret is too short to be looked for in logs and errors, where it may stand; give a key of 6 bytes or more");
}

std::shared_ptr<const secret_search> known_secrets::search() const {
    std::lock_guard lock{mutex_};
    return search_;
}

std::string known_secrets::without(std::string_view text) const { return detail::without(text, *search()); }

}  // namespace reagent::detail
