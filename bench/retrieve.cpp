// An index beside hnswlib by itself, in one run: time to build, bytes, recall with filters, queries per second, and how
// long a search under way stalls the run's thread. Usage: retrieve [VECTORS] [DIMENSIONS] [SPREAD] [FOLDER]; a larger
// spread makes topics less distinct. FOLDER is given the vectors, for chroma.py.
#include "bare_hnswlib.hpp"
#include "measure.hpp"

#include <reagent/module/parallel.hpp>
#include <reagent/retrieve/hybrid.hpp>
#include <reagent/retrieve/index.hpp>
#include <reagent/retrieve/lexical.hpp>
#include <reagent/retrieve/retrieve.hpp>
#include <reagent/retrieve/vectors.hpp>
#include <reagent/run/runtime.hpp>

#include <boost/asio/steady_timer.hpp>
#include <boost/json.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <thread>

using namespace reagent;
namespace fs = std::filesystem;
using steady = std::chrono::steady_clock;

namespace {

double seconds_since(steady::time_point start) { return std::chrono::duration<double>(steady::now() - start).count(); }

std::vector<std::vector<float>> made(std::size_t count, std::size_t dimensions, float spread, unsigned seed) {
    std::mt19937 topics_rng{7}, rng{seed};
    std::normal_distribution<float> normal;
    std::vector<std::vector<float>> topics(1000, std::vector<float>(dimensions)),
        all(count, std::vector<float>(dimensions));
    for (auto& t : topics)
        for (float& f : t) f = normal(topics_rng);
    for (auto& v : all) {
        const auto& t = topics[rng() % topics.size()];
        double squares = 0;
        for (std::size_t i = 0; i < dimensions; ++i) {
            v[i] = t[i] + spread * normal(rng);
            squares += static_cast<double>(v[i]) * v[i];
        }
        for (float& f : v) f = static_cast<float>(f / std::sqrt(squares));
    }
    return all;
}

struct latencies {
    std::vector<double> ms;
    double at(double share) {
        std::sort(ms.begin(), ms.end());
        return ms[std::min(ms.size() - 1, static_cast<std::size_t>(share * static_cast<double>(ms.size())))];
    }
    double per_second() const {
        double sum = 0;
        for (double m : ms) sum += m;
        return 1000 * static_cast<double>(ms.size()) / sum;
    }
};

template <class Search>
latencies timed(const std::vector<std::vector<float>>& queries, Search search) {
    latencies l;
    for (const auto& q : queries) {
        const auto start = steady::now();
        search(q);
        l.ms.push_back(1000 * seconds_since(start));
    }
    return l;
}

std::set<std::string> ids(const std::vector<passage>& found) {
    std::set<std::string> all;
    for (const auto& p : found) all.insert(p.id);
    return all;
}

double recall(const passage_index& i, const std::vector<std::vector<float>>& queries, const filter& where,
              std::size_t& few) {
    std::size_t found = 0, wanted = 0;
    for (const auto& q : queries) {
        const auto truth = ids(i.by_vector_exactly(q, 10, where)), got = ids(i.by_vector(q, 10, where));
        few += got.size() < truth.size();
        wanted += truth.size();
        for (const auto& id : truth) found += got.contains(id);
    }
    return static_cast<double>(found) / static_cast<double>(wanted);
}

void keep(const fs::path& folder, std::size_t dimensions, const passage_index& i,
          const std::vector<std::vector<float>>& vectors, const std::vector<std::vector<float>>& queries) {
    fs::create_directories(folder);
    auto write = [](std::ofstream& to, const auto& row) {
        to.write(reinterpret_cast<const char*>(row.data()), static_cast<std::streamsize>(row.size() * sizeof row[0]));
    };
    std::ofstream of_vectors{folder / "vectors", std::ios::binary}, of_queries{folder / "queries", std::ios::binary},
        exact{folder / "exact", std::ios::binary};
    for (const auto& v : vectors) write(of_vectors, v);
    for (const auto& q : queries) {
        write(of_queries, q);
        std::vector<std::int32_t> nearest;
        for (const auto& p : i.by_vector_exactly(q, 10)) nearest.push_back(std::stoi(p.id));
        write(exact, nearest);
    }
    std::ofstream{folder / "dimensions"} << dimensions;
}

// Searches, while a timer of the same thread ticks every millisecond.
struct stalls {
    std::shared_ptr<const retriever> from;
    const std::vector<std::vector<float>>& queries;
    task<double> forward(run& r) const {
        double worst = 0;
        bool done = false;
        auto executor = co_await asio::this_coro::executor;
        auto ticking = [&]() -> task<void> {
            asio::steady_timer timer{executor};
            while (!done) {
                const auto due = steady::now() + std::chrono::milliseconds{1};
                timer.expires_at(due);
                co_await timer.async_wait(asio::use_awaitable);
                worst = std::max(worst, 1000 * std::chrono::duration<double>(steady::now() - due).count());
            }
        };
        auto searching = [&]() -> task<void> {
            std::size_t n = 0;
            for (const auto& q : queries) {
                retrieval what{"passage number " + std::to_string(n++), 10};
                what.vector = q;
                co_await from->retrieve(r, what);
            }
            done = true;
        };
        std::vector<task<void>> both;
        both.push_back(ticking());
        both.push_back(searching());
        co_await detail::all_or_first_failure(std::move(both));
        co_return worst;
    }
};

}  // namespace

