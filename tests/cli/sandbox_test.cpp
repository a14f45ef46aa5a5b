// `reagent sandbox`.
#include "../support/cli.hpp"
#include "../support/folder.hpp"

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <sys/stat.h>
#include <filesystem>
#include <fstream>

using namespace reagent::test;
namespace json = boost::json;

BOOST_AUTO_TEST_SUITE(sandbox_command)

BOOST_AUTO_TEST_CASE(a_command_runs_in_isolation) {
    auto r = reagent_cli("sandbox run --json --env WORD=here -- sh -c 'echo $WORD; pwd; cat /etc/shadow; exit 3'");
    BOOST_TEST(r.code == 3);
    auto o = json::parse(r.out).as_object();
    BOOST_TEST(o.at("stdout").as_string() == "here\n/tmp\n");
    BOOST_TEST(o.at("exit_code") == json::value(3));
    BOOST_TEST(reagent_cli("sandbox run --wall 0.3 -- sleep 60").code == 124);
    BOOST_TEST(reagent_cli("sandbox run --without nothing -- true").code == 2);
    auto nothing = reagent_cli("sandbox run --readable '' -- true", true);
    BOOST_TEST(nothing.code == 2);
    BOOST_TEST(nothing.out.find("--readable: it is empty") != nothing.out.npos, nothing.out);
    BOOST_TEST(
        reagent_cli("sandbox run -- no-such-program", true).out.find("there is no program \"no-such-program\"") !=
        std::string::npos);
}

// As the system reads it: `..` behind a link is the folder above where the link leads.
BOOST_AUTO_TEST_CASE(a_place_that_is_named_by_way_of_a_link_is_not_guessed) {
    namespace fs = std::filesystem;
    folder files;
    fs::permissions(files.path, fs::perms{0755});  // a host that is root reads what everybody may
    fs::create_directories(files.path / "real/deep");
    fs::create_directories(files.path / "here/down");
    fs::create_directory_symlink("../real/deep", files.path / "here/link");
    std::ofstream(files.path / "real/f") << "real\n";
    std::ofstream(files.path / "here/f") << "here\n";
    const std::string in = files.path.string(), cat = " -- sh -c 'cat " + in + "/here/f " + in + "/real/f'";
    for (const char* through : {"/here/link/../f", "/here/none/../f"}) {
        auto r = reagent_cli("sandbox run --readable " + in + through + cat, true);
        BOOST_TEST(r.code == 2);
        BOOST_TEST(r.out.find("stands behind a link") != r.out.npos, r.out);
    }
    auto r = reagent_cli("sandbox run --readable " + in + "/here/down/../f" + cat);
    BOOST_TEST(r.out.find("here\n") != r.out.npos, r.out);
    BOOST_TEST(r.out.find("real\n") == r.out.npos, r.out);
}

BOOST_AUTO_TEST_CASE(input_that_does_not_end_holds_nothing_up) {
    auto r = reagent_cli("sandbox run --wall 0.5 --input -- cat < /dev/null");
    BOOST_TEST(r.code == 0);
    folder files;
    const auto pipe = files.path / "pipe";
    BOOST_REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    r = reagent_cli("sandbox run --wall 0.5 --input -- cat 0<>" + pipe.string(), true);  // open, and nobody writes
    BOOST_TEST(r.code == 2);
    BOOST_TEST(r.out.find("did not end within --wall") != r.out.npos, r.out);
    r = reagent_cli("sandbox run --wall 60 --input -- cat < /dev/zero", true);
    BOOST_TEST(r.out.find("256 MiB") != r.out.npos, r.out);
}

BOOST_AUTO_TEST_CASE(what_the_machine_offers) {
    auto r = reagent_cli("sandbox check --json");
    auto o = json::parse(r.out).as_object();
    BOOST_TEST(r.code == (o.at("isolates").as_bool() ? 0 : 1));
    bool seccomp = false;
    for (const auto& offer : o.at("offers").as_array()) seccomp = seccomp || offer.at("name") == json::value("seccomp");
    BOOST_TEST(seccomp);
}

BOOST_AUTO_TEST_SUITE_END()
