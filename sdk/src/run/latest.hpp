#pragma once

#include <list>
#include <string>
#include <string_view>

namespace reagent::detail {

/// What was last seen at the places of a run, newest first; the oldest are forgotten when they are many or large.
template <class T>
class latest {
public:
    struct entry {
        std::string branch, path;
        T what;
        std::size_t bytes = 0;
    };

    /// Of that place; else of the same path in another branch; null: nothing.
    entry* find(std::string_view branch, std::string_view path) {
        entry* near = nullptr;
        for (auto& e : entries_) {
            if (e.path != path) continue;
            if (e.branch == branch) return &e;
            if (!near) near = &e;
        }
        return near;
    }

    void put(std::string_view branch, std::string_view path, T what, std::size_t bytes) {
        for (auto e = entries_.begin(); e != entries_.end(); ++e)
            if (e->path == path && e->branch == branch) {
                bytes_ += bytes - e->bytes;
                e->what = std::move(what);
                e->bytes = bytes;
                entries_.splice(entries_.begin(), entries_, e);
                return shrink();
            }
        entries_.push_front({std::string{branch}, std::string{path}, std::move(what), bytes});
        ++count_;
        bytes_ += bytes;
        shrink();
    }

private:
    static constexpr std::size_t most = 128, most_bytes = 32 << 20;

    void shrink() {
        while (count_ > 1 && (count_ > most || bytes_ > most_bytes)) {
            bytes_ -= entries_.back().bytes;
            entries_.pop_back();
            --count_;
        }
    }

    std::list<entry> entries_;
    std::size_t count_ = 0, bytes_ = 0;
};

}  // namespace reagent::detail
