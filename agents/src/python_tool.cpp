#include <reagent/agents/python_tool.hpp>

#include <reagent/schema/render.hpp>

#include "code_prompts.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <list>
#include <mutex>

namespace reagent::ready {
namespace {

constexpr const char* tool_name = "python";

// The interpreter of a run, and how many of the cells in its journal it has seen.
struct of_run {
    std::string run;
    std::unique_ptr<interpreter> python{};
    std::size_t seen = 0;
    bool busy = false;
};

struct interpreters {
    interpreters(tools f, sandbox::python_pool p, std::size_t n)
        : functions{std::move(f)}, pool{std::move(p)}, most{std::max<std::size_t>(n, 1)} {}

    std::shared_ptr<of_run> take(const std::string& run) {
        std::lock_guard lock{mutex};
        auto found = std::find_if(all.begin(), all.end(), [&](const auto& r) { return r->run == run; });
        if (found != all.end()) {
            all.splice(all.end(), all, found);
        } else {
            for (auto i = all.begin(); all.size() >= most && i != all.end();)
                i = (*i)->busy ? std::next(i) : all.erase(i);
            all.push_back(std::make_shared<of_run>(of_run{run}));
        }
        if (all.back()->busy) return nullptr;
        all.back()->busy = true;
        return all.back();
    }
    void give_back(const std::shared_ptr<of_run>& r) {
        std::lock_guard lock{mutex};
        r->busy = false;
    }

    const tools functions;
    const sandbox::python_pool pool;
    const std::size_t most;
    std::mutex mutex;
    std::list<std::shared_ptr<of_run>> all;
};

struct cell_then {
    std::uint64_t id;
    std::string code;
    json::object told;
};

// The cells of the run's journal, as the interpreter has to see them.
std::vector<cell_then> cells_of(const run& r) {
    std::vector<cell_then> cells;
    for (const auto& e : r.history().events()) {
        if (e.kind != event_kind::tool_call || e.tool != tool_name || !e.error.empty() || !e.result.is_object())
            continue;
        const auto* code = e.arguments.is_object() ? e.arguments.get_object().if_contains("code") : nullptr;
        if (code && code->is_string()) cells.push_back({e.id, std::string{code->get_string()}, e.result.get_object()});
    }
    std::sort(cells.begin(), cells.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
    return cells;
}

void catch_up(of_run& mine, interpreters& shared, const run& r) {
    auto cells = cells_of(r);
    if (!mine.python || cells.size() < mine.seen) {  // an assertion took cells back
        mine.python = std::make_unique<interpreter>(
            shared.pool, interpreter_setup{.functions = shared.functions, .path = tool_name});
        mine.seen = 0;
    }
    for (; mine.seen < cells.size(); ++mine.seen)
        mine.python->know(std::move(cells[mine.seen].code), std::move(cells[mine.seen].told));
}

task<json::value> execute(std::shared_ptr<interpreters> shared, run& r, std::string code) {
    auto mine = shared->take(r.id());
    if (!mine) throw std::runtime_error{"another cell of this run is at work; call python once at a time"};
    struct giving_back {
        interpreters& all;
        std::shared_ptr<of_run> what;
        ~giving_back() { all.give_back(what); }
    } at_end{*shared, mine};
    catch_up(*mine, *shared, r);
    auto told = co_await mine->python->execute_here(r, detail::bare_code(code));
    ++mine->seen;
    if (auto* pictures = told.if_contains("pictures"))
        *pictures = json::string(std::to_string(pictures->as_array().size()) + " shown");
    co_return json::value(std::move(told));
}

std::string description(const tools& functions) {
    std::string text =
        "Executes Python code in a sandbox and returns what it printed (`output`) and the value of its last expression "
        "(`shown`, `value`). "
        "Variables last from call to call. There is the standard library, no network, and no file but in /tmp.";
    if (!functions.empty())
        text +=
            " Functions that the code may call; parallel([f.later(...), g.later(...)]) makes several calls at once:";
    return text + detail::python_functions(functions);
}

}  // namespace

tool python(tools functions, sandbox::python_pool pool, std::size_t max_interpreters) {
    auto shared = std::make_shared<interpreters>(std::move(functions), std::move(pool), max_interpreters);
    json::object parameters{
        {"type", "object"},
        {"properties", json::object{{"code", json::object{{"type", "string"}, {"description", "Python code"}}}}},
        {"required", json::array{"code"}},
        {"additionalProperties", false}};
    tool_options options;
    options.idempotent = true;                       // its calls are effects of their own
    options.timeout = std::chrono::milliseconds{0};  // a cell has its own; the calls in it have theirs
    options.flow = flow_flags{};
    return tool{tool_name, description(shared->functions), std::move(parameters),
                [shared](run& r, json::object a) { return execute(shared, r, std::string{a.at("code").as_string()}); },
                options};
}

}  // namespace reagent::ready
