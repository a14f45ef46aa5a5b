// What a watcher does about it: the recipe on fresh labels, held-out samples, the shadow, the switch.
#include "../run/privacy.hpp"
#include "watcher_impl.hpp"

#include <reagent/error.hpp>
#include <reagent/lm/answer_log.hpp>
#include <reagent/schema/render.hpp>
#include <reagent/watch/statistics.hpp>

#include <boost/json.hpp>

namespace reagent {
namespace {

constexpr std::uint64_t most_shadow_looks = 4;  // at once, twice, four and eight times the pairs

std::string score_text(const evaluation& e) {
    return python_float(e.score) + " (" + python_float(e.low) + " to " + python_float(e.high) + ")";
}

}  // namespace

std::filesystem::path watcher::impl::work_folder(std::uint64_t generation) const {
    auto folder = options.work.empty() ? programs.folder() / "watch" : options.work;
    return folder / (options.tag + "-" + std::to_string(generation));
}

std::shared_ptr<const parameters> watcher::impl::parameters_of(std::uint64_t version) const {
    return std::make_shared<const parameters>(from_saved(root, programs.get(std::to_string(version)), !options.run.lm));
}

run_options watcher::impl::run_with(std::shared_ptr<const parameters> p) const {
    auto run = options.run;
    run.parameters = std::move(p);
    return run;
}

bool watcher::impl::recompile() {
    auto fresh = traffic->list({.program = options.program,
                                .heard = true,
                                .labelled = true,
                                .after = number("fresh_from"),
                                .most = 4 * how->fresh + 1000});
    std::erase_if(fresh, [](const sample& one) { return one.withheld || one.said->withheld || !one.error.empty(); });
    if (fresh.size() < how->fresh) return false;
    fresh.erase(fresh.begin() + static_cast<std::ptrdiff_t>(how->fresh), fresh.end());
    std::vector<sample> held_out;
    std::erase_if(fresh, [&](const sample& one) {
        if (share_of(one.request, "held out") >= how->held_out) return false;
        held_out.push_back(one);
        return true;
    });
    try {
        compile_and_compare(to_dataset(fresh), to_dataset(held_out));
    } catch (const std::exception& e) {  // paid for once: another alarm tries again
        if (const auto* known = dynamic_cast<const program_error*>(&e);
            known && known->code() == program_errc::unwritable)
            throw;  // a full disk, or another watcher is at it: by a later step
        alert("failed", "recompiling failed: " + detail::without_quotes(e.what()));
        begin_generation(number("version"), last_number());
    }
    return true;
}

void watcher::impl::compile_and_compare(const dataset& train, const dataset& held_out) {
    const auto folder = work_folder(number("generation"));
    std::filesystem::create_directories(folder);
    const auto version = number("version");
    auto now = parameters_of(version);
    compile_options c{
        .run = run_with(how->start == recipe::beginning::version ? now : std::make_shared<const parameters>())};
    c.seed = how->seed, c.limit = how->budget, c.state = folder, c.measure = false;
    auto made = options.known.make(how->optimizer, how->settings)
                    ->compile(threads, root, call, train, {}, options.quality.on_labels, c);

    std::filesystem::create_directories(folder / "held-out");
    answer_log log{folder / "held-out" / "answers.jsonl"};
    auto score = [&](std::shared_ptr<const parameters> p) {
        evaluate_options e{.run = run_with(std::move(p))};
        e.run.around = log.hook();
        e.max_errors = held_out.size();
        return evaluate(threads, call, held_out, options.quality.on_labels, e);
    };
    auto before = score(now), after = score(std::make_shared<const parameters>(made.best));
    auto tested = compare(before, after);
    const std::string figures =
        score_text(after) + " against " + score_text(before) + " on " + std::to_string(held_out.size()) +
        " samples that no search saw, p = " + python_float(std::round(tested.p_value * 1e4) / 1e4);
    if (tested.difference <= 0 || tested.p_value > options.rule.level) {
        alert("no_better", "recompiled by \"" + how->name + "\", and no better: " + figures);
        begin_generation(version, last_number());
        return;
    }
    const std::string remark = "recipe " + how->name + " after " + name() + "#" + std::to_string(number("alerts"));
    std::uint64_t candidate = 0;
    for (const auto& v : programs.list())
        if (v.what == remark) candidate = v.number;  // put by a process that was killed then
    if (!candidate)
        candidate =
            programs.put(to_saved(root, made.best), {.who = "reagent watch", .what = remark, .score = after.score});
    s()["candidate"] = candidate;
    s()["old_score"] = before.score / 100;
    alert("recompiled",
          "version " + std::to_string(candidate) + ", by the recipe \"" + how->name + "\", is better: " + figures,
          {{"candidate", candidate}});
    if (how->shadow_pairs == 0) {
        propose_or_switch(figures);
        return;
    }
    programs.tag(options.tag + "-shadow", candidate);
    s()["phase"] = "shadowing";
    s()["shadow_from"] = last_number();
    s()["shadow_looks"] = 0;
}

void watcher::impl::propose_or_switch(const std::string& why) {
    const auto candidate = std::to_string(number("candidate"));
    if (options.switches == switching::allowed) {
        alert("switched",
              options.tag + " goes from version " + std::to_string(number("version")) + " to version " + candidate +
                  ": " + why,
              {{"candidate", number("candidate")}});
        s()["phase"] = "switching";
        return;
    }
    alert("proposal",
          "version " + candidate + " is ready: " + why + " Make the switch: reagent program tag --store " +
              programs.folder().string() + " " + options.tag + " " + candidate,
          {{"candidate", number("candidate")}});
    begin_generation(number("version"), last_number());
}

bool watcher::impl::look_at_shadow() {
    const auto candidate = number("candidate"), look = number("shadow_looks") + 1, from = number("shadow_from");
    const std::size_t wanted = how->shadow_pairs << (look - 1);
    const std::string tag = options.tag + "-shadow";
    auto in_shadow = [&] {  // somebody who takes the tag away ends it
        try {
            return programs.number_of(tag) == candidate;
        } catch (const program_error&) {
            return false;
        }
    };
    auto give_up = [&](const std::string& why) {
        alert("no_better", "version " + std::to_string(candidate) + " is not confirmed in the shadow: " + why);
        if (in_shadow()) programs.untag(tag);
        begin_generation(number("version"), last_number());
        return true;
    };
    if (!in_shadow()) return give_up("the tag " + tag + " was moved");
    const bool judged = static_cast<bool>(options.quality.judge);
    auto answers = traffic->list({.program = options.program,
                                  .version = candidate,
                                  .heard = false,
                                  .said = !judged,
                                  .after = from,
                                  .most = wanted});
    if (answers.size() < wanted) return false;
    auto rule = options.rule;
    rule.least = std::min(rule.least, wanted);
    rule.level = level_of_look(options.rule.level, look);
    auto c =
        compare_versions(threads, *traffic, options.program, number("version"), candidate, options.quality, rule, from);
    s()["shadow_looks"] = look;
    if (c.advice == version_advice::promote) {
        propose_or_switch(c.verdict);
        return true;
    }
    if (c.advice == version_advice::keep || look >= most_shadow_looks) return give_up(c.verdict);
    return true;
}

}  // namespace reagent
