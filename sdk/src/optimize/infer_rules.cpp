#include <reagent/optimize/simba.hpp>

#include <reagent/optimize/demonstrations.hpp>
#include <reagent/schema/render.hpp>

#include "../base/text.hpp"
#include "numbers.hpp"
#include "proposer.hpp"

#include <boost/json.hpp>

namespace reagent {
namespace {

constexpr std::size_t longest_examples = 24'000;  // bytes that a prompt shows

signature_field text_field(const char* name, const char* description) {
    return make_field(name, "str", schema{json::object{{"type", "string"}}}, description);
}

prompt_question rules_question(std::size_t rules, const predictor& p, const std::string& instructions,
                               const std::string& examples, const std::vector<std::string>& failures) {
    prompt_question q;
    q.how.instructions =
        "Induce at most " + std::to_string(rules) +
        " rules from these examples of a step that a language model does: short, precise, true of all of them, and of "
        "use "
        "for inputs that were not seen. Say what tells the outputs from each other and how they are written.";
    auto show = [&](const char* name, const char* description, const std::string& text) {
        q.how.inputs.push_back(text_field(name, description));
        q.inputs[name] = text;
    };
    show("module", "the step", described(p));
    show("basic_instruction", "its instructions", instructions);
    show("examples_text", "examples of it", examples);
    std::string wrong;
    for (const auto& f : failures) wrong += (wrong.empty() ? "- " : "\n- ") + f;
    if (!wrong.empty()) show("failed_examples", "what went wrong, with the reason", wrong);
    q.how.outputs.push_back(text_field("natural_language_rules", "the rules, a line each"));
    return q;
}

// The examples of the training data with the predictor's fields; those that it was demonstrated with, where the data
// does not label it.
std::string examples_for(study& s, const predictor& p, const parameters& with) {
    std::string text;
    auto add = [&](json::object demo) {
        demo.erase("augmented");
        const std::string line = "- " + cut(dump_json(json::value(std::move(demo))), 2'000) + "\n";
        if (text.size() + line.size() <= longest_examples) text += line;
    };
    for (const auto& e : s.train())
        if (auto demo = labeled_demo(p, e)) add(std::move(*demo));
    if (const auto* own = with.find(p.predictor_path()); text.empty() && own)
        for (const auto& d : own->demos) add(d);
    return text;
}

// Half of the training data, where there is no validation data.
void split_data(study& s) {
    if (!s.validation().empty() || s.train().size() < 2) return;
    const dataset all = s.train();
    const auto middle = all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2);
    s.use({all.begin(), middle}, {middle, all.end()});
}

class rules_search {
public:
    rules_search(study& s, const infer_rules_options& how)
        : s_{s}, how_{how}, data_{s.validation().empty() ? s.train() : s.validation()} {}

    void run() {
        offer("as it is", s_.start());
        const bootstrap_size size{how_.max_bootstrapped_demos, how_.max_labeled_demos,
                                  std::max<std::size_t>(1, how_.max_rounds), how_.metric_threshold};
        auto made = bootstrap_demos(s_, in_order(s_.train().size()), size, 301);
        const parameters base = with_demos(s_, made, size, 301);
        offer("demonstrations", base);
        if (is_full(*s_.best_score())) return;
        auto failures = std::move(made.failures);
        if (failures.size() > most_failures_shown) failures.resize(most_failures_shown);
        const std::size_t n = s_.predictors().size();
        const auto answers = ask_all(s_, questions(base, failures), how_.temperature, 1);
        for (std::size_t c = 0; c < how_.num_candidates && !is_full(*s_.best_score()); ++c) {
            parameters candidate = base;
            bool any = false;
            for (std::size_t p = 0; p < n; ++p) any |= append_rules(candidate, *s_.predictors()[p], answers[c * n + p]);
            if (any) offer("rules " + std::to_string(c + 1), candidate);
        }
    }

private:
    std::vector<prompt_question> questions(const parameters& base, const std::vector<std::string>& failures) {
        std::vector<prompt_question> all;
        for (std::size_t c = 0; c < how_.num_candidates; ++c)
            for (const predictor* p : s_.predictors())
                all.push_back(rules_question(how_.num_rules, *p, p->open_instructions(base.find(p->predictor_path())),
                                             examples_for(s_, *p, base), failures));
        return all;
    }

    static bool append_rules(parameters& candidate, const predictor& p, const std::optional<json::object>& answer) {
        if (!answer) return false;
        const std::string rules =
            cleaned_proposal(std::string{std::string_view{answer->at("natural_language_rules").as_string()}});
        if (rules.empty()) return false;
        auto& own = candidate.predictors[p.predictor_path()];
        own.instructions = p.open_instructions(&own) + "\n\nKeep to these rules:\n" + rules;
        return true;
    }

    void offer(const std::string& kind, const parameters& candidate) {
        const auto result = s_.race(data_, candidate);
        if (result.complete) s_.offer(candidate, result.seen);
        s_.note(json::object{{"kind", kind},
                             {"score", result.seen.score},
                             {"examples", result.seen.rows.size()},
                             {"complete", result.complete}});
        s_.tell(kind + ": " + python_float(result.seen.score) + (result.complete ? "" : ", clearly behind the best"));
    }

    study& s_;
    const infer_rules_options& how_;
    const dataset data_;
};

}  // namespace

optimizer::work infer_rules::plan(std::size_t predictors, std::size_t train, std::size_t validation) const {
    return {(how_.num_candidates + 2) * (validation ? validation : (train + 1) / 2) + train,
            how_.num_candidates * predictors};
}

void infer_rules::search(study& s) const {
    split_data(s);
    rules_search{s, how_}.run();
}

}  // namespace reagent
