#pragma once

#include <reagent/evaluate/metrics.hpp>

#include <map>
#include <string>
#include <vector>

namespace reagent {

// --- on ids: a ranking, best first, against what is relevant
// ------------------------------------------------------------- Ids count once, where they first stand. k = 0: the
// whole ranking. Source: trec_eval 9 (recall, P, recip_rank, ndcg_cut, success); the tests compare with ir-measures.

using ranking = std::vector<std::string>;
/// Id to grade: 0 or less is not relevant, more is better where a metric has grades (nDCG).
using relevance = std::map<std::string, double, std::less<>>;

double recall_at(const ranking& found, const relevance& relevant,
                 std::size_t k = 0);  ///< share of the relevant that are among the first k; 0 where none is
double precision_at(const ranking& found, const relevance& relevant,
                    std::size_t k = 0);  ///< relevant among the first k, by k even where fewer were found
double reciprocal_rank(const ranking& found, const relevance& relevant,
                       std::size_t k = 0);  ///< 1 / place of the first relevant one; their mean is MRR
double ndcg_at(const ranking& found, const relevance& relevant,
               std::size_t k = 0);  ///< gain is the grade, discount log2(place + 1), by that of the best order
double hit_at(const ranking& found, const relevance& relevant,
              std::size_t k = 0);  ///< 1 where one of the first k is relevant, else 0

// --- what a run has retrieved, by its trace
// ---------------------------------------------------------------------------------

/// A retrieval of a run, as its journal has it.
struct traced_retrieval {
    std::string path{};  ///< of the `retrieve` module: "find"
    std::string query{};
    json::array passages{};  ///< as `to_json(passage)` writes them
};

/// Those that took part in the result, in the order in which they began, also within tools; of what failed or a
/// backtrack undid none.
/// @param path only of this module; "": of all
std::vector<traced_retrieval> retrievals_of(const journal& history, std::string_view path = {});

/// Ids of all passages that a run has retrieved, each once, in the order in which they came: what `multi_hop` had
/// before it.
ranking retrieved_ids(const journal& history, std::string_view path = {});

// --- for `evaluate`
// -----------------------------------------------------------------------------------------------------------

enum class retrieval_measure { recall, precision, mrr, ndcg, hit };

struct retrieval_metric_options {
    std::size_t k = 0;     ///< of the ranking; 0: all that was retrieved
    std::string output{};  ///< the output that holds the ranking: ids, or objects with "id"; "": the run's trace
    std::string path{};    ///< in the trace, only this module's retrievals
};

/// Compares what was retrieved with a label of the example: a list of ids, one id, or an object of ids and grades. Its
/// feedback names what was missed. For a retriever alone evaluate a program that retrieves; within a program its trace
/// is looked at.
///
///     rg::evaluate(rt, ask, data, rg::retrieval_metric_of("relevant", rg::retrieval_measure::recall, {.k = 5}),
///     options);
metric retrieval_metric_of(std::string label, retrieval_measure m, retrieval_metric_options how = {});

/// Citations of an output (`citations`: objects with "passage_id", or ids) against a label, as for
/// `retrieval_metric_of`. Precision: share of the citations whose passage is relevant, 0 without any. Recall: share of
/// the relevant passages that are cited.
metric citation_precision_of(std::string label, std::string output = "citations");
metric citation_recall_of(std::string label, std::string output = "citations");

/// How much of an output's claims the retrieved passages bear out, as a judge sees it, from 0 to 1. The passages are
/// those of the trace. An output without retrieved passages scores 0, and no judge is asked.
metric groundedness_of(std::string field, judge_options judge = {});

/// F1 of groundedness and of completeness: how much of the label the output says. Source: DSPy 3,
/// `CompleteAndGrounded`.
metric complete_and_grounded_of(std::string field, judge_options judge = {});

/// "recall@5:LABEL", "precision@5:LABEL", "mrr:LABEL", "ndcg@10:LABEL", "hit@1:LABEL", "citation_precision:LABEL",
/// "citation_recall:LABEL", "groundedness:FIELD", "complete_and_grounded:FIELD"; empty where the name is none of these.
/// `metric_named` knows them too.
metric retrieval_metric_named(std::string_view text, judge_options judge = {});

}  // namespace reagent
