#pragma once

#include <boost/json/value.hpp>

#include <memory>
#include <string>
#include <vector>

namespace reagent::test {

/// What the demo said to a question.
struct said {
    std::string answer;
    std::vector<std::string> thoughts, statements;  // of the agent's steps
    bool declined() const { return answer.starts_with("I am offline/demo"); }
};

/// The demo's agent over a database (and documents), in this process: no sockets.
class demo_agent {
public:
    /// @param policy    a policy's JSON, or "": the tool lists no values then
    /// @param documents a folder, or ""
    demo_agent(const std::string& database, const std::string& policy, const std::string& documents,
               bool native = false);
    ~demo_agent();
    said ask(const std::string& question);

private:
    struct parts;
    std::unique_ptr<parts> parts_;
};

/// The rows of a statement, as text; numbers with two decimals at most.
std::vector<std::vector<std::string>> rows_of(const std::string& database, const std::string& statement);

/// Whether an answer says the same as the rows: one value, or a set of names, or names with their values. By value, not
/// by wording.
bool same_answer(const std::string& answer, const std::vector<std::vector<std::string>>& rows);

}  // namespace reagent::test
