#pragma once

#include <reagent/lm/message.hpp>
#include <reagent/secret.hpp>
#include <reagent/task.hpp>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace reagent {

namespace http {
class client;
}

/// How a completion is drawn. What is not set is left to the provider.
struct sampling {
    std::optional<double> temperature{};  ///< from 0
    std::optional<double> top_p{};        ///< from 0 to 1
    std::optional<std::uint64_t> max_tokens{};
    std::optional<std::int64_t> seed{};
    std::vector<std::string> stop{};

    /// What is set here, else what is set there.
    sampling or_else(const sampling& other) const;
};

/// One call of a language model.
struct lm_request {
    std::vector<message> messages{};
    std::vector<tool_description> tools{};  ///< offered in the provider's own format
    reagent::sampling sampling{};
    std::optional<json::object> outputs_schema{};  ///< structured output: JSON Schema the answer must fit, where the provider can
};

enum class finish_reason { stop, length, tool_calls, content_filter, other };

std::string_view to_string(finish_reason r);

/// What a model answered.
struct lm_response {
    std::string text;
    std::vector<tool_call> tool_calls{};
    finish_reason finish = finish_reason::stop;
    reagent::usage usage{};
    std::string model{};       ///< as the provider names it
    std::string request_id{};  ///< the provider's, for its support
};

/// What a model call needs from the run that makes it.
struct lm_context {
    http::client& http;
    clock::time_point deadline = no_deadline;
};

/// A provider's side of a language model. Implementations are immutable and safe to share between threads.
class lm_backend {
public:
    virtual ~lm_backend() = default;
    virtual std::string name() const = 0;  ///< "openai/gpt-4o-mini"
    /// Whether `lm_request::outputs_schema` is honoured.
    virtual bool has_structured_output() const { return false; }
    /// `request` outlives the task. @throws lm_error, http_error
    virtual task<lm_response> complete(lm_context context, const lm_request& request) const = 0;
};

struct language_model_options {
    std::string api_base{};                      ///< "" is the provider's own address
    secret api_key{};                            ///< empty: taken from the provider's environment variable
    reagent::sampling sampling{};                ///< for every call, unless the call says otherwise
    std::chrono::milliseconds timeout{120'000};  ///< of one call
    bool structured_output = true;               ///< false for servers that do not know `response_format`
};

/// A language model: a value, cheap to copy, safe to share between threads.
class language_model {
public:
    /// No model: a run with it fails at its first call.
    language_model() = default;

    /// `provider/name`: `openai/gpt-4o-mini`, or any OpenAI-compatible server with `api_base`; `ollama/NAME` is one on
    /// localhost. The key is read now, from the options or the environment.
    /// @throws lm_error(unknown_provider), lm_error(missing_key)
    explicit language_model(std::string_view name, language_model_options options = {});

    /// A model of your own.
    explicit language_model(std::shared_ptr<const lm_backend> backend) : backend_{std::move(backend)} {}

    explicit operator bool() const { return backend_ != nullptr; }
    std::string name() const { return backend_ ? backend_->name() : std::string{}; }
    const lm_backend* backend() const { return backend_.get(); }

private:
    std::shared_ptr<const lm_backend> backend_;
};

/// US dollars for a call, where the model is on the price list.
/// Source: the providers' price pages, as of 2025; prices change, a listed price is an estimate.
std::optional<double> price_of(std::string_view model, const usage& u);

/// A provider that speaks OpenAI's chat completions protocol.
struct provider_facts {
    std::string_view name;  ///< the part before the slash
    std::string_view api_base;
    std::string_view key_variable;  ///< environment variable of the key; "" when no key is needed
};
const std::vector<provider_facts>& known_providers();

}  // namespace reagent
