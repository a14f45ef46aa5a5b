// Execution match: a metric for statements.
#include "query.hpp"

#include <reagent/schema/render.hpp>
#include <reagent/tools/sql_metric.hpp>

#include "../sql/rules.hpp"
#include "describe.hpp"

#include <boost/json.hpp>

#include <algorithm>

namespace reagent {
namespace {

// Rows as texts that compare: numbers by value, whatever their type; in the order of the statement only when that
// sorts.
std::vector<std::string> comparable(const json::value& result, bool in_order) {
    std::vector<std::string> rows;
    for (const auto& row : result.at("rows").as_array()) {
        std::string text;
        for (const auto& cell : row.as_array()) {
            if (cell.is_number()) {
                char number[40];
                std::snprintf(number, sizeof number, "%.9g", cell.to_number<double>());
                text += std::string{number} + "\x1f";
            } else
                text += dump_json(cell) + "\x1f";
        }
        rows.push_back(std::move(text));
    }
    if (!in_order) std::sort(rows.begin(), rows.end());
    return rows;
}

}  // namespace

metric sql_match_of(std::string field, const std::filesystem::path& database, ready::sqlite_options options) {
    auto columns = sqlite::describe(database, options).columns;
    auto shared = std::make_shared<const ready::sqlite_options>(std::move(options));
    return [field = std::move(field), database, shared, columns](run& r, const rated_run& rated) -> task<judgement> {
        const auto *label = rated.expected.find(field), *output = rated.outputs.if_contains(field);
        if (!label || !label->is_string())
            throw program_error{program_errc::mismatch,
                                "the metric compares `" + field + "`, but an example has no such text",
                                {.path = field}};
        if (!output || !output->is_string())
            throw program_error{program_errc::mismatch,
                                "the metric compares `" + field + "`, but the program has no such text",
                                {.path = field}};
        // Owns what it uses: it may go on when the run is cancelled.
        auto rows_of = [database, shared, columns](std::string statement) -> std::function<json::value()> {
            return [=] { return sqlite::query(database, *shared, columns, statement); };
        };
        std::string gold{std::string_view{label->get_string()}}, predicted{std::string_view{output->get_string()}};
        if (auto code = sql::extract(predicted); !code.empty()) predicted = code;
        auto expected_work = rows_of(gold), predicted_work = rows_of(predicted);
        json::value expected = co_await r.blocking(std::move(expected_work)), found;
        judgement j;
        try {
            found = co_await r.blocking(std::move(predicted_work));
        } catch (const std::runtime_error& e) {
            j.feedback = std::string{"the statement cannot be run: "} + e.what();
        }
        if (!j.feedback.empty()) co_return j;
        std::string lower = sql::lower(gold);
        bool in_order = lower.find("order by") != lower.npos;
        bool same = comparable(expected, in_order) == comparable(found, in_order) &&
                    expected.get_object().contains("note") == found.get_object().contains("note");
        j.score = same ? 1 : 0;
        if (!same)
            j.feedback = "the rows differ: expected " + dump_json(expected.at("rows")).substr(0, 300) + ", got " +
                         dump_json(found.at("rows")).substr(0, 300);
        co_return j;
    };
}

}  // namespace reagent
