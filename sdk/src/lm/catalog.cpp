#include <reagent/lm/catalog.hpp>

#include <reagent/base/read_file.hpp>
#include <reagent/error.hpp>
#include <reagent/schema/convert.hpp>

#include "../base/text.hpp"
#include "models.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <cstdlib>
#include <system_error>

namespace reagent {
namespace {

lm_error bad(const std::string& path, const std::string& why) {
    return {lm_errc::malformed_response, "the catalog of models: " + path + " " + why, {.path = path}};
}

std::optional<double> number(const json::object& o, const char* key, const std::string& path) {
    auto* v = o.if_contains(key);
    if (!v || v->is_null()) return {};
    if (!v->is_number() || v->to_number<double>() < 0) throw bad(path + "." + key, "must be a number from 0");
    return v->to_number<double>();
}

std::optional<std::uint64_t> count(const json::object& o, const char* key, const std::string& path) {
    auto* v = o.if_contains(key);
    if (!v || v->is_null()) return {};
    boost::system::error_code ec;
    auto n = v->to_number<std::uint64_t>(ec);
    if (ec) throw bad(path + "." + key, "must be a whole number from 0");
    return n;
}

// "-2024-07-18", "-20250929", "-preview-05-20": what providers put behind a name.
bool is_version(std::string_view rest) {
    if (rest.empty()) return true;
    if (rest.front() != '-') return false;
    rest.remove_prefix(1);
    if (rest == "latest") return true;
    if (rest.starts_with("preview")) return true;
    return rest.size() >= 6 && std::all_of(rest.begin(), rest.end(), [](char c) { return is_digit(c) || c == '-'; });
}

}  // namespace

bool model_facts::can(std::string_view ability) const {
    return std::find(abilities.begin(), abilities.end(), ability) != abilities.end();
}

json::object to_json(const model_facts& f) {
    json::object o{{"name", f.name}, {"abilities", json::value_from(f.abilities)}};
    if (f.context) o["context"] = *f.context;
    if (f.output) o["output"] = *f.output;
    if (f.prompt) o["prompt"] = *f.prompt;
    if (f.completion) o["completion"] = *f.completion;
    if (f.cached) o["cached"] = *f.cached;
    return o;
}

void model_catalog::add(std::string_view document) {
    boost::system::error_code ec;
    if (document.starts_with("\xEF\xBB\xBF")) document.remove_prefix(3);
    json::value v = json::parse({document.data(), document.size()}, ec);
    if (ec || !v.is_object()) throw bad("$", "is no JSON object");
    auto* list = v.get_object().if_contains("models");
    if (!list || !list->is_array()) throw bad("$.models", "must be a list");
    std::size_t i = 0;
    for (const auto& item : list->get_array()) {
        std::string path = "$.models[" + std::to_string(i++) + "]";
        if (!item.is_object()) throw bad(path, "must be an object");
        const auto& o = item.get_object();
        auto* name = o.if_contains("name");
        if (!name || !name->is_string() || name->get_string().find('/') == json::string::npos)
            throw bad(path + ".name", "must be text, as \"provider/model\"");
        model_facts f{std::string{name->get_string()}};
        f.context = count(o, "context", path);
        f.output = count(o, "output", path);
        f.prompt = number(o, "prompt", path);
        f.completion = number(o, "completion", path);
        f.cached = number(o, "cached", path);
        if (auto* abilities = o.if_contains("abilities")) {
            if (!abilities->is_array()) throw bad(path + ".abilities", "must be a list");
            for (const auto& a : abilities->get_array())
                if (a.is_string())
                    f.abilities.emplace_back(a.get_string());
                else
                    throw bad(path + ".abilities", "must hold text only");
        }
        auto known = std::find_if(models_.begin(), models_.end(), [&](const auto& m) { return m.name == f.name; });
        if (known == models_.end())
            models_.push_back(std::move(f));
        else
            *known = std::move(f);
    }
}

const model_catalog& model_catalog::standard() {
    static const model_catalog one = [] {
        model_catalog c;
        c.add(built_in_models);
        if (const char* file = std::getenv("REAGENT_MODELS"); file && *file) {
            constexpr std::uint64_t most = 64 * 1024 * 1024;
            std::string text;
            try {
                text = read_file(file, most);
            } catch (const std::system_error& e) {
                throw bad("$REAGENT_MODELS",
                          "names a file that cannot be read: " + std::string{file} + ": " + e.what());
            }
            c.add(text);
        }
        return c;
    }();
    return one;
}

const model_facts* model_catalog::find(std::string_view name) const {
    const model_facts* best = nullptr;
    std::size_t longest = 0;
    for (const auto& m : models_) {
        std::string_view known = m.name;
        if (name.find('/') == name.npos) known.remove_prefix(known.find('/') + 1);
        if (known.size() < longest || !name.starts_with(known) || !is_version(name.substr(known.size()))) continue;
        best = &m;
        longest = known.size();
    }
    return best;
}

std::string model_catalog::nearest(std::string_view name) const {
    std::vector<std::string> names;
    bool with_provider = name.find('/') != name.npos;
    for (const auto& m : models_) names.push_back(with_provider ? m.name : m.name.substr(m.name.find('/') + 1));
    return did_you_mean(name, names);
}

std::optional<double> price_of(std::string_view model, const usage& u) {
    thread_local std::string latest;  // most programs ask one model, again and again
    thread_local const model_facts* f = nullptr;
    if (model != latest || latest.empty()) {
        f = model_catalog::standard().find(model);
        latest = model;
    }
    if (!f || !f->prompt || !f->completion) return {};
    auto cached = std::min(u.cached_tokens, u.prompt_tokens);
    return (static_cast<double>(u.prompt_tokens - cached) * *f->prompt +
            static_cast<double>(cached) * f->cached.value_or(*f->prompt) +
            static_cast<double>(u.completion_tokens) * *f->completion) /
           1e6;
}

}  // namespace reagent
