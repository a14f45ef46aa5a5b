#pragma once

#include <reagent/http/client.hpp>
#include <reagent/lm/language_model.hpp>

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace reagent::provider {

/// What a request depends on besides the `lm_request`.
struct call_settings {
    std::string model;
    sampling defaults{};
    bool structured_output = true;
    bool cache_prompt = false;
    bool drop_unsupported = false;
    bool stream = false;
    std::string_view provider{};  ///< the table's name, for what servers of one protocol do differently
};

/// A request as it goes out, but for the address before `target` and the credentials.
struct wire_call {
    std::string target;
    std::string body;
    std::vector<std::string> dropped{};  ///< options that the provider lacks
};

/// Assembles an answer from its pieces. Pure: it is fed with events, and says what they mean.
class stream_reader {
public:
    virtual ~stream_reader() = default;

    /// @param event the server-sent event's name; "" where there is none
    /// @param out what the piece says is appended here
    /// @throws lm_error for an error that the provider reports, or a piece that is no JSON
    void read(std::string_view event, std::string_view data, std::vector<lm_event>& out);

    /// The whole answer. @throws lm_error(unavailable) when the stream broke off
    virtual lm_response finish();

    bool ended() const { return ended_; }

protected:
    virtual void read_json(std::string_view event, const json::value& data, std::vector<lm_event>& out) = 0;

    void text(std::string piece, std::vector<lm_event>& out);
    void reasoning(std::string piece, std::vector<lm_event>& out);
    /// A piece of the tool call with that index.
    void call(std::size_t index, tool_call piece, std::vector<lm_event>& out);
    void used(const usage& u, std::vector<lm_event>& out);

    lm_response answer_;
    bool ended_ = false;
};

/// How a provider is talked to. Implementations hold no state.
class protocol {
public:
    virtual ~protocol() = default;
    virtual std::string_view name() const = 0;

    /// @throws lm_error(unsupported_option), lm_error(invalid_request) for content that cannot be sent
    virtual wire_call write(const call_settings& s, const lm_request& r) const = 0;

    /// Reads the body of a response with status 200. @throws lm_error(malformed_response), naming what is missing; or the
    /// error that the body reports
    virtual lm_response read(std::string_view body) const = 0;

    virtual std::unique_ptr<stream_reader> stream() const = 0;
    /// Whether a stream is lines of JSON, not server-sent events.
    virtual bool streams_lines() const { return false; }

    virtual http::header_list headers() const { return {}; }
    virtual http::header_list credentials(const secret& key) const;
};

const protocol& openai_chat();
const protocol& openai_responses();
const protocol& anthropic();
const protocol& gemini();
const protocol& ollama();
const protocol& cohere();

/// A provider: its name, address and protocol.
struct facts {
    std::string_view name;
    std::string_view api_base;
    std::vector<std::string_view> key_variables;  ///< environment variables, the first that is set counts; none: no key needed
    std::vector<std::string_view> base_variables;
    const protocol* speaks;
};
const std::vector<facts>& all();

/// The error that a response with a status other than 200 stands for. The provider's message is redacted.
[[noreturn]] void throw_status(const http::response& r, const std::string& attempted, std::span<const secret> keys);

/// The error that an error object in a 200 response or a stream stands for.
[[noreturn]] void throw_error_object(const json::value& error);

}  // namespace reagent::provider
