#include "interruption.hpp"
#include "live_view.hpp"
#include "runs.hpp"

#include <reagent/agents/code.hpp>
#include <reagent/agents/react.hpp>
#include <reagent/http/shown_url.hpp>
#include <reagent/lm/decorators.hpp>
#include <reagent/run/consent.hpp>
#include <reagent/run/runtime.hpp>
#include <reagent/schema/render.hpp>

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <boost/json.hpp>

#include <algorithm>
#include <iomanip>
#include <iostream>
#include <sstream>

namespace reagent::cli {
namespace {

struct ask_options {
    std::string question, agent = "react", tools = "calculator,time", lm, api_base, signature = "question -> answer",
                          adapter = "chat", types;
    std::vector<std::string> inputs, private_fields;
    std::size_t max_iters = 12;
    std::uint64_t max_tokens = 0;  // 0: the model's own
    double timeout = 300;
    std::string log_level = "off", journals, run_id, save_journal;
    bool json = false, quiet = false, native = false;
};

std::string summary(const run_report& r) {
    std::ostringstream s;
    s << std::fixed << std::setprecision(2) << static_cast<double>(r.duration.count()) / 1e6 << " s, " << r.usage.calls
      << (r.usage.calls == 1 ? " model call, " : " model calls, ") << r.usage.tokens() << " tokens";
    if (r.usage.cost) s << ", about $" << std::setprecision(4) << *r.usage.cost;
    return s.str();
}

// What names a durable run wants journals, those that the environment names at the least.
bool is_durable(const ask_options& o) {
    if (o.journals.empty() && !o.run_id.empty()) want_journals("--run-id", o.run_id);
    return !o.journals.empty() || !o.run_id.empty();
}

json::object inputs_of(const ask_options& o, const signature& s) {
    json::object inputs;
    for (const auto& given : o.inputs) {
        auto equals = given.find('=');
        if (equals == given.npos) throw std::runtime_error{"--input \"" + given + "\" is no NAME=VALUE"};
        std::string value = given.substr(equals + 1);
        if (value.starts_with("@@"))
            value.erase(0, 1);
        else if (value.starts_with('@'))
            value = text_of(value.substr(1));
        inputs[given.substr(0, equals)] = std::move(value);
    }
    std::vector<std::string> open;
    for (const auto& f : s.inputs)
        if (!inputs.contains(f.name)) open.push_back(f.name);
    if (open.size() == 1)
        inputs[open.front()] = o.question;
    else if (!open.empty())
        throw std::runtime_error{"the signature has " + std::to_string(s.inputs.size()) +
                                 " inputs; give all but one as --input NAME=VALUE"};
    for (auto& [name, v] : inputs) {
        const signature_field* f = s.input(name);
        if (!f) throw std::runtime_error{"the signature has no input \"" + std::string{name} + "\""};
        auto read = read_field(*f, v);
        if (!read) throw std::runtime_error{"input " + read.error().message};
        v = std::move(*read);
    }
    return inputs;
}

run_options options_of(const ask_options& o, const chosen_model& chosen, live_view& view) {
    run_options options{with_retries(chosen.model)};
    options.adapter = adapter_named(o.adapter);
    if (o.max_tokens) options.sampling.max_tokens = o.max_tokens;
    options.deadline = std::chrono::milliseconds{static_cast<long>(o.timeout * 1000)};
    options.private_fields = {o.private_fields.begin(), o.private_fields.end()};
    options.stream = !o.json && !o.quiet;
    if (options.stream) options.on_event = [&view](const run_event& e) { view(e); };
    options.program = ask_program;
    return options;
}

json::object result_json(const detail::react_result& result, const run_report& report, const signature& s,
                         const std::string& lm) {
    const json::object& outputs = result.outputs;
    auto text = [&](const char* name) { return outputs.contains(name) ? python_str(outputs.at(name)) : ""; };
    json::object all{{"outputs", json::object{}},
                     {"reasoning", s.output("reasoning") ? "" : text("reasoning")},
                     {"trajectory", to_json(result.trajectory)},
                     {"lm", lm},
                     {"usage", to_json(report.usage)},
                     {"usage_by_model", json::object{}},
                     {"seconds", static_cast<double>(report.duration.count()) / 1e6}};
    for (const auto& [model, used] : report.usage_by_model) all["usage_by_model"].as_object()[model] = to_json(used);
    for (const auto& f : s.outputs)
        all["outputs"].as_object()[f.name] = outputs.contains(f.name) ? outputs.at(f.name) : nullptr;
    return all;
}

// What the view has not shown while it was written.
void print_outputs(const json::object& outputs, const signature& s, const live_view& view, const terminal& t,
                   bool alone) {
    for (const auto& f : s.outputs) {
        if (view.has_shown(f.name) || !outputs.contains(f.name)) continue;
        std::cout << (s.outputs.size() == 1 ? "" : f.name + ": ") << t.bold(answer_text(outputs.at(f.name), alone))
                  << "\n";
    }
}

// As a durable run: it can be killed, and goes on with `reagent runs resume`.
int ask_durably(const ask_options& o, const chosen_model& chosen, run_options options, runtime_options with,
                json::object inputs, live_view& view, interruption& watch) {
    if (!o.types.empty())
        throw std::runtime_error{"--types is not kept with a durable run; leave out one of --types and --journals"};
    with.journals = open_journals(o.journals, journal_access::create);
    runtime rt{with};
    rt.serve(ask_program, ask_program_function(), std::move(options), stored_options());
    ask_setup setup{.signature = o.signature,
                    .tools = with_absolute_paths(o.tools),
                    .lm = chosen.model.name(),
                    .api_base = chosen.api_base,
                    .adapter = o.adapter,
                    .max_iters = o.max_iters,
                    .native = o.native,
                    .max_tokens = o.max_tokens,
                    .timeout = o.timeout,
                    .private_fields = o.private_fields};
    auto id = rt.submit(ask_program, setup.stored(std::move(inputs)), o.run_id);
    if (!o.quiet)
        std::cerr << terminal{true}.dim("run " + visible_name(id) + "; should it be interrupted: reagent runs resume " +
                                        shell_word(id) + with_journals(o.journals))
                  << std::endl;
    watch.lets_go(with.journals, id);
    auto r = rt.resume(id);
    watch.over();
    view.close();
    if (o.json)
        std::cout << shown_json(to_json(r)) << "\n";
    else if (r.outputs)
        print_outputs(*r.outputs, parse_signature(o.signature), view, terminal{}, o.quiet);
    else
        complain(halted_text(r));
    if (!o.save_journal.empty()) {  // the answer is out, whether or not there is room for its journal
        std::cout.flush();
        save_journal(o.save_journal, *load_journal(with.journals->records(id)).history,
                     {{"program", ask_program}, {"inputs", r.inputs}});
    }
    return exit_code(r.status);
}

void print_result(const outcome<detail::react_result>& result, const signature& s, live_view& view,
                  const std::string& model, bool quiet) {
    terminal t;
    view.close();
    if (!quiet &&
        std::none_of(s.outputs.begin(), s.outputs.end(), [&](const auto& f) { return view.has_shown(f.name); }))
        std::cout << "\n";
    print_outputs(result.value.outputs, s, view, t, quiet);
    if (!quiet) std::cout << t.dim(summary(result.report) + ", " + model) << "\n";
}

struct agent_program {
    const detail::react_core& agent;
    task<detail::react_result> forward(run& r, const json::object& in) const { return agent.run_loop(r, in, {}); }
};

struct code_program {
    const detail::code_core& agent;
    task<detail::code_result> forward(run& r, const json::object& in) const { return agent.run_loop(r, in, {}); }
};

json::object result_json(const detail::code_result& result, const run_report& report, const signature& s,
                         const std::string& lm) {
    json::object all = result_json(detail::react_result{result.outputs, {}}, report, s, lm);
    json::array steps;
    for (const auto& step : result.steps)
        steps.push_back(json::object{
            {"thought", step.thought}, {"code", step.code}, {"observation", step.observation}, {"cell", step.cell}});
    all.erase("trajectory");
    all["steps"] = std::move(steps);
    return all;
}

// The agents that write code.
int ask_in_code(const ask_options& o, const signature& s, const tools& offered, const chosen_model& chosen,
                const run_options& options, const runtime_options& with, const json::object& inputs, live_view& view) {
    using kind = detail::code_kind;
    code_options co;
    co.max_iters = o.max_iters;
    co.functions = offered;
    detail::code_core agent{o.agent == "rlm"       ? kind::recursive
                            : o.agent == "program" ? kind::program
                                                   : kind::act,
                            s, std::move(co)};
    runtime rt{with};
    auto result = rt.execute(options, code_program{agent}, inputs);
    if (o.json)
        std::cout << shown_json(result_json(result.value, result.report, s, chosen.model.name())) << "\n";
    else
        print_result({detail::react_result{result.value.outputs, {}}, result.report}, s, view, chosen.model.name(),
                     o.quiet);
    if (!o.save_journal.empty()) {
        std::cout.flush();
        save_journal(o.save_journal, *result.report.history, {{"program", "ask"}, {"inputs", inputs}});
    }
    return 0;
}

int ask_at_once(const ask_options& o, const signature& s, const tools& offered, const chosen_model& chosen,
                const run_options& options, const runtime_options& with, const json::object& inputs, live_view& view) {
    if (o.agent != "react") return ask_in_code(o, s, offered, chosen, options, with, inputs, view);
    detail::react_core agent{
        s, offered, {.max_iters = o.max_iters, .mode = o.native ? react_mode::native : react_mode::prompted}};
    runtime rt{with};
    tell_when_interrupted("nothing of it is kept. With --journals FILE a run can be interrupted and goes on");
    auto result = rt.execute(options, agent_program{agent}, inputs);
    tell_when_interrupted("");
    if (o.json)
        std::cout << shown_json(result_json(result.value, result.report, s, chosen.model.name())) << "\n";
    else
        print_result(result, s, view, chosen.model.name(), o.quiet);
    if (!o.save_journal.empty()) {
        std::cout.flush();
        save_journal(o.save_journal, *result.report.history, {{"program", "ask"}, {"inputs", inputs}});
    }
    return 0;
}

int ask(const ask_options& o) {
    const bool durable = is_durable(o);
    if (o.agent != "react" && (durable || o.native))
        throw misuse{"--agent " + o.agent + " has no --journals and no --native yet; --agent react --tools python has"};
    std::optional<interruption> watch;
    if (durable) watch.emplace();  // before anything has a thread, as telemetry has: signals would reach that
    if (!o.save_journal.empty()) {
        check_is_file("--save-journal", o.save_journal);
        check_folder("--save-journal", o.save_journal);
    }
    const signature s = parse_signature(o.signature, types_from(o.types));
    json::object inputs = inputs_of(o, s);
    const tools offered = tools_from(o.tools);
    check_private(o.private_fields, s, offered);
    auto chosen = choose_model(o.lm, o.api_base);
    if (!chosen.notice.empty() && !o.quiet)
        std::cerr << terminal{true}.dim("reagent: " + visible(chosen.notice)) << std::endl;
    live_view view{terminal{}, s};
    run_options options = options_of(o, chosen, view);
    runtime_options with = runtime_options_for();
    if (o.log_level != "off") {
        with.logger = spdlog::stderr_color_mt("reagent");
        with.logger->set_level(spdlog::level::from_str(o.log_level));
    }
    if (durable) return ask_durably(o, chosen, std::move(options), with, std::move(inputs), view, *watch);
    return ask_at_once(o, s, offered, chosen, options, with, inputs, view);
}

}  // namespace

void add_ask(CLI::App& app, command& chosen) {
    auto o = std::make_shared<ask_options>();
    auto* c = app.add_subcommand("ask", "Puts a question to an agent with tools");
    c->add_option("QUESTION", o->question, "what the agent is to answer")->required();
    c->add_option("--tools,-t", o->tools,
                  "tools, as calculator,sql:FILE,policy=FILE,docs:DIR,index:INDEX (see `reagent tools`); \"\" for none")
        ->capture_default_str();
    c->add_option("--agent", o->agent,
                  "react calls tools one by one; code writes cells of Python that call them; program writes one; rlm "
                  "works on inputs of any "
                  "size, which stay in the interpreter (--input document=@big.txt)")
        ->check(CLI::IsMember({"react", "code", "program", "rlm"}))
        ->capture_default_str();
    c->add_option("--lm", o->lm,
                  "language model, as openai/gpt-4o-mini, ollama/llama3.1 or offline/demo; default: $REAGENT_LM, a "
                  "provider whose key is "
                  "in the environment, a server on localhost, offline/demo");
    c->add_option("--api-base", o->api_base, "address of an OpenAI-compatible server, as http://127.0.0.1:8080/v1")
        ->check(not_empty());
    c->add_option("--signature,-s", o->signature, "what goes in and what comes out")->capture_default_str();
    c->add_option(
        "--input,-i", o->inputs,
        "NAME=VALUE of a further input of the signature; NAME=@FILE: its text; NAME=@@...: a value that begins with @");
    c->add_option("--types", o->types, "JSON file: type name to JSON Schema, for the signature");
    c->add_option("--adapter,-a", o->adapter, "chat, json or xml")
        ->check(CLI::IsMember({"chat", "json", "xml"}))
        ->capture_default_str();
    c->add_option("--max-iters", o->max_iters, "most steps that the agent may take")
        ->check(whole_number(1, 1000))
        ->capture_default_str();
    c->add_option("--max-tokens", o->max_tokens,
                  "most tokens of one answer of the model; default: the model's own limit")
        ->check(whole_number(1, 10'000'000));
    c->add_option("--timeout", o->timeout, "seconds until the run is given up")
        ->check(number(0.1, 86400))
        ->capture_default_str();
    c->add_option("--log-level", o->log_level,
                  "off, warn, info, debug or trace: lines of key=value on stderr; contents at trace only, without what "
                  "is private")
        ->check(CLI::IsMember({"off", "warn", "info", "debug", "trace"}))
        ->capture_default_str();
    c->add_option("--private", o->private_fields, "a field whose values stand in no log and no telemetry");
    c->add_option("--journals", o->journals,
                  "a durable run: its journal in this file of SQLite or postgresql://...; it can be killed and goes on "
                  "with `reagent runs resume`")
        ->check(not_empty());
    c->add_option("--run-id", o->run_id, "id of the durable run; default: a random one")->check(new_id());
    c->add_option("--save-journal", o->save_journal, "keep what happened in this file, for `reagent trace`")
        ->check(not_empty());
    c->add_flag("--native", o->native, "use the provider's own tool calling");
    c->add_flag("--json", o->json, "one JSON object on stdout: outputs, trajectory, usage");
    c->add_flag("--quiet,-q", o->quiet, "print nothing but the answer");
    c->footer(
        "Examples:\n"
        "  reagent ask \"What is 17% of 2,340 plus 12?\"\n"
        "  reagent ask \"How many orders came from Oslo?\" --tools calculator,sql:shop.db,docs:notes\n"
        "  reagent ask \"The ten best customers\" --tools sql:shop.db --signature \"question -> names: list[str]\" "
        "--json\n"
        "  reagent ask \"Hello\" --lm openai/llama3 --api-base http://127.0.0.1:8080/v1");
    c->callback([o, &chosen] { chosen = [o] { return ask(*o); }; });
}

}  // namespace reagent::cli
