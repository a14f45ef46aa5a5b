#pragma once

#include <reagent/lm/decorators.hpp>
#include <reagent/lm/embedder.hpp>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace reagent {

class run;

struct vector_options {
    embedder_options model{};             ///< `batch` is the most texts in one request
    retry_options retry{};                ///< of a request that failed in a way that may pass
    unsigned concurrency = 4;             ///< requests under way, of one call
    std::size_t max_text_bytes = 32'768;  ///< a longer text is refused: models cut texts off and do not say so
    std::string cache_file{};             ///< of vectors, shared by processes (needs reagent::durable); "": in memory
};

struct text_vectors {
    std::vector<std::vector<float>> vectors;  ///< one for each text, all of one length
    reagent::usage usage{};
};

/// Makes vectors of texts: an embedder's, in batches, several at once, cached, retried and counted; or, without a
/// model, vectors of our own by the words of a text. A value, cheap to copy, safe to share between threads.
class vector_source {
public:
    /// `words`, `words-1024` (with that many numbers), or an embedder's name, as "openai/text-embedding-3-small".
    /// @throws as the constructor of `embedder`; retrieve_error(bad_options)
    explicit vector_source(std::string_view name, vector_options options = {});

    /// What an index keeps, and compares with: "words-512", "openai/text-embedding-3-small".
    const std::string& name() const;
    /// No model: texts are near that share words and pieces of words. It knows no synonyms, and is no replacement for a
    /// model.
    bool is_of_words() const;

    /// As effects of a run: model calls at `path`, so that they replay and count.
    task<text_vectors> embed(run& r, std::string path, std::vector<std::string> texts, embedding_use use) const;

    /// Without a record, for whoever builds an index. @param done told of how many texts have their vector
    /// @throws lm_error, http_error; retrieve_error(wrong_model) for vectors of different lengths
    task<text_vectors> embed(lm_context context, std::vector<std::string> texts, embedding_use use,
                             std::function<void(std::size_t)> done = {}) const;

private:
    struct impl;
    std::shared_ptr<const impl> impl_;
};

}  // namespace reagent
