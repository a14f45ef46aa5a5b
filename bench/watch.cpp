// What watching's tests are worth: false alarms of streams in which nothing changes, and how often a shift of three
// sizes is seen. watch_power [STREAMS]: prints the tables of docs/watching.md.
#include <reagent/watch/comparison.hpp>
#include <reagent/watch/drift.hpp>
#include <reagent/watch/statistics.hpp>

#include <boost/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>

using namespace reagent;

namespace {

double uniform(std::mt19937_64& random) { return static_cast<double>(random() >> 11) * 0x1p-53; }

struct world {
    double longer = 1, billing = 0.4, new_words = 0, confidence = 0;
};

// Messages of about 8 words of a vocabulary of 80, an intent, a confidence.
std::vector<sample> samples(std::mt19937_64& random, std::size_t n, const world& w) {
    std::vector<sample> all(n);
    for (auto& s : all) {
        std::string text;
        const bool is_new = uniform(random) < w.new_words;
        const auto words = static_cast<std::size_t>(3 + w.longer * 5 * -std::log(1 - uniform(random)));
        for (std::size_t k = 0; k < std::min<std::size_t>(words, 60); ++k)
            text += "w" + std::to_string(random() % 80 + (is_new && k < 3 ? 80 : 0)) + " ";
        const double u = uniform(random);
        s.inputs = {{"message", text}};
        s.outputs = {{"intent", u < w.billing                         ? "billing"
                                : u < w.billing + (1 - w.billing) / 2 ? "delivery"
                                                                      : "account"},
                     {"confidence", 0.9 - 0.3 * uniform(random) - w.confidence}};
    }
    return all;
}

struct seen {
    std::size_t any = 0, numbers = 0, categories = 0, texts = 0;
};

// Streams of a reference of 500 samples, and looks at windows of 250; the world is another from the first window on.
seen looked(std::size_t streams, const world& after, std::size_t looks, const drift_options& how) {
    seen count;
    for (std::size_t s = 0; s < streams; ++s) {
        std::mt19937_64 random{s + 1};
        auto reference = samples(random, 500, {});
        bool numbers = false, categories = false, texts = false;
        for (std::size_t k = 1; k <= looks; ++k)
            for (const auto& f : find_drift(reference, samples(random, 250, after), level_of_look(0.05, k), how)) {
                numbers = numbers || (f.drifted && f.test == "smirnov");
                categories = categories || (f.drifted && f.test == "chi_square");
                texts = texts || (f.drifted && f.test == "text");
            }
        count.numbers += numbers, count.categories += categories, count.texts += texts;
        count.any += numbers || categories || texts;
    }
    return count;
}

void print_windows(std::size_t streams) {
    const auto percent = [](std::size_t n, std::size_t of) {
        return 100.0 * static_cast<double>(n) / static_cast<double>(of);
    };
    std::printf("False alarms, %zu streams, four looks at level 5%% in all, every shift counts however small:\n",
                streams);
    auto none = looked(streams, {}, 4, {.least_stability = 0, .least_rank = 0});
    std::printf("  any test %.2f%%, numbers %.2f%%, categories %.2f%%, words %.2f%%\n", percent(none.any, streams),
                percent(none.numbers, streams), percent(none.categories, streams), percent(none.texts, streams));
    const std::size_t fewer = std::max<std::size_t>(100, streams / 20);
    std::printf(
        "Seen at the first look (reference 500, window 250), %zu streams:\n| shift | small | middle | large "
        "|\n|---|---|---|---|\n",
        fewer);
    struct row {
        const char* name;
        world sizes[3];
        std::size_t seen::*test;
    };
    const row rows[]{
        {"messages longer by 20%, 50%, 100%", {{.longer = 1.2}, {.longer = 1.5}, {.longer = 2}}, &seen::numbers},
        {"share of an intent 40% -> 50%, 55%, 65%",
         {{.billing = 0.5}, {.billing = 0.55}, {.billing = 0.65}},
         &seen::categories},
        {"confidence lower by 0.02, 0.05, 0.1",
         {{.confidence = 0.02}, {.confidence = 0.05}, {.confidence = 0.1}},
         &seen::numbers},
        {"new words in 5%, 15%, 40% of messages",
         {{.new_words = 0.05}, {.new_words = 0.15}, {.new_words = 0.4}},
         &seen::texts}};
    for (const auto& r : rows) {
        std::printf("| %s |", r.name);
        for (const auto& w : r.sizes) std::printf(" %.0f%% |", percent(looked(fewer, w, 1, {}).*r.test, fewer));
        std::printf("\n");
    }
}

void print_falls(std::size_t streams) {
    for (std::size_t length : {1000, 10'000}) {
        std::size_t alarms = 0;
        for (std::size_t s = 0; s < streams; ++s) {
            std::mt19937_64 random{s + 1};
            fall_test t{0.9, 0.05};
            for (std::size_t i = 0; i < length && !t.alarm(); ++i) t.add(uniform(random) < 0.9 ? 1 : 0);
            alarms += t.alarm();
        }
        std::printf(
            "Quality, looked at after each of %zu scores, mean exactly at the bound of 0.9, level 5%%: %.2f%% of %zu "
            "streams\n",
            length, 100.0 * static_cast<double>(alarms) / static_cast<double>(streams), streams);
    }
    std::printf(
        "Scores until a fall is seen, median and 9 of 10 (bound 0.85, level 5%%):\n| falls to | at once | after 2,000 "
        "good ones "
        "|\n|---|---|---|\n");
    for (double now : {0.8, 0.7, 0.5}) {
        std::printf("| %.1f |", now);
        for (std::size_t good : {0, 2000}) {
            std::vector<std::size_t> needed;
            for (std::size_t s = 0; s < 500; ++s) {
                std::mt19937_64 random{s + 1};
                fall_test t{0.85, 0.05};
                for (std::size_t i = 0; i < good; ++i) t.add(uniform(random) < 0.9 ? 1 : 0);
                std::size_t n = 0;
                for (; n < 20'000 && !t.alarm(); ++n) t.add(uniform(random) < now ? 1 : 0);
                needed.push_back(n);
            }
            std::sort(needed.begin(), needed.end());
            std::printf(" %zu, %zu |", needed[250], needed[450]);
        }
        std::printf("\n");
    }
    std::printf("Promised pairs for a canary (tolerance 0.05, level 5%%), first right in 90%%:\n");
    for (double second : {0.8, 0.7, 0.5}) {
        auto n = promised_pairs(0.9, second);
        std::printf("  second right in %.0f%%: %s\n", second * 100,
                    n ? std::to_string(*n).c_str() : "more than 20,000");
    }
    std::size_t back = 0;
    for (std::size_t s = 0; s < streams; ++s) {
        std::mt19937_64 random{s + 1};
        canary_guard g;
        for (std::size_t i = 0; i < 1000 && !g.is_worse(); ++i) {
            g.first(false, uniform(random) < 0.9 ? 1 : 0);
            g.second(false, uniform(random) < 0.85 ? 1 : 0);
        }
        back += g.is_worse();
    }
    std::printf("Canary exactly as bad as is tolerated, 1,000 pairs: %.2f%% of %zu go back\n",
                100.0 * static_cast<double>(back) / static_cast<double>(streams), streams);
}

}  // namespace

int main(int argc, char** argv) {
    const std::size_t streams = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 10'000;
    print_falls(streams);
    std::fflush(stdout);
    print_windows(streams);
}
