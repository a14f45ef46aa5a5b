#include "versions.hpp"

#include <filesystem>

namespace reagent::detail {

namespace fs = std::filesystem;

versions::versions(const module* root, std::string saved, bool models, std::shared_ptr<const parameters> otherwise,
                   std::function<void(const std::string&)> notice)
    : root_{root}, saved_{std::move(saved)}, models_{models}, notice_{std::move(notice)} {
    if (saved_.empty()) {
        current_ = std::make_shared<const loaded>(loaded{"", std::move(otherwise)});
        return;
    }
    std::error_code ec;
    auto at = saved_.rfind('@');
    if (at != saved_.npos && at + 1 < saved_.size() && !fs::is_regular_file(saved_, ec)) {
        folder_ = saved_.substr(0, at);
        tag_ = saved_.substr(at + 1);
    }
}

std::shared_ptr<const versions::loaded> versions::current() const {
    std::lock_guard lock{mutex_};
    return current_;
}

void versions::tell(const std::string& text) const {
    if (notice_) notice_(text);
}

std::string versions::state() const {
    if (is_store()) {
        if (!fs::is_directory(fs::path{folder_} / "versions"))
            throw program_error{program_errc::unreadable, "there is no program store in \"" + folder_ + "\" yet"};
        return std::to_string(program_store{folder_}.number_of(tag_));
    }
    std::error_code ec;
    auto time = fs::last_write_time(saved_, ec);
    if (ec) throw program_error{program_errc::unreadable, "there is no saved program \"" + saved_ + "\" yet"};
    return std::to_string(time.time_since_epoch().count());
}

std::shared_ptr<const versions::loaded> versions::load(const std::string& which) {
    if (!root_) throw program_error{program_errc::mismatch, "this program has no predictors to load anything into"};
    auto saved = is_store() ? program_store{folder_}.get(which) : saved_program::load(saved_);
    auto what = std::make_shared<const parameters>(from_saved(*root_, saved, models_));
    return std::make_shared<const loaded>(loaded{is_store() ? which : saved.hash().substr(0, 12), std::move(what)});
}

void versions::take(std::shared_ptr<const loaded> l) {
    std::lock_guard lock{mutex_};
    current_ = std::move(l);
}

void versions::load_first() {
    try {
        seen_ = state();
        take(load(seen_));
    } catch (const program_error& e) {
        if (e.code() != program_errc::unreadable || !seen_.empty()) throw;
        tell(e.what() + std::string{"; requests are answered with 503 until there is"});
        told_ = e.what();
    }
}

void versions::poll() {
    try {
        auto now = state();
        if (now == seen_) return;
        seen_ = now;
        auto l = load(now);
        tell("version " + l->name + " of " + saved_ + " answers from here on");
        take(std::move(l));
        ++swaps_;
        told_.clear();
    } catch (const std::exception& e) {
        if (told_ == e.what()) return;
        told_ = e.what();
        ++refused_;
        auto old = current();
        tell(saved_ + " cannot be loaded: " + e.what() + (old ? "; version " + old->name + " goes on" : std::string{}));
    }
}

std::shared_ptr<const versions::loaded> versions::at_hand(const std::string& which) const {
    std::lock_guard lock{mutex_};
    if (current_ && (which.empty() || which == current_->name)) return current_;
    auto found = kept_.find(which);
    return found == kept_.end() ? nullptr : found->second;
}

std::shared_ptr<const versions::loaded> versions::at(const std::string& which) {
    if (which.empty() || !is_store()) {
        if (auto l = current(); l && (which.empty() || which == l->name)) return l;
        throw program_error{program_errc::unreadable, "there is no version \"" + which + "\" of this program"};
    }
    auto number = std::to_string(program_store{folder_}.number_of(which));
    if (auto l = at_hand(number)) return l;
    auto l = load(number);
    std::lock_guard lock{mutex_};
    if (kept_.size() >= most_kept) kept_.erase(kept_.begin());
    return kept_[number] = std::move(l);
}

}  // namespace reagent::detail
