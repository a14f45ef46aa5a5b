#pragma once

#include <reagent/journal/journal.hpp>

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace reagent::detail {

/// Events that happened already and answer a program that runs again: of a journal that is replayed, or from before the
/// call to which an assertion goes back. Each answers once.
class kept_events {
public:
    struct slot {
        event what;
        bool counted = false;  ///< its usage is in this run's already
        bool used = false;
    };

    bool empty() const { return by_branch_.empty(); }

    /// @return events of the same places that were kept before and will not be asked for
    std::vector<event> put(std::vector<event> events, bool counted);

    /// The event of that place, which is used up by this.
    std::optional<slot> take(event_kind kind, std::string_view branch, std::string_view path, std::uint32_t occurrence);

    bool holds(event_kind kind, std::string_view branch, std::string_view path, std::uint32_t occurrence) const {
        return find(kind, branch, path, occurrence) != nullptr;
    }
    /// The event of that place, which is not used up by this; null when there is none.
    const event* find(event_kind kind, std::string_view branch, std::string_view path, std::uint32_t occurrence) const;

    /// The first event of a branch that is not used up; null when there is none.
    const event* next(std::string_view branch) const;

    /// Whether something of a branch, or of one below it, is not used up.
    bool has(std::string_view branch) const;

    /// Takes out everything of a branch and of those below it that is not used up.
    std::vector<slot> flush(std::string_view branch);

private:
    struct row {
        std::vector<slot> slots;
        std::size_t first = 0;  // all before it are used up
    };
    std::map<std::string, row, std::less<>> by_branch_;
};

}  // namespace reagent::detail
