#include <reagent/optimize/optimizer.hpp>

#include "study_impl.hpp"

#include <reagent/optimize/demonstrations.hpp>
#include <reagent/schema/render.hpp>

#include <boost/json.hpp>

#include <cmath>

namespace reagent {
namespace {

void refuse_test_data(const dataset& data, const char* what) {
    for (std::size_t i = 0; i < data.size(); ++i) {
        if (data[i].inputs.empty())
            throw program_error{program_errc::mismatch, std::string{what} + " example " + std::to_string(i + 1) +
                                                            " has no inputs; name them with with_inputs"};
        if (data[i].split == "test")
            throw program_error{
                program_errc::mismatch,
                std::string{what} + " example " + std::to_string(i + 1) +
                    " is of the test split, which no optimizer may see; pass it as compile_options::test, "
                    "to be scored once at the end"};
    }
}

std::filesystem::path answers_in(const std::filesystem::path& state) {
    if (state.empty()) return {};
    std::error_code ec;
    std::filesystem::create_directories(state, ec);
    if (ec)
        throw program_error{program_errc::unwritable,
                            "the state folder \"" + state.string() + "\" cannot be made: " + ec.message(),
                            {.path = state.string()}};
    return state / "answers.jsonl";
}

std::string thousands(std::uint64_t n) {
    std::string s = std::to_string(n);
    for (std::size_t i = s.size(); i > 3; i -= 3) s.insert(i - 3, ",");
    return s;
}

double rounded(double d, double per_unit) { return std::round(d * per_unit) / per_unit; }

json::object figures(const evaluation& e) {
    return {{"score", e.score},
            {"interval", json::array{e.low, e.high}},
            {"examples", e.rows.size()},
            {"errors", e.errors}};
}

// What the program scores before and after on one part of the data.
json::object measured(const evaluation& before, const evaluation& after) {
    auto difference = compare(before, after);
    return {{"before", figures(before)},           {"after", figures(after)},
            {"difference", difference.difference}, {"p_value", rounded(difference.p_value, 1e4)},
            {"fixed", difference.fixed.size()},    {"broken", difference.broken.size()}};
}

std::string verdict_on(const std::string& what, const json::object& part, std::size_t examples, bool chosen_here) {
    std::string s = "on " + what + " data the difference of " + python_float(part.at("difference").as_double()) +
                    (part.at("within_noise").as_bool() ? " points is within what chance alone would make"
                                                       : " points is more than chance would make") +
                    " (p = " + python_float(part.at("p_value").as_double()) + ", " + std::to_string(examples) +
                    " examples)";
    if (chosen_here) s += "; candidates were chosen on these examples, so it flatters";
    return s;
}

// The program before and after on all data, into the report.
void measure(study& s, const dataset& train, const dataset& validation, const compiled& c, json::object& report,
             const std::string& stopped) {
    const auto& o = s.options();
    dataset sample = train;
    s.random(77).shuffle(sample);
    if (sample.size() > o.most_train_scored) sample.resize(o.most_train_scored);
    struct {
        std::string what;
        const dataset& data;
    } const parts[]{{"train", sample}, {"validation", validation}, {"test", o.test}};
    std::string verdict;
    for (const auto& [what, data] : parts) {
        if (data.empty()) continue;
        s.tell("scoring the program before and after on " + what + " data");
        try {
            auto before = s.score(data, s.start());
            auto one = measured(before, s.score(data, c.best));
            if (what == "train") {
                one["of"] = train.size();
                one["remark"] = "demonstrations come from here: this score measures memory too";
            } else {
                one["within_noise"] = one.at("p_value").as_double() > 0.05;
                verdict = verdict_on(what, one, data.size(), what == "validation" && c.score);
            }
            report[what] = std::move(one);
        } catch (const search_stopped&) {
            report[what] = json::object{{"not_measured", stopped}};
        }
    }
    if (!verdict.empty()) report["verdict"] = verdict;
    if (auto shared = shared_examples(o.test, train).size() + shared_examples(o.test, validation).size(); shared > 0)
        report["warning"] =
            std::to_string(shared) + " examples of the test data stand in the training or validation data too";
}

}  // namespace

compiled optimizer::compile(runtime& rt, const module& program, const program_function& call, const dataset& train,
                            const dataset& validation, const metric& m, const compile_options& o) const {
    refuse_test_data(train, "training");
    refuse_test_data(validation, "validation");
    if (train.empty()) throw program_error{program_errc::mismatch, "an optimizer needs at least one training example"};
    answer_log log{answers_in(o.state), o.limit};
    study s{rt, program, call, train, validation, m, o, log};
    const auto& made = *s.impl_;
    const auto began = clock::now();
    try {
        search(s);
    } catch (const search_stopped&) {
    }
    made.throw_if_all_failed();
    auto seconds = [&] { return rounded(std::chrono::duration<double>(clock::now() - began).count(), 1e3); };
    compiled c;
    c.best = made.best;
    c.score = made.best_score;
    c.stopped_early = !made.stopped.empty();
    auto& r = c.report;
    r = json::object{{"optimizer", name()},
                     {"seed", o.seed},
                     {"demos", demos_in(c.best)},
                     {"search_seconds", seconds()},
                     {"search_calls", log.spent().calls}};
    if (c.score) r["score"] = *c.score;
    if (c.stopped_early) r["stopped"] = made.stopped;
    for (const auto& [key, v] : made.extra) r[key] = v;
    if (!made.candidates.empty()) r["candidates"] = made.candidates;
    if (o.measure && (o.run.lm || !validation.empty() || !o.test.empty())) {
        measure(s, train, validation, c, r, made.stopped);
        made.throw_if_all_failed();
    }
    c.usage = log.spent();
    r["usage"] = json::object{
        {"calls", c.usage.calls}, {"tokens", c.usage.tokens()}, {"errors", made.errors}, {"asked_now", log.asked()}};
    if (c.usage.cost) r["usage"].as_object()["dollars"] = *c.usage.cost;
    r["seconds"] = seconds();
    return c;
}

compile_estimate optimizer::estimate(const module& program, const dataset& train, const dataset& validation,
                                     const compile_options& o) const {
    auto predictors = predictors_of(program);
    auto w = plan(predictors.size(), train.size(), validation.size());
    if (o.measure && o.run.lm)
        w.runs += 2 * (std::min(train.size(), o.most_train_scored) + validation.size() + o.test.size());
    compile_estimate e;
    e.calls = w.runs * std::max<std::size_t>(1, predictors.size()) + w.proposals;
    std::uint64_t per_run = 0;
    json::object values;
    if (!train.empty()) values = train.front().fields;
    for (const predictor* p : predictors) {
        json::object inputs;
        for (const auto& f : p->signature().inputs)
            if (const auto* v = values.if_contains(f.name)) inputs[f.name] = *v;
        std::size_t bytes = 0;
        for (const auto& text : prompt_template{o.run.adapter, p->signature()}.messages(inputs))
            bytes += text.content.size();
        per_run += bytes / 4 + 100;
    }
    e.tokens = w.runs * per_run + w.proposals * 1'000;
    usage u;
    u.calls = e.calls;
    u.completion_tokens = e.calls * 100;
    u.prompt_tokens = e.tokens - std::min(e.tokens, u.completion_tokens);
    if (o.run.lm) e.dollars = price_of(o.run.lm.name(), u);
    return e;
}

std::string compile_estimate::text() const {
    std::string s = "at most about " + thousands(calls) + " calls, " + thousands(tokens) + " tokens";
    if (dollars) {
        char price[32];
        std::snprintf(price, sizeof price, ", $%.2f", *dollars);
        s += price;
    }
    return s;
}

}  // namespace reagent
