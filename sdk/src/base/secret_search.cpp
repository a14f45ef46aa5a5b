#include "secret_search.hpp"

#include "base64.hpp"
#include "text.hpp"

#include <algorithm>

namespace reagent::detail {
namespace {

constexpr std::size_t shortest_in_base64 = 6;  // of fewer bytes too little is left between two neighbours

bool in_base64(char c) { return is_word(c) || c == '+' || c == '/' || c == '-'; }

}  // namespace

secret_search::secret_search(std::span<const secret> secrets) {
    for (const auto& s : secrets) add_value(s.reveal());
    index();
}

secret_search::secret_search(std::span<const std::string> values) {
    for (const auto& v : values) add_value(v);
    index();
}

void secret_search::add_value(std::string_view value) {
    constexpr std::size_t longest_in_base64 =
        1024;  // a longer one is found in the decoded text, and would be kept seven times
    if (value.size() < shortest_secret) return;
    add(std::string{value}, false);
    if (value.find(' ') != value.npos) add(replace_all(value, " ", "+"), false);
    if (value.size() >= shortest_in_base64 && value.size() <= longest_in_base64) add_base64(value);
}

void secret_search::index() {
    std::sort(needles_.begin(), needles_.end(), [](const needle& a, const needle& b) { return a.slot < b.slot; });
    for (std::size_t i = 0; i < needles_.size(); ++i) {
        auto slot = slot_of(needles_[i].text.data());
        beginnings_[slot / 64] |= std::uint64_t{1} << (slot % 64);
        by_beginning_.emplace_back(slot, i);
        longest_ = std::max(longest_, needles_[i].text.size());
    }
    std::sort(by_beginning_.begin(), by_beginning_.end());
}

// By those four bytes of its first ones that no other needle is looked for by yet: keys that begin alike share no slot.
void secret_search::add(std::string text, bool base64) {
    needle n{std::move(text), 0, 0, base64};
    constexpr std::size_t tried = 32;
    for (std::size_t offset = 0; offset + shortest_secret <= n.text.size() && offset < tried; ++offset) {
        n.slot = slot_of(n.text.data() + offset);
        n.offset = offset;
        if (!(filter_[n.slot / 64] >> (n.slot % 64) & 1)) break;
    }
    filter_[n.slot / 64] |= std::uint64_t{1} << (n.slot % 64);
    needles_.push_back(std::move(n));
}

// A byte's bits end up in other characters by its place modulo three: all three, without the characters that hold bits
// of a neighbour.
void secret_search::add_base64(std::string_view value) {
    for (std::size_t before = 0; before < 3; ++before) {
        std::string coded = base64(std::string(before, '\0') + std::string{value});
        auto first = (before * 8 + 5) / 6, last = (before + value.size()) * 8 / 6;
        std::string inner = coded.substr(first, last - first);
        std::string of_urls = replace_all(replace_all(inner, "+", "-"), "/", "_");  // RFC 4648, section 5
        if (of_urls != inner) add(std::move(of_urls), true);
        add(std::move(inner), true);
    }
}

std::pair<const secret_search::needle*, const secret_search::needle*> secret_search::with(std::uint32_t slot) const {
    struct by_slot {
        bool operator()(const needle& n, std::uint32_t s) const { return n.slot < s; }
        bool operator()(std::uint32_t s, const needle& n) const { return s < n.slot; }
    };
    auto [first, last] = std::equal_range(needles_.begin(), needles_.end(), slot, by_slot{});
    return {needles_.data() + (first - needles_.begin()), needles_.data() + (last - needles_.begin())};
}

std::size_t secret_search::begin_of_cut(std::string_view text) const {
    constexpr std::size_t shortest_shown = 6;  // fewer bytes give nothing away, and end many a word
    for (auto at = text.size() - std::min(text.size(), longest_); at + shortest_shown <= text.size(); ++at) {
        auto slot = slot_of(text.data() + at);
        if (!(beginnings_[slot / 64] >> (slot % 64) & 1)) continue;
        auto first = std::lower_bound(by_beginning_.begin(), by_beginning_.end(), std::pair{slot, std::size_t{0}});
        for (; first != by_beginning_.end() && first->first == slot; ++first) {
            const auto& n = needles_[first->second];
            if (!n.text.starts_with(text.substr(at))) continue;
            auto begin = at, end = text.size();
            if (n.base64) widen(text, begin, end);
            return begin;
        }
    }
    return text.size();
}

void secret_search::widen(std::string_view text, std::size_t& begin, std::size_t& end) {
    while (begin > 0 && in_base64(text[begin - 1])) --begin;
    while (end < text.size() && in_base64(text[end])) ++end;
    while (end < text.size() && text[end] == '=') ++end;
}

}  // namespace reagent::detail
