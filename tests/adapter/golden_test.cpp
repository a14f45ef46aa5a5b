#include "support/cases.hpp"

#include <reagent/adapter/adapter.hpp>
#include <reagent/schema/render.hpp>

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

using namespace reagent;
using namespace reagent::test;

namespace {

// Every case agrees or is a listed deviation; and a listed one does deviate, so that the list stays true.
void check(adapter a, const std::string& file, double least) {
    auto models = models_of(file);
    std::size_t agreed = 0, all = 0;
    for (const auto& c : cases_of(file)) {
        auto outputs = parse(a, parse_signature(c.text("signature"), models), c.text("completion"));
        bool same =
            c.data.contains("error")
                ? !outputs.has_value()
                : outputs.has_value() && equal_json(json::parse(dump_strict_json(*outputs)), c.data.at("expected"));
        ++all;
        agreed += same;
        BOOST_TEST(same != is_listed_deviation(c.id()),
                   c.id() << ": " << (outputs ? dump_strict_json(*outputs) : outputs.error().message));
    }
    BOOST_TEST(static_cast<double>(agreed) >= least * static_cast<double>(all), agreed << " of " << all);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(golden)

BOOST_AUTO_TEST_CASE(chat_completions_are_read_as_dspy_reads_them) { check(adapter::chat, "chat_parse.json", 0.95); }
BOOST_AUTO_TEST_CASE(json_completions_are_read_as_dspy_reads_them) { check(adapter::json, "json_parse.json", 0.91); }
BOOST_AUTO_TEST_CASE(xml_completions_are_read_as_dspy_reads_them) { check(adapter::xml, "xml_parse.json", 0.95); }

BOOST_DATA_TEST_CASE(values_are_written_as_dspy_writes_them, cases_of("value_format.json"), c) {
    named_types types{{"Item", json::object{}}};
    auto s = parse_signature("x -> y: " + c.text("type"), types);
    BOOST_TEST(format_value(s.outputs[0], c.data.at("value")) == c.text("expected"));
}

BOOST_AUTO_TEST_SUITE_END()
