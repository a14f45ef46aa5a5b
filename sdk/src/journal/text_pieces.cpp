#include "text_pieces.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <unordered_map>

namespace reagent::detail {
namespace {

constexpr std::size_t block = 64;             // what is shorter is written again: a reference would not be shorter
constexpr std::size_t most_blocks = 1 << 17;  // of 8 MiB
constexpr std::uint64_t base = 0x100000001B3;

bool inside_character(std::string_view s, std::size_t at) {
    return at < s.size() && (static_cast<unsigned char>(s[at]) & 0xC0) == 0x80;
}

// Eight bytes, the first of them the lowest.
std::uint64_t word_at(std::string_view s, std::size_t at) {
    std::uint64_t word;
    std::memcpy(&word, s.data() + at, 8);
    return word;
}

std::size_t common_suffix(std::string_view a, std::string_view b) {
    std::size_t n = std::min(a.size(), b.size()), i = 0;
    while (i + 256 <= n && std::memcmp(a.data() + a.size() - i - 256, b.data() + b.size() - i - 256, 256) == 0)
        i += 256;
    while (std::endian::native == std::endian::little && i + 8 <= n) {
        const auto differ = word_at(a, a.size() - i - 8) ^ word_at(b, b.size() - i - 8);
        if (differ) return i + static_cast<std::size_t>(std::countl_zero(differ)) / 8;
        i += 8;
    }
    while (i < n && a[a.size() - 1 - i] == b[b.size() - 1 - i]) ++i;
    return i;
}

class pieces {
public:
    void copy(std::size_t from, std::size_t bytes) {
        if (!bytes) return;
        if (!all_.empty() && all_.back().bytes && all_.back().from + all_.back().bytes == from)
            all_.back().bytes += bytes;
        else
            all_.push_back({from, bytes, {}});
    }
    void add(std::string_view text) {
        if (text.empty()) return;
        if (!all_.empty() && !all_.back().bytes)
            all_.back().text += text;
        else
            all_.push_back({0, 0, std::string{text}});
    }
    std::vector<recorded_text::piece> take() { return std::move(all_); }

private:
    std::vector<recorded_text::piece> all_;
};

std::uint64_t hash_of(std::string_view s) {
    std::uint64_t h = 0;
    for (char c : s) h = h * base + static_cast<unsigned char>(c) + 1;
    return h;
}

// Blocks of the earlier text, wherever they stand in the other.
void add_blocks(pieces& out, std::string_view earlier, std::size_t offset, std::string_view whole) {
    if (earlier.size() < 2 * block || whole.size() < 2 * block || earlier.size() / block > most_blocks)
        return out.add(whole);
    std::unordered_map<std::uint64_t, std::size_t> known;
    known.reserve(earlier.size() / block);
    for (std::size_t at = 0; at + block <= earlier.size(); at += block)
        known.try_emplace(hash_of(earlier.substr(at, block)), at);
    std::uint64_t first_weight = 1;
    for (std::size_t i = 1; i < block; ++i) first_weight *= base;
    std::size_t done = 0, used = 0, at = 0;  // of `whole`; of `earlier`; where the block under the window begins
    std::uint64_t h = hash_of(whole.substr(0, block));
    while (at + block <= whole.size()) {
        auto found = known.find(h);
        std::size_t from = found == known.end() ? 0 : found->second;
        if (found != known.end() && from >= used && whole.substr(at, block) == earlier.substr(from, block)) {
            std::size_t begin = at,
                        length = block + common_prefix(earlier.substr(from + block), whole.substr(at + block));
            while (begin > done && from > used && whole[begin - 1] == earlier[from - 1]) --begin, --from, ++length;
            while (length && inside_character(whole, begin)) ++begin, ++from, --length;
            while (length && inside_character(whole, begin + length)) --length;
            if (length >= block / 2) {
                out.add(whole.substr(done, begin - done));
                out.copy(offset + from, length);
                done = at = begin + length;
                used = from + length;
                if (at + block > whole.size()) break;
                h = hash_of(whole.substr(at, block));
                continue;
            }
        }
        if (at + block >= whole.size()) break;
        h = (h - (static_cast<unsigned char>(whole[at]) + 1) * first_weight) * base +
            static_cast<unsigned char>(whole[at + block]) + 1;
        ++at;
    }
    out.add(whole.substr(done));
}

}  // namespace

std::size_t common_prefix(std::string_view a, std::string_view b) {
    std::size_t n = std::min(a.size(), b.size()), i = 0;
    while (i + 256 <= n && std::memcmp(a.data() + i, b.data() + i, 256) == 0) i += 256;
    while (std::endian::native == std::endian::little && i + 8 <= n) {
        const auto differ = word_at(a, i) ^ word_at(b, i);
        if (differ) return i + static_cast<std::size_t>(std::countr_zero(differ)) / 8;
        i += 8;
    }
    while (i < n && a[i] == b[i]) ++i;
    return i;
}

std::vector<recorded_text::piece> pieces_between(std::string_view earlier, std::string_view whole) {
    std::size_t head = common_prefix(earlier, whole);
    while (head && (inside_character(whole, head) || inside_character(earlier, head))) --head;
    if (head < block && head < whole.size()) head = 0;
    std::size_t tail = common_suffix(earlier.substr(head), whole.substr(head));
    while (tail && inside_character(whole, whole.size() - tail)) --tail;
    if (tail < block) tail = 0;
    pieces out;
    out.copy(0, head);
    add_blocks(out, earlier.substr(head, earlier.size() - head - tail), head,
               whole.substr(head, whole.size() - head - tail));
    out.copy(earlier.size() - tail, tail);
    return out.take();
}

}  // namespace reagent::detail
