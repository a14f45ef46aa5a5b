#include <reagent/watch/comparison.hpp>

#include <boost/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>

namespace reagent {
namespace {

std::string decimals(double d, int digits) {
    char text[64];
    std::snprintf(text, sizeof text, "%.*f", digits, d);
    return text;
}

version_figures figures_of(std::uint64_t version, const std::vector<sample>& all,
                           const std::vector<std::optional<double>>& scores) {
    version_figures f{.version = version, .samples = all.size()};
    std::vector<std::chrono::microseconds> times;
    double sum = 0, cost = 0;
    std::size_t with_cost = 0;
    for (std::size_t i = 0; i < all.size(); ++i) {
        f.errors += !all[i].error.empty();
        times.push_back(all[i].latency);
        if (all[i].usage.cost) cost += *all[i].usage.cost, ++with_cost;
        if (scores[i]) sum += *scores[i], ++f.scored;
    }
    if (f.scored) f.score = std::round(sum / static_cast<double>(f.scored) * 10'000) / 100;
    if (with_cost) f.cost = cost / static_cast<double>(with_cost);
    std::sort(times.begin(), times.end());
    if (!times.empty()) f.p50 = times[(times.size() - 1) / 2], f.p95 = times[(times.size() - 1) * 95 / 100];
    return f;
}

json::object agreed_part(const json::object& outputs, const std::vector<std::string>& on) {
    json::object part;
    for (const auto& [name, v] : outputs)
        if (on.empty() ? name != "reasoning" : std::find(on.begin(), on.end(), std::string_view{name}) != on.end())
            part[name] = v;
    return part;
}

// Two lists of numbers as what `compare` takes.
struct pair_list {
    evaluation first{}, second{};
    void add(double a, double b) {
        first.rows.push_back({.index = first.rows.size(), .score = a});
        second.rows.push_back({.index = second.rows.size(), .score = b});
    }
    std::size_t size() const { return first.rows.size(); }
    double mean_of(const evaluation& e) const {
        double sum = 0;
        for (const auto& r : e.rows) sum += r.score;
        return e.rows.empty() ? 0 : sum / static_cast<double>(e.rows.size());
    }
    comparison compared() const {
        auto c = compare(first, second);
        c.difference = mean_of(second) - mean_of(first);
        return c;
    }
    // The lower end of the difference's 95% interval.
    double low() const {
        double mean = mean_of(second) - mean_of(first), square = 0, n = static_cast<double>(size());
        for (std::size_t i = 0; i < size(); ++i)
            square += std::pow(second.rows[i].score - first.rows[i].score - mean, 2);
        return size() < 2 ? -1 : mean - 1.96 * std::sqrt(square / (n - 1) / n);
    }
};

struct measured {
    pair_list quality, latency, cost;
    std::size_t pairs = 0, agreed = 0;
};

void add_pair(measured& m, const sample& a, const std::optional<double>& a_score, const sample& b,
              const std::optional<double>& b_score) {
    if (a_score && b_score) m.quality.add(*a_score, *b_score);
    m.latency.add(static_cast<double>(a.latency.count()) / 1000, static_cast<double>(b.latency.count()) / 1000);
    if (a.usage.cost && b.usage.cost) m.cost.add(*a.usage.cost, *b.usage.cost);
}

std::string in_words(const version_comparison& c) {
    const auto n = [](std::uint64_t v) { return "version " + std::to_string(v); };
    std::string text;
    if (c.paired)
        text = n(c.second.version) + " agrees with " + n(c.first.version) + " on " + decimals(c.agreement * 100, 1) +
               "% of " + std::to_string(c.pairs) + " requests";
    else
        text = n(c.second.version) + " answered " + std::to_string(c.second.samples) + " requests beside " +
               std::to_string(c.first.samples) + " of " + n(c.first.version);
    if (c.scored_pairs)
        text += "; quality " + decimals(c.second.score, 1) + " against " + decimals(c.first.score, 1) + " (" +
                (c.quality.difference >= 0 ? "+" : "") + decimals(c.quality.difference, 1) + " points on " +
                std::to_string(c.scored_pairs) + " pairs, p = " + decimals(c.quality.p_value, 4) + ")";
    else
        text += "; nothing says how good its answers are";
    text += "; p50 latency " + std::to_string(c.second.p50.count() / 1000) + " ms against " +
            std::to_string(c.first.p50.count() / 1000) + " ms";
    if (c.second.cost && c.first.cost)
        text += "; an answer costs $" + decimals(*c.second.cost, 6) + " against $" + decimals(*c.first.cost, 6);
    if (c.second.errors)
        text +=
            "; " + std::to_string(c.second.errors) + " of its " + std::to_string(c.second.samples) + " answers failed";
    return text;
}

struct ruled {
    version_advice advice;
    std::string why;
};

ruled advised(const version_comparison& c, const measured& m, const promotion_rule& rule) {
    if (c.scored_pairs < rule.least)
        return {version_advice::wait, "too few scored pairs to say (" + std::to_string(c.scored_pairs) + " of " +
                                          std::to_string(rule.least) + ")"};
    const bool differs = c.quality.p_value <= rule.level;
    if (differs && c.quality.difference < 0)
        return {version_advice::keep, "it is worse: keep version " + std::to_string(c.first.version)};
    auto ratio = [](const pair_list& p) {
        return p.mean_of(p.first) > 0 ? p.mean_of(p.second) / p.mean_of(p.first) : 1.0;
    };
    if (ratio(m.latency) > rule.most_slower)
        return {version_advice::keep,
                "it is too slow: " + decimals(ratio(m.latency), 1) + " times the first one's time"};
    if (m.cost.size() && ratio(m.cost) > rule.most_costlier)
        return {version_advice::keep, "it is too dear: " + decimals(ratio(m.cost), 1) + " times the cost"};
    if (differs) return {version_advice::promote, "it is better: promote it"};
    const bool gains = (c.latency.p_value <= rule.level && c.latency.difference < 0) ||
                       (m.cost.size() && c.cost.p_value <= rule.level && c.cost.difference < 0);
    if (gains && m.quality.low() >= -rule.tolerance)
        return {version_advice::promote, "it is as good, and takes less time or money: promote it"};
    return {version_advice::wait, "no difference in quality is seen: nothing speaks for a change"};
}

json::object figures_json(const version_figures& f) {
    json::object o{{"version", f.version}, {"samples", f.samples}, {"errors", f.errors}, {"scored", f.scored}};
    if (f.scored) o["score"] = f.score;
    o["p50_ms"] = static_cast<double>(f.p50.count()) / 1000;
    o["p95_ms"] = static_cast<double>(f.p95.count()) / 1000;
    if (f.cost) o["cost"] = *f.cost;
    return o;
}

}  // namespace

std::string_view to_string(version_advice a) {
    return a == version_advice::promote ? "promote" : a == version_advice::keep ? "keep" : "wait";
}

json::object to_json(const version_comparison& c) {
    auto test = [](const comparison& t) { return json::object{{"difference", t.difference}, {"p_value", t.p_value}}; };
    json::object o{
        {"first", figures_json(c.first)}, {"second", figures_json(c.second)}, {"paired", c.paired}, {"pairs", c.pairs}};
    if (c.paired) o["agreement"] = c.agreement;
    o["scored_pairs"] = c.scored_pairs;
    if (c.scored_pairs) o["quality"] = test(c.quality);
    o["latency_ms"] = test(c.latency);
    if (c.first.cost && c.second.cost) o["cost"] = test(c.cost);
    o["advice"] = to_string(c.advice);
    o["verdict"] = c.verdict;
    return o;
}

version_comparison compare_versions(runtime& rt, traffic_store& store, const std::string& program, std::uint64_t first,
                                    std::uint64_t second, const sample_quality& q, const promotion_rule& rule,
                                    std::uint64_t after, std::size_t most) {
    auto of = [&](std::uint64_t version) {
        return store.list({.program = program, .version = version, .after = after, .newest_first = true, .most = most});
    };
    auto a = of(first), b = of(second);
    auto a_scores = scores_of(rt, a, q), b_scores = scores_of(rt, b, q);
    version_comparison c{.first = figures_of(first, a, a_scores), .second = figures_of(second, b, b_scores)};
    c.paired = std::any_of(b.begin(), b.end(), [](const sample& s) { return !s.heard; });
    measured m;
    if (c.paired) {
        std::map<std::string_view, std::size_t> by_request;
        for (std::size_t i = 0; i < a.size(); ++i) by_request.emplace(a[i].request, i);
        for (std::size_t k = 0; k < b.size(); ++k) {
            auto found = by_request.find(b[k].request);
            if (found == by_request.end()) continue;
            const auto i = found->second;
            ++m.pairs;
            m.agreed += a[i].error.empty() && b[k].error.empty() &&
                        agreed_part(a[i].outputs, rule.agree_on) == agreed_part(b[k].outputs, rule.agree_on);
            add_pair(m, a[i], a_scores[i], b[k], b_scores[k]);
        }
    } else {  // of other requests: those with a score first, so that none is wasted
        auto order = [](const std::vector<std::optional<double>>& scores) {
            std::vector<std::size_t> at;
            for (bool scored : {true, false})
                for (std::size_t i = 0; i < scores.size(); ++i)
                    if (scores[i].has_value() == scored) at.push_back(i);
            return at;
        };
        auto in_a = order(a_scores), in_b = order(b_scores);
        for (std::size_t i = 0; i < in_a.size() && i < in_b.size(); ++i, ++m.pairs)
            add_pair(m, a[in_a[i]], a_scores[in_a[i]], b[in_b[i]], b_scores[in_b[i]]);
    }
    c.pairs = m.pairs;
    c.agreement = m.pairs ? static_cast<double>(m.agreed) / static_cast<double>(m.pairs) : 0;
    c.scored_pairs = m.quality.size();
    c.quality = m.quality.compared(), c.latency = m.latency.compared(), c.cost = m.cost.compared();
    c.quality.difference *= 100;
    auto r = advised(c, m, rule);
    c.advice = r.advice;
    c.verdict = in_words(c) + ". Verdict: " + r.why + ".";
    return c;
}

}  // namespace reagent
