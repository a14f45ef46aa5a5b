#pragma once

#include <reagent/module/module.hpp>
#include <reagent/retrieve/retriever.hpp>
#include <reagent/run/run.hpp>

namespace reagent {

/// Asks a retriever as an effect of the run: a tool call named `retrieve` at `path` in the journal, with the
/// retriever's name, the query, k and filter as its arguments and the passages as its result. So it is traced,
/// replayed, resumed without asking again, and met by the run's flow policy; model calls that the retriever makes stand
/// in the journal within it, and count.
/// @throws what the retriever throws; in a replay std::runtime_error with its message
task<std::vector<passage>> find(run& r, std::string path, std::shared_ptr<const retriever> from, retrieval what);

/// A part of a program that finds passages.
///
///     struct answer_by_manual : rg::module {
///         rg::retrieve manual;
///         rg::predict<rg::sig<"context: list[str], question -> answer">> reply{*this, "reply"};
///         explicit answer_by_manual(std::shared_ptr<const rg::retriever> r) : manual{*this, "manual", std::move(r)} {}
///         ...     auto found = co_await manual(run, question, 3);
///     };
class retrieve : public module {
public:
    /// Asks the run's retriever (`run_options::retriever`), whose modules optimizers do not find.
    retrieve() = default;
    explicit retrieve(std::shared_ptr<const retriever> from);
    retrieve(module& parent, std::string name, std::shared_ptr<const retriever> from = {});

    /// @param k most passages
    /// @throws retrieve_error(no_retriever) when neither the module nor the run has one
    task<std::vector<passage>> operator()(run& r, std::string query, std::size_t k = 5, filter where = {}) const;
    task<std::vector<passage>> operator()(run& r, retrieval what) const;

    const std::shared_ptr<const retriever>& from() const { return from_; }  ///< its own, or none

private:
    void adopt();

    std::shared_ptr<const retriever> from_;
};

/// `[1] title (source)\ntext`, blank line, `[2] ...`: how passages stand in a prompt. @param max_bytes of all; what is
/// left out is said
std::string to_text(const std::vector<passage>& passages, std::size_t max_bytes = 64 * 1024);

}  // namespace reagent
