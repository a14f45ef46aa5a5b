#include <reagent/sandbox/process.hpp>

#include "bubblewrap.hpp"
#include "descriptor.hpp"
#include "filter.hpp"
#include "launch.hpp"
#include "undumpable.hpp"
#include "watch.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>

namespace reagent::sandbox {
namespace {

using namespace detail;
using clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto sample_time = 25ms;
constexpr unsigned spare_processes =
    8;  // the kernel's own limit lies above: to fail at it is dear, and many at once block the machine
constexpr auto longest = std::chrono::hours{24 * 365 * 10};
constexpr auto grace = 800ms;  // for the kernel to end what was killed, after the deadline

// What bubblewrap tells as JSON, read without a parser: it tells numbers only. "" in it is a name.
std::optional<long> told(const std::string& status, const char* name) {
    auto at = status.find(std::string{"\""} + name + "\": ");
    auto end = at == status.npos ? at : status.find_first_of(",}", at);
    if (end == status.npos) return std::nullopt;
    return std::strtol(status.c_str() + status.find(": ", at) + 2, nullptr, 10);
}

// Keeps the first `most` bytes of a pipe and throws the rest away. Never blocks.
struct collected {
    descriptor end;
    std::string* text;
    std::uint64_t most;
    bool* truncated;

