// A completion without thinking is read in another way than one that may hold some; both ways say the same.
#include <reagent/adapter/adapter.hpp>
#include <reagent/signature/signature.hpp>

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <random>

using namespace reagent;

namespace {

constexpr std::string_view pieces[]{
    "[[ ## thought ## ]]",
    "[[ ## tool ## ]]",
    "[[ ## args ## ]]",
    "[[ ## completed ## ]]",
    "[[##tool##]]",
    "[[  ##  completed ## ]]",
    "[[ ## other ## ]]",
    "[[ ## \ntool ## ]]",
    "[[ \\## tool ## ]]",
    "[[",
    "[",
    "]]",
    "## ]]",
    "\n",
    "\n",
    "\n",
    "\n\n",
    " ",
    "\t",
    "**",
    "*",
    "_",
    "`",
    "a",
    "add",
    "I think.",
    "{\"a\": 1}",
    "{\"a\": 1, \"a\": 2}",
    "null",
    "\\",
    "...",
    ".",
    "\u200b",
    "\u00a0",
    "\uFEFF",
    "\u3010",
    "\xe2\x80",
    "\xc3\xa9",
};

std::string random_text(std::mt19937& random) {
    auto below = [&](std::size_t n) { return std::uniform_int_distribution<std::size_t>{0, n - 1}(random); };
    std::string text;
    for (std::size_t n = 1 + below(40); n > 0; --n) {
        if (below(4) == 0) {
            text += "\n";
            text += pieces[below(4)];
            if (below(3)) text += "\n";
        } else
            text += pieces[below(std::size(pieces))];
    }
    return text;
}

std::string shown(const parsed_outputs& read) { return read ? json::serialize(*read) : "! " + read.error().message; }

signature step() {
    auto s = parse_signature("question -> thought: Optional[str], tool, args: dict[str, Any]");
    s.outputs.back().kind = field_kind::arguments;
    return s;
}

// What is looked at as if it might hold thinking: by the sign that begins a tag, in a line in front of it.
std::string with_a_sign_of_thinking(std::string text) { return "< \n" + text; }

}  // namespace

BOOST_AUTO_TEST_CASE(a_plain_completion_is_read_as_every_other) {
    std::mt19937 random{20};
    int good = 0;
    for (const auto& s :
         {step(), parse_signature("question -> tool, thought"), parse_signature("question -> completed, tool: int")})
        for (int i = 0; i < 20'000; ++i) {
            const std::string text = random_text(random);
            const auto read = parse(adapter::chat, s, text);
            good += read.has_value();
            BOOST_TEST_REQUIRE(shown(read) == shown(parse(adapter::chat, s, with_a_sign_of_thinking(text))),
                               "of " << json::serialize(text));
        }
    BOOST_TEST(good > 1'000);
}

BOOST_AUTO_TEST_CASE(lines_may_end_in_two_ways) {
    const auto s = step();
    const std::string text =
        "  **[[ ## thought ## ]]**\nNow\n add.\n\n[[ ## tool ## ]] add\n[[ ## args ## ]]\n{\"a\":\n1} [[ ## completed "
        "## ]]\nmore";
    std::string dos;
    for (char c : text) dos += c == '\n' ? std::string{"\r\n"} : std::string(1, c);
    BOOST_TEST(shown(parse(adapter::chat, s, text)) == R"({"thought":"Now\n add.","tool":"add","args":{"a":1}})");
    BOOST_TEST(shown(parse(adapter::chat, s, dos)) == shown(parse(adapter::chat, s, text)));
}

BOOST_AUTO_TEST_CASE(long_lines_of_brackets_take_linear_time) {
    const auto s = step();
    for (const char* piece :
         {"[[", " [[ ## tool", "[[ ## completed ## ]] ", "*[[ ## completed ## ]]x", "[[ ## tool ## ]]\nx\n"}) {
        std::string text = "[[ ## tool ## ]]\n" + std::string(500'000, ' ');
        while (text.size() < 2'000'000) text += piece;
        parse(adapter::chat, s, text);  // in quadratic time it would not come to an end
    }
}
