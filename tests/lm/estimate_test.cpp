// What a call used where its server tells nothing: every part of what is asked and answered counts.
#include "../../sdk/src/lm/estimate.hpp"

#include <boost/test/unit_test.hpp>

using namespace reagent;

namespace {

const std::string thousand(1'000, 'x');

lm_request question() {
    lm_request r;
    r.messages.push_back({role::user, "x"});
    return r;
}

template <class Change>
std::uint64_t bytes_with(Change change) {
    lm_request r = question();
    change(r);
    return bytes_of(r);
}

template <class Change>
usage estimated(usage told, Change change) {
    lm_response r;
    r.text = "xyz";
    change(r);
    estimate_missing(told, 300, 0, r);
    return told;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(estimate)

BOOST_AUTO_TEST_CASE(every_part_of_a_request_counts) {
    const auto plain = bytes_of(question());
    const auto more = plain + 1'000;
    auto is_more = [&](std::uint64_t bytes) { return bytes >= more && bytes < more + 100; };
    BOOST_TEST(is_more(bytes_with([](auto& r) { r.messages[0].content += thousand; })));
    BOOST_TEST(is_more(bytes_with([](auto& r) { r.messages.push_back({role::assistant, thousand}); })));
    BOOST_TEST(is_more(bytes_with([](auto& r) { r.messages[0].tool_calls.push_back({"", "", thousand}); })));
    BOOST_TEST(is_more(bytes_with([](auto& r) { r.messages[0].tool_calls.push_back({"", thousand, ""}); })));
    BOOST_TEST(is_more(bytes_with([](auto& r) { r.messages[0].reasoning_blocks.push_back(json::string(thousand)); })));
    BOOST_TEST(is_more(bytes_with([](auto& r) { r.tools.push_back({thousand, "", {}}); })));
    BOOST_TEST(is_more(bytes_with([](auto& r) { r.tools.push_back({"", thousand, {}}); })));
    BOOST_TEST(is_more(bytes_with([](auto& r) { r.tools.push_back({"", "", json::string(thousand)}); })));
    BOOST_TEST(is_more(bytes_with([](auto& r) { r.outputs_schema = json::object{{"description", thousand}}; })));
}

BOOST_AUTO_TEST_CASE(every_part_of_an_answer_counts) {
    auto completion = [](auto change) { return estimated({}, change).completion_tokens; };
    BOOST_TEST(completion([](auto&) {}) == 1u);
    for (auto tokens : {completion([](auto& r) { r.text += std::string(3'000, 'x'); }),
                        completion([](auto& r) { r.reasoning = std::string(3'000, 'x'); }), completion([](auto& r) {
                            r.alternatives = {std::string(1'500, 'x'), std::string(1'500, 'x')};
                        }),
                        completion([](auto& r) {
                            r.tool_calls.push_back({"", "", std::string(3'000, 'x')});
                        })})
        BOOST_TEST((tokens >= 1'001 && tokens < 1'020), tokens);
}

BOOST_AUTO_TEST_CASE(what_a_server_told_is_kept) {
    usage all = estimated({.prompt_tokens = 7, .completion_tokens = 8}, [](auto&) {});
    BOOST_TEST(all.prompt_tokens == 7u);
    BOOST_TEST(all.completion_tokens == 8u);
    BOOST_TEST(all.estimated_tokens == 0u);
    usage prompt = estimated({.prompt_tokens = 7}, [](auto&) {});
    BOOST_TEST(prompt.prompt_tokens == 7u);
    BOOST_TEST(prompt.completion_tokens == 1u);
    BOOST_TEST(prompt.estimated_tokens == 1u);
    usage none = estimated({}, [](auto&) {});
    BOOST_TEST(none.prompt_tokens == 100u);
    BOOST_TEST(none.estimated_tokens == 101u);
}

BOOST_AUTO_TEST_SUITE_END()
