#pragma once

#include <reagent/optimize/demonstrations.hpp>

#include <functional>

namespace reagent {

/// What a proposal of instructions is grounded in. What is empty is not shown.
struct proposal_ground {
    std::string data{};                   ///< what the data is like
    std::string program{};                ///< the program's structure
    std::string step{};                   ///< the predictor that the instructions are for
    std::vector<std::string> demos{};     ///< of this predictor
    std::vector<std::string> failures{};  ///< examples that failed, with the reasons
    std::vector<std::string> attempts{};  ///< instructions that were tried, with their scores, the best last
    std::string instructions{};           ///< as they are
    std::string tip{};
};

/// Something that the prompt model is asked.
struct prompt_question {
    signature how{};
    json::object inputs{};
};

/// Puts each of `failures.size()` questions to the prompt model, all at once, each as a draw of its own.
struct question_round {
    double temperature;
    std::uint64_t draw;                  ///< of the first; tells this round's answers from others'
    std::vector<std::string>& failures;  ///< what a question failed with; a run_error ends the round
    std::function<task<void>(run&, std::size_t)> put;

    task<void> forward(run& r) const;
};
/// Says in the study what questions of a round failed with.
void tell_failures(study& s, const std::vector<std::string>& failures);

/// The answers, all asked for at once; nothing where the model failed. @param draw tells this round's answers from
/// others'
std::vector<std::optional<json::object>> ask_all(study& s, const std::vector<prompt_question>& questions,
                                                 double temperature, std::uint64_t draw);

/// What a model proposed, without quotes, fences or a heading around it, and without markers of fields; "" for what is
/// none.
std::string cleaned_proposal(std::string text);

/// Behind an attempt that has no score.
inline constexpr const char* not_this_again = " (score not known yet: write something different)";

/// Instructions that the prompt model proposes, one for each ground; equal and unreadable ones are left out. All at
/// once.
std::vector<std::string> propose(study& s, std::vector<proposal_ground> grounds, double temperature,
                                 std::uint64_t rollout);

/// Proposals from one ground.
struct proposals {
    std::vector<std::string> texts{};
    bool one_by_one = false;  ///< several were asked for in one request, and one came: the provider draws no more
};

/// Up to `wanted`, asked for in one request where the provider can draw several completions; the rest, unless it draws
/// only one and `fill` is false, one by one, each with a tip of its own.
proposals propose_many(study& s, const proposal_ground& ground, std::size_t wanted, bool fill, double temperature,
                       std::uint64_t rollout);

/// What the prompt model says of some of the training data.
std::string summary_of_data(study& s);

/// The program's structure: every predictor with its signature and instructions.
std::string structure_of(study& s);
std::string described(const predictor& p);

inline constexpr std::size_t most_failures_shown = 6;

/// Some of the rows that did not reach the full score, drawn by seed, with the reasons.
std::vector<std::string> failures_in(const evaluation& e, const dataset& data, dice random);

/// Whether every example was right; metrics are from 0 to 1.
inline bool is_full(double score) { return score >= 100; }

/// Demonstrations as a proposer is shown them.
std::vector<std::string> shown_demos(const std::vector<json::object>& demos, std::size_t most);

/// A way to write; the first one is none. `n` may be anything.
std::string tip(std::size_t n);

}  // namespace reagent
