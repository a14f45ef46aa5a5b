#pragma once

#include <string>
#include <vector>

// What a hostile program tries. Each returns "" when it was held, else in a few words what it got.
struct surroundings {
    int host_pid = 0;    // of the process that called sandbox::run
    int port = 0;        // it listens on 127.0.0.1:port, and on the abstract socket "reagent-PORT"
    std::string folder;  // it made a folder with the file "secret" and the socket "listener"; shown by `readable`
    std::string tag;     // unique; whatever is left on the machine under this name got out
};

struct escape {
    const char* name;
    std::string (*attempt)(const surroundings&);
};

extern const std::vector<escape> process_escapes, host_escapes, kernel_escapes, growth_escapes;

std::string text_of(const std::string& file);
[[noreturn]] void linger();  // until it is killed
