#include <reagent/agents/react.hpp>

#include <reagent/module/parallel.hpp>
#include <reagent/schema/render.hpp>
#include <reagent/schema/repair.hpp>

#include <boost/json.hpp>

namespace reagent {
namespace {

constexpr std::string_view finish = "finish";

std::string output_names(const signature& s) {
    std::string text;
    for (const auto& f : s.outputs) text += (text.empty() ? "`" : ", `") + f.name + "`";
    return text;
}

signature_field described(const char* name, const char* type, json::value shape, std::string description) {
    return make_field(name, type, schema{std::move(shape)}, std::move(description));
}

std::string tool_list(const tools& all, const signature& s) {
    std::string text;
    for (const auto& t : all.all()) {
        json::object shown = t.parameters();
        // A description may hold what others wrote: a database's names and values, a server's words.
        text += "\n- " + t.name() + ": " + escape_markers(t.description());
        auto* properties = shown.if_contains("properties");
        text += " Arguments: " + escape_markers(properties ? dump_json(*properties) : dump_json(json::value(shown)));
    }
    return text + "\n- finish: Ends the work, once you know enough to produce " + output_names(s) + ". Arguments: {}";
}

// Thought and arguments may be missing, so that a careless model costs a step and not the run.
signature step_signature(const signature& s, const tools& all) {
    signature step;
    step.inputs = s.inputs;
    std::string names;
    for (const auto& t : all.all()) names += t.name() + ", ";
    auto nullable = [](const char* type) {
        return json::value(json::object{{"anyOf", json::array{json::object{{"type", type}}, json::object{{"type", "null"}}}}});
    };
    step.outputs.push_back(described("next_thought", "str", nullable("string"), "what you know and what to do next"));
    step.outputs.push_back(described("next_tool_name", "str", json::object{{"type", "string"}}, "one of " + names + "finish"));
    step.outputs.push_back(described("next_tool_args", "dict[str, Any]",
                                     json::object{{"anyOf", json::array{json::object{}, json::object{{"type", "null"}}}}},
                                     "its arguments, as a JSON object"));
    step.outputs.back().kind = field_kind::data;
    step.instructions = s.instructions;
    return step;
}

// How to take a step and with which tools: holds for whatever instructions an optimizer finds.
standing_text step_standing(const signature& s, const tools& all) {
    standing_text standing{
        "\n\nWork step by step: think, call one tool, look at its observation. Earlier steps follow the inputs as "
        "thought_0, tool_name_0, tool_args_0, observation_0 and so on.\nTools:" +
            tool_list(all, s),
        {"next_tool_args", std::string{finish}}};
    for (const auto& t : all.all()) {
        standing.signs.push_back(t.name());
        standing.signs.push_back(escape_markers(t.description()));
    }
    return standing;
}

constexpr const char* extract_standing =
    "\n\nBase it on the steps that follow the inputs as thought_0, tool_name_0, tool_args_0, observation_0 and so on.";

further_fields fields_of(const react_step& step, std::size_t i) {
    std::string n = std::to_string(i);
    further_fields fields;
    fields.emplace_back("thought_" + n, step.thought);
    fields.emplace_back("tool_name_" + n, step.tool);
    fields.emplace_back("tool_args_" + n, step.args);
    fields.emplace_back("observation_" + n, step.observation);
    return fields;
}

std::string bare_name(std::string_view text) {
    while (!text.empty() && std::string_view{" \t\r\n`'\"*"}.find(text.front()) != text.npos) text.remove_prefix(1);
    while (!text.empty() && std::string_view{" \t\r\n`'\"*"}.find(text.back()) != text.npos) text.remove_suffix(1);
    if (text.ends_with("()")) text.remove_suffix(2);
    return std::string{text};
}

// Arguments as the model wrote them: JSON, or what can be repaired to it; else its text.
json::value arguments_of(const std::string& text) {
    if (text.find_first_not_of(" \t\r\n") == text.npos) return json::object{};
    json::value v = repair_json(text);
    return v.is_object() ? v : json::value(json::string(text));
}

// What a round of native tool calling comes to, for traces and feedback.
json::object round_outputs(const lm_response& response) {
    json::array calls;
    for (const auto& c : response.tool_calls) calls.push_back(json::object{{"name", c.name}, {"arguments", c.arguments}});
    return {{"text", response.text}, {"tool_calls", std::move(calls)}};
}

std::string words_of(const std::vector<message>& messages) {
    lm_request all;
    all.messages = messages;
    return dump_json(to_json(all));
}

// A model that runs in circles is told so.
void point_out_repetition(std::vector<react_step>& steps) {
    std::size_t same = 1;
    while (same < steps.size()) {
        const auto& a = steps[steps.size() - 1 - same];
        const auto& last = steps.back();
        if (a.tool != last.tool || a.args != last.args) break;
        ++same;
    }
    if (same < 3 || steps.back().tool == finish) return;
    auto& o = steps.back().observation;
    std::string text = o.is_structured() ? dump_json(o) : python_str(o);
    o = text + "\n[You have made this call " + std::to_string(same) +
        " times in a row; it will not help to make it again. Do something else, or finish.]";
}

}  // namespace

json::object to_json(const std::vector<react_step>& trajectory) {
    json::object o;
    for (std::size_t i = 0; i < trajectory.size(); ++i)
        for (auto& [name, value] : fields_of(trajectory[i], i)) o[name] = std::move(value);
    return o;
}

namespace detail {

struct react_core::progress {
    std::vector<react_step> steps;
    std::size_t shown_from = 0;  // earlier steps were dropped from the prompt because the context was too long

