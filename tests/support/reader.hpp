#pragma once

#include "two_hop.hpp"

#include <reagent/lm/language_model.hpp>

#include <atomic>

namespace reagent::test {

/// A model that reads: it answers questions of `make_two_hop_corpus` from the facts in its context only, cites the
/// sentences that say them, and refines queries as its prompt tells it. What the prompt tells:
/// - demonstrations: where most of them look for a name that their context has and their question does not, so does it,
/// mostly; where their
///   answers are short, so are its own. Demonstrations that repeat the question teach it to repeat the question;
/// - instructions: each of `reader_hints()` in them makes both likelier;
/// - nothing: one query in four is good, and of the answers six in ten are short.
/// One quote in ten is made up at first; told so, it copies. Asked for `proposed_instruction` it writes some of the
/// hints. The same prompt always gets the same answer, unless the rollout differs; what it draws is drawn by the
/// question.
class reader final : public lm_backend {
public:
    std::string name() const override { return "test/reader"; }
    task<lm_response> complete(lm_context, const lm_request& request) const override;
    std::string answer(const std::vector<message>& messages, std::uint64_t rollout) const;

    mutable std::atomic<std::size_t> calls = 0;
};

/// The phrases that make the reader's instructions better.
const std::vector<std::string>& reader_hints();

}  // namespace reagent::test
