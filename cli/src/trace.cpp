#include "runs.hpp"
#include "trace_page.hpp"

#include <reagent/observe/trace.hpp>
#include <reagent/run/consent.hpp>
#include <reagent/schema/render.hpp>

#include "trace_html.hpp"

#include <spawn.h>
#include <boost/json.hpp>

#include <filesystem>
#include <iostream>
#include <random>

extern char** environ;

namespace reagent::cli {
namespace {

struct trace_options {
    std::string what, second, journals, out;
    bool open = false, json = false, no_content = false;
};

std::string replaced(std::string_view text, std::string_view what, std::string_view by) {
    std::string out;
    out.reserve(text.size() + text.size() / 8);
    for (std::size_t at = 0;;) {
        auto next = text.find(what, at);
        out += text.substr(at, next - at);
        if (next == text.npos) return out;
        out += by;
        at = next + what.size();
    }
}

json::object trace_named(const std::string& what, const std::string& journals, bool content, std::size_t most_whole) {
    if (std::filesystem::is_regular_file(what)) {
        auto file = read_journal_file(what);
        auto* program = file.about.if_contains("program");
        json::object about = file.about;
        about.erase("journal");
        about["id"] = std::filesystem::path{what}.filename().string();
        if (!content) about.erase("inputs");
        return to_json(
            trace_of(file.records, program && program->is_string() ? std::string{program->get_string()} : "run"), about,
            content, most_whole);
    }
    std::string where = journals.empty() ? default_journals() : journals;
    if (journals.empty() && !std::filesystem::exists(where) && where.find("://") == where.npos)
        throw std::runtime_error{"\"" + visible(what) + "\" is no file, and there are no journals in \"" + where +
                                 "\" to find a run of that name in; name them with --journals"};
    auto store = open_journals(where);
    auto r = store->get(what);
    auto records = store->records(what);
    json::object about = to_json(r);
    if (!content) {
        about.erase("inputs"), about.erase("outputs");
        if (about.contains("error")) about["error"] = "it " + std::string{to_string(r.status)};  // which may quote them
    }
    return to_json(trace_of(records, r.program), about, content, most_whole);
}

void open_in_browser(const std::string& file) {
    std::string path = std::filesystem::absolute(file);
    const char* arguments[]{"xdg-open", path.c_str(), nullptr};
    pid_t child = 0;
    if (::posix_spawnp(&child, "xdg-open", nullptr, nullptr, const_cast<char**>(arguments), environ) != 0)
        std::cerr << "reagent: there is no xdg-open to open it with; open " << path << " in a browser\n";
}

int trace(const trace_options& o) {
    json::array runs;
    const std::size_t most_whole = o.json ? 64 << 20 : 0;  // the page puts prompts together itself
    runs.push_back(trace_named(o.what, o.journals, !o.no_content, most_whole));
    if (!o.second.empty()) runs.push_back(trace_named(o.second, o.journals, !o.no_content, most_whole));
    if (o.json) {
        std::cout << shown_json(runs.size() == 1 ? runs[0] : json::value(runs)) << "\n";
        return 0;
    }
    std::string out = o.out;
    if (out.empty()) {
        std::string name = std::filesystem::path{o.what}.filename().string();
        std::uint32_t sum = 2166136261u;  // FNV-1a: names that differ only in what is replaced have pages of their own
        bool same = true;
        for (char& c : name) {
            sum = (sum ^ static_cast<unsigned char>(c)) * 16777619u;
            if (!std::isalnum(static_cast<unsigned char>(c)) && c != '-' && c != '_' && c != '.') c = '_', same = false;
        }
        if (!same) name += "-" + std::to_string(sum);
        out = "trace-" + name + (o.second.empty() ? "" : "-compared") + ".html";
    }
    write_file(out, trace_page(json::object{{"runs", std::move(runs)}}));
    std::cout << visible_name(out) << "\n";
    if (o.open) open_in_browser(out);
    return 0;
}

}  // namespace

std::string trace_page(const json::value& data) {
    std::random_device device;
    std::string nonce;
    for (int i = 0; i < 24; ++i) nonce += "abcdefghijklmnopqrstuvwxyz012345"[device() % 32];
    bool live = data.is_object() && data.get_object().contains("live");
    // `<` does not stand in the data, so nothing there can end the script element.
    std::string text = replaced(replaced(json::serialize(data), "<", "\\u003c"), "\xE2\x80\xA8", "\\u2028");
    std::string page =
        replaced(replaced(std::string{trace_html}, "NONCE", nonce), "CONNECT", live ? "'self'" : "'none'");
    constexpr std::string_view place = ">DATA</script>";
    auto at = page.find(place);
    return page.substr(0, at + 1) + text + page.substr(at + 5);
}

void add_trace(CLI::App& app, command& chosen) {
    auto o = std::make_shared<trace_options>();
    auto* c =
        app.add_subcommand("trace", "Draws a run as one HTML page: a timeline, prompts, completions, tools, costs");
    c->add_option("WHAT", o->what, "a journal's file, or the id of a durable run")->required();
    c->add_option("SECOND", o->second, "another one, to compare it with");
    c->add_option("--journals", o->journals, "where durable runs are; default: $REAGENT_JOURNALS, else reagent-runs.db")
        ->check(not_empty());
    c->add_option("--out,-o", o->out, "the page; default: trace-NAME.html");
    c->add_flag("--open", o->open, "open it in the browser");
    c->add_flag("--no-content", o->no_content, "leave out prompts, completions, arguments and results");
    c->add_flag("--json", o->json, "the spans as JSON on stdout, and no page");
    c->footer(
        "Examples:\n"
        "  reagent ask \"What is 17% of 2,340?\" --save-journal run.jsonl && reagent trace run.jsonl --open\n"
        "  reagent trace order-17 --journals runs.db\n"
        "  reagent trace order-17 order-18 --journals runs.db -o difference.html");
    c->callback([o, &chosen] { chosen = [o] { return trace(*o); }; });
}

}  // namespace reagent::cli
