// Workers that are killed, and frozen beyond their lease, again and again while they run agents: every run must end
// right, no side effect may happen twice, and nothing that was answered may be asked again.
//
//     durable_crash sqlite|postgres [RUNS [KILLS]]
//
// Each run is an agent with five steps: an idempotent tool, one that must not be called twice (it appends a line to a
// file), one that needs consent, the second one again, and the end; the program then goes back once to the answer, by
// an assertion. The driver plays the operator: it consents, consents with other arguments, or refuses; where the
// outcome of a call is unknown it looks into the file; and it forks runs at any of their records, whatever they are
// doing. What needs consent happens exactly once for each consent, whichever run it was given to.
#include "../support/folder.hpp"
#include "../support/postgres_server.hpp"
#include "../support/scripted_openai.hpp"

#include <reagent/reagent.hpp>

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include <boost/asio/steady_timer.hpp>
#include <boost/json.hpp>

#include <atomic>
#include <chrono>
#include <cstring>
#include <fstream>
#include <iostream>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <thread>

using namespace std::chrono_literals;
namespace rg = reagent;
namespace json = boost::json;

namespace {

constexpr auto lease = 500ms;
constexpr auto advice = "Say in how many steps.";

void append(const std::string& file, const std::string& line) {
    int fd = ::open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    std::string text = line + "\n";
    if (fd < 0 || ::write(fd, text.data(), text.size()) != static_cast<ssize_t>(text.size())) std::abort();
    ::close(fd);
}

std::vector<std::string> lines_of(const std::string& file) {
    std::vector<std::string> all;
    std::ifstream in{file};
    for (std::string line; std::getline(in, line);) all.push_back(line);
    return all;
}

void nap(int most_ms) {
    thread_local std::mt19937 dice{std::random_device{}()};
    std::this_thread::sleep_for(std::chrono::microseconds{dice() % static_cast<unsigned>(most_ms * 1000)});
}

// Decides on the next step by what the prompt shows of the earlier ones.
class planner final : public rg::lm_backend {
public:
    explicit planner(std::string folder) : folder_{std::move(folder)} {}
    std::string name() const override { return "test/planner"; }

    rg::task<rg::lm_response> complete(rg::lm_context, const rg::lm_request& request) const override {
        auto executor = co_await boost::asio::this_coro::executor;
        boost::asio::steady_timer timer{executor, 30ms};
        co_await timer.async_wait(boost::asio::use_awaitable);
        const std::string& text = request.messages.back().content;
        auto between = [&](const std::string& from) {
            auto at = text.find(from);
            if (at == text.npos) return std::string{};
            at += from.size();
            return text.substr(at, text.find_first_not_of("0123456789", at) - at);
        };
        std::string order = between("order ");
        int steps = 0;
        while (text.find("observation_" + std::to_string(steps)) != text.npos) ++steps;
        json::object fields;
        auto step = [&](const char* tool, json::object args) {
            fields = {{"next_thought", "step " + std::to_string(steps)},
                      {"next_tool_name", tool},
                      {"next_tool_args", std::move(args)}};
        };
        bool extract = request.messages.front().content.find("`next_tool_name`") == std::string::npos;
        if (extract)
            fields = {
                {"reasoning", "done"},
                {"answer",
                 "order " + order + (text.find(advice) == text.npos ? "" : " in " + std::to_string(steps) + " steps")}};
        else if (steps == 0)
            step("reserve", {{"order", order}});
        else if (steps == 1)
            step("charge", {{"order", order}, {"amount", 10}});
        else if (steps == 2)
            step("refund", {{"order", order}, {"amount", 3}});
        else if (steps == 3)
            step("charge", {{"order", order}, {"amount", 20}});
        else
            step("finish", {});
        append(folder_ + "/answers", order + (extract ? " extract" : " " + std::to_string(steps)));
        rg::lm_response r;
        r.text = rg::test::chat_completion(fields);
        r.model = "planner";
        r.usage = {.calls = 1, .prompt_tokens = text.size() / 4, .completion_tokens = 20};
        co_return r;
    }

private:
    std::string folder_;
};

rg::tools shop(const std::string& folder) {
    rg::tools tools;
    tools.add("reserve", "Reserves the goods.",
              [folder](rg::call_key key, std::string order) {
                  nap(20);
                  append(folder + "/reservations", order + " " + key.text);
                  nap(20);
                  return "reserved " + order;
              },
              {"order"}, {.idempotent = true});
    tools.add("charge", "Charges the card.",
              [folder](rg::call_key key, std::string order, int amount) {
                  nap(20);
                  append(folder + "/charges", order + " " + std::to_string(amount) + " " + key.text);
                  nap(20);
                  return "charged " + std::to_string(amount);
              },
              {"order", "amount"});
    tools.add("refund", "Pays back.",
              [folder](rg::call_key key, std::string order, int amount) {
                  append(folder + "/refunds", order + " " + std::to_string(amount) + " " + key.text);
                  return "refunded " + std::to_string(amount);
              },
              {"order", "amount"}, {.destructive = true});
    return tools;
}

struct handler : rg::module {
    rg::react<rg::sig<"question -> answer">> agent;
    explicit handler(const std::string& folder) : agent{*this, "agent", shop(folder), {.max_iters = 8}} {}

