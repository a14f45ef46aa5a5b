#pragma once

#include <reagent/lm/language_model.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace reagent {

/// What a text is embedded for; some models embed a question and the text that answers it differently.
enum class embedding_use { document, query };

struct embedder_options {
    std::string api_base{};                     ///< "" is the provider's own address
    secret api_key{};                           ///< empty: taken from the provider's environment variable
    std::chrono::milliseconds timeout{60'000};  ///< of one request; zero and less: no limit
    std::optional<std::uint64_t> dimensions{};  ///< of the vectors, where the model can choose
    std::size_t batch = 96;                     ///< most texts in one request
};

struct embeddings {
    std::vector<std::vector<float>> vectors;  ///< one for each text, in the order of the texts; all of one length
    reagent::usage usage{};
};

/// Turns texts into vectors: `openai/text-embedding-3-small` (and every OpenAI-compatible server),
/// `ollama/nomic-embed-text`, `cohere/embed-v4.0`, `gemini/gemini-embedding-001`. A value, cheap to copy, safe to share
/// between threads.
class embedder {
public:
    /// @throws lm_error(unknown_provider), lm_error(missing_key), lm_error(unsupported_option) for a provider without
    /// embeddings
    explicit embedder(std::string_view name, embedder_options options = {});

    std::string name() const;
    /// As a model that takes messages as texts and answers with the list of their vectors as JSON: what a run calls, so
    /// that it counts. Always the same for this embedder and its copies.
    language_model as_model(embedding_use use) const;

    /// @throws lm_error, http_error; lm_error(malformed_response) when vectors are missing or of different lengths;
    ///         lm_error(unsupported_option) when they have other than the `dimensions` asked for
    task<embeddings> embed(lm_context context, std::vector<std::string> texts,
                           embedding_use use = embedding_use::document) const;

private:
    struct impl;
    std::shared_ptr<const impl> impl_;
};

}  // namespace reagent
