#pragma once

#include <reagent/lm/language_model.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace reagent {

// Language models around other language models. They compose: `cached(retrying(language_model("openai/gpt-4o-mini")))`
// asks once, again when the provider fails, and never twice for the same. All are safe to share between threads.

struct cache_options {
    std::string file{};  ///< a SQLite file that many processes may share; "" keeps answers in memory only
    std::size_t max_memory_bytes = 64 * 1024 * 1024;       ///< of answers; the least recently used go first
    std::uint64_t max_file_bytes = 1024ull * 1024 * 1024;  ///< of answers in the file; the oldest go first
    std::chrono::seconds max_age{0};                       ///< an older answer does not count; 0: age does not matter
};

/// Answers from memory or the file what was asked before. A request is known by a digest of all of it: the model,
/// messages, tools, sampling, schema, and its `rollout_id`. A model is known by its `identity`: its server and what was
/// set for it tell it apart too. Equal requests that are under way are sent once (streams each on their own). Only
/// whole answers are kept (`is_whole`). What a hit used is zero. A file that is broken, or an entry in it, is a miss:
/// what is no SQLite file is set aside as FILE.broken, and a new one made. A file that cannot be made is an error.
/// @throws lm_error(unavailable)
language_model cached(language_model inner, cache_options options = {});

struct retry_options {
    unsigned max_attempts = 5;
    std::chrono::milliseconds base{500};    ///< waits are drawn from 0 to base * 2^retry ...
    std::chrono::milliseconds cap{30'000};  ///< ... or to this
    std::chrono::milliseconds total{
        std::chrono::minutes{2}};  ///< no attempt begins later than this after the first; zero and less: no limit
};

/// Asks again when it may help: rate limits (but not a quota that is used up), status 408, 409 and 5xx, a stream that
/// broke off, failing name resolution, refused or broken connections, timeouts. Waits as long as the provider asks for,
/// else with full jitter. A stream is not begun again once a piece of it was handed on. Source of the waits: AWS
/// Architecture Blog, "Exponential Backoff And Jitter" (2015).
language_model retrying(language_model inner, retry_options options = {});

/// Whether asking again may help.
bool is_transient(const std::exception_ptr& failure);

/// Asks the first; when it fails, the next. A stream moves on only while nothing of it was handed on.
/// @throws what the last one threw, with the others' failures in its message
language_model fallback(std::vector<language_model> models);

/// Spreads calls: each goes to the model with the fewest under way; on a failure that may pass, to the next.
language_model balanced(std::vector<language_model> models);

struct rate_limits {
    double requests_per_minute = 0;  ///< 0: no limit
    double tokens_per_minute =
        0;  ///< prompt and completion; a prompt is estimated at four bytes per token until it is known
};

/// Waits until a call fits the limits. @throws lm_error(rate_limited) when that is beyond the call's deadline
language_model rate_limited(language_model inner, rate_limits limits);

/// At most `max` calls under way; the others wait in turn. Halves the number on every rate limit error of the provider,
/// and raises it by one after as many successes as it stands at.
language_model concurrency_limited(language_model inner, unsigned max);

struct spending_limit {
    std::optional<std::uint64_t> calls{}, tokens{};
    std::optional<double> dollars{};  ///< counts calls whose price is known
};

/// Stops when all calls through it together have used up the limit: every request that is sent counts, also one that
/// fails and one that a decorator inside sends again. Tokens and dollars are passed by what one call uses at most: near
/// the limit calls wait for each other.
/// @throws run_error(budget_calls, budget_tokens, budget_cost)
language_model budgeted(language_model inner, spending_limit limit);

/// Appends every request and its answer to a file of JSON lines, without keys.
/// @throws lm_error(unavailable) when the file cannot be written
language_model recorded(language_model inner, std::string file);

/// Answers from what was recorded, each answer once, in any order. @throws lm_error(invalid_request) for a request that
/// was not recorded, saying how it differs from the nearest that was; lm_error(malformed_response) for a file that is
/// none
language_model replayed(std::string file);

}  // namespace reagent
