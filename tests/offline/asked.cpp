#include "asked.hpp"

#include <reagent/reagent.hpp>
#include <reagent/schema/render.hpp>

#include <boost/json.hpp>

#include <sqlite3.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <set>
#include <stdexcept>

namespace reagent::test {

using namespace reagent::literals;

struct demo_agent::parts {
    parts(tools t, react_mode mode) : agent{std::move(t), {.max_iters = 8, .mode = mode}} {}
    react<sig<"question -> answer">> agent;
    runtime engine{};
    run_options options{language_model{"offline/demo"}};
};

namespace {

tools tools_for(const std::string& database, const std::string& policy, const std::string& documents) {
    reagent::ready::sqlite_options options;
    if (!policy.empty()) options.policy = sql::policy_from_json(json::parse(policy));
    tools t{reagent::ready::calculator(), ready::sqlite_query(database, options)};
    if (!documents.empty()) t.add(reagent::ready::document_search(documents));
    return t;
}

// A number to two decimals, or the text.
std::string normal(const std::string& text) {
    char* end = nullptr;
    double d = std::strtod(text.c_str(), &end);
    if (text.empty() || *end) return text;
    char out[64];
    std::snprintf(out, sizeof out, "%.2f", std::round(d * 100 + (d < 0 ? -1e-7 : 1e-7)) / 100);
    return std::string{out} == "-0.00" ? "0.00" : out;
}

}  // namespace

demo_agent::demo_agent(const std::string& database, const std::string& policy, const std::string& documents,
                       bool native)
    : parts_{std::make_unique<parts>(tools_for(database, policy, documents),
                                     native ? react_mode::native : react_mode::prompted)} {}
demo_agent::~demo_agent() = default;

said demo_agent::ask(const std::string& question) {
    auto p = parts_->engine.run(parts_->options, parts_->agent, "question"_f = question);
    said s;
    s.answer = p.get<"answer">();
    for (const auto& step : p.trajectory()) {
        s.thoughts.push_back(step.thought);
        if (step.tool == "sql") s.statements.push_back(dump_json(step.args));
    }
    return s;
}

std::vector<std::vector<std::string>> rows_of(const std::string& database, const std::string& statement) {
    sqlite3* db = nullptr;
    sqlite3_stmt* s = nullptr;
    std::vector<std::vector<std::string>> rows;
    bool good = sqlite3_open_v2(database.c_str(), &db, SQLITE_OPEN_READONLY, nullptr) == SQLITE_OK &&
                sqlite3_prepare_v2(db, statement.c_str(), -1, &s, nullptr) == SQLITE_OK;
    std::string why = good ? "" : sqlite3_errmsg(db);
    while (good && sqlite3_step(s) == SQLITE_ROW) {
        auto& row = rows.emplace_back();
        for (int i = 0; i < sqlite3_column_count(s); ++i) {
            auto* text = reinterpret_cast<const char*>(sqlite3_column_text(s, i));
            row.push_back(text ? text : "none");
        }
    }
    sqlite3_finalize(s);
    sqlite3_close(db);
    if (!good) throw std::runtime_error{statement + ": " + why};
    return rows;
}

bool same_answer(const std::string& answer, const std::vector<std::vector<std::string>>& rows) {
    if (rows.empty()) return answer == "none";
    std::multiset<std::string> expected, got;
    bool with_values = rows[0].size() > 1;
    for (const auto& r : rows) expected.insert(with_values ? r[0] + " (" + normal(r[1]) + ")" : normal(r[0]));
    for (std::size_t at = 0; at <= answer.size();) {
        auto next = std::min(answer.find("; ", at), answer.size());
        std::string item = answer.substr(at, next - at);
        auto open = item.rfind(" (");
        if (with_values && open != item.npos)
            item = item.substr(0, open) + " (" + normal(item.substr(open + 2, item.size() - open - 3)) + ")";
        else
            item = normal(item.substr(0, open));
        got.insert(item == "yes" ? "Yes" : item == "no" ? "No" : item);
        at = next + 2;
    }
    return got == expected;
}

}  // namespace reagent::test
