// Draws the exchanges of odd servers and says what Reagent makes of them, one JSON document a line: odd_exchanges FIRST
// COUNT
#include "../../sdk/src/base/base64.hpp"
#include "../lm/odd_mutator.hpp"

#include <boost/json.hpp>

#include <cstdlib>
#include <iostream>

namespace {

using namespace reagent;
using namespace reagent::test::odd;

// Arguments as they are written: who judges parses them.
template <class Calls>
json::array calls_of(const Calls& calls) {
    json::array list;
    for (const auto& c : calls) list.push_back(json::array{json::string(c.name), json::string(c.arguments)});
    return list;
}

json::object reagents(const heard& h) {
    if (!h.error.empty()) return {{"error", h.error}};
    if (!is_taken(h.answer)) return {{"error", "not taken: " + json::serialize(to_json(h.answer))}};
    return {
        {"text", h.answer.text}, {"calls", calls_of(h.answer.tool_calls)}, {"finish", to_json(h.answer).at("finish")}};
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) {
        std::cerr << "usage: odd_exchanges FIRST COUNT\n";
        return 2;
    }
    const auto first = std::strtoull(argv[1], nullptr, 10), count = std::strtoull(argv[2], nullptr, 10);
    for (auto n = first; n < first + count; ++n) {
        const drawn x = draw(n);
        std::cout << json::object{{"number", n},
                                  {"protocol", x.speaks->name()},
                                  {"streamed", x.sent.streamed},
                                  {"asks_stream", x.sent.asks_stream},
                                  {"kind", x.sent.kind},
                                  {"readable", x.sent.wanted == oracle::right},
                                  {"body", base64(x.sent.bytes)},
                                  {"meant", json::object{{"text", x.meant.text}, {"calls", calls_of(x.meant.calls)}}},
                                  {"reagent", reagents(read(*x.speaks, x.sent))}}
                  << "\n";
    }
}
