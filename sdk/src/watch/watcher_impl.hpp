#pragma once

#include <reagent/watch/watcher.hpp>

namespace reagent {

/// One step after the other on a state that is stored whole: whatever a step does outside of it (a version, a tag) is
/// done so that doing it again changes nothing.
struct watcher::impl {
    runtime& threads;
    std::shared_ptr<traffic_store> traffic;
    program_store programs;
    const module& root;
    program_function call;
    watcher_options options;
    std::optional<recipe> how;

    traffic_store::document state{};
    std::vector<json::object> alerts{};  ///< of the step under way, stored with it
    std::vector<json::object> told{};    ///< of `step`

    std::string name() const { return "watch:" + options.program + "@" + options.tag; }
    bool store();  ///< @return false: another watcher was faster; its state was read
    void tell();

    // State, by name.
    json::object& s() { return state.body; }
    std::uint64_t number(const char* name) const;
    std::string text(const char* name) const;
    void alert(const std::string& kind, std::string what, json::object more = {});
    std::uint64_t last_number() const;

    // watcher.cpp: each returns whether it has done anything
    bool advance();
    bool begin_generation(std::uint64_t version, std::uint64_t from);
    bool make_switch();
    bool make_roll_back();

    // watcher_looks.cpp
    bool fill_reference();
    bool look_at_window();
    bool look_at_feedback();
    void look_at_models(std::span<const sample> window);
    std::string asked_again();
    void add_score(const char* stream, double score, std::uint64_t place);  ///< @param place the number of its sample
    void after_alarm(std::uint64_t fresh_from);
    void guard(double score);

    // watcher_recompile.cpp
    bool recompile();
    void compile_and_compare(const dataset& train, const dataset& held_out);
    void propose_or_switch(const std::string& why);
    bool look_at_shadow();
    run_options run_with(std::shared_ptr<const parameters> p) const;
    std::shared_ptr<const parameters> parameters_of(std::uint64_t version) const;
    std::filesystem::path work_folder(std::uint64_t generation) const;
};

}  // namespace reagent
