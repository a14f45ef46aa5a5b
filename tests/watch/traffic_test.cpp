#include <reagent/durable/journal_store.hpp>
#include <reagent/reagent.hpp>
#include <reagent/watch/traffic.hpp>

#include <sqlite3.h>
#include <boost/test/unit_test.hpp>
#include <support/folder.hpp>
#include <support/postgres_server.hpp>
#include <support/thrown.hpp>

#include <future>

using namespace reagent;
using test::folder;

namespace {

sample answered(const std::string& request, std::uint64_t version = 1) {
    return {.request = request,
            .program = "classify",
            .version = version,
            .inputs = {{"message", "where is " + request}},
            .outputs = {{"intent", "delivery"}},
            .latency = std::chrono::milliseconds{120},
            .usage = {.calls = 1, .prompt_tokens = 10, .completion_tokens = 5, .cost = 0.25},
            .model = "m-1",
            .at = std::chrono::system_clock::now()};
}

std::vector<std::string> requests(const std::vector<sample>& all) {
    std::vector<std::string> ids;
    for (const auto& s : all) ids.push_back(s.request);
    return ids;
}

// Behaviours that both databases have.
void keeps_samples(const std::string& where) {
    auto store = traffic_store::open(where);
    std::vector<sample> two{answered("r1"), answered("r2")};
    BOOST_TEST(store->add(two) == 2u);
    BOOST_TEST(store->add(two) == 0u);  // the same batch again
    BOOST_TEST(store->add({.request = "r2", .labels = {{"intent", "billing"}}, .score = 0.5, .remark = "wrong"}));
    BOOST_TEST(!store->add({.request = "r9", .labels = {{"intent", "billing"}}}));
    auto shadow = answered("r2", 2);
    shadow.heard = false;
    store->add(std::vector{shadow});

    auto all = traffic_store::open(where)->list();  // by a second connection
    BOOST_TEST(requests(all) == (std::vector<std::string>{"r1", "r2", "r2"}), boost::test_tools::per_element());
    const auto& r2 = all[1];
    BOOST_TEST(r2.inputs == (json::object{{"message", "where is r2"}}));
    BOOST_TEST(r2.usage.cost.value() == 0.25);
    BOOST_TEST(r2.latency.count() == 120'000);
    BOOST_TEST(r2.model == "m-1");
    BOOST_REQUIRE(r2.said);
    BOOST_TEST(r2.said->labels == (json::object{{"intent", "billing"}}));
    BOOST_TEST(r2.said->score.value() == 0.5);
    BOOST_TEST(store->list({.heard = false}).size() == 1u);
    BOOST_TEST(store->list({.version = 1, .labelled = true}).size() == 1u);
    BOOST_TEST(requests(store->list({.newest_first = true, .most = 1})) == std::vector<std::string>{"r2"},
               boost::test_tools::per_element());
    BOOST_TEST(store->list({.after = all[0].number}).size() == 2u);
    // Feedback that is changed comes again for who reads behind a number.
    auto seen = store->list({.heard = true, .said = true}).at(0).said_number;
    store->add({.request = "r2",
                .labels = {{"intent", "billing"}},
                .score = 0.5,
                .remark = "wrong"});  // the same again is no news
    BOOST_TEST(store->list({.said = true, .said_after = seen}).empty());
    store->add({.request = "r2", .labels = {{"intent", "account"}}});
    BOOST_TEST(store->list({.heard = true, .said = true, .said_after = seen}).at(0).said->labels.at("intent") ==
               "account");
}

void keeps_documents(const std::string& where) {
    auto store = traffic_store::open(where);
    BOOST_TEST(store->get("watch:a").revision == 0u);
    std::vector<json::object> alerts{{{"id", "a-1"}, {"program", "classify"}, {"what", "drift"}}};
    BOOST_TEST(store->set("watch:a", {{{"n", 1}}, 0}, alerts));
    BOOST_TEST(!store->set("watch:a", {{{"n", 2}}, 0}, alerts));  // somebody was faster
    auto d = store->get("watch:a");
    BOOST_TEST(d.revision == 1u);
    d.body["n"] = 3;
    BOOST_TEST(store->set("watch:a", d, alerts));  // and the alert stays one
    BOOST_TEST(store->get("watch:a").body.at("n") == 3);
    BOOST_TEST(store->alerts("classify", true).size() == 1u);
    store->told("a-1");
    BOOST_TEST(store->alerts("classify", true).empty());
    BOOST_TEST(store->alerts().size() == 1u);
}

void keeps_limits(const std::string& where) {
    auto store = traffic_store::open(where, {.limits = {.samples = 10}});
    for (int i = 0; i < 25; ++i) store->add(std::vector{answered("r" + std::to_string(i))});
    store->add({.request = "r3", .score = 1});
    BOOST_TEST(store->retain() == 15u);
    BOOST_TEST(store->count() == 10u);
    BOOST_TEST(store->list().front().request == "r15");
    auto old = answered("old");
    old.at -= std::chrono::hours{24 * 100};
    store->add(std::vector{old});
    BOOST_TEST(store->list().size() == 11u);
    store->retain();
    BOOST_TEST(store->list().size() == 10u);
    auto small = traffic_store::open(where, {.limits = {.bytes = 1}});  // by the bytes: all
    BOOST_TEST(small->count() == 0u);
}

void keeps_a_reservoir(const std::string& where) {
    auto store = traffic_store::open(where);
    traffic t{store, {.rate = 0, .reservoir = {.size = 20}}};
    t.know("classify");
    auto now = std::chrono::system_clock::now();
    for (int i = 0; i < 500; ++i) {
        auto s = answered("q" + std::to_string(i));
        s.at = now;
        t.record(std::move(s));
    }
    t.flush();
    auto all = store->list();
    BOOST_TEST(all.size() == 20u);
    std::size_t late = 0;
    for (const auto& s : all) late += std::stoi(s.request.substr(1)) >= 250;
    BOOST_TEST(late > 2u);
    BOOST_TEST(late < 18u);
}

struct secretive {
    struct input {
        std::string message;
        field<std::string, "who writes", is_private{}> email;
    };
    struct output {
        std::string intent;
    };
};

}  // namespace

BOOST_AUTO_TEST_CASE(samples_in_sqlite) {
    folder f;
    keeps_samples((f.path / "t.db").string());
    keeps_documents((f.path / "d.db").string());
    keeps_limits((f.path / "l.db").string());
    keeps_a_reservoir((f.path / "r.db").string());
}

BOOST_AUTO_TEST_CASE(samples_in_postgres) {
    if (!test::postgres_server::is_installed()) return;
    test::postgres_server server;
    auto fresh = [&] {
        server.run(
            "DROP TABLE IF EXISTS reagent_meta, reagent_samples, reagent_feedback, reagent_watch, reagent_alerts");
        return server.conninfo();
    };
    keeps_samples(fresh());
    keeps_documents(fresh());
    keeps_limits(fresh());
    keeps_a_reservoir(fresh());
}

BOOST_AUTO_TEST_CASE(samples_and_journals_live_in_one_file) {
    folder f;
    auto file = (f.path / "both.db").string();
    traffic_store::open(file)->add(std::vector{answered("r1")});
    auto journals = journal_store::open(file);
    journals->create({.program = "p"});
    BOOST_TEST(traffic_store::open(file)->count() == 1u);
    BOOST_TEST(journals->list().size() == 1u);
}

BOOST_AUTO_TEST_CASE(what_is_no_store_is_left_as_it_is) {
    folder f;
    auto missing = (f.path / "none.db").string();
    test::thrown(run_errc::journal_unavailable,
                 [&] { traffic_store::open(missing, {.patience = {}, .create = false}); });
    BOOST_TEST(!std::filesystem::exists(missing));
    auto journals = (f.path / "journals.db").string();
    journal_store::open(journals);
    auto said = test::thrown(run_errc::journal_unavailable,
                             [&] { traffic_store::open(journals, {.patience = {}, .create = false}); });
    BOOST_TEST(said.find("holds no samples") != said.npos, said);
    auto text =
        f.write("text.db", "this is no database, it is a long text that goes on and on and on and on and on and on");
    test::thrown(run_errc::journal_unavailable, [&] { traffic_store::open(text.string(), {.patience = {}}); });
}

BOOST_AUTO_TEST_CASE(a_rate_chooses_by_request) {
    folder f;
    auto store = traffic_store::open((f.path / "t.db").string());
    traffic t{store, {.rate = 0.1, .rule = [](const sample& s) { return !s.error.empty(); }}};
    t.know("classify");
    for (int i = 0; i < 900; ++i) {
        auto s = answered("r" + std::to_string(i));
        if (i == 7) s.error = "it failed";
        t.record(std::move(s));
    }
    t.flush();
    auto all = store->list({.most = 1000});
    BOOST_TEST(all.size() > 50u);
    BOOST_TEST(all.size() < 140u);
    BOOST_TEST(t.counts().kept == all.size());
    BOOST_TEST(t.counts().kept + t.counts().not_chosen == 900u);
    for (const auto& s : all) BOOST_TEST((s.kept_by == "rule") == (s.request == "r7"));
    BOOST_CHECK_THROW((traffic{store, {.rate = 2}}), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(private_values_and_keys_are_in_no_sample) {
    folder f;
    auto file = f.path / "t.db";
    const std::string key = "sk-live-0123456789abcdefghijklmnopqrstuv", email = "ann@example.org";
    auto record = [&](traffic_options o) {
        o.secrets = {secret{"hunter2-hunter2"}};
        traffic t{traffic_store::open(file.string()), std::move(o)};
        predict<secretive> program;
        t.know("classify", program);
        auto s = answered("p" + std::to_string(t.store()->count()));
        s.inputs = {
            {"message", "I am " + email + ", the password is hunter2-hunter2"}, {"email", email}, {"api_key", key}};
        s.outputs = {{"intent", "account of " + email}, {"notes", json::array{json::object{{"email", email}}}}};
        s.error = "cannot mail \"" + email + "\" with " + key;
        std::string id = s.request;
        t.record(std::move(s));
        t.add({.request = id, .labels = {{"email", email}, {"intent", "account"}}, .remark = "asked " + email});
        t.flush();
        return t.store()->list({.request = id}).at(0);
    };
    auto left_out = record({});
    BOOST_TEST(left_out.withheld);
    BOOST_TEST(left_out.inputs.at("email") == "(private)");
    BOOST_TEST(left_out.inputs.at("message") == "I am (private), the password is (secret)");
    auto a = record({.privacy = private_values::hashed, .hash_key = secret{"0123456789abcdef"}});
    auto b = record({.privacy = private_values::hashed, .hash_key = secret{"0123456789abcdef"}});
    auto other = record({.privacy = private_values::hashed, .hash_key = secret{"another key of 16 bytes"}});
    BOOST_TEST(std::string_view{a.inputs.at("email").as_string()}.starts_with("(private "));
    BOOST_TEST(a.inputs.at("email") == b.inputs.at("email"));
    BOOST_TEST(a.inputs.at("email") != other.inputs.at("email"));
    BOOST_TEST(a.outputs.at("notes").at(0).at("email") == a.inputs.at("email"));
    for (const auto& entry : std::filesystem::directory_iterator{f.path}) {
        auto bytes = f.read(entry.path().filename().string());
        for (const std::string& text : {email, key, std::string{"hunter2"}})
            BOOST_TEST(bytes.find(text) == bytes.npos, entry.path() << " holds " << text);
    }
    BOOST_TEST(to_dataset(std::vector{left_out, a}).empty());
    BOOST_CHECK_THROW((traffic{nullptr, {.privacy = private_values::hashed}}), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(nothing_is_recorded_of_a_program_nobody_told_of) {
    folder f;
    traffic t{traffic_store::open((f.path / "t.db").string())};
    BOOST_TEST(!t.record(answered("r1")));
    BOOST_TEST(t.counts().unknown_program == 1u);
    t.know("classify");
    BOOST_TEST(t.record(answered("r1")));
    t.flush();
    BOOST_TEST(t.store()->count() == 1u);
}

BOOST_AUTO_TEST_CASE(a_store_that_is_locked_keeps_nobody_waiting) {
    folder f;
    auto file = (f.path / "t.db").string();
    auto store = traffic_store::open(file);
    sqlite3* other = nullptr;
    BOOST_REQUIRE(sqlite3_open(file.c_str(), &other) == SQLITE_OK);
    BOOST_REQUIRE(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr) == SQLITE_OK);
    traffic t{store, {.queue = 50}};
    t.know("classify");
    std::size_t taken = 0;
    for (int i = 0; i < 2000; ++i)
        taken += t.record(answered("r" + std::to_string(i)));  // comes back although nothing can be written
    BOOST_TEST(taken >= 50u);
    BOOST_TEST(taken <= 300u);
    BOOST_TEST(t.counts().dropped == 2000 - taken);
    sqlite3_exec(other, "ROLLBACK", nullptr, nullptr, nullptr);
    sqlite3_close(other);
    t.flush();
    BOOST_TEST(store->count() == taken);
}

BOOST_AUTO_TEST_CASE(what_is_too_large_or_too_deep_is_dropped_and_counted) {
    folder f;
    traffic t{traffic_store::open((f.path / "t.db").string()), {.max_sample_bytes = 1000}};
    t.know("classify");
    auto large = answered("r1");
    large.outputs["text"] = std::string(2000, 'x');
    BOOST_TEST(!t.record(large));
    auto deep = answered("r2");
    json::value v = 1;
    for (int i = 0; i < 300; ++i) v = json::array{std::move(v)};
    deep.inputs["deep"] = v;
    BOOST_TEST(!t.record(deep));
    BOOST_TEST(!t.add({.request = "r1", .score = 7}));
    BOOST_TEST(t.counts().too_large == 3u);
}

BOOST_AUTO_TEST_CASE(samples_become_examples) {
    auto right = answered("r1"), unlabelled = answered("r2"), failed = answered("r3"), shadow = answered("r4"),
         hidden = answered("r5");
    right.said =
        request_feedback{.request = "r1", .labels = {{"intent", "billing"}, {"message", "not an input's business"}}};
    failed.error = "no answer";
    shadow.heard = false, shadow.said = right.said;
    hidden.withheld = true, hidden.said = right.said;
    auto hidden_label = right;
    hidden_label.said->withheld = true;
    std::vector all{right, unlabelled, failed, shadow, hidden, hidden_label};
    auto labelled = to_dataset(all);
    BOOST_REQUIRE(labelled.size() == 1u);
    BOOST_TEST(labelled[0].fields == (json::object{{"message", "where is r1"}, {"intent", "billing"}}));
    BOOST_TEST(labelled[0].inputs == std::vector<std::string>{"message"}, boost::test_tools::per_element());
    auto answers = to_dataset(all, labels_from::answers);
    BOOST_TEST(answers.size() == 2u);
    BOOST_TEST(answers[1].fields.at("intent") == "delivery");
}

BOOST_AUTO_TEST_CASE(shares_are_spread_evenly_and_stay) {
    std::size_t below = 0;
    for (int i = 0; i < 10'000; ++i) below += share_of("user-" + std::to_string(i), "canary") < 0.05;
    BOOST_TEST(below > 400u);
    BOOST_TEST(below < 600u);
    BOOST_TEST(share_of("user-1", "canary") == share_of("user-1", "canary"));
    BOOST_TEST(share_of("user-1", "canary") != share_of("user-1", "sample"));
}
