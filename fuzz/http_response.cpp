// The path of a provider's response: raw bytes through the client's parser, then the provider's.
#include "../sdk/src/lm/providers/protocol.hpp"

#include <reagent/error.hpp>

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    namespace http = boost::beast::http;
    std::string_view text{reinterpret_cast<const char*>(data), size};
    reagent::http::response response;
    http::response_parser<http::string_body> parser;
    parser.body_limit(1 << 20);
    parser.eager(true);
    boost::system::error_code ec;
    parser.put(boost::asio::buffer(data, size), ec);
    if (!ec && parser.is_header_done()) {
        response.status = static_cast<int>(parser.get().result_int());
        for (const auto& f : parser.get()) response.headers.emplace_back(f.name_string(), f.value());
        response.body = parser.get().body();
    } else
        response = {400, {}, std::string{text}};
    using namespace reagent::provider;
    if (response.status != 200) try {
            const reagent::secret key{"sk-0123456789"};
            throw_status(response, "fuzz", {&key, 1});
        } catch (const reagent::lm_error&) {
        }
    for (const auto* p : {&openai_chat(), &openai_responses(), &anthropic(), &gemini(), &ollama(), &cohere()})
        for (std::string_view body : {std::string_view{response.body}, text}) try {
                p->read(body);
            } catch (const reagent::lm_error&) {
            }
    return 0;
}
