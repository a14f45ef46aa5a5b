#include <reagent/sandbox/process.hpp>

#include "box.hpp"
#include "bubblewrap.hpp"

#include <poll.h>

#include <algorithm>
#include <array>

namespace reagent::sandbox {
namespace {

using namespace detail;
using clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto longest = std::chrono::hours{24 * 365 * 10};
constexpr auto grace = 800ms;  // for the kernel to end what was killed, after the deadline

// Waits until the box has something to tell, at most until the next sample.
void turn(box& b, clock::time_point until) {
    auto wait = std::chrono::ceil<std::chrono::milliseconds>(
        std::clamp<clock::duration>(until - clock::now(), 0ms, sample_time));
    std::array<pollfd, 5> fds{pollfd{b.out.end.fd, POLLIN, 0}, pollfd{b.err.end.fd, POLLIN, 0},
                              pollfd{b.status(), POLLIN, 0}, pollfd{b.program(), POLLIN, 0},
                              pollfd{b.guardian(), POLLIN, 0}};
    if (::poll(fds.data(), fds.size(), static_cast<int>(wait.count())) <= 0) return;
    if (fds[0].revents) b.out.read_some();
    if (fds[1].revents) b.err.read_some();
    b.step();
}

}  // namespace

outcome run(const command& c) {
    // Both bounds keep the sum in its range.
    auto deadline = clock::now() + std::clamp<std::chrono::milliseconds>(c.limit.wall_time, 0ms, longest);
    check(c);
    box b{c, deadline};
    std::string exceeded;
    for (auto next_sample = clock::now(); !b.ended() && exceeded.empty();) {
        const auto now = clock::now();
        if (now >= deadline) {
            exceeded = "wall_time";
        } else if (now >= next_sample) {
            exceeded = b.exceeded(deadline);
            next_sample = clock::now() + sample_time;
        }
        if (exceeded.empty()) turn(b, deadline);
    }
    return b.conclude(std::move(exceeded), deadline + grace);
}

outcome run(std::vector<std::string> argv, std::string input, const limits& l) {
    command c{.argv = std::move(argv), .input = std::move(input), .limit = l};
    return run(c);
}

}  // namespace reagent::sandbox
