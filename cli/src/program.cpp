#include "commands.hpp"

#include <reagent/error.hpp>
#include <reagent/module/saved_program.hpp>
#include <reagent/schema/render.hpp>

#include <boost/json.hpp>

#include <iostream>

namespace reagent::cli {
namespace {

int show(const std::string& file, bool as_json) {
    auto program = saved_program::load(file);
    if (as_json) {
        json::array all;
        for (const auto& p : program.predictors()) {
            json::array demos;
            for (const auto& d : p.demos) demos.push_back(d);
            json::object o{{"name", p.path}};
            o["instructions"] = p.instructions ? json::value(json::string(*p.instructions)) : json::value(nullptr);
            o["demos"] = std::move(demos);
            json::array fields;
            for (const auto& f : p.fields) fields.push_back(json::object{{"prefix", f.prefix}, {"description", f.description}});
            if (!fields.empty()) o["fields"] = std::move(fields);
            if (!p.lm.is_null()) o["lm"] = p.lm;
            all.push_back(std::move(o));
        }
        std::cout << dump_strict_json(json::object{{"predictors", std::move(all)}, {"hash", program.hash()}}) << "\n";
        return 0;
    }
    terminal t;
    std::cout << t.dim("hash " + program.hash().substr(0, 16)) << "\n";
    for (const auto& p : program.predictors()) {
        std::cout << "\n"
                  << t.bold(printable(p.path)) << "  " << p.demos.size() << (p.demos.size() == 1 ? " demonstration" : " demonstrations")
                  << "\n";
        if (p.instructions) std::cout << "  " << printable(*p.instructions) << "\n";
        if (const auto* m = p.lm.is_object() ? p.lm.get_object().if_contains("model") : nullptr)
            std::cout << "  model " << printable(python_str(*m)) << "\n";
        for (const auto& f : p.fields) std::cout << t.dim("  " + printable(f.prefix) + " " + printable(f.description)) << "\n";
        for (const auto& d : p.demos) std::cout << "  - " << printable(shortened(dump_json(json::value(d)), 300)) << "\n";
    }
    return 0;
}

int diff(const std::string& a, const std::string& b, bool as_json) {
    auto found = differences(saved_program::load(a), saved_program::load(b));
    if (as_json) {
        json::array lines;
        for (const auto& f : found) lines.emplace_back(f);
        std::cout << dump_strict_json(json::object{{"equal", found.empty()}, {"differences", std::move(lines)}}) << "\n";
    } else if (found.empty())
        std::cout << "no difference in what is learned\n";
    else
        for (const auto& f : found) std::cout << printable(f) << "\n";
    return found.empty() ? 0 : 1;
}

int check(const std::vector<std::string>& files, bool as_json) {
    terminal t;
    json::array all;
    bool good = true;
    for (const auto& file : files) {
        std::string problem;
        std::size_t predictors = 0;
        try {
            predictors = saved_program::load(file).predictors().size();
        } catch (const program_error& e) {
            problem = e.what();
            good = false;
        }
        if (as_json)
            all.push_back(json::object{{"file", file}, {"ok", problem.empty()}, {"problem", problem}, {"predictors", predictors}});
        else if (problem.empty())
            std::cout << t.green("ok    ") << printable(file) << "  " << predictors << (predictors == 1 ? " predictor" : " predictors")
                      << "\n";
        else
            std::cout << t.red("wrong ") << printable(problem) << "\n";
    }
    if (as_json) std::cout << dump_strict_json(all) << "\n";
    return good ? 0 : 1;
}

}  // namespace

void add_program(CLI::App& app, command& chosen) {
    struct options {
        std::vector<std::string> files;
        bool json = false;
    };
    auto o = std::make_shared<options>();
    auto* group = app.add_subcommand("program", "Looks at saved programs, Reagent's and DSPy's, without their code");
    group->require_subcommand(1);
    auto add = [&](const char* name, const char* help, int least, int most, std::function<int()> run) {
        auto* c = group->add_subcommand(name, help);
        c->add_option("FILE", o->files, "program file (JSON)")->required()->expected(least, most);
        c->add_flag("--json", o->json, "machine-readable output");
        c->callback([&chosen, run = std::move(run)] { chosen = run; });
        return c;
    };
    add("show", "Instructions and demonstrations of every predictor", 1, 1, [o] { return show(o->files[0], o->json); });
    add("diff", "What differs between two programs; exit code 1 when something does", 2, 2,
        [o] { return diff(o->files[0], o->files[1], o->json); });
    add("check", "Whether files are programs that can be loaded; exit code 1 when one is not", 1, 10'000,
        [o] { return check(o->files, o->json); });
    group->footer(
        "Examples:\n  reagent program show compiled.json\n  reagent program diff before.json after.json\n  reagent program check "
        "programs/*.json");
}

}  // namespace reagent::cli
