#pragma once

#include <reagent/retrieve/retriever.hpp>
#include <reagent/secret.hpp>

#include <chrono>

namespace reagent {

struct rerank_options {
    std::size_t depth = 4;                  ///< so many times k passages are ranked, and 20 at least
    std::size_t max_passage_bytes = 2'000;  ///< that the model is shown of each
    std::string predictor = "rerank";       ///< its path, for saved parameters
};

/// Has the run's model rank what another retriever finds: all passages in one call of a predictor, which optimizers
/// find and teach. What the model names twice or does not have is passed over, and what it does not name comes behind,
/// in the order in which it was found. Scores become 1 / rank.
std::shared_ptr<const retriever> reranked(std::shared_ptr<const retriever> from, rerank_options options = {});

/// A server that speaks the protocol of Cohere and Jina.
struct rerank_endpoint {
    std::string model{};     ///< "rerank-v3.5"
    std::string api_base{};  ///< with its version: "https://api.cohere.com/v2", "https://api.jina.ai/v1"
    secret api_key{};        ///< empty: none is sent
    std::chrono::milliseconds timeout{30'000};  ///< of one request; zero and less: no limit
    unsigned attempts = 3;  ///< of a request that failed in a way that may pass (status 408, 429 and 5xx)
    std::size_t depth = 4;  ///< as above
};

/// Has such a server rank them; scores are the server's. @throws (from the task) retrieve_error(server), http_error
/// Source: Cohere API reference, "Rerank" (v2); Jina "Reranker API".
std::shared_ptr<const retriever> reranked(std::shared_ptr<const retriever> from, rerank_endpoint by);

}  // namespace reagent
