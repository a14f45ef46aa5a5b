#pragma once

#include <cstddef>
#include <memory>
#include <vector>

namespace reagent::detail {

/// Gives the memory of objects of one type that are gone to the next ones of the same thread: of what is larger than a
/// kilobyte malloc's own caches keep nothing, and each new one costs some thousand instructions.
template <class T>
class recycled {
public:
    using value_type = T;

    recycled() = default;
    template <class U>
    recycled(const recycled<U>&) {}

    T* allocate(std::size_t n) {
        if (n != 1 || over_ || kept().all.empty()) return std::allocator<T>{}.allocate(n);
        T* block = kept().all.back();
        kept().all.pop_back();
        return block;
    }
    void deallocate(T* block, std::size_t n) {
        if (n != 1 || over_ || kept().all.size() == most) return std::allocator<T>{}.deallocate(block, n);
        kept().all.push_back(block);
    }

    template <class U>
    bool operator==(const recycled<U>&) const {
        return true;
    }

private:
    static constexpr std::size_t most = 64;

    struct stock {
        stock() { all.reserve(most); }
        ~stock() {
            over_ = true;
            for (T* block : all) std::allocator<T>{}.deallocate(block, 1);
        }
        std::vector<T*> all;
    };
    static stock& kept() {
        thread_local stock mine;
        return mine;
    }
    // The thread ends, and its stock is gone. Of a type without a destructor, so that it may be asked until the very
    // end.
    static inline thread_local bool over_ = false;
};

}  // namespace reagent::detail
