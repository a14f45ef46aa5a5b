#pragma once

#include <reagent/durable/journal_store.hpp>
#include <reagent/serve/server_options.hpp>

#include <boost/json/object.hpp>

namespace reagent::detail {

/// A stored run as clients see it. Pure. What a provider, a model or a tool said of a failure stands in none.

bool is_at_its_end(run_status s);
bool waits_for_somebody(run_status s);

json::object run_view(const stored_run& r, const std::vector<pending_decision>& pending);
/// A call that waits, whole, with the digest that a decision about it names.
json::object pending_view(const event& asked, const std::string& digest);
/// What became of a run that finished no outputs, as application/problem+json.
json::object problem_of_run(const stored_run& r);

/// An entry of a run's journal as an event.
struct told_event {
    std::string id;    ///< a record's number; "end" of the last one
    std::string type;  ///< status, step, waits, decided, restart; at last output or error
    json::object data;
};
/// Nothing for what is the program's own affair.
std::optional<told_event> event_of_record(const journal_store::numbered_record& r, const std::string& run,
                                          shown_steps steps);
told_event last_event(const stored_run& r);

std::string to_event_text(const told_event& e);  ///< with its id, for text/event-stream
json::object to_json(const told_event& e);

}  // namespace reagent::detail
