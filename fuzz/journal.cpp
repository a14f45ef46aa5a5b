// A journal's lines, as a file or a database holds them: read, written again, loaded, drawn, and a conversation made short.
#include <reagent/error.hpp>
#include <reagent/run/session.hpp>
#include <reagent/run/trace.hpp>
#include <reagent/schema/repair.hpp>

#include <boost/json.hpp>

#include <cstdlib>
#include <sstream>

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    std::istringstream in{std::string{reinterpret_cast<const char*>(data), size}};
    std::vector<reagent::journal_record> records;
    for (std::string line; std::getline(in, line);) {
        try {
            auto record = reagent::journal_record_from_text(line);
            auto text = reagent::to_text(record);
            if (reagent::to_text(reagent::journal_record_from_text(text)) != text) std::abort();
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
    auto again = reagent::records_of(*loaded.history);
    for (const auto& r : again) reagent::journal_record_from_text(reagent::to_text(r));
    return 0;
}
