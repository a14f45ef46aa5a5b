#pragma once

#include <reagent/lm/language_model.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace reagent {

/// What is known of a language model.
struct model_facts {
    std::string name;                                  ///< "openai/gpt-4o-mini"
    std::optional<std::uint64_t> context{}, output{};  ///< most tokens in all, and in an answer
    std::vector<std::string> abilities{};              ///< of "tools", "structured_output", "images", "reasoning"
    std::optional<double> prompt{}, completion{};      ///< US dollars per million tokens
    std::optional<double> cached{};                    ///< of prompt tokens from the provider's cache; else as `prompt`

    bool can(std::string_view ability) const;
};

json::object to_json(const model_facts& f);

/// The models that facts are known of: those that come with the library, and a user's.
class model_catalog {
public:
    /// What comes with the library, with the file of $REAGENT_MODELS over it. Read once.
    /// @throws lm_error(malformed_response) when that file is none
    static const model_catalog& standard();

    /// A document `{"models": [{"name", "context", "output", "abilities", "prompt", "completion", "cached"}]}` over
    /// what is here: a model that is listed again replaces the first. @throws lm_error(malformed_response), naming what
    /// is wrong
    void add(std::string_view document);

    const std::vector<model_facts>& models() const { return models_; }
    /// Also by a dated name, as "openai/gpt-4o-mini-2024-07-18". @param name "provider/model" or "model". Null: unknown
    const model_facts* find(std::string_view name) const;
    /// The listed name that a misspelt one is nearest to, or "".
    std::string nearest(std::string_view name) const;

private:
    std::vector<model_facts> models_;
};

/// A request as it would go out.
struct request_preview {
    std::string url;
    json::value body;
    std::vector<std::string> dropped{};  ///< options that the provider lacks
};

/// What asking would send; nothing is sent, and no key is needed. @throws as the constructor of language_model
request_preview preview(std::string_view name, const lm_request& request, language_model_options options = {});

}  // namespace reagent
