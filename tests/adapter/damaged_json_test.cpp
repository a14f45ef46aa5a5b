// Answers in JSON, damaged in what holds them together and not in what they say: a quotation mark, a comma, a bracket or a
// backslash too few, too many or of another kind, words between values. What is read of them is what was meant, or they
// are asked about; never anything else. REAGENT_DAMAGED=COUNT or FIRST:COUNT says how many (a failure names its number).
#include <reagent/adapter/adapter.hpp>
#include <reagent/schema/render.hpp>
#include <reagent/schema/repair.hpp>

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <cstdlib>
#include <random>

using namespace reagent;

namespace {

class dice {
public:
    explicit dice(std::uint64_t seed) : random_{static_cast<std::mt19937::result_type>(seed * 2654435761u + 1)} {}
    std::size_t below(std::size_t n) { return random_() % n; }
    template <class T, std::size_t N>
    const T& of(const T (&all)[N]) {
        return all[below(N)];
    }

private:
    std::mt19937 random_;
};

// What models write in their texts.
const std::string_view words[]{"use",  "the",   "key",  "x",     "d[\"k\"]", "f(\"x\")", "\"hi\"", "say \"no\" to it",
                               "it's", "then,", "(ok)", "{a}",   "[1, 2]",   "a: b",     "\u00e9t\u00e9", "5",
                               "or",   "and",   "//",   "#5",    "C:\\",     "\"",       "15\"",   "}",
                               "]",    "\n",    "1.5",  "true",  "null",     "\"a\", \"b\"", "a \u201cq\u201d b", "http://x/y"};

std::string text(dice& d) {
    std::string out;
    for (auto n = 1 + d.below(5); n > 0; --n) (out += out.empty() ? "" : " ") += d.of(words);
    return out;
}

json::object outputs(dice& d) {
    json::object o{{"a", text(d)}, {"n", static_cast<std::int64_t>(d.below(200)) - 20}};
    json::array list;
    for (auto n = d.below(4); n > 0; --n) list.push_back(json::string(text(d)));
    o["l"] = std::move(list);
    o["m"] = json::object{{"k", static_cast<std::int64_t>(d.below(9))}, {"key two", static_cast<std::int64_t>(d.below(9))}};
    return o;
}

// The places of the signs that hold JSON together, and of the backslashes before quotation marks.
std::vector<std::size_t> joints(std::string_view json) {
    std::vector<std::size_t> all;
    bool quoted = false;
    for (std::size_t i = 0; i < json.size(); ++i) {
        if (quoted && json[i] == '\\') {
            if (json[i + 1] == '"') all.push_back(i);
            ++i;
        } else if (json[i] == '"') {
            quoted = !quoted;
            all.push_back(i);
        } else if (!quoted && std::string_view{",:{}[]"}.find(json[i]) != std::string_view::npos)
            all.push_back(i);
    }
    return all;
}

struct damage {
    std::string text, kind;
};

// Another sign in the place of one.
std::string_view other(char sign, dice& d) {
    static constexpr std::string_view quotes[]{"'", "\u201c", "\u201d", "`", "\"\"", "\\\""};
    static constexpr std::string_view commas[]{";", "\uff0c", ",,", "", "\n", " or "};
    static constexpr std::string_view colons[]{"=", "\uff1a", "::", " ", "=>"};
    static constexpr std::string_view others[]{"", "(", ")", "]", "}"};
    if (sign == '"') return d.of(quotes);
    if (sign == ',') return d.of(commas);
    if (sign == ':') return d.of(colons);
    return d.of(others);
}

damage damaged(std::string json, dice& d) {
    static constexpr std::string_view between[]{" or 2", " to 20", " (maybe)", " + 1", " // c", " or \"y\"", " ft", " -"};
    std::string kind;
    auto all = joints(json);
    bool of_another_kind = false;
    const std::size_t most = std::getenv("REAGENT_DAMAGED_TWICE") ? 2 : 1;  // two damages may make another text
    for (auto n = most; n > 0 && !all.empty(); --n) {
        const auto at = all[d.below(all.size())];
        std::erase_if(all, [&](std::size_t i) { return i >= at; });  // the places before it stay where they are
        switch (json[at] == '\\' ? 0 : d.below(4)) {
            case 0:
                kind += "without " + json.substr(at, 1) + " at " + std::to_string(at) + "; ";
                json.erase(at, 1);
                break;
            case 1:
                kind += "twice " + json.substr(at, 1) + "; ";
                json.insert(at, 1, json[at]);
                break;
            case 2: {
                if (std::exchange(of_another_kind, true)) break;  // twice, it may be a text in these marks
                const std::string_view sign = other(json[at], d);
                kind += "`" + std::string{sign} + "` for " + json.substr(at, 1) + "; ";
                json.replace(at, 1, sign);
                break;
            }
            default:
                if (most > 1 || (json[at] != ',' && json[at] != '}')) break;
                const std::string_view more = d.of(between);
                kind += "`" + std::string{more} + "` between; ";
                json.insert(at, more);
        }
    }
    return {std::move(json), std::move(kind)};
}

// Blanks at a text's end count for nothing.
json::value trimmed(json::value v) {
    if (auto* t = v.if_string()) t->resize(std::string_view{*t}.find_last_not_of(" \n") + 1);
    if (auto* all = v.if_array())
        for (auto& part : *all) part = trimmed(part);
    if (auto* all = v.if_object())
        for (auto& [name, part] : *all) part = trimmed(part);
    return v;
}
bool same(const json::object& read, const json::object& meant) { return trimmed(read) == trimmed(meant); }

}  // namespace

BOOST_AUTO_TEST_CASE(what_is_damaged_is_read_as_it_was_meant_or_asked_about) {
    std::uint64_t first = 0, count = 60'000;
    if (const char* option = std::getenv("REAGENT_DAMAGED")) {
        const std::string all = option;
        const auto colon = all.find(':');
        count = std::stoull(all.substr(colon == all.npos ? 0 : colon + 1));
        if (colon != all.npos) first = std::stoull(all.substr(0, colon));
    }
    const auto s = parse_signature("q -> a, n: int, l: list[str], m: dict[str, int]");
    const auto alone = parse_signature("q -> l: list[str]");
    std::uint64_t wrong = 0, right = 0, asked = 0;
    for (auto i = first; i < first + count && wrong < 20; ++i) {
        dice d{i};
        auto meant = outputs(d);
        const bool in_chat = d.below(3) == 0;
        if (in_chat) meant = json::object{{"l", meant["l"]}};
        const auto written = in_chat ? json::serialize(meant["l"]) : json::serialize(meant);
        const auto [text, kind] = damaged(written, d);
        if (text == written || parse_json(text)) continue;  // it says something else, and says it well
        const auto read = in_chat ? parse(adapter::chat, alone, "[[ ## l ## ]]\n" + text + "\n\n[[ ## completed ## ]]")
                                  : parse(adapter::json, s, text);
        if (!read) {
            ++asked;
            continue;
        }
        if (same(*read, meant)) {
            ++right;
            continue;
        }
        ++wrong;
        BOOST_ERROR("REAGENT_DAMAGED=" << i << ":1 " << kind << "\n  " << text << "\n  was read as "
                                       << json::serialize(*read));
    }
    BOOST_TEST(wrong == 0u);
    if (count >= 1000) {  // both ends are met
        BOOST_TEST(right > count / 20);
        BOOST_TEST(asked > count / 20);
    }
    BOOST_TEST_MESSAGE(right << " read, " << asked << " asked about");
}