    rg::task<json::object> call(rg::run& run, json::object inputs) const {
        auto out = co_await agent.call(run, inputs);
        std::string answer{out.at("answer").as_string()};
        run.assert_that(answer.find("steps") != answer.npos, advice, agent);
        co_return json::object{{"answer", answer}};
    }
};

// Answers of a model that were stored, those that a backtrack undid among them.
std::size_t answers_in(const std::vector<rg::journal_record>& records) {
    return static_cast<std::size_t>(std::count_if(records.begin(), records.end(), [](const auto& r) {
        auto* finished = std::get_if<rg::effect_finished>(&r.what);
        return finished && finished->what.kind == rg::event_kind::model_call;
    }));
}

std::shared_ptr<rg::journal_store> open(const std::string& where) {
    return rg::journal_store::open(where, {.lease = lease});
}

int work(const std::string& where, const std::string& folder) {
    handler a{folder};
    rg::runtime runtime{{.threads = 2, .journals = open(where)}};
    runtime.serve("shop", a, {rg::language_model{std::make_shared<planner>(folder)}});
    runtime.work({.concurrency = 3, .poll = 20ms});
    return 0;
}

struct driver {
    driver(std::string program, std::string s, std::string f)
        : self{std::move(program)}, where{std::move(s)}, folder{std::move(f)} {}

    std::string self, where, folder;
    std::shared_ptr<rg::journal_store> store = open(where);
    std::mt19937 dice{7}, dice_of_operator{11};
    std::mutex mutex{};
    std::set<pid_t> alive{};  // frozen ones too
    std::atomic<int> kills = 0;
    int submitted = 0, freezes = 0, unknown = 0, unknown_happened = 0, wrong = 0;
    std::map<std::string, int> consents{};  // by run and amount
    // What forks had not lived through: it happens in them again.
    int forks = 0;
    std::map<std::string, std::set<std::string>> done_before{};  // by fork: "reserve", "charge 10", ...
    // Forks that repeat the call of their original with its key: a payment service, which this one is not, would take
    // it for one call.
    std::map<std::string, int> shared_calls{};
    std::size_t copied_calls = 0;

    void fail(const std::string& what) {
        ++wrong;
        std::cerr << "WRONG: " << what << "\n";
    }

    void submit(int n) {
        for (int i = 0; i < n; ++i) {
            std::string number = std::to_string(submitted++);
            store->create(
                {.program = "shop", .inputs = {{"question", "Handle order " + number + "."}}, .id = "order-" + number});
        }
    }