    // Returns whether there may be more.
    bool read_some() {
        if (!end) return false;
        std::array<char, 16384> part;
        auto n = ::read(end.fd, part.data(), part.size());
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) return false;
        if (n <= 0) {
            end.close();
            return false;
        }
        auto got = static_cast<std::uint64_t>(n);
        auto room = std::min(got, most - std::min<std::uint64_t>(most, text->size()));
        if (room < got && truncated) *truncated = true;
        text->append(part.data(), static_cast<std::size_t>(room));
        return true;
    }
};

// Of process 1 of the namespace, which is still held back; what it starts inherits them. The number of processes is
// counted per user namespace (Linux 5.14), so others of the same user do not count.
std::vector<resource_limit> of_each_process(const limits& l) {
    return {{RLIMIT_CPU, static_cast<std::uint64_t>(l.cpu_time.count())},
            {RLIMIT_AS, l.memory_bytes},
            {RLIMIT_FSIZE, l.file_bytes},
            {RLIMIT_NOFILE, l.open_files},
            {RLIMIT_NPROC, l.processes + 1ull + spare_processes},  // process 1 is not the program
            {RLIMIT_CORE, 1},  // with 0 a machine that pipes core dumps to a program of its own would still do so
            {RLIMIT_MSGQUEUE, 0},
            {RLIMIT_MEMLOCK, std::min<std::uint64_t>(l.memory_bytes, 8 << 20)},
            {RLIMIT_SIGPENDING, 1024}};
}

class supervised {
public:
    supervised(const command& c, clock::time_point deadline) : c_{c}, deadline_{deadline} {
        const char* program = bubblewrap();
        watch::check();
        pipe_ends out, err, status;
        // The program's descriptors 0 to 2; then bubblewrap's own, which it closes.
        constexpr int filter = 3, arguments = 4, block = 5, reports = 6, keep = 7;
        auto input = sealed_file("input", c.input),
             setup_text = sealed_file("setup", setup(c, {filter, block, keep, reports}));
        auto calls = allowed_calls();
        std::string arguments_number = std::to_string(arguments);
        std::vector<const char*> argv{program, "--args", arguments_number.c_str(), "--"};
        for (const auto& a : c.argv) argv.push_back(a.c_str());
        box_ = launch(program, argv,
                      {input.fd, out.write.fd, err.write.fd, calls.fd, setup_text.fd, hold_.read.fd, status.write.fd,
                       hold_.write.fd},
                      root_, deadline);
        status_ = {std::move(status.read), &status_text_, 10'000, nullptr};
        out_ = {std::move(out.read), &result_.out, c.limit.output_bytes, &result_.truncated};
        err_ = {std::move(err.read), &result_.err, c.limit.output_bytes, &result_.truncated};
        for (auto* p : {&out_, &err_, &status_}) ::fcntl(p->end.fd, F_SETFL, O_NONBLOCK);
    }

    ~supervised() {
        end_all();
        reap(std::move(box_.guardian));
    }

    outcome finish() {
        while (!ended() && result_.exceeded.empty()) turn();
        while (status_.read_some()) {
        }
        // Told after it was killed, it would be the kill's.
        auto code = told(status_text_, "exit-code");
        end_all();
        while (status_.read_some()) {
        }
        if (!code && result_.exceeded.empty()) code = told(status_text_, "exit-code");
        // Writers are dead or stopped for good; what they left in the pipes is bounded, unless one is stuck.
        for (auto* p : {&out_, &err_})
            for (int parts = 0; parts < 1024 && p->read_some(); ++parts) {
            }
        conclude(code);
        return std::move(result_);
    }

private:
    void conclude(std::optional<long> code) {
        if (code) {
            result_.exceeded.clear();  // it had ended by itself when its time was up
            (*code > 128 && *code <= 128 + 64 ? result_.signal : result_.exit_code) =
                static_cast<int>(*code > 128 && *code <= 192 ? *code - 128 : *code);
        } else if (result_.exceeded.empty() && !released_ && result_.err.empty())
            fail("what starts the program was killed by another process", ECANCELED);
        else if (result_.exceeded.empty() && (!released_ || result_.err.starts_with("bwrap: ")))
            could_not_start(c_, result_.err);
        else
            result_.signal = SIGKILL;
        result_.timed_out = result_.exceeded == "wall_time";
    }

    bool ended() const { return box_.guardian.has_ended() || (box_.program.pidfd && box_.program.has_ended()); }

    void turn() {
        auto now = clock::now();
        if (now >= deadline_) {
            result_.exceeded = "wall_time";
            return;
        }
        if (watch_ && now >= next_sample_) {
            result_.exceeded = watch_->exceeded(deadline_);
            next_sample_ = clock::now() + sample_time;
            if (!result_.exceeded.empty()) return;
        }
        auto wait =
            std::chrono::ceil<std::chrono::milliseconds>(std::min<clock::duration>(deadline_ - now, sample_time));
        std::array<pollfd, 5> fds{pollfd{out_.end.fd, POLLIN, 0}, pollfd{err_.end.fd, POLLIN, 0},
                                  pollfd{status_.end.fd, POLLIN, 0}, pollfd{box_.program.pidfd.fd, POLLIN, 0},
                                  pollfd{box_.guardian.pidfd.fd, POLLIN, 0}};
        if (::poll(fds.data(), fds.size(), static_cast<int>(wait.count())) <= 0) return;
        if (fds[0].revents) out_.read_some();
        if (fds[1].revents) err_.read_some();
        if (fds[2].revents) status_.read_some();
        find_inner();
        if (inner_.pidfd && !released_) release();
    }

    // Its number is that of bubblewrap's child as long as bubblewrap has not ended.
    void find_inner() {
        auto id = inner_.pidfd ? std::nullopt : told(status_text_, "child-pid");
        if (!id || !box_.program.pidfd) return;
        process found{static_cast<pid_t>(*id), descriptor{static_cast<int>(::syscall(SYS_pidfd_open, *id, 0))}};
        if (found.pidfd && !box_.program.has_ended()) inner_ = std::move(found);
    }

    // Process 1 of the namespace waits for a byte before it starts the program. A limit of which it hears nothing any
    // more is no start.
    void release() {
        released_ = set_limits(inner_.id, of_each_process(c_.limit), root_);
        if (!released_) return;
        watch_.emplace(inner_.id, c_.limit);
        if (::write(hold_.write.fd, "g", 1) != 1) fail("starting the program");
    }

    // The guardian ends all; what is killed here too is so should the guardian have been killed.
    void end_all() {
        auto until = deadline_ + grace;
        box_.end();
        bool alone = box_.guardian.has_ended() && !told(status_text_, "exit-code");
        for (const auto* p : {&inner_, &box_.program}) p->kill();
        for (const auto* p : {&box_.guardian, &inner_, &box_.program})
            while (p->pidfd && !p->has_ended() && clock::now() < until) {
                pollfd fd{p->pidfd.fd, POLLIN, 0};
                ::poll(&fd, 1, 10);
            }
        // With these the namespace has ended.
        if (inner_.pidfd && inner_.has_ended() && box_.program.has_ended()) box_.guardian.kill();
        // Killed with its guardian just when it had made process 1 of the namespace, bubblewrap has told nobody of it.
        while (alone && kill_holders(hold_.read, "bwrap") && clock::now() < until) ::poll(nullptr, 0, 10);
        result_.stuck = false;
        for (const auto* p : {&box_.guardian, &inner_, &box_.program}) result_.stuck |= p->pidfd && !p->has_ended();
    }

    undumpable shield_;
    const command& c_;
    clock::time_point deadline_, next_sample_{};
    launched box_;    // bubblewrap
    process inner_;   // process 1 of the namespace
    pipe_ends hold_;  // the start signal; both ends are kept, so that neither side meets a closed pipe
    std::string status_text_;
    outcome result_;
    collected status_, out_, err_;
    std::optional<watch> watch_;
    const bool root_ = ::geteuid() == 0;
    bool released_ = false;
};

}  // namespace

outcome run(const command& c) {
    // Both bounds keep the sum in its range.
    auto deadline = clock::now() + std::clamp<std::chrono::milliseconds>(c.limit.wall_time, 0ms, longest);
    check(c);
    supervised s{c, deadline};
    return s.finish();
}

outcome run(std::vector<std::string> argv, std::string input, const limits& l) {
    command c{.argv = std::move(argv), .input = std::move(input), .limit = l};
    return run(c);
}

}  // namespace reagent::sandbox
