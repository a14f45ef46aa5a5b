// `reagent traffic` and `reagent watch`.
#include <reagent/module/program_store.hpp>
#include <reagent/reagent.hpp>
#include <reagent/watch/traffic_store.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <boost/json.hpp>
#include <support/cli.hpp>
#include <support/folder.hpp>

using namespace reagent;
using test::reagent_cli;

namespace {

struct live {
    test::folder f;
    std::string store = (f.path / "traffic.db").string(), programs = (f.path / "programs").string();

    live() {
        program_store versions{programs};
        predict<sig<"message -> intent">> program;
        versions.tag("production", versions.put(to_saved(program)));
        versions.put(to_saved(program));
        std::vector<sample> all;
        std::vector<request_feedback> said;
        for (int i = 0; i < 400; ++i) {
            // From 200 on another channel, and other words.
            all.push_back(of("r" + std::to_string(i), 1, i < 200 ? "mail" : "fax", "delivery"));
            said.push_back({.request = all.back().request, .labels = {{"intent", "delivery"}}});
        }
        for (int i = 0; i < 120; ++i) {
            all.push_back(of("r" + std::to_string(i), 2, "mail", i % 2 ? "delivery" : "billing"));
            all.back().heard = false;
        }
        all.push_back(of("hidden", 1, "mail", "delivery"));
        all.back().withheld = true;
        auto samples = traffic_store::open(store);
        samples->add(all);
        samples->add(said);
        samples->add({.request = "hidden", .labels = {{"intent", "delivery"}}});
    }
    static sample of(const std::string& request, std::uint64_t version, const char* channel, const char* intent) {
        sample s{.request = request, .program = "classify", .version = version};
        s.inputs = {{"message", "where is my parcel " + request}, {"channel", channel}};
        s.outputs = {{"intent", intent}};
        s.at = std::chrono::system_clock::now();
        s.latency = std::chrono::milliseconds{20};
        return s;
    }
    std::string at() const { return " --traffic " + store; }
    std::string subject() const {
        return at() +
               " --name classify --signature 'message, channel -> intent' --metric exact_match:intent --lm "
               "offline/demo";
    }
};

json::value parsed(const std::string& text) { return json::parse(text); }

}  // namespace

BOOST_AUTO_TEST_CASE(traffic_is_listed_shown_and_spoken_of) {
    live w;
    auto listed = parsed(reagent_cli("traffic list --json --most 3" + w.at()).out).as_array();
    BOOST_TEST(listed.size() == 3u);
    BOOST_TEST(listed[0].at("request") == "hidden");
    auto text = reagent_cli("traffic list --shadows --version 2 --most 2" + w.at()).out;
    BOOST_TEST(text.find("classify v2 shadow  20 ms  {") != text.npos, text);
    BOOST_TEST(reagent_cli("traffic feedback r7" + w.at() + " --labels '{\"intent\": \"billing\"}' --score 0.5").code ==
               0);
    auto shown = parsed(reagent_cli("traffic show r7 --json" + w.at()).out).as_array();
    BOOST_TEST(shown.size() == 2u);
    BOOST_TEST(shown[0].at("feedback").at("labels").at("intent") == "billing");
    BOOST_TEST(reagent_cli("traffic show none" + w.at()).code == 1);
    BOOST_TEST(reagent_cli("traffic feedback none --score 1" + w.at()).code == 1);
    BOOST_TEST(reagent_cli("traffic feedback r7" + w.at()).code == 2);
    BOOST_TEST(reagent_cli("traffic feedback r7 --score 2" + w.at()).code == 2);
    auto missing = reagent_cli("traffic list --traffic " + w.store + ".none", true);
    BOOST_TEST(missing.code == 1);
    BOOST_TEST(!std::filesystem::exists(w.store + ".none"));
}

BOOST_AUTO_TEST_CASE(exported_traffic_is_what_eval_takes) {
    live w;
    auto file = (w.f.path / "train.jsonl").string();
    auto made = reagent_cli("traffic export --most 1000 --out " + file + w.at(), true);
    BOOST_TEST(made.code == 0);
    BOOST_TEST(made.out.find("400 examples with the inputs message,channel; 1 samples are none") != made.out.npos,
               made.out);
    auto scored =
        reagent_cli("eval --json --quiet --data " + file +
                    " --signature 'message, channel -> intent' --metric exact_match:intent --lm offline/demo");
    BOOST_TEST(parsed(scored.out).at("rows").as_array().size() == 400u);
    auto answers = reagent_cli("traffic export --labels-from answers --version 1 --most 5" + w.at());
    BOOST_TEST(std::count(answers.out.begin(), answers.out.end(), '\n') == 5);
}

BOOST_AUTO_TEST_CASE(watch_tells_of_drift_and_compares_versions) {
    live w;
    const std::string run = "watch run --once --reference 200 --window 100 --store " + w.programs + w.subject();
    auto told = reagent_cli(run + " --json --quiet");
    BOOST_TEST(told.code == 3, told.out);
    auto alert = parsed(told.out.substr(0, told.out.find('\n')));
    BOOST_TEST(alert.at("kind") == "drift");
    BOOST_TEST(std::string{alert.at("text").as_string()}.find("inputs.channel has changed") != std::string::npos);
    BOOST_TEST(reagent_cli(run).code == 0);  // told once
    BOOST_TEST(parsed(reagent_cli("watch alerts --json --name classify" + w.at()).out).as_array().size() == 1u);

    auto compared = reagent_cli("watch compare 1 2" + w.subject(), true);
    BOOST_TEST(compared.code == 3);
    BOOST_TEST(compared.out.find("version 2 agrees with version 1 on 50.0% of 120 requests") != compared.out.npos,
               compared.out);
    BOOST_TEST(compared.out.find("it is worse: keep version 1") != compared.out.npos, compared.out);
    BOOST_TEST(parsed(reagent_cli("watch compare 1 2 --json" + w.subject()).out).at("advice") == "keep");

    auto unknown = reagent_cli(run + " --recipe nightly", true);
    BOOST_TEST(unknown.code == 1);
    BOOST_TEST(unknown.out.find("nightly.json") != unknown.out.npos, unknown.out);
    BOOST_TEST(reagent_cli("watch run --once --store " + w.f.path.string() + "/none" + w.subject()).code == 1);
}
