#include "described_tools.hpp"
#include "react_parts.hpp"
#include "written_calls.hpp"

#include <reagent/schema/render.hpp>

#include <boost/json.hpp>

#include <algorithm>

namespace reagent {

using detail::finish;
using detail::output_names;

namespace {

signature_field described(const char* name, const char* type, json::value shape, std::string description) {
    return make_field(name, type, schema{std::move(shape)}, std::move(description));
}

std::string tool_list(const std::vector<tool_description>& all, const signature& s) {
    std::string text;
    for (const auto& t : all) {
        // A description may hold what others wrote: a database's names and values, a server's words.
        text += "\n- " + t.name + ": " + escape_markers(t.description);
        const auto* properties =
            t.parameters.is_object() ? t.parameters.get_object().if_contains("properties") : nullptr;
        text += " Arguments: " + escape_markers(dump_json(properties ? *properties : t.parameters));
    }
    return text + "\n- finish: Ends the work, once you know enough to produce " + output_names(s) + ". Arguments: {}";
}

// Such an input would stand in the prompt as if it were a step.
void check_inputs(const signature& s) {
    for (const auto& f : s.inputs) {
        const auto last = f.name.find_last_of('_');
        const std::string_view kind = std::string_view{f.name}.substr(0, last == f.name.npos ? 0 : last);
        const bool is_numbered = last != f.name.npos && last + 1 < f.name.size() &&
                                 f.name.find_first_not_of("0123456789", last + 1) == f.name.npos;
        if (is_numbered && (kind == "thought" || kind == "tool_name" || kind == "tool_args" || kind == "observation"))
            throw tool_error{tool_errc::bad_argument_name, "an agent's steps are called as the input \"" + f.name +
                                                               "\"; give the input another name"};
    }
}

// Thought and arguments may be missing, so that a careless model costs a step and not the run.
signature step_signature(const signature& s, const tools& all) {
    signature step;
    step.inputs = s.inputs;
    std::string names;
    for (const auto& t : all.all()) names += t.name() + ", ";
    auto nullable = [](const char* type) {
        return json::value(
            json::object{{"anyOf", json::array{json::object{{"type", type}}, json::object{{"type", "null"}}}}});
    };
    step.outputs.push_back(described("next_thought", "str", nullable("string"), "what you know and what to do next"));
    step.outputs.push_back(
        described("next_tool_name", "str", json::object{{"type", "string"}}, "one of " + names + "finish"));
    step.outputs.push_back(
        described("next_tool_args", "dict[str, Any]",
                  json::object{{"anyOf", json::array{json::object{}, json::object{{"type", "null"}}}}},
                  "its arguments, as a JSON object"));
    step.outputs.back().kind = field_kind::arguments;
    step.instructions = s.instructions;
    return step;
}

// How to take a step and with which tools: holds for whatever instructions an optimizer finds.
standing_text step_standing(const signature& s, const tools& all, const standing_text::descriptions& changed = {}) {
    const auto shown = detail::described_with(all, changed);
    standing_text standing{
        "\n\nWork step by step: think, call one tool, look at its observation. Earlier steps follow the inputs as "
        "thought_0, tool_name_0, tool_args_0, observation_0 and so on.\nTools:" +
            tool_list(shown, s),
        {"next_tool_args", std::string{finish}}};
    for (const auto& t : shown) {
        standing.signs.push_back(t.name);
        standing.signs.push_back(escape_markers(t.description));
    }
    standing.parts = detail::own_descriptions(all);
    standing.with = [s, all](const standing_text::descriptions& other) { return step_standing(s, all, other); };
    return standing;
}

// What the last attempt at a step was refused for, where it was its arguments.
std::string wrong_arguments(const parse_error& e) {
    if (e.attempts().empty()) return {};
    for (const auto& [field, why] : e.attempts().back().violations)
        if (field == "next_tool_args") return why;
    return {};
}

// Whether what is not written could have been anything but nothing.
bool takes_arguments(const tool* t) {
    if (!t) return false;
    for (const auto& [key, v] : t->parameters()) {
        const std::string_view name = key;
        if (name == "properties" ? !v.is_object() || !v.get_object().empty()
                                 : name == "additionalProperties" && v != json::value(false))
            return true;
        for (const char* elsewhere : {"$ref", "allOf", "anyOf", "oneOf", "patternProperties", "if"})
            if (name == elsewhere) return true;
    }
    return false;
}

// Arguments in elements have no quotes: a number is one where the tool takes no text.
json::object values_for(const tool& t, json::object args) {
    auto* all = t.parameters().if_contains("properties");
    for (auto& [name, v] : args) {
        const auto* shape = all && all->is_object() ? all->get_object().if_contains(name) : nullptr;
        if (shape && v.is_string()) v = detail::parameter_value(v.get_string(), shape);
    }
    return args;
}

constexpr const char* extract_standing =
    "\n\nBase it on the steps that follow the inputs as thought_0, tool_name_0, tool_args_0, observation_0 and so on.";

}  // namespace

json::object to_json(const std::vector<react_step>& trajectory) {
    json::object o;
    for (std::size_t i = 0; i < trajectory.size(); ++i)
        for (auto& [name, value] : detail::fields_of(trajectory[i], i)) o[name] = std::move(value);
    return o;
}

namespace detail {

std::string output_names(const signature& s) {
    std::string text;
    for (const auto& f : s.outputs) text += (text.empty() ? "`" : ", `") + f.name + "`";
    return text;
}

further_fields fields_of(const react_step& step, std::size_t i) {
    std::string n = std::to_string(i);
    further_fields fields;
    fields.reserve(4);
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

std::optional<std::string> meant_tool(const std::string& name, const std::function<bool(const std::string&)>& is_tool) {
    if (is_tool(name)) return name;
    std::string bare = bare_name(std::string_view{name}.substr(0, name.find("<|")));
    if (is_tool(bare)) return bare;
    auto without_number = [](std::string text) {
        auto colon = text.rfind(':');
        const bool number = colon != text.npos && colon + 1 < text.size() &&
                            text.find_first_not_of("0123456789", colon + 1) == text.npos;
        return number ? text.substr(0, colon) : text;
    };
    for (std::string_view space : {"", "functions.", "tools.", "default_api."}) {
        if (!bare.starts_with(space)) continue;
        const std::string rest = bare.substr(space.size());
        if (is_tool(rest)) return rest;
        if (auto named = without_number(rest); is_tool(named)) return named;
    }
    return {};
}

bool is_finish(std::string_view name) {
    while (name.ends_with('.') || name.ends_with('!')) name.remove_suffix(1);
    const std::string bare = bare_name(name);
    auto same = [](char a, char b) { return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b; };
    return std::equal(bare.begin(), bare.end(), finish.begin(), finish.end(), same);
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

constexpr std::string_view end_of_shortened = " [...: the context has no room for more]";

std::string shortened(std::string text, std::size_t bytes) {
    if (text.size() <= bytes) return text;
    if (text.ends_with(end_of_shortened)) text.resize(text.size() - end_of_shortened.size());
    while (bytes > 0 && bytes < text.size() && (text[bytes] & 0xC0) == 0x80) --bytes;  // no character is cut in two
    text.resize(std::min(bytes, text.size()));
    return text + std::string{end_of_shortened};
}

namespace {

std::string as_text(const json::value& v) { return v.is_structured() ? dump_json(v) : python_str(v); }

std::size_t longest_value(const react_step& s) {
    return std::max({s.thought.size(), as_text(s.args).size(), as_text(s.observation).size()});
}

react_step shortened_step(react_step s, std::size_t bytes) {
    s.thought = shortened(std::move(s.thought), bytes);
    for (json::value* v : {&s.args, &s.observation})
        if (std::string text = as_text(*v); text.size() > bytes) *v = json::string(shortened(std::move(text), bytes));
    return s;
}

}  // namespace

growing_fields& react_core::progress::shown() {
    for (; told < steps.size(); ++told)
        in_words.add(fields_of(
            told == shown_from && most != std::string::npos ? shortened_step(steps[told], most) : steps[told], told));
    return in_words;
}

std::string react_core::progress::make_room() {
    if (steps.empty()) return {};
    const bool several = shown_from + 1 < steps.size();
    if (several) {
        ++shown_from;
        most = std::string::npos;
    } else {
        const std::size_t next = std::min(most, longest_value(steps.back())) / 2;
        if (next < least_shown) return {};
        most = next;
    }
    in_words.clear();
    told = shown_from;
    return several ? "the context is too long; the oldest step is left out of the prompt"
                   : "the context is too long; the last step is shortened in the prompt";
}

react_core::react_core(const signature& s, tools t, react_options o)
    : tools_{std::move(t)},
      options_{o},
      signature_{s},
      step_{*this, "react", step_signature(s, tools_), true, step_standing(s, tools_)},
      extract_{*this, with_reasoning(s), {extract_standing, {"trajectory"}}} {
    check_inputs(s);
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
    check_inputs(s);
    if (tools_.find(finish))
        throw tool_error{tool_errc::duplicate_name, "an agent has a tool `finish` of its own; give yours another name"};
}

task<react_result> react_core::run_loop(run& r, json::object inputs, output_check accept) const {
    progress p;
    tools_.shown(r);
    if (options_.mode == react_mode::native) {
        auto submitted = co_await native_loop(r, inputs, p, accept);
        if (submitted) co_return react_result{std::move(*submitted), std::move(p.steps)};
    } else
        co_await prompted_loop(r, inputs, p);
    json::object outputs = co_await extract(r, inputs, p, accept);
    co_return react_result{std::move(outputs), std::move(p.steps)};
}

task<json::object> react_core::call(run& r, json::object inputs) const {
    auto result = co_await run_loop(r, std::move(inputs), {});
    co_return std::move(result.outputs);
}

task<void> react_core::act(run& r, react_step& step, std::string wrong) const {
    const std::string& path = step_.predictor_path();
    r.notify(
        {.kind = run_event::step, .path = path, .tool = step.tool, .arguments = &step.args, .thought = step.thought});
    if (step.tool == finish) {
        step.failed = !(step.args.is_object() && step.args.get_object().empty());
        step.observation =
            step.failed ? "Error: `finish` takes no arguments; what was passed is ignored. Completed." : "Completed.";
    } else if (!wrong.empty() && tools_.find(step.tool)) {
        step.failed = true;
        step.observation =
            "Error: `" + step.tool + "` was not called: " + wrong + ". Call it again, with all of its arguments.";
    } else if (!step.args.is_object() && tools_.find(step.tool)) {
        step.failed = true;
        step.observation =
            "Error: `" + step.tool + "` was not called: its arguments are no JSON object. Write them as " +
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
        options.max_retries =
            std::min<std::size_t>(1, r.options().max_retries);  // a step that cannot be read is an observation too
        json::object next;
        std::string unreadable, why = "could not be read", shorter;
        try {
            next = co_await step_.call(r, inputs, std::move(options));
        } catch (const parse_error& e) {
            unreadable = e.what();
            if (unreadable.find("it was cut off by the limit of tokens") != unreadable.npos)
                why = "was cut off by the limit of tokens, and nothing of it was done; think shorter";
            else if (auto wrong = wrong_arguments(e); !wrong.empty())
                why = "was not taken: next_tool_args: " + escape_markers(std::move(wrong));
            else if (unreadable.find("the thinking has no end") != unreadable.npos)
                why = "was not taken: its thinking has no end";
        } catch (const lm_error& e) {
            if (e.code() == lm_errc::context_length)
                shorter = p.make_room();
            else if (could_not_be_read(e)) {
                unreadable = e.what();
                why = "was not taken: the server could not read it";
            }
            if (shorter.empty() && unreadable.empty()) throw;
        }
        if (!shorter.empty()) {
            r.notify({.kind = run_event::note, .path = step_.predictor_path(), .error = shorter});
            continue;
        }
        ++i;
        react_step step;
        if (!unreadable.empty()) {
            step.args = json::object{};
            step.failed = true;
            step.observation = "Error: this step " + why +
                               ". Write next_thought, next_tool_name and next_tool_args, each under its marker.";
            r.notify({.kind = run_event::note, .path = step_.predictor_path(), .error = unreadable});
            p.steps.push_back(std::move(step));
            continue;
        }
        auto text = [&](const char* name) { return next[name].is_null() ? std::string{} : python_str(next[name]); };
        step.thought = text("next_thought");
        step.tool = bare_name(text("next_tool_name"));
        if (auto meant = meant_tool(step.tool, [this](const std::string& n) { return tools_.find(n) || n == finish; }))
            step.tool = *meant;
        else if (is_finish(step.tool))
            step.tool = finish;
        step.args = std::move(next["next_tool_args"]);
        std::string wrong;
        if (step.args.is_null() || (step.args.is_string() && step.args.get_string().empty())) {
            step.args = json::object{};
            if (takes_arguments(tools_.find(step.tool)))
                wrong =
                    "this step has no next_tool_args; they must be written to be "
                    "meant, as `{}` where there are none";
        }
        const tool* called = tools_.find(step.tool);
        if (called && r.options().adapter == adapter::xml && step.args.is_object())
            step.args = values_for(*called, std::move(step.args.get_object()));
        const bool unknown = !called && step.tool != finish;
        co_await act(r, step, std::move(wrong));
        if (unknown && step.failed && step.observation.is_string())
            step.observation = std::string{step.observation.get_string()} + " `finish` ends the work.";
        p.steps.push_back(std::move(step));
        point_out_repetition(p.steps);
        if (p.steps.back().tool == finish) co_return;
    }
}

task<json::object> react_core::extract(run& r, const json::object& inputs, progress& p,
                                       const output_check& accept) const {
    for (;;) {
        call_options options;
        options.steps = &p.shown();
        options.accept = accept;
        std::string shorter;
        try {
            co_return co_await extract_.predict.call(r, inputs, std::move(options));
        } catch (const lm_error& e) {
            if (e.code() == lm_errc::context_length) shorter = p.make_room();
            if (shorter.empty()) throw;
        } catch (const parse_error& e) {
            // What the last step was refused for is why there was anything to extract.
            if (options_.mode != react_mode::native || p.steps.empty() || !p.steps.back().failed) throw;
            throw parse_error{e.code(),
                              std::string{e.what()} + "; the last step: " + python_str(p.steps.back().observation),
                              e.details().path, e.completion(), e.attempts()};
        }
        r.notify({.kind = run_event::note, .path = extract_.predict.predictor_path(), .error = shorter});
    }
}

}  // namespace detail
}  // namespace reagent
