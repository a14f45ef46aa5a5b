#include <reagent/adapter/adapter.hpp>
#include <reagent/signature/traits.hpp>

#include <boost/test/unit_test.hpp>

using namespace reagent;

namespace {
enum class urgency { low, medium, high };
struct Item {
    std::string name;
    int qty;
};
struct classify {
    static constexpr auto instructions = "Classify a message.";
    struct input {
        std::string message;
    };
    struct output {
        std::string intent;
        urgency level;
        field<double, "how sure", range{0, 1}> confidence;
        std::optional<std::string> note;
    };
};

template <class S, std::size_t I>
using out = typename signature_traits<S>::template output_type<I>;
using rich =
    sig<"context: list[str], question -> n: int, x: Optional[float], u: int | str | None, i: list[Item], t: tuple[int, "
        "str], l: "
        "Literal['a', 'b'], d: dict[str, list[int]], any: Any, o: dict",
        Item>;
static_assert(std::is_same_v<out<rich, 0>, std::int64_t>);
static_assert(std::is_same_v<out<rich, 1>, std::optional<double>>);
static_assert(std::is_same_v<out<rich, 2>, std::optional<std::variant<std::int64_t, std::string>>>);
static_assert(std::is_same_v<out<rich, 3>, std::vector<Item>>);
static_assert(std::is_same_v<out<rich, 4>, std::tuple<std::int64_t, std::string>>);
static_assert(std::is_same_v<out<rich, 5>, std::string>);
static_assert(std::is_same_v<out<rich, 6>, std::map<std::string, std::vector<std::int64_t>>>);
static_assert(std::is_same_v<out<rich, 7>, json::value>);
static_assert(signature_traits<rich>::output_index<"l">() == 5);
static_assert(signature_traits<rich>::output_index<"nope">() == signature_traits<rich>::npos);
static_assert(signature_traits<classify>::output_index<"level">() == 1);

// The compiler's reading finds the errors that the run-time parser finds.
template <fixed_string T>
constexpr bool wrong = detail::fault_of<T>() != detail::static_fault::none;
static_assert(wrong<"question"> && wrong<"a -> b -> c"> && wrong<"a -> b: foo"> && wrong<"a -> a"> &&
              wrong<"class -> b"> && wrong<"a -> _b"> && wrong<"a b -> c">);
static_assert(wrong<"a -> b: list[int"> && wrong<"a -> b: Optional[int, str]"> && wrong<"a -> b: Literal[x]"> &&
              wrong<"a -> "> && wrong<"1a -> b">);
static_assert(!wrong<"a,b->c:int"> && !wrong<"-> b"> && !wrong<"a, -> b,"> &&
              !wrong<"a -> b: Union[int, list[str]] | None">);
}  // namespace

BOOST_AUTO_TEST_CASE(both_parsers_see_the_same_fields) {
    const signature& s = rich::get();
    BOOST_TEST(s.inputs.size() == signature_traits<rich>::inputs);
    BOOST_TEST(s.outputs.size() == signature_traits<rich>::outputs);
    BOOST_TEST(s.outputs[3].type == "list[Item]");
    BOOST_TEST(s.outputs[3].shape.validate(json::parse(R"([{"name": "a", "qty": "x"}])")).size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_struct_is_a_signature) {
    const signature& s = signature_traits<classify>::get();
    BOOST_TEST(s.instructions == "Classify a message.");
    BOOST_TEST(s.inputs[0].name == "message");
    BOOST_TEST(s.outputs[1].type == "Literal['low', 'medium', 'high']");
    BOOST_TEST((s.outputs[1].kind == field_kind::choice));
    BOOST_TEST(s.outputs[2].description == "how sure");
    BOOST_TEST(!s.outputs[2].shape.validate(2).empty());
    BOOST_TEST((s.outputs[3].kind == field_kind::optional_text));
    BOOST_TEST(
        s.text() ==
        "message -> intent, level: Literal['low', 'medium', 'high'], confidence: float, note: Union[str, NoneType]");
}

BOOST_AUTO_TEST_CASE(types_of_times_are_checked) {
    struct case_of {
        const char *type, *good, *bad;
    };
    for (auto c : {case_of{"datetime.datetime", "2024-05-01 12:30", "banana"},
                   {"datetime.date", "2024-02-29", "2023-02-29"},
                   {"datetime.time", "12:30", "25:30"},
                   {"datetime.timedelta", "1 day, 2:00:00", "a while"},
                   {"uuid.UUID", "123e4567-e89b-12d3-a456-426614174000", "123e4567"},
                   {"decimal.Decimal", "-12.50", "12,50"},
                   {"decimal.Decimal", "123456789012345678901234567890.1", "many"},
                   {"pydantic.EmailStr", "ann@example.org", "ann"},
                   {"pydantic.HttpUrl", "https://example.org", "example dot org"},
                   {"list[datetime.date]", "[\"2024-02-29\"]", "[\"no\"]"}}) {
        auto s = parse_signature(std::string{"a -> b: "} + c.type);
        auto read = [&](const char* text) {
            return parse(adapter::chat, s, "[[ ## b ## ]]\n" + std::string{text} + "\n\n[[ ## completed ## ]]");
        };
        BOOST_TEST(read(c.good).has_value(), c.type << ' ' << c.good);
        BOOST_TEST(!read(c.bad).has_value(), c.type << ' ' << c.bad);
    }
}

BOOST_AUTO_TEST_CASE(digits_of_a_text_are_kept_and_a_long_number_is_refused) {
    auto s = parse_signature("a -> id: str, n: int");
    auto read = [&](const char* id, const char* n) {
        return parse(adapter::json, s, std::string{"{\"id\": "} + id + ", \"n\": " + n + "}");
    };
    auto kept = read("123456789012345678901234567890", "7");
    BOOST_REQUIRE(kept.has_value());
    BOOST_TEST(kept->at("id").as_string() == "123456789012345678901234567890");
    BOOST_TEST(!read("1", "123456789012345678901234567890").has_value());
}

BOOST_AUTO_TEST_CASE(times_of_cpp_have_pythons_names) {
    struct timed {
        struct input {
            std::string text;
        };
        struct output {
            std::chrono::year_month_day day;
            std::chrono::sys_seconds at;
            std::chrono::hh_mm_ss<std::chrono::seconds> opens;
            std::chrono::minutes takes;
        };
    };
    BOOST_TEST(signature_traits<timed>::get().text() ==
               "text -> day: date, at: datetime, opens: time, takes: timedelta");
    BOOST_TEST(!signature_traits<timed>::get().outputs[0].shape.validate("banana").empty());
}
