#include "first_index.hpp"

#include <system_error>

namespace reagent::detail {

namespace fs = std::filesystem;

void check_place(const fs::path& folder) {
    auto is_ours = [](const fs::path& name) {
        return name == "lock" || name == "gen-1" || name == ".first" || name.string().starts_with(".index.json.");
    };
    std::error_code ec;
    for (const auto& entry : fs::directory_iterator{folder, ec})
        if (const auto name = entry.path().filename(); name != "index.json" && !is_ours(name))
            throw retrieve_error{retrieve_errc::bad_options,
                                 "\"" + folder.string() + "\" is not empty, so no index is made there"};
}

void first_index::make_folders() {
    std::error_code ec;
    std::vector<fs::path> missing;
    for (auto at = where_.lexically_normal(); !at.empty() && !fs::exists(at, ec); at = at.parent_path())
        missing.push_back(at);
    fs::create_directories(where_, ec);
    if (!fs::is_directory(where_, ec))
        throw retrieve_error{retrieve_errc::unwritable, "\"" + where_.string() + "\" cannot be made a folder"};
    if (made_.empty()) made_.assign(missing.rbegin(), missing.rend());
}

std::unique_ptr<first_index> first_index::begin(const fs::path& where, const index_options& options,
                                                std::chrono::milliseconds patience) {
    std::unique_ptr<first_index> one{new first_index{where}};
    for (int attempt = 1; !one->lock_; ++attempt) {
        one->make_folders();
        if (one->is_there()) break;
        check_place(where);
        try {
            one->lock_.emplace(where, patience);
        } catch (const retrieve_error& e) {  // another one, which has failed, took the folder away
            if (attempt == 100 || e.code() != retrieve_errc::unwritable || fs::exists(where)) throw;
        }
    }
    if (one->is_there()) {
        one->placed_ = true;  // by another one
        return nullptr;
    }
    check_place(where);
    fs::remove_all(one->hidden());
    fs::remove_all(where / "gen-1");
    passage_index::create(one->hidden(), options);
    return one;
}

void first_index::place() {
    std::error_code ec;
    fs::rename(hidden() / "gen-1", where_ / "gen-1", ec);
    if (ec)
        throw retrieve_error{retrieve_errc::unwritable,
                             "\"" + where_.string() + "\" cannot be made an index: " + ec.message()};
    sync_file(where_);
    write_generation(where_, "gen-1");
    placed_ = true;
    fs::remove_all(hidden(), ec);
}

first_index::~first_index() {
    if (placed_) return;
    std::error_code ec;
    if (lock_) {
        fs::remove_all(hidden(), ec);
        fs::remove_all(where_ / "gen-1", ec);
        fs::remove(where_ / "lock", ec);
    }
    lock_.reset();
    for (auto folder = made_.rbegin(); folder != made_.rend(); ++folder) fs::remove(*folder, ec);  // where it is empty
}

}  // namespace reagent::detail
