#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace reagent {
struct signature;
}

namespace reagent::detail {

/// Which predictor a run knows by which path.
class taken_paths {
public:
    /// @param branch where it is called @param inside the call of a tool that it belongs to
    /// @throws run_error(ambiguous_path) where another that still lives has the path: in the same branch, or with
    /// another signature
    void take(const std::string& path, const std::string& branch, std::uint64_t inside, const signature& s,
              const std::shared_ptr<const void>& alive);
    void release() { all_.clear(); }

private:
    struct taken {
        std::string path, branch;
        std::weak_ptr<const void> alive;
        const void* who;
        const signature* own;  // while it lives
    };
    std::map<std::uint64_t, std::vector<taken>> all_;  // by what they are inside of; a program has few
};

}  // namespace reagent::detail
