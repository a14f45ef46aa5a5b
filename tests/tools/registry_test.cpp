#include "support/cases.hpp"

#include <reagent/deadline.hpp>
#include <reagent/reagent.hpp>
#include <reagent/schema/render.hpp>
#include <reagent/schema/repair.hpp>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <cmath>
#include <thread>

using namespace reagent;
using namespace reagent::test;
using namespace std::chrono_literals;

namespace {

observation call(const tools& all, const std::string& name, json::value arguments, run_options options = {}) {
    struct program {
        const tools& all;
        task<observation> forward(run& r, std::string name, json::value arguments) const {
            return all.call(r, "self", name, arguments);
        }
    } p{all};
    runtime rt;
    return rt.run(options, p, name, arguments);
}

double add(double a, double b) { return a + b; }
enum class unit { c, f };
struct booking {
    std::string guest;
    int nights;
    std::optional<std::string> wish;
};
struct order {
    std::string item;
    int count;
};
struct basket {
    std::vector<order> orders;
    std::optional<order> gift;
    std::map<std::string, order> by_name;
    std::variant<order, booking> what;
};
struct shop {
    std::string owner = "Ingrid";
    std::string find(std::string name) const { return owner + " knows " + name; }
};

// The functions that the golden file's tools stand for.
tools golden_tools() {
    tools t;
    t.add("add", "Adds two numbers.", add, {"a", "b"});
    t.add("add_default", "Adds.", [](std::int64_t a, std::int64_t b) { return a + b; }, {"a", {"b", "", 2}});
    t.add("search", "Finds passages.",
          [](std::string q, std::int64_t k, std::optional<std::vector<std::string>>) {
              return std::vector<std::string>(static_cast<std::size_t>(k), q);
          },
          {"query", {"k", "", 5}, "tags"});
    t.add("temp", "Temperature of a city.", [](std::string city, unit u) { return city + (u == unit::c ? "c" : "f"); },
          {"city", {"unit", "", "c"}});
    t.add("flag", "Sets a flag.", [](bool on) { return std::string{on ? "True" : "False"}; }, {"on"});
    t.add("mapping", "Sums values.",
          [](std::map<std::string, std::int64_t> m) {
              std::int64_t s = 0;
              for (auto& [k, v] : m) s += v;
              return s;
          },
          {"m"});
    t.add("any_kw", "Accepts any.",
          [](rest all) {
              std::vector<std::string> names;
              for (auto& [k, v] : all.values) names.emplace_back(k);
              return names;
          },
          {"kwargs"});
    t.add("nested", "Nested lists.",
          [](std::vector<std::vector<std::int64_t>> xs) {
              std::int64_t s = 0;
              for (auto& x : xs)
                  for (auto v : x) s += v;
              return s;
          },
          {"xs"});
    return t;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(registry)

BOOST_DATA_TEST_CASE(schemas_and_calls_agree_with_dspy, cases_of("tool_schema.json"), c) {
    tools all = golden_tools();
    const tool* t = all.find(c.text("name"));
    BOOST_REQUIRE(t);
    BOOST_TEST(t->description() == c.text("description"));
    BOOST_TEST(equal_json(json::value(t->parameters()), c.data.at("openai").at("function").at("parameters")),
               json::value(t->parameters()));
    for (const auto& value : c.data.at("calls").as_array()) {
        const auto& made = value.as_object();
        auto o = call(all, t->name(), made.at("args"));
        BOOST_TEST(o.failed == made.contains("error"), made.at("args") << " -> " << o.text());
        if (!o.failed) BOOST_TEST(equal_json(o.value, made.at("result")), o.value << " for " << made.at("result"));
    }
}

BOOST_AUTO_TEST_CASE(every_kind_of_function_is_a_tool) {
    tools t;
    shop s;
    auto shared = std::make_shared<shop>();
    int captured = 3;
    t.add("pointer", "", add, {"a", "b"});
    t.add("lambda", "", [captured](int x) { return x * captured; }, {"x"});
    t.add("member", "", &shop::find, &s, {"name"});
    t.add("shared_member", "", &shop::find, shared, {"name"});
    t.add("coroutine", "", [](std::string city) -> task<std::string> { co_return "found " + city; }, {"city"});
    t.add("with_run", "", [](run& r, int x) { return x + static_cast<int>(r.random() * 0); }, {"x"});
    t.add("coroutine_with_run", "", [](run& r, int x) -> task<int> { co_return x + (r.branch_name() == "0" ? 1 : 0); },
          {"x"});
    t.add("nothing", "", [] {}, {});
    t.add("structure", "", [](booking b) { return b.guest + std::to_string(b.nights) + b.wish.value_or("-"); });
    t.add("named_structure", "", [](booking b) { return b.nights; }, {"b"});
    t.add("quick", "", [](field<int, "a number", range{0, 9}> x) { return x.value; }, {"x"}, {.quick = true});
    BOOST_TEST(call(t, "pointer", json::parse(R"({"a":1,"b":2})")).value.as_double() == 3.0);
    BOOST_TEST(call(t, "lambda", json::parse(R"({"x":4})")).text() == "12");
    BOOST_TEST(call(t, "member", json::parse(R"({"name":"Tomas"})")).text() == "Ingrid knows Tomas");
    BOOST_TEST(call(t, "shared_member", json::parse(R"({"name":"Tomas"})")).text() == "Ingrid knows Tomas");
    BOOST_TEST(call(t, "coroutine", json::parse(R"({"city":"Oslo"})")).text() == "found Oslo");
    BOOST_TEST(call(t, "with_run", json::parse(R"({"x":1})")).text() == "1");
    BOOST_TEST(call(t, "coroutine_with_run", json::parse(R"({"x":1})")).text() == "2");
    BOOST_TEST(call(t, "nothing", json::object{}).text() == "Done.");
    BOOST_TEST(call(t, "structure", json::parse(R"({"guest":"A","nights":2})")).text() == "A2-");
    BOOST_TEST(call(t, "structure", json::parse(R"({"guest":"A"})")).failed);
    BOOST_TEST(call(t, "named_structure", json::parse(R"({"b":{"guest":"A","nights":2}})")).text() == "2");
    BOOST_TEST(call(t, "quick", json::parse(R"({"x":7})")).text() == "7");
    BOOST_TEST(call(t, "quick", json::parse(R"({"x":70})")).text().find("must be at most 9") != std::string::npos);
    BOOST_TEST(t.find("quick")->parameters().at("properties").at("x").at("description").as_string() == "a number");
}

BOOST_AUTO_TEST_CASE(failures_are_observations_that_say_what_to_do) {
    tools t;
    t.add("boom", "", []() -> int { throw std::runtime_error{"out of cheese"}; });
    t.add("odd", "", []() -> int { throw 7; });
    t.add("slow", "",
          [] {
              std::this_thread::sleep_for(300ms);
              return 1;
          },
          {}, {.timeout = 20ms});
    auto waits = []() -> task<int> {
        boost::asio::steady_timer timer{co_await boost::asio::this_coro::executor, 10s};
        co_await timer.async_wait(boost::asio::use_awaitable);
        co_return 1;
    };
    t.add("slow_coroutine", "", waits, {}, {.timeout = 20ms});
    t.add("quick_coroutine", "", waits, {}, {.quick = true, .timeout = 20ms});  // a coroutine waits all the same
    t.add("not_quick", "", [] { return std::this_thread::sleep_for(5ms), 1; }, {}, {.quick = true, .timeout = 1ms});
    t.add("long", "", [] { return std::string(100'000, 'x') + "\u00e9"; }, {}, {.max_result_bytes = 1000});
    t.add("two", "", add, {"first", "second"});
    auto contains = [&](const char* name, json::value args, std::initializer_list<const char*> parts) {
        auto o = call(t, name, args);
        for (auto p : parts) BOOST_TEST(o.text().find(p) != std::string::npos, o.text());
        return o.failed;
    };
    BOOST_TEST(contains("boom", json::object{}, {"out of cheese", "Change the arguments"}));
    BOOST_TEST(contains("odd", json::object{}, {"no std::exception"}));
    BOOST_TEST(contains("slow", json::object{}, {"did not finish within 20 ms"}));
    BOOST_TEST(contains("slow_coroutine", json::object{}, {"did not finish within 20 ms"}));
    BOOST_TEST(contains("quick_coroutine", json::object{}, {"did not finish within 20 ms"}));
    BOOST_TEST(!contains("not_quick", json::object{}, {"1"}));  // nothing interrupts what keeps the run's own thread
    // What a tool aborted by itself is its failure, and no end of the run.
    t.add("aborted", "",
          []() -> task<int> {
              boost::asio::steady_timer timer{co_await boost::asio::this_coro::executor, 10s};
              boost::asio::post(timer.get_executor(), [&timer] { timer.cancel(); });
              co_await timer.async_wait(boost::asio::use_awaitable);
              co_return 1;
          },
          {});
    BOOST_TEST(contains("aborted", json::object{}, {"`aborted` failed: ", "canceled"}));
    BOOST_TEST(contains("nope", json::object{}, {"no tool `nope`", "boom, odd"}));
    BOOST_TEST(contains("tw", json::object{}, {"did you mean `two`?"}));
    BOOST_TEST(contains("two", json::parse(R"({"first":1})"), {"second is missing", "\"required\""}));
    BOOST_TEST(
        contains("two", json::parse(R"({"first":"a","second":1})"), {"first expected number, got string \"a\""}));
    BOOST_TEST(contains("two", json::parse(R"({"first":1,"second":2,"third":3})"), {"third is not a known property"}));
    BOOST_TEST(contains("two", json::array{1, 2}, {"expected object"}));
    auto o = call(t, "long", json::object{});
    BOOST_TEST(!o.failed);
    BOOST_TEST(o.text().size() < 1200u);
    BOOST_TEST(o.text().find("1000 of 100002 bytes") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(destructive_tools_are_approved_first) {
    int dropped = 0;
    tools t;
    t.add("drop", "", [&](std::string) { return ++dropped; }, {"table"}, {.destructive = true});
    BOOST_TEST(call(t, "drop", json::parse(R"({"table":"a"})")).text().find("nobody is there to approve") !=
               std::string::npos);
    std::string asked;
    bool answer = false;
    t.on_approval([&](run&, const tool& which, const json::object& arguments) -> task<bool> {
        asked = which.name() + " " + json::serialize(arguments);
        co_return answer;
    });
    BOOST_TEST(call(t, "drop", json::parse(R"({"table":"a"})")).failed);
    BOOST_TEST(asked == R"(drop {"table":"a"})");
    BOOST_TEST(dropped == 0);
    answer = true;
    BOOST_TEST(!call(t, "drop", json::parse(R"({"table":"a"})")).failed);
    BOOST_TEST(dropped == 1);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_registered_is_refused) {
    tools t;
    t.add("a", "", add, {"x", "y"});
    BOOST_CHECK_THROW(t.add("a", "", add, {"x", "y"}), tool_error);
    BOOST_CHECK_THROW(t.add("with space", "", add, {"x", "y"}), tool_error);
    BOOST_CHECK_THROW(t.add("", "", add, {"x", "y"}), tool_error);
    BOOST_CHECK_THROW(t.add("b", "", add, {"x"}), tool_error);
    BOOST_CHECK_THROW(t.add("b", "", add), tool_error);
    BOOST_CHECK_THROW(t.add("b", "", add, {"x", "x"}), tool_error);
    BOOST_CHECK_THROW(t.add("b", "", add, {"x", "not good"}), tool_error);
    BOOST_CHECK_THROW(t.add("b", "", add, {"x", {"y", "", "text"}}), tool_error);
}

BOOST_AUTO_TEST_CASE(bytes_of_a_tool_that_are_no_text_are_shown_as_such) {
    tools t;
    t.add("read", "",
          [] {
              return json::object{{"caf\xe9", json::array{"na\xefve", "ok \xC3\xBC"}}};
          },
          {}, {.quick = true});
    t.add("fail", "", []() -> int { throw std::runtime_error{"caf\xe9"}; }, {}, {.quick = true});
    BOOST_TEST(dump_json(call(t, "read", json::object{}).value) == "{\"caf\uFFFD\": [\"na\uFFFDve\", \"ok \u00FC\"]}");
    BOOST_TEST(python_str(call(t, "fail", json::object{}).value).find("caf\uFFFD") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(lists_that_were_written_as_text_are_read) {
    tools t;
    t.add("plan", "",
          [](std::vector<std::string> items, std::string note) { return note + std::to_string(items.size()); },
          {"items", {"note", "", ""}}, {.quick = true});
    auto result = [&](const char* arguments) { return call(t, "plan", json::parse(arguments)); };
    BOOST_TEST(python_str(result(R"({"items": "[\"a\", \"b\"]"})").value) == "2");
    BOOST_TEST(python_str(result(R"({"items": ["a"], "note": "[1]"})").value) == "[1]1");  // a text stays one
    BOOST_TEST(result(R"({"items": "[\"a\", \"b"})").failed);
    BOOST_TEST(result(R"({"items": "a, b"})").failed);
    BOOST_TEST(result(R"({"items": "[1, 2]"})").failed);
}

BOOST_AUTO_TEST_CASE(dates_of_arguments_are_checked) {
    tools t;
    t.add("book", "",
          [](std::chrono::year_month_day day, std::chrono::sys_seconds at) {
              std::chrono::sys_days next = std::chrono::sys_days{day} + std::chrono::days{1};
              return std::string{next == std::chrono::floor<std::chrono::days>(at) ? "next day" : "another day"};
          },
          {"day", "at"});
    BOOST_TEST(call(t, "book", {{"day", "2024-02-28"}, {"at", "2024-02-29T23:00:00Z"}}).value ==
               json::value("next day"));
    for (auto [day, at] :
         {std::pair{"banana", "2024-02-29T23:00:00Z"}, {"2024-02-30", "2024-02-29T23:00:00Z"}, {"2024-02-28", "soon"}})
        BOOST_TEST(call(t, "book", {{"day", day}, {"at", at}}).failed);
    json::object parameters =
        json::parse(R"({"type":"object","properties":{"to":{"type":"string","format":"email"}}})").as_object();
    t.add(tool{"write", "", parameters, [](run&, json::object) -> task<json::value> { co_return "sent"; }});
    BOOST_TEST(call(t, "write", {{"to", "ann@example.org"}}).value == json::value("sent"));
    auto refused = call(t, "write", {{"to", "ann"}});
    BOOST_TEST(refused.failed);
    BOOST_TEST(refused.text().find("email") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(arguments_that_other_parts_of_a_schema_name_are_known) {
    tools t;
    json::object parameters = json::parse(R"({"type":"object","properties":{"a":{"type":"integer"}},
        "allOf":[{"properties":{"b":{"type":"integer"}}}]})")
                                  .as_object();
    t.add(tool{"sum", "", parameters, [](run&, json::object o) -> task<json::value> { co_return o.size(); }});
    BOOST_TEST(!call(t, "sum", {{"a", 1}, {"b", 2}}).failed);
    BOOST_TEST(call(t, "sum", {{"a", 1}, {"c", 2}}).failed);
}

// What a model gives and no struct has is refused wherever it stands, as it is at the top: it may have meant it.
BOOST_AUTO_TEST_CASE(further_members_of_structs_are_refused_at_any_depth) {
    int acted = 0;
    tools t;
    t.add("buy", "", [&](std::vector<order> orders) { return ++acted, orders.size(); }, {"orders"}, {.quick = true});
    t.add("fill", "", [&](basket b) { return ++acted, b.orders.size(); }, {}, {.quick = true});
    t.add("more", "", [&](order o, rest others) { return ++acted, o.item + std::to_string(others.values.size()); },
          {"o", "others"}, {.quick = true});
    const std::string good = R"({"item": "x", "count": 2})", bad = R"({"item": "x", "count": 2, "coupon": "HALF"})";
    auto fill = [&](const std::string& orders, const std::string& gift, const std::string& named,
                    const std::string& what) {
        return call(t, "fill",
                    json::parse(R"({"orders": [)" + orders + R"(], "gift": )" + gift + R"(, "by_name": {"a": )" +
                                named + R"(}, "what": )" + what + "}"));
    };
    BOOST_TEST(!fill(good, good, good, R"({"guest": "g", "nights": 1, "wish": null})").failed);
    BOOST_TEST(!call(t, "more", json::parse(R"({"o": )" + good + R"(, "x": 1})")).failed);
    BOOST_TEST(acted == 2);
    for (auto [wrong, path] : {std::pair{call(t, "buy", json::parse(R"({"orders": [)" + good + "," + bad + "]}")),
                                         "orders[1].coupon is not a known property"},
                               {fill(bad, good, good, good), "orders[0].coupon"},
                               {fill(good, bad, good, good), "gift.coupon"},
                               {fill(good, "null", bad, good), "by_name.a.coupon"},
                               {fill(good, "null", good, bad), "what.coupon"},
                               {fill(good, "null", good, R"({"guest": "g", "nights": 1, "item": "x"})"), "what."},
                               {call(t, "more", json::parse(R"({"o": )" + bad + "}")), "o.coupon"}}) {
        BOOST_TEST(wrong.failed, path);
        BOOST_TEST(wrong.text().find(path) != std::string::npos, wrong.text() << " " << path);
    }
    BOOST_TEST(acted == 2);
    BOOST_TEST(!t.find("buy")
                    ->parameters()
                    .at("properties")
                    .at("orders")
                    .at("items")
                    .as_object()
                    .contains("additionalProperties"));
}

BOOST_AUTO_TEST_CASE(a_float_takes_what_it_holds) {
    int acted = 0;
    tools t;
    t.add("set", "", [&](float f) { return ++acted, f; }, {"f"}, {.quick = true});
    for (json::value lost : {json::value(1e39), json::value(16777217), json::value(HUGE_VAL), json::value("1.5")})
        BOOST_TEST(call(t, "set", {{"f", lost}}).failed, lost);
    BOOST_TEST(acted == 0);
    BOOST_TEST(!call(t, "set", {{"f", 0.1}}).failed);
}

BOOST_AUTO_TEST_CASE(a_timeout_that_no_clock_reaches_is_none) {
    for (std::chrono::milliseconds limit :
         {std::chrono::milliseconds::max(), std::chrono::milliseconds::max() / 2,
          std::chrono::milliseconds{std::chrono::hours{24 * 365 * 1000}}, 0ms, -1ms}) {
        tools t;
        t.add("wait", "",
              [](int n) -> task<int> {
                  asio::steady_timer timer{co_await asio::this_coro::executor, 5ms};
                  co_await timer.async_wait(asio::use_awaitable);
                  co_return n;
              },
              {"n"}, {.timeout = limit});
        t.add("block", "", [](int n) { return std::this_thread::sleep_for(5ms), n; }, {"n"}, {.timeout = limit});
        for (const char* name : {"wait", "block"}) BOOST_TEST(call(t, name, {{"n", 3}}).text() == "3", limit.count());
    }
}

BOOST_AUTO_TEST_CASE(a_text_that_is_not_there_is_null) {
    tools t;
    t.add("name", "", []() -> const char* { return nullptr; }, {}, {.quick = true});
    BOOST_TEST(call(t, "name", json::object{}).value.is_null());
    t.add("grade", "", [](char c) { return c; }, {"c"}, {.quick = true});
    BOOST_TEST(call(t, "grade", {{"c", "A"}}).value == json::value("A"));
    BOOST_TEST(call(t, "grade", {{"c", 65}}).failed);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_CASE(an_infinity_is_no_argument_of_any_type) {
    tools t;
    t.add("keep", "", [](json::value v) { return json::serialize(v); }, {"v"});
    t.add("keep_all", "", [](std::map<std::string, json::value> v) { return v.size(); }, {"v"});
    for (const char* number : {"1e99999", "-1e99999"})
        for (std::string v : {std::string{number}, "[1, " + std::string{number} + "]",
                              "{\"a\": {\"b\": [" + std::string{number} + "]}}"}) {
            auto o = call(t, "keep", *parse_json("{\"v\": " + v + "}"));
            BOOST_TEST(o.failed, v << " -> " << o.text());
            BOOST_TEST(o.text().find("v") != std::string::npos);
            auto all = call(t, "keep_all", *parse_json("{\"v\": {\"x\": " + v + "}}"));
            BOOST_TEST(all.failed, v << " -> " << all.text());
        }
    BOOST_TEST(!call(t, "keep", {{"v", 1e308}}).failed);
    BOOST_TEST(!call(t, "keep", {{"v", json::array{nullptr, "1e99999"}}}).failed);
}
