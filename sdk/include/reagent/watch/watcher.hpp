#pragma once

#include <reagent/watch/comparison.hpp>
#include <reagent/watch/drift.hpp>
#include <reagent/watch/recipe.hpp>

namespace reagent {

enum class switching {
    propose,  ///< an alert says which version is better, and a person moves the tag
    allowed,  ///< the watcher moves the tag, and back where the new version turns out worse
};

struct watcher_options {
    std::string program{};           ///< as its samples name it
    std::string tag = "production";  ///< of the version that answers
    std::size_t reference = 500;     ///< samples of a version that later ones are compared with
    std::size_t window = 250;        ///< samples of each later look
    std::size_t baseline = 200;      ///< scored samples that say how good the version is
    double level = 0.05;      ///< of any false alarm, as long as a version answers and however often it is looked at
    double tolerance = 0.05;  ///< of quality that may be lost before it is an alarm
    drift_options drift{};
    sample_quality quality{};
    run_options run{};     ///< of the program, for recompiling and evaluating; its parameters are those of the version
    std::string recipe{};  ///< by which it is recompiled when something has drifted; "": alarms only
    optimizers known = optimizers::ready();
    std::filesystem::path work{};  ///< folder of recompilations under way; "": `watch` in the store's folder
    switching switches = switching::propose;
    promotion_rule rule{};
    std::size_t guarded =
        1000;  ///< scored samples after a switch in which a fall below the replaced version's quality rolls back
    /// Told of each alert at least once, also after a restart. What throws is told again by the next `step`.
    std::vector<std::function<void(const json::object& alert)>> tell{};
};

/// Watches a program in production by its samples: tells when inputs, outputs, quality or the model change, compiles
/// the program anew by a recipe, evaluates that on samples that no search saw, has it confirmed in the shadow, and
/// proposes or makes the switch. All that it knows is in the stores: killed at any point, it goes on. Two watchers of
/// one program do not disturb each other, but both pay.
///
/// An alert is {"id", "program", "version", "at", "last_sample", "kind", "text", ...}; kinds: drift, quality, model,
/// recompiled, no_better, failed, proposal, switched, rolled_back.
class watcher {
public:
    /// All of these must outlive it. @throws program_error for a recipe or a tag that cannot be used
    watcher(runtime& rt, std::shared_ptr<traffic_store> traffic, program_store programs, const module& program,
            program_function call, watcher_options options);
    ~watcher();

    /// Does all that there is to do now: looks at new samples, recompiles when enough labels are there, switches.
    /// Blocks, for as long as a recompilation takes. @return the alerts of this step
    std::vector<json::object> step();

    /// Where it stands: version, phase, counts, evidence.
    json::object status() const;

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

/// Posts an alert as JSON to an address. @throws http_error; std::runtime_error for a status of 300 and above
/// @param bearer sent as Authorization, to that address only
std::function<void(const json::object&)> webhook(std::string url, secret bearer = {},
                                                 std::chrono::milliseconds deadline = std::chrono::seconds{10});

}  // namespace reagent
