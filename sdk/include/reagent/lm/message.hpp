#pragma once

#include <boost/json/value.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace reagent {

namespace json = boost::json;

enum class role { system, user, assistant, tool };

std::string_view to_string(role r);

/// A tool call that a model asks for in its provider's own format.
struct tool_call {
    std::string id;  ///< the provider's; pairs the call with its result
    std::string name;
    std::string arguments;    ///< JSON text as the model wrote it; may be broken
    std::string signature{};  ///< some providers': goes back with the call, unchanged
    std::string signed_by{};  ///< the server that signed it: it goes back to no other

    bool operator==(const tool_call&) const = default;
};

/// A picture that a message shows: bytes, or an address that the provider fetches.
struct image {
    std::string media_type{};  ///< "image/png", "image/jpeg", "image/gif" or "image/webp"
    std::string bytes{};
    std::string url{};

    /// @throws lm_error(invalid_request) for what is no picture of a known type, or larger than `max_image_bytes`
    static image from_bytes(std::string bytes);
    static image from_file(const std::string& path);  ///< as from_bytes; also when the file cannot be read
    static image from_url(std::string url);           ///< https, http or data

    bool operator==(const image&) const = default;
};
inline constexpr std::size_t max_image_bytes = 20 * 1024 * 1024;

/// One turn of a conversation.
struct message {
    reagent::role role = role::user;
    std::string content;
    std::vector<tool_call> tool_calls{};  ///< of an assistant
    std::string tool_call_id{};           ///< of a tool's result: which call it answers
    std::vector<image> images{};          ///< of a user; shown before the text
    /// Of an assistant: the provider's own blocks of reasoning, as `lm_response::reasoning_blocks` had them.
    std::vector<json::value> reasoning_blocks{};

    bool operator==(const message&) const = default;
};

/// A tool as a provider is told of it.
struct tool_description {
    std::string name;
    std::string description;
    json::value parameters;  ///< JSON Schema of an object
};

/// What a model call used. `cost` is in US dollars, where the model's prices are known. Sums stop at the largest
/// number: a server that claims 2^64-1 tokens uses a budget up, and does not start it again.
struct usage {
    std::uint64_t calls = 0;
    std::uint64_t prompt_tokens = 0;
    std::uint64_t completion_tokens = 0;
    std::optional<double> cost{};
    std::uint64_t cached_tokens = 0;     ///< prompt tokens that the provider's cache served; counted in prompt_tokens
    std::uint64_t reasoning_tokens = 0;  ///< counted in completion_tokens
    /// Of all of them, those that no server counted: a server that tells no usage has it estimated by bytes, one token
    /// for three of them.
    std::uint64_t estimated_tokens = 0;

    std::uint64_t tokens() const;
    usage& operator+=(const usage& other);
    bool operator==(const usage&) const = default;
};

json::object to_json(const usage& u);
usage usage_from_json(const json::object& o);  ///< what is missing is 0
json::object to_json(const message& m);

}  // namespace reagent
