#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace reagent::detail {

/// A set of documents of one state of an index, by Xapian's numbers, which begin with 1.
class doc_set {
public:
    explicit doc_set(std::uint32_t last = 0) : words_(last / 64 + 1) {}

    void add(std::uint32_t doc) { words_[doc / 64] |= std::uint64_t{1} << (doc % 64); }
    bool has(std::uint32_t doc) const { return doc / 64 < words_.size() && (words_[doc / 64] >> (doc % 64) & 1); }

    doc_set& operator&=(const doc_set& o) {
        for (std::size_t i = 0; i < words_.size(); ++i) words_[i] &= o.words_[i];
        return *this;
    }
    /// @param o may be of an earlier state, with fewer documents
    doc_set& operator|=(const doc_set& o) {
        for (std::size_t i = 0; i < std::min(words_.size(), o.words_.size()); ++i) words_[i] |= o.words_[i];
        return *this;
    }
    doc_set& operator-=(const doc_set& o) {
        for (std::size_t i = 0; i < words_.size(); ++i) words_[i] &= ~o.words_[i];
        return *this;
    }

    std::size_t size() const {
        std::size_t n = 0;
        for (auto w : words_) n += static_cast<std::size_t>(std::popcount(w));
        return n;
    }

    /// The first one from `doc` on; 0: there is none.
    std::uint32_t next(std::uint32_t doc) const {
        for (std::size_t i = doc / 64; i < words_.size(); ++i) {
            auto w = i == doc / 64 ? words_[i] & (~std::uint64_t{0} << (doc % 64)) : words_[i];
            if (w) return static_cast<std::uint32_t>(i * 64 + static_cast<std::size_t>(std::countr_zero(w)));
        }
        return 0;
    }

private:
    std::vector<std::uint64_t> words_;
};

}  // namespace reagent::detail
