// What a cassette says of a request that it does not hold: where the nearest one of its own differs.
#include "support/ask.hpp"
#include "support/folder.hpp"

#include <reagent/error.hpp>
#include <reagent/lm/decorators.hpp>

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

using namespace reagent;
using namespace reagent::test;

namespace {

std::string line_of(const lm_request& r) {
    json::object line{{"model", "test/m"}, {"request", to_json(r)}, {"response", to_json(lm_response{"fine"})}};
    return json::serialize(line) + "\n";
}

// The lines below the first of what a cassette of these requests says of another one.
std::vector<std::string> told(const std::vector<lm_request>& recorded, const lm_request& now) {
    folder files;
    std::string lines;
    for (const auto& r : recorded) lines += line_of(r);
    std::vector<std::string> all;
    try {
        ask(replayed(files.write("calls.jsonl", lines)), now);
    } catch (const lm_error& e) {
        std::istringstream words{e.what()};
        for (std::string line; std::getline(words, line);) all.push_back(line);
    }
    if (!all.empty()) all.erase(all.begin());
    for (auto& line : all)
        if (auto note = line.find(" [attempted"); note != line.npos) line.resize(note);
    return all;
}

using lines = std::vector<std::string>;

}  // namespace

BOOST_AUTO_TEST_SUITE(cassettes)

BOOST_AUTO_TEST_CASE(the_same_request_is_answered) { BOOST_TEST((told({question("a")}, question("a")) == lines{})); }

BOOST_AUTO_TEST_CASE(members_and_items_that_one_side_lacks_are_named) {
    lm_request one = question("a"), more = question("a");
    more.rollout_id = 7;
    more.messages.push_back({role::assistant, "b"});
    BOOST_TEST(
        (told({one}, more) == lines{R"(  $.request.messages[1]: not recorded, now {"role":"assistant","content":"b"})",
                                    "  $.request.rollout_id: not recorded, now 7"}));
    BOOST_TEST((told({more}, one) ==
                lines{R"(  $.request.messages[1]: recorded {"role":"assistant","content":"b"}, now missing)",
                      "  $.request.rollout_id: recorded 7, now missing"}));
    lm_request other = more;
    other.rollout_id = 8;
    BOOST_TEST((told({more}, other) == lines{"  $.request.rollout_id: recorded 7, now 8"}));
}

BOOST_AUTO_TEST_CASE(long_texts_are_shown_where_they_part) {
    const std::string same(100, 's');
    BOOST_TEST((told({question(same + "old")}, question(same + "new")) ==
                lines{"  $.request.messages[0].content (from byte 70): recorded \"" + same.substr(70) +
                      "old\", now \"" + same.substr(70) + "new\""}));
    BOOST_TEST((told({question(same)}, question(same + "!")) ==
                lines{"  $.request.messages[0].content (from byte 70): recorded \"" + same.substr(70) + "\", now \"" +
                      same.substr(70) + "!\""}));
    std::string accents;
    for (int i = 0; i < 40; ++i) accents += "\u00E9";
    for (const char* odd : {"", "x"})  // no half of a character at the beginning
        for (const auto& line : told({question(odd + accents + "1")}, question(odd + accents + "2")))
            BOOST_TEST(line.find("recorded \"\u00E9") != std::string::npos, line);
    BOOST_TEST((told({question("old")}, question("new")) ==
                lines{R"(  $.request.messages[0].content (from byte 0): recorded "old", now "new")"}));
}

BOOST_AUTO_TEST_CASE(the_nearest_is_compared_and_ten_differences_are_enough) {
    lm_request far = question("x"), near = question("a");
    far.rollout_id = 1;
    BOOST_TEST((told({far, near, far}, question("b")) ==
                lines{R"(  $.request.messages[0].content (from byte 0): recorded "a", now "b")"}));
    lm_request few = question("a"), many = question("a");
    for (int i = 0; i < 20; ++i) many.messages.push_back({role::user, std::to_string(i)});
    BOOST_TEST(told({few}, many).size() == 10u);
    BOOST_TEST(told({many}, few).size() == 10u);
    lm_request changed = many;
    for (auto& m : changed.messages) m.content += "!";
    changed.rollout_id = 1;
    BOOST_TEST(told({many}, changed).size() == 10u);
    BOOST_TEST(told({changed}, many).size() == 10u);
}

BOOST_AUTO_TEST_CASE(a_recorded_failure_is_thrown_as_it_was) {
    auto replays = [](const error_code& code) {
        folder files;
        json::object failure{{"layer", code.category().name()}, {"code", code.value()}, {"message", "as it was"}};
        json::object line{{"model", "test/m"}, {"request", to_json(question("a"))}, {"error", std::move(failure)}};
        auto same = [&](const error& e) {
            return e.code() == code && std::string{e.what()}.find("as it was") != std::string::npos;
        };
        auto tape = replayed(files.write("calls.jsonl", json::serialize(line) + "\n"));
        if (code.category() == error_code{http_errc::connect_failed}.category())
            BOOST_CHECK_EXCEPTION(ask(tape, question("a")), http_error, same);
        else if (code.category() == error_code{run_errc::cancelled}.category())
            BOOST_CHECK_EXCEPTION(ask(tape, question("a")), run_error, same);
        else
            BOOST_CHECK_EXCEPTION(ask(tape, question("a")), lm_error, same);
    };
    replays(lm_errc::content_filter);
    replays(http_errc::connect_failed);
    replays(run_errc::deadline_exceeded);
}

BOOST_AUTO_TEST_CASE(a_line_without_an_answer_is_no_recorded_call) {
    const std::string call = R"({"model":"test/m","request":{"messages":[]})";
    for (const std::string& line :
         {std::string{"[]"}, std::string{"{"}, std::string{R"({"model":"m","response":{}})"}, call + "}",
          call + R"(,"error":{}})", call + R"(,"error":"no"})", call + R"(,"error":{"layer":"lm","message":"no"}})",
          call + R"(,"error":{"layer":"lm","message":"no","code":"1"}})"}) {
        folder files;
        auto file = files.write("calls.jsonl", line_of(question("a")) + "\n" + line + "\n");
        BOOST_CHECK_EXCEPTION(replayed(file), lm_error, [](const lm_error& e) {
            return e.code() == lm_errc::malformed_response &&
                   std::string{e.what()}.find("line 3 of the cassette") != std::string::npos;
        });
    }
}

BOOST_AUTO_TEST_SUITE_END()
