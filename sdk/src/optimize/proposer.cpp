#include "proposer.hpp"
#include "numbers.hpp"

#include <reagent/module/parallel.hpp>
#include <reagent/schema/render.hpp>
#include <reagent/signature/signature.hpp>

#include "../base/text.hpp"

#include <boost/json.hpp>

#include <algorithm>

namespace reagent {
namespace {

std::string joined(const std::vector<std::string>& lines) {
    std::string text;
    for (const auto& l : lines) text += (text.empty() ? "- " : "\n- ") + l;
    return text;
}

struct proposal_prompt {
    signature how;
    json::object inputs;
};

proposal_prompt prompt_of(const proposal_ground& g) {
    proposal_prompt p;
    auto show = [&](const char* name, const char* description, const std::string& text) {
        if (text.empty()) return;
        p.how.inputs.push_back(make_field(name, "str", schema{json::object{{"type", "string"}}}, description));
        p.inputs[name] = text;
    };
    show("dataset_description", "what the data is like", g.data);
    show("program_description", "the whole program", g.program);
    show("module", "the step that the instructions are for", g.step);
    show("task_demos", "inputs and outputs of this step that went well", joined(g.demos));
    show("failed_examples", "examples that went wrong, with the reason", joined(g.failures));
    show("attempted_instructions", "what was tried, with its score, the best last", joined(g.attempts));
    show("basic_instruction", "the instructions as they are", g.instructions);
    show("tip", "how to write them", g.tip);
    p.how.outputs.push_back(make_field("proposed_instruction", "str", schema{json::object{{"type", "string"}}},
                                       "the new instructions, nothing else"));
    p.how.instructions =
        "Write better instructions for one step of a program whose steps are done by a language model. They are all "
        "that the model is told "
        "of "
        "its task besides its fields, so say what matters: the task, how to decide, what to avoid. Address what went "
        "wrong in the failed "
        "examples by rules that hold in general; name no single example's answer.";
    return p;
}

// One request, read in every completion.
struct proposal_call {
    proposal_ground ground;
    sampling how;
    std::uint64_t rollout;

    task<std::vector<std::string>> forward(run& r) const {
        auto prompt = prompt_of(ground);
        prompt_template t{r.options().adapter, prompt.how};
        lm_request request;
        request.messages = t.messages(prompt.inputs);
        request.sampling = how;
        request.rollout_id = rollout;
        lm_request one = request;
        one.sampling.n.reset();
        std::shared_ptr<const lm_response> response;
        try {
            response = co_await r.call_model("propose", {}, std::move(request));
        } catch (const lm_error& e) {
            if (!how.n || (e.code() != lm_errc::unsupported_option && e.code() != lm_errc::invalid_request)) throw;
        }
        if (!response) response = co_await r.call_model("propose", {}, std::move(one));
        std::vector<std::string> found, texts = response->alternatives;
        texts.insert(texts.begin(), response->text);
        for (const auto& text : texts)
            if (auto outputs = parse(r.options().adapter, prompt.how, text))
                found.push_back(
                    cleaned_proposal(std::string{std::string_view{outputs->at("proposed_instruction").as_string()}}));
        co_return found;
    }
};

void add_new(std::vector<std::string>& all, std::vector<std::string> more) {
    for (auto& m : more)
        if (!m.empty() && std::find(all.begin(), all.end(), m) == all.end()) all.push_back(std::move(m));
}

// All calls at once; one that fails costs its own proposals.
struct proposal_round {
    std::vector<proposal_call> calls;
    std::vector<std::vector<std::string>>& found;
    std::string& failure;

