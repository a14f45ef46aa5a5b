#pragma once

#include <reagent/agents/rag.hpp>

namespace reagent {

struct multi_hop_options {
    std::size_t max_hops = 2;  ///< retrievals, the first by the question itself; at least 1
    std::size_t k = 3;         ///< passages that each asks for
    filter where{};            ///< which of them count
    std::size_t max_passage_bytes =
        64 * 1024;  ///< of all that the model is shown; later ones that do not fit are left out
    citation_rules citations{};
};

/// What came of a question whose answer takes several retrievals.
struct multi_hop_answer {
    std::vector<std::string> queries;  ///< what was looked for, in order
    std::vector<passage> passages;     ///< what was found, each once, in the order in which it came
    std::vector<citation> citations;
    std::string answer;
};

/// Retrieves by the question; then a model writes the query for what is still missing, and so on; then it answers with
/// citations that were checked. It stops looking when a retrieval brings nothing new, when a query was asked before or
/// is blank, or after `max_hops`.
///
///     rg::multi_hop ask{articles, {.max_hops = 3}};
///     auto a = runtime.run(lm, ask, "In which country was the founder of Acme born?");
///
/// Its predictors are `refine.predict` and `answer.predict`, its retrievals stand in the journal at `find`.
/// Source: Khattab et al., "Baleen: Robust Multi-Hop Reasoning at Scale via Condensed Retrieval", 2021; DSPy's tutorial
/// on multi-hop search.
/// @throws assertion_failed from the run when the model keeps citing what no passage says
class multi_hop : public module {
public:
    explicit multi_hop(std::shared_ptr<const retriever> from = {}, multi_hop_options options = {});
    multi_hop(module& parent, std::string name, std::shared_ptr<const retriever> from, multi_hop_options options = {});

    task<multi_hop_answer> forward(run& r, std::string question) const;

    struct input {
        std::string question;
    };
    using output = multi_hop_answer;
    task<output> forward(run& r, input in) const;

private:
    struct refiner : module {
        refiner(module& parent, std::string name);
        task<std::string> operator()(run& r, const std::string& question, const multi_hop_answer& so_far) const;
        predictor predict;
    };

    multi_hop_options options_;
    retrieve find_;
    refiner refine_;
    cited_answer answer_;
};

}  // namespace reagent
