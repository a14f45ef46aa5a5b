#include <reagent/error.hpp>

#include "text.hpp"
#include "utf8.hpp"
#include "zero_bytes.hpp"

#include <array>
#include <span>
#include <string_view>

namespace reagent {
namespace {

class table_category final : public boost::system::error_category {
public:
    table_category(const char* name, std::span<const char* const> texts) : name_{name}, texts_{texts} {}

    const char* name() const noexcept override { return name_; }
    std::string message(int value) const override {
        auto index = static_cast<std::size_t>(value - 1);
        return value > 0 && index < texts_.size() ? texts_[index] : "unknown error";
    }

private:
    const char* name_;
    std::span<const char* const> texts_;
};

constexpr std::array schema_texts{"unsupported schema keyword", "malformed schema", "value does not fit the schema",
                                  "not JSON"};
constexpr std::array signature_texts{"signature syntax error", "unknown type in signature",
                                     "bad field name",         "duplicate field",
                                     "missing input",          "unknown field"};
constexpr std::array adapter_texts{"no fields in the completion", "missing output field",
                                   "output field has a bad value", "completion is not an object"};
constexpr std::array http_texts{"bad URL",
                                "host name not resolved",
                                "connection failed",
                                "TLS failed",
                                "deadline exceeded",
                                "response body too large",
                                "response headers too large",
                                "malformed response",
                                "connection closed early",
                                "address refused",
                                "redirect refused"};
constexpr std::array lm_texts{"unknown provider",
                              "API key missing",
                              "authentication refused",
                              "permission denied",
                              "model or endpoint not found",
                              "rate limited",
                              "context length exceeded",
                              "invalid request",
                              "provider failed",
                              "malformed provider response",
                              "model unavailable",
                              "blocked by the provider's content filter",
                              "option not supported by the provider"};
constexpr std::array run_texts{"call budget used up",
                               "token budget used up",
                               "cost budget used up",
                               "run deadline exceeded",
                               "run cancelled",
                               "journal full",
                               "replay does not match the journal",
                               "no language model",
                               "assertion failed",
                               "run suspended",
                               "malformed journal",
                               "journal store unavailable",
                               "run taken over by another worker",
                               "unknown run",
                               "unknown program",
                               "not possible in the run's state",
                               "unknown session",
                               "a thread of the runtime would wait for itself",
                               "two predictors have one path"};
constexpr std::array program_texts{"program file unreadable", "not JSON", "malformed saved program",
                                   "saved program does not fit the program", "program file unwritable"};
constexpr std::array tool_texts{"duplicate tool name", "bad tool name", "bad argument name", "bad tool configuration"};

// Damerau-Levenshtein would be nicer for swapped letters; plain Levenshtein is enough to name a neighbour.
std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            std::size_t above = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
            diagonal = above;
        }
    }
    return row[b.size()];
}

}  // namespace

const boost::system::error_category& category_of(schema_errc) {
    static const table_category c{"reagent.schema", schema_texts};
    return c;
}
const boost::system::error_category& category_of(signature_errc) {
    static const table_category c{"reagent.signature", signature_texts};
    return c;
}
const boost::system::error_category& category_of(adapter_errc) {
    static const table_category c{"reagent.adapter", adapter_texts};
    return c;
}
const boost::system::error_category& category_of(http_errc) {
    static const table_category c{"reagent.http", http_texts};
    return c;
}
const boost::system::error_category& category_of(lm_errc) {
    static const table_category c{"reagent.lm", lm_texts};
    return c;
}
const boost::system::error_category& category_of(run_errc) {
    static const table_category c{"reagent.run", run_texts};
    return c;
}
const boost::system::error_category& category_of(program_errc) {
    static const table_category c{"reagent.program", program_texts};
    return c;
}
const boost::system::error_category& category_of(tool_errc) {
    static const table_category c{"reagent.tool", tool_texts};
    return c;
}

namespace {

// Words are often another's: of a server that broke off within a character, of a file. Journals and logs take UTF-8
// only.
std::string as_text(std::string words) { return without_zero_bytes(detail::valid_utf8(std::move(words))); }

}  // namespace

error::error(error_code code, std::string message, diagnostics details)
    : std::runtime_error{as_text(std::move(message))}, code_{code}, details_{std::move(details)} {
    for (auto words :
         {&diagnostics::attempted, &diagnostics::path, &diagnostics::provider_message, &diagnostics::request_id})
        details_.*words = as_text(std::move(details_.*words));
}

signature_error::signature_error(error_code code, const std::string& message, std::size_t position, std::string hint)
    : error{code, message + " (at position " + std::to_string(position) + (hint.empty() ? ")" : "); " + hint)},
      position_{position},
      hint_{std::move(hint)} {}

parse_error::parse_error(error_code code, const std::string& message, std::string path, std::string completion,
                         std::vector<rejected_completion> attempts)
    : error{code, message, {.attempted = "parsing a completion", .path = std::move(path)}},
      completion_{std::move(completion)},
      attempts_{std::move(attempts)} {}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates) {
    std::string best;
    std::size_t best_distance = std::max<std::size_t>(word.size() < 4 ? 1 : 2, word.size() / 3) + 1;
    for (const auto& c : candidates) {
        if (word.size() > 200 || c.size() > 200) continue;
        if (to_lower(word) == to_lower(c)) return c;
        auto d = edit_distance(word, c);
        if (d < best_distance) best = c, best_distance = d;
    }
    return best;
}

}  // namespace reagent
