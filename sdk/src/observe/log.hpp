#pragma once

#include "../run/state.hpp"

namespace reagent::detail {

// A line for each thing that happens, as NAME key=value ..., each with the run's id; a value with spaces, quotes or line ends is a JSON
// text. Levels: info: runs begin and end; debug: calls; trace: what went in and came out, without what is private; warn: what failed.

void log_event(run::state& s, const run_event& e);
void log_begin(run::state& s);
void log_end(run::state& s, const std::exception_ptr& failure);
/// Of calls that wait for consent: tools and effects; at level trace what is shown to whoever decides, without what is private.
std::string questions_told(const run::state& s, bool contents);
/// What a log and telemetry are told of a run's failure: what it quotes only at level trace, and where nothing is private.
std::string end_told(run::state& s, const std::exception_ptr& failure);
void log_call(run::state& s, const predictor_call& c);

}  // namespace reagent::detail
