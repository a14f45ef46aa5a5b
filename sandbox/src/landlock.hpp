#pragma once

#include <cstddef>
#include <cstdint>

// Landlock's interface, defined here: the headers of Debian 12 end at ABI 2. Source: include/uapi/linux/landlock.h of
// Linux 6.18.
namespace reagent::sandbox::detail {

inline constexpr long landlock_create_ruleset = 444, landlock_restrict_self = 446;  // the same on every architecture
inline constexpr std::uint64_t landlock_bind_tcp = 1, landlock_connect_tcp = 2;     // ABI 4
inline constexpr std::uint64_t landlock_scope_abstract_sockets = 1, landlock_scope_signals = 2;  // ABI 6

/// struct landlock_ruleset_attr, and how much of it this kernel knows.
struct restriction {
    std::uint64_t files = 0, network = 0, scoped = 0;
    std::size_t size = 0;
    bool any() const { return size != 0; }
};

/// The version that the kernel reports; 0: none.
int landlock_abi();

/// All that a program which starts others by bubblewrap can give up on this kernel.
restriction restrictions();

}  // namespace reagent::sandbox::detail
