// What is private stands in no log and no telemetry, however deep it stands in a value, and before whatever repeats it
// is shown.
#include "support/folder.hpp"
#include "support/loopback_server.hpp"
#include "support/scripted_openai.hpp"

#include <reagent/reagent.hpp>

#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>
#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <sstream>

using namespace reagent;
using namespace reagent::test;
using namespace reagent::literals;

namespace {

struct address {
    std::string street;
    field<std::string, "", is_private{}> phone;
};
struct person {
    field<std::string, "", is_private{}> alias;
    int age = 0;
    std::vector<person> children;
};
struct card {
    field<std::vector<std::string>, "", is_private{}> numbers;
};
struct visit {
    struct input {
        std::string message;
        address where;
        std::vector<person> people;
        std::optional<address> other;
        std::map<std::string, card> cards;
        std::variant<int, address> reached;
        std::optional<field<std::string, "", is_private{}>> code;
    };
    struct output {
        std::string reply;
        address home;
    };
};

visit::input visit_of_ada() {
    visit::input in;
    in.message = "a plain message";
    in.where.street = "High Street";
    in.where.phone = "PHONE-ONE";
    person child, parent;
    child.alias = "ALIAS-CHILD";
    parent.alias = "ALIAS-PARENT";
    parent.children = {child};
    in.people = {parent};
    address other;
    other.phone = "PHONE-TWO";
    in.other = other;
    card c;
    c.numbers = std::vector<std::string>{"CARD-ONE", "CARD-TWO"};
    in.cards["debit"] = c;
    address reached;
    reached.phone = "PHONE-THREE";
    in.reached = reached;
    in.code = field<std::string, "", is_private{}>{"CODE-ONE"};
    return in;
}

// A log and a collector of one runtime, and all that stands in them when it has ended.
struct watched {
    std::ostringstream log;
    std::mutex mutex;
    std::string sent;
    folder files;
    std::shared_ptr<journal_store> store = journal_store::open_sqlite(files.path / "runs.db");

