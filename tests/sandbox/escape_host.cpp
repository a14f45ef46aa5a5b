// A host that runs hostile programs, each in a sandbox, and says in a line of JSON what came of it. A process of its
// own, because the programs try to kill it, and because it runs as another user too.
#include <reagent/sandbox/process.hpp>

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/json.hpp>

#include <cstddef>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <thread>

namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using namespace reagent;
using namespace std::chrono_literals;

int listening(int domain, const sockaddr* address, socklen_t size, int type = SOCK_STREAM) {
    int fd = ::socket(domain, type, 0);  // without CLOEXEC, as libraries open them
    if (fd < 0 || ::bind(fd, address, size) != 0 || (type == SOCK_STREAM && ::listen(fd, 5) != 0))
        throw std::runtime_error{"cannot listen"};
    return fd;
}

int listening_on_loopback() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    int fd = listening(AF_INET, reinterpret_cast<sockaddr*>(&address), size);
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
    return ntohs(address.sin_port);
}

void listening_on(const std::string& path, bool abstract, int type = SOCK_STREAM) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path + (abstract ? 1 : 0), path.data(), path.size());
    listening(AF_UNIX, reinterpret_cast<sockaddr*>(&address),
              static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + (abstract ? 1 : 0)), type);
    if (!abstract) ::chmod(path.c_str(), 0777);
}

// What is left on the machine under a name: processes (by their arguments) and files.
std::string left(const std::string& tag) {
    std::string all;
    std::error_code ec;
    for (const auto& entry : fs::directory_iterator{"/proc", ec}) {
        std::ifstream in{entry.path() / "cmdline"};
        std::stringstream text;
        text << in.rdbuf();
        if (text.str().find(tag) != std::string::npos && entry.path().filename() != std::to_string(::getpid()))
            all += "process " + entry.path().filename().string() + " ";
    }
    for (const char* folder : {"/tmp", "/dev/shm", "/var/tmp", "/", "."})
        for (const auto& entry : fs::directory_iterator{folder, ec})
            if (entry.path().filename().string().starts_with(tag + "-")) all += entry.path().string() + " ";
    return all;
}

// "network,seccomp"
std::set<sandbox::layer> layers_in(const std::string& names) {
    using sandbox::layer;
    std::set<layer> found;
    for (layer l :
         {layer::network, layer::processes, layer::ipc, layer::user_namespaces, layer::seccomp, layer::landlock})
        if (("," + names + ",").find(std::string{","} + sandbox::name_of(l) + ",") != std::string::npos)
            found.insert(l);
    return found;
}

json::object tried(const std::string& program, const std::string& name, const std::string& folder, int port,
                   const std::set<sandbox::layer>& without) {
    std::string tag = "escape" + std::to_string(::getpid()) + name;
    std::ofstream{"/tmp/" + tag} << "of the host";
    // What is ended by a sum needs the time to reach it on a slow machine.
    bool grows = name.starts_with("cpu_of_") || name.starts_with("memory_of_") || name.starts_with("many_") ||
                 name == "endless_files";
    sandbox::command c{.argv = {program, name, std::to_string(::getpid()), std::to_string(port), folder, tag},
                       .input = "the input",
                       .environment = {{"GIVEN", "this"}},
                       .readable = {folder},
                       .limit = {.wall_time = grows ? 60s : 2s,
                                 .cpu_time = 1s,
                                 .memory_bytes = 64 << 20,
                                 .disk_bytes = 8 << 20,
                                 .files = 500,
                                 .file_bytes = 2 << 20,
                                 .output_bytes = 100'000,
                                 .processes = 32,
                                 .open_files = 64},
                       .without = without};
    auto began = std::chrono::steady_clock::now();
    json::object line{{"name", name}};
    try {
        auto o = sandbox::run(c);
        line["exit"] = o.exit_code, line["signal"] = o.signal, line["exceeded"] = o.exceeded, line["stuck"] = o.stuck;
        line["out"] = o.out.substr(0, 300), line["err"] = o.err.substr(0, 300),
        line["output"] = o.out.size() + o.err.size();
    } catch (const std::exception& e) {
        line["thrown"] = e.what();
    }
    line["wall"] = c.limit.wall_time.count();
    line["ms"] =
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began).count();
    // A slow machine may take longer than run() waits to end what was killed.
    std::string remains = left(tag);
    for (int i = 0; i < 100 && !remains.empty(); ++i, std::this_thread::sleep_for(100ms)) remains = left(tag);
    line["left"] = remains;
    fs::remove("/tmp/" + tag);
    return line;
}

}  // namespace

// The folder that it lies in, --without=LAYERS or nothing, and the names of what it shall try.
int main(int argc, char** argv) {
    std::string folder = argv[1], program = folder + "/sandbox_escapes";
    ::setenv("REAGENT_ESCAPE_SECRET", "in the environment", 1);
    std::ofstream{folder + "/secret"} << "readable";
    listening_on(folder + "/listener", false);
    int port = listening_on_loopback();
    listening_on("reagent-" + std::to_string(port), true);
    listening_on(folder + "/datagrams", false, SOCK_DGRAM);
    listening_on("reagent-datagrams-" + std::to_string(port), true, SOCK_DGRAM);
    std::set<sandbox::layer> without;
    for (int i = 2; i < argc; ++i) {
        constexpr std::string_view option = "--without=";
        if (std::string_view{argv[i]}.starts_with(option))
            without = layers_in(argv[i] + option.size());
        else
            std::cout << json::serialize(tried(program, argv[i], folder, port, without)) << std::endl;
    }
    std::cout << R"({"name":"survived"})" << std::endl;
}
