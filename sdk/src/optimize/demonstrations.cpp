#include <reagent/optimize/demonstrations.hpp>

#include <reagent/module/nearest_demos.hpp>
#include <reagent/schema/render.hpp>

#include "../base/text.hpp"
#include "label_choice.hpp"

#include <boost/json.hpp>

namespace reagent {

std::optional<json::object> labeled_demo(const predictor& p, const example& e) {
    json::object demo;
    bool labeled = false;
    for (const auto& f : p.signature().inputs)
        if (const auto* v = e.find(f.name)) demo[f.name] = *v;
    for (const auto& f : p.signature().outputs)
        if (const auto* v = e.find(f.name)) demo[f.name] = *v, labeled = true;
    if (!labeled) return {};
    return demo;
}

std::map<std::string, json::object> demos_of(const journal& history) {
    std::map<std::string, const predictor_call*> last;
    for (const auto& c : history.predictor_calls()) last[c->place.path] = c.get();
    std::map<std::string, json::object> demos;
    for (const auto& [path, c] : last) {
        json::object demo{{"augmented", true}};
        for (const auto& [k, v] : c->inputs) demo[k] = v;
        if (!c->trajectory.empty()) demo["trajectory"] = c->trajectory.str();
        for (const auto& [k, v] : c->outputs) demo[k] = v;
        demos[path] = std::move(demo);
    }
    return demos;
}

std::size_t demos_in(const parameters& p) {
    std::size_t n = 0;
    for (const auto& [path, own] : p.predictors) n += own.demos.size();
    return n;
}

std::string described_failure(const example& e, const evaluation_row& row) {
    std::string text = cut(dump_json(json::value(e.input_fields())), 400);
    if (!row.error.empty()) return text + " -> failed: " + cut(row.error, 300);
    text += " -> " + cut(dump_json(json::value(row.outputs)), 300);
    if (!row.feedback.empty()) text += "; " + cut(row.feedback, 300);
    for (const auto& [path, said] : row.feedback_by) text += "; " + path + ": " + cut(said, 200);
    return text;
}

namespace {

std::vector<std::size_t> without(std::size_t n, const std::vector<std::size_t>& gone) {
    std::vector<bool> out(n);
    for (auto i : gone) out[i] = true;
    std::vector<std::size_t> rest;
    for (std::size_t i = 0; i < n; ++i)
        if (!out[i]) rest.push_back(i);
    return rest;
}

}  // namespace

bootstrapped bootstrap_demos(study& s, const std::vector<std::size_t>& order, const bootstrap_size& size,
                             std::uint64_t purpose) {
    const auto& train = s.train();
    bootstrapped made;
    std::vector<bool> used(train.size());
    for (std::size_t round = 0; round < std::max<std::size_t>(1, size.rounds) && made.used.size() < size.bootstrapped;
         ++round) {
        for (std::size_t next = 0; next < order.size() && made.used.size() < size.bootstrapped;) {
            // As many as are missing: one after the other would have tried them all too.
            std::vector<std::size_t> wave;
            for (; next < order.size() && wave.size() < size.bootstrapped - made.used.size(); ++next)
                if (!used[order[next]]) wave.push_back(order[next]);
            if (wave.empty()) break;
            dataset tried;
            for (auto i : wave) tried.push_back(train[i]);
            // The teacher sees labels of other examples. One set for the wave: none of its own examples is in it.
            parameters with = s.teacher_start();
            dice random = s.random(purpose + 1);
            for (const predictor* p : s.predictors()) {
                auto& own = with.predictors[p->predictor_path()];
                if (own.demos.empty() && !own.selector)
                    add_labels(s, own.demos, *p, without(train.size(), wave), {}, size.labeled, random);
            }
            made.tried += wave.size();
            evaluation e;
            try {
                e = s.teach(tried, with, round);
            } catch (const search_stopped&) {
                return made;  // what there is until now
            }
            for (const auto& row : e.rows) {
                made.ran += row.error.empty();
                bool good = row.error.empty() && (size.threshold ? row.score >= *size.threshold : row.score > 0);
                if (!good) {
                    if (made.failures.size() < 20) made.failures.push_back(described_failure(tried[row.index], row));
                    continue;
                }
                used[wave[row.index]] = true;
                made.used.push_back(wave[row.index]);
                for (auto& [path, demo] : demos_of(*row.history)) made.demos[path].push_back(std::move(demo));
            }
            s.tell("demonstrations: " + std::to_string(made.used.size()) + " of " + std::to_string(size.bootstrapped) +
                   ", " + std::to_string(next) + " of " + std::to_string(order.size()) + " examples tried" +
                   (round ? ", round " + std::to_string(round + 1) : ""));
        }
    }
    return made;
}

parameters with_demos(study& s, const bootstrapped& made, const bootstrap_size& size, std::uint64_t purpose) {
    parameters p = s.start();
    dice random = s.random(purpose);
    auto rest = without(s.train().size(), made.used);
    for (const predictor* one : s.predictors()) {
        auto& own = p.predictors[one->predictor_path()];
        own.selector = nullptr;
        own.demos.clear();
        if (auto found = made.demos.find(one->predictor_path()); found != made.demos.end()) own.demos = found->second;
        if (own.demos.size() > size.bootstrapped) own.demos.resize(size.bootstrapped);
        add_labels(s, own.demos, *one, rest, made.used, std::max(size.labeled, own.demos.size()), random);
    }
    return p;
}

parameters with_labels(study& s, std::size_t k, std::uint64_t purpose) {
    return with_demos(s, {}, {.bootstrapped = 0, .labeled = k}, purpose);
}

std::map<std::string, std::vector<json::object>> labeled_pools(study& s, const std::vector<std::size_t>& order) {
    std::map<std::string, std::vector<json::object>> pools;
    for (const predictor* p : s.predictors())
        for (auto i : order)
            if (auto demo = labeled_demo(*p, s.train()[i])) pools[p->predictor_path()].push_back(std::move(*demo));
    return pools;
}

parameters with_nearest(study& s, std::map<std::string, std::vector<json::object>> pools, std::size_t k,
                        const embedder* with) {
    parameters best = s.start();
    for (const predictor* p : s.predictors()) {
        auto& pool = pools[p->predictor_path()];
        if (pool.empty()) continue;
        auto& own = best.predictors[p->predictor_path()];
        // For those that cannot choose: the first ones.
        own.demos.assign(pool.begin(), pool.begin() + static_cast<std::ptrdiff_t>(std::min(k, pool.size())));
        std::vector<std::vector<float>> vectors;
        if (with) {
            std::vector<std::string> texts, names;
            for (const auto& f : p->signature().inputs) names.push_back(f.name);
            for (const auto& d : pool) texts.push_back(compared_text(d, names));
            vectors = s.embed(*with, std::move(texts));
        }
        own.selector = nearest_demos(std::move(pool), k, with ? std::make_shared<const embedder>(*with) : nullptr,
                                     std::move(vectors));
    }
    return best;
}

}  // namespace reagent
