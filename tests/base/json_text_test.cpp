// JSON is written as json::serialize writes it.
#include "../../sdk/src/base/json_text.hpp"
#include "../../sdk/src/base/utf8.hpp"

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <random>

using namespace reagent;
namespace json = boost::json;

namespace {

struct any_value {
    std::mt19937 random{7};

    std::size_t below(std::size_t n) { return std::uniform_int_distribution<std::size_t>{0, n - 1}(random); }

    std::string text() {
        static constexpr std::string_view signs = "ab \"\\\n\r\t\b\f/\x01\x1f\x7f\xc3\xa9";
        std::string s;
        for (std::size_t n = below(60); n > 0; --n)
            s += below(3) ? static_cast<char>('a' + below(26)) : signs[below(signs.size())];
        return s;
    }

    json::value make(int depth) {
        switch (below(depth > 3 ? 6 : 8)) {
            case 0: return nullptr;
            case 1: return below(2) == 0;
            case 2: return static_cast<std::int64_t>(random()) - 2'000'000'000;
            case 3: return std::uint64_t{1} << below(64);
            case 4: return static_cast<double>(random()) / 7;
            case 5: return json::value(json::string(text()));
            case 6: {
                json::array a;
                for (std::size_t n = below(5); n > 0; --n) a.push_back(make(depth + 1));
                return a;
            }
            default: {
                json::object o;
                for (std::size_t n = below(5); n > 0; --n) o[text()] = make(depth + 1);
                return o;
            }
        }
    }
};

}  // namespace

BOOST_AUTO_TEST_CASE(json_is_written_as_the_library_writes_it) {
    any_value values;
    for (int i = 0; i < 20'000; ++i) {
        const json::value v = values.make(0);
        std::string text = "before ";
        detail::append_json(text, v);
        BOOST_TEST_REQUIRE(text == "before " + json::serialize(v));
    }
    for (std::size_t n = 0; n < 3000; n += 37)  // over the ends of what is held back
        for (const char* sign : {"\x01", "\"", "x"}) {
            std::string many, text;
            for (std::size_t k = 0; k < n; ++k) many += k % 3 ? "y" : sign;
            detail::append_json_text(text, many);
            BOOST_TEST_REQUIRE(text == json::serialize(json::value(json::string(many))));
        }
}

BOOST_AUTO_TEST_CASE(ascii_and_utf8_are_told_wherever_a_byte_stands) {
    for (std::size_t n = 0; n < 70; ++n)
        for (std::size_t at = 0; at < n; ++at) {
            std::string text(n, 'a');
            BOOST_TEST_REQUIRE(detail::is_ascii(text));
            BOOST_TEST_REQUIRE(detail::is_valid_utf8(text));
            text[at] = '\x80';
            BOOST_TEST_REQUIRE(!detail::is_ascii(text));
            BOOST_TEST_REQUIRE(!detail::is_valid_utf8(text));
            BOOST_TEST_REQUIRE(detail::valid_utf8(text).size() == n + 2);
        }
}
