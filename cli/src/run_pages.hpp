#pragma once

#include <reagent/durable/journal_store.hpp>

#include <list>
#include <memory>
#include <mutex>
#include <string>

namespace reagent::cli {

/// Runs as `reagent ui` shows them: the spans of a run in pages, without what they hold, which is fetched for one span
/// at a time. So a viewer costs a page, and all viewers of a run share its outline. Thread-safe.
class run_pages {
public:
    explicit run_pages(std::shared_ptr<journal_store> store) : store_{std::move(store)} {}

    /// `{"about", "pending", "total", "next", "spans"}`: spans from the given one on, as many as fit a page; without
    /// `next` it is the last.
    std::string page(const std::string& id, std::size_t from);
    /// What a span holds. @param record its `record`
    std::string content(const std::string& id, std::uint64_t record);
    /// The records in which a text stands, as `[3, 17]`; at most 10,000.
    std::string search(const std::string& id, const std::string& text);

private:
    struct outline {
        std::string id;
        std::uint64_t records = 0;
        std::string spans;              ///< one after the other, as JSON
        std::vector<std::size_t> ends;  ///< of each
    };
    std::shared_ptr<const outline> outline_of(const stored_run& r);

    std::shared_ptr<journal_store> store_;
    std::mutex mutex_;  // one outline is made at a time
    std::list<std::shared_ptr<const outline>> outlines_;
};

}  // namespace reagent::cli
