#pragma once

#include <reagent/durable/journal_store.hpp>

#include <optional>

namespace reagent::detail {

/// How far the database's clock can be believed about leases of workers on other machines, or from before this one
/// started.
///
/// A lease of this machine, since it started, is judged by the time since then, which nobody sets. Another is judged by
/// the database's clock, which somebody may: so it counts only once it has gone as evenly as the machine's own for as
/// long as the lease lasts, which a living worker would have renewed meanwhile. At first contact, the wall clock of
/// this machine is a second witness. Logic only. Used by one thread.
class lease_clock {
public:
    /// @param tolerance how far clocks may differ: well below the part of a lease that workers leave unused
    explicit lease_clock(std::chrono::milliseconds tolerance) : tolerance_{tolerance} {}

    /// The database's clock showed `database` when this machine's showed `machine` and its wall clock `wall`.
    void observe(std::chrono::milliseconds database, std::chrono::milliseconds machine, std::chrono::milliseconds wall);

    /// For how long the database's clock has been seen to go evenly.
    std::chrono::milliseconds even_for(std::chrono::milliseconds machine) const;
    /// It agreed with this machine's wall clock at first contact, and has gone evenly since: no need to wait.
    bool is_trusted() const { return agreed_; }
    /// It agreed at the last look: what leases are given by it now can be trusted later.
    bool agrees() const { return agrees_; }

private:
    struct reading {
        std::chrono::milliseconds database, machine;
    };
    std::chrono::milliseconds tolerance_;
    std::optional<reading> last_;
    std::chrono::milliseconds even_since_{};
    bool agreed_ = false, agrees_ = false;
};

/// Leases are used to nine tenths (`held_run::is_certain`).
std::chrono::milliseconds clock_tolerance(std::chrono::milliseconds lease);

/// Since the machine started, by the system: what holds are measured by.
std::int64_t machine_ms();

/// `boot` as it stands between quotes in a statement; "" when there is none, or it is no plain name.
std::string quotable_boot(const machine_clock& clock);

}  // namespace reagent::detail
