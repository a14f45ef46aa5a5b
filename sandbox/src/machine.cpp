#include <reagent/sandbox/machine.hpp>

#include "bubblewrap.hpp"
#include "landlock.hpp"

#include <filesystem>
#include <fstream>

namespace reagent::sandbox {

const char* name_of(layer l) {
    switch (l) {
        case layer::network: return "network";
        case layer::processes: return "processes";
        case layer::ipc: return "ipc";
        case layer::user_namespaces: return "user_namespaces";
        case layer::seccomp: return "seccomp";
        case layer::landlock: return "landlock";
    }
    return "?";
}

namespace {

const std::set<layer> of_bubblewrap{layer::network, layer::processes, layer::ipc, layer::user_namespaces,
                                    layer::seccomp};

// Whether a program runs with nothing but these layers; "" or why it does not.
std::string trouble_with(std::set<layer> used) {
    command c{.argv = {"/usr/bin/true"}};
    for (auto l : of_bubblewrap)
        if (!used.contains(l)) c.without.insert(l);
    c.without.insert(layer::landlock);
    try {
        auto o = run(c);
        if (o.exit_code == 0) return {};
        return o.exceeded.empty() ? "/usr/bin/true failed: " + o.err.substr(0, 200)
                                  : "it did not end (" + o.exceeded + ")";
    } catch (const std::exception& e) {
        return e.what();
    }
}

offer landlock_offer() {
    const int abi = detail::landlock_abi();
    offer o{"landlock", detail::restrictions().any(), "ABI " + std::to_string(abi)};
    if (abi == 0) o.how = "the kernel has none; it is built with CONFIG_SECURITY_LANDLOCK and lists landlock in lsm=";
    if (abi > 0 && abi < 4) o.how += " knows neither network nor signals; Linux 6.7 and newer do";
    if (abi >= 4)
        o.how +=
            abi >= 6 ? ": TCP, signals, abstract sockets" : ": TCP; signals and abstract sockets from Linux 6.12 on";
    return o;
}

// Sums of what all processes of a sandbox use are taken by samples; a cgroup would be the kernel's own sum.
offer cgroup_offer() {
    std::ifstream in{"/sys/fs/cgroup/cgroup.controllers"};
    std::string controllers;
    std::getline(in, controllers);
    const bool there = controllers.find("memory") != controllers.npos && controllers.find("pids") != controllers.npos;
    return {"cgroup", there,
            there ? "version 2 (" + controllers + "); not used yet: sums are taken by samples"
                  : "no version 2 with memory and pids at /sys/fs/cgroup; sums are taken by samples every 25 ms"};
}

}  // namespace

std::vector<offer> check_machine() {
    std::vector<offer> all;
    try {
        all.push_back({"bubblewrap", true, detail::bubblewrap()});
    } catch (const unavailable& e) {
        all.push_back({"bubblewrap", false, e.what()});
        return all;
    }
    for (auto l : of_bubblewrap) {
        auto why = trouble_with({l});
        all.push_back({name_of(l), why.empty(), why.empty() ? "tried" : why});
    }
    all.push_back(landlock_offer());
    all.push_back({"limits", true, "rlimits of each process, sums by samples"});
    all.push_back(cgroup_offer());
    return all;
}

}  // namespace reagent::sandbox
