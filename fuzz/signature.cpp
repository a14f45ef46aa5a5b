#include <reagent/error.hpp>
#include <reagent/signature/signature.hpp>

#include <cstdint>
#include <cstdlib>

// A signature is refused with a position inside of it, or read; and what was read reads the same again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view text{reinterpret_cast<const char*>(data), size};
    try {
        auto s = reagent::parse_signature(text);
        for (const auto& f : s.outputs)
            if (f.name.empty() || f.prefix.empty()) std::abort();
    } catch (const reagent::signature_error& e) {
        if (e.position() > size) std::abort();
    }
    return 0;
}
