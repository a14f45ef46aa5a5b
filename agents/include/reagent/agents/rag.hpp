#pragma once

#include <reagent/agents/citations.hpp>
#include <reagent/retrieve/retrieve.hpp>

namespace reagent {

struct rag_options {
    std::size_t k = 5;                          ///< passages that are asked for
    filter where{};                             ///< which of them count
    std::size_t max_passage_bytes = 64 * 1024;  ///< of all that the model is shown; passages that do not fit are left
                                                ///< out, the last first; the first is cut
    citation_rules citations{};
};

/// What came of a question to documents.
struct rag_answer {
    std::vector<passage> passages;    ///< what the model was shown, in its order
    std::vector<citation> citations;  ///< each quotes one of them
    std::string answer;
};

/// A question in, an answer from retrieved passages out, with citations that were checked.
///
///     rg::rag ask{manuals, {.k = 3}};
///     auto a = runtime.run(lm, ask, "When are refunds paid?");
///     for (const auto& c : a.citations) std::cout << c.source << ": " << c.quote << "\n";
///
/// Its predictor is `answer.predict`, its retrieval stands in the journal at `find`.
/// @throws assertion_failed from the run when the model keeps citing what no passage says
class rag : public module {
public:
    explicit rag(std::shared_ptr<const retriever> from = {}, rag_options options = {});
    rag(module& parent, std::string name, std::shared_ptr<const retriever> from, rag_options options = {});

    task<rag_answer> forward(run& r, std::string question) const;

    struct input {
        std::string question;
    };
    using output = rag_answer;
    task<output> forward(run& r, input in) const;

private:
    rag_options options_;
    retrieve find_;
    cited_answer answer_;
};

namespace detail {

/// Adds those that are new by id, as far as they fit. @return how many came
std::size_t add_new(std::vector<passage>& all, std::vector<passage> found, std::size_t max_bytes);

}  // namespace detail

}  // namespace reagent
