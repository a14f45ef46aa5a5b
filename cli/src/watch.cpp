#include "subject.hpp"

#include <reagent/error.hpp>
#include <reagent/http/shown_url.hpp>
#include <reagent/run/consent.hpp>
#include <reagent/schema/render.hpp>
#include <reagent/watch/watcher.hpp>

#include <boost/json.hpp>

#include <cstdlib>
#include <iostream>
#include <thread>

namespace reagent::cli {
namespace {

struct watch_command : subject_options {
    std::string traffic, store, name, tag = "production", recipe, hook;
    std::size_t every = 60, reference = 500, window = 250, baseline = 200;
    double level = 0.05, tolerance = 0.05;
    std::uint64_t first = 0, second = 0;
    bool once = false, allow_switch = false;
};

void tell(const json::object& alert, bool as_json) {
    if (as_json)
        std::cout << dump_strict_json(json::value(alert)) << std::endl;
    else
        std::cout << terminal{}.bold(visible(alert.at("kind").as_string())) << "  "
                  << visible(alert.at("text").as_string()) << std::endl;
}

program_store existing_programs(const std::string& folder) {
    if (!std::filesystem::is_directory(std::filesystem::path{folder} / "versions"))
        throw program_error{program_errc::unreadable, "\"" + folder + "\" is no store of programs", {.path = folder}};
    return program_store{folder};
}

watcher_options options_of(const watch_command& o, const subject& s) {
    watcher_options w;
    w.program = o.name, w.tag = o.tag, w.recipe = o.recipe;
    w.reference = o.reference, w.window = o.window, w.baseline = o.baseline;
    w.level = o.level, w.tolerance = o.tolerance;
    w.switches = o.allow_switch ? switching::allowed : switching::propose;
    if (!o.metric.empty()) w.quality.on_labels = metric_of(o);
    if (!o.recipe.empty() || !o.judge.empty()) w.run = s.prepared(o);
    w.quality.run = w.run;
    w.tell.push_back([as_json = o.json](const json::object& a) { tell(a, as_json); });
    const char* token = std::getenv("REAGENT_WEBHOOK_TOKEN");
    if (!o.hook.empty()) w.tell.push_back(webhook(o.hook, secret{token ? token : ""}));
    return w;
}

int watch(const watch_command& o, const cli_program* own) {
    subject s{o, own};
    auto traffic = traffic_store::open(o.traffic, {.create = false});
    runtime rt{runtime_options_for()};
    watcher seen{rt, traffic, existing_programs(o.store), s.root(), s.call(), options_of(o, s)};
    for (;;) {
        try {
            auto alerts = seen.step();
            if (o.once) {
                if (!o.json && !o.quiet) std::cout << visible(dump_json(json::value(seen.status()))) << "\n";
                return alerts.empty() ? 0 : 3;
            }
        } catch (const std::exception& e) {  // a database that is away does not end the watch
            if (o.once) throw;
            complain(e.what());
        }
        std::this_thread::sleep_for(std::chrono::seconds{o.every});
    }
}

int compare(const watch_command& o, const cli_program* own) {
    subject s{o, own};
    sample_quality q;
    if (!o.metric.empty()) q.on_labels = metric_of(o);
    runtime rt{runtime_options_for()};
    auto traffic = traffic_store::open(o.traffic, {.create = false});
    auto c = compare_versions(rt, *traffic, o.name, o.first, o.second, q);
    if (o.json)
        std::cout << shown_json(to_json(c)) << "\n";
    else
        std::cout << visible(c.verdict) << "\n";
    return c.advice == version_advice::keep ? 3 : 0;
}

int alerts(const watch_command& o, const cli_program*) {
    json::array all;
    for (auto& a : traffic_store::open(o.traffic, {.create = false})->alerts(o.name)) all.push_back(std::move(a));
    if (o.json)
        std::cout << shown_json(all) << "\n";
    else
        for (const auto& a : all) tell(a.as_object(), false);
    return 0;
}

void add_limits(CLI::App& c, watch_command& o) {
    c.add_option("--tag", o.tag, "of the version that answers");
    c.add_option("--recipe", o.recipe, "compile it anew by recipes/NAME.json of the store when something has drifted")
        ->check(not_empty());
    c.add_flag("--allow-switch", o.allow_switch,
               "move the tag to a better version, and back from a worse one; else it is proposed");
    c.add_option("--every", o.every, "seconds between two looks")->check(whole_number(1, 86'400));
    c.add_flag("--once", o.once, "look once; exit code 3 when there is an alert");
    c.add_option("--reference", o.reference, "samples that later ones are compared with")
        ->check(whole_number(50, 1'000'000));
    c.add_option("--window", o.window, "samples of each later look")->check(whole_number(50, 1'000'000));
    c.add_option("--baseline", o.baseline, "scored samples that say how good the version is")
        ->check(whole_number(20, 1'000'000));
    c.add_option("--level", o.level, "of any false alarm, as long as a version answers")->check(number(1e-6, 0.5));
    c.add_option("--tolerance", o.tolerance, "of quality that may be lost, from 0 to 1")->check(number(0, 1));
    c.add_option("--webhook", o.hook, "address that alerts are posted to; $REAGENT_WEBHOOK_TOKEN is sent as bearer")
        ->check(not_empty());
}

}  // namespace

void add_watch(CLI::App& app, command& chosen, const cli_program* own) {
    auto o = std::make_shared<watch_command>();
    auto* group =
        app.add_subcommand("watch", "Watches a program in production: drift, quality, versions beside each other");
    group->require_subcommand(1);
    auto add = [&](const char* name, const char* help, int (*run)(const watch_command&, const cli_program*)) {
        auto* c = group->add_subcommand(name, help);
        c->add_option("--traffic", o->traffic, "samples: a file of SQLite or postgresql://...")
            ->required()
            ->check(not_empty());
        c->add_option("--name", o->name, "of the program, as its samples have it")->required()->check(not_empty());
        c->callback([&chosen, o, run, own] { chosen = [o, run, own] { return run(*o, own); }; });
        return c;
    };
    const char* metric = "exact_match:FIELD and others, as for `eval`: how good an answer is by its labels";
    auto* run_command = add("run", "Looks at new samples again and again; tells and, with a recipe, mends", watch);
    add_subject_options(*run_command, *o, own);
    run_command->add_option("--metric", o->metric, metric);
    run_command->add_option("--store", o->store, "folder of the program store")->required()->check(not_empty());
    add_limits(*run_command, *o);
    auto* compare_command =
        add("compare", "Two versions by their samples, in words; exit code 3: keep the first", compare);
    add_subject_options(*compare_command, *o, own);
    compare_command->add_option("--metric", o->metric, metric);
    compare_command->add_option("FIRST", o->first, "version that answers")->required()->check(whole_number(0));
    compare_command->add_option("SECOND", o->second, "version in the shadow, or of the canary")
        ->required()
        ->check(whole_number(0));
    add("alerts", "What was told, the newest first", alerts)->add_flag("--json", o->json, "machine-readable output");
    group->footer(
        "Examples:\n  reagent watch run --traffic traffic.db --name classify --store programs --signature \"message -> "
        "intent\" \\\n    "
        "--metric exact_match:intent --recipe nightly --lm openai/gpt-4o-mini --webhook https://example.org/alerts\n  "
        "reagent watch "
        "compare 3 4 "
        "--traffic traffic.db --name classify --signature \"message -> intent\" --metric exact_match:intent");
}

}  // namespace reagent::cli
