#include "watcher_impl.hpp"

#include <reagent/error.hpp>

#include <boost/json.hpp>

#include <random>

namespace reagent {

watcher::watcher(runtime& rt, std::shared_ptr<traffic_store> traffic, program_store programs, const module& program,
                 program_function call, watcher_options options)
    : impl_{new impl{rt, std::move(traffic), std::move(programs), program, std::move(call), std::move(options), {}}} {
    auto& i = *impl_;
    if (!i.options.recipe.empty()) {
        i.how = load_recipe(i.programs, i.options.recipe);
        i.options.known.make(i.how->optimizer, i.how->settings);  // a misspelt one is told now, not when it is needed
        if (!i.options.quality.on_labels)
            i.options.quality.on_labels = metric_named(i.how->metric, {.lm = i.options.run.lm});
        if (!i.how->judge.empty() && !i.options.quality.judge)
            i.options.quality.judge = metric_named(i.how->judge, {.lm = i.options.run.lm});
    }
    i.programs.number_of(i.options.tag);
    i.state = i.traffic->get(i.name());
}
watcher::~watcher() = default;

std::vector<json::object> watcher::step() {
    auto& i = *impl_;
    i.told.clear();
    i.state = i.traffic->get(i.name());
    i.tell();  // what a process that was killed has not told any more
    while (i.advance()) {
        if (!i.store()) continue;
        i.tell();
    }
    return std::move(i.told);
}

json::object watcher::status() const {
    auto d = impl_->traffic->get(impl_->name());
    json::object o{{"program", impl_->options.program}, {"tag", impl_->options.tag}};
    for (const char* name : {"version", "phase", "generation", "looks", "labels", "judge", "candidate", "last"})
        if (const auto* v = d.body.if_contains(name)) o[name] = *v;
    return o;
}

bool watcher::impl::store() {
    auto now = std::move(alerts);
    alerts.clear();
    s()["by"] = std::random_device{}() +
                (std::uint64_t{std::random_device{}()} << 20);  // two that come to the same are told apart
    if (!traffic->set(name(), state, now)) {
        state = traffic->get(name());
        return false;
    }
    ++state.revision;
    told.insert(told.end(), now.begin(), now.end());
    return true;
}

// At least once: an alert is marked as told when everybody was.
void watcher::impl::tell() {
    for (const auto& a : traffic->alerts(options.program, true)) try {
            for (const auto& to : options.tell) to(a);
            traffic->told(std::string{a.at("id").as_string()});
        } catch (const std::exception&) {
            return;  // by the next step again, in order
        }
}

std::uint64_t watcher::impl::number(const char* name) const {
    const auto* v = state.body.if_contains(name);
    return v && v->is_number() ? v->to_number<std::uint64_t>() : 0;
}
std::string watcher::impl::text(const char* name) const {
    const auto* v = state.body.if_contains(name);
    return v && v->is_string() ? std::string{std::string_view{v->get_string()}} : std::string{};
}

void watcher::impl::alert(const std::string& kind, std::string what, json::object more) {
    auto n = number("alerts") + 1;
    s()["alerts"] = n;
    json::object a{{"id", name() + "#" + std::to_string(n)}, {"program", options.program}, {"kind", kind}};
    a["at"] =
        std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
    a["version"] = number("version");
    a["last_sample"] = last_number();
    a["text"] = options.program + ": " + redact(what, secret{});
    for (auto& [key, v] : more) a[key] = v;
    alerts.push_back(std::move(a));
}

std::uint64_t watcher::impl::last_number() const {
    auto last = traffic->list({.program = options.program, .newest_first = true, .most = 1});
    return last.empty() ? 0 : last.front().number;
}

bool watcher::impl::advance() {
    const auto version = programs.number_of(options.tag);
    const auto phase = text("phase");
    if (phase == "switching") return make_switch();
    if (phase == "rolling_back") return make_roll_back();
    if (phase.empty()) return begin_generation(version, 0);
    if (version != number("version")) return begin_generation(version, last_number());
    if (phase == "reference" && fill_reference()) return true;
    if (phase == "drifted") return recompile();
    if (phase == "shadowing") return look_at_shadow();
    return look_at_feedback() || (phase == "watching" && look_at_window());
}

// Everything that is known of a version begins anew; what survives: numbers of alerts.
bool watcher::impl::begin_generation(std::uint64_t version, std::uint64_t from) {
    json::object fresh{{"version", version}, {"phase", "reference"}, {"from", from}, {"said", from}, {"looks", 0}};
    fresh["generation"] = number("generation") + 1;
    fresh["alerts"] = number("alerts");
    if (const auto* last = s().if_contains("last")) fresh["last"] = *last;
    state.body = std::move(fresh);
    return true;
}

bool watcher::impl::make_switch() {
    const auto candidate = number("candidate"), replaced = number("version");
    const json::value bound = s().contains("old_score") ? s()["old_score"] : json::value(0);
    programs.tag(options.tag, candidate);
    std::error_code ec;
    if (std::filesystem::exists(programs.folder() / "tags" / (options.tag + "-shadow"), ec))
        programs.untag(options.tag + "-shadow");
    begin_generation(candidate, last_number());
    if (bound.to_number<double>() > 0)
        s()["guard"] = json::object{{"replaced", replaced},
                                    {"test", fall_test{bound.to_number<double>(), options.level}.to_json()}};
    return true;
}

bool watcher::impl::make_roll_back() {
    if (programs.number_of(options.tag) == number("version")) programs.tag(options.tag, number("replaced"));
    return begin_generation(programs.number_of(options.tag), last_number());
}

}  // namespace reagent
