// The path of a streamed answer: pieces of any size through the event and line parsers, then through every provider's
// reader.
#include "../sdk/src/lm/providers/answer_reader.hpp"

#include <reagent/adapter/field_stream.hpp>
#include <reagent/error.hpp>
#include <reagent/http/events.hpp>

#include <boost/json.hpp>

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    std::string_view text{reinterpret_cast<const char*>(data) + 1, size - 1};
    std::size_t step = data[0] % 32 + 1;

    // Any chunking gives the same events as none.
    std::vector<reagent::http::server_event> whole, pieces;
    reagent::http::event_parser one{1 << 20}, many{1 << 20};
    one.feed(text, whole);
    for (std::size_t i = 0; i < text.size(); i += step) {
        many.feed(text.substr(i, step), pieces);
    }
    if (whole.size() != pieces.size()) std::abort();
    for (std::size_t i = 0; i < whole.size(); ++i)
        if (whole[i].name != pieces[i].name || whole[i].data != pieces[i].data) std::abort();

    // So it is with the fields of a completion.
    static const reagent::signature signature = reagent::parse_signature("q -> text, n: int, items: list[str]");
    for (auto a : {reagent::adapter::chat, reagent::adapter::json, reagent::adapter::xml}) {
        auto grow = [&](std::size_t by) {
            reagent::field_stream fields{a, signature};
            std::vector<reagent::field_piece> all;
            auto take = [&](std::vector<reagent::field_piece> some) {
                for (auto& p : some)
                    if (!all.empty() && all.back().field == p.field)
                        all.back().text += p.text;
                    else
                        all.push_back(std::move(p));
            };
            for (std::size_t i = 0; i < text.size(); i += by) take(fields.feed(text.substr(i, by)));
            take(fields.finish());
            return all;
        };
        if (grow(step) != grow(text.size() + 1)) std::abort();
    }

    // A body gives the same answer in any chunks, or the same error.
    using namespace reagent::provider;
    for (const auto* p : {&openai_chat(), &openai_responses(), &anthropic(), &gemini(), &ollama(), &cohere()}) {
        auto read = [&](std::size_t by) {
            std::vector<reagent::lm_event> events;
            try {
                answer_reader reader{*p, {}};
                for (std::size_t i = 0; i < text.size() && !reader.done(); i += by)
                    reader.feed(text.substr(i, by), events);
                return reagent::json::serialize(reagent::to_json(reader.finish(events)));
            } catch (const reagent::error& e) {
                return std::string{e.what()};
            }
        };
        if (read(step) != read(text.size() + 1)) std::abort();
    }
    return 0;
}
