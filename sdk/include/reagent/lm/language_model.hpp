#pragma once

#include <reagent/lm/message.hpp>
#include <reagent/secret.hpp>
#include <reagent/task.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <functional>
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
struct run_options;

/// How long a model may reason before it answers.
enum class effort { none, minimal, low, medium, high };

/// Whether the model is to call a tool.
struct tool_choice {
    enum kind_t { automatic, none, required, one } kind = automatic;
    std::string name{};  ///< with `one`: the tool

    bool operator==(const tool_choice&) const = default;
};

/// How a completion is drawn. What is not set is left to the provider.
struct sampling {
    std::optional<double> temperature{};  ///< from 0
    std::optional<double> top_p{};        ///< from 0 to 1
    std::optional<std::uint64_t> max_tokens{};
    std::optional<std::int64_t> seed{};
    std::vector<std::string> stop{};
    std::optional<std::uint64_t> n{};  ///< completions to draw; the further ones are in `lm_response::alternatives`
    std::optional<effort> reasoning_effort{};

    /// What is set here, else what is set there.
    sampling or_else(const sampling& other) const;
};

/// One call of a language model.
struct lm_request {
    std::vector<message> messages{};
    std::vector<tool_description> tools{};  ///< offered in the provider's own format
    reagent::sampling sampling{};
    std::optional<json::object>
        outputs_schema{};                ///< structured output: JSON Schema the answer must fit, where the provider can
    reagent::tool_choice tool_choice{};  ///< counts where tools are offered
    std::optional<bool> parallel_tool_calls{};  ///< whether the model may ask for several at once
    std::uint64_t rollout_id = 0;               ///< not sent: tells a cache that this one wants an answer of its own
};

/// Why an answer ended. Only what ended by `stop` or with `tool_calls` is a whole answer; nothing is taken from any
/// other.
enum class finish_reason {
    stop,            ///< the model was done, or the server gives no reason
    length,          ///< cut off by `max_tokens`, or by the context's end
    tool_calls,      ///< it ended with calls of tools
    content_filter,  ///< withheld or cut by a filter, or refused: SAFETY, RECITATION, refusal
    error,           ///< the provider failed while it was written
    malformed_call,  ///< the model wrote a call that the provider could not read: MALFORMED_FUNCTION_CALL,
                     ///< UNEXPECTED_TOOL_CALL
    other,           ///< a reason that is not known
};

std::string_view to_string(finish_reason r);

/// What a model answered.
struct lm_response {
    std::string text;
    std::vector<tool_call> tool_calls{};
    finish_reason finish = finish_reason::stop;
    std::string finish_words{};  ///< the provider's own, where `finish` is `other` or `error`; at most 200 bytes
    reagent::usage usage{};
    std::string model{};       ///< as the provider names it
    std::string request_id{};  ///< the provider's, for its support
    std::string reasoning{};   ///< what the provider shows of the model's reasoning
    /// The provider's own blocks, to be returned unchanged in the next turn's `message`: its reasoning, and where text
    /// and calls stand between it. Another provider's are not sent.
    std::vector<json::value> reasoning_blocks{};
    std::vector<std::string>
        alternatives{};  ///< the texts of further completions, with `sampling::n`: only of those that are whole
    std::vector<std::string>
        unread_parts{};  ///< types of parts of its content that are not known; `text` holds nothing of them
    bool from_cache = false;
};

/// Whether it is an answer: the model ended it, and it holds a text or a call.
bool is_whole(const lm_response& r);

json::object to_json(const lm_request& r);  ///< all of it, without keys; for digests and records
json::object to_json(const lm_response& r);
/// @throws lm_error(malformed_response) for what `to_json` did not write
lm_response lm_response_from_json(const json::value& v);
lm_request lm_request_from_json(const json::value& v);  ///< throws as `lm_response_from_json`

/// A piece of an answer that is being written.
struct lm_event {
    enum kind_t {
        text,       ///< text: a piece of the answer
        reasoning,  ///< text: a piece of the reasoning
        tool_call,  ///< call: index, and what is new of id, name and arguments
        usage,      ///< usage: the tokens so far
        end,        ///< response: the whole answer; nothing follows
    } kind{};
    std::string text_piece{};
    std::size_t index = 0;
    reagent::tool_call call{};
    reagent::usage used{};
    std::shared_ptr<const lm_response> response{};
};

/// An answer that is being written: `while (auto e = co_await stream->next())`.
class lm_stream {
public:
    virtual ~lm_stream() = default;  ///< gives up what was not read
    /// The next event; none after `end`. @throws as `lm_backend::complete`
    virtual task<std::optional<lm_event>> next() = 0;
};

/// What a model call needs from the run that makes it.
struct lm_context {
    http::client& http;
    clock::time_point deadline = no_deadline;
    asio::any_io_executor blocking{};  ///< a pool for what blocks; none: it blocks here
    /// Who counts requests is told by a decorator before it sends one again, or to another model; what it throws ends
    /// the call.
    std::function<void()> before_retry{};
};

