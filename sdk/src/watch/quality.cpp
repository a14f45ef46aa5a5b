#include <reagent/watch/quality.hpp>

#include <boost/json.hpp>

#include <algorithm>
#include <cmath>
#include <deque>

namespace reagent {
namespace {

example example_of(const sample& s) {
    example e;
    for (const auto& [name, v] : s.inputs) {
        e.inputs.emplace_back(name);
        e.fields[name] = v;
    }
    if (s.said)
        for (const auto& [name, v] : s.said->labels) e.fields[name] = v;
    return e;
}

struct rating {
    metric rate;
    example expected;
    json::object outputs;
    task<double> forward(run& r) const {
        rated_run rated{expected, outputs, r.history()};
        auto judged = co_await rate(r, rated);
        co_return judged.score;
    }
};

}  // namespace

std::vector<std::optional<double>> scores_of(runtime& rt, std::span<const sample> samples, const sample_quality& q) {
    std::vector<std::optional<double>> scores(samples.size());
    struct under_way {
        std::size_t at;
        std::unique_ptr<rating> what;
        running<double> run;
    };
    std::deque<under_way> all;
    auto finish_one = [&] {
        auto& first = all.front();
        try {
            double score = first.run.get();
            if (std::isfinite(score)) scores[first.at] = std::clamp(score, 0.0, 1.0);
        } catch (const std::exception&) {  // nobody can tell
        }
        all.pop_front();
    };
    std::size_t judged = 0;
    for (std::size_t i = 0; i < samples.size(); ++i) {
        const auto& s = samples[i];
        if (!s.error.empty()) {  // beside answers that nobody scores it would be all that counts
            if (s.said || q.judge) scores[i] = 0;
            continue;
        }
        if (s.said && s.said->score) {
            scores[i] = std::clamp(*s.said->score, 0.0, 1.0);
            continue;
        }
        const bool labelled = q.on_labels && s.said && !s.said->labels.empty();
        if (!labelled && (!q.judge || judged++ >= q.most_judged)) continue;
        if (all.size() >= std::max<std::size_t>(1, q.concurrency)) finish_one();
        auto what = std::make_unique<rating>(rating{labelled ? q.on_labels : q.judge, example_of(s), s.outputs});
        auto run = rt.start(q.run, *what);
        all.push_back({i, std::move(what), std::move(run)});
    }
    while (!all.empty()) finish_one();
    return scores;
}

}  // namespace reagent
