// Known secrets, looked for in a text all at once.
#pragma once

#include <reagent/secret.hpp>

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace reagent::detail {

/// Shorter secrets stand in every text by chance, and are not looked for.
inline constexpr std::size_t shortest_secret = 4;

/// What a secret may look like: as it is, with "+" for a blank, and within the base64 (both alphabets) of something
/// longer ("user:key"). Also its beginning, where a text was cut there ("...") or says so. Escapes are not its concern:
/// search in a `decoded_view`. Immutable, so safe to share between threads.
class secret_search {
public:
    secret_search() = default;
    explicit secret_search(std::span<const secret> secrets);
    explicit secret_search(std::span<const std::string> values);  ///< private ones

    bool empty() const { return needles_.empty(); }

    /// Calls `found(begin, end)` for every place, of base64 for all of it. Linear in the text.
    template <class F>
    void for_each(std::string_view text, F found) const {
        if (needles_.empty() || text.size() < shortest_secret) return;
        for (std::size_t at = 0; at + shortest_secret <= text.size(); ++at) {
            auto slot = slot_of(text.data() + at);
            if (filter_[slot / 64] >> (slot % 64) & 1) at = look(text, at, slot, found);
        }
        for (std::string_view mark : {"...", "\xE2\x80\xA6", "[cut here"}) {
            std::size_t after = 0;  // what was cut begins behind the mark before: all marks together read a text once
            for (std::size_t at = 0; (at = text.find(mark, at)) != text.npos;) {
                auto end = at;
                while (end > after && (text[end - 1] == ' ' || text[end - 1] == '\n')) --end;
                if (auto begin = begin_of_cut(text.substr(after, end - after)); begin < end - after)
                    found(after + begin, mark == "..." ? at + mark.size() : end);
                after = at += mark.size();
                while (after < text.size() && text[after] == '.') at = ++after;
            }
        }
    }

private:
    struct needle {
        std::string text;
        std::uint32_t slot = 0;
        std::size_t offset = 0;  // of the four bytes that it is looked for by
        bool base64 = false;
    };
    static constexpr std::size_t slots = 1 << 13;

    static std::uint32_t slot_of(const char* four) {
        auto b = [four](int i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(four[i])); };
        return ((b(0) | b(1) << 8 | b(2) << 16 | b(3) << 24) * 0x9E3779B1u) >> 19;
    }
    void add_value(std::string_view value);
    void index();
    void add(std::string text, bool base64);
    void add_base64(std::string_view value);

    /// The needles whose four bytes stand at `at`; returns where to go on (the loop adds one).
    template <class F>
    std::size_t look(std::string_view text, std::size_t at, std::uint32_t slot, F& found) const {
        std::size_t on = at;
        for (auto [n, last] = with(slot); n != last; ++n) {
            if (n->offset > at || text.substr(at - n->offset, n->text.size()) != n->text) continue;
            auto begin = at - n->offset, end = begin + n->text.size();
            if (n->base64) {
                widen(text, begin, end);
                on = std::max(on, end - 1);  // all of it is found
            }
            found(begin, end);
        }
        return on;
    }
    /// Where a secret begins that the text, which was cut, ends in the middle of; the text's size when there is none.
    std::size_t begin_of_cut(std::string_view text) const;
    std::pair<const needle*, const needle*> with(std::uint32_t slot) const;
    static void widen(std::string_view text, std::size_t& begin, std::size_t& end);

    std::vector<needle> needles_;  // by slot
    std::array<std::uint64_t, slots / 64> filter_{};
    std::vector<std::pair<std::uint32_t, std::size_t>>
        by_beginning_;  // slots of their first four bytes, and which needle
    std::array<std::uint64_t, slots / 64> beginnings_{};
    std::size_t longest_ = 0;
};

}  // namespace reagent::detail
