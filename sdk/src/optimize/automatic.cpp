#include <reagent/optimize/automatic.hpp>

#include <reagent/optimize/demonstrations.hpp>
#include <reagent/optimize/gepa.hpp>
#include <reagent/optimize/instructions.hpp>
#include <reagent/schema/render.hpp>

#include "numbers.hpp"
#include "proposer.hpp"

#include <boost/json.hpp>

#include <cmath>
#include <functional>

namespace reagent {
namespace {

struct gain {
    double mean = 0, low = 0, high = 0;  // in points
};

gain gain_of(const std::vector<double>& before, const std::vector<double>& after) {
    std::vector<double> gains;
    for (std::size_t i = 0; i < std::min(before.size(), after.size()); ++i)
        gains.push_back(100 * (after[i] - before[i]));
    gain g;
    g.mean = g.low = g.high = mean_of(gains);
    if (gains.size() < 2) return g;
    double square = 0;
    for (double one : gains) square += (one - g.mean) * (one - g.mean);
    const auto n = static_cast<double>(gains.size());
    const double reach = 1.96 * std::sqrt(square / (n - 1) / n);
    g.low -= reach, g.high += reach;
    return g;
}

std::string points(double d) { return python_float(std::round(d * 10) / 10); }

constexpr double worth_a_stage = 1;  // points

// The stages, each with a line in the lab book.
class lab {
public:
    lab(study& s, const automatic_options& how)
        : s_{s}, how_{how}, data_{s.validation().empty() ? s.train() : s.validation()} {}

    void candidate(const std::string& what, const parameters& p) {
        entered(what, [&] {
            const auto result = s_.race(data_, p);
            if (result.complete) s_.offer(p, result.seen);
        });
    }

    // @return whether it was worth it
    bool stage(const std::string& what, const std::function<void()>& work) {
        const auto g = entered(what, work);
        if (g.high >= worth_a_stage && g.mean > 0) return true;
        write("what " + what + " gained is not worth a dearer search");
        return false;
    }

    // Whether there is nothing left to gain.
    bool is_done() {
        if (!s_.best_score()) return false;
        const double enough = how_.target.value_or(100);
        if (*s_.best_score() < enough) return false;
        write("the best reached " + python_float(enough) + ": enough");
        return true;
    }

    void write(const std::string& line) {
        s_.tell(line);
        book_.emplace_back(line);
        s_.report("lab_book", book_);
    }

private:
    gain entered(const std::string& what, const std::function<void()>& work) {
        const auto before = s_.best_scores();
        const auto calls = s_.spent().calls;
        const auto was = s_.best_score();
        work();
        const auto g = before.empty() ? gain{} : gain_of(before, s_.best_scores());
        std::string line = what + ": best " + python_float(s_.best_score().value_or(0));
        if (was) line += ", gain " + points(g.mean) + " (" + points(g.low) + " to " + points(g.high) + ")";
        write(line + ", " + std::to_string(s_.spent().calls - calls) + " calls");
        return g;
    }

    study& s_;
    const automatic_options& how_;
    const dataset data_;
    json::array book_;
};

}  // namespace

optimizer::work automatic::plan(std::size_t predictors, std::size_t train, std::size_t validation) const {
    auto all = work_of(gepa{}, predictors, train, validation);
    for (const auto& more : {work_of(gepa{{.effort = gepa_effort::medium}}, predictors, train, validation),
                             validation ? work_of(mipro{}, predictors, train, validation) : work{}}) {
        all.runs += more.runs;
        all.proposals += more.proposals;
    }
    all.runs += 4 * (validation ? validation : train) + 16;
    return all;
}

void automatic::search(study& s) const {
    lab book{s, how_};
    const bool held_out = !s.validation().empty();
    book.candidate("as it is", s.start());
    if (book.is_done()) return;
    book.candidate("labeled examples", with_labels(s, how_.demos, 501));
    if (held_out && !book.is_done())
        book.candidate("the nearest labeled examples",
                       with_nearest(s, labeled_pools(s, in_order(s.train().size())), 4));
    if (book.is_done()) return;
    const bootstrap_size size{4, how_.demos, 1, {}};
    book.candidate("demonstrations from runs",
                   with_demos(s, bootstrap_demos(s, in_order(s.train().size()), size, 502), size, 502));
    if (book.is_done()) return;
    if (!book.stage("reflection, light", [&] { search_with(gepa{}, s); }) || book.is_done()) return;
    if (held_out && !book.stage("instructions and demonstrations, light", [&] { search_with(mipro{}, s); })) return;
    if (book.is_done()) return;
    book.stage("reflection, medium", [&] { search_with(gepa{{.effort = gepa_effort::medium}}, s); });
}

}  // namespace reagent