    growing_fields& shown() {
        for (; told < steps.size(); ++told) in_words.add(fields_of(steps[told], told));
        return in_words;
    }
    void leave_out_oldest() {
        in_words.clear();
        told = ++shown_from;
    }

private:
    growing_fields in_words;
    std::size_t told = 0;
};

react_core::react_core(const signature& s, tools t, react_options o)
    : tools_{std::move(t)},
      options_{o},
      signature_{s},
      step_{*this, "react", step_signature(s, tools_), true, step_standing(s, tools_)},
      extract_{*this, with_reasoning(s), {extract_standing, {"trajectory"}}} {
    if (tools_.find(finish))
        throw tool_error{tool_errc::duplicate_name, "an agent has a tool `finish` of its own; give yours another name"};
}

react_core::react_core(module& parent, std::string name, const signature& s, tools t, react_options o)
    : module{parent, std::move(name)},
      tools_{std::move(t)},
      options_{o},
      signature_{s},
      step_{*this, "react", step_signature(s, tools_), true, step_standing(s, tools_)},
      extract_{*this, with_reasoning(s), {extract_standing, {"trajectory"}}} {
    if (tools_.find(finish))
        throw tool_error{tool_errc::duplicate_name, "an agent has a tool `finish` of its own; give yours another name"};
}

task<react_result> react_core::run_loop(run& r, json::object inputs, output_check accept) const {
    progress p;
    if (options_.mode == react_mode::native)
        co_await native_loop(r, inputs, p);
    else
        co_await prompted_loop(r, inputs, p);
    json::object outputs = co_await extract(r, inputs, p, accept);
    co_return react_result{std::move(outputs), std::move(p.steps)};
}

task<json::object> react_core::call(run& r, json::object inputs) const {
    auto result = co_await run_loop(r, std::move(inputs), {});
    co_return std::move(result.outputs);
}

task<void> react_core::act(run& r, react_step& step) const {
    const std::string& path = step_.predictor_path();
    r.notify({.kind = run_event::step, .path = path, .tool = step.tool, .arguments = &step.args, .thought = step.thought});
    if (step.tool == finish) {
        step.failed = !(step.args.is_object() && step.args.get_object().empty());
        step.observation = step.failed ? "Error: `finish` takes no arguments; what was passed is ignored. Completed." : "Completed.";
    } else if (!step.args.is_object() && tools_.find(step.tool)) {
        step.failed = true;
        step.observation = "Error: `" + step.tool + "` was not called: its arguments are no JSON object. Write them as " +
                           dump_json(tools_.find(step.tool)->parameters()) + " describes, for example {\"name\": \"value\"}.";
    } else {
        json::value args = json::object{};
        if (step.args.is_object()) args = step.args;
        observation o = co_await tools_.call(r, path, step.tool, std::move(args));
        step.observation = std::move(o.value);
        step.failed = o.failed;
        if (o.arguments) step.args = std::move(*o.arguments);  // what happened, not what was proposed
    }
    r.notify({.kind = run_event::observed,
              .path = path,
              .tool = step.tool,
              .arguments = &step.args,
              .result = &step.observation,
              .error = step.failed ? "failed" : ""});
}

task<void> react_core::prompted_loop(run& r, const json::object& inputs, progress& p) const {
    for (std::size_t i = 0; i < options_.max_iters;) {
        call_options options;
        options.steps = &p.shown();
        options.max_retries = std::min<std::size_t>(1, r.options().max_retries);  // a step that cannot be read is an observation too
        json::object next;
        std::string unreadable;
        bool too_long = false;
        try {
            next = co_await step_.call(r, inputs, std::move(options));
        } catch (const parse_error& e) {
            unreadable = e.what();
        } catch (const lm_error& e) {
            if (e.code() != lm_errc::context_length || p.shown_from + 1 >= p.steps.size()) throw;
            too_long = true;
        }
        if (too_long) {
            p.leave_out_oldest();
            r.notify({.kind = run_event::note,
                      .path = step_.predictor_path(),
                      .error = "the context is too long; the oldest step is left out of the prompt"});
            continue;
        }
        ++i;
        react_step step;
        if (!unreadable.empty()) {
            step.args = json::object{};
            step.failed = true;
            step.observation =
                "Error: this step could not be read. Write next_thought, next_tool_name and next_tool_args, each under its marker.";
            r.notify({.kind = run_event::note, .path = step_.predictor_path(), .error = unreadable});
            p.steps.push_back(std::move(step));
            continue;
        }
        auto text = [&](const char* name) { return next[name].is_null() ? std::string{} : python_str(next[name]); };
        step.thought = text("next_thought");
        step.tool = bare_name(text("next_tool_name"));
        step.args = std::move(next["next_tool_args"]);
        if (step.args.is_null() || (step.args.is_string() && step.args.get_string().empty())) step.args = json::object{};
        co_await act(r, step);
        p.steps.push_back(std::move(step));
        point_out_repetition(p.steps);
        if (p.steps.back().tool == finish) co_return;
    }
}

task<void> react_core::native_loop(run& r, const json::object& inputs, progress& p) const {
    std::vector<tool_description> offered = tools_.describe();
    for (auto& t : offered) t.description = escape_markers(std::move(t.description));
    offered.push_back({std::string{finish}, "Ends the work, once you know enough to produce " + output_names(signature_) + ".",
                       json::object{{"type", "object"}, {"properties", json::object{}}}});
    const std::string path = step_.predictor_path();
    const auto* own = r.parameters() ? r.parameters()->find(path) : nullptr;
    const auto& written = own && own->instructions ? *own->instructions : signature_.instructions;
    std::vector<message> opening{{role::system, written + "\n\nCall tools to find out what you need; call `finish` once you can produce " +
                                                    output_names(signature_) + "."}};
    for (auto& m : history_messages(r.options().adapter, signature_, inputs)) opening.push_back(std::move(m));
    further_fields given;
    for (const auto& f : signature_.inputs)
        if (const auto* v = is_history(f) ? nullptr : inputs.if_contains(f.name))
            given.emplace_back(f.name, json::value(json::string(format_value(f, *v))));
    opening.push_back({role::user, format_further(r.options().adapter, given)});

    std::function<void(const lm_event&)> on_event;
    if (r.options().stream && r.options().on_event)
        on_event = [&r, &path](const lm_event& e) {
            if (e.kind == lm_event::text || e.kind == lm_event::reasoning)
                r.notify({.kind = run_event::piece,
                          .path = path,
                          .field = e.kind == lm_event::text ? "next_thought" : "",
                          .text = e.text_piece});
        };
    std::vector<std::vector<message>> rounds;  // each an assistant's calls with their results
    std::string begin = words_of(opening);
    for (const auto& t : offered) begin += "|" + t.name;
    begin = chained_digest({}, begin);
    std::string so_far = begin;  // what a request is known by, without making it
    for (std::size_t i = 0; i < options_.max_iters;) {
        const auto begun = r.begin_call(path);
        r.mark_private(path, signature_, inputs);
        std::vector<message> told;
        if (begun.earlier)
            for (const auto& f : *begun.earlier)
                told.push_back({role::user, "At this point you answered: " + escape_markers(dump_json(json::value(f.outputs))) +
                                                "\nThat was not accepted: " + escape_markers(f.message) + "\nDo it differently."});
        if (!begun.advice.empty()) told.push_back({role::user, "Advice: " + escape_markers(begun.advice)});
        std::function<lm_request()> make = [&] {
            lm_request request;
            request.messages = opening;
            for (const auto& round : rounds) request.messages.insert(request.messages.end(), round.begin(), round.end());
            request.messages.insert(request.messages.end(), told.begin(), told.end());
            request.tools = offered;
            if (own) request.sampling = own->sampling;
            return request;
        };
        std::string fingerprint = told.empty() ? so_far : chained_digest(so_far, words_of(told));
        language_model model;  // named: g++ 12 evaluates both sides of a `?:` inside of a co_await expression
        if (own) model = own->lm;
        std::shared_ptr<const lm_response> response;
        try {
            response = co_await r.call_model(path, model, std::move(make), std::move(fingerprint), on_event);
        } catch (const lm_error& e) {
            if (e.code() != lm_errc::context_length || rounds.size() < 2) throw;
        }
        if (!response) {
            rounds.erase(rounds.begin());
            so_far = begin;
            for (const auto& round : rounds) so_far = chained_digest(so_far, words_of(round));
            r.notify(
                {.kind = run_event::note, .path = path, .error = "the context is too long; the oldest step is left out of the prompt"});
            continue;
        }
        ++i;
        r.finish_call(step_, begun, inputs, round_outputs(*response), p.shown().trajectory());
        std::vector<react_step> steps;
        for (const auto& c : response->tool_calls)
            steps.push_back({steps.empty() ? response->text : std::string{}, c.name, arguments_of(c.arguments), {}, false});
        if (steps.empty()) steps.push_back({response->text, std::string{finish}, json::object{}, {}, false});  // no call: the model is done
        if (steps.size() == 1)
            co_await act(r, steps.front());
        else {
            std::vector<std::string> together;
            for (const auto& s : steps) together.push_back(s.tool);
            tools_.announce(r, together);
            std::vector<std::size_t> order(steps.size());
            for (std::size_t k = 0; k < order.size(); ++k) order[k] = k;
            auto one = [&](run& branch, std::size_t k) -> task<bool> {
                co_await act(branch, steps[k]);
                co_return true;
            };
            co_await parallel_map(r, order, one);
        }
        std::vector<message> round{{role::assistant, response->text, response->tool_calls}};
        round.front().reasoning_blocks = response->reasoning_blocks;
        for (std::size_t k = 0; k < response->tool_calls.size(); ++k)
            if (steps[k].args != arguments_of(response->tool_calls[k].arguments))  // whoever approved it gave others
                round.front().tool_calls[k].arguments = json::serialize(steps[k].args);
        bool finished = false;
        for (std::size_t k = 0; k < steps.size(); ++k) {
            finished = finished || steps[k].tool == finish;
            p.steps.push_back(std::move(steps[k]));
            point_out_repetition(p.steps);
            const auto& o = p.steps.back().observation;
            if (k < response->tool_calls.size())
                round.push_back(
                    {role::tool, escape_markers(o.is_structured() ? dump_json(o) : python_str(o)), {}, response->tool_calls[k].id});
        }
        if (finished) co_return;
        so_far = chained_digest(so_far, words_of(round));
        rounds.push_back(std::move(round));
    }
}

task<json::object> react_core::extract(run& r, const json::object& inputs, progress& p, const output_check& accept) const {
    for (;;) {
        call_options options;
        options.steps = &p.shown();
        options.accept = accept;
        try {
            co_return co_await extract_.predict.call(r, inputs, std::move(options));
        } catch (const lm_error& e) {
            if (e.code() != lm_errc::context_length || p.shown_from + 1 >= p.steps.size()) throw;
        }
        p.leave_out_oldest();
        r.notify({.kind = run_event::note,
                  .path = extract_.predict.predictor_path(),
                  .error = "the context is too long; the oldest step is left out of the prompt"});
    }
}

}  // namespace detail
}  // namespace reagent
