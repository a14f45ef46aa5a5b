#include "subject.hpp"

#include <reagent/error.hpp>
#include <reagent/schema/render.hpp>
#include <reagent/schema/repair.hpp>

#include <boost/json.hpp>

#include <cmath>
#include <iostream>

namespace reagent::cli {
namespace {

struct eval_options : subject_options {
    std::string data, html, csv, baseline;
    std::vector<std::string> slices;
    std::size_t max_errors = 10;
    std::optional<double> min_score;
};

// A result that `eval --json` wrote before.
evaluation saved_evaluation(const std::string& file) {
    auto v = parse_json(text_of(file));
    if (!v) throw program_error{program_errc::not_json, file + ": this is no JSON", {.path = file}};
    return evaluation_from_json(*v);
}

std::string numbers(const std::vector<std::size_t>& indexes) {
    std::string text;
    for (std::size_t i = 0; i < indexes.size() && i < 20; ++i) text += (i ? ", " : "") + std::to_string(indexes[i] + 1);
    return indexes.empty()
               ? "none"
               : text + (indexes.size() > 20 ? " and " + std::to_string(indexes.size() - 20) + " more" : "");
}

std::string tokens_text(const usage& u) {
    return std::to_string(u.calls) + " model calls, " + std::to_string(u.tokens()) + " tokens";
}

evaluation measured(const eval_options& o, const subject& s, const dataset& data, const metric& m) {
    evaluate_options options;
    options.run = s.prepared(o);
    options.concurrency = o.concurrency;
    options.max_errors = o.max_errors;
    options.keep_histories = !o.html.empty();
    std::optional<answer_log> log;
    if (!o.state.empty()) {
        std::filesystem::create_directories(o.state);
        log.emplace(std::filesystem::path{o.state} / "answers.jsonl");
        options.run.around = log->hook();
    }
    progress show{o.quiet};
    options.on_progress = [&](const evaluation_progress& p) { show(p); };
    runtime rt{{.threads = static_cast<unsigned>(o.threads)}};
    tell_when_interrupted(interrupted_text(o.state));
    auto e = evaluate(rt, s.call(), data, m, options);
    tell_when_interrupted("");
    return e;
}

json::object slices_json(const eval_options& o, const evaluation& e, const dataset& data) {
    json::object by_field;
    for (const auto& field : o.slices) {
        json::array parts;
        for (const auto& one : slices(e, data, field))
            parts.push_back(json::object{{"value", one.value}, {"score", one.score}, {"examples", one.examples}});
        by_field[field] = std::move(parts);
    }
    return by_field;
}

json::object comparison_json(const evaluation& before, const evaluation& e) {
    auto c = compare(before, e);
    json::array fixed, broken;
    for (auto i : c.fixed) fixed.emplace_back(i);
    for (auto i : c.broken) broken.emplace_back(i);
    return {{"before", before.score},
            {"difference", c.difference},
            {"p_value", c.p_value},
            {"fixed", std::move(fixed)},
            {"broken", std::move(broken)}};
}

void print_score(const terminal& t, const evaluation& e) {
    std::cout << t.bold("score " + python_float(e.score)) << "  (95% interval " << python_float(e.low) << " to "
              << python_float(e.high) << ", " << e.rows.size() << " examples)\n";
    std::cout << t.dim(tokens_text(e.usage) + ", p50 " + std::to_string(e.latency(50).count() / 1000) + " ms, p99 " +
                       std::to_string(e.latency(99).count() / 1000) + " ms")
              << "\n";
    if (e.metric_usage.calls) std::cout << t.dim("the metric: " + tokens_text(e.metric_usage)) << "\n";
}

void print_slices(const json::object& by_field) {
    for (const auto& [field, parts] : by_field)
        for (const auto& part : parts.as_array())
            std::cout << "  " << printable(std::string{field}) << " = "
                      << printable(shortened(python_str(part.at("value")), 60)) << ": " << python_str(part.at("score"))
                      << "  (" << python_str(part.at("examples")) << ")\n";
}

void print_comparison(const std::string& baseline, const evaluation& before, const evaluation& e) {
    auto c = compare(before, e);
    std::cout << (c.difference >= 0 ? "+" : "") << python_float(c.difference) << " points on " << printable(baseline)
              << " (p = " << python_float(std::round(c.p_value * 1e4) / 1e4)
              << (c.p_value > 0.05 ? ", within noise" : "") << ")\n  fixed: examples " << numbers(c.fixed)
              << "\n  broken: examples " << numbers(c.broken) << "\n";
}

void print_errors(const terminal& t, const evaluation& e) {
    constexpr std::size_t most = 5;
    std::size_t listed = 0;
    for (const auto& r : e.rows)
        if (!r.error.empty() && ++listed <= most)
            std::cout << t.red("error ") << "example " << r.index + 1 << ": " << printable(shortened(r.error, 300))
                      << "\n";
    if (e.errors > most) std::cout << "and " << e.errors - most << " more errors\n";
}

int verdict(const eval_options& o, const evaluation& e) {
    if (e.stopped) {
        complain("stopped after " + std::to_string(e.errors) +
                 " errors; raise --max-errors, or look at the first of them");
        return 1;
    }
    if (!e.rows.empty() && e.errors == e.rows.size()) {
        complain("every example failed");
        return 1;
    }
    if (o.min_score && e.score < *o.min_score) {
        complain("the score " + python_float(e.score) + " is below " + python_float(*o.min_score));
        return 3;
    }
    return 0;
}

int eval(const eval_options& o, const cli_program* own) {
    for (const auto& [option, file] : {std::pair{"--html", &o.html}, std::pair{"--csv", &o.csv}})
        if (!file->empty()) check_folder(option, *file);
    subject s{o, own};
    auto data = s.load(o.data);
    auto m = metric_of(o);
    s.check_metric(o.metric, data);
    std::optional<evaluation> before;
    if (!o.baseline.empty()) before = saved_evaluation(o.baseline);
    auto e = measured(o, s, data, m);
    if (!o.html.empty())
        write_file(o.html, to_html(e, data, "Evaluation of " + s.title(), {before ? &*before : nullptr, o.slices}));
    if (!o.csv.empty()) write_file(o.csv, to_csv(e, data));
    auto by_field = slices_json(o, e, data);
    if (o.json) {
        auto result = to_json(e, data);
        if (!by_field.empty()) result["slices"] = by_field;
        if (before) result["comparison"] = comparison_json(*before, e);
        std::cout << shown_json(result) << "\n";
    } else {
        terminal t;
        print_score(t, e);
        print_slices(by_field);
        if (before) print_comparison(o.baseline, *before, e);
        print_errors(t, e);
    }
    return verdict(o, e);
}

}  // namespace

void add_eval(CLI::App& app, command& chosen, const cli_program* own) {
    auto o = std::make_shared<eval_options>();
    auto* c = app.add_subcommand("eval", "Runs a program on examples and scores it");
    add_subject_options(*c, *o, own);
    c->add_option("--data", o->data, "examples: .jsonl, .json or .csv")->required();
    add_metric_options(*c, *o);
    c->add_option("--max-errors", o->max_errors, "more than this stop the evaluation")->check(whole_number(0));
    c->add_option("--min-score", o->min_score, "exit code 3 when the score, from 0 to 100, is below this")
        ->check(number(0, 100));
    c->add_option("--slices", o->slices, "fields by whose values the score is told, as a,b")->delimiter(',');
    c->add_option(
        "--baseline", o->baseline,
        "compare with an earlier result, as --json wrote it: what got fixed, what broke, and whether it is noise");
    c->add_option("--html", o->html, "write a page with every row and its trace");
    c->add_option("--csv", o->csv, "write the rows as CSV");
    c->footer("Exit code: 0 done, 1 failed, 2 wrong command line, 3 below --min-score.\nExample:\n  " + app.get_name() +
              " eval " + (own ? "" : "--signature \"question -> answer\" ") +
              "--data dev.jsonl --inputs question --metric exact_match:answer --lm openai/gpt-4o-mini --min-score 80");
    c->callback([o, &chosen, own] { chosen = [o, own] { return eval(*o, own); }; });
}

}  // namespace reagent::cli
