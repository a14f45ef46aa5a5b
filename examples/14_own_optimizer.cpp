// An optimizer of one's own: takes demonstrations away, one after the other, as long as the score does not fall. What
// is left costs less in every call. `compile --optimizer fewer_demos` finds it by its name.
#include <reagent/cli_main.hpp>
#include <reagent/optimize/demonstrations.hpp>
#include <reagent/reagent.hpp>

namespace rg = reagent;

struct fewer_demos_options {
    std::size_t demos = 12;  // to begin with, of each predictor
    double may_lose = 0;     // points that are worth a shorter prompt
};

class fewer_demos : public rg::optimizer {
public:
    explicit fewer_demos(fewer_demos_options how) : how_{how} {}
    std::string_view name() const override { return "fewer_demos"; }

private:
    work plan(std::size_t predictors, std::size_t train, std::size_t validation) const override {
        return {.runs = (1 + how_.demos * predictors) * (validation ? validation : train)};
    }

    void search(rg::study& s) const override {
        const auto& data = s.validation().empty() ? s.train() : s.validation();
        auto kept = rg::with_labels(s, how_.demos, 0);
        s.settle_on(kept);
        double score = s.score(data, kept).score;
        for (const rg::predictor* p : s.predictors()) {
            auto& demos = kept.predictors[p->predictor_path()].demos;
            for (std::size_t i = demos.size(); i-- > 0;) {
                auto without = kept;
                auto& fewer = without.predictors[p->predictor_path()].demos;
                fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
                double now = s.score(data, without).score;
                s.note({{"left", fewer.size()}, {"score", now}});
                if (now + how_.may_lose < score) continue;
                demos.erase(demos.begin() + static_cast<std::ptrdiff_t>(i));
                score = std::max(score, now);
                s.settle_on(kept);
                s.tell(std::to_string(demos.size()) + " demonstrations: " + std::to_string(now));
            }
        }
    }

    fewer_demos_options how_;
};

struct sorter : rg::module {
    rg::predict<rg::sig<"message -> intent">> sort{*this, "sort"};
    rg::task<rg::json::object> call(rg::run& run, rg::json::object inputs) const {
        return sort.call(run, std::move(inputs));
    }
};

int main(int argc, char** argv) {
    auto known = rg::optimizers::ready();
    known.add<fewer_demos>(
        "fewer_demos",
        rg::settings<fewer_demos_options>{}
            .add("demos", &fewer_demos_options::demos, "demonstrations to begin with", {1, 100})
            .add("may_lose", &fewer_demos_options::may_lose, "points that a shorter prompt may cost", {0, 100}));
    sorter program;
    return rg::cli_main(argc, argv,
                        {.root = program,
                         .call = rg::as_program(program),
                         .description = "Sorts messages to customer service by what they are about",
                         .optimizers = known});
}
