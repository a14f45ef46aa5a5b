// Programs whose runs survive, as the commands serve them.
#include "runs.hpp"

#include <reagent/agents/react.hpp>
#include <reagent/http/shown_url.hpp>
#include <reagent/run/consent.hpp>

#include <boost/json.hpp>

#include <iostream>
#include <set>

namespace reagent::cli {
namespace {

std::string text_of(const json::object& o, const char* key, const char* otherwise = "") {
    auto* v = o.if_contains(key);
    return v && v->is_string() ? std::string{v->get_string()} : otherwise;
}

const std::set<std::string, std::less<>> set_up{"signature",     "tools",  "lm",         "api_base", "adapter",
                                                "max_iters",     "native", "max_tokens", "timeout",  "private",
                                                "history_tokens"};

// A stored turn holds how the agent was set up; a prompt shows what was said.
json::object turns_of(json::object history) {
    auto* messages = history.if_contains("messages");
    if (!messages || !messages->is_array()) return history;
    for (auto& m : messages->get_array()) {
        if (!m.is_object()) continue;
        json::object said;
        for (auto& [name, v] : m.get_object()) {
            if (name == "inputs" && v.is_object())
                for (auto& [input, given] : v.get_object()) said[input] = given;
            else if (!set_up.contains(name))
                said[name] = v;
        }
        m = std::move(said);
    }
    return history;
}

task<json::object> answer(run& r, json::object in) {
    auto* given = in.if_contains("inputs");
    auto* iters = in.if_contains("max_iters");
    auto* native = in.if_contains("native");
    json::object inputs;
    if (given && given->is_object()) inputs = given->get_object();
    react_options options;
    if (iters && iters->is_int64()) options.max_iters = static_cast<std::size_t>(iters->get_int64());
    if (native && native->is_bool() && native->get_bool()) options.mode = react_mode::native;
    signature s = parse_signature(text_of(in, "signature", "question -> answer"));
    if (auto* history = in.if_contains("history"); history && history->is_object())
        for (const auto& f : s.inputs)
            if (is_history(f)) inputs[f.name] = turns_of(history->get_object());
    const detail::react_core agent{s, tools_from(text_of(in, "tools")), options};
    auto result = co_await agent.run_loop(r, std::move(inputs), {});
    co_return std::move(result.outputs);
}

// A worker has one model, adapter and saved program: a run that began with others is not handed to it, with all that it
// has read.
program_function only_what_began_alike(program_function program, started_with mine, model_choice choice) {
    return [=](run& r, const json::object& inputs) {
        auto began = started_of(*choice.journals, choice.journals->get(r.id()));
        auto refuse = [](const std::string& its, const std::string& ours, const std::string& options) {
            throw misuse{"this run began with " + its + ", and this worker has " + ours + "; nothing was asked. " +
                         (options.empty() ? "Resume" : "Start a worker with " + options + ", or resume") +
                         " the run by itself: reagent runs resume"};
        };
        auto at = [](const std::string& address) { return address.empty() ? "" : " at " + address; };
        if (!choice.lm_told && ((!began.lm.empty() && began.lm != mine.lm) || began.api_base != mine.api_base))
            refuse(began.lm + at(began.api_base), mine.lm + at(mine.api_base),
                   began.api_base.empty() ? "--lm" : "--lm and --api-base");
        if (const auto tool = choice.tools ? tool_beyond(text_of(inputs, "tools"), *choice.tools) : ""; !tool.empty())
            refuse("the tool " + visible_name(tool), choice.tools->empty() ? "none" : "others", "--tools that has it");
        if (!began.adapter.empty() && began.adapter != mine.adapter)
            refuse("--adapter " + began.adapter, "the adapter " + mine.adapter, "");
        if (!choice.saved_told && !began.adapter.empty() && began.saved != mine.saved)  // older runs tell of neither
            refuse(began.saved.empty() ? "no saved program" : "--program " + shell_word(began.saved),
                   mine.saved.empty() ? "none" : shell_word(mine.saved), began.saved.empty() ? "" : "--program");
        return program(r, inputs);
    };
}

started_with read_started(const json::object& about) {
    return {text_of(about, "lm"), text_of(about, "api_base"), text_of(about, "adapter"), text_of(about, "program")};
}

// Fields and arguments by any name that a value of this run may have.
void add_names(const json::object& parameters, std::vector<std::string>& names) {
    for (const auto& [key, v] : parameters) {
        if (key == "properties" && v.is_object())
            for (const auto& [name, of] : v.get_object()) names.emplace_back(name);
        if (v.is_object()) add_names(v.get_object(), names);
    }
}

}  // namespace

program_function ask_program_function() {
    return [](run& r, const json::object& inputs) { return answer(r, inputs); };
}

void check_private(const std::vector<std::string>& given, const signature& s, const tools& all) {
    std::vector<std::string> names{"reasoning", "trajectory", "next_thought", "next_tool_name", "next_tool_args"};
    for (const auto* fields : {&s.inputs, &s.outputs})
        for (const auto& f : *fields) names.push_back(f.name);
    for (const auto& t : all.all()) add_names(t.parameters(), names);
    for (const auto& name : given) {
        if (std::find(names.begin(), names.end(), name) != names.end()) continue;
        auto near = did_you_mean(name, names);
        throw misuse{"--private " + shell_word(name) +
                     ": no field of the signature and no argument of a tool has that name" +
                     (near.empty() ? "" : "; did you mean `" + near + "`?")};
    }
}

json::object ask_setup::stored(json::object inputs) const {
    json::object program{{"inputs", std::move(inputs)}, {"signature", signature}, {"tools", tools},  {"lm", lm},
                         {"adapter", adapter},          {"max_iters", max_iters}, {"native", native}};
    if (!api_base.empty()) program["api_base"] = http::shown_url(api_base);
    if (max_tokens) program["max_tokens"] = max_tokens;
    if (timeout > 0) program["timeout"] = timeout;
    if (!private_fields.empty()) program["private"] = json::array(private_fields.begin(), private_fields.end());
    if (history_tokens) program["history_tokens"] = *history_tokens;
    return program;
}

runtime::options_of_inputs stored_options() {
    return [](run_options& o, const json::object& inputs) {
        auto number = [&](const char* key) -> std::optional<double> {
            auto* v = inputs.if_contains(key);
            if (!v) return {};
            if (!v->is_number())
                throw misuse{std::string{"this run was stored with a `"} + key + "` that is no number"};
            return v->to_number<double>();
        };
        if (auto tools = text_of(inputs, "tools"); with_absolute_paths(tools) != tools)
            std::cerr << terminal{true}.dim(
                             "reagent: this run is an older version's, which kept paths as they were given (" +
                             visible(tools) + "): they are read from the folder of this process")
                      << std::endl;
        o.adapter = adapter_named(text_of(inputs, "adapter", "chat"));
        if (auto n = number("max_tokens")) o.sampling.max_tokens = static_cast<std::uint64_t>(*n);
        if (auto seconds = number("timeout"))
            o.deadline = std::chrono::milliseconds{static_cast<std::int64_t>(*seconds * 1000)};
        if (auto n = number("history_tokens")) o.history.tokens = static_cast<std::size_t>(*n);
        if (auto* names = inputs.if_contains("private")) {
            // What is private and cannot be read protects nothing: the run does not go on.
            if (!names->is_array()) throw misuse{"this run was stored with a `private` that is no list of names"};
            for (const auto& name : names->get_array()) {
                if (!name.is_string()) throw misuse{"this run was stored with a `private` that is no list of names"};
                o.private_fields.emplace(std::string_view{name.get_string()});
            }
        }
    };
}

started_with started_of(journal_store& journals, const stored_run& of) {
    if (of.program == ask_program && of.inputs.contains("lm"))
        return {text_of(of.inputs, "lm"), text_of(of.inputs, "api_base"), "", ""};
    for (const auto& first : journals.page(of.id, 0, 1))  // by whom it was taken up for the first time
        if (auto* taken = std::get_if<run_taken>(&first.what.what)) return read_started(taken->about);
    return {};
}

// Parameters and passwords of an address are not stored.
model_choice as_started(journal_store& journals, const stored_run& of, model_choice choice) {
    auto began = started_of(journals, of);
    choice.adapter = began.adapter;
    if (choice.saved.empty()) choice.saved = began.saved;
    if (!choice.lm.empty()) return choice;
    choice.lm = began.lm;
    if (began.lm.empty() || !choice.api_base.empty()) return choice;
    if (began.api_base.find("(secret)") != began.api_base.npos)
        throw misuse{"run " + visible_name(of.id) + " was given the address " + began.api_base +
                     "; what is secret in it was not stored: give it again with --api-base"};
    choice.api_base = began.api_base;
    choice.address_is_stored = !began.api_base.empty();
    return choice;
}

std::string program_name(const cli_program& own) { return own.name.empty() ? "program" : own.name; }

namespace {

// @return whether the worker's key may go where it says; it is told where not
key_use key_for(const model_choice& choice) {
    if (!choice.address_is_stored) return key_use::sent;
    if (has_key_for(choice.lm))
        complain("the address " + visible(choice.api_base) +
                 " is the run's own: it is asked without your key; to send it there say --api-base " +
                 shell_word(choice.api_base));
    return key_use::withheld;
}

}  // namespace

void serve_program(runtime& rt, const cli_program* own, const model_choice& choice, const stored_run* of) {
    if (own) {
        subject_options o;
        o.lm = choice.lm;
        o.api_base = choice.api_base;
        o.key = key_for(choice);
        o.program = choice.saved;
        if (!choice.adapter.empty()) o.adapter = choice.adapter;
        subject s{o, own};
        auto options = s.prepared(o);
        options.consent_lifetime = choice.consent_lifetime;
        auto program =
            choice.journals ? only_what_began_alike(own->call, read_started(options.about), choice) : own->call;
        rt.serve(program_name(*own), std::move(program), std::move(options));
        return;
    }
    if (of && of->program != ask_program)
        throw misuse{"run " + visible_name(of->id) + " is one of the program \"" + visible(of->program) +
                     "\", which this tool does not have; run the program's own `runs resume` (cli_main), or "
                     "runtime::resume in your code"};
    auto chosen = choose_model(choice.lm, choice.api_base, key_for(choice));
    if (!chosen.notice.empty()) std::cerr << terminal{true}.dim("reagent: " + visible(chosen.notice)) << "\n";
    run_options options{with_retries(chosen.model)};
    options.consent_lifetime = choice.consent_lifetime;
    auto program = ask_program_function();
    if (choice.journals)
        program = only_what_began_alike(std::move(program),
                                        {chosen.model.name(), http::shown_url(chosen.api_base), "", ""}, choice);
    rt.serve(ask_program, std::move(program), std::move(options), stored_options());
}

}  // namespace reagent::cli
