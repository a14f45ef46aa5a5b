#include <reagent/optimize/few_shot.hpp>

#include <reagent/schema/render.hpp>

#include <boost/json.hpp>

#include <algorithm>
#include <random>
#include <set>

namespace reagent {
namespace {

// The same on every machine: the standard's own distributions and shuffle are not.
class dice {
public:
    explicit dice(std::uint64_t seed) : random_{seed} {}
    std::size_t below(std::size_t n) { return n ? static_cast<std::size_t>(random_() % n) : 0; }
    template <class T>
    void shuffle(std::vector<T>& all) {
        for (std::size_t i = all.size(); i > 1; --i) std::swap(all[i - 1], all[below(i)]);
    }

private:
    std::mt19937_64 random_;
};

parameters starting_point(const compile_options& o) { return o.run.parameters ? *o.run.parameters : parameters{}; }

void tell(const compile_options& o, const std::string& what) {
    if (o.on_progress) o.on_progress(what);
}

// What an example says of a predictor's fields; nothing when it labels none of the outputs.
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

void add_labels(std::vector<json::object>& demos, const predictor& p, dataset pool, std::size_t wanted, dice& random) {
    random.shuffle(pool);
    for (const auto& e : pool) {
        if (demos.size() >= wanted) return;
        if (auto demo = labeled_demo(p, e)) demos.push_back(std::move(*demo));
    }
}

// One demonstration for each predictor from a run that passed; of several calls of one, the last: it knew most.
std::map<std::string, json::object> demos_of(const journal& history) {
    std::map<std::string, json::object> demos;
    for (const auto& c : history.predictor_calls()) {
        json::object demo{{"augmented", true}};
        for (const auto& [k, v] : c->inputs) demo[k] = v;
        for (const auto& [k, v] : c->outputs) demo[k] = v;
        demos[c->place.path] = std::move(demo);
    }
    return demos;
}

struct counted {
    usage used{};
    std::size_t errors = 0;
};

evaluation rate(runtime& rt, const program_function& call, const dataset& data, const metric& m, const compile_options& o, run_options run,
                counted& total) {
    evaluate_options eo;
    eo.run = std::move(run);
    eo.concurrency = o.concurrency;
    eo.max_errors = data.size();  // counted here, over all calls
    auto e = evaluate(rt, call, data, m, eo);
    total.used += e.usage;
    total.errors += e.errors;
    if (total.errors > o.max_errors) {
        std::string first;
        for (const auto& r : e.rows)
            if (first.empty()) first = r.error;
        throw program_error{program_errc::mismatch, "the optimizer stopped after " + std::to_string(total.errors) +
                                                        " runs that failed; raise max_errors, or look at the cause: " + first};
    }
    return e;
}

json::object usage_report(const counted& c) { return {{"calls", c.used.calls}, {"tokens", c.used.tokens()}, {"errors", c.errors}}; }

// The demonstrations of one bootstrapping, on training data in this order.
parameters bootstrap(runtime& rt, const module& program, const program_function& call, const dataset& train, const metric& m,
                     const bootstrap_few_shot_options& how, const compile_options& o, std::uint64_t seed, counted& total) {
    auto predictors = predictors_of(program);
    parameters teacher = o.teacher_parameters ? *o.teacher_parameters : starting_point(o);
    std::map<std::string, std::vector<json::object>> made;
    std::set<std::size_t> used;
    std::size_t passed = 0;
    for (std::size_t round = 0; round < std::max<std::size_t>(1, how.max_rounds) && passed < how.max_bootstrapped_demos; ++round) {
        for (std::size_t next = 0; next < train.size() && passed < how.max_bootstrapped_demos;) {
            // As many as are missing: one after the other would have tried them all too.
            std::vector<std::size_t> wave;
            for (; next < train.size() && wave.size() < how.max_bootstrapped_demos - passed; ++next)
                if (!used.contains(next)) wave.push_back(next);
            if (wave.empty()) break;
            std::vector<evaluation> results(wave.size());
            dataset tried;
            for (auto i : wave) tried.push_back(train[i]);
            // The teacher sees labels of other examples. One set for the wave: none of its own examples is in it.
            parameters with = teacher;
            dice random{seed + 1};
            for (const predictor* p : predictors) {
                auto& own = with.predictors[p->predictor_path()];
                if (!own.demos.empty()) continue;
                dataset pool;
                for (std::size_t i = 0; i < train.size(); ++i)
                    if (std::find(wave.begin(), wave.end(), i) == wave.end()) pool.push_back(train[i]);
                add_labels(own.demos, *p, std::move(pool), how.max_labeled_demos, random);
            }
            run_options run = o.run;
            if (o.teacher) run.lm = o.teacher;
            run.parameters = std::make_shared<const parameters>(std::move(with));
            if (round > 0) {
                run.rollout_id = round;
                run.sampling.temperature = 1.0;
            }
            auto e = rate(rt, call, tried, m, o, std::move(run), total);
            for (const auto& row : e.rows) {
                bool good = row.error.empty() && (how.metric_threshold ? row.score >= *how.metric_threshold : row.score > 0);
                if (!good) continue;
                used.insert(wave[row.index]);
                ++passed;
                for (auto& [path, demo] : demos_of(*row.history)) made[path].push_back(std::move(demo));
            }
            tell(o, "round " + std::to_string(round + 1) + ": " + std::to_string(passed) + " of " +
                        std::to_string(how.max_bootstrapped_demos) + " demonstrations, " + std::to_string(next) + " of " +
                        std::to_string(train.size()) + " examples tried");
        }
    }
    parameters best = starting_point(o);
    dice random{seed};
    dataset rest;
    for (std::size_t i = 0; i < train.size(); ++i)
        if (!used.contains(i)) rest.push_back(train[i]);
    for (const predictor* p : predictors) {
        auto& own = best.predictors[p->predictor_path()];
        own.demos = std::move(made[p->predictor_path()]);
        if (own.demos.size() > how.max_bootstrapped_demos) own.demos.resize(how.max_bootstrapped_demos);
        add_labels(own.demos, *p, rest, std::max(how.max_labeled_demos, own.demos.size()), random);
    }
    return best;
}

std::size_t demos_in(const parameters& p) {
    std::size_t n = 0;
    for (const auto& [path, own] : p.predictors) n += own.demos.size();
    return n;
}

}  // namespace

compiled labeled_few_shot(const module& program, const dataset& train, const labeled_few_shot_options& how,
                          const compile_options& options) {
    compiled c;
    c.best = starting_point(options);
    dice random{options.seed};
    for (const predictor* p : predictors_of(program)) {
        auto& own = c.best.predictors[p->predictor_path()];
        own.demos.clear();
        add_labels(own.demos, *p, train, how.k, random);
    }
    c.report = json::object{{"optimizer", "labeled_few_shot"}, {"demos", demos_in(c.best)}};
    return c;
}

compiled bootstrap_few_shot(runtime& rt, const module& program, const program_function& call, const dataset& train, const metric& m,
                            const bootstrap_few_shot_options& how, const compile_options& options) {
    counted total;
    compiled c;
    c.best = bootstrap(rt, program, call, train, m, how, options, options.seed, total);
    c.usage = total.used;
    c.report = json::object{{"optimizer", "bootstrap_few_shot"}, {"demos", demos_in(c.best)}, {"usage", usage_report(total)}};
    return c;
}

compiled bootstrap_random_search(runtime& rt, const module& program, const program_function& call, const dataset& train,
                                 const dataset& validation, const metric& m, const bootstrap_random_search_options& how,
                                 const compile_options& options) {
    counted total;
    compiled c;
    json::array candidates;
    for (std::size_t n = 0; n < how.num_candidate_programs + 3; ++n) {
        parameters candidate;
        std::string kind;
        if (n == 0) {
            kind = "as it is";
            candidate = starting_point(options);
        } else if (n == 1) {
            kind = "labels";
            candidate = labeled_few_shot(program, train, {how.max_labeled_demos}, options).best;
        } else {
            auto order = train;
            bootstrap_few_shot_options size = how;
            if (n > 2) {
                dice random{options.seed + n};
                random.shuffle(order);
                size.max_bootstrapped_demos = 1 + random.below(how.max_bootstrapped_demos);
            }
            kind = "bootstrapped, " + std::to_string(size.max_bootstrapped_demos);
            candidate = bootstrap(rt, program, call, order, m, size, options, options.seed + n, total);
        }
        run_options run = options.run;
        run.parameters = std::make_shared<const parameters>(candidate);
        auto e = rate(rt, call, validation, m, options, std::move(run), total);
        candidates.push_back(json::object{{"kind", kind}, {"score", e.score}, {"interval", json::array{e.low, e.high}}});
        tell(options, "candidate " + std::to_string(n + 1) + " of " + std::to_string(how.num_candidate_programs + 3) + " (" + kind +
                          "): " + python_float(e.score));
        if (!c.score || e.score > *c.score) {
            c.score = e.score;
            c.best = std::move(candidate);
        }
    }
    c.usage = total.used;
    c.report = json::object{{"optimizer", "bootstrap_random_search"},
                            {"score", *c.score},
                            {"candidates", std::move(candidates)},
                            {"usage", usage_report(total)}};
    return c;
}

}  // namespace reagent
