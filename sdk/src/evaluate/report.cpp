// An evaluation as one page that needs nothing else: rows that sort by a click, each with a link to its trace below.
#include <reagent/evaluate/evaluation.hpp>

#include <reagent/schema/render.hpp>

#include "../base/text.hpp"
#include "../base/utf8.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <cmath>

namespace reagent {
namespace {

// Everything that comes from outside is shown as text, whatever it holds.
std::string escaped(std::string_view s) {
    std::string out;
    for (char c : s) {
        switch (c) {
            case '&': out += "&amp;"; break;
            case '<': out += "&lt;"; break;
            case '>': out += "&gt;"; break;
            case '"': out += "&quot;"; break;
            case '\'': out += "&#39;"; break;
            default: out += c;
        }
    }
    return out;
}

std::string shown(const json::value& v) {
    return escaped(cut(v.is_structured() ? dump_json(v) : python_str(v), 2'000));
}

constexpr const char* style = R"(
:root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif; }
body { margin: 2rem auto; max-width: 75rem; padding: 0 1rem; }
h1 { font-size: 1.4rem; } .score { font-size: 2.2rem; font-weight: 650; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; vertical-align: top; padding: .35rem .6rem; border-bottom: 1px solid #8884; }
th button { all: unset; cursor: pointer; font-weight: 650; } th button:focus-visible { outline: 2px solid; }
td.number { text-align: right; font-variant-numeric: tabular-nums; } tr.failed td { background: #d4423a22; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: #8881; padding: .6rem; border-radius: .3rem; } details { margin: .8rem 0; } .quiet { opacity: .7; }
)";

constexpr const char* script = R"(
document.querySelectorAll('th button').forEach((button, column) => button.addEventListener('click', () => {
  const body = document.querySelector('tbody'), heading = button.closest('th');
  const down = heading.getAttribute('aria-sort') !== 'descending';
  document.querySelectorAll('th').forEach(h => h.removeAttribute('aria-sort'));
  heading.setAttribute('aria-sort', down ? 'descending' : 'ascending');
  const key = row => row.children[column].dataset.key ?? row.children[column].textContent;
  const compare = (a, b) => isNaN(a) || isNaN(b) ? String(a).localeCompare(String(b)) : a - b;
  [...body.rows].sort((a, b) => (down ? -1 : 1) * compare(key(a), key(b))).forEach(row => body.append(row));
}));
)";

std::string trace(const evaluation_row& r) {
    std::string html;
    if (!r.history) return html;
    for (const auto& e : r.history->events()) {
        html += "<h4>" + escaped(to_string(e.kind)) + " <code>" + escaped(e.path) + "</code> <span class=quiet>" +
                std::to_string(e.duration.count() / 1000) + " ms</span></h4>";
        const lm_request asked = e.request ? e.request->whole() : lm_request{};
        if (e.request)
            for (const auto& m : asked.messages)
                html += "<p class=quiet>" + escaped(to_string(m.role)) + "</p><pre>" + escaped(cut(m.content, 20'000)) +
                        "</pre>";
        if (e.response) html += "<p class=quiet>answer</p><pre>" + escaped(cut(e.response->text, 20'000)) + "</pre>";
        if (!e.tool.empty())
            html += "<pre>" + escaped(e.tool) + " " + shown(e.arguments) + "\n" + shown(e.result) + "</pre>";
        if (!e.error.empty()) html += "<pre>" + escaped(e.error) + "</pre>";
    }
    for (const auto& v : r.history->violations())
        html += "<p>not met: " + escaped(v.message) + " <code>" + escaped(v.blamed.path) + "</code></p>";
    return html;
}

std::string links(const std::vector<std::size_t>& indexes) {
    std::string html;
    for (auto i : indexes) {
        std::string n = std::to_string(i + 1);
        html += (html.empty() ? "" : ", ") + ("<a href=\"#trace-" + n + "\">" + n + "</a>");
    }
    return html.empty() ? "none" : html;
}

std::string compared(const evaluation& before, const evaluation& e) {
    auto c = compare(before, e);
    return "<h2>Compared with before</h2>\n<p>" + python_float(before.score) + " before, " + python_float(e.score) +
           " now: " + (c.difference >= 0 ? "+" : "") + python_float(c.difference) +
           " points, p = " + python_float(std::round(c.p_value * 1e4) / 1e4) +
           (c.p_value > 0.05 ? ", within noise" : "") + "</p>\n<p>fixed: " + links(c.fixed) +
           "</p>\n<p>broken: " + links(c.broken) + "</p>\n";
}

std::string sliced(const evaluation& e, const dataset& data, const std::string& field) {
    std::string html = "<h2>By " + escaped(field) + "</h2>\n<ul>\n";
    for (const auto& part : slices(e, data, field))
        html += "<li>" + escaped(cut(part.value, 200)) + ": " + python_float(part.score) + " <span class=quiet>(" +
                std::to_string(part.examples) + " examples)</span></li>\n";
    return html + "</ul>\n";
}

}  // namespace

std::string to_html(const evaluation& e, const dataset& data, const std::string& title, const page_extras& more) {
    std::vector<std::string> fields, outputs;
    auto note = [](std::vector<std::string>& names, const json::object& o) {
        for (const auto& [k, v] : o)
            if (std::find(names.begin(), names.end(), k) == names.end()) names.emplace_back(k);
    };
    for (const auto& r : e.rows) note(fields, data.at(r.index).fields), note(outputs, r.outputs);
    std::string html =
        "<!doctype html>\n<html lang=en><meta charset=utf-8><meta name=viewport "
        "content=\"width=device-width\"><title>" +
        escaped(title) + "</title><style>" + style + "</style>\n<h1>" + escaped(title) +
        "</h1>\n<p><span class=score>" + python_float(e.score) + "</span> <span class=quiet>95% interval " +
        python_float(e.low) + " to " + python_float(e.high) + "; " + std::to_string(e.rows.size()) + " examples, " +
        std::to_string(e.errors) + " errors, " + std::to_string(e.usage.calls) + " model calls, " +
        std::to_string(e.usage.tokens()) + " tokens</span></p>\n";
    if (more.before) html += compared(*more.before, e);
    for (const auto& field : more.slices) html += sliced(e, data, field);
    html += "<table><thead><tr>";
    auto column = [&](const std::string& name) { html += "<th scope=col><button>" + escaped(name) + "</button></th>"; };
    column("#");
    column("score");
    for (const auto& f : fields) column(f);
    for (const auto& o : outputs) column("predicted " + o);
    column("remark");
    html += "</tr></thead>\n<tbody>\n";
    for (const auto& r : e.rows) {
        std::string n = std::to_string(r.index + 1);
        html += std::string{r.error.empty() ? "<tr>" : "<tr class=failed>"} + "<td class=number data-key=" + n +
                "><a href=\"#trace-" + n + "\">" + n + "</a></td><td class=number data-key=" + python_float(r.score) +
                ">" + python_float(r.score) + "</td>";
        auto cell = [&](const json::value* v) { html += "<td>" + (v ? shown(*v) : std::string{}) + "</td>"; };
        for (const auto& f : fields) cell(data.at(r.index).find(f));
        for (const auto& o : outputs) cell(r.outputs.if_contains(o));
        html += "<td>" + escaped(cut(r.error.empty() ? r.feedback : r.error, 2'000)) + "</td></tr>\n";
    }
    html += "</tbody></table>\n<h2>Traces</h2>\n";
    for (const auto& r : e.rows) {
        std::string n = std::to_string(r.index + 1);
        html += "<details id=\"trace-" + n + "\"><summary>Example " + n + "</summary>" + trace(r) + "</details>\n";
    }
    html +=
        "<script>" + std::string{script} +
        "addEventListener('hashchange', () => { const d = document.querySelector(location.hash); if (d) d.open = true; "
        "});</script></html>\n";
    return detail::valid_utf8(html);
}

}  // namespace reagent
