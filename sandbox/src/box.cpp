#include "box.hpp"

#include "bubblewrap.hpp"
#include "filter.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <cstdlib>

namespace reagent::sandbox::detail {
namespace {

constexpr unsigned spare_processes = 8;  // the kernel's own limit lies above: samples see what goes beyond ours

// What bubblewrap tells as JSON, read without a parser: it tells numbers only. "" in it is a name.
std::optional<long> told(const std::string& status, const char* name) {
    auto at = status.find(std::string{"\""} + name + "\": ");
    auto end = at == status.npos ? at : status.find_first_of(",}", at);
    if (end == status.npos) return std::nullopt;
    return std::strtol(status.c_str() + status.find(": ", at) + 2, nullptr, 10);
}

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

}  // namespace

bool collected::read_some() {
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

box::box(const command& c, clock::time_point until, const std::vector<int>& more) : c_{c} {
    const char* program = bubblewrap();
    watch::check();
    pipe_ends out_pipe, err_pipe, status_pipe;
    // The program's descriptors 0 to 2; then bubblewrap's own, which it closes; then those that the program has
    // besides.
    constexpr int filter = 3, arguments = 4, block = 5, reports = 6, keep = 7;
    const bool filtered = !c.without.contains(layer::seccomp);
    auto input = sealed_file("input", c.input);
    auto setup_text = sealed_file("setup", setup(c, {filtered ? filter : -1, block, keep, reports}));
    auto calls = allowed_calls();
    std::string arguments_number = std::to_string(arguments);
    std::vector<const char*> argv{program, "--args", arguments_number.c_str(), "--"};
    for (const auto& a : c.argv) argv.push_back(a.c_str());
    std::vector<int> descriptors{input.fd,      out_pipe.write.fd, err_pipe.write.fd,    calls.fd,
                                 setup_text.fd, hold_.read.fd,     status_pipe.write.fd, hold_.write.fd};
    descriptors.insert(descriptors.end(), more.begin(), more.end());
    box_ = launch(program, argv, descriptors, {root_, !c.without.contains(layer::landlock)}, until);
    status_ = {std::move(status_pipe.read), &status_text_, 10'000, nullptr};
    out = {std::move(out_pipe.read), &said, c.limit.output_bytes, &truncated};
    err = {std::move(err_pipe.read), &complained, c.limit.output_bytes, &truncated};
    for (auto* p : {&out, &err, &status_}) ::fcntl(p->end.fd, F_SETFL, O_NONBLOCK);
}

box::~box() {
    end_all(clock::now() + std::chrono::milliseconds{800});
    reap(std::move(box_.guardian));
}

void box::step() {
    status_.read_some();
    find_inner();
    if (inner_.pidfd && !released_) release();
}

// Its number is that of bubblewrap's child as long as bubblewrap has not ended.
void box::find_inner() {
    auto id = inner_.pidfd ? std::nullopt : told(status_text_, "child-pid");
    if (!id || !box_.program.pidfd) return;
    process found{static_cast<pid_t>(*id), descriptor{static_cast<int>(::syscall(SYS_pidfd_open, *id, 0))}};
    if (found.pidfd && !box_.program.has_ended()) inner_ = std::move(found);
}

// Process 1 of the namespace waits for a byte before it starts the program. A limit of which it hears nothing any more
// is no start.
void box::release() {
    released_ = set_limits(inner_.id, of_each_process(c_.limit), root_);
    if (!released_) return;
    watch_.emplace(inner_.id, c_.limit);
    if (::write(hold_.write.fd, "g", 1) != 1) fail("starting the program");
}

bool box::pause() { return watch_ && watch_->stop(); }

void box::go_on() {
    if (watch_) watch_->go_on();
}

// The guardian ends all; what is killed here too is so should the guardian have been killed.
void box::end_all(clock::time_point until) {
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
    stuck_ = false;
    for (const auto* p : {&box_.guardian, &inner_, &box_.program}) stuck_ |= p->pidfd && !p->has_ended();
}

std::optional<long> box::exit_code() {
    while (status_.read_some()) {
    }
    return told(status_text_, "exit-code");
}

outcome box::conclude(std::string exceeded, clock::time_point until) {
    // Told after it was killed, it would be the kill's.
    auto code = exit_code();
    end_all(until);
    if (auto later = exit_code(); !code && exceeded.empty()) code = later;
    // Writers are dead or stopped for good; what they left in the pipes is bounded, unless one is stuck.
    for (auto* p : {&out, &err})
        for (int parts = 0; parts < 1024 && p->read_some(); ++parts) {
        }
    outcome o;
    o.exceeded = std::move(exceeded);
    o.truncated = truncated;
    o.stuck = stuck_;
    o.out = std::move(said);
    o.err = std::move(complained);
    tell(o, code, o.exceeded);
    o.timed_out = o.exceeded == "wall_time";
    return o;
}

void box::tell(outcome& o, std::optional<long> code, const std::string& exceeded) const {
    if (code) {
        const bool signalled = *code > 128 && *code <= 128 + 64;
        (signalled ? o.signal : o.exit_code) = static_cast<int>(signalled ? *code - 128 : *code);
        o.exceeded.clear();  // it had ended by itself when its time was up
    } else if (exceeded.empty() && !released_ && o.err.empty())
        fail("what starts the program was killed by another process", ECANCELED);
    else if (exceeded.empty() && (!released_ || o.err.starts_with("bwrap: ")))
        could_not_start(c_, o.err);
    else
        o.signal = SIGKILL;
}

}  // namespace reagent::sandbox::detail