    pid_t start() {
        pid_t pid = ::fork();
        if (pid == 0) {
            ::execl(self.c_str(), self.c_str(), "work", where.c_str(), folder.c_str(), nullptr);
            ::_exit(127);
        }
        std::lock_guard lock{mutex};
        alive.insert(pid);
        return pid;
    }

    void end(pid_t pid) {
        ::kill(pid, SIGKILL);
        ::waitpid(pid, nullptr, 0);
        std::lock_guard lock{mutex};
        alive.erase(pid);
    }

    // Who waits for consent gets it: most as asked, some with another amount, some are refused.
    void operate() {
        for (const auto& r : store->list({.status = rg::run_status::awaiting_approval, .most = 1000}))
            for (const auto& p : store->pending(r.id)) {
                if (p.decided) continue;
                int n = number_of(r.id) % 5;
                if (n > 0) ++consents[r.id + (n == 1 ? " 1" : " 3")];
                if (n == 0)
                    store->decide(r.id, p.wanted.what.id,
                                  {.kind = rg::run_decision::reject, .text = "not this one", .by = "test"});
                else if (n == 1)
                    store->decide(
                        r.id, p.wanted.what.id,
                        {.kind = rg::run_decision::approve,
                         .arguments = json::object{{"order", std::to_string(number_of(r.id))}, {"amount", 1}}});
                else
                    store->decide(r.id, p.wanted.what.id, {.kind = rg::run_decision::approve, .by = "test"});
            }
        for (const auto& r : store->list({.status = rg::run_status::outcome_unknown, .most = 1000}))
            for (const auto& p : store->pending(r.id)) {
                if (p.decided || p.wanted.what.kind != rg::event_kind::tool_call) continue;
                const auto& call = p.wanted.what;
                if (call.tool == "reserve") fail(r.id + " asks about a tool that may be repeated");
                // Those, and only those, whose call began and did not end.
                auto loaded = rg::load_journal(store->records(r.id));
                bool open = false, may_act = false;
                std::string key;
                for (const auto& b : loaded.open)
                    if (b.what.id == call.id) open = true, may_act = is_alive(b.worker), key = b.key;
                if (may_act) continue;  // frozen in the middle of the call: it may act when it wakes
                if (!open) fail(r.id + " asks about a call that did not begin, or that ended");
                const auto& args = call.arguments.as_object();
                // By its key, which each attempt has: also one that a fork of this run has made.
                std::string line =
                    std::string{args.at("order").as_string()} + " " + json::serialize(args.at("amount")) + " " + key;
                auto done = lines_of(folder + (call.tool == "charge" ? "/charges" : "/refunds"));
                ++unknown;
                if (std::count(done.begin(), done.end(), line)) {
                    ++unknown_happened;
                    store->decide(r.id, call.id, {.kind = rg::run_decision::happened, .result = "charged"});
                } else
                    store->decide(r.id, call.id, {.kind = rg::run_decision::repeat});
            }
    }

    static int number_of(const std::string& id) { return std::atoi(id.c_str() + 6); }  // order-12, or order-12.f3

    // A run that has begun, at any of its records.
    void fork_some() {
        if (forks * 8 > submitted) return;
        auto all = store->list({.most = 200});
        std::erase_if(all, [](const auto& r) { return r.records < 2 || !r.parent.empty(); });
        if (all.empty()) return;
        const auto& r = all[dice_of_operator() % all.size()];
        std::string id = r.id + ".f" + std::to_string(forks);
        auto until = 1 + dice_of_operator() % r.records;
        store->fork(r.id, until, id);
        ++forks;
        auto records = store->records(id);  // a worker may have taken it up already
        for (auto i = until; i < records.size(); ++i)
            if (std::holds_alternative<rg::run_taken>(records[i].what)) records.resize(i);
        copied_calls += answers_in(records);
        auto loaded = rg::load_journal(records);
        auto& done = done_before[id];
        auto named = [](const rg::event& e) {
            auto* amount = e.arguments.as_object().if_contains("amount");
            return e.tool + (amount ? " " + json::serialize(*amount) : "");
        };
        for (const auto& e : loaded.history->events())
            if (e.kind == rg::event_kind::tool_call) done.insert(named(e));
        for (const auto& b : loaded.open)
            if (b.what.kind == rg::event_kind::tool_call && done.insert(named(b.what)).second)
                ++shared_calls[r.id + " " + named(b.what)];
    }

