#pragma once

#include <reagent/module/program_store.hpp>

#include <atomic>

namespace reagent::detail {

/// What is loaded into a program: a file, or what a store's tag points to.
class versions {
public:
    struct loaded {
        std::string name;  ///< a store's number, or the beginning of a file's hash; "": nothing is loaded
        std::shared_ptr<const parameters> what;
    };

    /// @param saved "": nothing. @param notice told of versions that are taken over or refused; by whichever thread
    /// polls
    versions(const module* root, std::string saved, bool models, std::shared_ptr<const parameters> otherwise,
             std::function<void(const std::string&)> notice);

    std::shared_ptr<const loaded> current() const;  ///< null: there is none yet
    bool follows() const { return !saved_.empty(); }
    /// Looks whether the tag (or the file) has changed; what cannot be loaded leaves the old one. Blocks.
    void poll();
    /// For the first time: what is there and does not fit is an error. @throws program_error
    void load_first();

    /// A version of the store, by number or tag. Blocks. @throws program_error
    std::shared_ptr<const loaded> at(const std::string& which);
    /// Where it has been loaded before; by number. Null: not yet.
    std::shared_ptr<const loaded> at_hand(const std::string& which) const;

    std::uint64_t swaps() const { return swaps_; }
    std::uint64_t refused() const { return refused_; }

private:
    bool is_store() const { return !tag_.empty(); }
    std::string state() const;  // changes when there is something else to load
    std::shared_ptr<const loaded> load(const std::string& which);
    void take(std::shared_ptr<const loaded> l);
    void tell(const std::string& text) const;

    static constexpr std::size_t most_kept = 16;
    const module* root_;
    std::string saved_, folder_, tag_;
    bool models_;
    std::function<void(const std::string&)> notice_;
    std::string seen_, told_;  // by `poll` alone
    mutable std::mutex mutex_;
    std::shared_ptr<const loaded> current_;
    std::map<std::string, std::shared_ptr<const loaded>> kept_;  // by number, so that a shadow reads no file each time
    std::atomic<std::uint64_t> swaps_ = 0, refused_ = 0;
};

}  // namespace reagent::detail
