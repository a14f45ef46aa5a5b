#pragma once

#include <reagent/module/saved_program.hpp>

#include <chrono>
#include <memory>
#include <mutex>

namespace reagent {

/// One saved program of a store.
struct program_version {
    std::uint64_t number = 0;  ///< from 1
    std::string hash{};
    std::string when{};  ///< "2026-11-22T10:00:00Z"
    std::string who{};
    std::string what{};             ///< a remark
    std::optional<double> score{};  ///< as it was told
    std::vector<std::string> tags{};
    std::string problem{};  ///< why its file cannot be read; the other members but number and tags are empty then
};

/// What is noted of a version.
struct program_remarks {
    std::string who{};  ///< "": the user's name
    std::string what{};
    std::optional<double> score{};
};

/// A folder of saved programs: versions that never change, and tags ("production") that point to one of them. Any
/// number of processes may use it at once; every change is one file, written whole or not at all.
///
///     rg::program_store store{"programs"};
///     auto v = store.put(rg::to_saved(program, made.best), {.who = "ci", .what = "mipro, seed 7", .score = 91.3});
///     store.tag("production", v);        // and, when it turns out to be a mistake:
///     store.roll_back("production");
class program_store {
public:
    /// @throws program_error(unwritable) when the folder cannot be made
    explicit program_store(std::filesystem::path folder);

    /// Adds a version. One that is the same as the last is added too: it has its own remarks. @return its number
    std::uint64_t put(const saved_program& program, const program_remarks& about = {});

    /// @param which a number, a tag, or "latest". @throws program_error(unreadable, mismatch) naming what there is
    saved_program get(std::string_view which = "latest") const;
    std::uint64_t number_of(std::string_view which) const;

    /// Oldest first. What cannot be read is listed with its problem; a tag whose file is damaged is left out:
    /// `number_of` tells why.
    std::vector<program_version> list() const;

    /// Names start with a letter and go on with letters, digits, - and _. @throws program_error(mismatch) for other
    /// names, "latest", or a version that is not there; program_error(unreadable, bad_document) for one that cannot be
    /// loaded: it is not tagged
    void tag(std::string_view name, std::uint64_t version);
    void untag(std::string_view name);
    /// Points a tag to where it pointed before. @return the version. @throws program_error(mismatch) when it never
    /// pointed elsewhere
    std::uint64_t roll_back(std::string_view name);

    const std::filesystem::path& folder() const { return folder_; }

private:
    std::vector<std::uint64_t> history(const std::string& tag) const;
    void set_history(const std::string& tag, const std::vector<std::uint64_t>& history) const;
    std::vector<std::uint64_t> numbers() const;

    std::filesystem::path folder_;
};

/// A program's parameters in a service that goes on while they change: each run takes what is current when it begins,
/// and keeps it. Thread-safe.
class live_parameters {
public:
    explicit live_parameters(parameters p = {}) : current_{std::make_shared<const parameters>(std::move(p))} {}

    std::shared_ptr<const parameters> current() const;  ///< for `run_options::parameters`
    void swap(parameters p);

    /// Takes over what a store's tag points to, if that has changed. What does not fit the program changes nothing.
    /// @return whether it has. @throws program_error(unreadable, mismatch)
    bool follow(const program_store& store, std::string_view tag, const module& program, bool models = true);

private:
    mutable std::mutex mutex_;
    std::shared_ptr<const parameters> current_;
    std::uint64_t version_ = 0;
};

}  // namespace reagent