    // A worker's name is host:process:random.
    bool is_alive(const std::string& worker) {
        auto colon = worker.find(':');
        std::lock_guard lock{mutex};
        return alive.contains(std::atoi(worker.c_str() + colon + 1));
    }

    bool all_over() {
        for (auto s : {rg::run_status::ready, rg::run_status::running, rg::run_status::awaiting_approval,
                       rg::run_status::outcome_unknown})
            if (!store->list({.status = s, .most = 1}).empty()) return false;
        return true;
    }

    void run(int runs, int least_kills) {
        submit(runs);
        struct worker {
            pid_t pid;
            std::chrono::steady_clock::time_point until;
            bool frozen = false;
        };
        std::vector<worker> workers;
        auto now = [] { return std::chrono::steady_clock::now(); };
        auto life = [&] { return now() + std::chrono::milliseconds{60 + dice() % 500}; };
        std::atomic<bool> done = false, idle = false;
        // On its own thread: a worker may be frozen while it has the database locked, and then nobody writes.
        std::thread operating{[&] {
            while (!done) {
                operate();
                fork_some();
                bool over = all_over();
                if (over && kills < least_kills) {
                    submit(20);
                    over = false;
                }
                idle = over;
                std::this_thread::sleep_for(10ms);
            }
        }};
        while (!idle || kills < least_kills) {
            while (workers.size() < 3) workers.push_back({start(), life()});
            std::this_thread::sleep_for(10ms);
            for (auto& w : workers) {
                if (now() < w.until) continue;
                if (w.frozen) {
                    ::kill(w.pid, SIGCONT);  // its runs have gone on elsewhere; it must notice
                    w.frozen = false;
                    w.until = life();
                } else if (dice() % 8 == 0) {
                    ::kill(w.pid, SIGSTOP);
                    w.frozen = true;
                    w.until = now() + 3 * lease;
                    ++freezes;
                } else {
                    end(w.pid);
                    ++kills;
                    w = {start(), life()};
                }
            }
        }
        done = true;
        operating.join();
        for (auto& w : workers) end(w.pid);
        check();
    }

