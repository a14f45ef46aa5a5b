#include "index.hpp"
#include "sql.hpp"
#include "subject.hpp"

#include <reagent/agents/python_tool.hpp>
#include <reagent/error.hpp>
#include <reagent/schema/render.hpp>
#include <reagent/tools/ready.hpp>
#include <reagent/tools/search.hpp>

#include <boost/json.hpp>

#include <algorithm>
#include <filesystem>
#include <iostream>

namespace reagent::cli {
namespace {

struct ready_tool {
    const char *name, *argument, *description;
};
constexpr ready_tool ready_tools[]{
    {"calculator", "", "arithmetic on decimal numbers"},
    {"time", "", "current date and time in UTC"},
    {"sql", "FILE", "SELECT over an SQLite database, read-only, limited; sql:FILE,policy=FILE: by a policy"},
    {"docs", "DIR", "full-text search (BM25) in the .txt and .md files of a folder"},
    {"index", "INDEX",
     "search in an index that `reagent index build` made: by words, and by vectors where it has some"},
    {"files", "DIR", "reads text files below a folder"},
    {"python", "", "Python code in a sandbox, with the other tools as its functions"},
    {"http", "HOST", "HTTP GET on one host; give it again for more hosts"},
};

}  // namespace

namespace {

// "search"; of a second index "search_FOLDER".
std::string index_tool_name(const tools& given, const std::string& folder) {
    auto taken = [&](const std::string& name) {
        const auto list = given.all();
        return std::any_of(list.begin(), list.end(), [&](const auto& t) { return t.name() == name; });
    };
    if (!taken("search")) return "search";
    constexpr std::size_t longest = 48;
    auto path = std::filesystem::path{folder}.lexically_normal();
    if (!path.has_filename()) path = path.parent_path();
    std::string name = "search_";
    for (char c : path.stem().string().substr(0, longest)) {
        const bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (word || name.back() != '_') name += word ? c : '_';
    }
    while (name.ends_with('_')) name.pop_back();
    std::string free = name;
    for (int n = 2; taken(free); ++n) free = name + "_" + std::to_string(n);
    return free;
}

}  // namespace

tools tools_from(const std::string& list) {
    tools all;
    ready::http_get_options http;
    bool with_python = false;
    std::size_t begin = 0;
    while (begin <= list.size() && !list.empty()) {
        auto end = std::min(list.find(',', begin), list.size());
        std::string part = list.substr(begin, end - begin);
        begin = end + 1;
        if (part.empty())
            throw tool_error{tool_errc::bad_configuration,
                             "a name is missing in --tools \"" + list +
                                 "\"; write them as calculator,time, without a comma at the ends"};
        if (part.starts_with("policy="))
            throw tool_error{tool_errc::bad_configuration, "policy=FILE stands right behind sql:FILE in --tools"};
        auto colon = part.find(':');
        std::string name = part.substr(0, colon), value = colon == part.npos ? "" : part.substr(colon + 1);
        const ready_tool* known = nullptr;
        std::vector<std::string> names;
        for (const auto& r : ready_tools) {
            names.emplace_back(r.name);
            if (name == r.name) known = &r;
        }
        if (!known) {
            auto near = did_you_mean(name, names);
            throw tool_error{tool_errc::bad_configuration,
                             "unknown tool \"" + name + "\" in --tools" +
                                 (near.empty() ? "" : "; did you mean \"" + near + "\"?") + " See `reagent tools`"};
        }
        if (*known->argument && value.empty())
            throw tool_error{tool_errc::bad_configuration,
                             "the tool " + name + " needs a value; write " + name + ":" + known->argument};
        if (!*known->argument && !value.empty())
            throw tool_error{tool_errc::bad_configuration, "the tool " + name + " takes no value"};
        if (name == "calculator")
            all.add(ready::calculator());
        else if (name == "python")
            with_python = true;
        else if (name == "time")
            all.add(ready::current_time());
        else if (name == "sql") {
            check_is_file("--tools sql:FILE", value);
            ready::sqlite_options options;
            if (constexpr std::string_view option = "policy=";
                list.compare(std::min(begin, list.size()), option.size(), option) == 0) {
                end = std::min(list.find(',', begin), list.size());
                options.policy = policy_in(list.substr(begin + option.size(), end - begin - option.size()));
                begin = end + 1;
            }
            all.add(ready::sqlite_query(value, std::move(options)));
        } else if (name == "docs")
            all.add(ready::document_search(value));
        else if (name == "index")
            all.add(ready::passage_search(retriever_in(value), {.name = index_tool_name(all, value)}));
        else if (name == "files")
            all.add(ready::read_file(value));
        else if (value.starts_with("//"))
            throw tool_error{tool_errc::bad_configuration, "--tools names hosts, not addresses; write http:" +
                                                               value.substr(2, value.find_first_of("/?#", 2) - 2)};
        else
            http.hosts.push_back(value);
    }
    if (!http.hosts.empty()) all.add(ready::http_get(http));
    if (with_python) all.add(ready::python(all));
    return all;
}

std::string tool_beyond(const std::string& tools, const std::string& lent) {
    auto each = [](const std::string& list) {
        std::vector<std::string> all;
        for (std::size_t begin = 0; begin < list.size();) {
            const auto end = std::min(list.find(',', begin), list.size());
            std::string part = list.substr(begin, end - begin);
            if (part.starts_with("policy=") && !all.empty())
                all.back() += "," + part;
            else
                all.push_back(std::move(part));
            begin = end + 1;
        }
        return all;
    };
    const auto may = each(lent);
    for (auto& one : each(tools))
        if (std::find(may.begin(), may.end(), one) == may.end()) return std::move(one);
    return {};
}

std::string with_absolute_paths(const std::string& tools) {
    std::string all;
    for (std::size_t begin = 0; begin < tools.size();) {
        auto end = std::min(tools.find(',', begin), tools.size());
        std::string part = tools.substr(begin, end - begin);
        begin = end + 1;
        if (part.empty()) continue;
        for (std::string_view kind : {"sql:", "policy=", "docs:", "index:", "files:"}) {
            if (!part.starts_with(kind)) continue;
            std::string path = std::filesystem::absolute(part.substr(kind.size())).lexically_normal().string();
            if (path.find(',') != path.npos)
                throw misuse{"the tool " + part + " is " + path +
                             " as an absolute path, which a durable run keeps, and a comma in it would begin another "
                             "tool; use a folder "
                             "without one, or a link"};
            part = std::string{kind} + path;
        }
        all += (all.empty() ? "" : ",") + part;
    }
    return all;
}

void add_tools(CLI::App& app, command& chosen) {
    struct options {
        std::string list;
        bool json = false;
    };
    auto o = std::make_shared<options>();
    auto* c = app.add_subcommand("tools", "Lists the ready tools, or shows what a model is told of some");
    c->add_option("--tools", o->list, "show the full description of these, as calculator,sql:shop.db");
    c->add_flag("--json", o->json, "machine-readable output");
    c->footer("Examples:\n  reagent tools\n  reagent tools --tools sql:shop.db,policy=policy.json --json");
    c->callback([o, &chosen] {
        chosen = [o] {
            terminal t;
            if (!o->list.empty()) {
                tools all = tools_from(o->list);
                json::array list;
                for (const auto& tool : all.all()) {
                    json::object d{{"name", tool.name()},
                                   {"description", tool.description()},
                                   {"parameters", tool.parameters()},
                                   {"read_only", tool.options().read_only},
                                   {"destructive", tool.options().destructive}};
                    if (tool.options().flow) d["flow"] = to_json(*tool.options().flow);
                    if (!o->json)
                        std::cout << t.bold(tool.name()) << "\n  " << printable(tool.description()) << "\n  "
                                  << t.dim(dump_json(tool.parameters())) << "\n";
                    list.push_back(std::move(d));
                }
                if (o->json) std::cout << dump_json(list) << "\n";
                return 0;
            }
            json::array list;
            for (const auto& r : ready_tools) {
                std::string name = r.name + std::string{*r.argument ? ":" : ""} + r.argument;
                if (o->json)
                    list.push_back(
                        json::object{{"name", r.name}, {"argument", r.argument}, {"description", r.description}});
                else
                    std::cout << "  " << t.bold(name) << std::string(16 - std::min<std::size_t>(15, name.size()), ' ')
                              << r.description << "\n";
            }
            if (o->json)
                std::cout << dump_json(list) << "\n";
            else
                std::cout << t.dim("\nGive them to an agent: reagent ask \"QUESTION\" --tools calculator,sql:shop.db")
                          << "\n";
            return 0;
        };
    });
}

}  // namespace reagent::cli
