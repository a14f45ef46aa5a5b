// What the journal of a long agent costs: bytes in the store and time to resume, for more and more steps.
#include <reagent/reagent.hpp>

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>

namespace rg = reagent;
using rg::task;

namespace {

using agent = rg::react<rg::sig<"question -> answer">>;

std::string look(int n) { return "the observation number " + std::to_string(n) + " is " + std::string(150, 'o'); }

std::string completion(std::initializer_list<std::pair<const char*, std::string>> fields) {
    std::string text;
    for (const auto& [name, value] : fields) text += "[[ ## " + std::string{name} + " ## ]]\n" + value + "\n\n";
    return text + "[[ ## completed ## ]]";
}

// Takes so many steps, fails once, and then finishes.
struct scripted final : rg::lm_backend {
    scripted(std::size_t n, bool v) : steps{n}, native{v} {}
    std::string name() const override { return "bench/scripted"; }
    task<rg::lm_response> complete(rg::lm_context, const rg::lm_request& q) const override {
        rg::lm_response r;
        r.model = "scripted";
        r.usage = {.calls = 1, .prompt_tokens = 1, .completion_tokens = 1};
        std::string n = std::to_string(taken);
        bool last = taken >= steps;
        if (last && !failed) {
            failed = true;
            throw rg::lm_error{rg::lm_errc::unavailable, "away"};
        }
        if (q.tools.empty() && q.messages.front().content.find("next_tool_name") == std::string::npos)
            r.text = completion({{"reasoning", "r"}, {"answer", "done"}});
        else if (native) {
            r.text = "I look at number " + n;
            r.tool_calls = {{"call" + n, last ? "finish" : "look", last ? "{}" : "{\"n\": " + n + "}"}};
            r.finish = rg::finish_reason::tool_calls;
            ++taken;
        } else {
            r.text = completion({{"next_thought", "I look at number " + n},
                                 {"next_tool_name", last ? "finish" : "look"},
                                 {"next_tool_args", last ? "{}" : "{\"n\": " + n + "}"}});
            ++taken;
        }
        co_return r;
    }
    std::size_t steps;
    bool native;
    mutable std::size_t taken = 0;
    mutable bool failed = false;
};

double seconds_of(const std::function<void()>& work) {
    auto begin = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

void measure(bool native, std::size_t steps) {
    auto folder = std::filesystem::temp_directory_path() / ("reagent-growth-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder);
    {
        auto store = rg::journal_store::open_sqlite(folder / "runs.db", {.survive_power_failure = false});
        rg::tools tools;
        tools.add("look", "Looks.", look, {"n"}, {.read_only = true, .quick = true});
        agent a{tools, {.max_iters = steps + 10, .mode = native ? rg::react_mode::native : rg::react_mode::prompted}};
        rg::run_options options{rg::language_model{std::make_shared<scripted>(steps, native)}};
        options.budget.calls = 10 * steps + 100;
        rg::stored_run r;
        double live = 0, load = 0, resumed = 0;
        {
            rg::runtime runtime{{.journals = store}};
            runtime.serve("long", a, options);
            runtime.submit("long", {{"question", "How long?"}}, "a");
            live = seconds_of([&] { runtime.resume("a"); });
        }
        std::size_t bytes = 0;
        std::uint64_t records = store->get("a").records;
        for (std::uint64_t after = 0; after < records;)
            for (const auto& p : store->page("a", after, 1 << 20))
                bytes += rg::to_text(p.what).size() + 1, after = p.number;
        load = seconds_of([&] { store->records("a"); });
        {
            rg::runtime runtime{{.journals = store}};
            runtime.serve("long", a, options);
            resumed = seconds_of([&] { r = runtime.resume("a"); });
        }
        rusage used{};
        ::getrusage(RUSAGE_SELF, &used);
        std::printf(
            "%-8s %6zu steps  %7llu records  %8.3f MB  %6.0f bytes/step  live %7.2f s  load %6.3f s  resumed %6.3f s  "
            "%4ld MB  %s\n",
            native ? "native" : "prompted", steps, static_cast<unsigned long long>(records),
            static_cast<double>(bytes) / 1e6, static_cast<double>(bytes) / static_cast<double>(steps), live, load,
            resumed, used.ru_maxrss / 1024, std::string{rg::to_string(r.status)}.c_str());
        std::fflush(stdout);
    }
    std::filesystem::remove_all(folder);
}

}  // namespace

int main(int argc, char** argv) {
    std::vector<std::size_t> steps;
    for (int i = 1; i < argc; ++i) steps.push_back(std::strtoul(argv[i], nullptr, 10));
    if (steps.empty()) steps = {100, 1'000, 10'000};
    for (bool native : {false, true})
        for (auto n : steps) measure(native, n);
    return 0;
}
