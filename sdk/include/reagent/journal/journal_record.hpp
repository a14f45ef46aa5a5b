#pragma once

#include <reagent/journal/journal.hpp>

#include <variant>

namespace reagent {

/// How deep JSON may be nested that a run is given, that a tool returns or that a program answers: a journal holds no
/// more, and what it could not give back is refused before it is written.
inline constexpr int max_stored_depth = 255;

/// "is nested more than 255 deep, ..." where that is so; else "".
std::string too_deep(const json::value& v);
std::string too_deep(const json::object& o);

/// The version of the records that this library writes. It reads its own and all older ones.
/// 2: requests and trajectories refer to those of earlier records.
inline constexpr int journal_format = 2;

/// An effect that is about to happen: written ahead of a tool's call, so that a crash in the middle of it is seen.
struct effect_begun {
    event what;               ///< without result
    bool repeatable = false;  ///< the tool may be called again with the same idempotency key
    bool reentered = false;   ///< the run was suspended in the middle of it, in good order: it is entered again
    std::string worker{};     ///< who made it; from the `run_taken` before it
    std::string key{};        ///< idempotency key: that of the first attempt at this call; "": of an older journal
};
struct effect_finished {
    event what;
};
/// Somebody has to decide: whether a tool may be called, or what has become of a call that was under way in a crash.
struct decision_wanted {
    event what;            ///< of kind approval; or of kind tool_call: its outcome is not known
    json::value schema{};  ///< what edited arguments must fit
};
/// Effects that a backtrack undid, by their ids.
struct effects_abandoned {
    std::vector<std::uint64_t> ids;
    bool backtrack = false;  ///< closes the advice before it: both are stored together, or neither
};
struct assertion_recorded {
    failed_assertion what;
};
struct advice_given {
    call_place place;
    feedback told;
};
struct advice_forgotten {
    call_place place;
};
struct predictor_returned {
    std::shared_ptr<const predictor_call> call;
};
/// The run was taken up by a worker, again or for the first time.
struct run_taken {
    std::string worker;
    json::object about{};  ///< `run_options::about` of that worker
};

/// One entry of a journal as it is stored. A journal is its records in their order, and nothing else.
struct journal_record {
    std::chrono::microseconds at{};  ///< since the run began; the time in which nobody worked on it does not count
    std::variant<effect_begun, effect_finished, decision_wanted, effects_abandoned, assertion_recorded, advice_given,
                 advice_forgotten, predictor_returned, run_taken>
        what;
};

json::object to_json(const journal_record& r);
/// @throws run_error(bad_journal) for what `to_json` did not write
journal_record journal_record_from_json(const json::value& v);

/// One line of text, valid UTF-8. The other way: @throws run_error(bad_journal)
std::string to_text(const journal_record& r);
/// Alone: what refers to earlier records cannot be told whole.
journal_record journal_record_from_text(std::string_view text);

/// Reads the records of one journal, oldest first: what refers to earlier ones finds them.
class journal_reader {
public:
    journal_reader();
    ~journal_reader();
    /// @throws run_error(bad_journal), also when the line refers to a record that did not come before
    journal_record read(std::string_view line);

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

/// What a decision says: of a person, or of the program's own `on_approval`.
struct approval_decision {
    bool approved = false;
    std::optional<json::object> arguments{};  ///< instead of those that the model gave
    std::string reason{};                     ///< for the model
    std::string by{};                         ///< who decided
    std::chrono::milliseconds at{};           ///< when, since 1970
    std::string digest{};                     ///< of what was asked: see `consent_digest`
};
json::value to_json(const approval_decision& d);
approval_decision approval_decision_from_json(const json::value& v);

/// A journal and what of it a resumed run needs.
struct loaded_journal {
    std::shared_ptr<journal> history = std::make_shared<journal>();
    std::vector<effect_begun> open;  ///< began, and neither finished nor were undone
    std::vector<decision_wanted> undecided;
    std::uint64_t next_id = 1;
    std::chrono::microseconds at{};  ///< of the last record
    std::size_t records = 0;
};

/// @throws run_error(bad_journal)
loaded_journal load_journal(const std::vector<journal_record>& records);

/// How many of the records to take so that at least the first `wanted` are there and no backtrack is cut in two.
std::size_t whole_records(const std::vector<journal_record>& records, std::size_t wanted);

/// How many records there are until an effect had finished; 0: it has not. For `journal_store::fork`.
std::size_t records_through(const std::vector<journal_record>& records, std::uint64_t effect);

/// The records of a journal in memory, by which it can be stored, drawn and replayed.
std::vector<journal_record> records_of(const journal& j);

/// A journal as a file: a line that names the format, then one for each record. Written atomically.
/// @throws run_error(journal_unavailable) when it cannot be written or read, run_error(bad_journal)
void save_journal(const std::string& file, const journal& j, const json::object& about = {});
struct journal_file {
    json::object about;  ///< the first line
    std::vector<journal_record> records;
};
journal_file read_journal_file(const std::string& file);

/// The effects recorded in a file, for `run_options::replay`.
std::shared_ptr<const journal> replay_from(const std::string& file);

}  // namespace reagent
