#include "subject.hpp"

#include <reagent/error.hpp>
#include <reagent/optimize/optimizers.hpp>
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
optimizers::given_settings given_settings(const std::vector<std::string>& given) {
    optimizers::given_settings all;
    for (const auto& s : given) {
        auto at = s.find('=');
        if (at == s.npos || at == 0 || at + 1 == s.size())
            throw misuse{"\"" + s + "\" is no setting; write NAME=VALUE, as max_bootstrapped_demos=4"};
        if (!all.emplace(s.substr(0, at), s.substr(at + 1)).second)
            throw misuse{"the setting " + s.substr(0, at) + " is given twice"};
    }
    return all;
}

// Those of the program, or of the library.
optimizers known_optimizers(const cli_program* own, const std::string& api_base = {}) {
    return own && own->optimizers ? *own->optimizers : optimizers::ready({.api_base = api_base});
}

// Takes the setting that all have, `max_errors`, too.
std::unique_ptr<optimizer> chosen_optimizer(const compile_command& o, const cli_program* own,
                                            std::optional<std::size_t>& max_errors) {
    auto given = given_settings(o.settings);
    try {
        if (auto common = given.extract("max_errors"))
            detail::read_setting("max_errors", common.mapped(), max_errors, {});
        return known_optimizers(own, o.api_base).make(o.optimizer, given);
    } catch (const std::invalid_argument& e) {
        throw misuse{e.what()};
    }
}

void print(const json::object& report, const terminal& t) {
    if (const auto* why = report.if_contains("stopped"))
        std::cout << t.red("stopped: ") << printable(python_str(*why)) << "\n";
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
            return python_str(f.at("score")) + " (" + python_str(f.at("interval").at(0)) + " to " +
                   python_str(f.at("interval").at(1)) + ")";
        };
        std::cout << what << ": " << figure("before") << " before, " << t.bold(figure("after")) << " after; "
                  << python_str(o.at("fixed")) << " fixed, " << python_str(o.at("broken"))
                  << " broken, p = " << python_str(o.at("p_value")) << "\n";
    }
    if (const auto* v = report.if_contains("verdict")) std::cout << t.dim(printable(python_str(*v))) << "\n";
    if (const auto* w = report.if_contains("warning"))
        std::cout << t.red("warning: ") << printable(python_str(*w)) << "\n";
    const auto& u = report.at("usage").as_object();
    std::cout << t.dim(python_str(report.at("search_calls")) + " calls of models in the search, " +
                       python_str(u.at("calls")) + " with the report, " + python_str(u.at("asked_now")) +
                       " of them asked now; " + python_str(report.at("seconds")) + " s")
              << "\n";
}

// An example that stands in two sets makes the score on the second one a test of memory.
void warn_of_shared_examples(const dataset& train, const dataset& val, const dataset& test) {
    auto warn = [](std::size_t n, const char* a, const char* b) {
        if (n)
            std::cerr << "reagent: " << n << " examples of " << a << " stand in " << b
                      << " too; the score on them measures memory\n";
    };
    warn(shared_examples(train, val).size(), "--val", "--train");
    warn(shared_examples(test, train).size(), "--test", "--train");
    warn(shared_examples(test, val).size(), "--test", "--val");
}

void set_options(const compile_command& o, const subject& s, bool has_val, compile_options& options) {
    options.seed = o.seed;
    options.concurrency = o.concurrency;
    options.limit.calls = o.max_calls;
    options.limit.dollars = o.max_cost;
    options.state = o.state;
    options.measure = !o.no_report;
    if (o.optimizer == "labeled_few_shot" && !has_val && options.test.empty()) {
        options.measure = false;  // no model is needed at all
        options.run.adapter = adapter_named(o.adapter);
        if (!o.program.empty()) options.run.parameters = s.load_parameters(o.program, false);
    } else
        options.run = s.prepared(o);
    if (!o.teacher.empty()) options.teacher = with_retries(choose_model(o.teacher, o.api_base).model);
    if (!o.prompt_model.empty()) options.prompt_model = with_retries(choose_model(o.prompt_model, o.api_base).model);
    if (!o.quiet) options.on_progress = [](const std::string& what) { std::cerr << printable(what) << "\n"; };
}

void tell_estimate(const compile_command& o, const std::string& estimate, const language_model& lm) {
    if (!o.quiet)
        std::cerr << o.optimizer << ": " << estimate
                  << (o.max_calls || o.max_cost ? "" : "; --max-calls and --max-cost limit it") << "\n";
    usage one;
    one.calls = one.prompt_tokens = one.completion_tokens = 1;
    if (o.max_cost && lm && !price_of(lm.name(), one))
        std::cerr << "reagent: the price of " << printable(lm.name())
                  << " is not known, so --max-cost does not count its calls; use --max-calls\n";
}

