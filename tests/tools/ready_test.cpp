#include "support/loopback_server.hpp"

#include <reagent/reagent.hpp>

#include <boost/test/unit_test.hpp>

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace reagent;
using namespace reagent::test;
namespace fs = std::filesystem;

namespace {

std::string call(const tool& t, json::object arguments) {
    tools all{t};
    struct program {
        const tools& all;
        task<observation> forward(run& r, std::string name, json::value a) const {
            return all.call(r, "self", name, a);
        }
    } p{all};
    runtime rt;
    return rt.run(run_options{}, p, t.name(), json::value(arguments)).text();
}

std::string calculated(const char* expression) { return call(ready::calculator(), {{"expression", expression}}); }

struct temporary_folder {
    fs::path path;
    temporary_folder() {
        std::string name = (fs::temp_directory_path() / "reagent-XXXXXX").string();
        path = ::mkdtemp(name.data());
    }
    ~temporary_folder() { fs::remove_all(path); }
    void write(const std::string& name, const std::string& text) const {
        fs::create_directories((path / name).parent_path());
        std::ofstream{path / name} << text;
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(ready_tools)

BOOST_AUTO_TEST_CASE(the_calculator_calculates) {
    BOOST_TEST(calculated("(17 / 100 * 2340) + 12") == "409.8");
    BOOST_TEST(calculated("0.1 + 0.2") == "0.3");
    BOOST_TEST(calculated("2^10") == "1024");
    BOOST_TEST(calculated("17% * 2340") == "397.8");
    BOOST_TEST(calculated("mod(17, 5)") == "2");
    BOOST_TEST(calculated("1/0").find("infinite") != std::string::npos);
    BOOST_TEST(calculated("2,340 + 1").find("without separators") != std::string::npos);
    BOOST_TEST(calculated("import os").find("cannot be calculated") != std::string::npos);
    BOOST_TEST(calculated(std::string(5000, '(').c_str()).find("longer than") != std::string::npos);
    BOOST_TEST(calculated(std::string(900, '(').c_str()).find("nested too deeply") != std::string::npos);
    BOOST_TEST(calculated("-2^2 + 2^3^2 + 50%^2 + 2*-3 + 2^-1") == "502.75");
    BOOST_TEST(calculated("1 < 2 && 3 != 2 ? min(4, 7, 5) : 9") == "4");
    BOOST_TEST(calculated("27^(1/3) + sqrt(16) + ln(_e) + log10(1000) + sin(_pi) + mod(-3, 5) + floor(1/3*3)") == "14");
    BOOST_TEST(calculated("sqrt(2, 340)").find("takes 1 number") != std::string::npos);
    BOOST_TEST(calculated("-8^0.5 + (-8)^0.5").find("not a number") != std::string::npos);
}

// What a double does not hold is exact, or says that it is not.
BOOST_AUTO_TEST_CASE(the_calculator_changes_no_number_in_silence) {
    const std::pair<const char*, const char*> exact[]{{"1000000000000001+1", "1000000000000002"},
                                                      {"94906267*94906267", "9007199515875289"},
                                                      {"4111111111111111", "4111111111111111"},
                                                      {"2147483647*2147483647", "4611686014132420609"},
                                                      {"9007199254740993", "9007199254740993"},
                                                      {"(10^60 + 1) - 10^60", "1"},
                                                      {"mod(10^17 + 3, 10)", "3"},
                                                      {"2^64", "18446744073709551616"},
                                                      {"_pi", "3.141592653589793"},
                                                      {"123456789012345.67", "123456789012345.67"},
                                                      {"1000000000000000.1 + 0.1", "1000000000000000.2"},
                                                      {"100 / 3", "33.333333333333336"}};
    for (const auto& [expression, result] : exact) BOOST_TEST(calculated(expression) == result);
    for (const char* inexact :
         {"10^17 / 3", "2^500", "0.99999999999999999999", "(10^120 + 1) - 10^120", "9007199254740993.5"})
        BOOST_TEST(calculated(inexact).starts_with("about "), inexact << " = " << calculated(inexact));
    for (const char* large : {"2^1024", "1e308 * 10", "9^9^9", "exp(1000)", "1e99999999"})
        BOOST_TEST(calculated(large).find("overflow") != std::string::npos, large << " = " << calculated(large));
    BOOST_TEST(calculated("1e-300 * 1e-300").find("underflow") != std::string::npos);
}

// `what()` ends at a zero byte; the message does not.
BOOST_AUTO_TEST_CASE(an_error_about_text_with_a_zero_byte_goes_on_behind_it) {
    temporary_folder root;
    root.write("a.txt", "hello");
    const std::string zero(1, '\0'), shown = "\xEF\xBF\xBD";
    auto says = [&](const tool& t, const char* argument, const std::string& value, const std::string& words) {
        auto said = call(t, {{argument, value}});
        BOOST_TEST(said.starts_with("Error:"), said);
        BOOST_TEST(said.find(words) != std::string::npos, said);
    };
    says(ready::read_file(root.path), "path", "a.txt" + zero + ".md",
         "\"a.txt" + shown + ".md\" cannot be read: give the name of a file");
    says(ready::http_get({.hosts = {"models.example"}}), "url", "http://models.example/a" + zero + "b",
         "Change the arguments");
    says(ready::calculator(), "expression", "1 + 1" + zero + " + 1",
         "1 + 1" + shown + " + 1\" cannot be calculated: it holds a zero byte");
    says(ready::sqlite_query(REAGENT_SHOP), "query", "SELECT \"a" + zero + "b\" FROM orders", "Change the arguments");
    const lm_error of_sdk{lm_errc::server_error, "a" + zero + "b"};
    BOOST_TEST(of_sdk.what() == "a" + shown + "b");
}

BOOST_AUTO_TEST_CASE(values_of_a_database_are_shown_only_where_the_policy_says_so) {
    BOOST_TEST(ready::sqlite_query(REAGENT_SHOP).description().find("delivered") == std::string::npos);
    sql::policy p{.allowed_tables = {"orders"}, .listed_columns = {"orders.status"}};
    auto d = ready::sqlite_query(REAGENT_SHOP, {.policy = p}).description();
    BOOST_TEST(d.find("status TEXT: 'cancelled' | 'delivered'") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(sql_reads_and_only_reads) {
    auto t = ready::sqlite_query(REAGENT_SHOP);
    auto sql = [&](const char* q) { return call(t, {{"query", q}}); };
    BOOST_TEST(t.description().find("customer_id INTEGER -> customers.id") != std::string::npos);
    BOOST_TEST(sql("SELECT count(*) AS n FROM orders") == R"({"columns": ["n"], "rows": [[1660]]})");
    BOOST_TEST(
        sql("WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 3) SELECT max(n) AS m FROM t")
            .find("[[3]]") != std::string::npos);
    for (const char* q :
         {"DELETE FROM orders", "DROP TABLE orders", "UPDATE orders SET total = 0", "PRAGMA writable_schema = 1",
          "ATTACH '/tmp/x.db' AS x", "INSERT INTO orders DEFAULT VALUES", "SELECT load_extension('x')",
          "CREATE TEMP TABLE t(x)", "VACUUM INTO '/tmp/reagent-stolen.db'", "BEGIN"})
        BOOST_TEST(sql(q).starts_with("Error:"), q << " -> " << sql(q));
    BOOST_TEST(sql("SELECT 1; DROP TABLE orders").find("There are 2 statements") != std::string::npos);
    BOOST_TEST(sql("SELECT * FROM nowhere").find("\"nowhere\" is not allowed; use") != std::string::npos,
               sql("SELECT * FROM nowhere"));
    BOOST_TEST(sql("").find("There is no statement") != std::string::npos);
    BOOST_TEST(sql("SELECT id FROM orders").find("there are more rows") != std::string::npos);
    auto quick = ready::sqlite_query(REAGENT_SHOP, {.time_limit = std::chrono::milliseconds{50}});
    BOOST_TEST(call(quick, {{"query",
                             "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT count(*) FROM t"}})
                   .find("longer than 50 ms") != std::string::npos);
    BOOST_CHECK_THROW(ready::sqlite_query("/nowhere.db"), tool_error);
}

BOOST_AUTO_TEST_CASE(a_query_without_a_time_limit_is_asked_for_by_name) {
    for (auto none : {0, -1}) {
        auto limit = std::chrono::milliseconds{none};
        for (auto make : std::vector<std::function<void()>>{
                 [&] { ready::sqlite_query(REAGENT_SHOP, {.time_limit = limit}); },
                 [&] { ready::postgres_query(secret{"host=/nowhere"}, {.time_limit = limit}); }})
            BOOST_CHECK_EXCEPTION(make(), tool_error, [](const tool_error& e) {
                return e.code() == tool_errc::bad_configuration &&
                       std::string{e.what()}.find("no_time_limit") != std::string::npos;
            });
    }
    auto t = ready::sqlite_query(REAGENT_SHOP, {.time_limit = ready::no_time_limit});
    BOOST_TEST(call(t, {{"query", "SELECT count(*) AS n FROM orders"}}) == R"({"columns": ["n"], "rows": [[1660]]})");
}

BOOST_AUTO_TEST_CASE(files_are_read_below_their_root_only) {
    temporary_folder outside, root;
    outside.write("secret.txt", "secret");
    root.write("notes/a.txt", "hello");
    root.write("binary", std::string("a\0b", 3));
    root.write("big.txt", std::string(1000, 'x'));
    fs::create_symlink(outside.path / "secret.txt", root.path / "link.txt");
    fs::create_directory_symlink(outside.path, root.path / "folder");
    auto t = ready::read_file(root.path, 100);
    auto read = [&](const std::string& p) { return call(t, {{"path", p}}); };
    BOOST_TEST(read("notes/a.txt") == "hello");
    BOOST_TEST(read("notes/../notes/a.txt").find("secret") == std::string::npos);
    for (std::string p : {std::string{"link.txt"}, std::string{"folder/secret.txt"},
                          "../" + outside.path.filename().string() + "/secret.txt",
                          (outside.path / "secret.txt").string(), std::string{"notes"}, std::string{""},
                          std::string{"binary"}, std::string{"/etc/passwd"}, std::string{"nothing.txt"}}) {
        BOOST_TEST(read(p).starts_with("Error:"), p << " -> " << read(p));
        BOOST_TEST(read(p).find("root:") == std::string::npos);
    }
    BOOST_TEST(read("big.txt").find("the file has 1000 bytes") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(only_allowed_hosts_are_asked) {
    loopback_server server{[](const server_request& r) {
        if (r.target == "/moved")
            return server_response{.status = 302, .headers = {{"Location", "http://127.0.0.1:1/"}}};
        return server_response{.body = "page " + r.target, .content_type = "text/plain"};
    }};
    auto host = "127.0.0.1:" + std::to_string(server.port());
    auto t = ready::http_get({.hosts = {host}});
    BOOST_TEST(call(t, {{"url", server.url("/x")}}).find("page /x") != std::string::npos);
    BOOST_TEST(call(t, {{"url", server.url("/moved")}}).find("redirects_to") != std::string::npos);
    for (std::string url : {std::string{"http://127.0.0.1:1/"}, "http://" + host + "@example.invalid/",
                            std::string{"file:///etc/passwd"}, std::string{"http://127.0.0.1.example.invalid/"}})
        BOOST_TEST(call(t, {{"url", url}}).starts_with("Error:"), url);
    BOOST_TEST(server.requests() == 2);
    BOOST_CHECK_THROW(ready::http_get({}), tool_error);
}

BOOST_AUTO_TEST_CASE(a_host_means_the_same_to_the_check_and_to_the_client) {
    loopback_server server{
        [](const server_request&) { return server_response{.body = "page", .content_type = "text/plain"}; }};
    std::string port = std::to_string(server.port());
    auto t = ready::http_get({.hosts = {"LocalHost:" + port}});
    BOOST_TEST(call(t, {{"url", "http://LOCALHOST:0" + port + "/"}}).find("page") != std::string::npos);
    int asked = server.requests();
    BOOST_TEST(asked == 1);
    for (std::string other : {"localhost:" + port + "%20", "localhost.:" + port, "localhost:" + port + ":" + port,
                              "127.0.0.1:" + port, "localhost%3a" + port, "localhost:" + port + "\\@x"})
        BOOST_TEST(call(t, {{"url", "http://" + other + "/"}}).starts_with("Error:"), other);
    BOOST_TEST(server.requests() == asked);
    // "::1:8080" is an address; with brackets it is one with a port.
    auto six = ready::http_get({.hosts = {"::1:8080", "[::1]:1"}});
    BOOST_TEST(call(six, {{"url", "http://[::1]:8080/"}}).find("may not be asked") != std::string::npos);
    BOOST_TEST(call(six, {{"url", "http://[::1]:1/"}}).find("may not be asked") == std::string::npos);
    for (const char* unusable :
         {"", "http://example.org", "example.org/", "example.org:x", "*.example.org", "a@b", "0x7f.1"})
        BOOST_CHECK_THROW(ready::http_get({.hosts = {unusable}}), tool_error);
}

BOOST_AUTO_TEST_CASE(the_time_comes_from_the_run) {
    tools all{ready::current_time()};
    struct program {
        const tools& all;
        task<std::string> forward(run& r) const {
            json::object nothing;
            auto o = co_await all.call(r, "self", "current_time", std::move(nothing));
            co_return o.text();
        }
    } p{all};
    runtime rt;
    auto running = rt.start(run_options{}, p);
    auto now = running.get();
    auto report = running.report();
    BOOST_TEST(now.find("day, 20") != std::string::npos);
    BOOST_TEST(now.ends_with("Z"));
    // What the clock said is in the journal, so another day's replay says the same.
    auto told = std::find_if(report.history->events().begin(), report.history->events().end(),
                             [](const auto& e) { return e.kind == event_kind::clock; });
    BOOST_REQUIRE((told != report.history->events().end()));
    auto seconds = static_cast<std::time_t>(told->result.to_number<std::int64_t>() / 1'000'000);
    char text[64];
    std::strftime(text, sizeof text, "%Y-%m-%d", std::gmtime(&seconds));
    BOOST_TEST(now.find(text) != std::string::npos, now);
}

BOOST_AUTO_TEST_SUITE_END()
