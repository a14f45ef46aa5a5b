// A generator of odd servers: valid exchanges of six protocols, whole and streamed, changed at random in the ways that
// servers differ. Every run ends with the right outputs, which are those of the exchange before it was changed, or with
// an error that names what was wrong. REAGENT_ODD_SERVERS=COUNT or FIRST:COUNT says how many, and where to begin (a
// failure names its number).
#include "odd_mutator.hpp"

#include "../../sdk/src/base/utf8.hpp"

#include <boost/test/unit_test.hpp>

#include <cstdlib>

using namespace reagent;
using namespace reagent::test::odd;

namespace {

bool is_right(const lm_response& r, const meaning& m) {
    if (r.text != m.text || r.tool_calls.size() != m.calls.size()) return false;
    for (std::size_t i = 0; i < m.calls.size(); ++i) {
        const auto& c = r.tool_calls[i];
        if (c.name != m.calls[i].name ||
            json::parse(c.arguments.empty() ? "{}" : c.arguments) != json::parse(m.calls[i].arguments))
            return false;
    }
    return true;
}

std::string verdict(const heard& o, const mutated& m, const meaning& meant) {
    if (!o.failed && !o.error.empty()) return o.error;
    if (!detail::is_valid_utf8(o.error)) return "an error that is no text";
    if (o.failed && m.wanted == oracle::right) return "an error, where the answer can be read: " + o.error;
    if (o.failed) return o.error.size() > 20 ? "" : "an error that says nothing: " + o.error;
    if (!is_taken(o.answer)) return m.wanted == oracle::right ? "not taken: " + json::serialize(to_json(o.answer)) : "";
    return is_right(o.answer, meant) ? "" : "a wrong answer: " + json::serialize(to_json(o.answer));
}

}  // namespace

BOOST_AUTO_TEST_CASE(odd_servers_give_the_right_outputs_or_an_error_that_names_what_was_wrong) {
    std::uint64_t first = 0, count = 100'000;
    if (const char* option = std::getenv("REAGENT_ODD_SERVERS")) {
        std::string text = option;
        auto colon = text.find(':');
        count = std::stoull(text.substr(colon == text.npos ? 0 : colon + 1));
        if (colon != text.npos) first = std::stoull(text.substr(0, colon));
    }
    std::uint64_t wrong = 0, errors = 0;
    for (std::uint64_t n = first; n < first + count && wrong < 20; ++n) {
        drawn x = draw(n);
        const auto& m = x.sent;
        heard o = read(*x.speaks, m);
        errors += o.failed;
        if (auto v = verdict(o, m, x.meant); !v.empty()) {
            ++wrong;
            BOOST_TEST_MESSAGE(m.bytes);
            BOOST_ERROR("REAGENT_ODD_SERVERS=" << n << ":1 " << x.speaks->name()
                                               << (m.streamed ? " streamed " : " whole ") << m.kind << ": " << v);
        }
    }
    BOOST_TEST(wrong == 0u);
    if (count >= 1000) {  // both ends are met
        BOOST_TEST(errors > count / 100);
        BOOST_TEST(errors < count / 2);
    }
}
