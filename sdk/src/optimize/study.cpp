#include "../lm/decorators/common.hpp"
#include "numbers.hpp"
#include "study_impl.hpp"

#include <reagent/module/nearest_demos.hpp>

#include <boost/json.hpp>

#include <cmath>

namespace reagent {

study::study(runtime& rt, const module& root, const program_function& call, const dataset& train,
             const dataset& validation, const metric& m, const compile_options& o, answer_log& log) {
    parameters start = o.run.parameters ? *o.run.parameters : parameters{};
    parameters teacher = o.teacher_parameters ? *o.teacher_parameters : start;
    // Members of an ensemble would vote instead of the candidate.
    start.members.clear();
    teacher.members.clear();
    impl_ = std::make_unique<impl>(impl{.rt = rt,
                                        .call = call,
                                        .train = train,
                                        .validation = validation,
                                        .m = m,
                                        .options = o,
                                        .log = log,
                                        .predictors = predictors_of(root),
                                        .start = start,
                                        .teacher_start = std::move(teacher),
                                        .best = start});
}

study::~study() = default;

const dataset& study::train() const { return impl_->train; }
const dataset& study::validation() const { return impl_->validation; }
const std::vector<const predictor*>& study::predictors() const { return impl_->predictors; }
const parameters& study::start() const { return impl_->start; }
const parameters& study::teacher_start() const { return impl_->teacher_start; }
const compile_options& study::options() const { return impl_->options; }
const parameters& study::best() const { return impl_->best; }
std::optional<double> study::best_score() const { return impl_->best_score; }
dice study::random(std::uint64_t purpose) const { return dice{impl_->options.seed * 1'000'003 + purpose}; }
const std::vector<double>& study::best_scores() const { return impl_->best_rows; }
usage study::spent() const { return impl_->log.spent(); }
void study::settle_on(parameters p) { impl_->best = std::move(p); }
void study::note(json::object candidate) { impl_->candidates.push_back(std::move(candidate)); }
void study::report(std::string_view key, json::value what) { impl_->extra[key] = std::move(what); }
runtime& study::threads() const { return impl_->rt; }

void study::use(dataset train, dataset validation) {
    impl_->train = std::move(train);
    impl_->validation = std::move(validation);
    impl_->words.reset();
}

void study::tell(const std::string& what) const {
    if (impl_->options.on_progress) impl_->options.on_progress(what);
}

void study::stop(std::string why) {
    if (!impl_->stopped.empty()) return;
    tell("stopped: " + why);
    impl_->stopped = std::move(why);
}

void study::stop_now(std::string why) {
    stop(std::move(why));
    throw search_stopped{};
}

void study::check() {
    const auto& o = impl_->options;
    if (auto why = impl_->log.unwritable(); !why.empty()) throw program_error{program_errc::unwritable, why};
    if (auto why = impl_->log.why_exhausted(); !why.empty()) stop_now(why);
    if (auto failed = impl_->errors; o.max_errors && failed > *o.max_errors)
        stop_now(std::to_string(failed) + (failed == 1 ? " run" : " runs") +
                 " failed, more than max_errors = " + std::to_string(*o.max_errors) + " allows" +
                 (impl_->first_error.empty() ? "" : ", the first with: " + impl_->first_error));
}

void study::impl::count(study& s, const evaluation& e) {
    errors += e.errors;
    successes += e.rows.size() - e.errors;
    for (const auto& r : e.rows)
        if (first_error.empty() && tells_of_failure(r.error)) first_error = r.error;
    s.check();
    if (errors >= 10) throw_if_all_failed();
}

// Not only of a limit that let a run not begin, or not end.
bool study::impl::tells_of_failure(const std::string& words) const {
    auto limit = log.why_exhausted();
    return limit.empty() || words.find(limit) == words.npos || words.find(decorators::after_failure) != words.npos;
}

void study::impl::throw_if_all_failed() const {
    if (successes == 0 && errors > 0 && !first_error.empty())  // none: the limit let nothing begin
        throw program_error{program_errc::mismatch, "every run of the program failed (" + std::to_string(errors) +
                                                        "), the first with: " + first_error};
    if (successes == 0 && log.spent().calls == 0 && !first_prompt_error.empty())
        throw program_error{program_errc::mismatch,
                            "every request to the prompt model failed, the first with: " + first_prompt_error};
}

namespace {

void draw_again(run_options& run, std::size_t round) {
    if (round == 0) return;
    run.rollout_id = round;
    run.sampling.temperature = 1.0;
}

}  // namespace

evaluation study::impl::evaluate_with(const dataset& data, run_options run, bool histories,
                                      std::function<void(std::size_t, run_options&)> vary) {
    evaluate_options eo;
    eo.run = std::move(run);
    eo.vary = std::move(vary);
    eo.run.around = log.hook();
    eo.concurrency = options.concurrency;
    eo.max_errors = data.size();  // counted here, over all evaluations
    if (options.max_errors) eo.max_errors = *options.max_errors - std::min(errors, *options.max_errors);
    eo.keep_histories = histories;
    return evaluate(rt, call, data, m, eo);
}

evaluation study::score(const dataset& data, const parameters& with) {
    run_options run = impl_->options.run;
    run.parameters = std::make_shared<const parameters>(with);
    auto e = impl_->evaluate_with(data, std::move(run), false);
    impl_->count(*this, e);
    return e;
}

study::comparison_by_parts study::compare_with_best(const dataset& data, const std::vector<std::size_t>& order,
                                                    const parameters& with, double others, double errors) {
    comparison_by_parts c;
    for (std::size_t upto : {(order.size() + 3) / 4, order.size() / 2, order.size()}) {
        dataset part;
        for (std::size_t i = c.gains.size(); i < upto; ++i) part.push_back(data[order[i]]);
        for (const auto& r : score(part, with).rows)
            c.gains.push_back(r.score - impl_->best_rows[order[c.gains.size()]]);
        if (c.gains.size() < 6) continue;
        double mean = mean_of(c.gains), square = 0;
        for (double g : c.gains) square += (g - mean) * (g - mean);
        auto n = static_cast<double>(c.gains.size());
        c.behind = mean + errors * std::sqrt(square / (n - 1) / n) < others;
        if (c.behind) break;
    }
    return c;
}

study::race_result study::race(const dataset& data, const parameters& with) {
    if (impl_->best_rows.size() == data.size()) {
        auto seen = compare_with_best(data, in_order(data.size()), with, 0, 1.5);
        if (seen.behind && seen.gains.size() < data.size()) {
            race_result r{{}, false};
            r.seen.rows.resize(seen.gains.size());
            r.seen.score = std::round((*impl_->best_score + 100 * mean_of(seen.gains)) * 100) / 100;
            return r;
        }
    }
    return {score(data, with)};  // what is known by now is not asked again
}

evaluation study::try_all(const std::vector<trial>& trials) {
    dataset data;
    for (const auto& t : trials) data.push_back(*t.on);
    auto vary = [&](std::size_t i, run_options& run) {
        run.parameters = trials[i].with;
        draw_again(run, trials[i].round);
    };
    auto e = impl_->evaluate_with(data, impl_->options.run, true, vary);
    impl_->count(*this, e);
    return e;
}

evaluation study::teach(const dataset& data, const parameters& with, std::size_t round) {
    run_options run = impl_->options.run;
    if (impl_->options.teacher) run.lm = impl_->options.teacher;
    run.parameters = std::make_shared<const parameters>(with);
    draw_again(run, round);
    auto e = impl_->evaluate_with(data, std::move(run), true);
    impl_->count(*this, e);
    return e;
}

run_options study::prompt_run() const {
    run_options run;
    run.lm = impl_->options.prompt_model ? impl_->options.prompt_model : impl_->options.run.lm;
    run.around = impl_->log.hook();
    return run;
}

void study::prompt_model_failed(const std::exception& e) {
    ++impl_->errors;
    if (impl_->first_prompt_error.empty() && impl_->tells_of_failure(e.what())) impl_->first_prompt_error = e.what();
    tell(std::string{"the prompt model failed: "} + e.what());
}

std::vector<std::vector<float>> study::embed(const embedder& with, std::vector<std::string> texts) {
    struct embedding {
        const embedder& with;
        std::vector<std::string> texts;
        task<std::vector<std::vector<float>>> forward(run& r) const {
            return embed_texts(r, "pool", with, texts, embedding_use::document);
        }
    };
    run_options run;
    run.around = impl_->log.hook();  // so that it counts in the search's limits
    return impl_->rt.run(std::move(run), embedding{with, std::move(texts)});
}

double study::similarity(std::size_t a, std::size_t b) {
    auto& words = impl_->words;
    auto& similarities = impl_->similarities;
    const std::size_t n = impl_->train.size();
    if (!words || words->size() != n) {
        std::vector<std::string> texts;
        for (const auto& e : impl_->train) texts.push_back(compared_text(e.fields, e.inputs));
        words = std::make_unique<const word_vectors>(texts);
        similarities.assign(n <= 1'000 ? n * n : 0, -1.0f);
    }
    if (similarities.empty()) return word_vectors::cosine(words->at(a), words->at(b));
    float& known = similarities[a * n + b];
    if (known < 0) known = static_cast<float>(word_vectors::cosine(words->at(a), words->at(b)));
    return static_cast<double>(known);
}

bool study::offer(const parameters& candidate, const evaluation& e) {
    if (impl_->best_score && e.score <= *impl_->best_score) return false;
    impl_->best_score = e.score;
    impl_->best = candidate;
    impl_->best_rows.clear();
    for (const auto& r : e.rows) impl_->best_rows.push_back(r.score);
    return true;
}

}  // namespace reagent
