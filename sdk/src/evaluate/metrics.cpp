#include <reagent/evaluate/metrics.hpp>
#include <reagent/evaluate/retrieval_metrics.hpp>
#include <reagent/evaluate/trajectory.hpp>

#include <reagent/schema/render.hpp>

#include <utf8proc.h>
#include <boost/json.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <sstream>

namespace reagent {
namespace {

std::vector<std::string> words(const std::string& text) {
    std::istringstream in{text};
    return {std::istream_iterator<std::string>{in}, {}};
}

double f1_of_counts(std::size_t same, std::size_t predicted, std::size_t wanted) {
    if (same == 0) return 0;
    double precision = static_cast<double>(same) / static_cast<double>(predicted),
           recall = static_cast<double>(same) / static_cast<double>(wanted);
    return 2 * precision * recall / (precision + recall);
}

std::size_t shared(std::vector<std::string> a, std::vector<std::string> b) {
    std::sort(a.begin(), a.end());
    std::sort(b.begin(), b.end());
    std::vector<std::string> both;
    std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(both));
    return both.size();
}

template <class F>
auto best(F f, std::string_view prediction, const std::vector<std::string>& golds) {
    decltype(f(prediction, golds.front())) found{};
    for (const auto& g : golds) found = std::max(found, f(prediction, g));
    return found;
}

// Letters, digits and marks together; any other visible character alone; lower case. Source: DrQA's SimpleTokenizer,
// which DSPy uses.
std::vector<std::string> simple_tokens(const std::string& text) {
    std::vector<std::string> tokens;
    std::string word;
    auto* data = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
    auto size = static_cast<utf8proc_ssize_t>(text.size());
    for (utf8proc_ssize_t at = 0; at < size;) {
        utf8proc_int32_t c = 0;
        auto step = utf8proc_iterate(data + at, size - at, &c);
        if (step <= 0) break;
        std::string character(text, static_cast<std::size_t>(at), static_cast<std::size_t>(step));
        at += step;
        auto k = utf8proc_category(c);
        bool part = (k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_NO);
        if (part) {
            word += character;
            continue;
        }
        if (!word.empty()) tokens.push_back(std::exchange(word, {}));
        bool hidden = k >= UTF8PROC_CATEGORY_ZS || k == UTF8PROC_CATEGORY_CN;
        if (!hidden) tokens.push_back(character);
    }
    if (!word.empty()) tokens.push_back(word);
    return tokens;
}

std::vector<std::string> accepted(const json::value& label) {
    std::vector<std::string> all;
    if (label.is_array())
        for (const auto& item : label.get_array()) all.push_back(python_str(item));
    else
        all.push_back(python_str(label));
    return all;
}

std::optional<double> number(const json::value* v) {
    if (!v) return {};
    if (v->is_number()) return v->to_number<double>();
    if (!v->is_string()) return {};
    std::string text{v->get_string()};
    std::erase(text, ',');
    char* end = nullptr;
    double d = std::strtod(text.c_str(), &end);
    if (end == text.c_str() || *end) return {};
    return d;
}

void leaves(const json::value& v, const std::string& path, std::vector<std::string>& out) {
    if (v.is_object())
        for (const auto& [k, item] : v.get_object()) leaves(item, path + "." + std::string{k}, out);
    else if (v.is_array())
        for (const auto& item : v.get_array()) leaves(item, path + "[]", out);
    else
        out.push_back(path + "=" + (v.is_number() ? python_float(v.to_number<double>()) : dump_json(v)));
}

// A metric that compares one output with one label; both must be there.
template <class F>
metric on_field(std::string field, F f) {
    return make_metric([field = std::move(field), f](const example& e, const json::object& outputs) -> judgement {
        const auto *label = e.find(field), *output = outputs.if_contains(field);
        if (!label)
            throw program_error{program_errc::mismatch,
                                "the metric compares `" + field + "`, but an example has no such field",
                                {.path = field}};
        if (!output)
            throw program_error{program_errc::mismatch,
                                "the metric compares `" + field + "`, but the program has no such output",
                                {.path = field}};
        return f(*output, *label);
    });
}

}  // namespace

bool exact_match(std::string_view prediction, std::string_view gold) {
    return normalize_text(prediction) == normalize_text(gold);
}
bool exact_match(std::string_view prediction, const std::vector<std::string>& golds) {
    return best([](std::string_view p, std::string_view g) { return exact_match(p, g); }, prediction, golds);
}

double token_f1(std::string_view prediction, std::string_view gold) {
    auto a = words(normalize_text(prediction)), b = words(normalize_text(gold));
    return f1_of_counts(shared(a, b), a.size(), b.size());
}
double token_f1(std::string_view prediction, const std::vector<std::string>& golds) {
    return best([](std::string_view p, std::string_view g) { return token_f1(p, g); }, prediction, golds);
}

