#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace reagent::fuzz {

/// What a fuzzer decides: by libFuzzer's bytes as far as they reach, then by a generator. The same bytes and seed
/// decide the same.
class choices {
public:
    explicit choices(std::uint64_t seed, std::string_view bytes = {}) : state_{seed}, bytes_{bytes} {}

    /// A number below `n`; 0 for 0.
    std::size_t below(std::size_t n) {
        if (n < 2) return 0;
        if (at_ < bytes_.size()) {
            std::size_t v = static_cast<unsigned char>(bytes_[at_++]);
            if (n > 256 && at_ < bytes_.size()) v = v << 8 | static_cast<unsigned char>(bytes_[at_++]);
            return v % n;
        }
        return static_cast<std::size_t>(number() % n);
    }
    bool percent(unsigned p) { return below(100) < p; }

    /// 64 bits, whatever the bytes say. Source: splitmix64, Steele et al., 2014.
    std::uint64_t number() { return mixed(state_ += 0x9e3779b97f4a7c15); }

    static std::uint64_t mixed(std::uint64_t z) {
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }

private:
    std::uint64_t state_;
    std::string_view bytes_;
    std::size_t at_ = 0;
};

}  // namespace reagent::fuzz
