#pragma once

#include <reagent/journal/journal_record.hpp>

#include <chrono>
#include <optional>
#include <string>

namespace reagent {

/// Where a stored run stands.
enum class run_status {
    ready,              ///< waits for a worker
    running,            ///< a worker has it; when that one's lease has run out, any other may take it
    awaiting_approval,  ///< a tool needs consent: `journal_store::decide`
    outcome_unknown,    ///< a crash fell between a tool's act and its record: somebody has to look:
                        ///< `journal_store::decide`
    finished,
    failed,
    cancelled,
};

/// What somebody decided about an effect that waits.
struct run_decision {
    enum kind_t {
        approve,   ///< the tool may be called; with `arguments`, with these instead
        reject,    ///< it may not; the model is told `text`
        repeat,    ///< of an unknown outcome: it did not happen, or may happen again
        happened,  ///< it did, and `result` came of it
        failed,    ///< it did not, and shall not: the model is told `text`
    } kind{};
    std::optional<json::object> arguments{};
    json::value result{};
    std::string text{};
    std::string by{};                ///< who; for the record
    std::chrono::milliseconds at{};  ///< when, since 1970, by the store's clock, which fills it in
    /// Of what was seen, as `pending_decision::digest` had it: when something else waits by now, nothing is decided.
    /// "": whatever waits.
    std::string digest{};
};

/// An effect that waits for a decision.
struct pending_decision {
    decision_wanted wanted;
    std::string digest{};                   ///< what a consent to it binds; see `consent_digest`
    std::optional<run_decision> decided{};  ///< and the run has not gone on since
};

}  // namespace reagent
