#include <reagent/evaluate/evaluation.hpp>

#include <reagent/schema/render.hpp>

#include "../base/utf8.hpp"
#include "statistics.hpp"

#include <boost/json.hpp>

#include <algorithm>

namespace reagent {
namespace {

std::string csv_cell(std::string s) {
    // A cell that begins like a formula is one to a spreadsheet.
    if (!s.empty() && (s[0] == '=' || s[0] == '+' || s[0] == '-' || s[0] == '@') &&
        s.find_first_not_of("+-.0123456789eE") != s.npos)
        s.insert(0, 1, '\'');
    if (s.find_first_of(",\"\r\n") == s.npos) return s;
    std::string out = "\"";
    for (char c : s) out += c == '"' ? "\"\"" : std::string(1, c);
    return out + "\"";
}

}  // namespace

json::object to_json(const evaluation& e, const dataset& data) {
    json::array rows;
    for (const auto& r : e.rows) {
        json::object row{{"index", r.index},
                         {"score", r.score},
                         {"example", data.at(r.index).fields},
                         {"outputs", r.outputs},
                         {"violations", r.violations},
                         {"duration_ms", static_cast<double>(r.duration.count()) / 1000},
                         {"usage", to_json(r.usage)}};
        if (r.metric_usage.calls) row["metric_usage"] = to_json(r.metric_usage);
        if (!r.feedback.empty()) row["feedback"] = r.feedback;
        if (!r.error.empty()) row["error"] = r.error;
        rows.push_back(std::move(row));
    }
    auto ms = [](std::chrono::microseconds t) { return static_cast<double>(t.count()) / 1000; };
    return {{"score", e.score},
            {"interval", json::array{e.low, e.high}},
            {"examples", e.rows.size()},
            {"errors", e.errors},
            {"stopped", e.stopped},
            {"elapsed_ms", e.elapsed.count()},
            {"latency_ms",
             json::object{{"p50", ms(e.latency(50))}, {"p90", ms(e.latency(90))}, {"p99", ms(e.latency(99))}}},
            {"usage", to_json(e.usage)},
            {"metric_usage", to_json(e.metric_usage)},
            {"rows", std::move(rows)}};
}

evaluation evaluation_from_json(const json::value& document) {
    auto bad = [](const std::string& path) {
        return program_error{program_errc::bad_document,
                             "this is no saved evaluation: `" + path + "` is missing or of another type",
                             {.path = path}};
    };
    const auto* o = document.if_object();
    const auto *score = o ? o->if_contains("score") : nullptr, *rows = o ? o->if_contains("rows") : nullptr;
    if (!score || !score->is_number()) throw bad("score");
    if (!rows || !rows->is_array()) throw bad("rows");
    evaluation e;
    e.score = score->to_number<double>();
    for (const auto& r : rows->get_array()) {
        std::string path = "rows[" + std::to_string(e.rows.size()) + "]";
        const auto* row = r.if_object();
        const auto *index = row ? row->if_contains("index") : nullptr, *one = row ? row->if_contains("score") : nullptr;
        if (!index || !(index->is_int64() || index->is_uint64()) || index->to_number<std::int64_t>() < 0)
            throw bad(path + ".index");
        if (!one || !one->is_number()) throw bad(path + ".score");
        evaluation_row made;
        made.index = index->to_number<std::size_t>();
        made.score = one->to_number<double>();
        e.rows.push_back(std::move(made));
    }
    return e;
}

std::string to_csv(const evaluation& e, const dataset& data) {
    std::vector<std::string> fields, outputs;
    auto note = [](std::vector<std::string>& names, const json::object& o) {
        for (const auto& [k, v] : o)
            if (std::find(names.begin(), names.end(), k) == names.end()) names.emplace_back(k);
    };
    for (const auto& r : e.rows) note(fields, data.at(r.index).fields), note(outputs, r.outputs);
    std::string text = "index,score,error";
    for (const auto& f : fields) text += "," + csv_cell(f);
    for (const auto& o : outputs) text += "," + csv_cell("predicted_" + o);
    for (const auto& r : e.rows) {
        text += "\r\n" + std::to_string(r.index) + "," + python_float(r.score) + "," + csv_cell(r.error);
        for (const auto& f : fields) text += "," + csv_cell(shown_cell(data.at(r.index).find(f)));
        for (const auto& o : outputs) text += "," + csv_cell(shown_cell(r.outputs.if_contains(o)));
    }
    return detail::valid_utf8(text + "\r\n");
}

}  // namespace reagent