    template <class F>
    void run(F f, spdlog::level::level_enum level = spdlog::level::trace) {
        loopback_server server{[&](const server_request& r) {
            std::lock_guard lock{mutex};
            sent += r.body;
            return server_response{.body = "{}"};
        }};
        auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(log);
        auto logger = std::make_shared<spdlog::logger>("test", sink);
        logger->set_level(level);
        runtime rt{
            {.logger = logger,
             .journals = store,
             .telemetry = std::make_shared<telemetry>(telemetry_options{.endpoint = server.url(""), .content = true})}};
        f(rt);
    }
    void shows(const std::string& text) const {
        BOOST_TEST(!sent.empty());
        BOOST_TEST(log.str().find(text) != std::string::npos, text << " is not in " << log.str());
    }
    void hides(const std::string& text) const {
        BOOST_TEST(log.str().find(text) == std::string::npos, text << " is in the log: " << log.str());
        BOOST_TEST(sent.find(text) == std::string::npos, text << " was sent: " << sent);
    }
};

run_options answers(std::vector<json::object> completions) {
    std::vector<std::string> texts;
    for (const auto& c : completions) texts.push_back(chat_completion(c));
    return run_options{language_model{scripted_model::texts(std::move(texts))}};
}
json::object calls(const char* tool, json::object arguments) {
    return {{"next_thought", "t"}, {"next_tool_name", tool}, {"next_tool_args", std::move(arguments)}};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(private_values)

BOOST_AUTO_TEST_CASE(members_of_nested_structs_are_private_wherever_they_stand) {
    watched w;
    w.run([](runtime& rt) {
        predict<visit> ask;
        json::object home{{"street", "Low Street"}, {"phone", "PHONE-FOUR"}};
        auto o = answers({{{"reply", "call PHONE-ONE or ALIAS-CHILD"}, {"home", home}}});
        auto in = visit_of_ada();
        rt.run(o, ask, in);
        predict<sig<"text -> reply">> other;
    });
    for (const char* hidden : {"PHONE-ONE", "PHONE-TWO", "PHONE-THREE", "PHONE-FOUR", "ALIAS-CHILD", "ALIAS-PARENT",
                               "CARD-ONE", "CARD-TWO", "CODE-ONE"})
        w.hides(hidden);
    for (const char* shown : {"a plain message", "High Street", "Low Street", "call (private) or (private)"})
        w.shows(shown);
}

BOOST_AUTO_TEST_CASE(a_struct_that_a_signature_names_marks_its_fields) {
    const auto& s = sig<"who: list[person], note -> answer: address", person, address>::get();
    BOOST_TEST(s.input("who")->private_members.contains("alias"));
    BOOST_TEST(s.input("note")->private_members.empty());
    BOOST_TEST(s.output("answer")->private_members.contains("phone"));
}

BOOST_AUTO_TEST_CASE(arguments_of_tools_are_private_by_their_types) {
    watched w;
    w.run([](runtime& rt) {
        tools t;
        t.add(
            "visit", "",
            [](address a, field<std::string, "", is_private{}> pin) { return "went to " + a.phone.value + pin.value; },
            {"place", "pin"}, {.read_only = true});
        react<sig<"question -> answer">> agent{t};
        json::object place{{"street", "High Street"}, {"phone", "PHONE-ONE"}};
        auto o = answers({calls("visit", {{"place", place}, {"pin", "PIN-9876"}}),
                          calls("finish", {}),
                          {{"reasoning", "r"}, {"answer", "PHONE-ONE and PIN-9876 are known"}}});
        rt.run(o, agent, "question"_f = "where?");
    });
    w.hides("PHONE-ONE");
    w.hides("PIN-9876");
    w.shows("High Street");
}

namespace {

// Asks for consent to a call with a private argument, which another argument repeats, and goes on with others.
void consent(watched& w, spdlog::level::level_enum level) {
    w.run(
        [&](runtime& rt) {
            tools t;
            t.add("erase", "", [](std::string, std::string note) { return "erased " + note; }, {"ssn", "note"},
                  {.destructive = true});
            react<sig<"question -> answer">> agent{t};
            auto o = answers({calls("erase", {{"ssn", "SSN-ONE"}, {"note", "of SSN-ONE, a plain note"}}),
                              calls("finish", {}),
                              {{"reasoning", "r"}, {"answer", "it was SSN-TWO instead of SSN-ONE"}}});
            o.private_fields = {"ssn"};
            rt.serve("p", agent, o);
            auto r = rt.run_durably("p", {{"question", "q"}}, "a");
            BOOST_TEST((r.status == run_status::awaiting_approval));
            BOOST_TEST(r.error.find("SSN-ONE") != std::string::npos);  // whoever decides sees what it is
            w.store->decide(
                "a", 0, {.kind = run_decision::approve, .arguments = json::object{{"ssn", "SSN-TWO"}, {"note", "n"}}});
            BOOST_TEST((rt.resume("a").status == run_status::finished));
        },
        level);
    w.hides("SSN-ONE");
    w.hides("SSN-TWO");
}

}  // namespace

BOOST_AUTO_TEST_CASE(who_waits_for_consent_is_logged_by_tool_and_effect) {
    watched w;
    consent(w, spdlog::level::info);
    w.hides("a plain note");
    w.shows("`erase` (effect ");
}

BOOST_AUTO_TEST_CASE(what_waits_for_consent_is_logged_at_trace_without_what_is_private) {
    watched w;
    consent(w, spdlog::level::trace);
    w.shows("of (private), a plain note");
}

BOOST_AUTO_TEST_CASE(a_private_argument_is_hidden_where_another_one_repeats_it) {
    watched w;
    w.run([](runtime& rt) {
        tools t;
        t.add("look", "", [](std::string, std::string note) { return "found " + note; }, {"ssn", "note"},
              {.read_only = true});
        react<sig<"question -> answer">> agent{t};
        auto o = answers({calls("look", {{"note", "on SSN-ONE"}, {"ssn", "SSN-ONE"}}),
                          calls("finish", {}),
                          {{"reasoning", "r"}, {"answer", "none"}}});
        o.private_fields = {"ssn"};
        rt.run(o, agent, "question"_f = "q");
    });
    w.hides("SSN-ONE");
    w.shows("on (private)");
}

BOOST_AUTO_TEST_CASE(a_turn_hides_what_was_private_in_the_turns_before) {
    watched w;
    w.run([](runtime& rt) {
        predict<sig<"message, ssn, history: History -> reply">> ask;
        auto o = answers({{{"reply", "yours is SSN-ONE"}}});
        o.private_fields = {"ssn"};
        rt.serve("p", program_function{[&](run& r, const json::object& in) { return ask.call(r, in); }}, o);
        rt.converse("s", "p", {{"message", "m"}, {"ssn", "SSN-ONE"}});
    });
    w.run([](runtime& rt) {  // another process
        predict<sig<"message, ssn, history: History -> reply">> ask;
        auto o = answers({{{"reply", "ok"}}});
        o.private_fields = {"ssn"};
        rt.serve("p", program_function{[&](run& r, const json::object& in) { return ask.call(r, in); }}, o);
        rt.converse("s", "p", {{"message", "m"}, {"ssn", "none"}});
    });
    w.hides("SSN-ONE");
    w.shows("yours is (private)");
}

BOOST_AUTO_TEST_SUITE_END()
