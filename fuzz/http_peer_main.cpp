// http_peer as a program without libFuzzer, for other compilers and sanitizers.
#include "peer/world.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <mutex>
#include <thread>
#include <vector>

using namespace reagent::fuzz;

namespace {

constexpr std::uint64_t per_world = 50;

// A world by number: the same seed and number play the same.
tally play_world(std::uint64_t seed, std::uint64_t number) {
    return play(choices{choices::mixed(seed) ^ choices::mixed(number)}, per_world);
}

class tournament {
public:
    tournament(std::uint64_t exchanges, std::uint64_t seed)
        : worlds_{(exchanges + per_world - 1) / per_world}, seed_{seed} {}

    void work() {
        for (;;) {
            auto number = next_++;
            if (number >= worlds_ || failed_) return;
            try {
                add(play_world(seed_, number), number);
            } catch (const std::exception& e) {
                failed_ = true;
                std::lock_guard lock{mutex_};
                std::cerr << "seed " << seed_ << ", world " << number << ": " << e.what() << "\nagain: http_peer 0 "
                          << seed_ << " 1 " << number << "\n";
            }
        }
    }

    bool failed() const { return failed_; }
    std::string text() const { return all_.text(); }

private:
    void add(const tally& t, std::uint64_t number) {
        std::lock_guard lock{mutex_};
        all_.add(t);
        if ((number + 1) % std::max<std::uint64_t>(1, worlds_ / 20) == 0) std::cerr << all_.exchanges << " exchanges\n";
    }

    std::uint64_t worlds_, seed_;
    std::atomic<std::uint64_t> next_ = 0;
    std::atomic<bool> failed_ = false;
    std::mutex mutex_;
    tally all_;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) {
        std::cerr << "usage: http_peer EXCHANGES SEED [THREADS [WORLD]]\nWith WORLD, plays that one alone.\n";
        return 2;
    }
    auto number = [&](int i) { return std::strtoull(argv[i], nullptr, 10); };
    auto start = std::chrono::steady_clock::now();
    if (argc > 4) {
        std::cout << play_world(number(2), number(4)).text() << "\n";
        return 0;
    }
    tournament t{number(1), number(2)};
    std::vector<std::thread> threads;
    for (std::uint64_t i = 0; i < (argc > 3 ? number(3) : 1); ++i) threads.emplace_back([&] { t.work(); });
    for (auto& thread : threads) thread.join();
    std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    std::cout << t.text() << "\n" << took.count() << " s\n";
    return t.failed() ? 1 : 0;
}
