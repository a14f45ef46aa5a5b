#include "sql_judge.hpp"

#include "support/sql_shop.hpp"

namespace reagent::test {
namespace {

bool holds_canary(const answer& a) {
    if (a.error.find(canary_text) != a.error.npos) return true;
    for (const auto& row : a.rows)
        if (row.find(canary_text) != row.npos) return true;
    return false;
}

}  // namespace

void compare(judgement& j) {
    // A statement may spell a canary itself, so its text alone proves nothing; the other side's does not hold it.
    bool left = holds_canary(j.left), right = holds_canary(j.right);
    if (left && !right) return j.findings.push_back({finding::leak, "a canary is in the answer"});
    if (j.left.ended || j.right.ended) return;
    if (j.left.error != j.right.error) return j.findings.push_back({finding::leak, "the error depends on a canary"});
    if (j.left.names != j.right.names || j.left.rows != j.right.rows)
        j.findings.push_back({finding::leak, "the answer depends on a canary"});
}

}  // namespace reagent::test
