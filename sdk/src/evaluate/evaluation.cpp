#include <reagent/evaluate/evaluation.hpp>
#include <reagent/module/parallel.hpp>

#include <reagent/schema/render.hpp>

#include "../base/utf8.hpp"

#include "../lm/saturating.hpp"

#include <boost/json.hpp>
#include <boost/math/distributions/students_t.hpp>

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <map>
#include <mutex>
#include <random>

namespace reagent {
namespace {

double points(double mean) { return std::round(mean * 10'000) / 100; }

// One example's run: the program, then the metric, in the same run.
struct example_run {
    const program_function& program;
    const metric& rate;
    const example& subject;
    evaluation_row& row;

    task<void> forward(run& r) const {
        json::object inputs = subject.input_fields();
        auto start = [&] { return program(r, inputs); };
        row.outputs = co_await detail::attempts<json::object>(r, start);
        row.usage = r.usage();
        r.release_paths();
        rated_run rated{subject, row.outputs, r.history()};
        auto judged = co_await rate(r, rated);
        if (!std::isfinite(judged.score))
            throw std::runtime_error{std::isnan(judged.score) ? "the metric returned NaN" : "the metric returned an infinite score"};
        row.score = judged.score;
        row.feedback = std::move(judged.feedback);
    }
};

std::string message_of(const std::exception_ptr& failure) {
    try {
        std::rethrow_exception(failure);
    } catch (const std::exception& e) {
        return detail::valid_utf8(e.what());  // a server's words may be anything
    } catch (...) {
        return "something that is no std::exception";
    }
}

// Not by long double, whose tables Boost.Math would fill before main: under valgrind, which has no such numbers, that ends the program.
using students_t =
    boost::math::students_t_distribution<double, boost::math::policies::policy<boost::math::policies::promote_double<false>>>;

void interval(evaluation& e) {
    auto n = static_cast<double>(e.rows.size());
    if (e.rows.empty()) return;
    double mean = 0, square = 0;
    bool binary = true;
    for (const auto& r : e.rows) {
        mean += r.score / n;
        binary = binary && (r.score == 0 || r.score == 1);
    }
    for (const auto& r : e.rows) square += (r.score - mean) * (r.score - mean);
    if (binary) {  // Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", 1927
        const double z = 1.959963984540054;
        double middle = (mean + z * z / (2 * n)) / (1 + z * z / n);
        double half = z / (1 + z * z / n) * std::sqrt(mean * (1 - mean) / n + z * z / (4 * n * n));
        e.low = points(std::max(0.0, middle - half));
        e.high = points(std::min(1.0, middle + half));
        return;
    }
    double half = 0;
    if (e.rows.size() > 1) half = boost::math::quantile(students_t{n - 1}, 0.975) * std::sqrt(square / (n - 1) / n);
    e.low = points(mean - half);
    e.high = points(mean + half);
}

// What was used after `program` had been: by the metric. When the program failed, all of it is the program's.
usage usage_beyond(usage& program, const usage& all, bool failed) {
    if (failed) program = all;
    usage rest;
    for (auto count : {&usage::calls, &usage::prompt_tokens, &usage::completion_tokens, &usage::cached_tokens, &usage::reasoning_tokens,
                       &usage::estimated_tokens})
        rest.*count = saturating_difference(all.*count, program.*count);
    if (all.cost && rest.calls) rest.cost = *all.cost - program.cost.value_or(0);
    return rest;
}

std::string csv_cell(std::string s) {
    // A cell that begins like a formula is one to a spreadsheet.
    if (!s.empty() && (s[0] == '=' || s[0] == '+' || s[0] == '-' || s[0] == '@') && s.find_first_not_of("+-.0123456789eE") != s.npos)
        s.insert(0, 1, '\'');
    if (s.find_first_of(",\"\r\n") == s.npos) return s;
    std::string out = "\"";
    for (char c : s) out += c == '"' ? "\"\"" : std::string(1, c);
    return out + "\"";
}

std::string shown(const json::value* v) {
    if (!v || v->is_null()) return {};
    return v->is_structured() ? dump_json(*v) : python_str(*v);
}

}  // namespace

evaluation evaluate(runtime& rt, const program_function& program, const dataset& data, const metric& m, const evaluate_options& options) {
    for (std::size_t i = 0; i < data.size(); ++i)
        if (data[i].inputs.empty())
            throw program_error{program_errc::mismatch, "example " + std::to_string(i + 1) + " has no inputs; name them with with_inputs"};
    evaluation e;
    e.rows.resize(data.size());
    std::vector<bool> tried(data.size());
    std::vector<std::optional<example_run>> runs(data.size());
    std::mutex mutex;
    std::condition_variable changed;
    std::size_t next = 0, active = 0, done = 0;
    double sum = 0;
    std::exception_ptr unheard;  // what `on_progress` threw
    const auto began = clock::now();
    auto last_told = began;
    auto elapsed = [&] { return std::chrono::duration_cast<std::chrono::milliseconds>(clock::now() - began); };

    std::unique_lock lock{mutex};
    auto tell = [&](bool last) {
        if (!options.on_progress || (!last && clock::now() - last_told < std::chrono::milliseconds{100})) return;
        last_told = clock::now();
        evaluation_progress p{done, data.size(), e.errors, done ? points(sum / static_cast<double>(done)) : 0, e.usage, elapsed()};
        lock.unlock();
        std::exception_ptr failed;
        try {
            options.on_progress(p);
        } catch (...) {
            failed = std::current_exception();
        }
        lock.lock();
        if (!failed || unheard) return;
        unheard = failed;
        e.stopped = true;  // what is under way works with what lives here: it is waited for
    };
    while (active > 0 || (next < data.size() && !e.stopped)) {
        while (active < std::max<std::size_t>(1, options.concurrency) && next < data.size() && !e.stopped) {
            std::size_t i = next++;
            ++active;
            tried[i] = true;
            e.rows[i].index = i;
            auto& one = runs[i].emplace(example_run{program, m, data[i], e.rows[i]});
            auto ended = [&, i](std::exception_ptr failure, const run_report& report) {
                std::lock_guard guard{mutex};
                auto& row = e.rows[i];
                row.metric_usage = usage_beyond(row.usage, report.usage, failure && row.outputs.empty());
                row.duration = report.duration;
                if (options.keep_histories) row.history = report.history;
                row.violations = report.history->violations().size();
                if (failure) {
                    row.error = message_of(failure);
                    row.score = options.failure_score;
                    if (++e.errors > options.max_errors) e.stopped = true;
                }
                e.usage += row.usage;
                e.metric_usage += row.metric_usage;
                sum += row.score;
                ++done;
                --active;
                changed.notify_one();
            };
            lock.unlock();
            rt.detach(options.run, one, std::function<void(std::exception_ptr, const run_report&)>{ended});
            lock.lock();
        }
        std::size_t before = done;
        changed.wait(lock, [&] { return done != before || active == 0; });
        tell(false);
    }
    if (unheard) std::rethrow_exception(unheard);
    if (e.stopped) {
        std::vector<evaluation_row> kept;
        for (std::size_t i = 0; i < e.rows.size(); ++i)
            if (tried[i]) kept.push_back(std::move(e.rows[i]));
        e.rows = std::move(kept);
    }
    e.elapsed = elapsed();
    double total = 0;
    for (const auto& r : e.rows) total += r.score;  // in the order of the examples, so that the sum is always the same
    e.score = e.rows.empty() ? 0 : points(total / static_cast<double>(e.rows.size()));
    interval(e);
    tell(true);
    if (unheard) std::rethrow_exception(unheard);
    return e;
}

program_function as_ensemble(program_function program, majority_options how) {
    // Named, so that the coroutine's frame holds what it uses.
    auto vote = [](run& r, json::object inputs, const program_function& one, const majority_options& options,
                   const std::vector<std::shared_ptr<const parameters>>& members) -> task<json::object> {
        std::vector<std::size_t> order(members.size());
        for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
        parallel_options each;
        each.max_concurrency = members.size();
        each.vary = [&](std::size_t i) {
            auto v = std::make_shared<variation>();
            if (const auto* outer = r.current_variation()) *v = *outer;
            v->parameters = members[i];
            return std::shared_ptr<const variation>{std::move(v)};
        };
        auto branch = [&](run& own, std::size_t) { return one(own, inputs); };
        auto found = co_await parallel_map(r, std::move(order), branch, std::move(each));
        std::vector<const json::object*> outputs;
        for (const auto& o : found) outputs.push_back(&o);
        co_return found[detail::majority_index(outputs, options)];
    };
    return [program = std::move(program), how = std::move(how), vote](run& r, const json::object& inputs) -> task<json::object> {
        if (!r.parameters() || r.parameters()->members.empty()) return program(r, inputs);
        return vote(r, inputs, program, how, r.parameters()->members);
    };
}

std::chrono::microseconds evaluation::latency(double percentile) const {
    if (rows.empty()) return {};
    std::vector<std::chrono::microseconds> all;
    for (const auto& r : rows) all.push_back(r.duration);
    std::sort(all.begin(), all.end());
    auto at = static_cast<std::size_t>(std::clamp(percentile, 0.0, 100.0) / 100 * static_cast<double>(all.size() - 1) + 0.5);
    return all[at];
}

std::vector<slice> slices(const evaluation& e, const dataset& data, const std::string& field) {
    std::map<std::string, std::pair<double, std::size_t>> sums;
    for (const auto& r : e.rows) {
        auto& [sum, count] = sums[shown(data.at(r.index).find(field))];
        sum += r.score;
        ++count;
    }
    std::vector<slice> all;
    for (const auto& [value, s] : sums) all.push_back({value, points(s.first / static_cast<double>(s.second)), s.second});
    return all;
}

comparison compare(const evaluation& before, const evaluation& after) {
    std::map<std::size_t, double> old;
    for (const auto& r : before.rows) old.emplace(r.index, r.score);
    comparison c;
    std::vector<double> differences;
    for (const auto& r : after.rows) {
        auto found = old.find(r.index);
        if (found == old.end()) continue;
        double d = r.score - found->second;
        differences.push_back(d);
        if (d > 0) c.fixed.push_back(r.index);
        if (d < 0) c.broken.push_back(r.index);
    }
    if (differences.empty()) return c;
    double sum = 0;
    for (double d : differences) sum += d;
    c.difference = points(sum / static_cast<double>(differences.size()));
    std::mt19937_64 random{1};
    constexpr int draws = 10'000;
    int as_large = 0;
    for (int i = 0; i < draws; ++i) {
        double flipped = 0;
        std::uint64_t bits = 0;
        for (std::size_t k = 0; k < differences.size(); ++k) {
            if (k % 64 == 0) bits = random();
            flipped += (bits >> (k % 64)) & 1 ? differences[k] : -differences[k];
        }
        as_large += std::abs(flipped) >= std::abs(sum) - 1e-12;
    }
    c.p_value = (as_large + 1.0) / (draws + 1.0);
    return c;
}

json::object to_json(const evaluation& e, const dataset& data) {
    json::array rows;
    for (const auto& r : e.rows) {
        json::object row{
            {"index", r.index},         {"score", r.score},           {"example", data.at(r.index).fields},
            {"outputs", r.outputs},     {"violations", r.violations}, {"duration_ms", static_cast<double>(r.duration.count()) / 1000},
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
            {"latency_ms", json::object{{"p50", ms(e.latency(50))}, {"p90", ms(e.latency(90))}, {"p99", ms(e.latency(99))}}},
            {"usage", to_json(e.usage)},
            {"metric_usage", to_json(e.metric_usage)},
            {"rows", std::move(rows)}};
}

evaluation evaluation_from_json(const json::value& document) {
    auto bad = [](const std::string& path) {
        return program_error{
            program_errc::bad_document, "this is no saved evaluation: `" + path + "` is missing or of another type", {.path = path}};
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
        if (!index || !(index->is_int64() || index->is_uint64()) || index->to_number<std::int64_t>() < 0) throw bad(path + ".index");
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
        for (const auto& f : fields) text += "," + csv_cell(shown(data.at(r.index).find(f)));
        for (const auto& o : outputs) text += "," + csv_cell(shown(r.outputs.if_contains(o)));
    }
    return detail::valid_utf8(text + "\r\n");
}

}  // namespace reagent
