// The server that lies: the HTTP client against peers that damage, cut, pipeline, flood, stall and reset, over socket
// pairs. Each request has a mark that its answer must hold; no answer may hold another's, and what a client holds is
// bounded.
#include "peer/world.hpp"

#include <cstdlib>
#include <iostream>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace reagent::fuzz;
    try {
        play(choices{size, {reinterpret_cast<const char*>(data), size}}, 8);
    } catch (const violation& v) {
        std::cerr << v.what() << "\n";
        std::abort();
    }
    return 0;
}
