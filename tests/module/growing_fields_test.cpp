// What an agent's steps are called by: the same names as ever, however much of them was kept from before.
#include <reagent/journal/recorded.hpp>
#include <reagent/lm/language_model.hpp>
#include <reagent/module/growing_fields.hpp>

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <latch>
#include <thread>

using namespace reagent;

namespace {

std::shared_ptr<const prompt_template> prompt_of(std::string instructions,
                                                 const std::vector<json::object>& demos = {}) {
    signature s = parse_signature("question -> answer");
    s.instructions = std::move(instructions);
    return std::make_shared<const prompt_template>(adapter::chat, std::move(s), demos);
}

// As journals have it: a digest of all that stands around the steps, and of each step.
std::string fingerprint_by_hand(const prompt_template& prompt, const json::object& inputs, const std::string& step) {
    lm_request all;
    all.messages = prompt.messages(inputs);
    return chained_digest(chained_digest({}, json::serialize(to_json(all))), chained_digest({}, step));
}

}  // namespace

BOOST_AUTO_TEST_CASE(fingerprints_do_not_depend_on_what_was_asked_before) {
    const json::object demo{{"question", "q"}, {"answer", "a \"quoted\" one"}};
    std::vector<std::shared_ptr<const prompt_template>> prompts;
    for (int i = 0; i < 7; ++i) prompts.push_back(prompt_of("Task " + std::to_string(i) + ", \"quoted\"\nand more."));
    prompts.push_back(
        prompt_of("Task 1, \"quoted\"\nand more.", {demo}));  // the same system message, and more behind it
    prompts.push_back(prompt_of(std::string(70'000, 'x')));
    for (int round = 0; round < 3; ++round)
        for (const auto& prompt : prompts)
            for (const char* question : {"one", "two \"2\""}) {
                const json::object inputs{{"question", question}};
                growing_fields steps;
                steps.add({{"thought_0", "t"}});
                const std::string step = format_further(adapter::chat, {{"thought_0", "t"}});
                BOOST_TEST(steps.fingerprint(prompt, inputs, {}, {}) == fingerprint_by_hand(*prompt, inputs, step));
            }
}

BOOST_AUTO_TEST_CASE(a_text_is_named_the_same_whenever_it_is_asked_for) {
    recorded_text asked, at_last;
    std::vector<std::string> names;
    for (int i = 0; i < 20; ++i) {
        std::string more = "step " + std::to_string(i);
        asked = asked.followed_by(more);
        names.push_back(asked.key());
        at_last = at_last.followed_by(more);
    }
    BOOST_TEST(at_last.has_key());
    BOOST_TEST(at_last.key() == names.back());
    BOOST_TEST(at_last.earlier_key() == names[names.size() - 2]);
    BOOST_TEST(at_last.kept_bytes() == asked.kept_bytes());
    BOOST_TEST(!recorded_text{"nameless"}.has_key());
    BOOST_TEST(recorded_text{"nameless"}.key() == "");
    // Of pieces that refer to a text by its name alone.
    auto apart = recorded_text::made_of(nullptr, {{0, 6, {}}, {0, 0, "x"}}, names[0]).with_key();
    auto joined = recorded_text{"step 0"}.with_key().followed_by("x");
    BOOST_TEST(apart.key() == joined.key());
}

BOOST_AUTO_TEST_CASE(a_long_text_is_named_without_a_deep_stack_and_by_several_threads) {
    recorded_text text;
    for (int i = 0; i < 200'000; ++i) text = text.followed_by("s");
    std::string names[4];
    std::latch ready{4};
    std::vector<std::jthread> threads;
    for (auto& name : names)
        threads.emplace_back([&] {
            ready.arrive_and_wait();
            name = text.key();
        });
    threads.clear();
    for (const auto& name : names) BOOST_TEST(name == names[0]);
    BOOST_TEST(names[0].size() == 24u);
}
