// What this machine can isolate, and a command in a sandbox.
#include "subject.hpp"

#include <reagent/run/consent.hpp>
#include <reagent/sandbox/machine.hpp>
#include <reagent/schema/render.hpp>

#include <poll.h>
#include <unistd.h>
#include <boost/json.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <system_error>

namespace reagent::cli {
namespace {

int check_machine(bool as_json) {
    terminal t;
    bool all = true;
    json::array list;
    for (const auto& o : sandbox::check_machine()) {
        // A cgroup is not used yet, and a sandbox goes without Landlock where there is none.
        all = all && (o.there || o.name == "cgroup" || o.name == "landlock");
        if (as_json)
            list.push_back(json::object{{"name", o.name}, {"there", o.there}, {"how", o.how}});
        else
            std::cout << "  " << (o.there ? t.green("yes") : t.red("no ")) << "  " << t.bold(o.name)
                      << std::string(17 - std::min<std::size_t>(16, o.name.size()), ' ')
                      << indented(printable(o.how), "    ") << "\n";
    }
    if (as_json) std::cout << shown_json(json::object{{"isolates", all}, {"offers", std::move(list)}}) << "\n";
    return all ? 0 : 1;
}

struct run_options_of_sandbox {
    std::vector<std::string> argv, readable, environment, without, may_lack;
    double wall = 10, cpu = 5;
    std::uint64_t memory = 512, disk = 64, output = 1024;
    unsigned processes = 32;
    bool json = false, input = false;
};

std::set<sandbox::layer> layers_of(const std::vector<std::string>& names) {
    using sandbox::layer;
    constexpr layer all[]{layer::network,         layer::processes, layer::ipc,
                          layer::user_namespaces, layer::seccomp,   layer::landlock};
    std::set<layer> found;
    for (const auto& n : names) {
        auto known = std::find_if(std::begin(all), std::end(all), [&](layer l) { return n == sandbox::name_of(l); });
        if (known == std::end(all))
            throw misuse{"\"" + n +
                         "\" is no layer; the layers are network, processes, ipc, user_namespaces, seccomp, landlock"};
        found.insert(*known);
    }
    return found;
}

std::string program_of(const std::string& name) {
    if (name.find('/') != name.npos) return std::filesystem::absolute(name).lexically_normal().string();
    for (const char* folder : {"/usr/bin/", "/usr/local/bin/", "/bin/", "/usr/sbin/"})
        if (::access((folder + name).c_str(), X_OK) == 0) return folder + name;
    throw misuse{"there is no program \"" + name + "\" in /usr/bin, /usr/local/bin, /bin and /usr/sbin; give its path"};
}

// Standard input to its end, of which the program's time goes off.
std::string input_until(std::chrono::steady_clock::time_point until) {
    constexpr std::size_t most = 256u << 20;
    std::string all;
    char part[65536];
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
        pollfd in{STDIN_FILENO, POLLIN, 0};
        if (left.count() <= 0 || ::poll(&in, 1, static_cast<int>(left.count())) == 0)
            throw misuse{"--input: standard input did not end within --wall; nothing was run"};
        const auto n = ::read(STDIN_FILENO, part, sizeof part);
        if (n == 0) return all;
        if (n < 0 && errno != EINTR && errno != EAGAIN)
            throw misuse{"--input: standard input cannot be read: " + std::generic_category().message(errno)};
        if (n > 0) all.append(part, static_cast<std::size_t>(n));
        if (all.size() > most) throw misuse{"--input: more than 256 MiB came; nothing was run"};
    }
}

// `..` is taken out of a path as the system reads it, or not at all: behind a link it names another folder.
std::string place_of(const std::string& path) {
    namespace fs = std::filesystem;
    const auto given = fs::absolute(path), place = given.lexically_normal();
    std::error_code ec;
    const bool climbs = std::find(given.begin(), given.end(), "..") != given.end();
    if (climbs && !fs::equivalent(given, place, ec))
        throw misuse{"--readable: the `..` of \"" + visible_name(path) +
                     "\" stands behind a link, or behind what is not there; name the place itself"};
    return place.string();
}

sandbox::command command_of(const run_options_of_sandbox& o) {
    sandbox::command c{.argv = o.argv, .readable = o.readable};
    c.argv.front() = program_of(c.argv.front());
    for (auto& path : c.readable) path = place_of(path);
    c.without = layers_of(o.without);
    if (!o.may_lack.empty()) c.may_lack = layers_of(o.may_lack);
    for (const auto& e : o.environment) {
        auto equals = e.find('=');
        if (equals == e.npos) throw misuse{"--env \"" + e + "\" is no NAME=VALUE"};
        c.environment[e.substr(0, equals)] = e.substr(equals + 1);
    }
    c.limit.wall_time = std::chrono::milliseconds{static_cast<long>(o.wall * 1000)};
    c.limit.cpu_time = std::chrono::seconds{static_cast<long>(std::ceil(o.cpu))};
    c.limit.memory_bytes = o.memory << 20;
    c.limit.disk_bytes = o.disk << 20;
    c.limit.output_bytes = o.output << 10;
    c.limit.processes = o.processes;
    if (o.input) {
        const auto until = std::chrono::steady_clock::now() + c.limit.wall_time;
        c.input = input_until(until);
        c.limit.wall_time = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    }
    return c;
}

int run_command(const run_options_of_sandbox& o) {
    const auto c = command_of(o);
    const auto came = sandbox::run(c);
    if (o.json) {
        std::cout << shown_json(json::object{{"exit_code", came.exit_code},
                                             {"signal", came.signal},
                                             {"exceeded", came.exceeded},
                                             {"truncated", came.truncated},
                                             {"stdout", came.out},
                                             {"stderr", came.err}})
                  << "\n";
    } else {
        std::cout << came.out << std::flush;
        std::cerr << came.err << std::flush;
        if (came.truncated) complain("output was dropped; --output raises what is kept");
        if (!came.exceeded.empty()) complain("it was ended: " + came.exceeded);
    }
    if (!came.exceeded.empty()) return 124;
    return came.signal ? 128 + came.signal : came.exit_code;
}

void add_run(CLI::App& group, command& chosen) {
    auto o = std::make_shared<run_options_of_sandbox>();
    auto* c = group.add_subcommand(
        "run", "Runs a program in isolation: no network, no files but /usr and what is named, limits on everything");
    c->add_option("COMMAND", o->argv, "the program and its arguments, behind --")->required();
    c->add_option("--readable", o->readable, "a file or folder that it reads at the same path; give it again for more")
        ->check(not_empty())
        ->allow_extra_args(false);
    c->add_option("--env", o->environment, "NAME=VALUE of its environment, which is empty otherwise")
        ->allow_extra_args(false);
    c->add_option("--wall", o->wall, "seconds")->check(number(0.01, 86400))->capture_default_str();
    c->add_option("--cpu", o->cpu, "seconds")->check(number(1, 86400))->capture_default_str();
    c->add_option("--memory", o->memory, "MiB")->check(whole_number(1, 1 << 20))->capture_default_str();
    c->add_option("--disk", o->disk, "MiB in /tmp, which is gone afterwards")
        ->check(whole_number(1, 1 << 20))
        ->capture_default_str();
    c->add_option("--output", o->output, "KiB of stdout and of stderr that are kept")
        ->check(whole_number(1, 1 << 20))
        ->capture_default_str();
    c->add_option("--processes", o->processes, "at the same time; a thread counts as one")
        ->check(whole_number(1, 10'000))
        ->capture_default_str();
    c->add_option("--may-lack", o->may_lack,
                  "layers without which it may run where the machine has none; default: landlock")
        ->allow_extra_args(false)
        ->delimiter(',');
    c->add_option("--without", o->without, "layers that are not used, to see what they hold: less is isolated")
        ->allow_extra_args(false)
        ->delimiter(',');
    c->add_flag("--input", o->input, "hand standard input on to it, which has to end within --wall");
    c->add_flag("--json", o->json, "{\"exit_code\", \"signal\", \"exceeded\", \"truncated\", \"stdout\", \"stderr\"}");
    c->footer(
        "Exit code: the program's; 128 and its number for a signal, 124 when a limit ended it, 1 when it could not be "
        "isolated, 2 misuse.\n"
        "Example:\n  reagent sandbox run --wall 2 -- python3 -c \"print(6 * 7)\"");
    c->callback([o, &chosen] { chosen = [o] { return run_command(*o); }; });
}

}  // namespace

void add_sandbox(CLI::App& app, command& chosen) {
    auto* group = app.add_subcommand("sandbox", "Runs programs in isolation, and says what this machine has for it");
    group->require_subcommand(1);
    auto as_json = std::make_shared<bool>(false);
    auto* c = group->add_subcommand("check", "Says what this machine offers to isolate programs; tries it");
    c->add_flag("--json", *as_json, "{\"isolates\", \"offers\": [{\"name\", \"there\", \"how\"}]}");
    c->footer("Exit code: 0 it can isolate programs, 1 it cannot.");
    c->callback([as_json, &chosen] { chosen = [as_json] { return check_machine(*as_json); }; });
    add_run(*group, chosen);
}

}  // namespace reagent::cli
