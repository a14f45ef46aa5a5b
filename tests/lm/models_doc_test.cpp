// docs/models.md says which provider has what; every cell of its table is tried here.
#include "../../sdk/src/lm/providers/protocol.hpp"
#include "support/cases.hpp"

#include <reagent/error.hpp>
#include <reagent/lm/embedder.hpp>

#include <boost/test/unit_test.hpp>

#include <fstream>
#include <functional>
#include <map>

using namespace reagent;

namespace {

std::vector<std::string> cells_of(const std::string& line) {
    std::vector<std::string> cells;
    std::size_t at = 1;
    for (std::size_t end; (end = line.find('|', at)) != line.npos; at = end + 1) {
        std::string cell = line.substr(at, end - at);
        cell.erase(0, cell.find_first_not_of(" `"));
        cell.erase(cell.find_last_not_of(" `") + 1);
        cells.push_back(cell);
    }
    return cells;
}

const tool_description tool{"t", "A tool.", json::object{{"type", "object"}, {"properties", json::object{}}}};

struct feature {
    std::function<void(lm_request&)> use;
    const char* mark;  // in the body when it is sent
};

const std::map<std::string, feature> features{
    {"system",
     {[](lm_request& r) {
          r.messages.insert(r.messages.begin(), message{role::system, "MARK"});
      },
      "MARK"}},
    {"tools", {[](lm_request& r) { r.tools = {tool}; }, "A tool."}},
    {"forced tool", {[](lm_request& r) { r.tools = {tool}, r.tool_choice.kind = tool_choice::required; }, ""}},
    {"one named tool",
     {[](lm_request& r) {
          r.tools = {tool}, r.tool_choice = {tool_choice::one, "t"};
      },
      ""}},
    {"parallel calls off", {[](lm_request& r) { r.tools = {tool}, r.parallel_tool_calls = false; }, "parallel"}},
    {"structured output",
     {[](lm_request& r) {
          r.outputs_schema =
              json::parse(R"({"type":"object","title":"MARK","properties":{},"required":[]})").as_object();
      },
      "MARK"}},
    {"image bytes",
     {[](lm_request& r) { r.messages[0].images = {image::from_bytes("\x89PNG\r\n\x1a\n")}; }, "iVBORw0KGgo="}},
    {"image address",
     {[](lm_request& r) { r.messages[0].images = {image::from_url("https://example.org/MARK.png")}; }, "MARK"}},
    {"reasoning effort", {[](lm_request& r) { r.sampling.reasoning_effort = effort::low; }, ""}},
    {"temperature, top_p", {[](lm_request& r) { r.sampling.temperature = 0.125, r.sampling.top_p = 0.25; }, "1.25E-1"}},
    {"max_tokens", {[](lm_request& r) { r.sampling.max_tokens = 4321; }, "4321"}},
    {"stop", {[](lm_request& r) { r.sampling.stop = {"MARK"}; }, "MARK"}},
    {"seed", {[](lm_request& r) { r.sampling.seed = 4321; }, "4321"}},
    {"n", {[](lm_request& r) { r.sampling.n = 7; }, "7"}},
};

bool has(const provider::protocol& p, const feature& f) {
    lm_request plain, used;
    plain.messages = used.messages = {{role::user, "hi"}};
    if (!used.tools.empty()) plain.tools = used.tools;
    f.use(used);
    provider::call_settings settings{"m"};
    try {
        auto call = p.write(settings, used);
        BOOST_TEST(call.dropped.empty());
        BOOST_TEST(call.body != p.write(settings, plain).body);
        BOOST_TEST(call.body.find(f.mark) != std::string::npos, call.body);
        return true;
    } catch (const lm_error& e) {
        BOOST_TEST((e.code() == lm_errc::unsupported_option || e.code() == lm_errc::invalid_request));
        return false;
    }
}

bool has_embeddings(const std::string& provider) {
    try {
        embedder{provider + "/m", {.api_key = secret{"k"}}};
        return true;
    } catch (const lm_error&) {
        return false;
    }
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_table_of_providers_is_true) {
    std::ifstream in{std::string{REAGENT_TEST_DATA} + "/../docs/models.md"};
    BOOST_REQUIRE(in);
    std::vector<std::string> providers;
    std::size_t cells_tried = 0, rows = 0;
    for (std::string line; std::getline(in, line);) {
        if (!line.starts_with("| ")) continue;
        auto cells = cells_of(line);
        if (cells.front() == "feature") {
            providers.assign(cells.begin() + 1, cells.end());
            continue;
        }
        if (providers.empty() || cells.size() != providers.size() + 1) continue;
        ++rows;
        for (std::size_t i = 0; i < providers.size(); ++i) {
            const provider::protocol* p = nullptr;
            for (const auto& f : provider::all())
                if (f.name == providers[i]) p = f.speaks;
            BOOST_REQUIRE(p);
            bool expected = cells[i + 1] == "yes";
            BOOST_TEST((expected || cells[i + 1] == "no"), cells[i + 1]);
            bool found = false;
            if (cells.front() == "embeddings")
                found = has_embeddings(providers[i]);
            else if (cells.front() == "streaming") {
                provider::call_settings settings{"m"};
                lm_request r;
                r.messages = {{role::user, "hi"}};
                auto whole = p->write(settings, r);
                settings.stream = true;
                auto streamed = p->write(settings, r);
                found = p->stream() != nullptr && (whole.body != streamed.body || whole.target != streamed.target);
            } else {
                BOOST_REQUIRE(features.contains(cells.front()));
                found = has(*p, features.at(cells.front()));
            }
            BOOST_TEST(found == expected, cells.front() << " of " << providers[i]);
            ++cells_tried;
        }
    }
    BOOST_TEST(rows == features.size() + 2);
    BOOST_TEST(cells_tried == rows * 6);
}
