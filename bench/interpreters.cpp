// Python in a sandbox beside bare python3: start, a cell, a call of the host, memory of idle interpreters. Usage:
// interpreters [IDLE]
#include <reagent/sandbox/python.hpp>

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <vector>

using namespace reagent;

extern char** environ;

namespace {

double ms_since(reagent::clock::time_point t) {
    return std::chrono::duration<double, std::milli>(reagent::clock::now() - t).count();
}

void print(const char* what, std::vector<double> ms) {
    std::sort(ms.begin(), ms.end());
    std::printf("%-34s median %8.3f ms   p95 %8.3f ms   (%zu)\n", what, ms[ms.size() / 2], ms[ms.size() * 95 / 100],
                ms.size());
}

template <class T>
T done(task<T> work) {
    asio::io_context context;
    auto result = asio::co_spawn(context, std::move(work), asio::use_future);
    context.run();
    return result.get();
}

void bare_python(int times) {
    std::vector<double> all;
    for (int i = 0; i < times; ++i) {
        auto t = reagent::clock::now();
        pid_t child;
        const char* argv[]{"/usr/bin/python3", "-I", "-c", "pass", nullptr};
        if (::posix_spawn(&child, argv[0], nullptr, nullptr, const_cast<char**>(argv), environ) != 0) return;
        ::waitpid(child, nullptr, 0);
        all.push_back(ms_since(t));
    }
    print("python3 bare, start and end", all);
}

// Of python3 alone: the same expression, by exec in a loop.
void bare_cell() {
    const char* code =
        "import time,ast\nt=[]\nfor i in range(500):\n a=time.perf_counter()\n "
        "eval(compile(ast.parse('6*7',mode='eval'),'c','eval'))\n "
        "t.append(time.perf_counter()-a)\nprint('%-34s median %8.3f ms' % ('a cell, CPython alone', "
        "sorted(t)[250]*1000))";
    if (std::system(("/usr/bin/python3 -I -c \"" + std::string{code} + "\"").c_str()) != 0) std::puts("python3 failed");
}

task<std::vector<sandbox::host_result>> nothing(std::vector<sandbox::host_call> calls) {
    std::vector<sandbox::host_result> results(calls.size());
    co_return results;
}

task<void> cells(sandbox::python& p) {
    std::vector<double> empty, calls;
    for (int i = 0; i < 300; ++i) {
        auto t = reagent::clock::now();
        co_await p.execute("6*7");
        empty.push_back(ms_since(t));
    }
    print("a cell (`6*7`)", empty);
    const sandbox::host_calls host = nothing;
    for (int i = 0; i < 20; ++i) {
        auto t = reagent::clock::now();
        co_await p.execute("for i in range(20): f()", host);
        calls.push_back((ms_since(t) - empty[empty.size() / 2]) / 20);
    }
    print("a call of the host", calls);
}

task<void> warm_starts(sandbox::python_pool pool) {
    std::vector<double> all;
    co_await pool.take();
    for (int i = 0; i < 20; ++i) {
        ::usleep(400'000);
        auto t = reagent::clock::now();
        auto p = co_await pool.take();
        co_await p.execute("1");
        all.push_back(ms_since(t));
    }
    print("start from a warm pool, and a cell", all);
}

// PSS, which counts what is shared in parts, of this process and all below it.
double megabytes_below(pid_t id) {
    double kb = 0;
    std::ifstream rollup{"/proc/" + std::to_string(id) + "/smaps_rollup"};
    for (std::string word; rollup >> word;)
        if (word == "Pss:") rollup >> kb;
    double mb = kb / 1024;
    for (pid_t thread : {id}) {
        std::ifstream children{"/proc/" + std::to_string(id) + "/task/" + std::to_string(thread) + "/children"};
        for (pid_t child; children >> child;) mb += megabytes_below(child);
    }
    return mb;
}

}  // namespace

int main(int argc, char** argv) {
    const int idle = argc > 1 ? std::atoi(argv[1]) : 20;
    bare_python(30);
    bare_cell();
    std::vector<double> starts;
    for (int i = 0; i < 15; ++i) {
        auto t = reagent::clock::now();
        sandbox::python p;
        starts.push_back(ms_since(t));
    }
    print("start in the sandbox, cold", starts);
    sandbox::python p;
    p.offer({{"f", {}}});
    done(cells(p));
    done(warm_starts(sandbox::python_pool{{}, 2}));
    const double before = megabytes_below(::getpid());
    std::vector<sandbox::python> many(static_cast<std::size_t>(idle));
    std::printf("%d idle interpreters: %.0f MB (PSS, with their guardians and bubblewrap)\n", idle,
                megabytes_below(::getpid()) - before);
}
