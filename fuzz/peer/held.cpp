#include "held.hpp"

#include <algorithm>
#include <cstdlib>
#include <new>

namespace reagent::fuzz {
namespace {

thread_local bool counting = false;
thread_local std::size_t held_now = 0, held_most = 0;

// Before each block: its size where it is counted, else 0. What one thread counts it also frees.
constexpr std::size_t header = alignof(std::max_align_t);

void* take(std::size_t n) {
    auto* block = static_cast<std::size_t*>(std::malloc(n + header));
    if (!block) throw std::bad_alloc{};
    *block = counting ? n : 0;
    held_now += *block;
    held_most = std::max(held_most, held_now);
    return reinterpret_cast<char*>(block) + header;
}

void give(void* p) noexcept {
    if (!p) return;
    auto* block = reinterpret_cast<std::size_t*>(static_cast<char*>(p) - header);
    held_now -= std::min(held_now, *block);
    std::free(block);
}

}  // namespace

std::size_t& held::now() { return held_now; }
std::size_t& held::most() { return held_most; }
held::scope::scope(bool counts) : before_{counting} { counting = counts; }
held::scope::~scope() { counting = before_; }

}  // namespace reagent::fuzz

void* operator new(std::size_t n) { return reagent::fuzz::take(n); }
void* operator new[](std::size_t n) { return reagent::fuzz::take(n); }
void* operator new(std::size_t n, const std::nothrow_t&) noexcept {
    return reagent::fuzz::take(n);
}  // libFuzzer sorts its seeds with it
void* operator new[](std::size_t n, const std::nothrow_t&) noexcept { return reagent::fuzz::take(n); }
void operator delete(void* p) noexcept { reagent::fuzz::give(p); }
void operator delete[](void* p) noexcept { reagent::fuzz::give(p); }
void operator delete(void* p, std::size_t) noexcept { reagent::fuzz::give(p); }
void operator delete[](void* p, std::size_t) noexcept { reagent::fuzz::give(p); }