double hotpot_f1(std::string_view prediction, std::string_view gold) {
    std::string p = normalize_text(prediction), g = normalize_text(gold);
    for (const char* special : {"yes", "no", "noanswer"})
        if ((p == special || g == special) && p != g) return 0;
    return token_f1(prediction, gold);
}
double hotpot_f1(std::string_view prediction, const std::vector<std::string>& golds) {
    return best([](std::string_view p, std::string_view g) { return hotpot_f1(p, g); }, prediction, golds);
}

bool passage_match(const std::vector<std::string>& passages, const std::vector<std::string>& answers) {
    std::vector<std::vector<std::string>> wanted;
    for (const auto& a : answers) wanted.push_back(simple_tokens(normalize_text(a)));
    for (const auto& p : passages) {
        auto tokens = simple_tokens(normalize_text(p));
        for (const auto& w : wanted)
            if (std::search(tokens.begin(), tokens.end(), w.begin(), w.end()) != tokens.end() || w.empty()) return true;
    }
    return false;
}

metric exact_match_of(std::string field) {
    return on_field(std::move(field), [](const json::value& output, const json::value& label) -> judgement {
        bool same = output.is_string() || label.is_string() ? exact_match(python_str(output), accepted(label))
                                                            : equal_json(output, label);
        return {same ? 1.0 : 0.0, same ? "" : "expected " + dump_json(label) + ", got " + dump_json(output)};
    });
}

metric f1_of(std::string field) {
    return on_field(std::move(field), [](const json::value& output, const json::value& label) -> judgement {
        double f1 = token_f1(python_str(output), accepted(label));
        return {f1, f1 == 1 ? "" : "expected " + dump_json(label) + ", got " + dump_json(output)};
    });
}

metric numeric_of(std::string field, double absolute, double relative) {
    return on_field(
        std::move(field), [absolute, relative](const json::value& output, const json::value& label) -> judgement {
            auto a = number(&output), b = number(&label);
            bool finite =
                a && b && std::isfinite(*a) && std::isfinite(*b);  // of an infinite label every number would be near
            bool near =
                a && b && (finite ? std::abs(*a - *b) <= std::max(absolute, relative * std::abs(*b)) : *a == *b);
            return {near ? 1.0 : 0.0, near ? "" : "expected about " + dump_json(label) + ", got " + dump_json(output)};
        });
}

metric json_f1_of(std::string field) {
    return on_field(std::move(field), [](const json::value& output, const json::value& label) -> judgement {
        std::vector<std::string> a, b;
        leaves(output, "", a);
        leaves(label, "", b);
        if (a.empty() && b.empty()) return {1, {}};
        return {f1_of_counts(shared(a, b), a.size(), b.size()), {}};
    });
}

metric weighted(std::vector<std::pair<metric, double>> parts) {
    double sum = 0;
    for (const auto& [m, weight] : parts) sum += weight;
    if (!(sum > 0)) throw std::invalid_argument{"weighted: the weights must add up to more than 0"};
    return [parts = std::move(parts), sum](run& r, const rated_run& rated) -> task<judgement> {
        judgement all;
        for (const auto& [m, weight] : parts) {
            auto one = co_await m(r, rated);
            all.score += weight / sum * one.score;
            if (!one.feedback.empty()) all.feedback += (all.feedback.empty() ? "" : "\n") + one.feedback;
        }
        co_return all;
    };
}

metric metric_named(std::string_view text, judge_options judge) {
    auto colon = text.find(':');
    std::string name{text.substr(0, colon)}, field{colon == text.npos ? "" : text.substr(colon + 1)};
    if (!field.empty()) {
        if (name == "exact_match") return exact_match_of(field);
        if (name == "f1") return f1_of(field);
        if (name == "numeric") return numeric_of(field);
        if (name == "json_f1") return json_f1_of(field);
        if (name == "semantic_f1") return semantic_f1_of(field, std::move(judge));
        if (name == "rubric") return rubric(field, std::move(judge));
    }
    if (auto of_trajectory = trajectory_metric_named(text)) return of_trajectory;
    if (auto of_retrieval = retrieval_metric_named(text, std::move(judge))) return of_retrieval;
    throw program_error{program_errc::mismatch,
                        "unknown metric \"" + std::string{text} +
                            "\"; write exact_match:FIELD, f1:FIELD, numeric:FIELD, json_f1:FIELD, semantic_f1:FIELD or "
                            "\"rubric:WHAT IS "
                            "GOOD\"; of retrieval: recall@K:LABEL, precision@K:LABEL, "
                            "mrr:LABEL, ndcg@K:LABEL, hit@K:LABEL, citation_precision:LABEL, citation_recall:LABEL, "
                            "groundedness:FIELD, "
                            "complete_and_grounded:FIELD; of an agent's way: tool_correctness:LABEL, tool_order:LABEL, "
                            "tool_arguments:LABEL, tool_steps:N, cost:DOLLARS, tokens:N"};
}

}  // namespace reagent
