#pragma once

#include <reagent/lm/embedder.hpp>
#include <reagent/module/parameters.hpp>

namespace reagent {

/// Chooses the `k` demonstrations whose inputs are nearest to a call's: by an embedder's vectors (cosine), or without
/// one by the words that they share, rare ones counting more (TF-IDF, cosine). The nearest stands last, next to the
/// question; of equally near ones the earlier in the pool is chosen.
/// @param embedder its calls are effects of the run
/// @param vectors with an embedder: of every `compared_text` of the pool
std::shared_ptr<const demo_selector> nearest_demos(std::vector<json::object> pool, std::size_t k,
                                                   std::shared_ptr<const reagent::embedder> embedder = {},
                                                   std::vector<std::vector<float>> vectors = {});

/// What a demonstration is compared by: the texts of its inputs.
std::string compared_text(const json::object& values, const std::vector<std::string>& inputs);

/// Embeds as a model call of the run at `path` + ".embed": a replay needs no network, and what it used counts in the
/// run's usage and limits. @throws as `run::call_model` and `embedder::embed`
task<std::vector<std::vector<float>>> embed_texts(run& r, std::string path, const embedder& with,
                                                  std::vector<std::string> texts, embedding_use use);

/// What `demo_selector::to_json` wrote. @throws program_error(bad_document) naming the place
std::shared_ptr<const demo_selector> demo_selector_from(const json::value& document, const std::string& path);

}  // namespace reagent
