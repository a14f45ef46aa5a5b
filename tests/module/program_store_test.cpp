#include "support/folder.hpp"
#include "support/scripted_openai.hpp"

#include <reagent/reagent.hpp>
#include <reagent/schema/render.hpp>

#include <boost/test/unit_test.hpp>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <atomic>
#include <random>
#include <set>
#include <thread>

using namespace reagent;
using namespace reagent::test;
using namespace reagent::literals;

namespace {

using answer = predict<sig<"question -> answer">>;

parameters with_instructions(const std::string& text) {
    parameters p;
    p.predictors["self"].instructions = text;
    return p;
}

void check_refused(program_errc code, const char* part, const std::function<void()>& f) {
    BOOST_CHECK_EXCEPTION(f(), program_error, [&](const program_error& e) {
        BOOST_TEST(std::string{e.what()}.find(part) != std::string::npos, e.what());
        return e.code() == code;
    });
}

struct router : module {
    predict<sig<"message -> intent, confidence: float">> classify{*this, "classify"};
    chain_of_thought<sig<"message, intent -> reply: list[str]">> respond{*this, "respond"};
};

// Any JSON value, with the texts that break things.
json::value any_value(std::mt19937_64& random, int depth) {
    static const char* const texts[]{"",
                                     "plain",
                                     "\"quoted\" \\ back",
                                     "line\nline\r\n\ttab",
                                     "\xC3\xA6\xC3\xB8\xC3\xA5 \xF0\x9F\x98\x80",
                                     "null",
                                     "[[ ## completed ## ]]",
                                     "\x01\x1f",
                                     "-0",
                                     "9007199254740993"};
    switch (random() % (depth > 3 ? 6 : 8)) {
        case 0: return nullptr;
        case 1: return random() % 2 == 0;
        case 2: return static_cast<std::int64_t>(random());
        case 3: return static_cast<double>(random() % 2'000'001) / 1e6 - 1;
        case 4: return random();
        case 5: return json::string(texts[random() % std::size(texts)]);
        case 6: {
            json::array a;
            for (auto n = random() % 4; n > 0; --n) a.push_back(any_value(random, depth + 1));
            return a;
        }
        default: {
            json::object o;
            for (auto n = random() % 4; n > 0; --n)
                o["k" + std::to_string(random() % 9)] = any_value(random, depth + 1);
            return o;
        }
    }
}

parameters any_parameters(const module& program, std::mt19937_64& random) {
    parameters p;
    for (const predictor* one : predictors_of(program)) {
        auto& own = p.predictors[one->predictor_path()];
        if (random() % 2) own.instructions = python_str(any_value(random, 9));
        auto fill = [&](std::vector<json::object>& demos, std::size_t most) {
            for (auto n = random() % (most + 1); n > 0; --n) {
                json::object d;
                if (random() % 2) d["augmented"] = true;
                for (const auto& f : one->signature().inputs)
                    if (random() % 4) d[f.name] = any_value(random, 0);
                for (const auto& f : one->signature().outputs)
                    if (random() % 4) d[f.name] = any_value(random, 0);
                demos.push_back(std::move(d));
            }
        };
        fill(own.demos, 5);
        for (const auto& f : one->signature().inputs)
            if (random() % 3 == 0) own.descriptions[f.name] = python_str(any_value(random, 9));
        if (random() % 4 == 0) {
            std::vector<json::object> pool;
            fill(pool, 6);
            own.selector = nearest_demos(std::move(pool), random() % 4);
        }
    }
    return p;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(store)

BOOST_AUTO_TEST_CASE(any_parameters_are_the_same_after_a_file) {
    router program;
    folder f;
    std::mt19937_64 random{1};
    for (int i = 0; i < 400; ++i) {
        auto p = any_parameters(program, random);
        if (i % 5 == 0)
            for (int m = 0; m < 2; ++m)
                p.members.push_back(std::make_shared<const parameters>(any_parameters(program, random)));
        auto saved = to_saved(program, p);
        saved.save(f.path / "p.json");
        auto loaded = from_saved(program, saved_program::load(f.path / "p.json"));
        auto again = to_saved(program, loaded);
        BOOST_TEST(dump_pretty_json(saved.document()) == dump_pretty_json(again.document()));
        BOOST_TEST(saved.hash() == again.hash());
        BOOST_TEST(differences(saved, again).empty());
    }
}

BOOST_AUTO_TEST_CASE(versions_never_change_and_tags_move_and_roll_back) {
    folder f;
    answer program;
    program_store store{f.path / "programs"};
    check_refused(program_errc::mismatch, "no program in the store", [&] { store.get(); });
    auto one = store.put(to_saved(program, with_instructions("One.")), {.who = "anna", .what = "first", .score = 71.5});
    auto two = store.put(to_saved(program, with_instructions("Two.")), {.who = "bo"});
    BOOST_TEST(one == 1u);
    BOOST_TEST(two == 2u);
    store.tag("production", one);
    store.tag("production", two);
    store.tag("best-1", one);
    auto text = [&](std::string_view which) { return *store.get(which).predictors().front().instructions; };
    BOOST_TEST(text("production") == "Two.");
    BOOST_TEST(text("latest") == "Two.");
    BOOST_TEST(text("1") == "One.");
    BOOST_TEST(store.roll_back("production") == 1u);
    BOOST_TEST(text("production") == "One.");
    check_refused(program_errc::mismatch, "never pointed elsewhere", [&] { store.roll_back("production"); });
    check_refused(program_errc::mismatch, "did you mean \"production\"?", [&] { store.get("prodution"); });
    check_refused(program_errc::mismatch, "has no version 7; the latest is 2", [&] { store.tag("x", 7); });
    for (const char* bad : {"", "latest", "../x", "1", "a b", ".hidden"})
        check_refused(program_errc::mismatch, "cannot be a tag", [&] { store.tag(bad, 1); });
    auto all = store.list();
    BOOST_REQUIRE(all.size() == 2u);
    BOOST_TEST(all[0].who == "anna");
    BOOST_TEST(all[0].what == "first");
    BOOST_TEST((all[0].score == 71.5));
    BOOST_TEST(all[0].when.size() == 20u);
    BOOST_TEST(all[0].tags == (std::vector<std::string>{"best-1", "production"}), boost::test_tools::per_element());
    // What is noted of a version is no part of what is learned.
    BOOST_TEST(all[0].hash == to_saved(program, with_instructions("One.")).hash());
    store.untag("best-1");
    BOOST_TEST(store.list()[0].tags.size() == 1u);
    check_refused(program_errc::unwritable, "cannot be made", [&] { program_store{f.write("file", "") / "x"}; });
}

BOOST_AUTO_TEST_CASE(what_is_damaged_hides_nothing_and_is_not_tagged) {
    folder f;
    answer program;
    program_store store{f.path / "programs"};
    for (const char* text : {"One.", "Two.", "Three."})
        store.put(to_saved(program, with_instructions(text)), {.what = text});
    store.tag("production", 2);
    f.write("programs/versions/000002.json", "{\"torn");
    f.write("programs/versions/18446744073709551615.json", "{}");  // a number of its own making
    f.write("programs/versions/7.json", "{}");
    auto all = store.list();
    BOOST_REQUIRE(all.size() == 3u);
    BOOST_TEST(all[0].what == "One.");
    BOOST_TEST(!all[1].problem.empty());
    BOOST_TEST(all[1].number == 2u);
    BOOST_TEST(all[1].tags == std::vector<std::string>{"production"});
    BOOST_TEST(all[2].what == "Three.");
    BOOST_TEST(all[2].problem.empty());
    BOOST_CHECK_THROW(store.tag("next", 2), program_error);
    check_refused(program_errc::mismatch, "has no tag \"next\"", [&] { store.number_of("next"); });
    BOOST_TEST(store.put(to_saved(program, with_instructions("Four."))) == 4u);
    BOOST_TEST(store.put(to_saved(program, with_instructions("Five."))) == 5u);
    BOOST_TEST(*store.get("1").predictors().front().instructions == "One.");
    // A tag may not be rolled back to it either.
    store.tag("production", 3);
    BOOST_CHECK_THROW(store.roll_back("production"), program_error);
    BOOST_TEST(store.number_of("production") == 3u);
    for (const char* garbage : {"x", "1\n2 3\n", "-1\n", "99999999999999999999999\n", "1\n\n"}) {
        f.write("programs/tags/production", garbage);
        check_refused(program_errc::unreadable, "set the tag \"production\" anew",
                      [&] { store.number_of("production"); });
        BOOST_TEST(store.list().size() == 5u);
        store.tag("production", 4);
        BOOST_TEST(store.number_of("production") == 4u);
    }
}

BOOST_AUTO_TEST_CASE(processes_that_put_at_once_lose_nothing) {
    folder f;
    answer program;
    auto saved = to_saved(program, with_instructions("x"));
    std::vector<pid_t> children;
    for (int i = 0; i < 4; ++i) {
        pid_t pid = ::fork();
        if (pid == 0) {
            program_store own{f.path / "s"};
            for (int n = 0; n < 10; ++n) own.put(saved, {.what = std::to_string(i)});
            ::_exit(0);
        }
        children.push_back(pid);
    }
    for (pid_t c : children) {
        int status = 0;
        ::waitpid(c, &status, 0);
        BOOST_TEST(status == 0);
    }
    auto all = program_store{f.path / "s"}.list();
    BOOST_REQUIRE(all.size() == 40u);
    std::map<std::string, int> by;
    for (const auto& v : all) ++by[v.what];
    for (const auto& [who, n] : by) BOOST_TEST(n == 10);
}

BOOST_AUTO_TEST_CASE(a_running_service_takes_over_what_a_tag_points_to) {
    folder f;
    answer program;
    program_store store{f.path};
    store.tag("production", store.put(to_saved(program, with_instructions("Be one."))));
    live_parameters live;
    BOOST_TEST(live.follow(store, "production", program));
    BOOST_TEST(!live.follow(store, "production", program));  // nothing new
    auto seen = [&] {
        auto model = scripted_model::texts({chat_completion({{"answer", "a"}})});
        run_options o{language_model{model}};
        o.parameters = live.current();
        runtime rt;
        rt.run(o, program, "question"_f = "?");
        std::string system = model->requests().at(0).messages.at(0).content;
        return system.substr(system.find("Task: "));
    };
    BOOST_TEST(seen() == "Task: Be one.");
    auto kept = live.current();  // a run that has begun
    store.tag("production", store.put(to_saved(program, with_instructions("Be two."))));
    BOOST_TEST(live.follow(store, "production", program));
    BOOST_TEST(seen() == "Task: Be two.");
    BOOST_TEST(*kept->predictors.at("self").instructions == "Be one.");
    // What does not fit changes nothing.
    router other;
    store.tag("production", store.put(to_saved(other)));
    check_refused(program_errc::mismatch, "the program has no predictor `classify`",
                  [&] { live.follow(store, "production", program); });
    BOOST_TEST(seen() == "Task: Be two.");
    // Readers and a writer at once.
    std::atomic<bool> stop = false;
    std::thread writer{[&] {
        for (int i = 0; i < 2000; ++i) live.swap(with_instructions(std::to_string(i)));
        stop = true;
    }};
    while (!stop) BOOST_REQUIRE(live.current()->predictors.at("self").instructions.has_value());
    writer.join();
}

BOOST_AUTO_TEST_CASE(parameters_are_merged) {
    parameters base = with_instructions("Base."), over;
    base.predictors["self"].demos.push_back(json::object{{"question", "q"}});
    base.predictors["b"].instructions = "B.";
    over.predictors["self"].instructions = "Over.";
    over.predictors["c"].demos.push_back(json::object{{"x", 1}});
    auto all = base.merged_with(over);
    BOOST_TEST(*all.predictors.at("self").instructions == "Over.");
    BOOST_TEST(all.predictors.at("self").demos.size() == 1u);
    BOOST_TEST(*all.predictors.at("b").instructions == "B.");
    BOOST_TEST(all.predictors.at("c").demos.size() == 1u);
}

BOOST_AUTO_TEST_CASE(hostile_additions_are_refused_by_name) {
    answer program;
    auto refused = [&](const std::string& ours, const char* part) {
        auto text = R"({"demos": [], "metadata": {"reagent": )" + ours + "}}";
        check_refused(program_errc::bad_document, part, [&] { from_saved(program, saved_program::parse(text)); });
    };
    refused(R"({"nearest": {"self": 3}})", "metadata.reagent.nearest.self: expected an object");
    refused(R"({"nearest": {"self": {"k": -1, "pool": []}}})", "nearest.self.k");
    refused(R"({"nearest": {"self": {"k": 2, "pool": [1]}}})", "pool[0]: expected an object");
    refused(R"({"nearest": {"self": {"k": 2, "pool": [], "vectors": [["x"]]}}})", "vectors[0]");
    refused(R"({"members": {}})", "metadata.reagent.members: expected a list");
    refused(R"({"members": [1]})", "members[0]");
    refused(R"({"members": [{"demos": [], "metadata": {"reagent": {"members": []}}}]})", "members of its own");
    std::string many = R"({"members": [)";
    for (int i = 0; i < 101; ++i) many += std::string{i ? "," : ""} + R"({"demos": []})";
    refused(many + "]}", "more than 100");
}

// A store is read by others, and keeps what it has for good.
BOOST_AUTO_TEST_CASE(no_key_goes_into_a_store_and_its_versions_are_their_owners_only) {
    folder f;
    program_store store{f.path / "store"};
    const std::string key = "sk-proj-abcdefghij0123456789ABCDEFGHIJ";
    auto with = [](const std::string& lm) {
        return saved_program::parse(R"({"a.predict": {"demos": [], "signature": {"instructions": "x", "fields": []}, )"
                                    R"("lm": )" +
                                    lm + "}}");
    };
    for (const auto& lm : {R"({"model": "openai/m", "api_key": ")" + key + "\"}",
                           std::string{R"({"model": "openai/m", "api_key": "drawn-7Fx29qLmZ81"})"},
                           R"({"model": "openai/m", "kwargs": {"headers": ["Bearer )" + key + "\"]}}",
                           std::string{R"({"model": "m", "api_base": "http://me:Sekret1pass@h/v1"})"}})
        check_refused(program_errc::bad_document, "looks like a key", [&] { store.put(with(lm)); });
    const auto good = with(R"({"model": "openai/m", "api_key": null, "temperature": 0.5})");
    check_refused(program_errc::mismatch, "looks like a key", [&] { store.put(good, {.who = key}); });
    check_refused(program_errc::mismatch, "looks like a key", [&] { store.put(good, {.what = "with " + key}); });
    BOOST_TEST(store.list().empty());
    const auto mask = ::umask(0);
    const auto number = store.put(good, {.who = "me", .what = "a remark"});
    ::umask(mask);
    BOOST_TEST(static_cast<unsigned>(
                   std::filesystem::status(f.path / "store" / "versions" / "000001.json").permissions()) == 0600u);
    check_refused(program_errc::mismatch, "looks like a key", [&] { store.tag(key, number); });
    store.tag("production", number);
    BOOST_TEST(store.get("production").hash() == good.hash());
}

// The last of two would count here, and the first for another reader.
BOOST_AUTO_TEST_CASE(a_program_whose_members_stand_twice_is_refused) {
    const std::string one = R"({"demos": [], "signature": {"instructions": "one", "fields": []}, "lm": null})",
                      two = R"({"demos": [], "signature": {"instructions": "two", "fields": []}, "lm": null})";
    for (const auto& text :
         {R"({"a": )" + one + R"(, "a": )" + two + "}",
          std::string{R"({"a": {"demos": [], "signature": {"instructions": "1", "instructions": "2"}}})"}})
        check_refused(program_errc::bad_document, "twice", [&] { saved_program::parse(text); });
    BOOST_TEST(saved_program::parse(R"({"a": )" + one + R"(, "a": )" + one + "}").predictors().size() == 1u);
}

BOOST_AUTO_TEST_SUITE_END()
