#include "completion.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    return parse_any(reagent::adapter::chat, data, size);
}
