// A key in the address of a server, and every place where an address comes to stand.
#include "support/cli.hpp"
#include "support/scripted_openai.hpp"

#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <fstream>
#include <sstream>

using namespace reagent;
using namespace reagent::test;
namespace fs = std::filesystem;

namespace {

const std::string key = "K3yThatNobodySees";

struct place {
    fs::path path;
    place() {
        std::string name = (fs::temp_directory_path() / "reagent-address-XXXXXX").string();
        path = ::mkdtemp(name.data());
    }
    ~place() { fs::remove_all(path); }

    // The files in which a text stands, journals in databases included.
    std::vector<std::string> files_with(const std::string& text) const {
        std::vector<std::string> found;
        for (const auto& entry : fs::recursive_directory_iterator{path}) {
            std::ifstream in{entry.path(), std::ios::binary};
            std::stringstream all;
            all << in.rdbuf();
            if (all.str().find(text) != std::string::npos) found.push_back(entry.path().filename().string());
        }
        return found;
    }
};

struct server {
    std::mutex mutex;
    std::vector<std::string> targets;
    std::string bodies;
    loopback_server http{[this](const server_request& r) {
        std::lock_guard lock{mutex};
        targets.push_back(r.target);
        bodies += r.body;
        if (r.target.starts_with("/otlp")) return server_response{.body = "{}"};
        if (r.target.find("/refused/") != std::string::npos)  // a server that quotes what it was sent
            return server_response{.status = 401, .body = R"({"error":{"message":"bad key in )" + r.target + R"("}})"};
        if (r.target.find("/models") != std::string::npos)
            return server_response{.body = R"({"data":[{"id":"local"}]})"};
        return server_response{
            .body =
                openai_text("[[ ## reasoning ## ]]\nIt is known.\n\n[[ ## answer ## ]]\n4\n\n[[ ## completed ## ]]")};
    }};
    std::string base(const std::string& path) const { return " --api-base '" + http.url(path) + "?key=" + key + "' "; }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(addresses)

BOOST_AUTO_TEST_CASE(a_key_in_an_address_stands_nowhere) {
    server s;
    place p;
    std::string folder = p.path.string(), data = folder + "/data.jsonl",
                journals = " --journals " + folder + "/runs.db ";
    std::ofstream{data} << R"({"question":"What is 2+2?","answer":"4"})"
                        << "\n"
                        << R"({"question":"What is 1+3?","answer":"4"})"
                        << "\n";
    const std::string noisy = "env -u OPENAI_API_KEY -u REAGENT_LM REAGENT_RECORD=" + folder +
                              "/records OTEL_EXPORTER_OTLP_ENDPOINT=" + s.http.url("/otlp") + " ";
    auto shows_no_key = [&](const std::string& arguments, const std::string& must_say) {
        auto done = reagent_cli(arguments, true, noisy);
        BOOST_TEST_CONTEXT(arguments << " -> " << done.code << " " << done.out) {
            BOOST_TEST(done.out.find(key) == std::string::npos);
            BOOST_TEST(done.out.find(must_say) != std::string::npos);
        }
    };
    std::string model = " --lm openai/local " + s.base("/v1"), refused = " --lm openai/local " + s.base("/refused/v1"),
                nobody = " --lm openai/local --api-base 'http://127.0.0.1:1/v1?key=" + key + "' --timeout 20 ",
                question = " 'What is 2+2?' ", plain = " --log-level trace --tools calculator ";
    shows_no_key("ask" + s.base("/v1") + plain + question, "using openai/local from");  // the notice
    shows_no_key("ask" + refused + plain + question, "bad key");                        // a server's words
    shows_no_key("ask" + nobody + plain + question, "127.0.0.1:1");                     // an address that answers not
    shows_no_key("ask --api-base 'http://127.0.0.1:1/v1?key=" + key + "' --tools calculator x", "lists no models");
    shows_no_key("ask --lm openai/x --api-base 'http://me:" + key + "@127.0.0.1:1/v1' --tools calculator x",
                 "(secret)@");
    shows_no_key("ask --lm openai/x --api-base 'ftp://h?key=" + key + "' --tools calculator x", "no usable URL");
    shows_no_key("ask" + model + plain + journals + "--run-id r1" + question, "");  // a journal
    shows_no_key("ask" + refused + plain + journals + "--run-id r2" + question, "");
    shows_no_key("chat" + model + " --tools calculator " + journals + "--session s1 'What is 2+2?'", "reply");
    shows_no_key("runs list" + journals, "r1");
    shows_no_key("runs show r1" + journals, "key=(secret)");
    shows_no_key("runs show r2" + journals, "r2");
    shows_no_key("runs fork r1 --records 1 --new-id r3" + journals, "r3");
    shows_no_key("runs resume r3" + journals, "give it again with --api-base");
    shows_no_key("trace r1 --out " + folder + "/trace.html" + journals, "");
    shows_no_key("models check openai/local" + s.base("/v1"), "key=(secret)");
    shows_no_key("models check openai/local --json" + s.base("/v1"), "key=(secret)");
    std::string program = " --signature 'question -> answer' --metric exact_match:answer ";
    std::string train = " --train " + data + " --val " + data + " --optimizer bootstrap_few_shot ";
    shows_no_key(
        "eval" + model + program + "--data " + data + " --html " + folder + "/eval.html --csv " + folder + "/eval.csv",
        "");
    shows_no_key("compile" + model + program + train + "--state " + folder + "/state --out " + folder + "/program.json",
                 "");
    shows_no_key("compile" + refused + program + train + "--out " + folder + "/other.json", "");
    BOOST_TEST(p.files_with(key) == std::vector<std::string>{}, boost::test_tools::per_element());
    BOOST_TEST(fs::exists(p.path / "runs.db"));
    BOOST_TEST(fs::exists(p.path / "program.json"));
    BOOST_TEST(fs::exists(p.path / "trace.html"));
    BOOST_TEST(fs::exists(p.path / "eval.html"));
    std::size_t exported = 0;
    for (const auto& t : s.targets) exported += t.starts_with("/otlp");
    BOOST_TEST(exported > 0u);
    BOOST_TEST(s.bodies.find(key) == std::string::npos);  // telemetry, and requests themselves
    BOOST_TEST(!fs::is_empty(p.path / "records"));
    // And it was sent: in its place, behind what is asked for.
    std::size_t asked = 0;
    for (const auto& t : s.targets) asked += t == "/v1/chat/completions?key=" + key;
    BOOST_TEST(asked > 3u);
}

// llama.cpp's server with --api-key lists its models to whoever has the key; the errors are its own, byte for byte.
BOOST_AUTO_TEST_CASE(a_server_with_a_key_is_asked_for_its_models_with_it) {
    loopback_server server{[](const server_request& r) {
        if (r.authorization != "Bearer right-key-123")
            return server_response{
                .status = 401,
                .body = R"({"error":{"message":"Invalid API Key","type":"authentication_error","code":401}})"};
        if (r.target == "/v1/models")
            return server_response{.body = R"({"object":"list","data":[{"id":"tiny.gguf"}]})"};
        return server_response{.body = openai_text("[[ ## answer ## ]]\nfine\n[[ ## completed ## ]]")};
    }};
    const std::string command = "ask hello --tools '' --api-base " + server.url("/v1");
    auto ask = [&](const std::string& key) {
        return reagent_cli(command, true, "env -u REAGENT_LM -u OPENAI_API_KEY " + key);
    };
    auto f = ask("OPENAI_API_KEY=right-key-123");
    BOOST_TEST(f.out.find("using openai/tiny.gguf") != std::string::npos, f.out);
    BOOST_TEST(f.out.find("lists no models") == std::string::npos, f.out);
    BOOST_TEST(ask("").out.find("wants a key; set OPENAI_API_KEY (HTTP 401)") != std::string::npos, ask("").out);
    f = ask("OPENAI_API_KEY=wrong-key-123");
    BOOST_TEST(f.out.find("refuses the key in OPENAI_API_KEY (HTTP 401)") != std::string::npos, f.out);
    BOOST_TEST(f.out.find("wrong-key-123") == std::string::npos, f.out);
}

BOOST_AUTO_TEST_CASE(a_server_that_loads_its_model_says_so) {
    loopback_server server{[](const server_request&) {
        return server_response{
            .status = 503, .body = R"({"error":{"message":"Loading model","type":"unavailable_error","code":503}})"};
    }};
    auto f = reagent_cli("ask hello --api-base " + server.url("/v1"), true);
    BOOST_TEST(f.code != 0);
    BOOST_TEST(f.out.find("cannot answer now (HTTP 503); is its model still being loaded?") != std::string::npos,
               f.out);
}

BOOST_AUTO_TEST_SUITE_END()
