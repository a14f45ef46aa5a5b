#pragma once

#include <memory>
#include <string>
#include <vector>

namespace reagent::test {

/// What a database says about a statement.
struct answer {
    std::vector<std::string> names{}, rows{};
    std::string error{};  ///< SQLSTATE or code, and message; "" when it ran to its end
    bool ended = false;   ///< by a limit of time or size: says nothing
    bool ok() const { return error.empty() && !ended; }
};

struct finding {
    enum kind { leak, call, change, overload } what;
    std::string how;
};

struct judgement {
    answer left{}, right{};
    std::vector<finding> findings{};
};

/// Runs statements on both sides of the shop (support/sql_shop.hpp) as a user who may do everything. Knows nothing of
/// SQL: a canary in an answer or in an error is a leak, and so is any difference between both sides.
class judge {
public:
    virtual ~judge() = default;
    virtual judgement run(const std::string& statement) = 0;
};

/// @throws std::runtime_error when there is no server to start
std::unique_ptr<judge> postgres_judge();
std::unique_ptr<judge> sqlite_judge();

/// The findings that both sides' answers give.
void compare(judgement& j);

}  // namespace reagent::test
