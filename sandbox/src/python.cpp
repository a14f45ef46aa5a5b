#include <reagent/sandbox/python.hpp>

#include "box.hpp"
#include "bubblewrap.hpp"
#include "cell_message.hpp"
#include "channel.hpp"
#include "python_driver.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <array>

namespace reagent::sandbox {
namespace {

using namespace detail;
using namespace std::chrono_literals;

command command_of(const python_options& o) {
    command c{.argv = {o.program, "-I", "-X", "utf8", "-c", std::string{}},
              .environment = o.environment,
              .readable = o.readable,
              .limit = o.limit,
              .may_lack = o.may_lack,
              .without = o.without};
    c.readable.insert(c.readable.end(), o.packages.begin(), o.packages.end());
    // Those who bring their own say where; text in them is nothing that Python would read otherwise.
    for (const auto& folder : o.packages)
        c.argv.back() += "import sys\nsys.path.append(" + json::serialize(json::string(folder)) + ")\n";
    c.argv.back() += python_driver;
    return c;
}

// One descriptor that tells of all that can happen to an interpreter, and every `sample_time` of the time.
class events {
public:
    events()
        : all_{::epoll_create1(EPOLL_CLOEXEC)}, timer_{::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)} {
        if (!all_ || !timer_) fail("epoll, timerfd");
        add(timer_.fd, EPOLLIN);
    }
    void add(int fd, std::uint32_t what) {
        epoll_event e{.events = what, .data = {.fd = fd}};
        if (fd >= 0 && ::epoll_ctl(all_.fd, EPOLL_CTL_ADD, fd, &e) != 0) fail("epoll_ctl");
    }
    void change(int fd, std::uint32_t what) {
        epoll_event e{.events = what, .data = {.fd = fd}};
        ::epoll_ctl(all_.fd, EPOLL_CTL_MOD, fd, &e);
    }
    void tick(bool on) {
        const long period = on ? std::chrono::nanoseconds{sample_time}.count() : 0;
        itimerspec t{.it_interval = {0, period}, .it_value = {0, period}};
        ::timerfd_settime(timer_.fd, 0, &t, nullptr);
    }
    bool ticked() {
        std::uint64_t times = 0;
        return ::read(timer_.fd, &times, sizeof times) > 0;
    }
    descriptor copy() const { return descriptor{::fcntl(all_.fd, F_DUPFD_CLOEXEC, 16)}; }

private:
    descriptor all_, timer_;
};

}  // namespace

struct python::state {
    explicit state(python_options options) : o{std::move(options)}, c{command_of(o)}, talk{{}, o.max_message_bytes} {
        start();
    }

    void start();
    void turn_at_start(box::clock::time_point until);
    task<void> wait_on(descriptor& copied);
    task<bool> step(cell& result, const host_calls& calls);
    task<void> make(std::vector<host_call> wanted, const host_calls& calls);
    void listen();
    void drain(const std::function<void(std::string_view)>& told);
    void finish(cell& result, const std::string& why);
    bool hold();

    python_options o;
    command c;
    channel talk;
    std::unique_ptr<box> inside;
    events happening;
    std::string output;
    std::size_t told_bytes = 0;
    bool cut = false, stopped = false;
    json::object prepared{};
    box::clock::time_point deadline{}, next_sample{};
};

void python::state::start() {
    check(c);
    const auto until = box::clock::now() + c.limit.wall_time;
    socket_pair ends;
    inside = std::make_unique<box>(c, until, std::vector<int>{ends.theirs.fd});
    ends.theirs.close();
    talk = channel{std::move(ends.ours), o.max_message_bytes};
    for (auto* p : {&inside->out, &inside->err}) *p = {std::move(p->end), &output, o.max_output_bytes, &cut};
    while (!talk.next()) turn_at_start(until);
    happening.add(talk.fd(), EPOLLIN);
    for (int fd : {inside->out.end.fd, inside->err.end.fd, inside->guardian(), inside->program()})
        happening.add(fd, EPOLLIN);
    if (!hold()) throw unavailable{"the interpreter does not hold still"};
}

void python::state::turn_at_start(box::clock::time_point until) {
    std::array<pollfd, 4> fds{pollfd{talk.fd(), POLLIN, 0}, pollfd{inside->status(), POLLIN, 0},
                              pollfd{inside->program(), POLLIN, 0}, pollfd{inside->guardian(), POLLIN, 0}};
    if (inside->ended() || box::clock::now() >= until) {
        inside->out.text = inside->err.text = &inside->complained;
        auto came = inside->conclude(inside->ended() ? "" : "wall_time", until + 800ms);
        if (came.signal == SIGKILL && came.exceeded.empty() && came.err.empty())
            fail("the interpreter was killed while it started", ECANCELED);
        throw unavailable{"no Python interpreter can be started here: " + c.argv[0] + " ended before its first cell" +
                          (came.exceeded.empty() ? "" : " (" + came.exceeded + ")") + (came.err.empty() ? "" : ": ") +
                          came.err.substr(0, 500)};
    }
    ::poll(fds.data(), fds.size(), 25);
    inside->step();
    talk.receive_some();
}

bool python::state::hold() { return stopped = inside->pause(); }

