#include "index.hpp"

#include "commands.hpp"
#include "subject.hpp"

#include <reagent/retrieve/build.hpp>
#include <reagent/retrieve/hybrid.hpp>
#include <reagent/retrieve/lexical.hpp>
#include <reagent/retrieve/retrieve.hpp>
#include <reagent/retrieve/vectors.hpp>
#include <reagent/run/consent.hpp>
#include <reagent/schema/repair.hpp>
#include <reagent/tools/pdf.hpp>

#include <unistd.h>
#include <boost/json.hpp>

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <iomanip>
#include <iostream>
#include <set>
#include <sstream>

namespace reagent::cli {
namespace {

struct index_command_options {
    std::string documents, index, embed, api_base, language = "english", query, where, by, syntax = "words";
    std::size_t chunk = 256, overlap = 32, k = 5, max_file_megabytes = 32;
    bool json = false, quiet = false;
};

vector_source source_named(const std::string& name, const std::string& api_base) {
    vector_options o;
    o.model.api_base = api_base;
    return vector_source{name, o};
}

// "1234 of 5000 files, 20311 passages, 812/s, 5 s left" on one line that is written over and over.
class build_line {
public:
    explicit build_line(bool quiet) : shown_{!quiet && ::isatty(STDERR_FILENO) == 1} {}
    ~build_line() {
        if (begun_) std::cerr << "\r\033[K";
    }
    void operator()(const build_progress& p) {
        if (!shown_) return;
        begun_ = true;
        const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
        const double left =
            p.files > 0 ? seconds * static_cast<double>(p.of_files - p.files) / static_cast<double>(p.files) : 0;
        std::cerr << "\r\033[K" << p.files << " of " << p.of_files << " files, " << p.passages << " passages, "
                  << std::llround(static_cast<double>(p.passages) / std::max(seconds, 0.001)) << "/s, "
                  << std::llround(left) << " s left" << std::flush;
    }

private:
    bool shown_, begun_ = false;
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

struct building {
    const index_command_options& o;
    build_options options;
    task<build_report> forward(run& r) const { return build_index(r, o.documents, o.index, options); }
};

int build(const index_command_options& o) {
    build_options options;
    options.chunks.tokens = o.chunk;
    options.chunks.overlap = std::min(o.overlap, o.chunk / 2);
    options.language = o.language;
    options.max_file_bytes = o.max_file_megabytes << 20;
    options.readers[".pdf"] = ready::pdf_text;
    if (!o.embed.empty()) options.vectors = source_named(o.embed, o.api_base);
    build_report report;
    const auto start = std::chrono::steady_clock::now();
    {
        build_line line{o.quiet};
        options.on_progress = [&line](const build_progress& p) { line(p); };
        runtime rt{runtime_options_for()};
        run_options run;
        run.deadline = std::chrono::milliseconds{0};
        report = rt.run(run, building{o, options});
    }
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (o.json) {
        json::array broken;
        for (const auto& b : report.broken) broken.push_back(json::object{{"file", b.file}, {"why", b.why}});
        std::cout << shown_json(json::object{{"files", report.files},
                                             {"changed", report.changed},
                                             {"removed", report.removed},
                                             {"passages", report.passages},
                                             {"made", report.made},
                                             {"embedded", report.embedded},
                                             {"tokens", report.usage.tokens()},
                                             {"seconds", std::round(seconds * 1000) / 1000},
                                             {"broken", std::move(broken)}})
                  << "\n";
        return 0;
    }
    for (const auto& b : report.broken) complain("left out: " + visible(b.file) + ": " + b.why);
    if (o.quiet) return 0;
    std::cout << report.files << " files, " << report.passages << " passages";
    if (report.changed + report.removed > 0)
        std::cout << " (" << report.changed << " files new or changed, " << report.removed << " gone)";
    else
        std::cout << " (nothing has changed)";
    if (report.embedded > 0) std::cout << ", " << report.embedded << " embedded";
    if (!report.broken.empty()) std::cout << ", " << report.broken.size() << " left out";
    std::cout << "\n";
    if (o.embed.starts_with("words"))
        std::cout << "note: the vectors are of our own, by words; they know no synonyms. --embed MODEL has a model "
                     "make them\n";
    return 0;
}

struct searching {
    const index_command_options& o;
    std::shared_ptr<const retriever> from;
    retrieval what;
    task<std::vector<passage>> forward(run& r) const { return find(r, "search", from, what); }
};

// A condition that stands twice would count once, and a number beyond all others would be another one.
void check_where(const std::string& text) {
    std::vector<std::set<std::string>> names;
    for (std::size_t at = 0; at < text.size();) {
        const char c = text[at];
        if (c == '{') names.emplace_back();
        if (c == '}' && !names.empty()) names.pop_back();
        if (c == '"') {
            const auto begin = at++;
            while (at < text.size() && text[at] != '"') at += text[at] == '\\' ? 2 : 1;
            const auto name = text.substr(begin, at + 1 - begin);
            const auto next = text.find_first_not_of(" \t\r\n", at + 1);
            const bool is_name = next != text.npos && text[next] == ':';
            if (is_name && !names.empty() && !names.back().insert(name).second)
                throw misuse{"--where: " + name + " stands twice in one object; write both within \"$and\""};
        } else if (c >= '0' && c <= '9') {
            char* end = nullptr;
            if (std::isinf(std::strtod(text.c_str() + at, &end)))
                throw misuse{"--where: a number is too large: " + text.substr(at, 20)};
            at = static_cast<std::size_t>(end - text.c_str());
            continue;
        }
        ++at;
    }
}

filter filter_from(const std::string& text) {
    if (text.empty()) return {};
    check_where(text);
    const auto v = parse_json(text);
    if (!v) throw misuse{"--where is no JSON; write it as '{\"year\": {\"$gte\": 2024}}'"};
    try {
        return filter::from_json(*v);
    } catch (const retrieve_error& e) {
        throw misuse{std::string{"--where: "} + e.what()};
    }
}

int search(const index_command_options& o) {
    const auto syntax = o.syntax == "operators" ? query_syntax::operators : query_syntax::words;
    const auto from = retriever_in(o.index, o.by, o.api_base, syntax);
    retrieval what{o.query, o.k, filter_from(o.where)};
    runtime rt{runtime_options_for()};
    const auto found = rt.run(run_options{}, searching{o, from, std::move(what)});
    if (o.json) {
        std::cout << shown_json(to_json(found)) << "\n";
        return 0;
    }
    terminal t;
    std::size_t n = 0;
    for (const auto& p : found) {
        std::ostringstream score;
        score << std::setprecision(4) << p.score;
        const auto *begin = p.metadata.if_contains("begin"), *end = p.metadata.if_contains("end");
        std::string place = visible(p.source.empty() ? p.id : p.source);
        if (begin && end) place += ":" + json::serialize(*begin) + "-" + json::serialize(*end);
        std::cout << t.bold(std::to_string(++n) + ". " + visible(p.title)) << "  " << t.dim(place + "  " + score.str())
                  << "\n"
                  << "   " << indented(printable(shortened(p.text, 600)), "   ") << "\n";
    }
    if (found.empty()) std::cout << "nothing found\n";
    return 0;
}

int show(const index_command_options& o) {
    const auto i = passage_index::open(o.index);
    const auto m = i.manifest();
    const auto files = i.sources().size();
    json::object told{{"passages", m.passages},
                      {"files", files},
                      {"bytes", m.bytes},
                      {"language", m.options.language},
                      {"embedder", m.options.embedder},
                      {"dimensions", m.options.dimensions},
                      {"similarity", m.options.by == similarity::dot ? "dot" : "cosine"},
                      {"in_graph", m.graph_rows},
                      {"removed", m.removed},
                      {"settings", m.settings}};
    if (o.json) {
        std::cout << shown_json(told) << "\n";
        return 0;
    }
    std::cout << m.passages << " passages of " << files << " files, " << m.bytes
              << " bytes\nwords: " << visible(m.options.language) << "\n";
    if (m.options.embedder.empty())
        std::cout << "vectors: none\n";
    else
        std::cout << "vectors: " << visible(m.options.embedder) << ", " << m.options.dimensions << " numbers, "
                  << m.graph_rows << " of them in a graph"
                  << (m.removed > 0 ? ", " + std::to_string(m.removed) + " removed (`compact` frees them)" : "")
                  << "\n";
    return 0;
}

int check(const index_command_options& o) {
    const auto problems = passage_index::open(o.index).check();
    json::array list;
    for (const auto& p : problems) {
        if (!o.json) std::cout << visible(p.file) << ": " << visible(p.what) << "\n";
        list.push_back(json::object{{"file", p.file}, {"what", p.what}});
    }
    if (o.json)
        std::cout << shown_json(json::object{{"problems", std::move(list)}}) << "\n";
    else if (problems.empty())
        std::cout << "nothing is damaged\n";
    return problems.empty() ? 0 : 1;
}

int compact(const index_command_options& o) {
    const auto i = passage_index::open(o.index);
    const auto before = i.manifest().bytes;
    i.compact();
    const auto after = i.manifest().bytes;
    if (o.json)
        std::cout << shown_json(json::object{{"bytes_before", before}, {"bytes", after}}) << "\n";
    else
        std::cout << before << " bytes became " << after << "\n";
    return 0;
}

}  // namespace

std::shared_ptr<const retriever> retriever_in(const std::string& folder, const std::string& by,
                                              const std::string& api_base, query_syntax syntax) {
    const auto i = passage_index::open(folder);
    const auto embedder = i.manifest().options.embedder;
    const auto words = lexical(i, {.syntax = syntax});
    if (by == "words" || (by.empty() && (embedder.empty() || syntax == query_syntax::operators))) return words;
    if (embedder.empty())
        throw misuse{"the index \"" + folder +
                     "\" has no vectors, so it is searched by words; `index build --embed` makes some"};
    const auto vectors = nearest(i, source_named(embedder, api_base));
    if (by == "vectors") return vectors;
    return hybrid({{words}, {vectors}});
}

void add_index(CLI::App& app, command& chosen) {
    auto o = std::make_shared<index_command_options>();
    auto* group = app.add_subcommand("index", "Indexes of documents: build, search, show, check, compact");
    group->require_subcommand(1);
    auto add = [&](const char* name, const char* help, int (*work)(const index_command_options&)) {
        auto* c = group->add_subcommand(name, help);
        c->add_flag("--json", o->json, "machine-readable output");
        c->callback([o, work, &chosen] { chosen = [o, work] { return work(*o); }; });
        return c;
    };
    auto of_index = [&](CLI::App* c) {
        c->add_option("INDEX", o->index, "folder of the index")->required()->check(not_empty());
        return c;
    };
    const char* embedders = "embedder, as openai/text-embedding-3-small; words: vectors of our own, without a model";
    auto* b =
        add("build",
            "Brings an index to what the files of a folder are now; only what has changed is read again and embedded",
            build);
    b->add_option("DIR", o->documents, "folder of documents: .txt .md .html .csv .json and source code")
        ->required()
        ->check(not_empty());
    b->add_option("--out,-o", o->index, "folder of the index; made where it is not there")
        ->required()
        ->check(not_empty());
    b->add_option("--embed", o->embed, std::string{"vectors of the passages by this "} + embedders + "; default: none")
        ->check(not_empty());
    b->add_option("--api-base", o->api_base, "address of the embedder's server")->check(not_empty());
    b->add_option("--chunk", o->chunk, "most tokens of a passage (estimated)")
        ->check(whole_number(8, 100'000))
        ->capture_default_str();
    b->add_option("--overlap", o->overlap, "tokens that neighbouring passages share")
        ->check(whole_number(0, 50'000))
        ->capture_default_str();
    b->add_option("--language", o->language, "of the words, for stemming: english, german, french, ... or none")
        ->capture_default_str();
    b->add_option("--max-file", o->max_file_megabytes, "MiB of a file; larger ones are left out, and told")
        ->check(whole_number(1, 4096))
        ->capture_default_str();
    b->add_flag("--quiet,-q", o->quiet, "tell of broken files and errors only");
    b->footer(
        "A file that cannot be read, or is in no charset that it says, is left out and told of, as is a folder more "
        "than "
        "64 levels deep; the exit code is 0. A build that fails or is killed leaves the index as it was, and where "
        "there "
        "was none, none.\nExamples:\n"
        "  reagent index build manuals --out manuals.index\n"
        "  reagent index build manuals --out manuals.index --embed ollama/nomic-embed-text");
    auto* s = of_index(add("search", "Finds passages in an index", search));
    s->add_option("QUERY", o->query, "what to look for")->required();
    s->add_option("-k", o->k, "most passages")->check(whole_number(1, 10'000))->capture_default_str();
    s->add_option("--by", o->by, "words, vectors or both; default: both where the index has vectors")
        ->check(CLI::IsMember({"words", "vectors", "both"}));
    s->add_option("--syntax", o->syntax, "words, or operators: \"a phrase\", AND, OR, NOT, +must, -mustnot, prefix*")
        ->check(CLI::IsMember({"words", "operators"}))
        ->capture_default_str();
    s->add_option("--where", o->where, "a filter on metadata, as '{\"source\": \"returns.md\"}'")->check(not_empty());
    s->add_option("--api-base", o->api_base, "address of the embedder's server")->check(not_empty());
    s->footer(
        "Examples:\n  reagent index search manuals.index \"how long does a refund take\"\n"
        "  reagent index search manuals.index '\"exact phrase\" NOT draft' --syntax operators --json");
    of_index(add("show", "Says what an index holds", show));
    of_index(add("check", "Reads all of an index and says what is damaged; exit code 1 when something is", check));
    of_index(add("compact", "Writes an index anew, without what was removed", compact));
}

}  // namespace reagent::cli
