#include "subject.hpp"

#include <reagent/error.hpp>
#include <reagent/module/program_store.hpp>
#include <reagent/run/consent.hpp>
#include <reagent/schema/render.hpp>

#include <boost/json.hpp>

#include <filesystem>
#include <iostream>

namespace reagent::cli {
namespace {

int show(const std::string& file, bool as_json) {
    auto program = load_program(file);
    if (as_json) {
        json::array all;
        for (const auto& p : program.predictors()) {
            json::array demos;
            for (const auto& d : p.demos) demos.push_back(d);
            json::object o{{"name", p.path}};
            o["instructions"] = p.instructions ? json::value(json::string(*p.instructions)) : json::value(nullptr);
            o["demos"] = std::move(demos);
            json::array fields;
            for (const auto& f : p.fields)
                fields.push_back(json::object{{"prefix", f.prefix}, {"description", f.description}});
            if (!fields.empty()) o["fields"] = std::move(fields);
            if (!p.lm.is_null()) o["lm"] = p.lm;
            all.push_back(std::move(o));
        }
        std::cout << shown_json(json::object{{"predictors", std::move(all)}, {"hash", program.hash()}}) << "\n";
        return 0;
    }
    terminal t;
    std::cout << t.dim("hash " + program.hash().substr(0, 16)) << "\n";
    for (const auto& p : program.predictors()) {
        std::cout << "\n"
                  << t.bold(printable(p.path)) << "  " << p.demos.size()
                  << (p.demos.size() == 1 ? " demonstration" : " demonstrations") << "\n";
        if (p.instructions) std::cout << "  " << printable(*p.instructions) << "\n";
        if (const auto* m = p.lm.is_object() ? p.lm.get_object().if_contains("model") : nullptr)
            std::cout << "  model " << printable(python_str(*m)) << "\n";
        for (const auto& f : p.fields)
            std::cout << t.dim("  " + printable(f.prefix) + " " + printable(f.description)) << "\n";
        for (const auto& d : p.demos)
            std::cout << "  - " << printable(shortened(dump_json(json::value(d)), 300)) << "\n";
    }
    if (const auto* nearest = program.addition("nearest"); nearest && nearest->is_object())
        for (const auto& [path, one] : nearest->get_object())
            if (const auto* o = one.if_object(); o && o->contains("pool") && o->at("pool").is_array())
                std::cout << "\n"
                          << printable(path) << " chooses for each call from " << o->at("pool").get_array().size()
                          << " demonstrations\n";
    if (const auto* members = program.addition("members"); members && members->is_array())
        std::cout << "\nan ensemble: " << members->get_array().size() << " members vote; shown is the first\n";
    return 0;
}

int diff(const std::string& a, const std::string& b, bool as_json) {
    auto found = differences(load_program(a), load_program(b));
    for (auto& f : found) f = redact(f, secret{});  // what stands under `lm` may hold a key
    if (as_json) {
        json::array lines;
        for (const auto& f : found) lines.emplace_back(f);
        std::cout << shown_json(json::object{{"equal", found.empty()}, {"differences", std::move(lines)}}) << "\n";
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
            all.push_back(json::object{
                {"file", file}, {"ok", problem.empty()}, {"problem", problem}, {"predictors", predictors}});
        else if (problem.empty())
            std::cout << t.green("ok    ") << printable(file) << "  " << predictors
                      << (predictors == 1 ? " predictor" : " predictors") << "\n";
        else
            std::cout << t.red("wrong ") << printable(problem) << "\n";
    }
    if (as_json) std::cout << shown_json(all) << "\n";
    return good ? 0 : 1;
}

// As `program_store::tag` takes them. What is refused there would come when the version is stored already.
CLI::Validator tag_name() {
    return CLI::Validator{[](const std::string& name) {
                              auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
                              bool good = !name.empty() && name.size() <= 100 && letter(name[0]) && name != "latest";
                              for (char c : name)
                                  good = good && (letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '_');
                              if (good && redact(name, secret{}) != name)
                                  return std::string{
                                      "the tag holds what looks like a key, and would be shown wherever "
                                      "the version is; give another one. Nothing was stored"};
                              return good ? std::string{}
                                          : "\"" + visible(name) +
                                                "\" cannot be a tag: it starts with a letter, goes on with letters, "
                                                "digits, - and _, and is "
                                                "not \"latest\". Nothing was stored";
                          },
                          "", "tag"};
}

int put(const std::string& store, const std::string& file, const program_remarks& about, const std::string& tag,
        bool as_json) {
    program_store s{store};
    auto number = s.put(saved_program::load(file), about);
    if (!tag.empty()) s.tag(tag, number);
    if (as_json)
        std::cout << shown_json(json::object{{"version", number}}) << "\n";
    else
        std::cout << "version " << number << (tag.empty() ? "" : ", tagged " + visible_name(tag)) << "\n";
    return 0;
}

// Who reads makes no store.
program_store existing_store(const std::string& folder) {
    if (!std::filesystem::is_directory(std::filesystem::path{folder} / "versions"))
        throw misuse{"\"" + folder + "\" is no program store; `reagent program put` makes one"};
    return program_store{folder};
}

int list(const std::string& store, bool as_json) {
    json::array all;
    terminal t;
    for (const auto& v : existing_store(store).list()) {
        json::array tags;
        std::string tag_text;
        for (const auto& name : v.tags) tags.emplace_back(name), tag_text += " " + name;
        if (as_json) {
            json::object o{{"version", v.number}, {"hash", v.hash}, {"when", v.when}, {"who", v.who}, {"what", v.what}};
            if (!v.problem.empty()) o["problem"] = v.problem;
            o["score"] = v.score ? json::value(*v.score) : json::value(nullptr);
            o["tags"] = std::move(tags);
            all.push_back(std::move(o));
        } else if (!v.problem.empty())
            std::cout << v.number << "  " << t.red(visible(v.problem)) << t.green(tag_text) << "\n";
        else
            std::cout << v.number << "  " << v.hash.substr(0, 12) << "  " << visible(v.when) << "  " << visible(v.who)
                      << "  " << (v.score ? python_float(*v.score) : "-") << "  " << visible(v.what)
                      << t.green(tag_text) << "\n";
    }
    if (as_json) std::cout << shown_json(all) << "\n";
    return 0;
}

}  // namespace

void add_program(CLI::App& app, command& chosen) {
    struct options {
        std::vector<std::string> files;
        std::string store, name, version = "latest";
        program_remarks about;
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
    auto in_store = [&](const char* name, const char* help, std::function<int()> run) {
        auto* c = group->add_subcommand(name, help);
        c->add_option("--store", o->store, "folder of the store; made when it is not there")->required();
        c->add_flag("--json", o->json, "machine-readable output");
        c->callback([&chosen, run = std::move(run)] { chosen = run; });
        return c;
    };
    auto* put_command = in_store("put", "Adds a file to a store, as a version that never changes",
                                 [o] { return put(o->store, o->files[0], o->about, o->name, o->json); });
    put_command->add_option("FILE", o->files, "program file (JSON)")->required()->expected(1);
    put_command->add_option("--tag", o->name, "tag it at once")->check(tag_name());
    put_command->add_option("--what", o->about.what, "a remark");
    put_command->add_option("--who", o->about.who, "default: the user");
    put_command->add_option("--score", o->about.score, "as measured")->check(finite());
    in_store("list", "Versions of a store with who, when, what scored and tags",
             [o] { return list(o->store, o->json); });
    auto* tag_command = in_store("tag", "Points a tag to a version", [o] {
        program_store s = existing_store(o->store);
        auto number = s.number_of(o->version);
        s.tag(o->name, number);
        std::cout << printable(o->name) << " is version " << number << "\n";
        return 0;
    });
    tag_command->add_option("NAME", o->name, "as production")->required();
    tag_command->add_option("VERSION", o->version, "a number, another tag, or latest");
    auto* back_command = in_store("rollback", "Points a tag to where it pointed before", [o] {
        auto number = existing_store(o->store).roll_back(o->name);
        std::cout << printable(o->name) << " is version " << number << "\n";
        return 0;
    });
    back_command->add_option("NAME", o->name, "as production")->required();
    group->footer(
        "Examples:\n  reagent program show compiled.json\n  reagent program diff before.json after.json\n  reagent "
        "program check "
        "programs/*.json\n  reagent program put compiled.json --store programs --tag production --score 91.3\n  "
        "reagent eval --program "
        "programs@production ...");
}

}  // namespace reagent::cli
