// Hosts and interpreters that are killed in the middle of cells with effects: every effect happens once, and results
// are equal.
//
//     code_crash sqlite|postgres [KILLS]
//
// A run is a `code_act` agent with four cells, each of which pays three bills one by one and three together. Paying is
// idempotent by the call's key, as a payment service is; what is counted is keys, so an effect that a replay made anew
// would be seen.
#include "../support/folder.hpp"
#include "../support/postgres_server.hpp"

#include <reagent/agents/code.hpp>
#include <reagent/reagent.hpp>

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <boost/json.hpp>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <random>
#include <thread>

namespace rg = reagent;
namespace fs = std::filesystem;
namespace json = boost::json;
using namespace std::chrono_literals;

namespace {

constexpr int cells = 4, each = 6;
using agent = rg::code_act<rg::sig<"request -> total: int">>;

// A file for each key: a payment of that key is made once, whoever asks again.
int pay(const std::string& folder, const std::string& key, int bill) {
    std::this_thread::sleep_for(10ms);
    const std::string whole =
        folder + "." + key + "." + std::to_string(::getpid());  // so that no kill leaves half of a payment
    std::ofstream{whole} << bill;
    if (::link(whole.c_str(), (folder + "/" + key).c_str()) != 0 && errno != EEXIST) std::abort();
    ::unlink(whole.c_str());
    return bill;
}

rg::scripted_answer next_cell(const rg::lm_request& r) {
    const std::string& asked = r.messages.back().content;
    int n = 0;
    while (asked.find("observation_" + std::to_string(n) + " ") != asked.npos) ++n;
    const std::string base = std::to_string(n * each);
    const std::string code = "paid = " + std::string{n ? "paid + " : ""} + "[pay(bill=" + base +
                             " + i) for i in range(3)]\n" + "paid += parallel(pay, [" + base +
                             " + i for i in range(3, 6)])\nlen(paid)";
    return {{"next_thought", "I pay."}, {"next_code", n < cells ? code : "submit(sum(paid))"}};
}

[[noreturn]] void work(const std::string& where, const std::string& folder, const std::string& id) {
    ::mkdir((folder + "/" + id).c_str(), 0700);
    rg::tools tools;
    tools.add("pay", "Pays a bill.",
              [to = folder + "/" + id](rg::call_key key, int bill) { return pay(to, key.text, bill); }, {"bill"},
              {.idempotent = true});
    rg::code_options o;
    o.functions = tools;
    agent payer{o};
    rg::runtime runtime;
    auto store = rg::journal_store::open(where, {.lease = 500ms});
    rg::durable_service runs{runtime, store};
    runs.serve("pay", payer, {rg::scripted{next_cell}});
    for (;;) {
        try {
            const auto known = store->find(id);
            auto r = known && known->outputs ? *known
                     : known                 ? runs.resume(id)
                                             : runs.run_durably("pay", {{"request", "Pay."}}, id);
            if (r.outputs) std::ofstream{folder + "/" + id + ".total"} << r.outputs->at("total").as_int64();
            if (r.outputs) ::_exit(0);
            std::cerr << id << ": " << to_string(r.status) << " " << r.error << "\n";
            ::_exit(2);
        } catch (const std::exception& e) {  // the dead worker's lease
            std::this_thread::sleep_for(100ms);
            if (std::string{e.what()}.find("lease") == std::string::npos &&
                std::string{e.what()}.find("worker") == std::string::npos) {
                std::cerr << id << ": " << e.what() << "\n";
                ::_exit(3);
            }
        }
    }
}

void add_below(pid_t id, std::vector<pid_t>& all) {
    std::error_code ec;
    for (const auto& task : fs::directory_iterator{"/proc/" + std::to_string(id) + "/task", ec}) {
        std::ifstream children{task.path() / "children"};
        for (pid_t child; children >> child;) {
            all.push_back(child);
            add_below(child, all);
        }
    }
}

bool kill_interpreter(pid_t host) {
    std::vector<pid_t> all;
    add_below(host, all);
    for (pid_t id : all) {
        std::string name;
        std::ifstream{"/proc/" + std::to_string(id) + "/comm"} >> name;
        if (name == "python3") return ::kill(id, SIGKILL) == 0;
    }
    return false;
}

// What the run has done wrong; "": nothing.
std::string judged(const std::string& folder, const std::string& id) {
    std::map<int, int> times;
    for (const auto& file : fs::directory_iterator{folder + "/" + id}) {
        int bill = -1;
        std::ifstream{file.path()} >> bill;
        ++times[bill];
    }
    for (int bill = 0; bill < cells * each; ++bill)
        if (times[bill] != 1)
            return "bill " + std::to_string(bill) + " was paid " + std::to_string(times[bill]) + " times";
    long total = 0;
    std::ifstream{folder + "/" + id + ".total"} >> total;
    return total == cells * each * (cells * each - 1) / 2 ? "" : "the total is " + std::to_string(total);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) return 2;
    reagent::test::folder f;
    const bool postgres = argv[1] == std::string{"postgres"};
    if (postgres && !reagent::test::postgres_server::is_installed()) return 77;
    std::optional<reagent::test::postgres_server> server;
    if (postgres) server.emplace();
    const std::string folder = f.path.string(), where = postgres ? server->conninfo() : folder + "/runs.db";
    const int wanted = argc > 2 ? std::atoi(argv[2]) : 10;
    std::mt19937 dice{std::random_device{}()};
    int kills = 0, of_interpreters = 0, runs = 0, wrong = 0;
    const std::string tag = std::to_string(::getpid());
    while (kills < wanted || runs == 0) {
        const std::string id = "pay-" + tag + "-" + std::to_string(runs++);
        for (int killed = 0;;) {
            const pid_t child = ::fork();
            if (child == 0) work(where, folder, id);
            int status = 0;
            bool interpreter_killed = false;  // a cell survives one death of its interpreter in one life of the host
            const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds{150 + dice() % 1200};
            while (::waitpid(child, &status, WNOHANG) == 0) {
                std::this_thread::sleep_for(5ms);
                if (killed >= 8 || std::chrono::steady_clock::now() < until) continue;
                if (!interpreter_killed && dice() % 3 == 0 && kill_interpreter(child)) {
                    interpreter_killed = true;
                    ++of_interpreters, ++kills, ++killed;
                    std::this_thread::sleep_for(std::chrono::milliseconds{dice() % 400});
                } else {
                    ::kill(child, SIGKILL);
                    ++kills, ++killed;
                    ::waitpid(child, &status, 0);
                    break;
                }
            }
            if (!WIFEXITED(status)) continue;
            const std::string why = WEXITSTATUS(status) ? "its worker gave up" : judged(folder, id);
            if (!why.empty()) std::cout << id << ": " << why << "\n", ++wrong;
            break;
        }
    }
    std::cout << runs << " runs, " << kills << " kills, " << of_interpreters << " of them of interpreters; " << wrong
              << " wrong\n";
    return wrong ? 1 : 0;
}
