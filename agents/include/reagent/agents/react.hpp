#pragma once

#include <reagent/module/chain_of_thought.hpp>
#include <reagent/tools/registry.hpp>

namespace reagent {

/// How an agent is told of its tools and asks for them.
enum class react_mode {
    prompted,  ///< thought, tool name and arguments are fields of a signature; works with every model
    native,    ///< the provider's tool calling; calls that the model makes together run concurrently. It ends by a call
               ///< of `submit` with the outputs; a text without a call is asked about once
};

struct react_options {
    std::size_t max_iters = 20;  ///< steps before the outputs are extracted; each is a call of the model, or two where
                                 ///< its answer cannot be read
    react_mode mode = react_mode::prompted;
};

/// One step of an agent.
struct react_step {
    std::string thought;
    std::string tool;  ///< "finish", or "submit" with the outputs, ends the work; "" when the step could not be read
    json::value args;  ///< an object; whatever the model wrote when it was none
    json::value observation;
    bool failed = false;  ///< the observation tells of an error

    bool operator==(const react_step&) const = default;
};

/// A trajectory as prompts and stored demonstrations have it: `thought_0`, `tool_name_0`, `tool_args_0`,
/// `observation_0`.
json::object to_json(const std::vector<react_step>& trajectory);

namespace detail {

struct react_result {
    json::object outputs;
    std::vector<react_step> trajectory;
};

/// The compiled core of `react`.
class react_core : public module {
public:
    react_core(const signature& s, tools t, react_options o);
    react_core(module& parent, std::string name, const signature& s, tools t, react_options o);

    using output_check = std::function<std::vector<violation>(const json::object&)>;

    task<react_result> run_loop(run& r, json::object inputs, output_check accept) const;

    /// By name: every input of the signature in, every output and the reasoning out.
    task<json::object> call(run& r, json::object inputs) const;

    /// The predictors of an agent, for assertions: the one that decides on steps, and the one that extracts the
    /// outputs. An assertion that blames the agent itself blames the extraction, as the last that ran.
    const module& steps() const { return step_; }
    const module& extraction() const { return extract_; }

private:
    struct extractor : module {
        extractor(module& parent, signature s, standing_text standing)
            : module{parent, "extract"}, predict{*this, "predict", std::move(s), true, std::move(standing)} {}
        predictor predict;
    };
    struct progress;

    task<void> prompted_loop(run& r, const json::object& inputs, progress& p) const;
    struct native_talk;
    /// @return the outputs that were submitted; none: they are extracted from the steps
    task<std::optional<json::object>> native_loop(run& r, const json::object& inputs, progress& p,
                                                  const output_check& accept) const;
    task<void> act(run& r, react_step& step, std::string wrong = {}) const;
    task<json::object> extract(run& r, const json::object& inputs, progress& p, const output_check& accept) const;

    tools tools_;
    react_options options_;
    signature signature_;
    predictor step_;
    extractor extract_;
};

}  // namespace detail

/// The outputs of an agent, its reasoning, and every step it took.
template <signature_type S>
class react_prediction : public reasoned<S> {
public:
    react_prediction() = default;
    void keep(detail::react_result result) {
        reasoned<S>::keep(std::move(result.outputs));
        trajectory_ = std::move(result.trajectory);
    }

    const std::vector<react_step>& trajectory() const& { return trajectory_; }
    std::vector<react_step> trajectory() && { return std::move(trajectory_); }

private:
    std::vector<react_step> trajectory_;
};

/// An agent that thinks, calls a tool, looks at the result, and so on until it finishes; then the outputs are extracted
/// from what it found. What goes wrong with a call is an observation for the model, never an exception.
///
///     rg::react<rg::sig<"question -> answer: float">> agent{tools, {.max_iters = 8}};
///     auto r = co_await agent(run, "question"_f = "What is 2 + 2?");
///
/// Source: Yao et al., "ReAct: Synergizing Reasoning and Acting in Language Models", 2023.
template <signature_type S>
class react : public detail::react_core {
    static_assert(signature_traits<S>::valid);

public:
    using output_type = reasoned<S>;

    explicit react(tools t, react_options o = {}) : react_core{signature_traits<S>::get(), std::move(t), o} {}
    react(module& parent, std::string name, tools t, react_options o = {})
        : react_core{parent, std::move(name), signature_traits<S>::get(), std::move(t), o} {}

    /// @see predict::operator()
    template <class... Args>
    task<react_prediction<S>> operator()(run& r, Args&&... args) const {
        static_assert(detail::arguments_survive<Args...>());
        return typed(*this, r, detail::inputs_of<S>(args...));
    }

private:
    static task<react_prediction<S>> typed(const react& self, run& r, json::object inputs) {
        react_prediction<S> prediction;
        output_check accept = [&prediction](const json::object& outputs) { return prediction.read(outputs); };
        auto result = co_await self.run_loop(r, std::move(inputs), std::move(accept));
        prediction.keep(std::move(result));
        co_return prediction;
    }
};

}  // namespace reagent