/// A provider's side of a language model. Implementations are immutable and safe to share between threads.
class lm_backend {
public:
    virtual ~lm_backend() = default;
    virtual std::string name() const = 0;  ///< "openai/gpt-4o-mini"
    /// What tells its answers from those of another model of the same name: the server's address and the options that
    /// change an answer, without keys. It is part of a cache's key. By default the name.
    virtual std::string identity() const { return name(); }
    /// Whether `lm_request::outputs_schema` is honoured.
    virtual bool has_structured_output() const { return false; }
    /// The keys that it holds: no log, no telemetry and no error in a journal of a run that uses it shows one. By
    /// default none.
    virtual std::vector<secret> secrets() const { return {}; }
    /// `request` outlives the task. @throws lm_error, http_error
    virtual task<lm_response> complete(lm_context context, const lm_request& request) const = 0;
    /// As `complete`, piece by piece. `request` outlives the stream. By default the whole answer is one piece.
    virtual task<std::unique_ptr<lm_stream>> stream(lm_context context, const lm_request& request) const;
};

/// Where a server differs from the protocol that it speaks. What is not set is as the table of providers has it, by the
/// provider's and the model's name (`sdk/src/lm/providers/dialect.cpp`).
struct dialect {
    enum class empty { null, text, absent };               ///< `"content": null`, `"content": ""`, or no `content`
    enum class format { json_schema, json_object, none };  ///< kinds of `response_format`
    std::optional<bool> max_completion_tokens{};  ///< OpenAI's chat: `max_completion_tokens` in place of `max_tokens`
    std::optional<bool>
        include_reasoning{};               ///< OpenAI's responses: ask for reasoning that can be sent back (`include`)
    std::optional<empty> empty_content{};  ///< OpenAI's chat: of an assistant's message that holds calls alone
    std::optional<format> response_format{};  ///< OpenAI's chat: what structured output is asked for with
    std::optional<bool> strict_schemas{};     ///< false: schemas are sent as they are, and not as strict ones
    std::optional<bool> reasoning_back{};     ///< OpenAI's chat: reasoning goes back beside the calls that it led to
    std::optional<bool> usage_in_stream{};    ///< OpenAI's chat: ask for the usage of a stream (`stream_options`)
    std::optional<bool> done_ends{};          ///< `[DONE]` ends a stream also where no `finish_reason` came

    std::optional<bool> named_tool{};  ///< OpenAI's chat: `tool_choice` may name a tool; else it is the only one sent

    bool operator==(const dialect&) const = default;
};

struct language_model_options {
    std::string api_base{};                      ///< "" is the provider's own address
    secret api_key{};                            ///< empty: taken from the provider's environment variable
    reagent::sampling sampling{};                ///< for every call, unless the call says otherwise
    std::chrono::milliseconds timeout{120'000};  ///< of one call; zero and less: no limit
    bool structured_output = true;               ///< false for servers that do not know the provider's means for it
    /// Leave out an option that the provider lacks, instead of lm_error(unsupported_option).
    bool drop_unsupported = false;
    /// Ask the provider to cache the prompt's beginning, where that must be asked for (Anthropic).
    bool cache_prompt = false;
    bool follow_redirects_anywhere = false;  ///< to other servers too; keys are never sent there
    reagent::dialect dialect{};              ///< for a server that the table of providers does not know well enough
};

/// A language model: a value, cheap to copy, safe to share between threads.
class language_model {
public:
    /// No model: a run with it fails at its first call.
    language_model() = default;

    /// `provider/name`: `openai/gpt-4o-mini`, `anthropic/claude-sonnet-4-5`, `ollama/llama3.2`; any OpenAI-compatible
    /// server as `openai/NAME` with `api_base`. Key and address are read now, from the options or the provider's usual
    /// variables.
    /// @throws lm_error(unknown_provider), lm_error(missing_key)
    explicit language_model(std::string_view name, language_model_options options = {});

    /// A model of your own.
    explicit language_model(std::shared_ptr<const lm_backend> backend) : backend_{std::move(backend)} {}

    explicit operator bool() const { return backend_ != nullptr; }
    operator run_options() const;  ///< wherever options of a run are wanted: those with this model (run/run.hpp)
    std::string name() const { return backend_ ? backend_->name() : std::string{}; }
    const lm_backend* backend() const { return backend_.get(); }

private:
    std::shared_ptr<const lm_backend> backend_;
};

/// US dollars for a call, where the model is on the price list.
/// Source: the providers' price pages, as of 2025; prices change, a listed price is an estimate.
std::optional<double> price_of(std::string_view model, const usage& u);

/// A provider that is known by name.
struct provider_facts {
    std::string_view name;  ///< the part before the slash
    std::string_view api_base;
    std::string_view key_variable;  ///< environment variable of the key; "" when no key is needed
};
const std::vector<provider_facts>& known_providers();

}  // namespace reagent
