#include "subject.hpp"

#include <reagent/error.hpp>
#include <reagent/run/consent.hpp>
#include <reagent/schema/render.hpp>
#include <reagent/schema/repair.hpp>
#include <reagent/watch/traffic_store.hpp>

#include <boost/json.hpp>

#include <ctime>
#include <iostream>

namespace reagent::cli {
namespace {

struct traffic_options_given {
    std::string store, program, request, out, labels = "feedback", remark, label_text;
    std::optional<std::uint64_t> version;
    std::optional<double> score;
    std::size_t most = 100;
    bool labelled = false, shadows = false, json = false;
};

std::shared_ptr<traffic_store> existing(const std::string& where) {
    return traffic_store::open(where, {.create = false});
}

std::string time_text(std::chrono::system_clock::time_point at) {
    std::time_t seconds = std::chrono::system_clock::to_time_t(at);
    std::tm utc{};
    ::gmtime_r(&seconds, &utc);
    char text[32];
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
    return text;
}

sample_filter filter_of(const traffic_options_given& o) {
    sample_filter f{
        .program = o.program, .request = o.request, .version = o.version, .labelled = o.labelled, .newest_first = true};
    if (!o.shadows) f.heard = true;
    f.most = o.most;
    return f;
}

std::string shown_value(const json::object& o) { return visible(shortened(dump_json(json::value(o)), 60)); }

int list(const traffic_options_given& o) {
    auto all = existing(o.store)->list(filter_of(o));
    if (o.json) {
        json::array samples;
        for (const auto& s : all) samples.push_back(to_json(s));
        std::cout << shown_json(samples) << "\n";
        return 0;
    }
    terminal t;
    for (const auto& s : all) {
        std::cout << t.dim(time_text(s.at)) << "  " << t.bold(visible_name(s.request)) << "  "
                  << visible_name(s.program) << " v" << s.version << (s.heard ? "" : " shadow") << "  "
                  << s.latency.count() / 1000 << " ms  " << shown_value(s.inputs) << " -> "
                  << (s.error.empty() ? shown_value(s.outputs) : t.red("failed"))
                  << (s.said ? t.green("  feedback") : "") << "\n";
    }
    if (all.empty()) std::cerr << "no samples\n";
    return 0;
}

int show(const traffic_options_given& o) {
    auto all = existing(o.store)->list({.request = o.request, .most = 100});
    if (all.empty())
        throw run_error{run_errc::unknown_run, "there is no sample of the request " + visible_name(o.request)};
    json::array samples;
    for (const auto& s : all) samples.push_back(to_json(s));
    if (o.json) {
        std::cout << shown_json(samples) << "\n";
        return 0;
    }
    for (const auto& s : samples)
        for (const auto& [name, v] : s.as_object())
            std::cout << terminal{}.bold(std::string{name}) << ": " << printable(python_str(v)) << "\n";
    return 0;
}

int export_samples(const traffic_options_given& o) {
    auto filter = filter_of(o);
    filter.heard = true;
    filter.newest_first = false;
    filter.labelled = o.labels == "feedback";
    auto all = existing(o.store)->list(filter);
    auto data = to_dataset(all, o.labels == "feedback" ? labels_from::feedback : labels_from::answers);
    std::string lines, inputs;
    for (const auto& e : data) lines += dump_strict_json(json::value(e.fields)) + "\n";
    if (!data.empty())
        for (const auto& name : data.front().inputs) inputs += (inputs.empty() ? "" : ",") + name;
    if (o.out.empty() || o.out == "-")
        std::cout << lines;
    else
        write_file(o.out, lines);
    std::cerr << data.size() << " examples with the inputs " << visible(inputs) << "; " << all.size() - data.size()
              << " samples are none: they failed, or private values are left out of them\n";
    return data.empty() ? 1 : 0;
}

int say(const traffic_options_given& o) {
    request_feedback f{.request = o.request, .score = o.score, .remark = o.remark};
    if (!o.label_text.empty()) {
        auto labels = parse_json(o.label_text);
        if (!labels || !labels->is_object()) throw misuse{"--labels is no JSON object, as '{\"intent\": \"billing\"}'"};
        f.labels = labels->get_object();
    }
    if (f.labels.empty() && !f.score && f.remark.empty())
        throw misuse{"say something of it: --labels, --score or --remark"};
    if (!existing(o.store)->add(f))
        throw run_error{run_errc::unknown_run, "there is no sample of the request " + visible_name(o.request)};
    return 0;
}

}  // namespace

void add_traffic(CLI::App& app, command& chosen) {
    auto o = std::make_shared<traffic_options_given>();
    auto* group =
        app.add_subcommand("traffic", "Samples of live traffic: what was asked and answered, and what was said of it");
    group->require_subcommand(1);
    auto add = [&](const char* name, const char* help, int (*run)(const traffic_options_given&)) {
        auto* c = group->add_subcommand(name, help);
        c->add_option("--traffic", o->store, "file of SQLite or postgresql://...")->required()->check(not_empty());
        c->callback([&chosen, o, run] { chosen = [o, run] { return run(*o); }; });
        return c;
    };
    auto add_filter = [&](CLI::App* c) {
        c->add_option("--program", o->program, "only of this one")->check(not_empty());
        c->add_option("--version", o->version, "only of this version")->check(whole_number(0));
        c->add_option("--most", o->most, "at most so many")->check(whole_number(1, 10'000'000));
    };
    auto* list_command = add("list", "The newest samples", list);
    add_filter(list_command);
    list_command->add_flag("--labelled", o->labelled, "only with labels from feedback");
    list_command->add_flag("--shadows", o->shadows, "also answers that nobody was given");
    list_command->add_flag("--json", o->json, "machine-readable output");
    auto* show_command = add("show", "All that is kept of a request", show);
    show_command->add_option("REQUEST", o->request, "its id")->required();
    show_command->add_flag("--json", o->json, "machine-readable output");
    auto* export_command = add("export", "Writes samples as examples for `eval` and `compile`", export_samples);
    add_filter(export_command);
    export_command->add_option("--out", o->out, "file to write; default: standard output")->check(not_empty());
    export_command->add_option("--labels-from", o->labels, "feedback, or answers: what the program said itself")
        ->check(CLI::IsMember({"feedback", "answers"}));
    auto* say_command = add("feedback", "Says something of an answer", say);
    say_command->add_option("REQUEST", o->request, "its id")->required();
    say_command->add_option("--labels", o->label_text, "what would have been right, as JSON");
    say_command->add_option("--score", o->score, "from 0 to 1")->check(number(0, 1));
    say_command->add_option("--remark", o->remark, "anything");
    group->footer(
        "Examples:\n  reagent traffic list --traffic traffic.db\n  reagent traffic feedback r-17 --traffic traffic.db "
        "--labels "
        "'{\"intent\": \"billing\"}'\n  reagent traffic export --traffic traffic.db --out train.jsonl");
}

}  // namespace reagent::cli
