// Whatever is written as a whole, and what a crash at any point would find.
#include <reagent/base/read_file.hpp>
#include <reagent/base/write_file.hpp>
#include <reagent/error.hpp>
#include <reagent/journal/journal.hpp>
#include <reagent/journal/journal_record.hpp>
#include <reagent/module/program_store.hpp>
#include <reagent/module/saved_program.hpp>

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <chrono>

#include <fstream>
#include <functional>
#include <regex>
#include <sstream>

using namespace reagent;
namespace fs = std::filesystem;

namespace {

// What reaches the disk, in order; and a call that fails. In place of the C library's own.
struct disk {
    std::vector<std::string> calls{};
    std::string fails{};
} disk_calls;

bool failing(const std::string& call) {
    disk_calls.calls.push_back(call);
    if (disk_calls.fails != call) return false;
    errno = EIO;
    return true;
}

struct temporary_folder {
    fs::path path;
    temporary_folder() {
        std::string name = (fs::temp_directory_path() / "reagent-base-XXXXXX").string();
        path = ::mkdtemp(name.data());
    }
    ~temporary_folder() { fs::remove_all(path); }
    std::size_t entries() const {
        return static_cast<std::size_t>(std::distance(fs::directory_iterator{path}, fs::directory_iterator{}));
    }
};

std::string text_of(const fs::path& file) {
    std::ifstream in{file, std::ios::binary};
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
}

const std::vector<std::string> lasting{"fsync of file", "rename", "fsync of folder"};

}  // namespace

extern "C" int fsync(int fd) {
    struct stat info {};
    ::fstat(fd, &info);
    if (failing(S_ISDIR(info.st_mode) ? "fsync of folder" : "fsync of file")) return -1;
    static auto real = reinterpret_cast<int (*)(int)>(::dlsym(RTLD_NEXT, "fsync"));
    return real(fd);
}

extern "C" int rename(const char* from, const char* to) noexcept {
    if (failing("rename")) return -1;
    static auto real = reinterpret_cast<int (*)(const char*, const char*)>(::dlsym(RTLD_NEXT, "rename"));
    return real(from, to);
}

BOOST_AUTO_TEST_SUITE(written_files)

BOOST_AUTO_TEST_CASE(every_writer_of_state_reaches_the_disk) {
    temporary_folder f;
    auto calls_of = [](const std::function<void()>& write) {
        disk_calls = {};
        write();
        return disk_calls.calls;
    };
    auto program = saved_program::parse(
        R"({"predict": {"traces": [], "train": [], "demos": [], "signature": {"instructions": "Answer.", "fields": [{"prefix": "Question:", "description": "q"}, {"prefix": "Answer:", "description": "a"}]}, "lm": null}, "metadata": {"dependency_versions": {}}})");
    program_store store{f.path / "store"};
    BOOST_TEST(calls_of([&] { write_file(f.path / "text", "x"); }) == lasting, boost::test_tools::per_element());
    BOOST_TEST(calls_of([&] { program.save(f.path / "program.json"); }) == lasting, boost::test_tools::per_element());
    BOOST_TEST(calls_of([&] { save_journal((f.path / "run.jsonl").string(), journal{}, {}); }) == lasting,
               boost::test_tools::per_element());
    BOOST_TEST(calls_of([&] { store.put(program, {}); }) == lasting, boost::test_tools::per_element());
    BOOST_TEST(calls_of([&] { store.tag("best", 1); }) == lasting, boost::test_tools::per_element());
    disk_calls = {};
}

