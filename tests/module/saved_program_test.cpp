// Programs as files: DSPy's, the older shape, and ours; what does not fit is refused whole.
#include "support/cases.hpp"
#include "support/folder.hpp"
#include "support/scripted_openai.hpp"
#include "support/thrown.hpp"

#include <reagent/reagent.hpp>
#include <reagent/schema/render.hpp>
#include <reagent/schema/repair.hpp>

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <random>

using namespace reagent;
using namespace reagent::test;
using namespace reagent::literals;
namespace fs = std::filesystem;

namespace {

fs::path golden(const std::string& file) { return fs::path{REAGENT_TEST_DATA} / "golden/saved_programs" / file; }

std::vector<golden_case> index() {
    std::vector<golden_case> all;
    const json::value listed = read_json("golden/saved_programs/index.json");
    for (const auto& c : listed.as_array()) {
        json::object o = c.as_object();
        json::value id = o.at("file");
        o["id"] = id;
        all.push_back({std::move(o)});
    }
    return all;
}

// The programs of index.json, in C++.
struct classify_intent {
    static constexpr auto instructions = "Pick the one intent that fits the customer message.";
    struct input {
        field<std::string, "the raw message"> message;
    };
    struct output {
        std::string intent;
        field<double, "between 0 and 1"> confidence;
    };
};
struct recommend {
    static constexpr auto instructions = "Say what the support agent does next.";
    struct input {
        std::string ticket, intent;
    };
    struct output {
        field<std::string, "one step"> action;
        bool escalate;
    };
};
struct router : module {
    predict<classify_intent> classify{*this, "classify"};
    chain_of_thought<recommend> advise{*this, "recommend"};
};

std::unique_ptr<module> program_of(const std::string& file) {
    tools t;
    t.add("add", "Adds.", [](double a, double b) { return a + b; }, {"a", "b"});
    if (file == "predict_plain.json") return std::make_unique<predict<sig<"question -> answer">>>();
    if (file == "predict_typed.json")
        return std::make_unique<predict<sig<"context: list[str], question -> answer: int, ok: bool">>>();
    if (file == "predict_with_lm.json") return std::make_unique<predict<sig<"q -> a">>>();
    if (file == "cot.json" || file == "bootstrapped_cot.json")
        return std::make_unique<chain_of_thought<classify_intent>>();
    if (file == "router.json") return std::make_unique<router>();
    if (file == "react.json") return std::make_unique<react<sig<"question -> answer">>>(t);
    return std::make_unique<predict<classify_intent>>();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(saved_programs)

BOOST_DATA_TEST_CASE(what_dspy_saved_is_read_and_written_back, index(), c) {
    auto saved = saved_program::load(golden(c.id()));
    const auto& expected = c.data.at("predictors").as_array();
    BOOST_REQUIRE(saved.predictors().size() == expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
        const auto& p = saved.predictors()[i];
        BOOST_TEST(p.path == expected[i].at("name").as_string());
        BOOST_TEST(p.instructions.value() == expected[i].at("instructions").as_string());
        json::array demos;
        for (const auto& d : p.demos) demos.push_back(json::value(d));
        BOOST_TEST(equal_json(json::value(demos), expected[i].at("demos")));
        BOOST_TEST(p.fields.size() == expected[i].at("input_fields").as_array().size() +
                                          expected[i].at("output_fields").as_array().size());
    }
    auto original = read_json("golden/saved_programs/" + c.id());
    BOOST_TEST(saved.document() == original.as_object());

    // Through a program and back: the same but for the metadata, which says what wrote it.
    auto program = program_of(c.id());
    auto loaded = from_saved(*program, saved, false);
    auto again = to_saved(*program, loaded).document();
    auto before = original.as_object();
    again.erase("metadata");
    before.erase("metadata");
    BOOST_TEST(dump_pretty_json(again) == dump_pretty_json(before));
    BOOST_TEST(to_saved(*program, loaded).hash() == saved.hash());
    BOOST_TEST(differences(saved, to_saved(*program, loaded)).empty());
}

BOOST_AUTO_TEST_CASE(a_program_runs_with_what_was_loaded) {
    auto with = std::make_shared<parameters>();
    predict<classify_intent> p;
    *with = from_saved(p, saved_program::load(golden("bootstrapped_predict.json")));
    auto model = scripted_model::texts({chat_completion({{"intent", "billing"}, {"confidence", 0.7}})});
    run_options options{language_model{model}};
    options.parameters = with;
    runtime rt;
    BOOST_TEST(rt.run(options, p, "message"_f = "Where is my money?")->intent == "billing");
    auto messages = model->requests()[0].messages;
    BOOST_TEST(messages.size() == 10u);  // system, four demonstrations, the question
    BOOST_TEST(messages[1].content.find("I was charged twice") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_model_that_a_file_names_is_used_when_it_is_wanted) {
    ::setenv("OPENAI_API_KEY", "sk-for-this-test", 0);
    predict<sig<"q -> a">> p;
    auto saved = saved_program::load(golden("predict_with_lm.json"));
    auto with = from_saved(p, saved);
    const auto& own = with.predictors.at("self");
    BOOST_TEST(own.lm.backend()->name() == "openai/gpt-4o-mini");
    BOOST_TEST(own.sampling.temperature.value() == 0.3);
    BOOST_TEST(own.sampling.max_tokens.value() == 77u);
    BOOST_TEST(!from_saved(p, saved, false).predictors.at("self").lm);
}

BOOST_AUTO_TEST_CASE(the_older_shape_is_read) {
    auto saved = saved_program::parse(R"({
        "classify": { "lm": null, "traces": [], "train": [],
            "demos": [ { "augmented": true, "message": "Where is my parcel?", "intent": "track_order", "confidence": 0.95 } ],
            "signature_instructions": "Name the customer's main need.", "signature_prefix": "Intent:" },
        "recommend.predict": { "demos": [] } })");
    router program;
    auto with = from_saved(program, saved);
    BOOST_TEST(with.predictors.at("classify").instructions.value() == "Name the customer's main need.");
    BOOST_TEST(with.predictors.at("classify").demos.size() == 1u);
    BOOST_TEST(!with.predictors.at("recommend.predict").instructions);
    auto modern = to_saved(program, with);
    BOOST_TEST(modern.find("classify")->instructions.value() == "Name the customer's main need.");
    BOOST_TEST(modern.find("recommend.predict")->instructions.value() == "Say what the support agent does next.");
    // One predictor alone, in the older shape.
    auto alone = saved_program::parse(R"({"demos": [], "signature_instructions": "Do."})");
    BOOST_TEST(alone.predictors()[0].path == "self");
    BOOST_TEST(alone.predictors()[0].instructions.value() == "Do.");
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_is_refused_with_every_difference) {
    router program;
    auto message = thrown(program_errc::mismatch, [&] {
        from_saved(program, saved_program::parse(R"({
            "clasify": {"demos": []},
            "recommend.predict": {"demos": [{"ticket": "x", "resolution": "y"}],
                "signature": {"instructions": "i", "fields": [{"prefix": "Ticket:", "description": ""}]}}})"));
    });
    for (const char* part :
         {"the program has no predictor `clasify`; the nearest is `classify`", "the file has no predictor `classify`",
          "`recommend.predict` has 1 fields in the file and 5 in the program",
          "demonstration 1: the program has no field `resolution`"})
        BOOST_TEST(message.find(part) != std::string::npos, part << " is missing in " << message);
    auto other = thrown(program_errc::mismatch, [&] {
        predict<sig<"city -> country, capital">> p;
        from_saved(p, saved_program::load(golden("predict_class.json")));
    });
    BOOST_TEST(other.find("field 1: `Message:` in the file, `City:` in the program") != std::string::npos, other);
}

BOOST_AUTO_TEST_CASE(hostile_files_are_refused_with_the_place) {
    auto refused = [](program_errc code, const std::string& text) {
        return thrown(code, [&] { saved_program::parse(text); });
    };
    BOOST_TEST(refused(program_errc::bad_document, R"({"a": {"demos": 3}})").find("a.demos: expected a list") !=
               std::string::npos);
    BOOST_TEST(refused(program_errc::bad_document, R"({"a": {"demos": [3]}})").find("a.demos[0]") != std::string::npos);
    BOOST_TEST(refused(program_errc::bad_document, R"({"a": {"demos": [], "signature": {"instructions": 1}}})")
                   .find("a.signature.instructions") != std::string::npos);
    BOOST_TEST(refused(program_errc::bad_document, R"({"a": {"demos": [], "signature": {"fields": [{"prefix": []}]}}})")
                   .find("fields[0].prefix") != std::string::npos);
    BOOST_TEST(refused(program_errc::bad_document, R"({"a": {"demos": [], "lm": "gpt"}})").find("a.lm") !=
               std::string::npos);
    BOOST_TEST(refused(program_errc::bad_document, R"({"a": {"weights": [1]}})").find("no predictor") !=
               std::string::npos);
    for (const char* text : {"[]", "3", "{}", "{\"metadata\": {}}", "{\"metadata\": 3, \"a\": {\"demos\": []}}"})
        refused(program_errc::bad_document, text);
    refused(program_errc::not_json, "");
    refused(program_errc::not_json, "{\"a\": ");
    refused(program_errc::not_json, std::string(100'000, '[') + std::string(100'000, ']'));
    std::string many = "{";
    for (int i = 0; i < 10'002; ++i) many += (i ? ",\"p" : "\"p") + std::to_string(i) + "\":{\"demos\":[]}";
    refused(program_errc::bad_document, many + "}");
    thrown(program_errc::unreadable, [] { saved_program::load("/nowhere/program.json"); });
    thrown(program_errc::unreadable, [] { saved_program::load("/tmp"); });
}

BOOST_AUTO_TEST_CASE(files_are_written_whole_or_not_at_all) {
    folder f;
    auto file = f.path / "program.json";
    router program;
    to_saved(program).save(file);
    auto first = saved_program::load(file);
    parameters p;
    p.predictors["classify"].instructions = std::string(100'000, 'x');
    fs::permissions(f.path, fs::perms::owner_read | fs::perms::owner_exec);
    if (::geteuid() != 0) {
        thrown(program_errc::unwritable, [&] { to_saved(program, p).save(file); });
        BOOST_TEST(saved_program::load(file).hash() == first.hash());
    }
    fs::permissions(f.path, fs::perms::owner_all);
    thrown(program_errc::unwritable, [&] { to_saved(program, p).save("/dev/full/program.json"); });
    thrown(program_errc::unwritable, [&] { to_saved(program, p).save("/nowhere/program.json"); });
    to_saved(program, p).save(file);
    BOOST_TEST(saved_program::load(file).find("classify")->instructions->size() == 100'000u);
    BOOST_TEST(std::distance(fs::directory_iterator{f.path}, {}) == 1);
}

BOOST_AUTO_TEST_CASE(any_parameters_come_back_the_same) {
    std::mt19937 random{7};
    auto text = [&] {
        std::string s;
        const std::string alphabet[]{"a",    "Z", " ", "\n", "\"",    "\\", "é", "漢", "😀", "[[ ## x ## ]]",
                                     "\x01", "{", "}", "\t", "\u2028"};
        for (auto n = random() % 20; n > 0; --n) s += alphabet[random() % std::size(alphabet)];
        return s;
    };
    folder f;
    auto file = f.path / "any.json";
    for (int round = 0; round < 200; ++round) {
        router program;
        parameters p;
        auto& c = p.predictors["classify"];
        c.instructions = text();
        for (auto n = random() % 4; n > 0; --n)
            c.demos.push_back(json::object{{"augmented", random() % 2 == 0},
                                           {"message", text()},
                                           {"intent", text()},
                                           {"confidence", random() / 3.0}});
        if (random() % 2) c.descriptions["message"] = text();
        if (random() % 2) c.prefixes["confidence"] = text();
        p.predictors["recommend.predict"].instructions = text();
        auto saved = to_saved(program, p);
        saved.save(file);
        auto loaded = from_saved(program, saved_program::load(file));
        BOOST_TEST(to_saved(program, loaded).document() == saved.document());
        BOOST_TEST((loaded.predictors["classify"].instructions == c.instructions));
        BOOST_TEST((loaded.predictors["classify"].demos == c.demos));
        BOOST_TEST((loaded.predictors["classify"].descriptions == c.descriptions));
        BOOST_TEST((loaded.predictors["classify"].prefixes == c.prefixes));
    }
}

BOOST_AUTO_TEST_CASE(files_are_compared) {
    auto a = saved_program::load(golden("predict_class.json")), b = saved_program::load(golden("labeled_k3.json"));
    BOOST_TEST(differences(a, a).empty());
    auto d = differences(a, b);
    BOOST_TEST(d.size() == 3u);
    BOOST_TEST(d[0].find("`self`, demonstration 1:\n  + {") == 0u, d[0]);
    BOOST_TEST(a.hash() != b.hash());
    auto c = differences(saved_program::load(golden("router.json")), saved_program::load(golden("cot.json")));
    BOOST_TEST(c.size() == 3u);
}

BOOST_AUTO_TEST_SUITE_END()
