#include "sums.hpp"

#include "rows.hpp"

#include <reagent/base/read_file.hpp>
#include <reagent/base/write_file.hpp>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <boost/json.hpp>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <system_error>

namespace reagent::detail {
namespace {

namespace fs = std::filesystem;

constexpr rlim_t most_seconds_of_a_child = 1800;

fs::path file_of(const fs::path& generation) { return generation / "sums.json"; }

void write(const fs::path& generation, const json::object& o) {
    try {
        write_file(file_of(generation), json::serialize(o) + "\n");
    } catch (const std::system_error& e) {
        throw retrieve_error{retrieve_errc::unwritable,
                             file_of(generation).string() + " cannot be written: " + e.what()};
    }
}

// Xapian's own lock has no content.
bool counts(const fs::path& name) { return name != "flintlock"; }

json::object sum_of(const fs::path& file) { return {{"size", fs::file_size(file)}, {"crc32", checksum_of_file(file)}}; }

std::string why_other(const fs::path& file, const json::value& expected) {
    std::error_code ec;
    if (!fs::is_regular_file(fs::symlink_status(file, ec)))
        return fs::exists(file, ec) ? "it is no file" : "it is missing";
    return json::value(sum_of(file)) == expected ? "" : "it is not what was stored: its checksum is another one";
}

}  // namespace

void write_sums(const fs::path& generation) {
    json::object files;
    for (const auto& entry : fs::directory_iterator{generation / "text"})
        if (const auto name = entry.path().filename(); counts(name) && entry.is_regular_file())
            files[name.string()] = sum_of(entry.path());
    write(generation, {{"files", std::move(files)}});
}

void forget_sums(const fs::path& generation) { write(generation, {{"files", nullptr}}); }

sums_are compare_sums(const fs::path& generation, const fs::path& root, std::vector<found_problem>& problems) {
    auto told = [&](const fs::path& file, std::string why) {
        problems.push_back({file.lexically_relative(root).string(), std::move(why)});
    };
    json::value all;
    try {
        all = json::parse(read_file(file_of(generation), 64 * 1024));
        if (!all.at("files").is_null()) static_cast<void>(all.at("files").as_object());
    } catch (const std::exception&) {
        told(file_of(generation), "it is missing or damaged");
        return sums_are::unknown;
    }
    const auto* files = all.at("files").if_object();
    if (!files) return sums_are::unknown;
    for (const auto& [name, expected] : *files) {
        const auto file = generation / "text" / std::string{name};
        if (std::string_view{name}.find('/') != std::string_view::npos) continue;
        if (auto why = why_other(file, expected); !why.empty()) told(file, std::move(why));
    }
    std::error_code ec;
    for (const auto& entry : fs::directory_iterator{generation / "text", ec})
        if (const auto name = entry.path().filename(); counts(name) && !files->contains(name.string()))
            told(entry.path(), "it was not made by this index");
    return sums_are::known;
}

void check_sums(const fs::path& generation) {
    std::vector<found_problem> problems;
    if (compare_sums(generation, generation, problems) == sums_are::unknown || problems.empty()) return;
    std::string all;
    for (const auto& p : problems)
        all += (all.empty() ? "" : ", ") + (generation / p.file).string() + " (" + p.what + ")";
    throw retrieve_error{retrieve_errc::corrupt, "damaged: " + all};
}

namespace {

bool read_all(int from, std::string& text) {
    char part[4096];
    for (;;) {
        const auto n = ::read(from, part, sizeof part);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return n == 0;
        text.append(part, static_cast<std::size_t>(n));
    }
}

void write_all(int to, std::string_view text) {
    while (!text.empty()) {
        const auto n = ::write(to, text.data(), text.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return;
        text.remove_prefix(static_cast<std::size_t>(n));
    }
}

[[noreturn]] void be_child(int to, const std::function<std::vector<found_problem>()>& work) noexcept {
    for (int crash : {SIGSEGV, SIGBUS, SIGFPE, SIGABRT, SIGILL, SIGXCPU}) std::signal(crash, SIG_DFL);
    const rlimit no_core{0, 0}, time{most_seconds_of_a_child, most_seconds_of_a_child};
    ::setrlimit(RLIMIT_CORE, &no_core);
    ::setrlimit(RLIMIT_CPU, &time);
    try {
        json::array told;
        for (const auto& p : work()) told.push_back(json::array{json::string(p.file), json::string(p.what)});
        write_all(to, json::serialize(told));
    } catch (...) {
        ::_exit(1);
    }
    ::_exit(0);
}

}  // namespace

std::optional<std::vector<found_problem>> in_child(const std::function<std::vector<found_problem>()>& work) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0)
        throw retrieve_error{retrieve_errc::unwritable, std::string{"no pipe: "} + std::strerror(errno)};
    const pid_t child = ::fork();
    if (child == 0) be_child(ends[1], work);
    ::close(ends[1]);
    std::string text;
    const bool whole = child > 0 && read_all(ends[0], text);
    ::close(ends[0]);
    if (child < 0) throw retrieve_error{retrieve_errc::unwritable, "no process to check with"};
    while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
    }
    boost::system::error_code ec;
    const auto told = json::parse(text, ec);  // cut off where it crashed
    if (!whole || ec || !told.is_array()) return std::nullopt;
    std::vector<found_problem> problems;
    for (const auto& p : told.get_array())
        problems.push_back({std::string{p.at(0).as_string()}, std::string{p.at(1).as_string()}});
    return problems;
}

}  // namespace reagent::detail
