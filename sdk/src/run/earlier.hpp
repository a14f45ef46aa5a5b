#pragma once

#include <reagent/journal/recorded.hpp>

#include "latest.hpp"

namespace reagent::detail {

/// The latest requests of a run: what a new one has in common with them is recorded by reference.
class earlier_requests {
public:
    /// The request as the journal keeps it. Text that is no UTF-8 is repaired, as the journal's own is: references
    /// count bytes.
    std::shared_ptr<const recorded_request> record(std::string_view branch, std::string_view path,
                                                   std::shared_ptr<const lm_request> whole, std::uint64_t effect);
    /// One from the journal, which was asked for again. @param whole null: it was not made
    void remember(std::string_view branch, std::string_view path, std::shared_ptr<const recorded_request> recorded,
                  std::shared_ptr<const lm_request> whole);
    /// Whether the model would see the same.
    bool is_same(std::string_view branch, std::string_view path, const recorded_request& recorded,
                 const lm_request& now);

private:
    struct request {
        std::shared_ptr<const recorded_request> recorded;
        std::shared_ptr<const lm_request> whole;  // null: not made
    };
    latest<request> latest_;
    bool repairs_ = false;  // something was no UTF-8: it will stand in later requests too
};

/// Likewise for trajectories.
class earlier_texts {
public:
    /// @return with a key
    recorded_text record(std::string_view branch, std::string_view path, std::string whole);

private:
    struct text {
        recorded_text recorded;
        std::string whole;
    };
    latest<text> latest_;
};

}  // namespace reagent::detail
