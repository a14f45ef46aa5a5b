#include "metrics.hpp"

#include <algorithm>
#include <cstdio>

namespace reagent::detail {
namespace {

std::string label(std::string_view text) {
    std::string out = "\"";
    for (char c : text) out += c == '\\' ? "\\\\" : c == '"' ? "\\\"" : c == '\n' ? "\\n" : std::string(1, c);
    return out + "\"";
}

std::string number(double d) {
    char text[32];
    std::snprintf(text, sizeof text, "%.9g", d);
    return text;
}

void heading(std::string& out, const char* name, const char* type, const char* help) {
    out += std::string{"# HELP "} + name + " " + help + "\n# TYPE " + name + " " + type + "\n";
}

void durations(std::string& out, const std::string& path, const route_metrics& m) {
    const std::string name = "reagent_request_seconds", at = "{route=" + label(path);
    std::uint64_t below = 0;
    for (std::size_t i = 0; i <= m.bounds.size(); ++i) {
        below += m.buckets[i];
        const std::string bound = i < m.bounds.size() ? number(m.bounds[i]) : "+Inf";
        out += name + "_bucket" + at + ",le=\"" + bound + "\"} " + std::to_string(below) + "\n";
    }
    out += name + "_sum" + at + "} " + number(m.seconds) + "\n" + name + "_count" + at + "} " +
           std::to_string(m.requests) + "\n";
}

template <class F>
void of_programs(std::string& out, const std::vector<program_metrics>& programs, const char* name, const char* type,
                 const char* help, F value) {
    heading(out, name, type, help);
    for (const auto& p : programs) out += std::string{name} + "{program=" + label(p.name) + "} " + value(p) + "\n";
}

}  // namespace

void route_metrics::add(int status, std::chrono::microseconds took) {
    const double s = std::chrono::duration<double>{took}.count();
    ++by_status[status];
    ++buckets[static_cast<std::size_t>(std::lower_bound(bounds.begin(), bounds.end(), s) - bounds.begin())];
    seconds += s;
    ++requests;
}

std::string metrics_text(const std::map<std::string, route_metrics, std::less<>>& routes,
                         const std::vector<program_metrics>& programs, std::size_t connections) {
    std::string out;
    heading(out, "reagent_requests_total", "counter", "Requests by route and status; 499: the client had gone.");
    for (const auto& [path, m] : routes)
        for (const auto& [status, n] : m.by_status)
            out += "reagent_requests_total{route=" + label(path) + ",status=\"" + std::to_string(status) + "\"} " +
                   std::to_string(n) + "\n";
    heading(out, "reagent_request_seconds", "histogram",
            "From the end of a request's header to the end of its answer.");
    for (const auto& [path, m] : routes) durations(out, path, m);
    heading(out, "reagent_connections", "gauge", "Open connections.");
    out += "reagent_connections " + std::to_string(connections) + "\n";
    heading(out, "reagent_program_version", "gauge", "1 for the version that answers now.");
    for (const auto& p : programs)
        out += "reagent_program_version{program=" + label(p.name) + ",version=" + label(p.version) + "} 1\n";
    auto whole = [](auto member) { return [member](const program_metrics& p) { return std::to_string(p.*member); }; };
    auto of_usage = [](auto member) {
        return [member](const program_metrics& p) { return std::to_string(p.used.*member); };
    };
    of_programs(out, programs, "reagent_runs_at_work", "gauge", "Runs under way.", whole(&program_metrics::at_work));
    of_programs(out, programs, "reagent_requests_waiting", "gauge", "Requests in the queue.",
                whole(&program_metrics::waiting));
    of_programs(out, programs, "reagent_requests_refused_total", "counter", "Refused with 503.",
                whole(&program_metrics::refused));
    of_programs(out, programs, "reagent_version_swaps_total", "counter", "Versions taken over.",
                whole(&program_metrics::swaps));
    of_programs(out, programs, "reagent_versions_refused_total", "counter", "Versions that could not be loaded.",
                whole(&program_metrics::refused_versions));
    of_programs(out, programs, "reagent_model_calls_total", "counter", "Calls of language models.",
                of_usage(&usage::calls));
    of_programs(out, programs, "reagent_prompt_tokens_total", "counter", "Prompt tokens.",
                of_usage(&usage::prompt_tokens));
    of_programs(out, programs, "reagent_completion_tokens_total", "counter", "Completion tokens.",
                of_usage(&usage::completion_tokens));
    of_programs(out, programs, "reagent_cost_dollars_total", "counter", "US dollars, where prices are known.",
                [](const program_metrics& p) { return number(p.used.cost.value_or(0)); });
    return out;
}

}  // namespace reagent::detail
