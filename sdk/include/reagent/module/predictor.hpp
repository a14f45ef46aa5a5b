#pragma once

#include <reagent/module/growing_fields.hpp>
#include <reagent/module/module.hpp>
#include <reagent/module/parameters.hpp>
#include <reagent/run/run.hpp>

#include <array>
#include <functional>
#include <map>
#include <mutex>

namespace reagent {

/// What one call of a predictor may carry besides its inputs.
struct call_options {
    std::vector<json::object> history{};       ///< earlier turns, in order
    further_fields past{};                     ///< shown behind the inputs
    growing_fields* steps = nullptr;           ///< likewise, before the past; outlive the call
    std::optional<std::size_t> max_retries{};  ///< instead of the run's
    language_model lm{};                       ///< instead of the run's and the parameters'

    /// Asked about outputs that fit their types; what it returns is sent back to the model. For checks that a schema
    /// cannot express; paths begin with the field's name.
    std::function<std::vector<violation>(const json::object&)> accept{};
};

/// What stands behind a predictor's instructions, whatever those are: an agent's tools. Instructions that hold all the
/// signs (of a program saved with them) have it already.
struct standing_text {
    using descriptions = std::map<std::string, std::string, std::less<>>;
    std::string text{};
    std::vector<std::string> signs{};
    descriptions parts{};  ///< what of it parameters may say otherwise (`predictor_parameters::tools`)
    std::function<standing_text(const descriptions& changed)>
        with{};  ///< the same with other words there; none: there are no parts
};

/// One call of a language model by a signature: the compiled core of `predict`, for signatures known at run time.
class predictor : public module {
public:
    explicit predictor(reagent::signature s);
    /// @param shows_past whether calls show an agent's earlier steps behind the inputs; saved programs have a field for
    /// them
    /// @param standing follows the signature's instructions, and any that parameters put in their place
    predictor(module& parent, std::string name, reagent::signature s, bool shows_past = false,
              standing_text standing = {});

    /// The signature as it was written; a run's parameters may change its texts, never its fields.
    const reagent::signature& signature() const { return signature_; }

    bool shows_past() const { return shows_past_; }

    /// The instructions with these parameters, without what stands behind them: what an optimizer may rewrite.
    std::string open_instructions(const predictor_parameters* p = nullptr) const;

    /// Descriptions of an agent's tools and their arguments, as they are without parameters.
    const standing_text::descriptions& tool_descriptions() const { return standing_.parts; }

    /// The signature as its prompts show it with these parameters.
    reagent::signature signature_with(const predictor_parameters& p) const;

    /// Its path; "self" where it is a program of its own.
    const std::string& predictor_path() const;

    /// Asks the model for the outputs. An answer that cannot be read or breaks a constraint is sent back, with
    /// everything that is wrong with it, up to `run_options::max_retries` times; after a chat completion that failed,
    /// JSON is asked for. What was cut off, is empty, or ended in the provider's failure is no answer: nothing is read
    /// from it. It is asked for again, with twice the `max_tokens` (up to 131,072) where that was the limit and the run
    /// or the parameters set one.
    ///
    /// @param inputs field name to value; every input of the signature
    /// @return every output of the signature, converted to its type
    /// @throws signature_error(missing_input, unknown_field) before the call; parse_error with all attempts; run_error;
    ///         lm_error, with content_filter where the provider withholds the answer; http_error
    task<json::object> call(run& r, json::object inputs, call_options options = {}) const;

private:
    struct conversation;

    std::unique_ptr<conversation> begin(run& r, json::object inputs, call_options options) const;
    void check_inputs(const json::object& inputs) const;
    standing_text standing_with(const predictor_parameters* p) const;
    reagent::signature shown_in(adapter a, reagent::signature s, const standing_text& standing) const;
    std::shared_ptr<const prompt_template> prompt_for(run& r, adapter a) const;

    reagent::signature signature_;  // with the standing text
    bool shows_past_ = false;
    standing_text standing_;
    std::shared_ptr<const void> alive_ = std::make_shared<char>();  // for runs that know it by its path
    mutable std::mutex mutex_;                                      // guards the templates, which are made at first use
    mutable std::array<std::shared_ptr<const prompt_template>, 3> prompts_;
};

/// The signature with a run's parameters for this predictor applied.
signature with_parameters(signature s, const predictor_parameters& p);

namespace detail {

/// Why a response is no answer, whatever it holds: it was cut off, withheld, or broke off; "" where it may be one.
std::string no_answer(const lm_response& r);

/// Whether an error tells of an answer that was given and that the server, or we, could not read: the next attempt
/// mostly gives another.
bool could_not_be_read(const lm_error& e);

/// The `max_tokens` that the run and these parameters set for an answer; none where only the model has a limit.
std::optional<std::uint64_t> max_tokens_of(const run& r, const predictor_parameters* own);
/// For another attempt at an answer that was cut off there: twice as many, up to 131,072; none where that is no more.
std::optional<std::uint64_t> more_tokens(std::optional<std::uint64_t> limit);

}  // namespace detail

}  // namespace reagent
