#include "subject.hpp"

#include <reagent/error.hpp>
#include <reagent/optimize/instructions.hpp>
#include <reagent/schema/render.hpp>

#include <boost/json.hpp>

#include <cmath>
#include <iostream>

namespace reagent::cli {
namespace {

struct compile_command : subject_options {
    std::string optimizer, train, val, test, out, teacher, prompt_model;
    std::vector<std::string> settings;
    std::optional<std::size_t> max_errors;
    std::optional<std::uint64_t> max_calls;
    std::optional<double> max_cost;
    std::uint64_t seed = 0;
    bool no_report = false, dry_run = false;
};

// "k=8", "auto=light".
class settings {
public:
    explicit settings(const std::vector<std::string>& given) {
        for (const auto& s : given) {
            auto at = s.find('=');
            if (at == s.npos || at == 0 || at + 1 == s.size())
                throw misuse{"\"" + s + "\" is no setting; write NAME=VALUE, as max_bootstrapped_demos=4"};
            values_[s.substr(0, at)] = s.substr(at + 1);
        }
    }
    void take(const char* name, std::size_t& into) {
        if (auto v = number(name)) {
            if (*v < 0 || *v > 100'000 || *v != static_cast<double>(static_cast<std::size_t>(*v)))
                throw misuse{std::string{name} + " must be a whole number from 0 to 100000"};
            into = static_cast<std::size_t>(*v);
        }
    }
    void take(const char* name, std::optional<std::size_t>& into) {
        std::size_t value = into.value_or(0);
        bool given = values_.contains(name);
        take(name, value);
        if (given) into = value;
    }
    void take(const char* name, double& into) { into = number(name).value_or(into); }
    void take(const char* name, std::optional<double>& into) {
        if (auto v = number(name)) into = v;
    }
    void take(const char* name, bool& into) {
        if (auto t = text(name)) {
            if (*t == "true" || *t == "True" || *t == "1")
                into = true;
            else if (*t == "false" || *t == "False" || *t == "0")
                into = false;
            else
                throw misuse{std::string{name} + " must be true or false"};
        }
    }
    std::optional<std::string> text(const char* name) {
        known_.emplace_back(name);
        auto v = values_.find(name);
        if (v == values_.end()) return {};
        auto value = v->second;
        values_.erase(v);
        return value;
    }
    void finish(const std::string& optimizer) const {
        if (values_.empty()) return;
        const auto& name = values_.begin()->first;
        auto near = did_you_mean(name, known_);
        std::string list;
        for (const auto& k : known_) list += (list.empty() ? "" : ", ") + k;
        throw misuse{optimizer + " has no setting `" + name + "`" + (near.empty() ? "" : "; did you mean `" + near + "`?") +
                     " It has: " + list};
    }

private:
    std::optional<double> number(const char* name) {
        auto t = text(name);
        if (!t) return {};
        char* end = nullptr;
        double value = std::strtod(t->c_str(), &end);
        if (*end || !std::isfinite(value)) throw misuse{std::string{name} + " must be a number, not \"" + *t + "\""};
        return value;
    }

    std::map<std::string, std::string> values_;
    std::vector<std::string> known_;
};

void take_bootstrap(settings& given, bootstrap_few_shot_options& o) {
    given.take("max_bootstrapped_demos", o.max_bootstrapped_demos);
    given.take("max_labeled_demos", o.max_labeled_demos);
    given.take("max_rounds", o.max_rounds);
    given.take("metric_threshold", o.metric_threshold);
}

struct known_optimizer {
    const char* name;
    std::unique_ptr<optimizer> (*make)(settings&, const compile_command&);
};

const known_optimizer optimizers[]{
    {"labeled_few_shot",
     [](settings& given, const compile_command&) -> std::unique_ptr<optimizer> {
         labeled_few_shot_options o;
         given.take("k", o.k);
         return std::make_unique<labeled_few_shot>(o);
     }},
    {"bootstrap_few_shot",
     [](settings& given, const compile_command&) -> std::unique_ptr<optimizer> {
         bootstrap_few_shot_options o;
         take_bootstrap(given, o);
         return std::make_unique<bootstrap_few_shot>(o);
     }},
    {"bootstrap_random_search",
     [](settings& given, const compile_command&) -> std::unique_ptr<optimizer> {
         bootstrap_random_search_options o;
         take_bootstrap(given, o);
         given.take("num_candidate_programs", o.num_candidate_programs);
         given.take("stop_at_score", o.stop_at_score);
         return std::make_unique<bootstrap_random_search>(o);
     }},
    {"knn_few_shot",
     [](settings& given, const compile_command& c) -> std::unique_ptr<optimizer> {
         knn_few_shot_options o;
         given.take("k", o.k);
         given.take("max_pool", o.max_pool);
         given.take("bootstrap", o.bootstrap);
         if (auto name = given.text("embedder"))
             o.embedder = std::make_shared<const embedder>(*name, embedder_options{.api_base = c.api_base});
         return std::make_unique<knn_few_shot>(std::move(o));
     }},
    {"ensemble",
     [](settings& given, const compile_command&) -> std::unique_ptr<optimizer> {
         ensemble_options o;
         take_bootstrap(given, o);
         given.take("size", o.size);
         return std::make_unique<ensemble>(o);
     }},
    {"copro",
     [](settings& given, const compile_command&) -> std::unique_ptr<optimizer> {
         copro_options o;
         given.take("breadth", o.breadth);
         given.take("fill_breadth", o.fill_breadth);
         given.take("depth", o.depth);
         given.take("init_temperature", o.init_temperature);
         if (o.breadth < 1 || o.depth < 1) throw misuse{"breadth and depth must be at least 1"};
         return std::make_unique<copro>(o);
     }},
    {"mipro",
     [](settings& given, const compile_command&) -> std::unique_ptr<optimizer> {
         mipro_options o;
         if (auto effort = given.text("auto")) {
             if (*effort == "light")
                 o.effort = mipro_effort::light;
             else if (*effort == "medium")
                 o.effort = mipro_effort::medium;
             else if (*effort == "heavy")
                 o.effort = mipro_effort::heavy;
             else if (*effort == "none" || *effort == "None")
                 o.effort.reset();
             else
                 throw misuse{"auto must be light, medium, heavy or none"};
         }
         given.take("num_candidates", o.num_candidates);
         given.take("num_trials", o.num_trials);
         given.take("max_bootstrapped_demos", o.max_bootstrapped_demos);
         given.take("max_labeled_demos", o.max_labeled_demos);
         given.take("metric_threshold", o.metric_threshold);
         given.take("minibatch", o.minibatch);
         given.take("minibatch_size", o.minibatch_size);
         given.take("minibatch_full_eval_steps", o.minibatch_full_eval_steps);
         given.take("init_temperature", o.init_temperature);
         if (o.minibatch_size < 1) throw misuse{"minibatch_size must be at least 1"};
         return std::make_unique<mipro>(o);
     }},
};

std::vector<std::string> optimizer_names() {
    std::vector<std::string> names;
    for (const auto& k : optimizers) names.emplace_back(k.name);
    return names;
}

void print(const json::object& report, const terminal& t) {
    if (const auto* why = report.if_contains("stopped")) std::cout << t.red("stopped: ") << printable(python_str(*why)) << "\n";
    for (const char* what : {"train", "validation", "test"}) {
        const auto* part = report.if_contains(what);
        if (!part) continue;
        const auto& o = part->as_object();
        if (o.contains("not_measured")) {
            std::cout << what << ": not measured: " << printable(python_str(o.at("not_measured"))) << "\n";
            continue;
        }
        auto figure = [&](const char* which) {
            const auto& f = o.at(which).as_object();
            return python_str(f.at("score")) + " (" + python_str(f.at("interval").at(0)) + " to " + python_str(f.at("interval").at(1)) +
                   ")";
        };
        std::cout << what << ": " << figure("before") << " before, " << t.bold(figure("after")) << " after; " << python_str(o.at("fixed"))
                  << " fixed, " << python_str(o.at("broken")) << " broken, p = " << python_str(o.at("p_value")) << "\n";
    }
    if (const auto* v = report.if_contains("verdict")) std::cout << t.dim(printable(python_str(*v))) << "\n";
    if (const auto* w = report.if_contains("warning")) std::cout << t.red("warning: ") << printable(python_str(*w)) << "\n";
    const auto& u = report.at("usage").as_object();
    std::cout << t.dim(python_str(report.at("search_calls")) + " calls of models in the search, " + python_str(u.at("calls")) +
                       " with the report, " + python_str(u.at("asked_now")) + " of them asked now; " + python_str(report.at("seconds")) +
                       " s")
              << "\n";
}

int compile(const compile_command& o, const cli_program* own) {
    settings given{o.settings};
    std::unique_ptr<optimizer> chosen;
    for (const auto& k : optimizers)
        if (o.optimizer == k.name) chosen = k.make(given, o);
    auto max_errors = o.max_errors;
    given.take("max_errors", max_errors);
    given.finish(o.optimizer);
    if (o.out.empty() && !o.dry_run) throw misuse{"--out FILE is missing: where the compiled program is written"};

    subject s{o, own};
    auto train = s.load(o.train);
    dataset val;
    compile_options options;
    if (!o.val.empty()) val = s.load(o.val);
    if (!o.test.empty()) options.test = s.load(o.test);
    auto warn = [](std::size_t n, const char* a, const char* b) {
        if (n) std::cerr << "reagent: " << n << " examples of " << a << " stand in " << b << " too; the score on them measures memory\n";
    };
    warn(shared_examples(train, val).size(), "--val", "--train");
    warn(shared_examples(options.test, train).size(), "--test", "--train");
    warn(shared_examples(options.test, val).size(), "--test", "--val");
    auto m = metric_of(o);
    for (const auto* data : {&train, &val, &options.test}) s.check_metric(o.metric, *data);

    options.seed = o.seed;
    options.concurrency = o.concurrency;
    options.max_errors = max_errors;
    options.limit.calls = o.max_calls;
    options.limit.dollars = o.max_cost;
    options.state = o.state;
    options.measure = !o.no_report;
    if (o.optimizer == "labeled_few_shot" && val.empty() && options.test.empty()) {
        options.measure = false;  // no model is needed at all
        options.run.adapter = adapter_named(o.adapter);
        if (!o.program.empty()) options.run.parameters = s.load_parameters(o.program, false);
    } else
        options.run = s.prepared(o);
    if (!o.teacher.empty()) options.teacher = with_retries(choose_model(o.teacher, o.api_base).model);
    if (!o.prompt_model.empty()) options.prompt_model = with_retries(choose_model(o.prompt_model, o.api_base).model);

    auto estimate = chosen->estimate(s.root(), train, val, options);
    if (!o.quiet)
        std::cerr << o.optimizer << ": " << estimate.text() << (o.max_calls || o.max_cost ? "" : "; --max-calls and --max-cost limit it")
                  << "\n";
    usage one;
    one.calls = one.prompt_tokens = one.completion_tokens = 1;
    if (o.max_cost && options.run.lm && !price_of(options.run.lm.name(), one))
        std::cerr << "reagent: the price of " << printable(options.run.lm.name())
                  << " is not known, so --max-cost does not count its calls; use --max-calls\n";
    if (o.dry_run) {
        json::object e{{"calls", estimate.calls}, {"tokens", estimate.tokens}};
        if (estimate.dollars) e["dollars"] = *estimate.dollars;
        if (o.json) std::cout << dump_strict_json(e) << "\n";
        return 0;
    }
    if (!o.quiet) options.on_progress = [](const std::string& what) { std::cerr << printable(what) << "\n"; };
    runtime rt{{.threads = static_cast<unsigned>(o.threads)}};
    auto made = chosen->compile(rt, s.root(), s.call(), train, val, m, options);
    auto saved = to_saved(s.root(), made.best);
    saved.save(o.out);
    json::object report = made.report;
    report["file"] = o.out;
    report["hash"] = saved.hash();
    if (o.json)
        std::cout << dump_strict_json(report) << "\n";
    else {
        print(report, terminal{});
        std::cout << "written to " << printable(o.out) << "; look at it with: reagent program show " << printable(o.out) << "\n";
    }
    return 0;
}

}  // namespace

void add_compile(CLI::App& app, command& chosen, const cli_program* own) {
    auto o = std::make_shared<compile_command>();
    auto* c = app.add_subcommand("compile", "Finds demonstrations and instructions for a program and writes them to a file");
    add_subject_options(*c, *o, own);
    std::string list;
    for (const auto& n : optimizer_names()) list += (list.empty() ? "" : ", ") + n;
    c->add_option("--optimizer", o->optimizer, list)->required()->check(CLI::IsMember(optimizer_names()));
    c->add_option("--train", o->train, "examples: .jsonl, .json or .csv")->required();
    c->add_option("--val", o->val, "examples that candidates are compared on");
    c->add_option("--test", o->test, "examples that no search sees; scored once, at the end");
    c->add_option("--out", o->out, "file to write")->check(not_empty());
    add_metric_options(*c, *o);
    c->add_option("--teacher", o->teacher, "model that makes the demonstrations; default: --lm");
    c->add_option("--prompt-model", o->prompt_model, "model that writes instructions; default: --lm");
    c->add_option("--seed", o->seed, "the same seed gives the same file");
    c->add_option("--max-errors", o->max_errors, "runs that may fail before the search ends; default: failures are skipped")
        ->check(from_zero());
    c->add_option("--max-calls", o->max_calls, "requests to models, also those that fail; the search ends there with the best so far")
        ->check(from_zero());
    c->add_option("--max-cost", o->max_cost, "US dollars, for models with a known price")->check(from_zero());
    c->add_flag("--no-report", o->no_report, "make no calls but the search's: the scores before and after are not measured");
    c->add_flag("--dry-run", o->dry_run, "say what it will about cost, and stop");
    c->add_option(
        "SETTING", o->settings,
        "NAME=VALUE. labeled_few_shot: k. bootstrap_few_shot: max_bootstrapped_demos, max_labeled_demos, max_rounds, "
        "metric_threshold. bootstrap_random_search: the same, num_candidate_programs and stop_at_score. knn_few_shot: k, max_pool, "
        "bootstrap, embedder. "
        "ensemble: as bootstrap_few_shot, and size. copro: breadth, depth, init_temperature, fill_breadth. mipro: auto (light, medium, "
        "heavy, none), "
        "num_candidates, num_trials, max_bootstrapped_demos, max_labeled_demos, metric_threshold, minibatch, minibatch_size, "
        "minibatch_full_eval_steps, init_temperature. All: max_errors");
    c->footer("Exit code: 0 done, 1 failed, 2 wrong command line.\nExample:\n  " + app.get_name() + " compile " +
              (own ? "" : "--signature \"message -> intent\" ") +
              "--train train.jsonl --val dev.jsonl --metric exact_match:intent \\\n    --optimizer mipro --lm openai/gpt-4o-mini --state "
              "work --out "
              "compiled.json auto=light");
    c->callback([o, &chosen, own] { chosen = [o, own] { return compile(*o, own); }; });
}

}  // namespace reagent::cli
