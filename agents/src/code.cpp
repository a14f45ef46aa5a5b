#include <reagent/agents/code.hpp>

#include "code_prompts.hpp"
#include "react_parts.hpp"

#include <reagent/module/parallel.hpp>
#include <reagent/schema/render.hpp>

#include <boost/json.hpp>

namespace reagent::detail {
namespace {

further_fields fields_of(const code_step& s, std::size_t i) {
    const std::string n = std::to_string(i);
    further_fields fields;
    fields.emplace_back("thought_" + n, json::string(s.thought));
    fields.emplace_back("code_" + n, json::string(s.code));
    fields.emplace_back("observation_" + n, json::string(s.observation));
    return fields;
}

sandbox::host_result failed(const std::string& why) {
    sandbox::host_result r;
    r.failed = true;
    r.value = json::string(why);
    return r;
}

std::string one_line(const std::vector<violation>& all) {
    std::string text;
    for (const auto& [path, why] : all) text += (text.empty() ? "" : "; ") + path + " " + why;
    return text;
}

// By what the cell tells, so that one which the journal answered counts the same.
std::size_t llm_calls_of(const json::object& cell) {
    std::size_t n = 0;
    const auto* calls = cell.if_contains("calls");
    if (!calls || !calls->is_array()) return n;
    for (const auto& c : calls->get_array()) {
        const auto& o = c.as_object();
        const std::string_view name = o.at("name").as_string();
        if (name == "llm" || name == "rlm") ++n;
        if (name == "llm_batch" && o.contains("prompts")) n += o.at("prompts").to_number<std::size_t>();
    }
    return n;
}

const char* name_of_step(code_kind kind) { return kind == code_kind::program ? "write" : "act"; }

}  // namespace

// What one call of the program knows.
struct code_core::work {
    json::object inputs, told;  // given; and as prompts have them
    output_check accept;
    std::optional<interpreter> python{};
    std::vector<code_step> steps{};
    std::optional<json::object> outputs{};
    std::size_t llm_calls = 0;  // until the last cell's end
    std::size_t in_cell = 0;    // since
    growing_fields words{};
    std::size_t in_words = 0, shown_from = 0;

