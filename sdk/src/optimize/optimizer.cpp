#include "study.hpp"

#include <reagent/module/nearest_demos.hpp>
#include <reagent/schema/render.hpp>

#include "../text.hpp"

#include <boost/json.hpp>

#include <cmath>

namespace reagent {
namespace {

void refuse_test_data(const dataset& data, const char* what) {
    for (std::size_t i = 0; i < data.size(); ++i) {
        if (data[i].inputs.empty())
            throw program_error{program_errc::mismatch,
                                std::string{what} + " example " + std::to_string(i + 1) + " has no inputs; name them with with_inputs"};
        if (data[i].split == "test")
            throw program_error{program_errc::mismatch,
                                std::string{what} + " example " + std::to_string(i + 1) +
                                    " is of the test split, which no optimizer may see; pass it as compile_options::test, "
                                    "to be scored once at the end"};
    }
}

std::string thousands(std::uint64_t n) {
    std::string s = std::to_string(n);
    for (std::size_t i = s.size(); i > 3; i -= 3) s.insert(i - 3, ",");
    return s;
}

double rounded(double d, double per_unit) { return std::round(d * per_unit) / per_unit; }

json::object figures(const evaluation& e) {
    return {{"score", e.score}, {"interval", json::array{e.low, e.high}}, {"examples", e.rows.size()}, {"errors", e.errors}};
}

}  // namespace

// --- study -----------------------------------------------------------------------------------------------------------

study::study(runtime& rt, const module& root, const program_function& call, const dataset& train, const dataset& validation,
             const metric& m, const compile_options& o, answer_log& log)
    : rt_{rt},
      call_{call},
      train_{train},
      validation_{validation},
      metric_{m},
      options_{o},
      log_{log},
      predictors_{predictors_of(root)},
      start_{o.run.parameters ? *o.run.parameters : parameters{}},
      teacher_start_{o.teacher_parameters ? *o.teacher_parameters : start_},
      best_{start_} {
    // Members of an ensemble would vote instead of the candidate.
    for (auto* p : {&start_, &teacher_start_, &best_}) p->members.clear();
}

void study::stop(std::string why) {
    if (stopped_.empty()) tell("stopped: " + why);
    if (stopped_.empty()) stopped_ = std::move(why);
}

void study::check() {
    if (auto why = log_.unwritable(); !why.empty()) throw program_error{program_errc::unwritable, why};
    if (auto why = log_.why_exhausted(); !why.empty()) stop_now(why);
    if (options_.max_errors && errors_ > *options_.max_errors)
        stop_now(std::to_string(errors_) + (errors_ == 1 ? " run" : " runs") + " failed, more than max_errors = " +
                 std::to_string(*options_.max_errors) + " allows" + (first_error_.empty() ? "" : ", the first with: " + first_error_));
}

void study::count(const evaluation& e) {
    errors_ += e.errors;
    successes_ += e.rows.size() - e.errors;
    auto limit = log_.why_exhausted();
    for (const auto& r : e.rows)
        if (first_error_.empty() && (limit.empty() || r.error.find(limit) == r.error.npos)) first_error_ = r.error;
    check();
    if (errors_ >= 10) throw_if_all_failed();
}

void study::throw_if_all_failed() const {
    if (successes_ == 0 && errors_ > 0 && !first_error_.empty())  // none: the limit let nothing begin
        throw program_error{program_errc::mismatch,
                            "every run of the program failed (" + std::to_string(errors_) + "), the first with: " + first_error_};
}

evaluation study::evaluate_with(const dataset& data, run_options run, bool histories) {
    evaluate_options eo;
    eo.run = std::move(run);
    eo.run.around = log_.hook();
    eo.concurrency = options_.concurrency;
    eo.max_errors = data.size();  // counted here, over all evaluations
    if (options_.max_errors) eo.max_errors = *options_.max_errors - std::min(errors_, *options_.max_errors);
    eo.keep_histories = histories;
    return evaluate(rt_, call_, data, metric_, eo);
}

evaluation study::score(const dataset& data, const parameters& with) {
    run_options run = options_.run;
    run.parameters = std::make_shared<const parameters>(with);
    auto e = evaluate_with(data, std::move(run), false);
    count(e);
    return e;
}

double mean_of(const std::vector<double>& values) {
    double sum = 0;
    for (double v : values) sum += v;
    return values.empty() ? 0 : sum / static_cast<double>(values.size());
}

study::comparison_by_parts study::compare_with_best(const dataset& data, const std::vector<std::size_t>& order, const parameters& with,
                                                    double others, double errors) {
    comparison_by_parts c;
    for (std::size_t upto : {(order.size() + 3) / 4, order.size() / 2, order.size()}) {
        dataset part;
        for (std::size_t i = c.gains.size(); i < upto; ++i) part.push_back(data[order[i]]);
        for (const auto& r : score(part, with).rows) c.gains.push_back(r.score - best_rows_[order[c.gains.size()]]);
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
    if (best_rows_.size() == data.size()) {
        auto seen = compare_with_best(data, in_order(data.size()), with, 0, 1.5);
        if (seen.behind && seen.gains.size() < data.size()) {
            race_result r{{}, false};
            r.seen.rows.resize(seen.gains.size());
            r.seen.score = std::round((*best_score_ + 100 * mean_of(seen.gains)) * 100) / 100;
            return r;
        }
    }
    return {score(data, with)};  // what is known by now is not asked again
}

evaluation study::teach(const dataset& data, const parameters& with, std::size_t round) {
    run_options run = options_.run;
    if (options_.teacher) run.lm = options_.teacher;
    run.parameters = std::make_shared<const parameters>(with);
    if (round > 0) {
        run.rollout_id = round;
        run.sampling.temperature = 1.0;
    }
    auto e = evaluate_with(data, std::move(run), true);
    count(e);
    return e;
}

std::vector<std::vector<float>> study::embed(const embedder& with, std::vector<std::string> texts) {
    struct embedding {
        const embedder& with;
        std::vector<std::string> texts;
        task<std::vector<std::vector<float>>> forward(run& r) const { return embed_texts(r, "pool", with, texts, embedding_use::document); }
    };
    return rt_.run(run_options{}, embedding{with, std::move(texts)});
}

double study::similarity(std::size_t a, std::size_t b) {
    const std::size_t n = train_.size();
    if (!words_ || words_->size() != n) {
        std::vector<std::string> texts;
        for (const auto& e : train_) texts.push_back(compared_text(e.fields, e.inputs));
        words_ = std::make_unique<const word_vectors>(texts);
        similarities_.assign(n <= 1'000 ? n * n : 0, -1.0f);
    }
    if (similarities_.empty()) return word_vectors::cosine(words_->at(a), words_->at(b));
    float& known = similarities_[a * n + b];
    if (known < 0) known = static_cast<float>(word_vectors::cosine(words_->at(a), words_->at(b)));
    return static_cast<double>(known);
}

bool study::offer(const parameters& candidate, const evaluation& e) {
    if (best_score_ && e.score <= *best_score_) return false;
    best_score_ = e.score;
    best_ = candidate;
    best_rows_.clear();
    for (const auto& r : e.rows) best_rows_.push_back(r.score);
    return true;
}

// --- optimizer -------------------------------------------------------------------------------------------------------

compiled optimizer::compile(runtime& rt, const module& program, const program_function& call, const dataset& train,
                            const dataset& validation, const metric& m, const compile_options& o) const {
    refuse_test_data(train, "training");
    refuse_test_data(validation, "validation");
    if (train.empty()) throw program_error{program_errc::mismatch, "an optimizer needs at least one training example"};
    if (!o.state.empty()) {
        std::error_code ec;
        std::filesystem::create_directories(o.state, ec);
        if (ec)
            throw program_error{program_errc::unwritable,
                                "the state folder \"" + o.state.string() + "\" cannot be made: " + ec.message(),
                                {.path = o.state.string()}};
    }
    answer_log log{o.state.empty() ? std::filesystem::path{} : o.state / "answers.jsonl", o.limit};
    study s{rt, program, call, train, validation, m, o, log};
    const auto began = clock::now();
    try {
        search(s);
    } catch (const search_stopped&) {
    }
    s.throw_if_all_failed();
    auto seconds = [&] { return rounded(std::chrono::duration<double>(clock::now() - began).count(), 1e3); };
    compiled c;
    c.best = s.best_;
    c.score = s.best_score_;
    c.stopped_early = !s.stopped_.empty();
    auto& r = c.report;
    r = json::object{{"optimizer", name()},
                     {"seed", o.seed},
                     {"demos", demos_in(c.best)},
                     {"search_seconds", seconds()},
                     {"search_calls", log.spent().calls}};
    if (c.score) r["score"] = *c.score;
    if (c.stopped_early) r["stopped"] = s.stopped_;
    for (const auto& [key, v] : s.extra_) r[key] = v;
    if (!s.candidates_.empty()) r["candidates"] = s.candidates_;

    if (o.measure && (o.run.lm || !validation.empty() || !o.test.empty())) {
        dataset sample = train;
        s.random(77).shuffle(sample);
        if (sample.size() > o.most_train_scored) sample.resize(o.most_train_scored);
        struct {
            const char* what;
            const dataset& data;
        } const parts[]{{"train", sample}, {"validation", validation}, {"test", o.test}};
        std::string verdict;
        for (const auto& [what, data] : parts) {
            if (data.empty()) continue;
            s.tell(std::string{"scoring the program before and after on "} + what + " data");
            try {
                auto before = s.score(data, s.start_), after = s.score(data, c.best);
                auto difference = compare(before, after);
                double p = rounded(difference.p_value, 1e4);
                json::object one{{"before", figures(before)},           {"after", figures(after)},
                                 {"difference", difference.difference}, {"p_value", p},
                                 {"fixed", difference.fixed.size()},    {"broken", difference.broken.size()}};
                if (what == std::string_view{"train"}) {
                    one["of"] = train.size();
                    one["remark"] = "demonstrations come from here: this score measures memory too";
                } else {
                    bool noise = p > 0.05;
                    one["within_noise"] = noise;
                    verdict = std::string{"on "} + what + " data the difference of " + python_float(difference.difference) +
                              (noise ? " points is within what chance alone would make" : " points is more than chance would make") +
                              " (p = " + python_float(p) + ", " + std::to_string(data.size()) + " examples)";
                    if (what == std::string_view{"validation"} && c.score)
                        verdict += "; candidates were chosen on these examples, so it flatters";
                }
                r[what] = std::move(one);
            } catch (const search_stopped&) {
                r[what] = json::object{{"not_measured", s.stopped_}};
            }
        }
        if (!verdict.empty()) r["verdict"] = verdict;
        if (auto shared = shared_examples(o.test, train).size() + shared_examples(o.test, validation).size(); shared > 0)
            r["warning"] = std::to_string(shared) + " examples of the test data stand in the training or validation data too";
    }
    c.usage = log.spent();
    r["usage"] = json::object{{"calls", c.usage.calls}, {"tokens", c.usage.tokens()}, {"errors", s.errors_}, {"asked_now", log.asked()}};
    if (c.usage.cost) r["usage"].as_object()["dollars"] = *c.usage.cost;
    r["seconds"] = seconds();
    return c;
}

compile_estimate optimizer::estimate(const module& program, const dataset& train, const dataset& validation,
                                     const compile_options& o) const {
    auto predictors = predictors_of(program);
    auto w = plan(predictors.size(), train.size(), validation.size());
    if (o.measure && o.run.lm) w.runs += 2 * (std::min(train.size(), o.most_train_scored) + validation.size() + o.test.size());
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
        for (const auto& text : prompt_template{o.run.adapter, p->signature()}.messages(inputs)) bytes += text.content.size();
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

// --- demonstrations ----------------------------------------------------------------------------------------------------

std::vector<std::size_t> in_order(std::size_t n) {
    std::vector<std::size_t> all(n);
    for (std::size_t i = 0; i < n; ++i) all[i] = i;
    return all;
}

std::optional<json::object> labeled_demo(const predictor& p, const example& e) {
    json::object demo;
    bool labeled = false;
    for (const auto& f : p.signature().inputs)
        if (const auto* v = e.find(f.name)) demo[f.name] = *v;
    for (const auto& f : p.signature().outputs)
        if (const auto* v = e.find(f.name)) demo[f.name] = *v, labeled = true;
    if (!labeled) return {};
    return demo;
}

std::map<std::string, json::object> demos_of(const journal& history) {
    std::map<std::string, const predictor_call*> last;
    for (const auto& c : history.predictor_calls()) last[c->place.path] = c.get();
    std::map<std::string, json::object> demos;
    for (const auto& [path, c] : last) {
        json::object demo{{"augmented", true}};
        for (const auto& [k, v] : c->inputs) demo[k] = v;
        if (!c->trajectory.empty()) demo["trajectory"] = c->trajectory.str();
        for (const auto& [k, v] : c->outputs) demo[k] = v;
        demos[path] = std::move(demo);
    }
    return demos;
}

std::size_t demos_in(const parameters& p) {
    std::size_t n = 0;
    for (const auto& [path, own] : p.predictors) n += own.demos.size();
    return n;
}

std::string described_failure(const example& e, const evaluation_row& row) {
    std::string text = cut(dump_json(json::value(e.input_fields())), 400);
    if (!row.error.empty()) return text + " -> failed: " + cut(row.error, 300);
    text += " -> " + cut(dump_json(json::value(row.outputs)), 300);
    if (!row.feedback.empty()) text += "; " + cut(row.feedback, 300);
    return text;
}

namespace {

// Labeled examples that stand for the whole of the training data: each next one is that which makes the examples most similar to some
// chosen one, of a part of the pool that is drawn anew for each candidate. Source: the greedy rule for facility location (Nemhauser et al.,
// 1978).
void add_labels(study& s, std::vector<json::object>& demos, const predictor& p, std::vector<std::size_t> pool,
                const std::vector<std::size_t>& covered, std::size_t wanted, dice& random) {
    if (demos.size() >= wanted) return;
    constexpr std::size_t most = 400;
    random.shuffle(pool);
    if (pool.size() > most) pool.resize(most);
    std::vector<double> nearest(pool.size(), 0.0);
    for (std::size_t i = 0; i < pool.size(); ++i)
        for (auto c : covered) nearest[i] = std::max(nearest[i], s.similarity(pool[i], c));
    std::size_t eligible = std::max(wanted - demos.size(), pool.size() * 3 / 4);
    std::vector<std::pair<std::size_t, json::object>> open;  // place in the pool, demonstration
    for (std::size_t i = 0; i < pool.size() && open.size() < eligible; ++i)
        if (auto demo = labeled_demo(p, s.train()[pool[i]])) open.emplace_back(i, std::move(*demo));
    while (demos.size() < wanted && !open.empty()) {
        std::size_t best = 0;
        double most_gained = -1;
        for (std::size_t o = 0; o < open.size(); ++o) {
            double gained = 0;
            for (std::size_t i = 0; i < pool.size(); ++i) gained += std::max(0.0, s.similarity(pool[i], pool[open[o].first]) - nearest[i]);
            if (gained > most_gained) most_gained = gained, best = o;
        }
        for (std::size_t i = 0; i < pool.size(); ++i) nearest[i] = std::max(nearest[i], s.similarity(pool[i], pool[open[best].first]));
        demos.push_back(std::move(open[best].second));
        open.erase(open.begin() + static_cast<std::ptrdiff_t>(best));
    }
}

std::vector<std::size_t> without(std::size_t n, const std::vector<std::size_t>& gone) {
    std::vector<bool> out(n);
    for (auto i : gone) out[i] = true;
    std::vector<std::size_t> rest;
    for (std::size_t i = 0; i < n; ++i)
        if (!out[i]) rest.push_back(i);
    return rest;
}

}  // namespace

bootstrapped bootstrap_demos(study& s, const std::vector<std::size_t>& order, const bootstrap_size& size, std::uint64_t purpose) {
    const auto& train = s.train();
    bootstrapped made;
    std::vector<bool> used(train.size());
    for (std::size_t round = 0; round < std::max<std::size_t>(1, size.rounds) && made.used.size() < size.bootstrapped; ++round) {
        for (std::size_t next = 0; next < order.size() && made.used.size() < size.bootstrapped;) {
            // As many as are missing: one after the other would have tried them all too.
            std::vector<std::size_t> wave;
            for (; next < order.size() && wave.size() < size.bootstrapped - made.used.size(); ++next)
                if (!used[order[next]]) wave.push_back(order[next]);
            if (wave.empty()) break;
            dataset tried;
            for (auto i : wave) tried.push_back(train[i]);
            // The teacher sees labels of other examples. One set for the wave: none of its own examples is in it.
            parameters with = s.teacher_start();
            dice random = s.random(purpose + 1);
            for (const predictor* p : s.predictors()) {
                auto& own = with.predictors[p->predictor_path()];
                if (own.demos.empty() && !own.selector) add_labels(s, own.demos, *p, without(train.size(), wave), {}, size.labeled, random);
            }
            evaluation e;
            try {
                e = s.teach(tried, with, round);
            } catch (const search_stopped&) {
                return made;  // what there is until now
            }
            for (const auto& row : e.rows) {
                bool good = row.error.empty() && (size.threshold ? row.score >= *size.threshold : row.score > 0);
                if (!good) {
                    if (made.failures.size() < 20) made.failures.push_back(described_failure(tried[row.index], row));
                    continue;
                }
                used[wave[row.index]] = true;
                made.used.push_back(wave[row.index]);
                for (auto& [path, demo] : demos_of(*row.history)) made.demos[path].push_back(std::move(demo));
            }
            s.tell("demonstrations: " + std::to_string(made.used.size()) + " of " + std::to_string(size.bootstrapped) + ", " +
                   std::to_string(next) + " of " + std::to_string(order.size()) + " examples tried" +
                   (round ? ", round " + std::to_string(round + 1) : ""));
        }
    }
    return made;
}

parameters with_demos(study& s, const bootstrapped& made, const bootstrap_size& size, std::uint64_t purpose) {
    parameters p = s.start();
    dice random = s.random(purpose);
    auto rest = without(s.train().size(), made.used);
    for (const predictor* one : s.predictors()) {
        auto& own = p.predictors[one->predictor_path()];
        own.selector = nullptr;
        own.demos.clear();
        if (auto found = made.demos.find(one->predictor_path()); found != made.demos.end()) own.demos = found->second;
        if (own.demos.size() > size.bootstrapped) own.demos.resize(size.bootstrapped);
        add_labels(s, own.demos, *one, rest, made.used, std::max(size.labeled, own.demos.size()), random);
    }
    return p;
}

parameters with_labels(study& s, std::size_t k, std::uint64_t purpose) {
    return with_demos(s, {}, {.bootstrapped = 0, .labeled = k}, purpose);
}

}  // namespace reagent
