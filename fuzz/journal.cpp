// A journal's lines, as a file or a database holds them: read, written again, loaded, drawn, and a conversation made
// short.
#include <reagent/durable/session.hpp>
#include <reagent/error.hpp>
#include <reagent/observe/trace.hpp>
#include <reagent/run/consent.hpp>
#include <reagent/schema/repair.hpp>

#include <boost/json.hpp>

#include <algorithm>
#include <cstdlib>
#include <sstream>

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    std::istringstream in{std::string{reinterpret_cast<const char*>(data), size}};
    std::vector<reagent::journal_record> records;
    reagent::journal_reader reader;
    for (std::string line; std::getline(in, line);) {
        try {
            auto alone = reagent::journal_record_from_text(line);
            auto text = reagent::to_text(alone);
            if (reagent::to_text(reagent::journal_record_from_text(text)) != text) std::abort();
            auto record = reader.read(line);  // refuses what refers to nothing, so that what follows can be told whole
            if (reagent::to_text(record) != text) std::abort();
            records.push_back(std::move(record));
        } catch (const reagent::run_error&) {
        }
        if (auto v = reagent::parse_json(line); v && v->is_object()) {
            auto history = v->get_object();
            auto before = reagent::tokens_of(history);
            reagent::leave_out_tool_results(history, 10);
            if (reagent::tokens_of(history) > before + 16) std::abort();
        }
    }
    for (std::size_t n = 0; n <= records.size(); n += 1 + records.size() / 4)
        if (auto whole = reagent::whole_records(records, n); whole < n || whole > records.size()) std::abort();
    auto loaded = reagent::load_journal(records);
    auto spans = reagent::trace_of(records, "fuzz");
    for (std::size_t i = 1; i < spans.size(); ++i)
        if (spans[i].parent >= i) std::abort();  // a parent stands before its children
    reagent::to_json(spans, {});
    reagent::to_json(spans, {}, true, 0);
    for (const auto& s : spans)
        if (s.effect) reagent::question_text(*s.effect, size, "more");
    // Nothing is told that was not there: references do not multiply.
    std::size_t told = 0;
    for (const auto& e : loaded.history->events())
        if (e.request)
            for (const auto& m : e.request->whole().messages) told = std::max(told, m.content.size());
    if (told > 4 * size + 64) std::abort();
    auto again = reagent::records_of(*loaded.history);
    reagent::journal_reader another;
    for (const auto& r : again) another.read(reagent::to_text(r));
    return 0;
}
