#include "interruption.hpp"
#include "runs.hpp"
#include "serve.hpp"

#include <reagent/error.hpp>
#include <reagent/module/program_store.hpp>
#include <reagent/run/consent.hpp>
#include <reagent/schema/render.hpp>
#include <reagent/schema/repair.hpp>

#include <boost/json.hpp>

#include <algorithm>
#include <csignal>
#include <iostream>
#include <iterator>
#include <sstream>

namespace reagent {
namespace cli {

namespace {

bool is_text(const char* argument) {
    error_code ec;
    json::parse(json::serialize(json::value(json::string(argument))), ec);
    return !ec;
}

}  // namespace

namespace {

// A word where a command is expected, which is none: "" or what to say.
std::string unknown_command(const CLI::App& app, int argc, char** argv) {
    const CLI::App* at = &app;
    for (int i = 1; i < argc; ++i) {
        std::string word = argv[i];
        auto below = at->get_subcommands([](const CLI::App*) { return true; });
        if (below.empty() || at->get_require_subcommand_min() == 0 || word.starts_with("-")) return {};
        std::vector<std::string> names;
        for (const auto* c : below) names.push_back(c->get_name());
        auto found = std::find(names.begin(), names.end(), word);
        if (found != names.end()) {
            at = below[static_cast<std::size_t>(found - names.begin())];
            continue;
        }
        auto near = did_you_mean(word, names);
        for (const auto& n : names)  // "aks"
            if (near.empty() && std::is_permutation(n.begin(), n.end(), word.begin(), word.end())) near = n;
        std::string list;
        for (const auto& n : names) list += (list.empty() ? "" : ", ") + n;
        std::string before = at == &app ? std::string{} : at->get_name() + " ";
        return "there is no command \"" + before + word + "\"" +
               (near.empty() ? "." : "; did you mean \"" + before + near + "\"?") + " There are: " + list;
    }
    return {};
}

// A command below inherits its parent's footer, whose examples are of others.
void own_footers(CLI::App& app, const std::string& inherited) {
    for (auto* c : app.get_subcommands([](CLI::App*) { return true; })) {
        if (!inherited.empty() && c->get_footer() == inherited) c->footer("");
        own_footers(*c, inherited);
    }
}

// `--journals=$UNSET`: the parser would take the next option for its value. An empty list of tools is none.
std::vector<char*> with_values(int argc, char** argv) {
    static char tools[] = "--tools", nothing[] = "";
    std::vector<char*> all;
    bool options = true;
    for (int i = 0; i < argc; ++i) {
        const std::string_view a = argv[i];
        options = options && a != "--";
        const bool empty = options && i > 0 && a.starts_with("--") && a.find('=') == a.size() - 1;
        if (empty && a != "--tools=")
            throw misuse{std::string{a.substr(0, a.size() - 1)} +
                         ": it is empty; give it a value, or leave the option out"};
        all.push_back(empty ? tools : argv[i]);
        if (empty) all.push_back(nothing);
    }
    return all;
}

}  // namespace

int run_commands(CLI::App& app, command& chosen, int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGXFSZ, SIG_IGN);  // a limit on files is an error that is told, and cleaned up after
    watch_lines(argc, argv);
    for (int i = 1; i < argc; ++i)
        if (!is_text(argv[i])) {
            complain("argument " + std::to_string(i) +
                     " is no UTF-8; what is stored and sent is JSON, which holds nothing else");
            return 2;
        }
    own_footers(app, app.get_footer());
    try {
        if (auto wrong = unknown_command(app, argc, argv); !wrong.empty()) throw misuse{wrong};
        auto all = with_values(argc, argv);
        app.parse(static_cast<int>(all.size()), all.data());
    } catch (const CLI::ParseError& e) {
        std::ostringstream out, err;
        int code = app.exit(e, out, err);
        std::cout << printable(out.str()) << std::flush;
        std::cerr << redact(printable(err.str()), secret{});
        if (!std::cout) return complain("the output cannot be written; is the disk full?"), 1;
        return code == 0 ? 0 : 2;
    } catch (const misuse& e) {
        complain(e.what());
        return 2;
    }
    try {
        int code = chosen();
        std::cout.flush();
        if (std::cout) return code;
        complain("the output cannot be written; is the disk full?");
    } catch (const misuse& e) {
        complain(indented(e.what(), "  "));
        return 2;
    } catch (const std::exception& e) {
        complain(indented(e.what(), "  "));
    }
    return 1;
}

namespace {

struct run_command_options : subject_options {
    std::vector<std::string> values;
    std::string journals, run_id, session;
};

void print_outputs(const json::object& outputs, bool as_json) {
    if (as_json)
        std::cout << shown_json(outputs) << "\n";
    else
        for (const auto& [name, v] : outputs)
            std::cout << terminal{}.bold(visible_name(name)) << ": " << answer_text(v, false) << "\n";
}

// One run that survives: what it did is in its journal, whatever becomes of this process.
int run_durably(const run_command_options& o, const cli_program& own, json::object inputs) {
    check_names(subject{o, &own}.inputs(), inputs, "input");
    interruption watch;
    auto store = open_journals(o.journals, journal_access::create);
    runtime rt{runtime_options_for(store)};
    serve_program(rt, &own, {.lm = o.lm, .api_base = o.api_base, .saved = o.program, .adapter = o.adapter}, nullptr);
    auto id = rt.submit(program_name(own), std::move(inputs), o.run_id, o.session);
    if (!o.quiet) std::cerr << "run " << visible_name(id) << "\n";
    watch.lets_go(store, id);
    auto r = rt.resume(id);
    watch.over();
    if (r.outputs)
        print_outputs(*r.outputs, o.json);
    else
        complain(halted_text(r));
    return exit_code(r.status);
}

json::object inputs_from(const std::vector<std::string>& given) {
    json::object inputs;
    for (const auto& g : given) {
        auto at = g.find('=');
        if (at == g.npos || at == 0) throw misuse{"\"" + g + "\" is no input; write NAME=VALUE, as message=Hello"};
        inputs[g.substr(0, at)] = g.substr(at + 1);
    }
    return inputs;
}

// A conversation's history, and what may be null.
bool may_be_left_out(const module& root, const std::string& name) {
    for (const auto* p : predictors_of(root))
        if (const auto* f = p->signature().input(name); f && (f->shape.allows_null() || is_history(*f))) return true;
    return false;
}

struct one_call {
    const program_function& program;
    json::object inputs;
    task<json::object> forward(run& r) const { return program(r, inputs); }
};

// A misspelt input is told as that, before any model is asked.
json::object checked(const subject& s, json::object inputs) {
    check_names(s.inputs(), inputs, "input");
    for (const auto& name : s.inputs())
        if (!inputs.contains(name) && !may_be_left_out(s.root(), name))
            throw misuse{"the input `" + name + "` is missing; write " + name + "=VALUE"};
    return inputs;
}

// A line in, a line out, until the input ends. A store's tag is looked at before each, so that a new version is taken
// over at once.
int serve_lines(runtime& rt, run_options options, const subject& s, const run_command_options& o) {
    std::optional<program_store> store;
    std::string tag;
    std::uint64_t version = 0;
    if (auto at = o.program.rfind('@');
        at != o.program.npos &&
        std::filesystem::is_directory(std::filesystem::path{o.program.substr(0, at)} / "versions")) {
        store.emplace(o.program.substr(0, at));
        tag = o.program.substr(at + 1);
        version = store->number_of(tag);
    }
    bool good = true;
    for (std::string line; std::getline(std::cin, line);) {
        if (line.find_first_not_of(" \t\r") == line.npos) continue;
        json::object answer;
        try {
            if (store)
                if (auto now = store->number_of(tag); now != version) {
                    options.parameters = s.load_parameters(o.program, o.lm.empty());
                    version = now;
                    std::cerr << "now version " << now << "\n";
                }
            auto inputs = parse_json(line);
            if (!inputs || !inputs->is_object())
                answer = json::object{{"error", "this line is no JSON object of inputs"}};
            else
                answer = rt.run(options, one_call{s.call(), checked(s, std::move(inputs->get_object()))});
        } catch (const std::exception& e) {
            answer = json::object{{"error", e.what()}};
        }
        good = good && !answer.contains("error");
        std::cout << shown_json(answer) << std::endl;
    }
    return good ? 0 : 1;
}

int run_program(const run_command_options& o, const cli_program& own) {
    if (o.journals.empty() && !o.session.empty()) want_journals("--session", o.session);
    if (o.journals.empty() && !o.run_id.empty()) want_journals("--run-id", o.run_id);
    if (!o.journals.empty() || !o.session.empty() || !o.run_id.empty()) {
        if (o.values.empty()) throw misuse{"with --journals give the inputs as NAME=VALUE"};
        return run_durably(o, own, inputs_from(o.values));
    }
    subject s{o, &own};
    auto options = s.prepared(o);
    options.program = program_name(own);
    runtime rt{runtime_options_for()};
    if (o.values.empty()) return serve_lines(rt, std::move(options), s, o);
    json::object outputs = rt.run(std::move(options), one_call{s.call(), checked(s, inputs_from(o.values))});
    print_outputs(outputs, o.json);
    return 0;
}

}  // namespace

void add_run(CLI::App& app, command& chosen, const cli_program& own) {
    auto o = std::make_shared<run_command_options>();
    auto* c = app.add_subcommand("run", "Runs the program: once, or for every line of standard input");
    add_subject_options(*c, *o, &own);
    c->add_option("INPUT", o->values,
                  "NAME=VALUE for each input; none: a JSON object of inputs on each line of standard input, a JSON "
                  "object of outputs for each");
    c->add_option("--journals", o->journals,
                  "a durable run: its journal in this file of SQLite or postgresql://...; see `runs`. Exit code 3: it "
                  "waits for somebody")
        ->check(not_empty());
    c->add_option("--run-id", o->run_id, "id of the durable run; default: a random one")->check(new_id());
    c->add_option("--session", o->session,
                  "the durable run is the next turn of this conversation: its turns are the input `history`")
        ->check(new_id());
    c->callback([o, &chosen, &own] { chosen = [o, &own] { return run_program(*o, own); }; });
}

}  // namespace cli

int cli_main(int argc, char** argv, const cli_program& given) {
    cli_program program = given;
    CLI::App app{given.description.empty() ? "A program that is built with Reagent." : given.description};
    std::string name = argc > 0 ? argv[0] : "program";
    app.name(name.substr(name.rfind('/') + 1));
    if (program.name.empty()) program.name = app.get_name();
    app.require_subcommand(1);
    cli::command chosen;
    cli::add_run(app, chosen, program);
    cli::add_eval(app, chosen, &program);
    cli::add_compile(app, chosen, &program);
    cli::add_program(app, chosen);
    cli::add_traffic(app, chosen);
    cli::add_watch(app, chosen, &program);
    cli::add_runs(app, chosen, &program);
    cli::add_sessions(app, chosen);
    cli::add_trace(app, chosen);
    cli::add_ui(app, chosen);
    cli::add_serve(app, chosen, &program);
    return cli::run_commands(app, chosen, argc, argv);
}

}  // namespace reagent
