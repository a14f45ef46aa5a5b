#include <reagent/error.hpp>
#include <reagent/http/events.hpp>

#include <boost/test/unit_test.hpp>

using namespace reagent;
using namespace reagent::http;

namespace {

std::vector<std::pair<std::string, std::string>> events(std::string_view text, std::size_t step = 1 << 20) {
    event_parser p;
    std::vector<server_event> out;
    for (std::size_t i = 0; i < text.size(); i += step) p.feed(text.substr(i, step), out);
    std::vector<std::pair<std::string, std::string>> pairs;
    for (auto& e : out) pairs.emplace_back(e.name, e.data);
    return pairs;
}

using pairs = std::vector<std::pair<std::string, std::string>>;

}  // namespace

// The examples of the specification, and its corners. Source: WHATWG HTML, "Server-sent events".
BOOST_AUTO_TEST_CASE(events_are_split_as_specified) {
    struct {
        std::string_view text;
        pairs expected;
    } cases[] = {
        {"data: YHOO\ndata: +2\ndata: 10\n\n", {{"", "YHOO\n+2\n10"}}},
        {": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
         {{"", "first event"}, {"", "second event"}, {"", " third event"}}},
        {"data\n\ndata\ndata\n\ndata:", {{"", ""}, {"", "\n"}}},  // the last is cut off
        {"data:test\n\ndata: test\n\n", {{"", "test"}, {"", "test"}}},
        {"event: add\rdata: 1\r\revent: remove\r\ndata: 2\r\n\r\n", {{"add", "1"}, {"remove", "2"}}},
        {"\xEF\xBB\xBF"
         "data: bom\n\n",
         {{"", "bom"}}},
        {"event: nothing\n\ndata: x\n\n", {{"", "x"}}},  // without data there is no event, and its name is forgotten
        {"retry: 10\nfoo: bar\ndata: x\n\n", {{"", "x"}}},
        {"data: a:b: c\n\n", {{"", "a:b: c"}}},
        {"", {}},
        {"\n\n\n", {}},
    };
    for (const auto& c : cases)
        for (std::size_t step : {1, 2, 3, 5, 1000})
            BOOST_TEST((events(c.text, step) == c.expected), "step " << step << ": " << c.text);
}

BOOST_AUTO_TEST_CASE(an_endless_event_is_an_error) {
    for (std::string_view piece : {"x", "data: aaaaaaaaaaaaaaaa\n"}) {
        event_parser p{1000};
        std::vector<server_event> out;
        BOOST_CHECK_EXCEPTION(for (int i = 0; i < 10'000; ++i) p.feed(piece, out), http_error,
                              [](const http_error& e) { return e.code() == http_errc::body_too_large; });
        BOOST_TEST(out.empty());
    }
    line_parser lines{1000};
    std::vector<std::string> out;
    BOOST_CHECK_THROW(for (int i = 0; i < 10'000; ++i) lines.feed("x", out), http_error);
}

BOOST_AUTO_TEST_CASE(lines_are_split) {
    for (std::size_t step : {1, 2, 100}) {
        line_parser p;
        std::vector<std::string> out;
        std::string_view text = "{\"a\":1}\n\r\n{\"b\":2}\r\n{\"c\":3}";
        for (std::size_t i = 0; i < text.size(); i += step) p.feed(text.substr(i, step), out);
        BOOST_TEST(out.size() == 2u);
        p.finish(out);
        BOOST_TEST((out == std::vector<std::string>{"{\"a\":1}", "{\"b\":2}", "{\"c\":3}"}));
        p.finish(out);
        BOOST_TEST(out.size() == 3u);
    }
}
