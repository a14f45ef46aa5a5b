#pragma once

#include <reagent/lm/decorators.hpp>

#include <filesystem>
#include <functional>

namespace reagent {

/// What models answered during a long piece of work, on disk: after a crash the same work goes on without asking for
/// what it knows. Within the work no request is sent twice. A request is known by a digest of the model's identity, as
/// in a cache's key (name, server and options), and all of it, `rollout_id` included. What logs of earlier versions
/// hold of a provider's models is not used: it does not say which server answered.
///
/// What was spent is counted once for each answer, whether this process asked or one before it, and for each request
/// that this process sent and that failed, or was sent again; so a limit is reached at the same place with and without
/// a crash. A request that was under way in the crash was never answered here, and is sent again. The limits of tokens
/// and dollars are passed by what one call costs at most, whatever the concurrency: near the limit calls wait for each
/// other. A call costs at most its prompt's bytes as tokens and `sampling.max_tokens`, or the longest answer of the
/// model. Thread-safe. Must outlive the models around which it stands.
class answer_log {
public:
    /// @param file one line of JSON per answer, made when it is not there; "": a temporary one. A torn last line is
    /// dropped
    /// @throws program_error(unwritable) when it cannot be opened, or another process uses it
    explicit answer_log(const std::filesystem::path& file = {}, spending_limit limit = {});
    ~answer_log();
    answer_log(const answer_log&) = delete;

    /// The model with this log around it; always the same for one model.
    /// Its calls throw run_error(budget_calls, budget_tokens, budget_cost) when the limit is used up
    language_model around(const language_model& model);
    /// For `run_options::around`.
    std::function<language_model(const language_model&)> hook();

    usage spent() const;                ///< of every request that was answered, from the file or by a model
    std::uint64_t asked() const;        ///< requests that this process sent
    std::uint64_t failed() const;       ///< of those, without an answer
    std::string why_exhausted() const;  ///< which limit stopped a call, or is passed; "": none
    std::string unwritable() const;     ///< why an answer could not be kept; "": they all were

private:
    struct impl;
    std::shared_ptr<impl> impl_;
};

}  // namespace reagent
