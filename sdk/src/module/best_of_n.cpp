#include <reagent/module/multi_chain_comparison.hpp>
#include <reagent/module/refine.hpp>

#include <reagent/schema/render.hpp>

#include "../base/text.hpp"
#include "text_field.hpp"

#include <boost/json.hpp>

namespace reagent::detail {

// --- attempts ------------------------------------------------------------------------------------------------------

attempt_series::attempt_series(run& r, const best_of_n_options& options)
    : parent_{r}, options_{options}, base_{r.reserve_branches(std::max<std::size_t>(1, options.n))} {
    options_.n = std::max<std::size_t>(1, options.n);
}

run& attempt_series::begin(std::map<std::string, std::string, std::less<>> advice) {
    auto v = std::make_shared<variation>();
    const variation* outer = parent_.current_variation();
    // The first attempt of all may be answered by a cache like any call; each further one wants an answer of its own.
    v->rollout_id = (outer ? outer->rollout_id * 64 : 0) + next_;
    v->sampling = options_.how;
    v->advice = std::move(advice);
    if (outer) {
        v->sampling = v->sampling.or_else(outer->sampling);
        v->parameters = outer->parameters;
        for (const auto& [path, text] : outer->advice) v->advice.emplace(path, text);
    }
    return handle_.emplace(parent_.branch(base_ + next_++, std::move(v)));
}

bool attempt_series::scored(const judgement& reward) {
    double score = std::isnan(reward.score) ? -std::numeric_limits<double>::infinity() : reward.score;
    bool better = !best_ || score > best_score_;
    if (better) {
        if (best_) parent_.join(*best_, false);
        best_ = std::move(handle_);
        handle_.reset();
        handle_.emplace(*best_);
        best_score_ = score;
    } else
        parent_.join(*handle_, false);
    return better;
}

void attempt_series::failed(std::exception_ptr why) {
    parent_.join(*handle_, false);
    parent_.notify({.kind = run_event::note, .error = "attempt " + std::to_string(next_) + " failed"});
    last_failure_ = why;
    ++failures_;
    try {
        std::rethrow_exception(why);
    } catch (const assertion_failed&) {
        // The program could not make it hold this time.
    } catch (const run_error&) {
        throw;
    } catch (const boost::system::system_error&) {
        throw;  // cancelled
    } catch (const std::exception&) {
    }
    if (options_.max_failures && failures_ > *options_.max_failures) std::rethrow_exception(why);
}

bool attempt_series::done() const { return next_ >= options_.n || (best_ && best_score_ >= options_.threshold); }

void attempt_series::finish() {
    if (!best_) std::rethrow_exception(last_failure_);
    parent_.join(*best_);
}

// --- refine --------------------------------------------------------------------------------------------------------

namespace {

signature_field described(const char* name, const char* type, json::value shape, const char* description) {
    return make_field(name, type, schema{std::move(shape)}, description);
}

void list_predictors(const module& m, std::string& out) {
    if (const auto* p = dynamic_cast<const predictor*>(&m)) {
        const auto& s = p->signature();
        out += "`" + p->predictor_path() + "`: " + s.text() + "\n  " + replace_all(s.instructions, "\n", "\n  ") + "\n";
    }
    for (const module* child : m.children()) list_predictors(*child, out);
}

}  // namespace

signature advisor::advice_signature() {
    signature s;
    s.instructions =
        "A program made of predictors was run and its result was rewarded less than it should be. Discuss which "
        "predictors are to blame. "
        "Then "
        "give each of them concrete advice for the next attempt at the same inputs: what went wrong, in which "
        "situation, and what to do "
        "instead. A predictor sees nothing of this attempt but your advice, so refer to nothing that it cannot see. "
        "For a predictor that "
        "is not to blame, write N/A.";
    json::value number = json::object{{"type", "number"}};
    s.inputs = {text_field("program", "its predictors: path, fields and instructions"),
                text_field("program_inputs", "what the program was given"),
                text_field("trajectory", "each predictor's call, in order"),
                text_field("program_outputs", "what came of it"),
                text_field("goal", "what the reward looks for"),
                described("reward", "float", number, "what the result was given"),
                described("threshold", "float", number, "what it should be given at least"),
                text_field("reward_feedback", "what the reward says about the result"),
                described("predictors", "list[str]",
                          json::object{{"type", "array"}, {"items", json::object{{"type", "string"}}}},
                          "the paths for which you give advice")};
    s.outputs = {text_field("discussion", "who is to blame for what"),
                 described("advice", "dict[str, str]",
                           json::object{{"type", "object"}, {"additionalProperties", json::object{{"type", "string"}}}},
                           "path of a predictor to advice")};
    return s;
}

task<std::map<std::string, std::string, std::less<>>> advisor::operator()(run& own, attempt a) const {
    std::string program;
    if (a.program) list_predictors(*a.program, program);
    json::array paths;
    std::string trajectory;
    for (const auto& c : own.history().predictor_calls()) {
        if (!is_within(c->place.branch, own.branch_name())) continue;
        const auto& path = c->place.path;
        trajectory += "`" + path + "`\n  inputs: " + cut(dump_json(json::value(c->inputs)), 4'000) +
                      "\n  outputs: " + cut(dump_json(json::value(c->outputs)), 4'000) + "\n";
        bool known = false;
        for (const auto& p : paths) known = known || p == json::value(json::string(path));
        if (!known) paths.emplace_back(path);
    }
    auto shown = [](const json::value& v) {
        return json::value(json::string(cut(v.is_structured() ? dump_json(v) : python_str(v), 8'000)));
    };
    json::object inputs{{"program", program.empty() ? "(not described)" : program},
                        {"program_inputs", shown(a.inputs)},
                        {"trajectory", cut(trajectory, 40'000)},
                        {"program_outputs", shown(a.outputs)},
                        {"goal", a.goal.empty() ? "(not described)" : a.goal},
                        {"reward", a.reward.score},
                        {"threshold", a.threshold},
                        {"reward_feedback", a.reward.feedback.empty() ? "(none)" : a.reward.feedback},
                        {"predictors", paths}};
    std::map<std::string, std::string, std::less<>> advice;
    json::object found;
    try {
        found = co_await predict_.call(own, std::move(inputs));
    } catch (const parse_error& e) {
        own.notify({.kind = run_event::note, .path = predict_.predictor_path(), .error = e.what()});
        co_return advice;
    }
    for (const auto& [path, given] : found["advice"].as_object()) {
        std::string words = python_str(given);
        if (!words.empty() && words != "N/A") advice.emplace(path, std::move(words));
    }
    co_return advice;
}

// --- multi-chain comparison ----------------------------------------------------------------------------------------

signature with_attempts(signature s, std::size_t n) {
    for (std::size_t i = 1; i <= n; ++i)
        s.inputs.push_back(text_field("reasoning_attempt_" + std::to_string(i), "another's attempt"));
    if (!s.output("reasoning"))
        s.outputs.insert(
            s.outputs.begin(),
            text_field("reasoning", "what is right in the attempts and what is not, then the right reasoning"));
    return s;
}

std::string attempt_text(const json::object& outputs, const std::string& last_output) {
    auto first_line = [&](std::string_view name) -> std::string {
        const auto* v = outputs.if_contains(name);
        if (!v) return {};
        std::string all = python_str(*v);
        std::string_view line = trim(all);
        return std::string{trim(line.substr(0, line.find('\n')))};
    };
    return "«I'm trying to " + first_line("reasoning") + " I'm not sure but my prediction is " +
           first_line(last_output) + "»";
}

void put_attempts(json::object& inputs, std::size_t wanted, const std::string& last_output) {
    const auto* given = inputs.if_contains("attempts");
    if (!given || !given->is_array())
        throw std::invalid_argument{
            "multi_chain_comparison needs `attempts`: a list of objects with the reasoning and the outputs of each"};
    const json::array attempts = given->get_array();
    if (attempts.size() != wanted) throw_attempt_count(attempts.size(), wanted);
    inputs.erase("attempts");
    for (std::size_t i = 0; i < attempts.size(); ++i) {
        const auto* one = attempts[i].if_object();
        if (!one)
            throw std::invalid_argument{"attempt " + std::to_string(i + 1) + " of multi_chain_comparison is no object"};
        inputs["reasoning_attempt_" + std::to_string(i + 1)] = attempt_text(*one, last_output);
    }
}

void throw_attempt_count(std::size_t given, std::size_t wanted) {
    throw std::invalid_argument{"multi_chain_comparison compares " + std::to_string(wanted) +
                                " attempts, but was given " + std::to_string(given) +
                                "; say how many in its constructor"};
}

}  // namespace reagent::detail