int main(int argc, char** argv) {
    const std::size_t count = argc > 1 ? std::stoul(argv[1]) : 100'000,
                      dimensions = argc > 2 ? std::stoul(argv[2]) : 384;
    const float spread = argc > 3 ? std::stof(argv[3]) : 1.0F;
    const unsigned threads = std::max(1u, std::thread::hardware_concurrency());
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    const auto vectors = made(count, dimensions, spread, 1), queries = made(500, dimensions, spread, 2);
    auto pattern = (fs::temp_directory_path() / "reagent-bench-XXXXXX").string();
    const fs::path dir = ::mkdtemp(pattern.data());

    const auto embedder = "words-" + std::to_string(dimensions);  // so that a retriever takes the index; none is asked

    // By processor time of all threads: others work on the machine too.
    auto start = cpu_seconds();
    const bare_hnswlib bare{vectors, threads};
    const double bare_build = cpu_seconds() - start;

    auto i = passage_index::create(dir / "index", {.embedder = embedder, .dimensions = dimensions});
    start = cpu_seconds();
    {
        auto w = i.write();
        for (std::size_t n = 0; n < count; ++n)
            w.put({.id = std::to_string(n),
                   .text = "passage number " + std::to_string(n),
                   .metadata = {{"percent", n % 100}}},
                  vectors[n]);
        std::printf("put: %.1f s\n", cpu_seconds() - start);
        w.commit();
    }
    const double build = cpu_seconds() - start;
    std::printf("%zu x %zu, spread %.1f, %u threads\nbuild: %.1f s of processors; hnswlib alone %.1f s; ratio %.2f\n",
                count, dimensions, static_cast<double>(spread), threads, build, bare_build, build / bare_build);
    std::printf("bytes: %.1f MB\n", static_cast<double>(i.manifest().bytes) / 1e6);

    if (argc > 4) keep(argv[4], dimensions, i, vectors, queries);

    const std::vector<std::vector<float>> some(queries.begin(), queries.begin() + 100);
    for (int percent : {100, 50, 10, 1}) {
        std::size_t few = 0;
        const auto where = percent == 100 ? filter{} : filter::lt("percent", percent);
        const double r = recall(i, some, where, few);
        auto l = timed(queries, [&](const auto& q) { i.by_vector(q, 10, where); });
        std::printf("filter %3d %%: recall@10 %.4f, too few %zu; %.0f queries/s, p50 %.2f ms, p99 %.2f ms\n", percent,
                    r, few, l.per_second(), l.at(0.5), l.at(0.99));
    }
    auto exact = timed(some, [&](const auto& q) { i.by_vector_exactly(q, 10); });
    std::printf("exact: %.0f queries/s, p50 %.2f ms\n", exact.per_second(), exact.at(0.5));
    for (std::size_t effort : {32u, 48u, 64u, 96u, 128u, 192u, 256u, 384u, 512u, 1024u}) {
        std::size_t found = 0;
        for (const auto& q : some) {
            const auto truth = ids(i.by_vector_exactly(q, 10));
            for (auto n : bare.nearest(q, 10, effort)) found += truth.contains(std::to_string(n));
        }
        auto l = timed(queries, [&](const auto& q) { bare.nearest(q, 10, effort); });
        std::printf("hnswlib alone, ef %4zu: recall@10 %.4f, %.0f queries/s, p50 %.2f ms, p99 %.2f ms\n", effort,
                    static_cast<double>(found) / 1000, l.per_second(), l.at(0.5), l.at(0.99));
        if (found >= 995) break;
    }
    const vector_source source{embedder};
    const auto words = lexical(i), near = nearest(i, source), exactly = nearest(i, source, {.exactly = true});
    runtime rt;
    for (const auto& from : {words, near, exactly, hybrid({{words}, {near}})})
        std::printf("%s: the run's thread was kept waiting at most %.2f ms by %zu searches\n", from->name().c_str(),
                    rt.run(run_options{}, stalls{from, some}), some.size());
    fs::remove_all(dir);
}