void write_result(const compile_command& o, const saved_program& saved, json::object report) {
    saved.save(o.out);
    report["file"] = o.out;
    report["hash"] = saved.hash();
    if (o.json) {
        std::cout << shown_json(report) << "\n";
        return;
    }
    print(report, terminal{});
    std::cout << "written to " << printable(o.out) << "; look at it with: reagent program show " << printable(o.out)
              << "\n";
}

int compile(const compile_command& o, const cli_program* own) {
    compile_options options;
    options.max_errors = o.max_errors;
    auto chosen = chosen_optimizer(o, own, options.max_errors);
    if (o.out.empty() && !o.dry_run) throw misuse{"--out FILE is missing: where the compiled program is written"};
    if (!o.out.empty()) check_folder("--out", o.out);

    subject s{o, own};
    auto train = s.load(o.train);
    dataset val;
    if (!o.val.empty()) val = s.load(o.val);
    if (!o.test.empty()) options.test = s.load(o.test);
    warn_of_shared_examples(train, val, options.test);
    auto m = metric_of(o);
    for (const auto* data : {&train, &val, &options.test}) s.check_metric(o.metric, *data);
    set_options(o, s, !val.empty(), options);

    auto estimate = chosen->estimate(s.root(), train, val, options);
    tell_estimate(o, estimate.text(), options.run.lm);
    if (o.dry_run) {
        json::object e{{"calls", estimate.calls}, {"tokens", estimate.tokens}};
        if (estimate.dollars) e["dollars"] = *estimate.dollars;
        if (o.json) std::cout << shown_json(e) << "\n";
        return 0;
    }
    runtime rt{{.threads = static_cast<unsigned>(o.threads)}};
    tell_when_interrupted(interrupted_text(o.state) + "; " + o.out + " is as it was");
    auto made = chosen->compile(rt, s.root(), s.call(), train, val, m, options);
    tell_when_interrupted("");
    write_result(o, to_saved(s.root(), made.best), std::move(made.report));
    return 0;
}

}  // namespace

void add_compile(CLI::App& app, command& chosen, const cli_program* own) {
    auto o = std::make_shared<compile_command>();
    auto* c =
        app.add_subcommand("compile", "Finds demonstrations and instructions for a program and writes them to a file");
    add_subject_options(*c, *o, own);
    auto known = known_optimizers(own);
    std::string list;
    for (const auto& n : known.names()) list += (list.empty() ? "" : ", ") + n;
    c->add_option("--optimizer", o->optimizer, list)->required()->check(CLI::IsMember(known.names()));
    c->add_option("--train", o->train, "examples: .jsonl, .json or .csv")->required();
    c->add_option("--val", o->val, "examples that candidates are compared on");
    c->add_option("--test", o->test, "examples that no search sees; scored once, at the end");
    c->add_option("--out", o->out, "file to write")->check(not_empty());
    add_metric_options(*c, *o);
    c->add_option("--teacher", o->teacher, "model that makes the demonstrations; default: --lm");
    c->add_option("--prompt-model", o->prompt_model, "model that writes instructions; default: --lm");
    c->add_option("--seed", o->seed, "the same seed gives the same file")->check(whole_number(0));
    c->add_option("--max-errors", o->max_errors,
                  "runs that may fail before the search ends; default: failures are skipped")
        ->check(whole_number(0));
    c->add_option("--max-calls", o->max_calls,
                  "requests to models, also those that fail; the search ends there with the best so far")
        ->check(whole_number(0));
    c->add_option("--max-cost", o->max_cost, "US dollars, for models with a known price")->check(number(0));
    c->add_flag("--no-report", o->no_report,
                "make no calls but the search's: the scores before and after are not measured");
    c->add_flag("--dry-run", o->dry_run, "say what it will about cost, and stop");
    c->add_option("SETTING", o->settings, "NAME=VALUE, of the optimizer; they are listed below");
    c->footer("Optimizers and their settings, with what they are by default:\n" + known.help() +
              "\nExit code: 0 done, 1 failed, 2 wrong command line.\nExample:\n  " + app.get_name() + " compile " +
              (own ? "" : "--signature \"message -> intent\" ") +
              "--train train.jsonl --val dev.jsonl --metric exact_match:intent \\\n    --optimizer mipro --lm "
              "openai/gpt-4o-mini --state "
              "work --out "
              "compiled.json auto=light");
    c->callback([o, &chosen, own] { chosen = [o, own] { return compile(*o, own); }; });
}

}  // namespace reagent::cli
