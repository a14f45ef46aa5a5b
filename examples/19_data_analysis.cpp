// 19. Data analysis by an agent that writes code: it queries the demo's shop database from Python in a sandbox,
// computes, and draws a chart, which comes back as a PNG. The model is a script, so that this needs no key; with
// REAGENT_LM set a real one is asked. `19_data_analysis FILE` keeps the chart.
#include "support/canned_model.hpp"

#include <reagent/agents/code.hpp>
#include <reagent/base/write_file.hpp>
#include <reagent/reagent.hpp>

#include <iostream>

using namespace reagent::literals;
namespace rg = reagent;

namespace {

std::string step(const std::string& thought, const std::string& code) {
    return "[[ ## next_thought ## ]]\n" + thought + "\n\n[[ ## next_code ## ]]\n" + code + "\n\n[[ ## completed ## ]]";
}

const char* const query = R"(
rows = sql(query="SELECT substr(ordered_on, 1, 7) AS month, sum(total) AS total FROM orders "
                          "WHERE status <> 'cancelled' GROUP BY month ORDER BY month LIMIT 100")["rows"]
months, totals = [r[0] for r in rows], [r[1] for r in rows]
len(rows))";

const char* const chart = R"(
import struct, zlib
width, height, gap = 24 * len(totals), 200, 4
top = max(totals)
pixels = [[255] * width for _ in range(height)]
for i, total in enumerate(totals):
    for y in range(height - int(total / top * (height - 10)), height):
        for x in range(24 * i + gap, 24 * (i + 1)):
            pixels[y][x] = 70
def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
raw = b"".join(b"\0" + bytes(row) for row in pixels)
show(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">2I5B", width, height, 8, 0, 0, 0, 0))
     + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b""))
best = months[totals.index(top)]
print(best))";

}  // namespace

int main(int argc, char** argv) {
    rg::code_options options;
    options.functions.add(rg::ready::sqlite_query(argc > 2 ? argv[2] : REAGENT_SHOP));
    rg::code_act<rg::sig<"question -> month: str, total: float">> analyst{options};
    auto lm = model_or({step("The orders by month.", query), step("A bar for each month.", chart),
                        step("That is all.", "submit(month=best, total=round(top, 2))")});

    rg::runtime runtime;
    auto p = runtime.run(rg::run_options{lm}, analyst, "question"_f = "Which month sold most? Draw the months.");
    std::cout << p.get<"month">() << " with " << p.get<"total">() << "\n";
    for (const auto& s : p.steps())
        if (const auto* pictures = s.cell.if_contains("pictures")) {
            const std::string png{pictures->as_array().at(0).as_string()};
            std::cout << "a chart of " << png.size() / 4 * 3 << " bytes\n";
            if (argc > 1) rg::write_file(argv[1], rg::sandbox::png_bytes(png));
        }
}
