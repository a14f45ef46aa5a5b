// Stored runs of a server whose process is killed.
#include "raw_client.hpp"

#include "support/folder.hpp"

#include <boost/test/unit_test.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <thread>

using namespace reagent::test;

namespace {

/// The process, which is killed at the end.
class served_process {
public:
    served_process(const std::string& store, const std::string& file) {
        int out[2];
        BOOST_REQUIRE(::pipe(out) == 0);
        pid_ = ::fork();
        if (pid_ == 0) {
            ::dup2(out[1], 1);
            ::close(out[0]);
            ::execl(REAGENT_BINARIES "/served_runs", "served_runs", store.c_str(), file.c_str(), nullptr);
            ::_exit(127);
        }
        ::close(out[1]);
        char text[16] = {};
        for (std::size_t n = 0; n < sizeof text - 1 && ::read(out[0], text + n, 1) == 1 && text[n] != '\n';) ++n;
        ::close(out[0]);
        port_ = static_cast<unsigned short>(std::atoi(text));
        BOOST_REQUIRE(port_ != 0);
    }
    ~served_process() {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    served_process(const served_process&) = delete;
    raw_client client() const { return raw_client{port_}; }

private:
    pid_t pid_ = -1;
    unsigned short port_ = 0;
};

std::vector<std::string> lines_of(const std::string& file) {
    std::vector<std::string> all;
    std::ifstream in{file};
    for (std::string line; std::getline(in, line);) all.push_back(line);
    return all;
}

bool soon(const std::function<bool()>& holds) {
    for (int i = 0; i < 2000; ++i) {
        if (holds()) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds{10});
    }
    return false;
}

// Whether this process, after so many that were killed, has come to what it waits for.
bool is_at_work(const served_process& p, const std::string& id, int kills) {
    int taken = 0;
    auto page = p.client().get("/runs/" + id + "/events").json();
    bool waits = false;
    for (const auto& e : page.at("events").as_array()) {
        taken += e.at("type").as_string() == "status";
        waits = waits || (e.at("type").as_string() == "step" && e.at("data").at("tool").as_string() == "wait");
    }
    return waits && taken > kills;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(killed)

BOOST_AUTO_TEST_CASE(a_run_goes_on_in_the_next_process_and_nothing_is_done_twice) {
    folder files;
    const std::string store = (files.path / "runs.db").string(), file = (files.path / "notes").string();
    const std::string key = "Idempotency-Key: k\r\n", body = R"({"about": "x"})";
    std::string id;
    for (int kills = 0; kills < 3; ++kills) {
        const served_process p{store, file};
        auto r = p.client().post("/notes", body, key);
        BOOST_REQUIRE(r.status == 202);
        const std::string given{r.json().at("id").as_string()};
        BOOST_TEST((id.empty() || id == given));
        id = given;
        BOOST_REQUIRE(soon([&] { return is_at_work(p, id, kills); }));
    }
    std::ofstream{file + ".go"} << "go";
    const served_process p{store, file};
    BOOST_TEST(soon([&] { return p.client().get("/runs/" + id).json().at("status").as_string() == "finished"; }));
    BOOST_TEST(lines_of(file) == (std::vector<std::string>{"one", "two"}), boost::test_tools::per_element());
    auto r = p.client().post("/notes", body, key);
    BOOST_TEST(r.json().at("id").as_string() == id);
    BOOST_TEST(r.json().at("status").as_string() == "finished");
}

BOOST_AUTO_TEST_SUITE_END()
