#include <reagent/schema/render.hpp>
#include <reagent/schema/repair.hpp>

#include <boost/json.hpp>

#include <cstdint>
#include <cstdlib>

// What was repaired is JSON: it is written and read back.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view text{reinterpret_cast<const char*>(data), size};
    auto v = reagent::repair_json(text);
    if (!reagent::parse_json(reagent::dump_strict_json(v)).has_value()) std::abort();
    reagent::python_literal(text);
    return 0;
}
