// What a watcher sees: windows of samples, feedback, models.
#include "watcher_impl.hpp"

#include <reagent/watch/statistics.hpp>

#include <boost/json.hpp>

#include <cmath>
#include <set>

namespace reagent {
namespace {

constexpr std::size_t feedback_at_once = 200;
constexpr std::size_t asked_again_most = 100, asked_again_least = 20;

std::string decimals(double d) {
    char text[32];
    std::snprintf(text, sizeof text, "%.3g", d);
    return text;
}

// What 200 scores say at least of the mean behind them; four more observations, two of them wrong, as by Agresti and
// Coull ("Approximate is better than exact", 1998), so that a version that was never wrong is not held to that.
double lower_bound(double n, double sum, double squares) {
    n += 4, sum += 2, squares += 2;
    double mean = sum / n, variance = std::max(0.0, squares / n - mean * mean);
    return mean - 2.24 * std::sqrt(variance / n);
}

}  // namespace

bool watcher::impl::fill_reference() {
    auto first = traffic->list({.program = options.program,
                                .version = number("version"),
                                .heard = true,
                                .after = number("from"),
                                .most = options.reference});
    if (first.size() < options.reference) return false;
    std::set<std::string> models;
    for (const auto& one : first)
        if (!one.model.empty()) models.insert(one.model);
    json::array names(models.begin(), models.end());
    s()["models"] = std::move(names);
    s()["reference_to"] = s()["cursor"] = first.back().number;
    s()["phase"] = "watching";
    std::error_code ec;
    std::filesystem::remove_all(work_folder(number("generation") - 1), ec);  // of a recompilation that is over
    if (options.quality.judge) {
        auto only_judged = options.quality;
        only_judged.on_labels = {};
        for (auto score : scores_of(threads, first, only_judged))
            if (score) add_score("judge", *score, first.back().number);
    }
    return true;
}

bool watcher::impl::look_at_window() {
    const auto version = number("version");
    auto window = traffic->list({.program = options.program,
                                 .version = version,
                                 .heard = true,
                                 .after = number("cursor"),
                                 .most = options.window});
    if (window.size() < options.window) return false;
    auto reference = traffic->list({.program = options.program,
                                    .version = version,
                                    .heard = true,
                                    .after = number("from"),
                                    .most = options.reference});
    std::erase_if(reference, [&](const sample& one) { return one.number > number("reference_to"); });
    const auto began = number("cursor"), look = number("looks") + 1;
    s()["looks"] = look;
    s()["cursor"] = window.back().number;
    if (options.quality.judge) {
        auto only_judged = options.quality;
        only_judged.on_labels = {};
        for (auto score : scores_of(threads, window, only_judged))
            if (score) add_score("judge", *score, window.back().number);
        if (text("phase") != "watching") return true;
    }
    look_at_models(window);
    std::string what;
    json::array findings;
    for (const auto& f : find_drift(reference, window, level_of_look(options.level / 2, look), options.drift)) {
        findings.push_back(to_json(f));
        if (f.drifted)
            what += (what.empty() ? "" : "; ") + f.what + " has changed (" + f.test + ", p = " + decimals(f.p_value) +
                    ", size " + decimals(f.size) + ")";
    }
    s()["last"] = json::object{{"from", began}, {"to", window.back().number}, {"findings", findings}};
    if (what.empty()) return true;
    alert("drift", what, {{"findings", findings}, {"samples", json::array{began, window.back().number}}});
    after_alarm(window.back().number);
    return true;
}

void watcher::impl::look_at_models(std::span<const sample> window) {
    std::set<std::string> known, fresh;
    for (const auto& m : s()["models"].as_array()) known.insert(std::string{m.as_string()});
    for (const auto& one : window)
        if (!one.model.empty() && !known.contains(one.model)) fresh.insert(one.model);
    if (fresh.empty()) return;
    std::string names;
    for (const auto& m : fresh) {
        names += (names.empty() ? "" : ", ") + m;
        if (s()["models"].as_array().size() < 100) s()["models"].as_array().emplace_back(m);
    }
    alert("model", "answers come from a model that was not there before: " + names + asked_again());
}

// A new model is a reason to evaluate: labelled requests that were answered before are asked again.
std::string watcher::impl::asked_again() {
    if (!how || !options.run.lm) return {};
    auto before = traffic->list({.program = options.program,
                                 .version = number("version"),
                                 .heard = true,
                                 .labelled = true,
                                 .newest_first = true,
                                 .most = asked_again_most});
    std::erase_if(before, [](const sample& one) { return one.withheld || !one.error.empty(); });
    if (before.size() < asked_again_least) return {};
    auto scores = scores_of(threads, before, options.quality);
    evaluation old;
    for (std::size_t i = 0; i < before.size(); ++i)
        if (scores[i]) old.rows.push_back({.index = i, .score = *scores[i]});
    evaluate_options e{.run = run_with(parameters_of(number("version")))};
    e.max_errors = before.size();
    auto now = evaluate(threads, call, to_dataset(before), options.quality.on_labels, e);
    auto c = compare(old, now);
    return "; " + std::to_string(before.size()) + " labelled requests asked again score " + decimals(now.score) + " (" +
           (c.difference < 0 ? "" : "+") + decimals(c.difference) + " points, p = " + decimals(c.p_value) + ")";
}

bool watcher::impl::look_at_feedback() {
    auto said = traffic->list({.program = options.program,
                               .version = number("version"),
                               .heard = true,
                               .said = true,
                               .after = number("from"),
                               .said_after = number("said"),
                               .most = feedback_at_once});
    if (said.empty()) return false;
    auto no_judge = options.quality;
    no_judge.judge = {};
    auto scores = scores_of(threads, said, no_judge);
    const auto phase = text("phase");
    for (std::size_t i = 0; i < said.size() && text("phase") == phase; ++i) {
        s()["said"] = said[i].said_number;
        if (!scores[i]) continue;
        guard(*scores[i]);
        if (text("phase") == phase) add_score("labels", *scores[i], said[i].number);
    }
    return true;
}

// First how good the version is, then whether it still is.
void watcher::impl::add_score(const char* stream, double score, std::uint64_t place) {
    if (!s().contains(stream)) s()[stream] = json::object{{"n", 0}, {"sum", 0.0}, {"squares", 0.0}};
    auto& o = s()[stream].as_object();
    double n = o["n"].to_number<double>();
    if (n < static_cast<double>(options.baseline)) {
        double sum = o["sum"].to_number<double>() + score, squares = o["squares"].to_number<double>() + score * score;
        o["n"] = ++n, o["sum"] = sum, o["squares"] = squares;
        if (n < static_cast<double>(options.baseline)) return;
        double bound = std::clamp(lower_bound(n, sum, squares) - options.tolerance, 0.0, 1.0);
        o["test"] = fall_test{bound, options.level / 4}.to_json();
        return;
    }
    auto test = fall_test::from_json(o["test"]);
    const bool fell = test.add(score);
    o["test"] = test.to_json();
    if (!fell || text("phase") == "drifted") return;
    const bool judged = std::string_view{stream} == "judge";
    alert("quality", std::string{judged ? "the judge" : "feedback"} + " says that answers have become worse: below " +
                         decimals(test.bound() * 100) + " where they were " +
                         decimals(o["sum"].to_number<double>() / n * 100) + "; seen after " +
                         std::to_string(test.count()) + " scores");
    after_alarm(place);
}

// Only what comes behind the alarm is of the new world for certain. With a recipe fresh labels are waited for; without,
// what is new becomes what later samples are compared with.
void watcher::impl::after_alarm(std::uint64_t fresh_from) {
    if (!how) {
        begin_generation(number("version"), fresh_from);
        return;
    }
    s()["phase"] = "drifted";
    s()["fresh_from"] = fresh_from;
}

void watcher::impl::guard(double score) {
    if (!s().contains("guard")) return;
    auto& o = s()["guard"].as_object();
    auto test = fall_test::from_json(o["test"]);
    const bool worse = test.add(score);
    o["test"] = test.to_json();
    const auto replaced = o["replaced"].to_number<std::uint64_t>();
    if (!worse) {
        if (test.count() >= options.guarded) s().erase("guard");
        return;
    }
    const std::string what = "version " + std::to_string(number("version")) + " is worse than version " +
                             std::to_string(replaced) + ", which it replaced; seen after " +
                             std::to_string(test.count()) + " scores";
    s().erase("guard");
    if (options.switches != switching::allowed) {
        alert("proposal",
              what + ". Roll back: reagent program rollback --store " + programs.folder().string() + " " + options.tag);
        return;
    }
    alert("rolled_back", what + ": rolled back");
    s()["replaced"] = replaced;
    s()["phase"] = "rolling_back";
}

}  // namespace reagent