    task<void> forward(run& r) const {
        std::vector<std::size_t> order = in_order(calls.size());
        auto one = [this](run& own, std::size_t i) -> task<bool> {
            try {
                found[i] = co_await calls[i].forward(own);
            } catch (const run_error&) {
                throw;
            } catch (const error& e) {
                failure = e.what();
            }
            co_return true;
        };
        co_await parallel_map(r, std::move(order), one);
    }
};

std::vector<std::string> made_by(study& s, std::vector<proposal_call> calls, std::size_t* drawn = nullptr) {
    std::vector<std::vector<std::string>> found(calls.size());
    std::string failure;
    s.ask_prompt_model(proposal_round{std::move(calls), found, failure});
    if (!failure.empty()) s.tell("a proposal failed: " + failure);
    std::vector<std::string> all;
    if (drawn) *drawn = found.front().size();
    for (auto& f : found) add_new(all, std::move(f));
    return all;
}

}  // namespace

std::string cleaned_proposal(std::string text) {
    constexpr std::size_t longest_instructions = 6'000;
    auto strip = [&] {
        while (!text.empty() && std::string_view{" \n\r\t"}.find(text.back()) != std::string_view::npos)
            text.pop_back();
        text.erase(0, std::min(text.size(), text.find_first_not_of(" \n\r\t")));
    };
    strip();
    for (std::string_view fence : {"```", "\"\"\"", "\""})
        if (text.size() > 2 * fence.size() && text.starts_with(fence) && text.ends_with(fence))
            text = text.substr(fence.size(), text.size() - 2 * fence.size()), strip();
    for (std::string_view heading : {"Proposed Instruction:", "Instruction:", "Instructions:"})
        if (text.starts_with(heading)) text.erase(0, heading.size()), strip();
    // A proposal may quote the data that it was made from: nothing in it is a field of the prompt that it will stand
    // in.
    return escape_markers(cut(std::move(text), longest_instructions));
}

task<void> question_round::forward(run& r) const {
    parallel_options each;
    auto vary = [this](std::size_t i) {
        auto v = std::make_shared<variation>();
        v->rollout_id = draw + i;
        v->sampling.temperature = temperature;
        return std::shared_ptr<const variation>{std::move(v)};
    };
    each.vary = vary;
    auto one = [this](run& own, std::size_t i) -> task<bool> {
        try {
            co_await put(own, i);
        } catch (const run_error&) {
            throw;
        } catch (const std::exception& e) {
            failures[i] = e.what();
        }
        co_return true;
    };
    co_await parallel_map(r, in_order(failures.size()), one, std::move(each));
}

void tell_failures(study& s, const std::vector<std::string>& failures) {
    for (const auto& f : failures)
        if (!f.empty()) s.tell("a proposal failed: " + cut(f, 200));
}

std::vector<std::optional<json::object>> ask_all(study& s, const std::vector<prompt_question>& questions,
                                                 double temperature, std::uint64_t draw) {
    std::vector<std::optional<json::object>> found(questions.size());
    std::vector<std::string> failures(questions.size());
    if (questions.empty()) return found;
    auto put = [&](run& own, std::size_t i) -> task<void> {
        const predictor asked{questions[i].how};
        found[i] = co_await asked.call(own, questions[i].inputs);
    };
    s.ask_prompt_model(question_round{temperature, draw, failures, put});
    tell_failures(s, failures);
    return found;
}

std::vector<std::string> propose(study& s, std::vector<proposal_ground> grounds, double temperature,
                                 std::uint64_t rollout) {
    std::vector<proposal_call> calls;
    for (auto& g : grounds) calls.push_back({std::move(g), {.temperature = temperature}, ++rollout});
    return made_by(s, std::move(calls));
}

proposals propose_many(study& s, const proposal_ground& ground, std::size_t wanted, bool fill, double temperature,
                       std::uint64_t rollout) {
    proposals all;
    if (wanted == 0) return all;
    sampling several{.temperature = temperature};
    if (wanted > 1) several.n = wanted;
    std::size_t drawn = 0;
    add_new(all.texts, made_by(s, {{ground, several, ++rollout}}, &drawn));
    all.one_by_one = wanted > 1 && drawn <= 1;
    if (all.one_by_one && !fill) return all;
    std::vector<proposal_ground> more;
    for (std::size_t n = all.texts.size(); n < wanted; ++n) {
        auto& g = more.emplace_back(ground);
        g.tip = tip(n);
        for (const auto& known : all.texts) g.attempts.push_back(known + not_this_again);
    }
    if (!more.empty()) add_new(all.texts, propose(s, std::move(more), temperature, rollout));
    if (all.texts.size() > wanted) all.texts.resize(wanted);
    return all;
}

std::string summary_of_data(study& s) {
    constexpr std::size_t batch = 10, batches = 2;
    std::string observations, summary;
    struct question {
        std::string instructions;
        std::vector<std::pair<std::string, std::string>> inputs;
        std::string output;
        std::string& answer;
        task<void> forward(run& r) const {
            signature how;
            json::object values;
            for (const auto& [name, text] : inputs) {
                how.inputs.push_back(make_field(name, "str", schema{json::object{{"type", "string"}}}, ""));
                values[name] = text;
            }
            how.outputs.push_back(make_field(output, "str", schema{json::object{{"type", "string"}}}, ""));
            how.instructions = instructions;
            predictor p{how};
            json::object made = co_await p.call(r, std::move(values));
            answer = std::string_view{made.at(output).as_string()};
        }
    };
    auto order = in_order(s.train().size());
    dice random = s.random(501);
    random.shuffle(order);
    for (std::size_t b = 0; b < batches && b * batch < order.size(); ++b) {
        std::string shown;
        for (std::size_t i = b * batch; i < std::min(order.size(), (b + 1) * batch); ++i)
            shown += (shown.empty() ? "- " : "\n- ") + cut(dump_json(json::value(s.train()[order[i]].fields)), 600);
        std::vector<std::pair<std::string, std::string>> inputs{{"examples", shown}};
        if (!observations.empty()) inputs.emplace_back("prior_observations", observations);
        std::string found;
        s.ask_prompt_model(
            question{"Look at these examples of a dataset and write down what helps to do the task on others: topics, "
                     "formats, how "
                     "labels are decided, what is easily confused. Add to the prior observations, do not repeat them.",
                     inputs, "observations", found});
        if (!found.empty()) observations += (observations.empty() ? "" : "\n") + cut(found, 3'000);
    }
    if (observations.empty()) return {};
    s.ask_prompt_model(
        question{"Sum up these observations of a dataset in two or three sentences, the most useful first.",
                 {{"observations", observations}},
                 "summary",
                 summary});
    return cut(summary.empty() ? observations : summary, 2'000);
}

std::string described(const predictor& p) {
    return "`" + p.predictor_path() + "`: " + p.signature().text() +
           (p.shows_past() ? " (an agent's step; it sees the earlier ones)" : "");
}

std::string structure_of(study& s) {
    std::string text = s.predictors().size() == 1 ? "One step." : std::to_string(s.predictors().size()) + " steps:";
    for (const predictor* p : s.predictors())
        text += "\n- " + described(*p) + "\n  " + cut(p->open_instructions(s.start().find(p->predictor_path())), 400);
    return text;
}

std::vector<std::string> failures_in(const evaluation& e, const dataset& data, dice random) {
    std::vector<std::size_t> bad;
    for (std::size_t i = 0; i < e.rows.size(); ++i)
        if (!e.rows[i].error.empty() || e.rows[i].score < 1) bad.push_back(i);
    random.shuffle(bad);
    std::vector<std::string> shown;
    for (auto i : bad) {
        if (shown.size() == most_failures_shown) break;
        shown.push_back(described_failure(data[e.rows[i].index], e.rows[i]));
    }
    return shown;
}

std::vector<std::string> shown_demos(const std::vector<json::object>& demos, std::size_t most) {
    std::vector<std::string> all;
    for (const auto& d : demos) {
        if (all.size() == most) break;
        json::object shown = d;
        shown.erase("augmented");
        all.push_back(cut(dump_json(json::value(std::move(shown))), 600));
    }
    return all;
}

std::string tip(std::size_t n) {
    static const char* const tips[]{
        "",
        "Be inventive: look for an angle that the instructions so far do not take.",
        "Be short and plain; every word must earn its place.",
        "Be thorough: describe each possible output and what tells it from the others.",
        "Say what is at stake, so that the answer is made with care.",
        "Give the model a role that fits the task.",
        "Write it as a short list of rules, the most important first.",
    };
    return tips[n % std::size(tips)];
}

}  // namespace reagent
