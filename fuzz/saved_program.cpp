// Saved programs: whatever the text, it is refused with a program_error, or it loads, is written, and is the same
// again.
#include <reagent/error.hpp>
#include <reagent/module/saved_program.hpp>
#include <reagent/schema/render.hpp>

#include <boost/json.hpp>

#include <cstdlib>

using namespace reagent;

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    static const predictor alone{parse_signature("question -> answer")};
    std::string_view text{reinterpret_cast<const char*>(data), size};
    try {
        auto program = saved_program::parse(text);
        if (saved_program::parse(dump_pretty_json(program.document())).hash() != program.hash()) std::abort();
        auto p = from_saved(alone, program, false);
        auto written = to_saved(alone, p);
        if (to_saved(alone, from_saved(alone, written, false)).hash() != written.hash()) std::abort();
    } catch (const error&) {
    }
    return 0;
}
