#include "undumpable.hpp"

#include "descriptor.hpp"

#include <sys/prctl.h>

#include <mutex>

namespace reagent::sandbox::detail {
namespace {

// A property of the whole process, so its count is the process's too.
std::mutex mutex;
std::size_t users = 0;
int before = 0;

}  // namespace

undumpable::undumpable() {
    std::lock_guard lock{mutex};
    if (users == 0) {
        before = ::prctl(PR_GET_DUMPABLE);
        if (::prctl(PR_SET_DUMPABLE, 0) != 0) fail("PR_SET_DUMPABLE");
    }
    ++users;
}

undumpable::~undumpable() {
    std::lock_guard lock{mutex};
    if (--users == 0 && before == 1) ::prctl(PR_SET_DUMPABLE, 1);
}

}  // namespace reagent::sandbox::detail
