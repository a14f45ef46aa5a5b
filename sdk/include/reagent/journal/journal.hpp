#pragma once

#include <reagent/journal/flow.hpp>
#include <reagent/journal/recorded.hpp>
#include <reagent/lm/language_model.hpp>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace reagent {

/// The effects that a run can have.
enum class event_kind { model_call, tool_call, clock, random, approval };

std::string_view to_string(event_kind k);

/// One effect of a run, keyed by where it happened and not by when: branch, predictor path, kind and how many of the
/// kind happened there before. So a replay does not depend on how concurrent branches interleaved.
struct event {
    event_kind kind{};
    std::uint64_t id = 0;  ///< counts a run's effects in the order in which they began; stable over its resumes
    std::string branch{};  ///< "" is the trunk; "0.2" the third branch of the first one
    std::string path{};    ///< predictor path: "router.classify"
    std::uint32_t occurrence = 0;
    std::uint32_t splits = 0;  ///< how many branches had been split off from its own before it

    std::string model{};                                ///< of a model call: the model's name, as "openai/gpt-4o-mini"
    std::shared_ptr<const recorded_request> request{};  ///< of a model call; `request->whole()` is what was sent
    std::string fingerprint{};  ///< of a model call: of its request, where the program can tell without making it
    std::shared_ptr<const lm_response> response{};  ///< of a model call that succeeded
    std::string tool{};                             ///< of a tool call, and of the approval of one
    json::value arguments{};                        ///< likewise
    json::value result{};  ///< of the others; the clock in microseconds since 1970; an `approval_decision`
    std::string error{};   ///< why it failed; "" when it did not
    flow_flags flow{};     ///< of a tool call: what it lets in and out
    std::string why{};     ///< of an approval: why somebody is asked
    int error_code = 0;    ///< of a model call that failed: an `lm_errc`; 0: something else
    usage used{};          ///< of a model call that failed: what its answer used all the same

    std::chrono::microseconds started{};  ///< since the run began
    std::chrono::microseconds duration{};
};

/// Where a predictor was called: its branch, its path, and how many model calls that path had made there before.
struct call_place {
    std::string branch{};
    std::string path{};
    std::uint32_t occurrence = 0;

    auto operator<=>(const call_place&) const = default;
};

/// What a predictor was given and what it made of it: the material of traces and demonstrations. Holds what the program
/// passed, without what earlier attempts added to the prompt.
struct predictor_call {
    call_place place{};
    json::object inputs{};
    json::object outputs{};
    recorded_text trajectory{};  ///< an agent's steps until then, as the prompt showed them
};

/// An assertion or a suggestion that did not hold.
struct failed_assertion {
    bool soft = false;               ///< a suggestion
    bool final = false;              ///< nothing was tried any more: the assertion was thrown, the suggestion let go
    std::string message{};           ///< as the program gave it
    std::string site{};              ///< where it stands: "safe_sql.cpp:41:13"
    call_place blamed{};             ///< the call that was asked again; path "" when no predictor had run
    json::object outputs{};          ///< what that call had returned
    std::chrono::microseconds at{};  ///< since the run began
};

/// What a call is told of an earlier attempt at it.
struct feedback {
    json::object outputs{};  ///< what it returned then
    std::string message{};   ///< what was wrong with that
};

/// All effects of a run, in the order in which they finished. Holds no key: requests are recorded as the adapter made
/// them, before a provider adds its credentials.
class journal {
public:
    const std::vector<event>& events() const { return events_; }

    /// Every call of a predictor that came to an end, as far as no backtrack undid it.
    const std::vector<std::shared_ptr<const predictor_call>>& predictor_calls() const { return calls_; }

    /// Every assertion and suggestion that failed, also those that held after a backtrack; oldest first.
    const std::vector<failed_assertion>& violations() const { return violations_; }

    /// Effects that a backtrack undid. They happened, and were paid for, but are no part of the result.
    const std::vector<event>& abandoned() const { return abandoned_; }

    /// What calls were told of earlier attempts, by place.
    const std::map<call_place, std::vector<feedback>>& feedback_by_place() const { return feedback_; }

    void append(event e);
    void append(std::shared_ptr<const predictor_call> c);
    void append(failed_assertion a);
    void abandon(event e);
    void advise(const call_place& place, feedback f);
    void forget_advice(const call_place& place) { feedback_.erase(place); }

    /// Takes out the events of a branch and of those below it, oldest first; and forgets its predictors' calls.
    std::vector<event> take(std::string_view branch);

    /// Forgets the calls of predictors in a branch and below it; its events stay.
    void forget_calls(std::string_view branch);

    /// Starts with what another run knew of failures, so that its replay takes the same way.
    void adopt_assertions(const journal& other);

    std::size_t bytes() const { return bytes_; }  ///< approximate memory of what is recorded

    /// The events, then what backtracks undid (with `"abandoned": true`), then the assertions that failed.
    json::array to_json() const;

private:
    std::vector<event> events_, abandoned_;
    std::vector<std::shared_ptr<const predictor_call>> calls_;
    std::vector<failed_assertion> violations_;
    std::map<call_place, std::vector<feedback>> feedback_;
    std::size_t bytes_ = 0;
};

/// Whether `branch` is `ancestor` or was split off from it.
bool is_within(std::string_view branch, std::string_view ancestor);

}  // namespace reagent
