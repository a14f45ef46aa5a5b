// The official JSON-Schema-Test-Suite, draft 7 and 2020-12: every required case, and every case of `optional/format`.
#include <reagent/error.hpp>
#include <reagent/schema/render.hpp>
#include <reagent/schema/repair.hpp>
#include <reagent/schema/schema.hpp>

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <fstream>
#include <iostream>
#include <sstream>

using namespace reagent;

namespace {

json::value corpus(const std::string& name) {
    std::ifstream in{std::string{REAGENT_TEST_DATA} + "/corpora/json_schema/" + name + ".json"};
    std::stringstream text;
    text << in.rdbuf();
    auto v = parse_json(text.str());
    BOOST_REQUIRE_MESSAGE(v, name << " is not there");
    return *v;
}

const std::map<std::string, json::value>& remotes() {
    static const auto all = [] {
        std::map<std::string, json::value> documents;
        const json::value read = corpus("remotes");
        for (const auto& [uri, document] : read.as_object()) documents.emplace(uri, document);
        return documents;
    }();
    return all;
}

struct tally {
    int right = 0, wrong = 0, refused = 0;
};

void try_group(const json::object& group, const schema_options& options, const std::string& file, tally& t) {
    const auto& tests = group.at("tests").as_array();
    auto name = [&](const json::value& test) {
        return file + ": " + std::string{group.at("description").as_string()} + ": " +
               std::string{test.at("description").as_string()};
    };
    std::optional<schema> s;
    try {
        s.emplace(group.at("schema"), options);
    } catch (const schema_error& e) {
        t.refused += static_cast<int>(tests.size());
        for (const auto& test : tests) BOOST_ERROR(name(test) + ": refused: " + e.what());
        return;
    }
    for (const auto& test : tests) {
        bool fits = s->validate(test.at("data")).empty(), expected = test.at("valid").as_bool();
        ++(fits == expected ? t.right : t.wrong);
        BOOST_CHECK_MESSAGE(fits == expected, name(test) + ": expected " + (expected ? "valid" : "invalid") + ", for " +
                                                  dump_json(test.at("data")) + " and " + dump_json(group.at("schema")));
    }
}

struct part {
    const char *draft, *cases;
    json_schema_draft which;
    int at_least;
};
std::ostream& operator<<(std::ostream& out, const part& p) { return out << p.draft << ' ' << p.cases; }

const part parts[]{{"draft7", "required", json_schema_draft::draft7, 900},
                   {"draft2020-12", "required", json_schema_draft::draft2020_12, 1200},
                   {"draft7", "format", json_schema_draft::draft7, 600},
                   {"draft2020-12", "format", json_schema_draft::draft2020_12, 600}};

}  // namespace

BOOST_AUTO_TEST_SUITE(official_suite)

BOOST_DATA_TEST_CASE(every_case_is_right, parts, p) {
    schema_options options{
        .draft = p.which, .assert_formats = std::string_view{p.cases} == "format", .documents = remotes()};
    const json::value suite = corpus(p.draft);
    tally t;
    for (const auto& [file, groups] : suite.at(p.cases).as_object())
        for (const auto& group : groups.as_array()) try_group(group.as_object(), options, file, t);
    std::cout << "JSON-Schema-Test-Suite, " << p.draft << ", " << p.cases << ": " << t.right << " right, " << t.wrong
              << " wrong, " << t.refused << " refused\n";
    BOOST_TEST(t.right + t.wrong + t.refused >= p.at_least);  // the data is whole
}

BOOST_AUTO_TEST_SUITE_END()