    void check() {
        auto count = [](const std::vector<std::string>& lines) {
            std::map<std::string, int> all;
            for (const auto& l : lines) ++all[l];
            return all;
        };
        // "order amount run" of "order amount run-effect-0123456789abcdef".
        auto without_effect = [](std::string line) {
            if (const auto own = line.rfind('-'); own != line.npos && line.size() - own == 17) line.resize(own);
            return line.substr(0, line.rfind('-'));
        };
        std::vector<std::string> charged, refunded;
        for (const auto& l : lines_of(folder + "/charges")) charged.push_back(without_effect(l));
        for (const auto& l : lines_of(folder + "/refunds")) refunded.push_back(without_effect(l));
        auto charges = count(charged), refunds = count(refunded);
        std::map<std::string, std::set<std::string>> keys;
        for (const auto& l : lines_of(folder + "/reservations"))
            keys[without_effect(l).substr(l.find(' ') + 1)].insert(l.substr(l.find(' ') + 1));
        std::size_t model_calls = 0, reservations = 0;
        for (const auto& r : store->list({.most = 100'000})) {
            std::string order = std::to_string(number_of(r.id));
            int n = number_of(r.id) % 5;
            if (r.status != rg::run_status::finished)
                fail(r.id + " is " + std::string{to_string(r.status)} + ": " + r.error);
            if (!r.outputs || std::string_view{r.outputs->at("answer").as_string()} != "order " + order + " in 5 steps")
                fail(r.id + " ended with " + (r.outputs ? json::serialize(*r.outputs) : "nothing"));
            const auto& before = done_before[r.id];
            for (std::string amount : {"10", "20"}) {
                int times = charges[order + " " + amount + " " + r.id],
                    shared = shared_calls[r.id + " charge " + amount];
                if (times < !before.contains("charge " + amount) ||
                    times > !before.contains("charge " + amount) + shared)
                    fail(r.id + " was charged " + amount + " " + std::to_string(times) + " times");
            }
            for (std::string amount : {"1", "3"}) {
                int times = refunds[order + " " + amount + " " + r.id], consented = consents[r.id + " " + amount];
                int shared = shared_calls[r.id + " refund " + amount];
                if (times < consented || times > consented + shared)
                    fail(r.id + " was paid back " + amount + " " + std::to_string(times) + " times, on " +
                         std::to_string(consented) + " consents");
                bool wanted = n > 0 && (n == 1) == (amount == "1") && !before.contains("refund " + amount);
                if (times < wanted || times > wanted + shared) fail(r.id + ": the refund does not fit the decision");
            }
            bool reserves = !before.contains("reserve");
            reservations += reserves;
            if (keys[r.id].size() != reserves)
                fail(r.id + ": " + std::to_string(keys[r.id].size()) + " idempotency keys for one call");
            std::map<std::tuple<rg::event_kind, std::string, std::string, std::uint32_t>, int> places;
            auto records = store->records(r.id);
            auto loaded = rg::load_journal(records);
            for (const auto& e : loaded.history->events())
                if (++places[{e.kind, e.branch, e.path, e.occurrence}] > 1)
                    fail(r.id + ": an effect was recorded twice at " + e.path);
            model_calls += answers_in(records);
            if (loaded.history->events().size() != 10u + (n > 0))
                fail(r.id + " has " + std::to_string(loaded.history->events().size()) + " effects");
            auto backtracks = std::count_if(records.begin(), records.end(), [](const auto& one) {
                auto* gone = std::get_if<rg::effects_abandoned>(&one.what);
                return gone && gone->backtrack;
            });
            if (backtracks != 1) fail(r.id + " went back " + std::to_string(backtracks) + " times");
            if (r.usage.calls != 7) fail(r.id + " counts " + std::to_string(r.usage.calls) + " model calls");
        }
        std::size_t reserved = lines_of(folder + "/reservations").size();
        auto answers = lines_of(folder + "/answers").size();
        model_calls -= copied_calls;
        std::cout << submitted << " runs, " << forks << " forks, " << kills << " kills, " << freezes
                  << " freezes of three leases; " << model_calls << " model calls stored, " << answers - model_calls
                  << " answers lost in a kill before they could be stored; " << unknown << " unknown outcomes ("
                  << unknown_happened << " had happened, " << unknown - unknown_happened << " not); "
                  << reserved - reservations << " idempotent calls repeated; " << wrong << " wrong\n";
        if (kills + freezes > 0 && answers - model_calls > static_cast<std::size_t>(kills + freezes) * 6)
            fail("too many model calls were repeated");
    }
};

}  // namespace

int main(int argc, char** argv) {
    std::string what = argc > 1 ? argv[1] : "";
    if (what == "work" && argc == 4) return work(argv[2], argv[3]);
    if (what != "sqlite" && what != "postgres") {
        std::cerr << "usage: durable_crash sqlite|postgres [RUNS [KILLS]]\n";
        return 2;
    }
    if (what == "postgres" && !rg::test::postgres_server::is_installed()) {
        std::cerr << "skipped: no PostgreSQL server is installed\n";
        return 77;
    }
    rg::test::folder folder;
    std::optional<rg::test::postgres_server> server;
    std::string where = folder.path / "runs.db";
    if (what == "postgres") where = server.emplace().conninfo();
    driver d{std::filesystem::canonical("/proc/self/exe"), where, folder.path};
    d.run(argc > 2 ? std::atoi(argv[2]) : 200, argc > 3 ? std::atoi(argv[3]) : 300);
    return d.wrong ? 1 : 0;
}
