// The whole loop: a learner whose world changes at sample 2,000; the change is noticed, the recipe recompiles on fresh
// labels, the shadow confirms, the tag moves, quality is back. The process that serves and watches is killed again and
// again, and goes on. watch_loop KILLS: the test. watch_loop serve FOLDER: the process that is killed.
#include <reagent/reagent.hpp>
#include <reagent/watch/rollout.hpp>
#include <reagent/watch/watcher.hpp>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include <support/folder.hpp>
#include <support/learner.hpp>

#include <fstream>
#include <iostream>
#include <random>
#include <thread>

using namespace reagent;

namespace {

constexpr std::size_t world_changes = 2000, all_requests = 5000, watched_every = 50;
const std::vector<std::string> kinds{"billing", "delivery", "account"};

using classify = predict<sig<"message -> intent">>;

std::string id_of(std::size_t i) {
    char text[16];
    std::snprintf(text, sizeof text, "r%06zu", i);
    return text;
}

// From the change on every intent goes by the name of the next one, and half of the messages come from an app.
example request_number(std::size_t i) {
    static const dataset all = test::support_messages(all_requests, 11);
    example e = all.at(i);
    if (i < world_changes) return e;
    auto at = std::find(kinds.begin(), kinds.end(), std::string{e.fields["intent"].as_string()}) - kinds.begin();
    e.fields["intent"] = kinds[static_cast<std::size_t>(at + 1) % kinds.size()];
    if (i % 2) e.fields["message"] = std::string{e.fields["message"].as_string()} + " app";
    return e;
}

struct stores {
    std::filesystem::path folder;
    std::shared_ptr<traffic_store> traffic = traffic_store::open((folder / "traffic.db").string());
    program_store programs{folder / "programs"};
};

watcher_options how_to_watch(const std::filesystem::path& folder, const language_model& lm) {
    watcher_options o;
    o.program = "classify", o.recipe = "nightly", o.switches = switching::allowed;
    o.run.lm = lm;
    o.reference = 400, o.window = 200, o.baseline = 200;
    o.rule.least = 50;
    o.rule.most_slower = 1e6;  // of a learner that answers in microseconds
    o.tell = {[folder](const json::object& a) {
        std::ofstream{folder / "told.jsonl", std::ios::app} << json::serialize(a) << std::endl;
    }};
    return o;
}

struct one_call {
    const program_function& program;
    json::object inputs;
    task<json::object> forward(run& r) const { return program(r, inputs); }
};

sample answered(runtime& rt, const program_function& call, const language_model& lm, const answering& who,
                std::size_t i) {
    sample s{
        .request = id_of(i), .program = "classify", .version = who.version, .inputs = request_number(i).input_fields()};
    auto done = rt.execute({.lm = lm, .parameters = who.parameters}, one_call{call, s.inputs});
    s.outputs = done.value, s.latency = done.report.duration, s.usage = done.report.usage, s.model = lm.name();
    return s;
}

int serve(const std::filesystem::path& folder) {
    stores at{folder};
    language_model lm{std::make_shared<test::learner>(5)};
    classify program;
    auto call = as_program(program);
    runtime rt, in_shadow;
    auto recorder = std::make_shared<traffic>(at.traffic, traffic_options{.queue = 100'000});
    recorder->know("classify", program);
    rollout who{at.programs, "production", program};
    shadow second{in_shadow, call, recorder, {.concurrency = 1000}};
    second.set(who.shadowed(), {.lm = lm});
    watcher seen{rt, at.traffic, at.programs, program, call, how_to_watch(folder, lm)};

    auto last = at.traffic->list({.heard = true, .newest_first = true, .most = 1});
    std::size_t i = last.empty() ? 0 : std::stoul(last[0].request.substr(1)) + 1;
    // What is said of the last requests may have died with the process: once more.
    for (std::size_t again = i > watched_every ? i - watched_every : 0; again < i; ++again)
        recorder->add({.request = id_of(again), .labels = request_number(again).labels()});
    for (; i < all_requests; ++i) {
        auto s = answered(rt, call, lm, who.choose(id_of(i)), i);
        second.answer(s.request, s.program, s.inputs);
        recorder->record(std::move(s));
        recorder->add({.request = id_of(i), .labels = request_number(i).labels()});
        if (i % watched_every) continue;
        second.wait();
        recorder->flush();
        seen.step();
        who.refresh();
        second.set(who.shadowed(), {.lm = lm});
    }
    second.wait();
    recorder->flush();
    seen.step();
    return 0;
}

// @return whether it was killed
bool run_for(const char* self, const std::filesystem::path& folder, std::chrono::milliseconds time) {
    pid_t child = ::fork();
    if (child == 0) {
        ::execl(self, self, "serve", folder.c_str(), nullptr);
        ::_exit(127);
    }
    int status = 0;
    for (auto until = std::chrono::steady_clock::now() + time; std::chrono::steady_clock::now() < until;) {
        if (::waitpid(child, &status, WNOHANG) == child) {
            if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
                throw std::runtime_error{"the process failed by itself"};
            return false;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds{2});
    }
    ::kill(child, SIGKILL);
    ::waitpid(child, &status, 0);
    return true;
}

double right_among(traffic_store& traffic, std::size_t from, std::size_t to) {
    std::size_t n = 0, right = 0;
    for (const auto& s : traffic.list({.heard = true, .most = 2 * all_requests})) {
        auto i = std::stoul(s.request.substr(1));
        if (i < from || i >= to || s.outputs.empty()) continue;
        ++n;
        right += s.outputs.at("intent") == request_number(i).fields.at("intent");
    }
    return n ? static_cast<double>(right) / static_cast<double>(n) : 0;
}

bool failed = false;
void check(bool good, const std::string& what) {
    std::cout << (good ? "ok     " : "WRONG  ") << what << "\n";
    failed = failed || !good;
}

void prepare(const std::filesystem::path& folder) {
    stores at{folder};
    classify program;
    auto train = test::support_messages(200, 5);
    runtime rt;
    auto made =
        labeled_few_shot{{.k = 16}}.compile(rt, program, train, {}, exact_match_of("intent"), {.measure = false});
    at.programs.tag("production", at.programs.put(to_saved(program, made.best), {.what = "of the old world"}));
    recipe r{.name = "nightly", .optimizer = "bootstrap_few_shot"};
    r.settings = {{"max_bootstrapped_demos", "32"}, {"max_labeled_demos", "32"}};
    r.metric = "exact_match:intent", r.budget.calls = 5000, r.fresh = 300, r.shadow_pairs = 60;
    save_recipe(at.programs, r);
}

int test_loop(const char* self, std::size_t kills) {
    test::folder folder;
    prepare(folder.path);
    std::mt19937_64 random{kills + 1};
    std::size_t killed = 0;
    bool ended = false;
    while (!ended && killed < kills)
        ended = !run_for(self, folder.path, std::chrono::milliseconds{20 + random() % 250}) || (++killed, false);
    if (!ended) run_for(self, folder.path, std::chrono::minutes{5});

    stores at{folder.path};
    auto alerts = at.traffic->alerts();
    std::reverse(alerts.begin(), alerts.end());
    std::uint64_t change = 0;
    for (const auto& s : at.traffic->list({.request = id_of(world_changes), .most = 1})) change = s.number;
    std::size_t early = 0, switched = 0, rolled_back = 0, noticed = 0;
    for (const auto& a : alerts) {
        std::cout << "       " << std::string_view{a.at("kind").as_string()} << ": "
                  << std::string_view{a.at("text").as_string()} << "\n";
        early += a.at("last_sample").to_number<std::uint64_t>() < change;
        switched += a.at("kind") == "switched", rolled_back += a.at("kind") == "rolled_back";
        noticed += a.at("kind") == "drift" || a.at("kind") == "quality";
    }
    std::size_t told = 0;
    std::ifstream lines{folder.path / "told.jsonl"};
    for (std::string line; std::getline(lines, line);) ++told;
    double before = right_among(*at.traffic, 1500, world_changes),
           worst = right_among(*at.traffic, world_changes, world_changes + 200),
           after = right_among(*at.traffic, all_requests - 500, all_requests);
    std::cout << "       right: " << before << " before, " << worst << " after the change, " << after << " at the end; "
              << killed << " kills\n";
    check(killed >= std::min<std::size_t>(kills, 5), "it was killed");
    check(change > 0 && early == 0 && noticed >= 1 && noticed <= 2, "the change is noticed, and nothing else");
    check(switched == 1 && rolled_back == 0, "the tag moves once");
    check(at.programs.number_of("production") != 1, "another version answers");
    check(worst < before - 0.3, "quality fell");
    check(after > before - 0.1, "quality is back");
    check(told >= alerts.size(), "every alert was told");
    return failed;
}

}  // namespace

int main(int argc, char** argv) try {
    if (argc == 3 && std::string_view{argv[1]} == "serve") return serve(argv[2]);
    return test_loop(argv[0], argc > 1 ? std::stoul(argv[1]) : 20);
} catch (const std::exception& e) {
    std::cerr << "watch_loop: " << e.what() << "\n";
    return 1;
}
