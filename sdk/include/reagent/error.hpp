#pragma once

#include <boost/system/error_code.hpp>

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

namespace reagent {

using boost::system::error_code;

/// What went wrong, one enumeration per layer. `make_error_code` puts each in a category of its own
/// (`reagent.schema`, `reagent.signature`, ...), so that codes of different layers never compare equal.
enum class schema_errc { unsupported_keyword = 1, bad_document, mismatch, not_json };
enum class signature_errc { syntax = 1, unknown_type, bad_name, duplicate_field, missing_input, unknown_field };
enum class adapter_errc { no_fields = 1, missing_field, bad_value, not_an_object };
enum class http_errc {
    bad_url = 1,
    resolve_failed,
    connect_failed,
    tls_failed,
    deadline_exceeded,
    body_too_large,
    headers_too_large,
    malformed_response,
    connection_closed,
    refused_address,
    redirect_refused,
};
enum class lm_errc {
    unknown_provider = 1,
    missing_key,
    authentication,
    permission,
    not_found,
    rate_limited,
    context_length,
    invalid_request,
    server_error,
    malformed_response,
    unavailable,
    content_filter,
    unsupported_option,
};
enum class run_errc {
    budget_calls = 1,
    budget_tokens,
    budget_cost,
    deadline_exceeded,
    cancelled,
    journal_full,
    replay_mismatch,
    no_language_model,
    assertion_failed,
    suspended,
    bad_journal,
    journal_unavailable,
    lease_lost,
    unknown_run,
    unknown_program,
    not_possible,
    unknown_session,
    would_deadlock,
    ambiguous_path,
};
enum class program_errc { unreadable = 1, not_json, bad_document, mismatch, unwritable };
enum class tool_errc { duplicate_name = 1, bad_name, bad_argument_name, bad_configuration };

const boost::system::error_category& category_of(schema_errc);
const boost::system::error_category& category_of(signature_errc);
const boost::system::error_category& category_of(adapter_errc);
const boost::system::error_category& category_of(http_errc);
const boost::system::error_category& category_of(lm_errc);
const boost::system::error_category& category_of(run_errc);
const boost::system::error_category& category_of(tool_errc);
const boost::system::error_category& category_of(program_errc);

template <class Errc>
concept reagent_errc = requires(Errc e) {
    category_of(e);
};

template <reagent_errc Errc>
error_code make_error_code(Errc e) {
    return {static_cast<int>(e), category_of(e)};
}

/// What a reader of an error needs besides its code. Empty strings are unknown.
struct diagnostics {
    std::string attempted{};         ///< what was being done, e.g. "POST http://127.0.0.1:8080/v1/chat/completions"
    std::string path{};              ///< the offending field, e.g. "$.issues[2]"
    std::string provider_message{};  ///< the provider's own words, without keys in the forms of docs/durability.md
    std::string request_id{};        ///< the provider's request id, for its support
    int http_status = 0;             ///< 0: no response was received
    std::optional<std::chrono::milliseconds> retry_after{};  ///< how long the provider asks to wait
    std::uint64_t prompt_tokens = 0, completion_tokens = 0;  ///< of an answer that came and could not be used
};

/// Base of every exception that Reagent throws.
class error : public std::runtime_error {
public:
    error(error_code code, std::string message, diagnostics details = {});

    /// The code, comparable with the enumerations above: `e.code() == reagent::lm_errc::rate_limited`.
    const error_code& code() const noexcept { return code_; }
    const diagnostics& details() const noexcept { return details_; }

private:
    error_code code_;
    diagnostics details_;
};

/// A JSON Schema that cannot be used, or a value that does not fit one.
class schema_error : public error {
    using error::error;
};

/// A signature that cannot be parsed, or inputs that do not fit it.
class signature_error : public error {
public:
    signature_error(error_code code, const std::string& message, std::size_t position, std::string hint);

    std::size_t position() const noexcept { return position_; }  ///< byte offset into the signature's text
    const std::string& hint() const noexcept { return hint_; }   ///< what to write instead; may be empty

private:
    std::size_t position_;
    std::string hint_;
};

/// An answer of a model that was sent back, and every reason why: path of the field, and what is wrong with it.
struct rejected_completion {
    std::string completion;
    std::vector<std::pair<std::string, std::string>> violations;
};

/// A completion that holds no valid outputs, nor did those that the model was asked for after it.
class parse_error : public error {
public:
    parse_error(error_code code, const std::string& message, std::string path, std::string completion,
                std::vector<rejected_completion> attempts = {});

    const std::string& completion() const noexcept { return completion_; }  ///< what the model wrote last
    const std::vector<rejected_completion>& attempts() const noexcept {
        return attempts_;
    }  ///< all of them, oldest first

private:
    std::string completion_;
    std::vector<rejected_completion> attempts_;
};

class http_error : public error {
    using error::error;
};  ///< transport: no usable response
class lm_error : public error {
    using error::error;
};  ///< the provider refused, or answered nonsense
class run_error : public error {
    using error::error;
};  ///< budget, deadline, cancellation, journal
class tool_error : public error {
    using error::error;
};  ///< a tool that cannot be registered
class program_error : public error {
    using error::error;
};  ///< a saved program that cannot be read, written, or loaded into the program at hand

/// The candidate nearest to `word` (an edit distance of at most 2, or a third of its length; of 1 for words under four
/// letters), or "".
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace reagent

namespace boost::system {
template <>
struct is_error_code_enum<reagent::schema_errc> : std::true_type {};
template <>
struct is_error_code_enum<reagent::signature_errc> : std::true_type {};
template <>
struct is_error_code_enum<reagent::adapter_errc> : std::true_type {};
template <>
struct is_error_code_enum<reagent::http_errc> : std::true_type {};
template <>
struct is_error_code_enum<reagent::lm_errc> : std::true_type {};
template <>
struct is_error_code_enum<reagent::run_errc> : std::true_type {};
template <>
struct is_error_code_enum<reagent::tool_errc> : std::true_type {};
template <>
struct is_error_code_enum<reagent::program_errc> : std::true_type {};
}  // namespace boost::system
