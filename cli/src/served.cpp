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

const std::set<std::string, std::less<>> set_up{"signature", "tools", "lm", "api_base", "adapter", "max_iters", "native"};

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

// Parameters and passwords of an address are not stored.
std::string stored_address(const stored_run& of) {
    std::string address = text_of(of.inputs, "api_base");
    if (address.find("(secret)") != address.npos)
        throw misuse{"run " + visible_name(of.id) + " was given the address " + address +
                     "; what is secret in it was not stored: give it again with --api-base"};
    return address;
}

// A worker that was told no model has one: a run that began with another is not handed to it, with all that it has read.
program_function only_with_its_own_model(std::string lm, std::string api_base) {
    return [lm = std::move(lm), api_base = std::move(api_base)](run& r, const json::object& inputs) {
        auto theirs = text_of(inputs, "lm"), address = text_of(inputs, "api_base");
        if ((!theirs.empty() && theirs != lm) || address != api_base)
            throw misuse{"this run began with " + theirs + (address.empty() ? "" : " at " + address) + ", and this worker has " + lm +
                         (api_base.empty() ? "" : " at " + api_base) + "; nothing was asked. Start a worker with --lm" +
                         (address.empty() ? "" : " and --api-base") + ", or resume the run by itself: reagent runs resume"};
        return answer(r, inputs);
    };
}

}  // namespace

program_function ask_program_function() {
    return [](run& r, const json::object& inputs) { return answer(r, inputs); };
}

std::string program_name(const cli_program& own) { return own.name.empty() ? "program" : own.name; }

void serve_program(runtime& rt, const cli_program* own, const model_choice& choice, const stored_run* of) {
    if (own) {
        subject_options o;
        o.lm = choice.lm;
        o.api_base = choice.api_base;
        o.program = choice.saved;
        subject s{o, own};
        auto options = s.prepared(o);
        options.consent_lifetime = choice.consent_lifetime;
        rt.serve(program_name(*own), own->call, std::move(options));
        return;
    }
    if (of && of->program != ask_program)
        throw misuse{"run " + visible_name(of->id) + " is one of the program \"" + visible(of->program) +
                     "\", which this tool does not have; run the program's own `runs resume` (cli_main), or runtime::resume in your code"};
    std::string lm = choice.lm, api_base = choice.api_base;
    if (of && lm.empty()) {
        lm = text_of(of->inputs, "lm");
        if (api_base.empty()) api_base = stored_address(*of);
    }
    auto chosen = choose_model(lm, api_base);
    if (!chosen.notice.empty()) std::cerr << terminal{true}.dim("reagent: " + visible(chosen.notice)) << "\n";
    run_options options{with_retries(chosen.model)};
    options.consent_lifetime = choice.consent_lifetime;
    if (of) options.adapter = adapter_named(text_of(of->inputs, "adapter", "chat"));
    rt.serve(ask_program, !choice.told ? only_with_its_own_model(chosen.model.name(), http::shown_url(api_base)) : ask_program_function(),
             std::move(options));
}

}  // namespace reagent::cli