BOOST_AUTO_TEST_CASE(there_is_one_function_that_does_it) {
    // A stream onto a file, or a rename, elsewhere: it would be a write that a crash cuts in two.
    std::regex by_hand{R"(std::ofstream|\brename\(|::mkstemp|\.tmp")"};
    std::vector<std::string> found;
    for (const char* room : {"sdk", "tools", "agents", "cli"})
        for (const auto& entry : fs::recursive_directory_iterator{fs::path{REAGENT_TEST_DATA}.parent_path() / room}) {
            if (entry.path().extension() != ".cpp" && entry.path().extension() != ".hpp") continue;
            std::string name = entry.path().filename().string();
            if (name == "write_file.cpp" || name == "cassette.cpp") continue;  // a cassette is appended to
            if (name == "cache_file.cpp") continue;                            // sets aside what is no database
            if (name == "first_index.cpp") continue;                           // moves a folder whose files are written
            if (name == "postgres_check.cpp") continue;                        // renames in a statement
            if (std::regex_search(text_of(entry.path()), by_hand)) found.push_back(name);
        }
    BOOST_TEST(found == std::vector<std::string>{}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_failure_leaves_the_old_file_and_nothing_else) {
    temporary_folder f;
    fs::path file = f.path / "state.json";
    write_file(file, "old");
    for (const char* call : {"fsync of file", "rename"}) {
        disk_calls = {.calls = {}, .fails = call};
        BOOST_CHECK_THROW(write_file(file, "new"), std::system_error);
        disk_calls = {};
        BOOST_TEST(text_of(file) == "old");
        BOOST_TEST(f.entries() == 1u);
    }
    disk_calls = {.calls = {}, .fails = "fsync of folder"};
    BOOST_CHECK_THROW(write_file(file, "newer"),
                      std::system_error);  // not known to last: said, and one of the two is there, whole
    disk_calls = {};
    BOOST_TEST(text_of(file) == "newer");
    BOOST_TEST(f.entries() == 1u);
    {
        file_replacement r{file};
        r.write("half");
    }
    BOOST_TEST(text_of(file) == "newer");
    BOOST_TEST(f.entries() == 1u);
    BOOST_CHECK_THROW(write_file(f.path / "nowhere" / "file", "x"), std::system_error);
    BOOST_CHECK_THROW(write_file(f.path, "x"), std::system_error);
}

BOOST_AUTO_TEST_CASE(a_link_that_leads_to_nothing_is_not_replaced) {
    temporary_folder f;
    fs::path link = f.path / "link", target = f.path / "target";
    fs::create_symlink(target, link);
    BOOST_CHECK_THROW(write_file(link, "x"), std::system_error);
    BOOST_TEST(fs::is_symlink(link));
    BOOST_TEST(!fs::exists(target));
    write_file(target, "old");
    write_file(link, "new");
    BOOST_TEST(fs::is_symlink(link));
    BOOST_TEST(text_of(target) == "new");
    BOOST_TEST(f.entries() == 2u);
}

BOOST_AUTO_TEST_CASE(what_killed_writers_left_in_a_store_is_swept) {
    temporary_folder f;
    program_store store{f.path};
    auto leave = [&](const std::string& name, std::chrono::minutes ago) {
        std::ofstream{f.path / name} << "half";
        fs::last_write_time(f.path / name, fs::file_time_type::clock::now() - ago);
    };
    leave("versions/.000001.json.4711.0.tmp", std::chrono::minutes{61});
    leave("tags/.best.4711.1.tmp", std::chrono::minutes{61});
    leave("versions/.000002.json.4712.0.tmp", std::chrono::minutes{1});  // at work
    leave("versions/notes.tmp", std::chrono::minutes{61});               // somebody's
    store.put(
        saved_program::parse(
            R"({"predict": {"traces": [], "train": [], "demos": [], "signature": {"instructions": "Answer.", "fields": [{"prefix": "Question:", "description": "q"}, {"prefix": "Answer:", "description": "a"}]}, "lm": null}, "metadata": {"dependency_versions": {}}})"),
        {});
    BOOST_TEST(!fs::exists(f.path / "versions/.000001.json.4711.0.tmp"));
    BOOST_TEST(!fs::exists(f.path / "tags/.best.4711.1.tmp"));
    BOOST_TEST(fs::exists(f.path / "versions/.000002.json.4712.0.tmp"));
    BOOST_TEST(fs::exists(f.path / "versions/notes.tmp"));
}

BOOST_AUTO_TEST_CASE(nobody_waits_for_a_pipe_or_a_device) {
    temporary_folder f;
    fs::path pipe = f.path / "pipe";
    BOOST_REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    for (const auto& file : {pipe, fs::path{"/dev/zero"}, f.path}) {
        BOOST_CHECK_THROW(read_file(file, 1000), std::system_error);
        BOOST_CHECK_THROW(replay_from(file.string()), run_error);
        BOOST_CHECK_THROW(saved_program::load(file), program_error);
    }
    BOOST_CHECK_THROW(read_file("/dev/zero", 1000, pipes::read), std::system_error);
    BOOST_CHECK_THROW(read_file(pipe, 1000, pipes::read), std::system_error);  // nobody writes into it
}

BOOST_AUTO_TEST_CASE(a_pipe_is_read_to_its_end_within_a_limit) {
    for (std::size_t size : {0u, 1u, 70'000u, 300'000u}) {
        int ends[2];
        BOOST_REQUIRE(::pipe(ends) == 0);
        std::string text(size, 'x');
        pid_t writer = ::fork();
        if (writer == 0) {
            ::signal(SIGPIPE, SIG_DFL);
            ::close(ends[0]);
            for (std::size_t done = 0; done < text.size();)
                if (auto n = ::write(ends[1], text.data() + done, std::min<std::size_t>(10'000, text.size() - done));
                    n > 0)
                    done += static_cast<std::size_t>(n);
            ::_exit(0);
        }
        ::close(ends[1]);
        fs::path file = "/dev/fd/" + std::to_string(ends[0]);
        if (size <= 100'000)
            BOOST_TEST((read_file(file, 100'000, pipes::read) == text));
        else
            BOOST_CHECK_THROW(read_file(file, 100'000, pipes::read), std::system_error);
        ::close(ends[0]);
        ::waitpid(writer, nullptr, 0);
    }
}

BOOST_AUTO_TEST_CASE(a_full_disk_leaves_the_old_file) {
    temporary_folder f;
    fs::path file = f.path / "state.json";
    write_file(file, "old");
    pid_t child = ::fork();
    if (child == 0) {
        ::signal(SIGXFSZ, SIG_IGN);
        rlimit small{10'000, 10'000};
        ::setrlimit(RLIMIT_FSIZE, &small);
        try {
            write_file(file, std::string(100'000, 'x'));
        } catch (const std::system_error& e) {
            ::_exit(e.code().value() == EFBIG ? 3 : 4);
        }
        ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    BOOST_TEST(WEXITSTATUS(status) == 3);
    BOOST_TEST(text_of(file) == "old");
    BOOST_TEST(f.entries() == 1u);
}

BOOST_AUTO_TEST_CASE(mode_and_links_are_kept) {
    temporary_folder f;
    fs::path file = f.path / "state.json";
    mode_t mask = ::umask(027);
    write_file(file, "first");
    ::umask(mask);
    auto mode = [](const fs::path& p) { return fs::status(p).permissions(); };
    BOOST_TEST((mode(file) == fs::perms{0640}));  // as the user's mask says
    fs::permissions(file, fs::perms{0600});
    write_file(file, "second");
    BOOST_TEST((mode(file) == fs::perms{0600}));
    fs::permissions(file, fs::perms{0664});
    write_file(file, "third");
    BOOST_TEST((mode(file) == fs::perms{0664}));
    fs::create_symlink("state.json", f.path / "link");
    write_file(f.path / "link", "through a link");
    BOOST_TEST(fs::is_symlink(f.path / "link"));
    BOOST_TEST(text_of(file) == "through a link");
    write_file("/dev/null", "what is no file is written to");
    BOOST_TEST(fs::is_character_file("/dev/null"));
    write_file(f.path / std::string(255, 'n'), "a long name");
    BOOST_TEST(text_of(f.path / std::string(255, 'n')) == "a long name");
}

BOOST_AUTO_TEST_SUITE_END()
