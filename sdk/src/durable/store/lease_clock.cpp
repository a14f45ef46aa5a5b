#include "lease_clock.hpp"

#include <time.h>

#include <algorithm>
#include <fstream>

namespace reagent {
namespace detail {

void lease_clock::observe(std::chrono::milliseconds database, std::chrono::milliseconds machine,
                          std::chrono::milliseconds wall) {
    agrees_ = std::chrono::abs(database - wall) <= tolerance_;
    if (!last_) {
        even_since_ = machine;
        agreed_ = agrees_;
    } else if (std::chrono::abs((database - last_->database) - (machine - last_->machine)) > tolerance_) {
        even_since_ = machine;
        agreed_ = false;
    }
    last_ = {database, machine};
}

std::chrono::milliseconds lease_clock::even_for(std::chrono::milliseconds machine) const {
    return last_ ? machine - even_since_ : std::chrono::milliseconds{0};
}

std::chrono::milliseconds clock_tolerance(std::chrono::milliseconds lease) {
    return std::max(lease / 20, std::chrono::milliseconds{100});
}

std::int64_t machine_ms() {
    timespec t{};
#ifdef CLOCK_BOOTTIME
    ::clock_gettime(CLOCK_BOOTTIME, &t);
#else
    ::clock_gettime(CLOCK_MONOTONIC, &t);
#endif
    return static_cast<std::int64_t>(t.tv_sec) * 1000 + t.tv_nsec / 1'000'000;
}

std::string quotable_boot(const machine_clock& clock) {
    std::string boot = clock.boot();
    bool plain = boot.size() <= 64 && std::all_of(boot.begin(), boot.end(), [](char c) {
                     return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
                 });
    return plain ? boot : std::string{};
}

}  // namespace detail

// Source: random(4), "/proc/sys/kernel/random/boot_id": a UUID for each start of the kernel.
std::string machine_clock::boot() const {
    std::ifstream in{"/proc/sys/kernel/random/boot_id"};
    std::string id;
    std::getline(in, id);
    return id;
}

std::chrono::milliseconds machine_clock::since_boot() const { return std::chrono::milliseconds{detail::machine_ms()}; }
std::chrono::system_clock::time_point machine_clock::wall() const { return std::chrono::system_clock::now(); }

}  // namespace reagent
