// What lies inside of a folder, by the kernel's own resolution and step by step.
#include <reagent/base/folder.hpp>

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <thread>

using namespace reagent;
namespace fs = std::filesystem;
namespace data = boost::unit_test::data;

namespace reagent {
std::ostream& operator<<(std::ostream& out, folder::resolution r) {
    return out << (r == folder::resolution::kernel ? "kernel" : "stepwise");
}
}  // namespace reagent

namespace {

const auto both_ways = data::make({folder::resolution::kernel, folder::resolution::stepwise});

struct place {
    fs::path path, inside, outside;
    place() {
        std::string name = (fs::temp_directory_path() / "reagent-folder-XXXXXX").string();
        path = ::mkdtemp(name.data());
        inside = path / "inside", outside = path / "outside";
        write(outside / "secret.txt", "secret");
        write(inside / "a.txt", "hello");
        write(inside / "notes/deep/b.txt", "deep");
    }
    ~place() { fs::remove_all(path); }
    static void write(const fs::path& file, const std::string& text) {
        fs::create_directories(file.parent_path());
        std::ofstream{file, std::ios::binary} << text;
    }
};

std::string read(const folder& f, const fs::path& path, std::size_t most = 1000) {
    try {
        return f.read(path, most).text;
    } catch (const folder_error& e) {
        return std::string{"refused: "} + e.what();
    }
}

// Somebody exchanges a folder, and a file, for links that lead out, again and again, while they are read.
void race(folder::resolution how) {
    place p;
    fs::create_directory_symlink(p.outside, p.path / "bad");
    place::write(p.inside / "good/secret.txt", "harmless");
    place::write(p.inside / "file.txt", "harmless");
    fs::create_symlink(p.outside / "secret.txt", p.path / "bad.txt");
    std::atomic<bool> stop{false};
    std::thread swapper{[&] {
        while (!stop) {
            ::syscall(SYS_renameat2, AT_FDCWD, (p.inside / "good").c_str(), AT_FDCWD, (p.path / "bad").c_str(),
                      RENAME_EXCHANGE);
            ::syscall(SYS_renameat2, AT_FDCWD, (p.inside / "file.txt").c_str(), AT_FDCWD, (p.path / "bad.txt").c_str(),
                      RENAME_EXCHANGE);
        }
    }};
    folder f{p.inside, how};
    std::size_t harmless = 0, refused = 0, secret = 0;
    auto until = std::chrono::steady_clock::now() + std::chrono::seconds{10};
    for (int i = 0; i < 20'000 || ((harmless == 0 || refused == 0) && std::chrono::steady_clock::now() < until); ++i)
        for (const char* path : {"good/secret.txt", "file.txt"}) {
            auto got = read(f, path);
            (got == "harmless" ? harmless : got.starts_with("refused") ? refused : secret)++;
        }
    stop = true;
    swapper.join();
    BOOST_TEST(secret == 0u);
    BOOST_TEST(harmless > 0u);  // else it was no race
    BOOST_TEST(refused > 0u);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(folders)

BOOST_DATA_TEST_CASE(what_lies_inside_is_read, both_ways, how) {
    place p;
    folder f{p.inside, how};
    BOOST_TEST(read(f, "a.txt") == "hello");
    BOOST_TEST(read(f, "./notes/deep/b.txt") == "deep");
    BOOST_TEST(read(f, "notes/../a.txt") == "hello");
    BOOST_TEST(read(f, "a.txt", 2) == "he");
    BOOST_TEST(f.read("a.txt", 2).size == 5u);
    fs::create_symlink("a.txt", p.inside / "link.txt");
    BOOST_TEST(read(f, "link.txt") ==
               (how == folder::resolution::kernel ? "hello" : "refused: it lies outside of the folder"));
}

BOOST_DATA_TEST_CASE(what_lies_outside_is_refused, both_ways, how) {
    place p;
    fs::create_symlink(p.outside / "secret.txt", p.inside / "absolute.txt");
    fs::create_symlink("../outside/secret.txt", p.inside / "relative.txt");
    fs::create_symlink("relative.txt", p.inside / "twice.txt");
    fs::create_directory_symlink(p.outside, p.inside / "folder");
    fs::create_directory_symlink("/proc/self/root", p.inside / "root");
    fs::create_symlink("loop.txt", p.inside / "loop.txt");
    folder f{p.inside, how};
    for (const char* path :
         {"absolute.txt", "relative.txt", "twice.txt", "folder/secret.txt", "root/etc/passwd", "../outside/secret.txt",
          "notes/../../outside/secret.txt", "..", "loop.txt", "folder/../a.txt/../../outside/secret.txt"})
        BOOST_TEST(read(f, path).starts_with("refused: "), path << " -> " << read(f, path));
    BOOST_TEST(read(f, "relative.txt") == "refused: it lies outside of the folder");
    if (how == folder::resolution::kernel)
        BOOST_TEST(read(f, "loop.txt") == "refused: its links lead in a circle, or to no file at all");
    BOOST_TEST(read(f, p.outside / "secret.txt") == "refused: give a path relative to the folder, as notes/today.txt");
    BOOST_TEST(read(f, std::string("a.txt\0.md", 9)) == "refused: give the name of a file");
    BOOST_TEST(read(f, "") == "refused: give the name of a file");
    BOOST_CHECK_THROW(folder(p.inside / "a.txt", how), folder_error);
    BOOST_CHECK_THROW(folder(p.path / "nowhere", how), folder_error);
}

BOOST_DATA_TEST_CASE(only_regular_files_are_read, both_ways, how) {
    place p;
    BOOST_REQUIRE(::mkfifo((p.inside / "pipe.txt").c_str(), 0600) == 0);
    int listener = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::string name = (p.inside / "socket.txt").string();
    name.copy(address.sun_path, sizeof address.sun_path - 1);
    BOOST_REQUIRE(::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    bool device = ::mknod((p.inside / "zero.txt").c_str(), S_IFCHR | 0666, (1 << 8) | 5) == 0;  // root may
    folder f{p.inside, how};
    BOOST_TEST(read(f, "pipe.txt") == "refused: it is no regular file");  // and does not wait for a writer
    BOOST_TEST(read(f, "socket.txt") == "refused: it is no regular file");
    if (device) BOOST_TEST(read(f, "zero.txt") == "refused: it is no regular file");
    BOOST_TEST(read(f, "notes") == "refused: it is a folder");
    ::close(listener);
}

BOOST_DATA_TEST_CASE(files_are_listed_without_following_links, both_ways, how) {
    place p;
    fs::create_directory_symlink(p.outside, p.inside / "folder");
    fs::create_directory_symlink(p.inside, p.inside / "again");
    place::write(p.inside / "c.md", "");
    folder f{p.inside, how};
    auto text = [](const fs::path& file) { return file.extension() == ".txt"; };
    std::vector<fs::path> expected{"a.txt", "notes/deep/b.txt"};
    BOOST_TEST(f.files(100, text) == expected, boost::test_tools::per_element());
    BOOST_TEST(f.files(100, text) == expected, boost::test_tools::per_element());  // once more
    BOOST_TEST(f.files(expected.size(), text) == expected, boost::test_tools::per_element());
    BOOST_CHECK_THROW(f.files(expected.size() - 1, text), folder_error);
    BOOST_CHECK_THROW(f.files(0, text), folder_error);
    fs::path deep = p.inside;
    for (int i = 0; i < 66; ++i) deep /= "d";
    fs::create_directories(deep);
    BOOST_CHECK_THROW(f.files(100, text), folder_error);
}

BOOST_DATA_TEST_CASE(a_race_gains_nothing, both_ways, how) { race(how); }

BOOST_AUTO_TEST_SUITE_END()
