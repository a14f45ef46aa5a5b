#include "dynamic_program.hpp"

#include <reagent/error.hpp>
#include <reagent/lm/decorators.hpp>
#include <reagent/optimize/few_shot.hpp>
#include <reagent/schema/render.hpp>

#include <boost/json.hpp>

#include <iostream>

namespace reagent::cli {

language_model with_retries(language_model model) {
    return model.backend()->name() == "offline/demo" ? model : retrying(model, {.max_attempts = 4});
}

void check_metric_field(const std::string& metric, const reagent::signature& s, const dataset& data) {
    std::string field = metric.substr(metric.find(':') + 1);
    std::vector<std::string> names;
    for (const auto& f : s.outputs) names.push_back(f.name);
    auto fail = [&](const std::string& where) {
        auto near = did_you_mean(field, names);
        throw program_error{program_errc::mismatch, "the metric compares `" + field + "`, but " + where + " has no such field" +
                                                        (near.empty() ? "" : "; did you mean `" + near + "`?")};
    };
    if (!s.output(field) && field != "reasoning") fail("the signature");
    for (std::size_t i = 0; i < data.size(); ++i)
        if (!data[i].find(field)) fail("example " + std::to_string(i + 1));
}

namespace {

struct misuse : std::runtime_error {
    using std::runtime_error::runtime_error;
};

struct compile_command {
    std::string signature, module = "predict", instructions, program, optimizer, train, val, out, metric, lm, api_base, teacher,
                           adapter = "chat", tools;
    std::vector<std::string> inputs, settings;
    std::size_t concurrency = 8, max_errors = 10;
    std::uint64_t seed = 0;
    bool json = false, quiet = false;
};

constexpr const char* optimizers[]{"labeled_few_shot", "bootstrap_few_shot", "bootstrap_random_search"};

// "k=8": whole numbers, and metric_threshold.
class settings {
public:
    explicit settings(const std::vector<std::string>& given) {
        for (const auto& s : given) {
            auto at = s.find('=');
            char* end = nullptr;
            double value = at == s.npos ? 0 : std::strtod(s.c_str() + at + 1, &end);
            if (at == s.npos || at == 0 || !end || *end || end == s.c_str() + at + 1)
                throw misuse{"\"" + s + "\" is no setting; write NAME=NUMBER, as max_bootstrapped_demos=4"};
            values_[s.substr(0, at)] = value;
        }
    }
    void take(const char* name, std::size_t& into) {
        known_.emplace_back(name);
        if (auto v = values_.find(name); v != values_.end()) {
            if (v->second < 0 || v->second > 100'000 || v->second != static_cast<double>(static_cast<std::size_t>(v->second)))
                throw misuse{std::string{name} + " must be a whole number from 0 to 100000"};
            into = static_cast<std::size_t>(v->second);
            values_.erase(v);
        }
    }
    void take(const char* name, std::optional<double>& into) {
        known_.emplace_back(name);
        if (auto v = values_.find(name); v != values_.end()) into = v->second, values_.erase(v);
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
    std::map<std::string, double> values_;
    std::vector<std::string> known_;
};

int compile(const compile_command& o) {
    labeled_few_shot_options labeled;
    bootstrap_random_search_options bootstrap;
    settings given{o.settings};
    if (o.optimizer == "labeled_few_shot")
        given.take("k", labeled.k);
    else {
        given.take("max_bootstrapped_demos", bootstrap.max_bootstrapped_demos);
        given.take("max_labeled_demos", bootstrap.max_labeled_demos);
        given.take("max_rounds", bootstrap.max_rounds);
        given.take("metric_threshold", bootstrap.metric_threshold);
        if (o.optimizer == "bootstrap_random_search") given.take("num_candidate_programs", bootstrap.num_candidate_programs);
    }
    given.finish(o.optimizer);
    bool searches = o.optimizer == "bootstrap_random_search";
    if (searches && o.val.empty()) throw misuse{"bootstrap_random_search compares candidates on --val FILE"};

    auto s = parse_signature(o.signature);
    if (!o.instructions.empty()) s.instructions = o.instructions;
    auto inputs = o.inputs;
    if (inputs.empty())
        for (const auto& f : s.inputs) inputs.push_back(f.name);
    auto train = load_examples(o.train, inputs);
    dataset val;
    if (!o.val.empty()) val = load_examples(o.val, inputs);
    if (auto shared = shared_examples(train, val); !shared.empty())
        std::cerr << "reagent: " << shared.size() << " examples of --val stand in --train too; the score on them measures memory\n";
    auto m = metric_named(o.metric);
    check_metric_field(o.metric, s, train);
    check_metric_field(o.metric, s, val);
    dynamic_program program{s, o.module, tools_from(o.tools)};

    compile_options options;
    options.seed = o.seed;
    options.concurrency = o.concurrency;
    options.max_errors = o.max_errors;
    options.run.adapter = adapter_named(o.adapter);
    if (!o.program.empty())
        options.run.parameters = std::make_shared<const parameters>(from_saved(program.root(), saved_program::load(o.program), false));
    if (o.optimizer != "labeled_few_shot" || !val.empty()) {
        auto chosen = choose_model(o.lm, o.api_base);
        if (!chosen.notice.empty() && !o.quiet) std::cerr << printable(chosen.notice) << "\n";
        options.run.lm = with_retries(chosen.model);
        if (!o.teacher.empty()) options.teacher = with_retries(choose_model(o.teacher, o.api_base).model);
    }
    if (!o.quiet) options.on_progress = [](const std::string& what) { std::cerr << printable(what) << "\n"; };

    runtime rt;
    auto call = as_program(program);
    compiled made = o.optimizer == "labeled_few_shot" ? labeled_few_shot(program.root(), train, labeled, options)
                    : searches                        ? bootstrap_random_search(rt, program.root(), call, train, val, m, bootstrap, options)
                                                      : bootstrap_few_shot(rt, program.root(), call, train, m, bootstrap, options);
    auto saved = to_saved(program.root(), made.best);
    saved.save(o.out);

    json::object report = made.report;
    if (!val.empty()) {
        evaluate_options eo;
        eo.run = options.run;
        eo.concurrency = o.concurrency;
        eo.max_errors = val.size();
        auto before = evaluate(rt, call, val, m, eo);
        eo.run.parameters = std::make_shared<const parameters>(made.best);
        auto after = evaluate(rt, call, val, m, eo);
        auto difference = compare(before, after);
        report["before"] = before.score;
        report["after"] = after.score;
        report["p_value"] = difference.p_value;
        if (!o.json) {
            terminal t;
            std::cout << "validation: " << python_float(before.score) << " before, " << t.bold(python_float(after.score)) << " after ("
                      << difference.fixed.size() << " fixed, " << difference.broken.size()
                      << " broken, p = " << python_float(std::round(difference.p_value * 1e4) / 1e4) << ")\n";
            if (difference.p_value > 0.05) std::cout << t.dim("the difference is within what chance alone would make") << "\n";
        }
    }
    report["file"] = o.out;
    report["hash"] = saved.hash();
    if (o.json)
        std::cout << dump_strict_json(report) << "\n";
    else
        std::cout << "written to " << printable(o.out) << "; look at it with: reagent program show " << printable(o.out) << "\n";
    return 0;
}

}  // namespace

void add_compile(CLI::App& app, command& chosen) {
    auto o = std::make_shared<compile_command>();
    auto* c = app.add_subcommand("compile", "Finds demonstrations for a program and writes them to a file");
    c->add_option("--signature", o->signature, "as \"question -> answer: int\"")->required();
    c->add_option("--module", o->module, "predict, cot or react")->check(CLI::IsMember({"predict", "cot", "react"}));
    c->add_option("--instructions", o->instructions, "instead of the signature's own");
    c->add_option("--program", o->program, "saved program to begin with");
    c->add_option("--optimizer", o->optimizer, "labeled_few_shot, bootstrap_few_shot or bootstrap_random_search")
        ->required()
        ->check(CLI::IsMember(std::vector<std::string>(std::begin(optimizers), std::end(optimizers))));
    c->add_option("--train", o->train, "examples: .jsonl, .json or .csv")->required();
    c->add_option("--val", o->val, "examples that candidates and the result are scored on");
    c->add_option("--out", o->out, "file to write")->required();
    c->add_option("--inputs", o->inputs, "fields that are inputs, as a,b; default: the signature's")->delimiter(',');
    c->add_option("--metric", o->metric, "exact_match:FIELD, f1:FIELD, numeric:FIELD or json_f1:FIELD")->required();
    c->add_option("--lm", o->lm, "model, as provider/name; default: as for `reagent ask`");
    c->add_option("--api-base", o->api_base, "address of an OpenAI-compatible server");
    c->add_option("--teacher", o->teacher, "model that makes the demonstrations; default: --lm");
    c->add_option("--adapter", o->adapter, "chat, json or xml");
    c->add_option("--tools", o->tools, "for react, as for `reagent ask`");
    c->add_option("--concurrency", o->concurrency, "examples at work at the same time")->check(CLI::Range(1, 10'000));
    c->add_option("--max-errors", o->max_errors, "runs that may fail");
    c->add_option("--seed", o->seed, "the same seed gives the same file");
    c->add_option("SETTING", o->settings,
                  "NAME=NUMBER: k; max_bootstrapped_demos, max_labeled_demos, max_rounds, metric_threshold, num_candidate_programs");
    c->add_flag("--json", o->json, "the report as JSON");
    c->add_flag("--quiet", o->quiet, "no progress");
    c->footer(
        "Exit code: 0 done, 1 failed, 2 wrong command line.\nExample:\n  reagent compile --signature \"message -> intent\" --train "
        "train.jsonl --val dev.jsonl "
        "--metric exact_match:intent \\\n    --optimizer bootstrap_random_search --lm openai/gpt-4o-mini --out compiled.json "
        "num_candidate_programs=8");
    c->callback([o, &chosen] {
        chosen = [o] {
            try {
                return compile(*o);
            } catch (const misuse& e) {
                std::cerr << "reagent: " << printable(e.what()) << "\n";
                return 2;
            }
        };
    });
}

}  // namespace reagent::cli
