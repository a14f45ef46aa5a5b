#pragma once

#include <reagent/agents/interpreter.hpp>
#include <reagent/module/chain_of_thought.hpp>

namespace reagent {

/// One step of an agent that writes code.
struct code_step {
    std::string thought, code;
    std::string observation;  ///< of the cell, as the model was shown it
    json::object cell{};      ///< what came of it (`interpreter`)
};

struct code_options {
    std::size_t max_iters = 20;            ///< cells, before the outputs are extracted from what was found
    std::size_t max_shown_bytes = 10'000;  ///< of what a cell printed, and of its value, that the model is shown
    sandbox::python_pool interpreters{};   ///< what cells may use, and how many stand ready; share one between programs
    tools functions{};                     ///< that cells may call
    // Of `rlm`:
    std::size_t max_llm_calls = 50;  ///< of the smaller model, by one call of the program
    language_model sub_lm{};         ///< that `llm` asks; none: the predictor's parameters', else the run's
    std::size_t depth = 1;  ///< 2 and more: cells may also call `rlm(question, context)`, an agent like this one
    std::size_t max_input_shown = 500;  ///< characters of an input's head that the prompt has
};

namespace detail {

enum class code_kind { act, program, recursive };

struct code_result {
    json::object outputs;
    std::vector<code_step> steps;
};

/// The compiled core of `code_act`, `program_of_thought` and `rlm`.
class code_core : public module {
public:
    using output_check = std::function<std::vector<violation>(const json::object&)>;

    code_core(code_kind kind, const signature& s, code_options o);
    code_core(module& parent, std::string name, code_kind kind, const signature& s, code_options o);

    task<code_result> run_loop(run& r, json::object inputs, output_check accept) const;
    /// By name: every input of the signature in, every output out.
    task<json::object> call(run& r, json::object inputs) const;

private:
    struct work;
    struct extractor : module {
        extractor(module& parent, signature s);
        predictor predict;
    };
    void complete();
    task<void> step(run& r, work& w) const;
    task<void> execute(run& r, work& w, code_step s) const;
    task<json::object> extract(run& r, work& w) const;
    std::string judge_submission(const json::object& told, work& w) const;
    std::vector<violation> check(const json::object& given, json::object& read) const;
    interpreter_setup setup_for(work& w) const;
    task<sandbox::host_result> ask_sub(run& r, work& w, std::string prompt) const;
    task<sandbox::host_result> ask_many(run& r, work& w, json::object arguments) const;
    task<sandbox::host_result> recurse(run& r, work& w, json::object arguments) const;

    code_kind kind_;
    code_options options_;
    signature signature_;
    predictor step_;
    extractor extract_;
    std::unique_ptr<predictor> llm_;
    std::unique_ptr<code_core> sub_;
};

}  // namespace detail

/// The outputs, and every step.
template <signature_type S>
class code_prediction : public reasoned<S> {
public:
    code_prediction() = default;
    void keep(detail::code_result result) {
        reasoned<S>::keep(std::move(result.outputs));
        steps_ = std::move(result.steps);
    }
    const std::vector<code_step>& steps() const& { return steps_; }
    std::vector<code_step> steps() && { return std::move(steps_); }

private:
    std::vector<code_step> steps_;
};

namespace detail {

template <signature_type S, code_kind Kind>
class code_program : public code_core {
    static_assert(signature_traits<S>::valid);

public:
    using output_type = reasoned<S>;

    explicit code_program(code_options o = {}) : code_core{Kind, signature_traits<S>::get(), std::move(o)} {}
    code_program(module& parent, std::string name, code_options o = {})
        : code_core{parent, std::move(name), Kind, signature_traits<S>::get(), std::move(o)} {}

    /// @see predict::operator()
    template <class... Args>
    task<code_prediction<S>> operator()(run& r, Args&&... args) const {
        static_assert(detail::arguments_survive<Args...>());
        return typed(*this, r, detail::inputs_of<S>(args...));
    }

private:
    static task<code_prediction<S>> typed(const code_program& self, run& r, json::object inputs) {
        code_prediction<S> prediction;
        output_check accept = [&prediction](const json::object& outputs) { return prediction.read(outputs); };
        auto result = co_await self.run_loop(r, std::move(inputs), std::move(accept));
        prediction.keep(std::move(result));
        co_return prediction;
    }
};

}  // namespace detail

/// An agent that writes cells of Python instead of single calls: tools are functions, inputs are variables, and
/// `submit(...)` ends the work with outputs that are checked.
///
///     rg::code_act<rg::sig<"question -> answer: float">> agent{{.functions = tools}};
///
/// Source: Wang et al., "Executable Code Actions Elicit Better LLM Agents", 2024.
template <signature_type S>
class code_act : public detail::code_program<S, detail::code_kind::act> {
public:
    using detail::code_program<S, detail::code_kind::act>::code_program;
};

/// One program that computes the outputs and submits them; written again, from its error, until it does. Each begins
/// with no variables but the inputs. Source: Chen et al., "Program of Thoughts Prompting", 2022.
template <signature_type S>
class program_of_thought : public detail::code_program<S, detail::code_kind::program> {
public:
    using detail::code_program<S, detail::code_kind::program>::code_program;
};

/// Inputs beyond any context: they stay in the interpreter, and the model is told their type, size and head. It looks
/// into them by code, and asks a smaller model about pieces: `llm(prompt)`, `llm_batch([...])` at once, under
/// `max_llm_calls`. Source: Zhang and Khattab, "Recursive Language Models", 2025.
template <signature_type S>
class rlm : public detail::code_program<S, detail::code_kind::recursive> {
public:
    using detail::code_program<S, detail::code_kind::recursive>::code_program;
};

}  // namespace reagent
