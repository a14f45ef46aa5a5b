#include <reagent/optimize/optimizers.hpp>

#include <reagent/error.hpp>
#include <reagent/optimize/automatic.hpp>
#include <reagent/optimize/gepa.hpp>
#include <reagent/optimize/instructions.hpp>
#include <reagent/optimize/simba.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <stdexcept>

namespace reagent {
namespace {

double number(std::string_view name, const std::string& text, const setting_range& range) {
    double value = 0;
    auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (ec != std::errc{} || end != text.data() + text.size() || !std::isfinite(value))
        throw std::invalid_argument{std::string{name} + " must be a number, not \"" + text + "\""};
    if (value < range.from || value > range.to)
        throw std::invalid_argument{std::string{name} + " must be from " + detail::shown_setting(range.from) + " to " +
                                    detail::shown_setting(range.to) + ", not " + text};
    return value;
}

std::string joined(const std::vector<std::string>& words) {
    std::string list;
    for (const auto& w : words) list += (list.empty() ? "" : ", ") + w;
    return list;
}

[[noreturn]] void unknown(const std::string& what, std::string_view name, const std::vector<std::string>& known) {
    auto near = did_you_mean(name, known);
    throw std::invalid_argument{what + " `" + std::string{name} + "`" +
                                (near.empty() ? "" : "; did you mean `" + near + "`?") +
                                (known.empty() ? " It has none" : " There are: " + joined(known))};
}

bool is_name(std::string_view name) {
    return !name.empty() && std::all_of(name.begin(), name.end(),
                                        [](unsigned char c) { return c == '_' || c == '-' || std::isalnum(c); });
}

template <class Options>
settings<Options> bootstrap_settings() {
    return settings<Options>{}
        .add("max_bootstrapped_demos", &Options::max_bootstrapped_demos,
             "demonstrations made from runs that the metric passed")
        .add("max_labeled_demos", &Options::max_labeled_demos, "together with those")
        .add("max_rounds", &Options::max_rounds, "tries of an example, each with an answer of its own from the model")
        .add("metric_threshold", &Options::metric_threshold, "a run passes from here on; default: any score above 0");
}

settings<mipro_options> mipro_settings() {
    using o = mipro_options;
    auto effort = [](o& how, const std::string& text) {
        const std::pair<const char*, std::optional<mipro_effort>> known[]{{"light", mipro_effort::light},
                                                                          {"medium", mipro_effort::medium},
                                                                          {"heavy", mipro_effort::heavy},
                                                                          {"none", std::nullopt},
                                                                          {"None", std::nullopt}};
        for (const auto& [name, value] : known)
            if (text == name) {
                how.effort = value;
                return;
            }
        throw std::invalid_argument{"auto must be light, medium, heavy or none"};
    };
    return settings<o>{}
        .add("auto", effort, "how much to try: light, medium, heavy; none: as num_candidates and num_trials say",
             "light")
        .add("num_candidates", &o::num_candidates, "instructions, and sets of demonstrations")
        .add("num_trials", &o::num_trials, "combinations of them that are scored")
        .add("max_bootstrapped_demos", &o::max_bootstrapped_demos, "both 0: instructions only")
        .add("max_labeled_demos", &o::max_labeled_demos, "together with those")
        .add("nearest", &o::nearest, "demonstrations of one set more, chosen for each call; 0: none", {0, 1'000})
        .add("metric_threshold", &o::metric_threshold, "a run passes from here on; default: any score above 0")
        .add("minibatch", &o::minibatch, "trials on a part of the validation set")
        .add("minibatch_size", &o::minibatch_size, "examples of such a part", {1, 100'000})
        .add("minibatch_full_eval_steps", &o::minibatch_full_eval_steps, "trials between scores on the whole set")
        .add("init_temperature", &o::init_temperature, "of the proposals", {0, 10});
}

settings<gepa_options> gepa_settings() {
    using o = gepa_options;
    auto effort = [](o& how, const std::string& text) {
        const std::pair<const char*, gepa_effort> known[]{
            {"light", gepa_effort::light}, {"medium", gepa_effort::medium}, {"heavy", gepa_effort::heavy}};
        for (const auto& [name, value] : known)
            if (text == name) {
                how.effort = value;
                return;
            }
        throw std::invalid_argument{"auto must be light, medium or heavy"};
    };
    auto turns = [](o& how, const std::string& text) {
        if (text != "round_robin" && text != "all")
            throw std::invalid_argument{"component_selector must be round_robin or all"};
        how.all_components = text == "all";
    };
    auto part = [](bool component_choice::*which) {
        return
            [which](o& how, const std::string& text) { detail::read_setting("this", text, how.components.*which, {}); };
    };
    return settings<o>{}
        .add("auto", effort, "how much to try: light, medium, heavy", "light")
        .add("max_metric_calls", &o::max_metric_calls, "runs of the program that are scored; instead of auto", {1, 1e7})
        .add("max_full_evals", &o::max_full_evals, "times all examples; instead of auto", {1, 1e5})
        .add("reflection_minibatch_size", &o::reflection_minibatch_size,
             "examples that parent and child are compared on first", {1, 1'000})
        .add("proposals_at_once", &o::proposals_at_once, "children made side by side", {1, 100})
        .add("component_selector", turns, "round_robin: texts in turn; all: each child with all of them new",
             "round_robin")
        .add("instructions", part(&component_choice::instructions), "rewrite instructions", "true")
        .add("tools", part(&component_choice::tools), "rewrite descriptions of tools", "true")
        .add("arguments", part(&component_choice::arguments), "rewrite descriptions of tools' arguments", "false")
        .add("fields", part(&component_choice::fields), "rewrite descriptions of fields", "false")
        .add("skip_perfect_score", &o::skip_perfect_score, "no reflection on a minibatch that went well")
        .add("temperature", &o::temperature, "of the proposals", {0, 10})
        .add("use_merge", &o::use_merge, "merge lineages that changed different texts")
        .add("max_merge_invocations", &o::max_merge_invocations, "merges that are evaluated")
        .add("max_bootstrapped_demos", &o::max_bootstrapped_demos, "of the second ancestor; both 0: no demonstrations")
        .add("max_labeled_demos", &o::max_labeled_demos, "together with those")
        .add("metric_threshold", &o::metric_threshold,
             "a run becomes a demonstration from here on; default: any score above 0")
        .add("race", &o::race, "do not validate to its end what is clearly behind")
        .add("track_best_outputs", &o::track_best_outputs, "report the best outputs of each validation example");
}

settings<simba_options> simba_settings() {
    using o = simba_options;
    return settings<o>{}
        .add("bsize", &o::bsize, "examples of a minibatch", {1, 100'000})
        .add("num_candidates", &o::num_candidates, "runs of each example, and new programs, in each step", {1, 1'000})
        .add("max_steps", &o::max_steps, "minibatches", {1, 10'000})
        .add("max_demos", &o::max_demos, "of each predictor; 0: rules only", {0, 1'000})
        .add("temperature_for_sampling", &o::temperature_for_sampling, "of the draw among programs that run", {0, 100})
        .add("temperature_for_candidates", &o::temperature_for_candidates,
             "of the draw among programs that new ones begin with", {0, 100});
}

}  // namespace

namespace detail {

void read_setting(std::string_view name, const std::string& text, std::size_t& into, const setting_range& range) {
    double value = number(name, text, range);
    if (value != std::floor(value))
        throw std::invalid_argument{std::string{name} + " must be a whole number, not " + text};
    into = static_cast<std::size_t>(value);
}

void read_setting(std::string_view name, const std::string& text, double& into, const setting_range& range) {
    into = number(name, text, range);
}

void read_setting(std::string_view name, const std::string& text, bool& into, const setting_range&) {
    if (text == "true" || text == "True" || text == "1")
        into = true;
    else if (text == "false" || text == "False" || text == "0")
        into = false;
    else
        throw std::invalid_argument{std::string{name} + " must be true or false, not \"" + text + "\""};
}

std::string shown_setting(std::size_t value) { return std::to_string(value); }

std::string shown_setting(double value) {
    char text[32];
    auto [end, ec] = std::to_chars(text, text + sizeof text, value);
    return {text, end};
}

std::string shown_setting(bool value) { return value ? "true" : "false"; }

}  // namespace detail

optimizers optimizers::ready(embedder_options how) {
    optimizers all;
    all.add<labeled_few_shot>("labeled_few_shot",
                              settings<labeled_few_shot_options>{}.add("k", &labeled_few_shot_options::k,
                                                                       "demonstrations of each predictor"));
    all.add<bootstrap_few_shot>("bootstrap_few_shot", bootstrap_settings<bootstrap_few_shot_options>());
    using search = bootstrap_random_search_options;
    all.add<bootstrap_random_search>(
        "bootstrap_random_search",
        bootstrap_settings<search>()
            .add("num_candidate_programs", &search::num_candidate_programs,
                 "besides the program as it is, with labels, and bootstrapped in order")
            .add("nearest", &search::nearest, "demonstrations of one candidate more, chosen for each call; 0: none",
                 {0, 1'000})
            .add("stop_at_score", &search::stop_at_score, "the first candidate that reaches it is taken at once",
                 {0, 100}));
    using knn = knn_few_shot_options;
    all.add<knn_few_shot>(
        "knn_few_shot",
        settings<knn>{}
            .add("k", &knn::k, "demonstrations of each call")
            .add("max_pool", &knn::max_pool, "examples to choose from")
            .add("bootstrap", &knn::bootstrap, "choose from runs that the metric passed")
            .add(
                "embedder",
                [how](knn& o, const std::string& name) { o.embedder = std::make_shared<const embedder>(name, how); },
                "a model of embeddings; default: the words that texts share"));
    all.add<ensemble>("ensemble", bootstrap_settings<ensemble_options>().add("size", &ensemble_options::size,
                                                                             "members that vote", {1, 1'000}));
    using co = copro_options;
    all.add<copro>("copro", settings<co>{}
                                .add("breadth", &co::breadth, "instructions tried in each round", {1, 1'000})
                                .add("depth", &co::depth, "rounds", {1, 1'000})
                                .add("init_temperature", &co::init_temperature, "of the proposals", {0, 10})
                                .add("fill_breadth", &co::fill_breadth,
                                     "score `breadth` proposals also where a request draws only one"));
    all.add<mipro>("mipro", mipro_settings());
    all.add<gepa>("gepa", gepa_settings());
    all.add<simba>("simba", simba_settings());
    using automatically = automatic_options;
    all.add<automatic>("auto", settings<automatically>{}
                                   .add("target", &automatically::target, "a score that is enough", {0, 100})
                                   .add("demos", &automatically::demos, "labels shown in the cheap stages"));
    using rules = infer_rules_options;
    all.add<infer_rules>("infer_rules",
                         bootstrap_settings<rules>()
                             .add("num_candidates", &rules::num_candidates, "sets of rules that are scored", {1, 1'000})
                             .add("num_rules", &rules::num_rules, "in each", {1, 1'000})
                             .add("temperature", &rules::temperature, "of the proposals", {0, 10}));
    return all;
}

void optimizers::add_entry(std::string name, entry e) {
    if (!is_name(name))
        throw std::invalid_argument{"\"" + name + "\" is no name of an optimizer: use letters, digits, _ and -"};
    for (const auto& known : all_)
        if (known.name == name) throw std::invalid_argument{"there is an optimizer `" + name + "` already"};
    e.name = std::move(name);
    all_.push_back(std::move(e));
}

const optimizers::entry& optimizers::find(std::string_view name) const {
    for (const auto& e : all_)
        if (e.name == name) return e;
    unknown("there is no optimizer", name, names());
}

std::unique_ptr<optimizer> optimizers::make(std::string_view name, const given_settings& given) const {
    const auto& e = find(name);
    std::vector<std::string> known;
    for (const auto& s : e.settings) known.push_back(s.name);
    for (const auto& [setting, value] : given)
        if (std::find(known.begin(), known.end(), setting) == known.end())
            unknown(e.name + " has no setting", setting, known);
    return e.make(given);
}

std::vector<std::string> optimizers::names() const {
    std::vector<std::string> all;
    for (const auto& e : all_) all.push_back(e.name);
    return all;
}

const std::vector<optimizers::described_setting>& optimizers::settings_of(std::string_view name) const {
    return find(name).settings;
}

std::string optimizers::help() const {
    std::string text;
    for (const auto& e : all_) {
        text += e.name + "\n";
        for (const auto& s : e.settings) {
            std::string left = "  " + s.name + "=" + (s.by_default.empty() ? "..." : s.by_default);
            left.resize(std::max<std::size_t>(left.size() + 2, 36), ' ');
            text += left + s.help + "\n";
        }
    }
    return text;
}

}  // namespace reagent
