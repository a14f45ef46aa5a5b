// Kills a process that makes, changes or compacts an index, at random moments, and looks at what is left: the index
// before or after. Usage: index_crash KILLS [SEED]
#include <reagent/retrieve/index.hpp>

#include <sys/wait.h>
#include <unistd.h>
#include <boost/json.hpp>

#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <map>
#include <random>
#include <thread>

using namespace reagent;
namespace fs = std::filesystem;

namespace {

constexpr int passages = 300;

void change(const passage_index& i, int number) {
    auto w = i.write();
    for (int n = 0; n < passages; ++n) {
        const std::string text =
            "passage " + std::to_string(n) + " of change " + std::to_string(number) + std::string(200, 'x');
        w.put({.id = std::to_string(n),
               .text = text,
               .source = "s" + std::to_string(n % 10),
               .metadata = {{"change", number}}},
              {1, static_cast<float>(n), static_cast<float>(number)});
    }
    w.set_source("s", {{"change", number}});
    w.commit();
}

passage_index opened_or_made(const fs::path& folder) {
    return fs::exists(folder / "index.json") ? passage_index::open(folder)
                                             : passage_index::create(folder, {.embedder = "test"});
}

int work(const std::string& what, const fs::path& folder, int number) {
    const auto i = opened_or_made(folder);
    if (what == "compact")
        i.compact();
    else
        change(i, number);
    return 0;
}

[[noreturn]] void fail(const std::string& why) {
    std::cerr << why << "\n";
    std::exit(1);
}

// The number of the change that the index is of; 0: it is empty.
int change_of(const fs::path& folder) {
    const auto i = opened_or_made(folder);
    for (const auto& p : i.check()) fail("damaged: " + p.file + ": " + p.what);
    const auto all = i.by_words("passage", 1000);
    if (all.empty()) return i.count() == 0 && i.sources().empty() ? 0 : (fail("passages without words"), 0);
    const auto number = all[0].metadata.at("change").to_number<int>();
    if (all.size() != passages || i.count(filter::eq("change", number)) != passages)
        fail("neither the old index nor the new one");
    if (i.by_vector({1, 0, 0}, 1000).size() != passages) fail("vectors are missing");
    if (i.sources().at("s").at("change").to_number<int>() != number) fail("notes of another change");
    return number;
}

pid_t start(const char* what, const fs::path& folder, int number) {
    const pid_t child = ::fork();
    if (child != 0) return child;
    const std::string text = std::to_string(number);
    ::execl("/proc/self/exe", "index_crash", what, folder.c_str(), text.c_str(), static_cast<char*>(nullptr));
    ::_exit(127);
}

}  // namespace

int main(int argc, char** argv) try {
    if (argc == 4) return work(argv[1], argv[2], std::stoi(argv[3]));
    const int kills = argc > 1 ? std::stoi(argv[1]) : 20;
    std::mt19937 rng{argc > 2 ? static_cast<unsigned>(std::stoul(argv[2])) : 1u};
    auto pattern = (fs::temp_directory_path() / "reagent-crash-XXXXXX").string();
    const fs::path dir = ::mkdtemp(pattern.data());
    std::map<std::string, int> told;
    std::map<std::string, std::chrono::microseconds> longest;  // until a kill came too late
    int number = 0, made = 0;
    for (int n = 0; n < kills; ++n) {
        const char* what = n % 3 == 0 ? "build" : n % 3 == 1 ? "replace" : "compact";
        fs::path folder = dir / "index";
        if (what[0] == 'b')
            folder = dir / ("new-" + std::to_string(made++));
        else if (number == 0) {
            change(opened_or_made(folder), ++number);
        }
        const int before = what[0] == 'b' ? 0 : number, next = what[0] == 'r'   ? number + 1
                                                               : what[0] == 'b' ? 1
                                                                                : number;
        auto& most = longest.try_emplace(what, 60'000).first->second;
        const std::chrono::microseconds delay{rng() % static_cast<unsigned long>(most.count())};
        const pid_t child = start(what, folder, next);
        std::this_thread::sleep_for(delay);
        ::kill(child, SIGKILL);
        int status = 0;
        ::waitpid(child, &status, 0);
        const bool finished = WIFEXITED(status);
        if (finished && WEXITSTATUS(status) != 0) fail(std::string{what} + " failed by itself");
        most = finished ? std::max(delay, std::chrono::microseconds{1000})
                        : most * 11 / 10;  // so that about every second kill hits the work
        const int now = change_of(folder);
        if (now != before && now != next) fail("change " + std::to_string(now) + " of nobody");
        if (finished && now != next) fail("a commit that returned is lost");
        if (what[0] != 'b') number = now;
        ++told[std::string{what} + (finished ? ": not hit" : now == next ? ": killed, new" : ": killed, old")];
    }
    fs::remove_all(dir);
    for (const auto& [what, times] : told) std::cout << what << " " << times << "\n";
    return 0;
} catch (const std::exception& e) {
    std::cerr << e.what() << "\n";
    return 1;
}
