#include "interruption.hpp"

#include "runs.hpp"

#include <reagent/run/consent.hpp>
#include <reagent/schema/render.hpp>

#include <signal.h>
#include <unistd.h>

namespace reagent::cli {
namespace {

sigset_t watched() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    struct sigaction before {};
    if (::sigaction(SIGHUP, nullptr, &before) == 0 &&
        before.sa_handler != SIG_IGN)  // a terminal is closed, and not under nohup
        sigaddset(&signals, SIGHUP);
    return signals;
}

}  // namespace

interruption::interruption() {
    auto signals = watched();
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

void interruption::lets_go(std::shared_ptr<journal_store> journals, const std::string& id, std::string told) {
    std::string resume = naming_journals("reagent runs resume " + shell_word(id));
    if (told.empty()) told = "what run " + visible_name(id) + " did is kept; it goes on with: " + resume;
    std::string by_force = id.empty() ? "" : "; until its lease is over it goes on with: " + resume + " --force";
    thread_ = std::thread{[this, journals = std::move(journals), told = std::move(told),
                           by_force = std::move(by_force)] { watch(*journals, told, by_force); }};
}

void interruption::watch(journal_store& journals, const std::string& told, const std::string& by_force) {
    auto signals = watched();
    const timespec often{0, 50'000'000};
    int signal = 0;
    while ((signal = ::sigtimedwait(&signals, nullptr, &often)) <= 0)
        if (over_) return;
    const timespec same{0, 100'000'000};  // `timeout` and a terminal's group send one signal twice
    while (::sigtimedwait(&signals, nullptr, &same) > 0) {
    }
    ::pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);  // a further one ends the process here
    try {
        journals.let_go();
        complain("interrupted; " + told);
    } catch (const std::exception& e) {
        complain("interrupted; " + told + "; the journals did not hear of it: " + e.what() + by_force);
    }
    ::_exit(128 + signal);
}

void interruption::over() {
    if (over_.exchange(true)) return;
    if (thread_.joinable()) thread_.join();
    auto signals = watched();
    ::pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

}  // namespace reagent::cli