task<void> python::state::wait_on(descriptor& copied) {
    asio::posix::stream_descriptor waiting{co_await asio::this_coro::executor, copied.fd};
    copied.fd = -1;
    co_await waiting.async_wait(asio::posix::stream_descriptor::wait_read, asio::use_awaitable);
}

void python::state::drain(const std::function<void(std::string_view)>& told) {
    for (auto* p : {&inside->out, &inside->err})
        for (int parts = 0; parts < 64 && p->read_some(); ++parts) {
        }
    if (told && output.size() > told_bytes) told(std::string_view{output}.substr(told_bytes));
    told_bytes = output.size();
}

void python::state::listen() { happening.change(talk.fd(), talk.has_to_send() ? EPOLLIN | EPOLLOUT : EPOLLIN); }

// A host that takes its time is no time for a cell's threads: nothing in the box runs meanwhile.
task<void> python::state::make(std::vector<host_call> wanted, const host_calls& calls) {
    if (!calls) throw std::runtime_error{"it calls the host, which offers nothing"};
    if (!hold()) throw std::runtime_error{"it does not hold still"};
    const auto began = box::clock::now();
    const auto count = wanted.size();
    auto results = co_await calls(std::move(wanted));
    if (results.size() != count) throw std::logic_error{"sandbox: as many results as calls are needed"};
    deadline += box::clock::now() - began;
    talk.queue(written(results));
    inside->go_on();
    stopped = false;
}

// One round of what may have happened. @return whether the cell has ended, its own way or not
task<bool> python::state::step(cell& result, const host_calls& calls) {
    talk.send_some();
    talk.receive_some();
    std::optional<json::value> message;
    std::string wrong;
    std::vector<host_call> wanted;
    try {
        message = talk.next();
        const auto* o = message ? message->if_object() : nullptr;
        if (o && o->contains("calls")) wanted = read_calls(o->at("calls"));
        if (o && o->contains("done")) {
            read_cell(o->at("done"), result);
            co_return true;
        }
    } catch (const std::runtime_error& e) {
        wrong = e.what();
    }
    if (!wrong.empty()) {
        result.ended = wrong;
        co_return true;
    }
    if (!wanted.empty()) co_await make(std::move(wanted), calls);
    talk.send_some();
    listen();
    const auto now = box::clock::now();
    if (now >= deadline) result.ended = "cell_time";
    if (result.ended.empty() && happening.ticked()) result.ended = inside->exceeded(deadline);
    if (result.ended.empty() && inside->ended() && !message) result.ended = "ended";
    co_return !result.ended.empty();
}

void python::state::finish(cell& result, const std::string& why) {
    happening.tick(false);
    if (result.ended.empty() && !why.empty()) result.ended = why;
    if (result.ended.empty() && !hold()) result.ended = "processes";
    if (!result.ended.empty()) inside.reset();
    result.output = std::move(output);
    result.truncated = cut;
    output.clear();
    told_bytes = 0;
    cut = false;
}

python::python(python_options o) : state_{std::make_unique<state>(std::move(o))} {}
python::~python() = default;
python::python(python&&) noexcept = default;
python& python::operator=(python&&) noexcept = default;

bool python::alive() const { return state_ && state_->inside && !state_->inside->ended(); }
int python::process() const { return alive() ? state_->inside->guardian_id() : 0; }

void python::offer(const std::vector<host_function>& functions) {
    json::array all;
    for (const auto& f : functions) {
        json::array parameters;
        for (const auto& p : f.parameters) parameters.emplace_back(p);
        all.push_back(json::object{{"name", f.name}, {"parameters", std::move(parameters)}, {"doc", f.doc}});
    }
    state_->prepared["functions"] = std::move(all);
}

void python::set(json::object variables) { state_->prepared["set"] = std::move(variables); }

void python::take_submissions(const std::vector<std::string>& names) {
    json::array all;
    for (const auto& n : names) all.emplace_back(n);
    state_->prepared["submit"] = std::move(all);
}

task<cell> python::execute(std::string code, const host_calls& calls,
                           const std::function<void(std::string_view)>& told) {
    return [](state& s, std::string source, host_calls make, std::function<void(std::string_view)> tell) -> task<cell> {
        cell result;
        if (!s.inside) {
            result.ended = "ended";
            co_return result;
        }
        struct ends_on_failure {
            state* s;
            ~ends_on_failure() {
                if (s) s->inside.reset();
            }
        } guard{&s};
        json::object message = std::move(s.prepared);
        s.prepared = {};
        message["cell"] = std::move(source);
        message["seconds"] = static_cast<double>(s.o.cell_time.count()) / 1000;
        s.talk.queue(message);
        message = {};
        s.deadline = box::clock::now() + s.o.cell_time + s.o.patience;
        s.inside->go_on();
        s.stopped = false;
        s.happening.tick(true);
        for (;;) {
            s.talk.send_some();
            s.listen();
            descriptor copied = s.happening.copy();
            if (!copied) fail("too many open files");
            co_await s.wait_on(copied);
            s.drain(tell);
            const bool over = co_await s.step(result, make);
            if (over) break;
        }
        s.drain(tell);
        s.finish(result, {});
        guard.s = nullptr;
        co_return result;
    }(*state_, std::move(code), calls, told);
}

}  // namespace reagent::sandbox