    growing_fields& shown() {
        for (; in_words < steps.size(); ++in_words) words.add(fields_of(steps[in_words], in_words));
        return words;
    }
    // The oldest step goes, where the context has no room for all.
    bool make_room() {
        if (shown_from + 1 >= steps.size()) return false;
        in_words = ++shown_from;
        words.clear();
        return true;
    }
};

code_core::extractor::extractor(module& parent, signature s)
    : module{parent, "extract"},
      predict{*this,
              "predict",
              std::move(s),
              true,
              {"\n\nBase it on the steps that follow the inputs as thought_0, code_0, observation_0 and so on.",
               {"trajectory"}}} {}

code_core::code_core(code_kind kind, const signature& s, code_options o)
    : kind_{kind},
      options_{std::move(o)},
      signature_{s},
      step_{*this, name_of_step(kind), code_step_signature(kind, s), true, code_standing(kind, s, options_)},
      extract_{*this, with_reasoning(told_signature(kind, s))} {
    complete();
}

code_core::code_core(module& parent, std::string name, code_kind kind, const signature& s, code_options o)
    : module{parent, std::move(name)},
      kind_{kind},
      options_{std::move(o)},
      signature_{s},
      step_{*this, name_of_step(kind), code_step_signature(kind, s), true, code_standing(kind, s, options_)},
      extract_{*this, with_reasoning(told_signature(kind, s))} {
    complete();
}

void code_core::complete() {
    for (const auto& t : options_.functions.all())
        for (const char* own : {"submit", "llm", "llm_batch", "rlm", "parallel", "show"})
            if (python_name(t.name()) == own)
                throw tool_error{tool_errc::duplicate_name, "an agent that writes code has a function `" +
                                                                std::string{own} +
                                                                "` of its own; give yours another name"};
    if (kind_ != code_kind::recursive) return;
    llm_ = std::make_unique<predictor>(*this, "llm", llm_signature());
    if (options_.depth < 2) return;
    code_options below = options_;
    --below.depth;
    sub_ = std::make_unique<code_core>(*this, "sub", code_kind::recursive, recursive_signature(), std::move(below));
}

task<sandbox::host_result> code_core::ask_sub(run& r, work& w, std::string prompt) const {
    if (w.llm_calls + w.in_cell >= options_.max_llm_calls)
        co_return failed("the budget of " + std::to_string(options_.max_llm_calls) +
                         " calls of the model is used up; go on without");
    ++w.in_cell;
    std::string wrong;
    try {
        call_options options;
        options.lm = options_.sub_lm;
        json::object inputs{{"prompt", prompt}};
        auto outputs = co_await llm_->call(r, std::move(inputs), std::move(options));
        sandbox::host_result result;
        result.value = outputs.at("response");
        co_return result;
    } catch (const lm_error& e) {
        if (e.code() != lm_errc::context_length && e.code() != lm_errc::content_filter) throw;
        wrong = e.what();
    } catch (const parse_error& e) {
        wrong = e.what();
    }
    co_return failed(wrong);
}

task<sandbox::host_result> code_core::ask_many(run& r, work& w, json::object arguments) const {
    const auto* prompts = arguments.if_contains("prompts");
    std::vector<std::string> all;
    if (prompts && prompts->is_array())
        for (const auto& p : prompts->get_array()) all.push_back(python_str(p));
    if (!prompts || !prompts->is_array()) co_return failed("llm_batch takes a list of prompts");
    auto each = [this, &w](run& own, const std::string& prompt) { return ask_sub(own, w, prompt); };
    auto answers = co_await parallel_map(r, std::move(all), each);
    sandbox::host_result result;
    json::array values;
    for (auto& a : answers) {
        if (a.failed) co_return a;
        values.push_back(std::move(a.value));
    }
    result.value = std::move(values);
    co_return result;
}

task<sandbox::host_result> code_core::recurse(run& r, work& w, json::object arguments) const {
    if (w.llm_calls + w.in_cell >= options_.max_llm_calls)
        co_return failed("the budget of calls is used up; go on without");
    ++w.in_cell;
    json::object inputs;
    for (const char* name : {"question", "context"}) {
        const auto* v = arguments.if_contains(name);
        inputs[name] = v ? python_str(*v) : "";
    }
    auto outputs = co_await sub_->call(r, std::move(inputs));
    sandbox::host_result result;
    result.value = outputs.at("answer");
    co_return result;
}

interpreter_setup code_core::setup_for(work& w) const {
    interpreter_setup s;
    s.functions = options_.functions;
    s.variables = w.inputs;
    s.path = step_.predictor_path();
    for (const auto& f : signature_.outputs) s.submits.push_back(f.name);
    if (kind_ != code_kind::recursive) return s;
    s.own.push_back({{"llm", {"prompt"}, "Asks a smaller model."}, [this, &w](run& r, json::object a) {
                         return ask_sub(r, w, a.contains("prompt") ? python_str(a.at("prompt")) : "");
                     }});
    s.own.push_back({{"llm_batch", {"prompts"}, "Asks a smaller model about several at once."},
                     [this, &w](run& r, json::object a) { return ask_many(r, w, std::move(a)); }});
    if (sub_)
        s.own.push_back({{"rlm", {"question", "context"}, "Asks an agent that works as this one."},
                         [this, &w](run& r, json::object a) { return recurse(r, w, std::move(a)); }});
    return s;
}

std::vector<violation> code_core::check(const json::object& given, json::object& read) const {
    std::vector<violation> wrong;
    for (const auto& f : signature_.outputs) {
        const auto* v = given.if_contains(f.name);
        if (!v || (v->is_null() && !f.shape.allows_null())) {
            wrong.push_back({f.name, "is missing"});
            continue;
        }
        if (f.kind == field_kind::text && v->is_structured()) {
            wrong.push_back({f.name, "expected text, got " + std::string{v->is_object() ? "a dict" : "a list"}});
            continue;
        }
        const json::value as_it_is =
            f.kind == field_kind::text && !v->is_string() ? json::value(json::string(python_str(*v))) : *v;
        auto one = stays_text(f, as_it_is) ? boost::system::result<json::value, parse_failure>{as_it_is}
                                           : read_field(f, as_it_is);
        if (one)
            read[f.name] = std::move(*one);
        else if (one.error().violations.empty())
            wrong.push_back({f.name, one.error().message});
        else
            for (const auto& w : one.error().violations) wrong.push_back(w);
    }
    return wrong;
}

// What the model is told of a submission; "": it is taken.
std::string code_core::judge_submission(const json::object& told, work& w) const {
    const auto* submitted = told.if_contains("submitted");
    if (!submitted || !submitted->is_object())
        return kind_ == code_kind::program && !told.contains("error") ? "The program did not call submit." : "-";
    json::object read;
    auto wrong = check(submitted->get_object(), read);
    if (wrong.empty() && w.accept) wrong = w.accept(read);
    if (!wrong.empty()) return "Not submitted: " + one_line(wrong) + ". Submit again what fits.";
    w.outputs = std::move(read);
    return {};
}

task<void> code_core::execute(run& r, work& w, code_step s) const {
    const std::string path = step_.predictor_path();
    json::value arguments = json::object{{"code", s.code}};
    r.notify({.kind = run_event::step, .path = path, .tool = "python", .arguments = &arguments, .thought = s.thought});
    if (kind_ == code_kind::program) w.python->forget();
    w.in_cell = 0;
    s.cell = co_await w.python->execute(r, s.code);
    w.llm_calls += llm_calls_of(s.cell);
    w.in_cell = 0;
    s.observation = cell_text(s.cell, options_.max_shown_bytes);
    const std::string judged = judge_submission(s.cell, w);
    if (!judged.empty() && judged != "-")
        s.observation = s.observation == "(nothing was printed)" ? judged : s.observation + "\n" + judged;
    if (w.outputs) s.observation = "Submitted.";
    json::value shown = json::string(s.observation);
    r.notify({.kind = run_event::observed,
              .path = path,
              .tool = "python",
              .arguments = &arguments,
              .result = &shown,
              .error = s.cell.contains("error") ? "failed" : ""});
    w.steps.push_back(std::move(s));
}

task<void> code_core::step(run& r, work& w) const {
    call_options options;
    options.steps = &w.shown();
    options.max_retries = std::min<std::size_t>(1, r.options().max_retries);
    json::object next;
    std::string unreadable;
    bool no_room = false;
    try {
        next = co_await step_.call(r, w.told, std::move(options));
    } catch (const parse_error& e) {
        unreadable = e.what();
    } catch (const lm_error& e) {
        no_room = e.code() == lm_errc::context_length && w.make_room();
        if (!no_room && !could_not_be_read(e)) throw;
        unreadable = e.what();
    }
    if (no_room) {
        r.notify({.kind = run_event::note,
                  .path = step_.predictor_path(),
                  .error = "the context is too long; the oldest step is left out"});
        co_return;
    }
    code_step s;
    if (unreadable.empty()) {
        s.thought = next["next_thought"].is_null() ? "" : python_str(next["next_thought"]);
        s.code = bare_code(python_str(next["next_code"]));
    }
    if (s.code.find_first_not_of(" \t\r\n") == s.code.npos) {
        s.observation =
            "Error: this step has no code that could be read. Write next_thought and next_code, each under its marker.";
        if (!unreadable.empty())
            r.notify({.kind = run_event::note, .path = step_.predictor_path(), .error = unreadable});
        w.steps.push_back(std::move(s));
        co_return;
    }
    co_await execute(r, w, std::move(s));
}

task<json::object> code_core::extract(run& r, work& w) const {
    for (;;) {
        call_options options;
        options.steps = &w.shown();
        options.accept = w.accept;
        try {
            co_return co_await extract_.predict.call(r, w.told, std::move(options));
        } catch (const lm_error& e) {
            if (e.code() != lm_errc::context_length || !w.make_room()) throw;
        }
    }
}

task<code_result> code_core::run_loop(run& r, json::object inputs, output_check accept) const {
    const auto owned = std::make_unique<work>();
    work& w = *owned;
    w.inputs = std::move(inputs);
    w.accept = std::move(accept);
    for (const auto& f : signature_.inputs)
        if (!w.inputs.contains(f.name))
            throw signature_error{signature_errc::missing_input, "input `" + f.name + "` is missing", 0, {}};
    if (kind_ == code_kind::recursive)
        w.told[variables_field] = described(w.inputs, options_.max_input_shown);
    else
        w.told = w.inputs;
    options_.functions.shown(r);
    w.python.emplace(options_.interpreters, setup_for(w));
    const auto most = options_.max_iters * 2;  // steps whose oldest had to go count too
    for (std::size_t tries = 0; !w.outputs && w.steps.size() < options_.max_iters && tries < most; ++tries)
        co_await step(r, w);
    if (!w.outputs) w.outputs = co_await extract(r, w);
    co_return code_result{std::move(*w.outputs), std::move(w.steps)};
}

task<json::object> code_core::call(run& r, json::object inputs) const {
    auto result = co_await run_loop(r, std::move(inputs), {});
    co_return std::move(result.outputs);
}

}  // namespace reagent::detail
