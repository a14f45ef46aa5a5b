#pragma once

#include <sys/wait.h>
#include <array>
#include <cstdio>
#include <string>

namespace reagent::test {

struct finished {
    int code;
    std::string out;
};

/// Runs the command line tool; `out` is stdout, or both streams when asked for.
inline finished reagent_cli(const std::string& arguments, bool with_stderr = false,
                            const std::string& environment = "env -u OPENAI_API_KEY -u REAGENT_LM ") {
    std::string command =
        environment + " " + REAGENT_BINARIES + "/reagent " + (with_stderr ? "2>&1 " : "2>/dev/null ") + arguments;
    FILE* p = ::popen(command.c_str(), "r");
    std::string out;
    std::array<char, 4096> buffer;
    while (std::size_t n = std::fread(buffer.data(), 1, buffer.size(), p)) out.append(buffer.data(), n);
    int status = ::pclose(p);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, out};
}

}  // namespace reagent::test
