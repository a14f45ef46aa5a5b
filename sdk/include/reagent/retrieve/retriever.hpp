#pragma once

#include <reagent/journal/flow.hpp>
#include <reagent/module/module.hpp>
#include <reagent/retrieve/error.hpp>
#include <reagent/retrieve/filter.hpp>
#include <reagent/retrieve/passage.hpp>
#include <reagent/task.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace reagent {

class run;

/// What is looked for: `retrieval{"late parcels", 3, filter::eq("lang", "en")}`. It has a constructor, so that it may
/// be written within a `co_await` (docs/lifetimes.md).
struct retrieval {
    retrieval(std::string q = {}, std::size_t most = 5, filter f = {})
        : query{std::move(q)}, k{most}, where{std::move(f)} {}

    std::string query;
    std::vector<float> vector{};  ///< of the query, where it is known; else the retriever that needs one makes it
    std::size_t k;                ///< most passages in the answer
    filter where;
};

/// Finds passages. Immutable, safe to share between runs and threads: `std::shared_ptr<const retriever>`.
///
/// `retrieve` is called by the module `rg::retrieve` (or by `find`), which makes an effect of the run of it; whoever
/// calls it directly asks without a record. What it needs of models it asks through the run that it is given.
class retriever {
public:
    virtual ~retriever() = default;

    /// The best at most `what.k` passages that fit `what.where`, best first: fewer only where there are no more.
    virtual task<std::vector<passage>> retrieve(run& r, retrieval what) const = 0;

    /// For journals and traces, as "lexical:manuals"; the same for the same passages, and without secrets.
    virtual std::string name() const = 0;

    /// What its answers let into a run: documents are untrusted and private unless somebody knows better.
    virtual flow_flags flow() const { return {.untrusted = true, .private_data = true}; }

    /// Modules that it works with, as a reranker's predictor: optimizers find them through the `retrieve` module.
    virtual std::vector<const module*> parts() const { return {}; }
};

}  // namespace reagent
