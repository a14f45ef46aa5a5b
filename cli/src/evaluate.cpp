#include "dynamic_program.hpp"

#include <reagent/error.hpp>
#include <reagent/evaluate/evaluation.hpp>
#include <reagent/schema/render.hpp>

#include <boost/json.hpp>

#include <cstdio>
#include <fstream>
#include <iostream>

namespace reagent::cli {
namespace {

struct eval_options {
    std::string signature, module = "predict", instructions, program, data, metric, lm, api_base, adapter = "chat", tools, html, csv;
    std::vector<std::string> inputs;
    std::size_t concurrency = 8, max_errors = 10;
    std::optional<double> min_score;
    bool json = false, quiet = false;
};

// A bar on a terminal, a line every few seconds elsewhere.
class progress {
public:
    progress(bool quiet) : bar_{!quiet && terminal{true}.colours()}, lines_{!quiet && !bar_} {}
    void operator()(const evaluation_progress& p) {
        bool last = p.done == p.all;
        if (lines_ && !last && p.elapsed - told_ < std::chrono::seconds{5}) return;
        if (!bar_ && !lines_) return;
        told_ = p.elapsed;
        double seconds = static_cast<double>(p.elapsed.count()) / 1000, rate = seconds > 0 ? static_cast<double>(p.done) / seconds : 0;
        std::string text = std::to_string(p.done) + "/" + std::to_string(p.all) + "  score " + number(p.score) + "  " + number(rate) + "/s";
        if (rate > 0 && !last) text += "  " + std::to_string(static_cast<long>(static_cast<double>(p.all - p.done) / rate) + 1) + " s left";
        if (p.usage.cost) text += "  $" + number(*p.usage.cost);
        if (p.errors) text += "  " + std::to_string(p.errors) + " errors";
        if (bar_) {
            std::size_t full = p.all ? 24 * p.done / p.all : 24;
            std::cerr << "\r\033[K[" << std::string(full, '#') << std::string(24 - full, '.') << "] " << text << (last ? "\n" : "")
                      << std::flush;
        } else
            std::cerr << text << "\n";
    }

private:
    static std::string number(double d) {
        char text[32];
        std::snprintf(text, sizeof text, "%.4g", d);
        return text;
    }
    bool bar_, lines_;
    std::chrono::milliseconds told_{};
};

void write_file(const std::string& file, const std::string& text) {
    std::ofstream out{file, std::ios::binary};
    out << text;
    out.close();
    if (!out) throw program_error{program_errc::unwritable, "the file \"" + file + "\" cannot be written", {.path = file}};
}

int eval(const eval_options& o) {
    auto s = parse_signature(o.signature);
    if (!o.instructions.empty()) s.instructions = o.instructions;
    auto inputs = o.inputs;
    if (inputs.empty())
        for (const auto& f : s.inputs) inputs.push_back(f.name);
    auto data = load_examples(o.data, inputs);
    auto m = metric_named(o.metric);
    check_metric_field(o.metric, s, data);
    dynamic_program program{s, o.module, tools_from(o.tools)};
    evaluate_options options;
    bool own_model = false;
    if (!o.program.empty()) {
        auto loaded = from_saved(program.root(), saved_program::load(o.program), o.lm.empty());
        for (const auto& [path, p] : loaded.predictors) own_model = own_model || p.lm;
        options.run.parameters = std::make_shared<const parameters>(std::move(loaded));
    }
    if (!own_model || !o.lm.empty()) {
        auto chosen = choose_model(o.lm, o.api_base);
        if (!chosen.notice.empty() && !o.quiet) std::cerr << printable(chosen.notice) << "\n";
        options.run.lm = with_retries(chosen.model);
    }
    options.run.adapter = adapter_named(o.adapter);
    options.concurrency = o.concurrency;
    options.max_errors = o.max_errors;
    progress show{o.quiet};
    options.on_progress = [&](const evaluation_progress& p) { show(p); };
    runtime rt;
    auto e = evaluate(rt, as_program(program), data, m, options);
    if (!o.html.empty()) write_file(o.html, to_html(e, data, "Evaluation of " + s.text()));
    if (!o.csv.empty()) write_file(o.csv, to_csv(e, data));
    if (o.json)
        std::cout << dump_strict_json(to_json(e, data)) << "\n";
    else {
        terminal t;
        std::cout << t.bold("score " + python_float(e.score)) << "  (95% interval " << python_float(e.low) << " to " << python_float(e.high)
                  << ", " << e.rows.size() << " examples)\n";
        std::cout << t.dim(std::to_string(e.usage.calls) + " model calls, " + std::to_string(e.usage.tokens()) + " tokens, p50 " +
                           std::to_string(e.latency(50).count() / 1000) + " ms, p99 " + std::to_string(e.latency(99).count() / 1000) +
                           " ms")
                  << "\n";
        std::size_t listed = 0;
        for (const auto& r : e.rows)
            if (!r.error.empty() && ++listed <= 5)
                std::cout << t.red("error ") << "example " << r.index + 1 << ": " << printable(shortened(r.error, 300)) << "\n";
        if (e.errors > 5) std::cout << "and " << e.errors - 5 << " more errors\n";
    }
    if (e.stopped) {
        std::cerr << "reagent: stopped after " << e.errors << " errors; raise --max-errors, or look at the first of them\n";
        return 1;
    }
    if (!e.rows.empty() && e.errors == e.rows.size()) {
        std::cerr << "reagent: every example failed\n";
        return 1;
    }
    if (o.min_score && e.score < *o.min_score) {
        std::cerr << "reagent: the score " << python_float(e.score) << " is below " << python_float(*o.min_score) << "\n";
        return 3;
    }
    return 0;
}

}  // namespace

void add_eval(CLI::App& app, command& chosen) {
    auto o = std::make_shared<eval_options>();
    auto* c = app.add_subcommand("eval", "Runs a program on examples and scores it");
    c->add_option("--signature", o->signature, "as \"question -> answer: int\"")->required();
    c->add_option("--module", o->module, "predict, cot (reasons first) or react (uses --tools)")
        ->check(CLI::IsMember({"predict", "cot", "react"}));
    c->add_option("--instructions", o->instructions, "instead of the signature's own");
    c->add_option("--program", o->program, "saved program, Reagent's or DSPy's");
    c->add_option("--data", o->data, "examples: .jsonl, .json or .csv")->required();
    c->add_option("--inputs", o->inputs, "fields that are inputs, as a,b; default: the signature's")->delimiter(',');
    c->add_option("--metric", o->metric, "exact_match:FIELD, f1:FIELD, numeric:FIELD or json_f1:FIELD")->required();
    c->add_option("--lm", o->lm, "model, as provider/name; default: as for `reagent ask`");
    c->add_option("--api-base", o->api_base, "address of an OpenAI-compatible server");
    c->add_option("--adapter", o->adapter, "chat, json or xml");
    c->add_option("--tools", o->tools, "for react, as for `reagent ask`");
    c->add_option("--concurrency", o->concurrency, "examples at work at the same time")->check(CLI::Range(1, 10'000));
    c->add_option("--max-errors", o->max_errors, "more than this stop the evaluation");
    c->add_option("--min-score", o->min_score, "exit code 3 when the score, from 0 to 100, is below this");
    c->add_option("--html", o->html, "write a page with every row and its trace");
    c->add_option("--csv", o->csv, "write the rows as CSV");
    c->add_flag("--json", o->json, "the whole result as JSON");
    c->add_flag("--quiet", o->quiet, "no progress");
    c->footer(
        "Exit code: 0 done, 1 failed, 2 wrong command line, 3 below --min-score.\nExample:\n  reagent eval --signature \"question -> "
        "answer\" --data dev.jsonl "
        "--inputs question --metric exact_match:answer --lm openai/gpt-4o-mini --min-score 80");
    c->callback([o, &chosen] { chosen = [o] { return eval(*o); }; });
}

}  // namespace reagent::cli
