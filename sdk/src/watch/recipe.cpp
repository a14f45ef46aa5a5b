#include <reagent/watch/recipe.hpp>

#include <reagent/base/read_file.hpp>
#include <reagent/base/write_file.hpp>
#include <reagent/schema/render.hpp>
#include <reagent/schema/repair.hpp>

#include <boost/json.hpp>

#include <cmath>
#include <set>

namespace reagent {
namespace {

constexpr std::size_t most_bytes = 64 * 1024;

std::filesystem::path file_of(const program_store& store, const std::string& name) {
    auto good = [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '_'; };
    if (name.empty() || name.size() > 100 || !std::all_of(name.begin(), name.end(), good))
        throw program_error{program_errc::mismatch,
                            "\"" + name + "\" cannot be a recipe: its name is of letters, digits, - and _"};
    return store.folder() / "recipes" / (name + ".json");
}

[[noreturn]] void refuse(const std::string& name, const std::string& what) {
    throw program_error{program_errc::bad_document, "the recipe \"" + name + "\": " + what};
}

// An object whose members are all read; what is left over is refused.
class members {
public:
    members(const json::value& v, std::string recipe, std::string place)
        : recipe_{std::move(recipe)}, place_{std::move(place)} {
        if (!v.is_object()) refuse(recipe_, (place_.empty() ? "it" : place_) + " is no object");
        object_ = &v.get_object();
    }
    const json::value* find(const char* name) {
        known_.insert(name);
        return object_->if_contains(name);
    }
    std::string text(const char* name, bool required) {
        const auto* v = find(name);
        if (!v && !required) return {};
        if (!v || !v->is_string() || v->get_string().empty()) refuse(recipe_, place_ + name + " is to be a text");
        return std::string{std::string_view{v->get_string()}};
    }
    std::optional<double> number(const char* name, double least, double most, bool whole) {
        const auto* v = find(name);
        if (!v) return std::nullopt;
        double d = v->is_number() ? v->to_number<double>() : NAN;
        if (!(d >= least && d <= most) || (whole && d != std::floor(d)))
            refuse(recipe_, place_ + name + " is to be a " + (whole ? "whole " : "") + "number from " +
                                python_float(least) + " to " + python_float(most));
        return d;
    }
    void refuse_others() const {
        for (const auto& [name, v] : *object_)
            if (!known_.contains(std::string{name}))
                refuse(recipe_, "nothing is known of " + place_ + std::string{name});
    }

private:
    std::string recipe_, place_;
    const json::object* object_ = nullptr;
    std::set<std::string> known_;
};

}  // namespace

recipe recipe_from(const json::value& document, std::string name) {
    recipe r{.name = std::move(name)};
    members all{document, r.name, ""};
    r.optimizer = all.text("optimizer", true);
    r.metric = all.text("metric", true);
    r.judge = all.text("judge", false);
    if (const auto* settings = all.find("settings")) {
        if (!settings->is_object()) refuse(r.name, "settings is no object");
        for (const auto& [key, v] : settings->get_object()) {
            if (v.is_structured() || v.is_null())
                refuse(r.name, "settings." + std::string{key} + " is to be a text, a number or a boolean");
            r.settings[key] = v.is_string() ? std::string{std::string_view{v.get_string()}} : json::serialize(v);
        }
    }
    const auto* budget = all.find("budget");
    if (!budget) refuse(r.name, "budget is missing: {\"calls\": 2000} or {\"dollars\": 2.5}");
    members limits{*budget, r.name, "budget."};
    if (auto calls = limits.number("calls", 1, 1e9, true)) r.budget.calls = static_cast<std::uint64_t>(*calls);
    r.budget.dollars = limits.number("dollars", 0, 1e6, false);
    limits.refuse_others();
    if (!r.budget.calls && !r.budget.dollars) refuse(r.name, "budget has neither calls nor dollars");
    if (const auto* data = all.find("data")) {
        members d{*data, r.name, "data."};
        if (auto n = d.number("fresh", 10, 100'000, true)) r.fresh = static_cast<std::size_t>(*n);
        if (auto n = d.number("held_out", 0.1, 0.9, false)) r.held_out = *n;
        d.refuse_others();
    }
    if (auto n = all.number("shadow_pairs", 0, 100'000, true)) r.shadow_pairs = static_cast<std::size_t>(*n);
    if (auto n = all.number("seed", 0, 1e15, true)) r.seed = static_cast<std::uint64_t>(*n);
    if (auto start = all.text("start", false); start == "version")
        r.start = recipe::beginning::version;
    else if (!start.empty() && start != "program")
        refuse(r.name, "start is to be \"program\" or \"version\"");
    all.refuse_others();
    return r;
}

json::object to_json(const recipe& r) {
    json::object settings, budget;
    for (const auto& [name, v] : r.settings) settings[name] = v;
    if (r.budget.calls) budget["calls"] = *r.budget.calls;
    if (r.budget.dollars) budget["dollars"] = *r.budget.dollars;
    json::object o{{"optimizer", r.optimizer}, {"settings", settings}, {"metric", r.metric}, {"budget", budget}};
    o["data"] = json::object{{"fresh", r.fresh}, {"held_out", r.held_out}};
    o["shadow_pairs"] = r.shadow_pairs;
    o["start"] = r.start == recipe::beginning::version ? "version" : "program";
    o["seed"] = r.seed;
    if (!r.judge.empty()) o["judge"] = r.judge;
    return o;
}

recipe load_recipe(const program_store& store, const std::string& name) {
    auto file = file_of(store, name);
    std::string text;
    try {
        text = read_file(file, most_bytes);
    } catch (const std::system_error& e) {
        throw program_error{program_errc::unreadable,
                            "the recipe \"" + file.string() + "\" cannot be read: " + e.what(),
                            {.path = file.string()}};
    }
    auto document = parse_json(text);
    if (!document)
        throw program_error{
            program_errc::not_json, "the recipe \"" + file.string() + "\" is no JSON", {.path = file.string()}};
    return recipe_from(*document, name);
}

void save_recipe(const program_store& store, const recipe& r) {
    auto file = file_of(store, r.name);
    recipe_from(to_json(r), r.name);  // what would be refused is not written
    try {
        std::filesystem::create_directories(file.parent_path());
        write_file(file, json::serialize(to_json(r)) + "\n");
    } catch (const std::system_error& e) {
        throw program_error{program_errc::unwritable,
                            "the recipe \"" + file.string() + "\" cannot be written: " + e.what(),
                            {.path = file.string()}};
    }
}

}  // namespace reagent
