#include "landlock.hpp"

#include <sys/syscall.h>
#include <unistd.h>

namespace reagent::sandbox::detail {

int landlock_abi() {
    constexpr long version = 1;
    auto abi = ::syscall(landlock_create_ruleset, nullptr, 0, version);
    return abi > 0 ? static_cast<int>(abi) : 0;
}

restriction restrictions() {
    restriction r;
    const int abi = landlock_abi();
    if (abi >= 4) {
        r.network = landlock_bind_tcp | landlock_connect_tcp;
        r.size = offsetof(restriction, scoped);
    }
    if (abi >= 6) {
        r.scoped = landlock_scope_abstract_sockets | landlock_scope_signals;
        r.size = offsetof(restriction, size);
    }
    return r;
}

}  // namespace reagent::sandbox::detail
