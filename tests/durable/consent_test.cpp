// Consent binds what was seen: the call, its arguments, the run; and it is said by somebody, at some time, for some
// time.
#include "fixture.hpp"

#include <reagent/observe/trace.hpp>
#include <reagent/run/consent.hpp>

#include <boost/json.hpp>
#include <boost/test/data/test_case.hpp>

#include <sqlite3.h>

#include <fstream>
#include <sstream>

using namespace reagent;
using namespace reagent::test;
using namespace reagent::literals;
using namespace std::chrono_literals;

namespace {

struct line {
    std::int16_t shelf;
    std::vector<std::uint8_t> marks;
};

// A desk that refunds what its model wants, with consent.
struct desk : fixture {
    std::vector<std::string> refunds;
    tools t;
    program_function program;
    json::object args{{"order", "V1"}, {"amount", 7}};
    run_options how = options();

    desk() {
        auto refund = [this](std::string order, int amount) {
            return refunds.push_back(order + " " + std::to_string(amount)), "ok";
        };
        t.add("refund", "Pays money back.", refund, {"order", "amount"}, {.destructive = true});
        program = [this](run& r, const json::object&) -> task<json::object> {
            json::value a = args;
            auto o = co_await t.call(r, "desk", "refund", a);
            json::object out;
            out["said"] = o.text();
            co_return out;
        };
    }
    stored_run resume(const std::string& id) {
        runtime rt{{.journals = store}};
        rt.serve("desk", program, how);
        return rt.resume(id);
    }
    stored_run begin(const std::string& id) {
        store->create({.program = "desk", .id = id});
        return resume(id);
    }
    void approve(const std::string& id) { store->decide(id, 0, {.kind = run_decision::approve, .by = "ada"}); }
    void execute(const std::string& statement) {
        sqlite3* db = nullptr;
        BOOST_REQUIRE(sqlite3_open((files.path / "runs.db").c_str(), &db) == SQLITE_OK);
        char* why = nullptr;
        BOOST_TEST(sqlite3_exec(db, statement.c_str(), nullptr, nullptr, &why) == SQLITE_OK, (why ? why : ""));
        sqlite3_close(db);
    }
    // As a crash between the decision's record and the call leaves it.
    void cut_after_consent(const std::string& id) {
        auto all = store->records(id);
        for (std::size_t n = 0; n < all.size(); ++n)
            if (auto* f = std::get_if<effect_finished>(&all[n].what); f && f->what.kind == event_kind::approval) {
                std::string last = std::to_string(n + 1);
                execute("DELETE FROM reagent_records WHERE run = '" + id + "' AND number > " + last);
                execute("UPDATE reagent_runs SET status = 'ready', last_record = " + last + " WHERE id = '" + id + "'");
                return;
            }
        BOOST_ERROR("no consent was recorded");
    }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(a_fork_takes_no_consent_along_for_a_call_that_it_does_not_hold, desk) {
    begin("a");
    approve("a");
    resume("a");
    BOOST_TEST(refunds.size() == 1u);
    auto all = store->records("a");
    std::size_t forks = 0;
    for (std::size_t n = 1; n <= all.size(); ++n) {  // wherever it is forked
        std::string id = "fork-" + std::to_string(n);
        store->fork("a", n, id);
        bool held = records_through(all, 2) && n >= records_through(all, 2);  // effect 1 is the consent, 2 the call
        resume(id);
        BOOST_TEST(status(id) == (held ? "finished" : "awaiting_approval"), id);
        ++forks;
    }
    BOOST_TEST(forks > 3u);
    BOOST_TEST(refunds.size() == 1u);
    store->fork("a", 0, "whole");
    resume("whole");
    BOOST_TEST(status("whole") == "finished");
    BOOST_TEST(refunds.size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(a_fork_that_is_approved_acts_once_more, desk) {
    begin("a");
    approve("a");
    resume("a");
    store->fork("a", 2, "b");
    resume("b");
    approve("b");
    resume("b");
    BOOST_TEST(status("b") == "finished");
    BOOST_TEST(refunds.size() == 2u);
}

BOOST_FIXTURE_TEST_CASE(a_fork_may_be_approved_with_other_arguments, desk) {
    begin("a");
    approve("a");
    resume("a");
    store->fork("a", 2, "b");
    resume("b");
    auto edited = [](int amount) {
        return run_decision{
            .kind = run_decision::approve, .arguments = json::object{{"order", "V1"}, {"amount", amount}}, .by = "ada"};
    };
    store->decide("b", 0, edited(3));
    resume("b");
    BOOST_TEST(status("b") == "finished");
    const std::vector<std::string> acted{"V1 7", "V1 3"};
    BOOST_TEST(refunds == acted, boost::test_tools::per_element());
    auto all = store->records("b");
    std::uint64_t with_consent = 0;
    for (std::size_t n = 0; n < all.size(); ++n)
        if (auto* f = std::get_if<effect_finished>(&all[n].what); f && f->what.kind == event_kind::approval)
            with_consent = n + 1;
    store->fork("b", with_consent, "c");  // the call is not in it: it is asked about again
    resume("c");
    BOOST_TEST(status("c") == "awaiting_approval");
    BOOST_TEST(refunds.size() == 2u);
    thrown(run_errc::not_possible, [&] {
        store->decide("c", 0, {.kind = run_decision::approve, .arguments = json::object{{"amount", 3}}});
    });
    store->decide("c", 0, edited(4));
    resume("c");
    BOOST_TEST(status("c") == "finished");
    BOOST_TEST(refunds.back() == "V1 4");
    store->fork("b", 0, "whole");
    resume("whole");
    BOOST_TEST(refunds.size() == 3u);
}

BOOST_FIXTURE_TEST_CASE(edited_arguments_are_checked_as_the_call_checks_them, desk) {
    begin("a");
    for (json::object edit : {json::object{{"order", "V1"}, {"amount", 7}, {"extra", 1}},
                              json::object{{"order", "V1"}, {"amount", "7"}}, json::object{{"order", "V1"}}}) {
        auto why = thrown(run_errc::not_possible,
                          [&] { store->decide("a", 0, {.kind = run_decision::approve, .arguments = edit}); });
        BOOST_TEST((why.find("extra") != why.npos || why.find("amount") != why.npos), why);
        BOOST_TEST(status("a") == "awaiting_approval");
    }
    store->decide("a", 0, {.kind = run_decision::approve, .arguments = json::object{{"order", "V1"}, {"amount", 5}}});
    resume("a");
    BOOST_TEST(status("a") == "finished");
    BOOST_TEST(refunds == std::vector<std::string>{"V1 5"});
}

// JSON Schema has no ranges of C++ types: the call would fail, and the consent would be used up.
BOOST_FIXTURE_TEST_CASE(edited_arguments_that_do_not_fit_the_cpp_type_decide_nothing, desk) {
    auto refund = [this](std::int32_t amount, std::optional<std::int8_t> grade, line where, std::uint64_t id) {
        refunds.push_back(std::to_string(amount) + " " + std::to_string(grade.value_or(0)) + " " +
                          std::to_string(where.shelf) + " " + std::to_string(id));
        return "ok";
    };
    tools typed;
    typed.add("refund", "", refund, {"amount", "grade", "where", "id"}, {.destructive = true});
    t = typed;
    auto with = [](const char* text) { return json::parse(text).as_object(); };
    args = with(R"({"amount": 1, "grade": 2, "where": {"shelf": 3, "marks": [4]}, "id": 5})");
    const std::pair<const char*, const char*> edits[] = {
        {"amount", R"({"amount": 3000000000, "grade": 2, "where": {"shelf": 3, "marks": [4]}, "id": 5})"},
        {"amount", R"({"amount": -2147483649, "grade": 2, "where": {"shelf": 3, "marks": [4]}, "id": 5})"},
        {"grade", R"({"amount": 1, "grade": 128, "where": {"shelf": 3, "marks": [4]}, "id": 5})"},
        {"shelf", R"({"amount": 1, "grade": 2, "where": {"shelf": 32768, "marks": [4]}, "id": 5})"},
        {"marks", R"({"amount": 1, "grade": 2, "where": {"shelf": 3, "marks": [4, 256]}, "id": 5})"},
        {"id", R"({"amount": 1, "grade": 2, "where": {"shelf": 3, "marks": [4]}, "id": -1})"}};
    begin("a");
    for (auto [field, text] : edits) {
        auto why = thrown(run_errc::not_possible, [&, text = text] {
            store->decide("a", 0, {.kind = run_decision::approve, .arguments = with(text)});
        });
        BOOST_TEST(why.find(field) != why.npos, why);
        BOOST_TEST(status("a") == "awaiting_approval");
    }
    store->decide(
        "a", 0,
        {.kind = run_decision::approve,
         .arguments = with(
             R"({"amount": 2147483647, "grade": null, "where": {"shelf": -32768, "marks": [255]}, "id": 18446744073709551615})")});
    resume("a");
    BOOST_TEST(refunds == std::vector<std::string>{"2147483647 0 -32768 18446744073709551615"});
}

// Whoever decides may have a store of a version that knows the schema only: the call's own conversion looks once more.
BOOST_FIXTURE_TEST_CASE(an_edit_that_the_conversion_refuses_is_asked_about_again, desk) {
    begin("a");
    execute(
        "UPDATE reagent_decisions SET wanted = replace(replace(wanted, '\"maximum\"', '\"-\"'), '\"minimum\"', "
        "'\"--\"')");
    store->decide("a", 0,
                  {.kind = run_decision::approve,
                   .arguments = json::object{{"order", "V1"}, {"amount", 3'000'000'000}},
                   .by = "ada"});
    auto r = resume("a");
    BOOST_TEST(status("a") == "awaiting_approval");
    BOOST_TEST(r.error.find("ada") != std::string::npos, r.error);
    BOOST_TEST(refunds.empty());
    approve("a");
    resume("a");
    BOOST_TEST(refunds == std::vector<std::string>{"V1 7"});
}

// The tool has changed since somebody edited its arguments.
BOOST_FIXTURE_TEST_CASE(an_edit_that_no_longer_fits_is_asked_about_again, desk) {
    begin("a");
    store->decide(
        "a", 0,
        {.kind = run_decision::approve, .arguments = json::object{{"order", "V1"}, {"amount", 5}}, .by = "ada"});
    tools narrower;
    auto refund = [this](std::string order) { return refunds.push_back(order), "ok"; };
    narrower.add("refund", "", refund, {"order"}, {.destructive = true});
    t = narrower;
    args = json::object{{"order", "V1"}};
    execute("UPDATE reagent_decisions SET wanted = replace(wanted, ',\"amount\":7', '')");  // what was shown then is
                                                                                            // what is wanted now
    execute(
        "UPDATE reagent_decisions SET decided = replace(decided, '" + store->pending("a")[0].decided->digest + "', '" +
        consent_digest("a", store->pending("a")[0].wanted.what, json::object{{"order", "V1"}, {"amount", 5}}) + "')");
    auto r = resume("a");
    BOOST_TEST(status("a") == "awaiting_approval");
    BOOST_TEST(r.error.find("amount") != std::string::npos, r.error);
    BOOST_TEST(r.error.find("ada") != std::string::npos, r.error);
    BOOST_TEST(refunds.empty());
    approve("a");
    resume("a");
    BOOST_TEST(refunds == std::vector<std::string>{"V1"});
}

BOOST_FIXTURE_TEST_CASE(a_consent_is_acted_on_after_a_crash_and_not_asked_for_again, desk) {
    begin("a");
    approve("a");
    resume("a");
    refunds.clear();
    cut_after_consent("a");
    resume("a");
    BOOST_TEST(status("a") == "finished");
    BOOST_TEST(refunds.size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(a_consent_that_was_given_to_another_call_is_asked_for_again, desk) {
    for (const char* tampering :
         {"UPDATE reagent_decisions SET decided = replace(decided, '\"digest\":\"', '\"digest\":\"0')",
          "UPDATE reagent_decisions SET decided = '{\"decision\":\"approve\"}'",
          "UPDATE reagent_decisions SET decided = replace(decided, '{', "
          "'{\"arguments\":{\"order\":\"V9\",\"amount\":900},')"}) {
        std::string id = "run-" + std::to_string(std::string_view{tampering}.size());
        begin(id);
        approve(id);
        execute(std::string{tampering} + " WHERE run = '" + id + "'");
        auto r = resume(id);
        BOOST_TEST(status(id) == "awaiting_approval");
        BOOST_TEST(r.error.find("asked again") != std::string::npos, r.error);
        BOOST_TEST(store->pending(id).size() == 1u);
        BOOST_TEST(refunds.empty());
        approve(id);
        resume(id);
        BOOST_TEST(status(id) == "finished");
        BOOST_TEST(refunds.size() == 1u);
        refunds.clear();
    }
}

BOOST_FIXTURE_TEST_CASE(a_consent_expires, desk) {
    begin("a");
    approve("a");
    auto at = store->pending("a")[0].decided->at;
    BOOST_TEST((std::chrono::system_clock::now().time_since_epoch() - at < 10min));
    std::string old = std::to_string((at - 25h).count());
    execute("UPDATE reagent_decisions SET decided = replace(decided, '" + std::to_string(at.count()) + "', '" + old +
            "')");
    auto r = resume("a");
    BOOST_TEST(status("a") == "awaiting_approval");
    BOOST_TEST(r.error.find("expired") != std::string::npos, r.error);
    approve("a");
    resume("a");
    BOOST_TEST(refunds.size() == 1u);

    how.consent_lifetime = 0ms;  // for ever
    begin("b");
    approve("b");
    at = store->pending("b")[0].decided->at;
    execute("UPDATE reagent_decisions SET decided = replace(decided, '" + std::to_string(at.count()) +
            "', '1000') WHERE run = 'b'");
    resume("b");
    BOOST_TEST(status("b") == "finished");

    // Also one that was taken up, when the worker died before it acted.
    how.consent_lifetime = 24h;
    begin("c");
    approve("c");
    at = store->pending("c")[0].decided->at;
    resume("c");
    refunds.clear();
    cut_after_consent("c");
    execute("UPDATE reagent_records SET body = replace(body, '" + std::to_string(at.count()) + "', '" +
            std::to_string((at - 25h).count()) + "') WHERE run = 'c'");
    resume("c");
    BOOST_TEST(status("c") == "awaiting_approval");
    BOOST_TEST(refunds.empty());
    approve("c");
    resume("c");
    BOOST_TEST(refunds.size() == 1u);
    BOOST_TEST(load_journal(store->records("c")).history->abandoned().size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(what_was_seen_is_what_is_decided, desk) {
    begin("a");
    auto seen = store->pending("a")[0].digest;
    BOOST_TEST(seen.size() == 64u);
    thrown(run_errc::not_possible,
           [&] { store->decide("a", 0, {.kind = run_decision::approve, .digest = std::string(64, '0')}); });
    store->decide("a", 0, {.kind = run_decision::approve, .by = "ada", .digest = seen});
    auto decided = *store->pending("a")[0].decided;
    BOOST_TEST(decided.by == "ada");
    BOOST_TEST(decided.digest == seen);
    args["amount"] = 8;
    begin("b");
    BOOST_TEST(store->pending("b")[0].digest != seen);
    resume("a");  // which wants 8 now, and somebody agreed to 7
    BOOST_TEST(status("a") == "failed");
    BOOST_TEST(refunds.empty());
}

BOOST_FIXTURE_TEST_CASE(a_decision_says_who_and_when_in_the_journal_too, desk) {
    begin("a");
    approve("a");
    resume("a");
    auto loaded = load_journal(store->records("a"));
    for (const auto& e : loaded.history->events()) {
        if (e.kind != event_kind::approval) continue;
        auto d = approval_decision_from_json(e.result);
        BOOST_TEST(d.by == "ada");
        BOOST_TEST((d.at > 1'000'000'000s));
        BOOST_TEST(d.digest == consent_digest("a", e, {}));
        BOOST_TEST(decision_text(true, d.by, d.at).starts_with("approved by ada at 2"));
    }
}

BOOST_FIXTURE_TEST_CASE(the_error_shows_the_whole_call, desk) {
    args["order"] = "V1" + std::string(1500, 'x') + "END\xE2\x80\xAE\xE2\x80\x8B\n\x1b[2J";
    auto r = begin("a");
    BOOST_TEST(r.error.find("END\\u202e\\u200b\\n\\u001b[2J") != std::string::npos, r.error);
    BOOST_TEST(r.error.find("\n  amount  7") != std::string::npos, r.error);
    args["order"] = std::string(100'000, 'y');
    r = begin("b");
    BOOST_TEST(r.error.size() < 10'000u);
    BOOST_TEST(r.error.find("of 100002 bytes") != std::string::npos, r.error);
    BOOST_TEST(r.error.find("reagent runs show b") != std::string::npos, r.error);
    BOOST_TEST(r.error.find("\n  amount") != std::string::npos, r.error);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_seen_is_made_visible) {
    BOOST_TEST(visible("a\nb\tc\r\x7f") == "a\\nb\\tc\\u000d\\u007f");
    BOOST_TEST(visible("pay \xE2\x80\xAE"
                       "001 \xE2\x81\xA6x\xE2\x81\xA9") == "pay \\u202e001 \\u2066x\\u2069");
    BOOST_TEST(visible("\xE2\x80\x8B\xE2\x80\x8D\xEF\xBB\xBF\xC2\xAD\xE3\x85\xA4\xC2\xA0") ==
               "\\u200b\\u200d\\ufeff\\u00ad\\u3164\\u00a0");
    BOOST_TEST(visible("\xC2\x9B"
                       "31m\xE2\x80\xA8") == "\\u009b31m\\u2028");
    BOOST_TEST(visible("\xF3\xA0\x81\x81") == "\\udb40\\udc41");  // a tag, which draws nothing
    BOOST_TEST(visible("a\xff"
                       "b\xE2\x82") == "a\\xffb\\xe2\\x82");
    BOOST_TEST(visible("Gr\xC3\xBC\xC3\x9F"
                       "e \xE6\x97\xA5\xE6\x9C\xAC \xF0\x9F\x98\x80") ==
               "Gr\xC3\xBC\xC3\x9F"
               "e \xE6\x97\xA5\xE6\x9C\xAC \xF0\x9F\x98\x80");
    BOOST_TEST(visible_name("order-17") == "order-17");
    BOOST_TEST(visible_name("a\nb") == "\"a\\nb\"");
    BOOST_TEST(visible_name("a\\nb") == "\"a\\\\nb\"");
    BOOST_TEST(visible_name("") == "\"\"");
    BOOST_TEST(visible_name(" a") == "\" a\"");
}

BOOST_AUTO_TEST_CASE(marks_that_flood_the_lines_around_are_made_visible) {
    std::string acute = "\xCC\x81", zalgo = "a", shown = "a";
    for (int i = 0; i < 40; ++i) zalgo += acute, shown += i < 4 ? acute : "\\u0301";
    BOOST_TEST(visible(zalgo) == shown);
    BOOST_TEST(visible_lines(zalgo) == shown);
    BOOST_TEST(visible(acute) == "\\u0301");  // it would stand on whatever is before it
    BOOST_TEST(visible("a\n" + acute) == "a\\n\\u0301");
    BOOST_TEST(visible_name(acute + "x") == "\"\\u0301x\"");
    std::string hebrew = "\xD7\xA9\xD7\x81\xD6\xB8\xD6\xBC";  // shin with three points
    BOOST_TEST(visible(hebrew) == hebrew);
}

BOOST_AUTO_TEST_CASE(several_lines_stay_lines_and_nothing_else) {
    BOOST_TEST(visible_lines("a\r\nb\tc\rd\x1b[2J") == "a\nb\tc\\u000dd\\u001b[2J");
    BOOST_TEST(visible_lines("x\xE2\x80\xAEy\xE2\x80\x8Bz\xC2\xADq\xE2\x80\xA8") == "x\\u202ey\\u200bz\\u00adq\\u2028");
    std::string family =
        "\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x91\xA7 \xE2\x9D\xA4\xEF\xB8\x8F\xE2\x80\x8D\xF0\x9F\x94\xA5 "
        "1\xE2\x80\xAF"
        "234\xC2\xA0\xE2\x82\xAC";
    BOOST_TEST(visible_lines(family) == family);
    BOOST_TEST(visible_lines("a\xE2\x80\x8D\xE2\x80\x8D\xE2\x80\x8D") == "a\xE2\x80\x8D\xE2\x80\x8D\\u200d");
    BOOST_TEST(visible_lines("\xE2\x80\x8D") == "\\u200d");
    // However it is cut into pieces.
    std::string all = family + "\r\n" + std::string(3, '\xff') +
                      "a\xCC\x81\xCC\x81\xCC\x81\xCC\x81\xCC\x81\xE2\x80\xAE\xF3\xA0\x81\x81"
                      "end\xE2\x82";
    for (std::size_t n = 1; n < 8; ++n) {
        visible_pieces in_pieces;
        std::string out;
        for (std::size_t at = 0; at < all.size(); at += n) out += in_pieces.add(std::string_view{all}.substr(at, n));
        out += in_pieces.end();
        BOOST_TEST(out == visible_lines(all));
    }
}

BOOST_AUTO_TEST_CASE(what_is_pasted_into_a_shell_is_one_word) {
    for (const char* plain : {"order-17", "a.b/c:d@e", "runs.db"}) BOOST_TEST(shell_word(plain) == plain);
    BOOST_TEST(shell_word("") == "''");
    BOOST_TEST(shell_word("two words") == "'two words'");
    BOOST_TEST(shell_word("it's") == "'it'\\''s'");
    BOOST_TEST(shell_word("a\nb\x1b") == "$'a\\x0ab\\x1b'");
    std::string all;
    for (int c = 1; c < 127; ++c) all += static_cast<char>(c);
    for (std::string word : {std::string{"$(touch pwned)"}, std::string{"`touch pwned`"}, std::string{"a;b|c&d>e"},
                             std::string{"a'b\"c\\d$e"}, std::string{"!!"}, std::string{"*"}, std::string{"~root"},
                             std::string{"=ls"}, std::string{"-rf"}, std::string{"#x"}, all,
                             std::string{"b\xE2\x80\xAE"
                                         "c"},
                             std::string{"Gr\xC3\xBC\xC3\x9F"
                                         "e"}}) {
        folder f;
        auto script = f.write("s", "cd '" + f.path.string() + "'; printf %s " + shell_word(word) + " > out\n");
        BOOST_TEST(std::system(("bash " + script.string()).c_str()) == 0);
        BOOST_TEST(f.read("out") == word);
        std::size_t files = 0;
        for ([[maybe_unused]] const auto& e : std::filesystem::directory_iterator{f.path}) ++files;
        BOOST_TEST(files == 2u);
    }
}

BOOST_FIXTURE_TEST_CASE(names_that_cannot_be_seen_are_refused, desk) {
    for (const char* bad :
         {"a\xE2\x80\xAE"
          "b",
          "a\xE2\x80\x8B", "\xEF\xBB\xBFx", "a\xCC\x81\xCC\x81\xCC\x81\xCC\x81\xCC\x81", "-x", "a\xC2\xA0"}) {
        for (auto make :
             std::initializer_list<std::function<void()>>{[&] { store->create({.program = "desk", .id = bad}); },
                                                          [&] { store->create({.program = "desk", .session = bad}); },
                                                          [&] { store->create({.program = bad}); }}) {
            auto why = thrown(run_errc::not_possible, make);
            BOOST_TEST(visible(why) == why);
        }
    }
    begin("a b$(x)");
    auto r = store->get("a b$(x)");
    BOOST_TEST(r.error.find("reagent runs approve 'a b$(x)'") != r.error.npos, r.error);
}

BOOST_FIXTURE_TEST_CASE(who_decides_has_a_name_that_is_one, desk) {
    begin("a");
    for (const std::string& by : {std::string(201, 'x'), std::string{"eve\nroot"},
                                  std::string{"\xE2\x80\xAE"
                                              "eve"},
                                  std::string{"\xff"}, std::string{"a\x1b[2J"}}) {
        thrown(run_errc::not_possible, [&] { store->decide("a", 0, {.kind = run_decision::approve, .by = by}); });
        thrown(run_errc::not_possible, [&] { store->decide("a", 0, {.kind = run_decision::reject, .by = by}); });
    }
    thrown(run_errc::not_possible,
           [&] { store->decide("a", 0, {.kind = run_decision::reject, .text = std::string(20'000, 'x')}); });
    BOOST_TEST(!store->pending("a")[0].decided);
    BOOST_TEST(status("a") == "awaiting_approval");
}

// What was done is what the model goes on from.
BOOST_DATA_TEST_CASE(the_next_prompt_shows_the_arguments_that_were_approved, std::vector<bool>({false, true}), native) {
    fixture f;
    std::vector<int> paid;
    tools t;
    t.add("pay", "", [&](int amount) { return paid.push_back(amount), "paid"; }, {"amount"}, {.destructive = true});
    std::string second_prompt;
    struct paying final : lm_backend {
        bool native;
        std::string& seen;
        paying(bool n, std::string& s) : native{n}, seen{s} {}
        std::string name() const override { return "test/paying"; }
        task<lm_response> complete(lm_context, const lm_request& q) const override {
            std::string all;
            for (const auto& m : q.messages) {
                all += m.content + "\n";
                for (const auto& c : m.tool_calls) all += c.arguments + "\n";
            }
            bool acted = all.find("paid") != all.npos;
            bool step =
                native ? !q.tools.empty() : q.messages.front().content.find("`next_tool_name`") != std::string::npos;
            if (step && acted) seen = all;
            lm_response r;
            r.model = "paying";
            json::object args;
            args["amount"] = 700;
            if (!step)
                r.text = chat_completion({{"reasoning", "r"}, {"answer", "done"}});
            else if (native)
                r.tool_calls.push_back(acted ? tool_call{"2", "submit", R"({"answer":"done"})"}
                                             : tool_call{"1", "pay", json::serialize(args)});
            else
                r.text = chat_completion({{"next_thought", "t"},
                                          {"next_tool_name", acted ? "finish" : "pay"},
                                          {"next_tool_args", acted ? json::object{} : args}});
            co_return r;
        }
    };
    auto model = std::make_shared<paying>(native, second_prompt);
    react<sig<"question -> answer">> agent{t, {.mode = native ? react_mode::native : react_mode::prompted}};
    runtime rt{{.journals = f.store}};
    rt.serve("pay", agent, run_options{language_model{model}});
    auto id = rt.submit("pay", {{"question", "Pay."}});
    BOOST_TEST((rt.resume(id).status == run_status::awaiting_approval));
    f.store->decide(id, 0, {.kind = run_decision::approve, .arguments = json::object{{"amount", 7}}});
    auto r = rt.resume(id);
    BOOST_TEST((r.status == run_status::finished), r.error);
    BOOST_TEST(paid == std::vector<int>{7});
    BOOST_TEST(second_prompt.find("\"amount\":") != second_prompt.npos, second_prompt);
    BOOST_TEST(second_prompt.find("700") == second_prompt.npos, second_prompt);
    BOOST_TEST(rt.replay(id).differences.empty());
    bool traced = false;
    auto records = f.store->records(id);
    for (const auto& s : trace_of(records, "pay"))
        if (s.effect && s.effect->kind == event_kind::tool_call)
            traced = s.effect->arguments == json::value(json::object{{"amount", 7}});
    BOOST_TEST(traced);
}

// Nobody can be asked: that the call was refused is part of what happened.
BOOST_AUTO_TEST_CASE(a_refusal_for_want_of_anybody_is_recorded) {
    int dropped = 0;
    tools t;
    t.add("drop", "", [&](std::string) { return ++dropped; }, {"table"}, {.destructive = true});
    struct program {
        const tools& t;
        task<std::string> forward(run& r) const {
            json::value args = json::object{{"table", "a"}};
            auto o = co_await t.call(r, "x", "drop", args);
            co_return o.text();
        }
    } whole{t};
    runtime rt;
    auto result = rt.execute(run_options{}, whole);
    BOOST_TEST(dropped == 0);
    BOOST_TEST(result.value.find("nobody is there to approve") != std::string::npos, result.value);
    BOOST_REQUIRE(result.report.history->events().size() == 1u);
    const auto& e = result.report.history->events()[0];
    BOOST_TEST((e.kind == event_kind::approval));
    BOOST_TEST(e.tool == "drop");
    BOOST_TEST(e.why.find("destroy") != std::string::npos, e.why);
    auto d = approval_decision_from_json(e.result);
    BOOST_TEST(!d.approved);
    BOOST_TEST(d.reason.find("nobody") != std::string::npos);
    run_options again;
    again.replay = result.report.history;
    BOOST_TEST(rt.execute(again, whole).value == result.value);
}

BOOST_AUTO_TEST_CASE(a_question_is_cut_with_the_count_and_never_silently) {
    event e{.kind = event_kind::approval};
    e.tool = "pay";
    e.arguments = json::object{{"to", "x"}, {"note", std::string(50, 'n') + "\xC3\xBC"}, {"last", true}};
    auto all = question_text(e, 1000, "SHOW");
    BOOST_TEST(all == "pay\n  to  \"x\"\n  note  \"" + std::string(50, 'n') + "\xC3\xBC\"\n  last  true");
    auto part = question_text(e, 10, "SHOW");
    BOOST_TEST(part ==
               "pay\n  to  \"x\"\n  note  \"nnnnnn [7 of 54 bytes]\n  last   [0 of 4 bytes]\n  [10 bytes are shown; "
               "the rest: SHOW]");
    for (std::size_t n = 0; n < 70; ++n)
        BOOST_TEST(visible(question_text(e, n, "SHOW")).find("\\x") == std::string::npos);  // no half character
}

BOOST_AUTO_TEST_CASE(digests_do_not_depend_on_the_order_of_names) {
    event a{.kind = event_kind::approval}, b = a;
    a.arguments = json::object{{"x", 1}, {"y", json::object{{"p", 1.5}, {"q", nullptr}}}};
    b.arguments = json::object{{"y", json::object{{"q", nullptr}, {"p", 1.5}}}, {"x", 1}};
    BOOST_TEST(consent_digest("r", a, {}) == consent_digest("r", b, {}));
    std::set<std::string> all{consent_digest("r", a, {}), consent_digest("s", a, {}),
                              consent_digest("r", a, json::object{})};
    event other = a;
    other.occurrence = 1;
    all.insert(consent_digest("r", other, {}));
    other = a;
    other.branch = "0";
    all.insert(consent_digest("r", other, {}));
    other = a;
    other.tool = "t";
    all.insert(consent_digest("r", other, {}));
    other = a;
    other.arguments.as_object()["x"] = 2;
    all.insert(consent_digest("r", other, {}));
    BOOST_TEST(all.size() == 7u);
}

BOOST_AUTO_TEST_CASE(lifetimes_are_read) {
    BOOST_TEST((lifetime_named("90s") == 90s));
    BOOST_TEST((lifetime_named("30m") == 30min));
    BOOST_TEST((lifetime_named("24h") == 24h));
    BOOST_TEST((lifetime_named("7d") == 168h));
    BOOST_TEST((lifetime_named("never") == 0ms));
    for (const char* wrong : {"", "h", "0s", "5", "5w", "-1s", "1e3s", "99999999999d"})
        thrown(run_errc::not_possible, [&] { lifetime_named(wrong); });
}

// A store of before: what waits can be decided; what was decided without saying what was seen is asked again.
BOOST_AUTO_TEST_CASE(a_store_of_an_older_version_goes_on) {
    folder files;
    std::ifstream in{std::string{REAGENT_TEST_DATA} + "/durable/old/format-1.sql"};
    std::stringstream text;
    text << in.rdbuf();
    sqlite3* db = nullptr;
    BOOST_REQUIRE(sqlite3_open((files.path / "runs.db").c_str(), &db) == SQLITE_OK);
    BOOST_REQUIRE(sqlite3_exec(db, text.str().c_str(), nullptr, nullptr, nullptr) == SQLITE_OK);
    sqlite3_close(db);
    auto store = journal_store::open_sqlite(files.path / "runs.db");
    std::vector<std::string> dropped;
    tools t;
    t.add("drop", "Drops a table.", [&](std::string table) { return dropped.push_back(table), "dropped " + table; },
          {"table"}, {.destructive = true});
    auto model = std::make_shared<answering>([](const lm_request& q) {
        bool acted = last_text(q).find("observation_0") != std::string::npos;
        if (q.messages.front().content.find("`next_tool_name`") == std::string::npos)
            return chat_completion({{"reasoning", "r"}, {"answer", "done"}});
        json::object none;
        return chat_completion(
            {{"next_thought", "t"}, {"next_tool_name", acted ? "finish" : "drop"}, {"next_tool_args", none}});
    });
    react<sig<"question -> answer">> a{t};
    runtime rt{{.journals = store}};
    rt.serve("drop", a, run_options{language_model{model}});
    BOOST_TEST(rt.replay("done").differences.empty());
    store->decide("waits", 0, {.kind = run_decision::approve});
    BOOST_TEST((rt.resume("waits").status == run_status::finished), store->get("waits").error);
    BOOST_TEST(dropped.size() == 1u);
    rt.resume("decided");
    BOOST_TEST((store->get("decided").status == run_status::awaiting_approval));
    BOOST_TEST(dropped.size() == 1u);
    store->decide("decided", 0, {.kind = run_decision::approve});
    rt.resume("decided");
    BOOST_TEST((store->get("decided").status == run_status::finished));
    BOOST_TEST(dropped.size() == 2u);
    BOOST_TEST(store->get("decided").format == journal_format);  // an older worker could not read what was added
    BOOST_TEST(rt.replay("decided").differences.empty());
    auto file = read_journal_file(std::string{REAGENT_TEST_DATA} + "/durable/old/format-1.jsonl");
    BOOST_TEST(load_journal(file.records).history->events().size() > 3u);
}
