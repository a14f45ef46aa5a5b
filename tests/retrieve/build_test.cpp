#include "support/folder.hpp"
#include "support/loopback_server.hpp"

#include <reagent/reagent.hpp>
#include <reagent/retrieve/build.hpp>

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <atomic>

using namespace reagent;
using namespace reagent::test;
namespace fs = std::filesystem;

namespace {

struct builds {
    fs::path documents, index;
    build_options options;
    task<build_report> forward(run& r) const { return build_index(r, documents, index, options); }
};

build_report build(const fs::path& documents, const fs::path& index, build_options options = {}) {
    runtime rt;
    return rt.run(run_options{}, builds{documents, index, std::move(options)});
}

struct fixture {
    test::folder dir;
    fs::path documents = dir.path / "docs", index = dir.path / "index";
    fixture() { fs::create_directories(documents / "sub"); }
    void write(const std::string& name, const std::string& text) const { dir.write("docs/" + name, text); }
};

// Each text's length and first letter as its vector; counts texts.
struct counting_server {
    std::atomic<int> texts{0};
    loopback_server server{[this](const server_request& r) {
        json::array data;
        const auto asked = json::parse(r.body);
        for (const auto& t : asked.at("input").as_array()) {
            const auto& s = t.as_string();
            data.push_back(
                json::object{{"index", data.size()}, {"embedding", json::array{s.size(), s.empty() ? 0 : s[0]}}});
        }
        texts += static_cast<int>(data.size());
        return server_response{.body = json::serialize(json::object{{"data", data}})};
    }};
    vector_source source(const std::string& model = "openai/e") const {
        vector_options o;
        o.model = {.api_base = server.url("/v1"), .api_key = secret{"key-1"}};
        return vector_source{model, o};
    }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(building, fixture)

BOOST_AUTO_TEST_CASE(files_become_passages_that_point_into_them) {
    write("returns.md", "# Returns\n\nSend it back.\n\n## Refunds\n\nA refund takes five days.\n");
    write("sub/notes_on-post.txt", "Parcels are insured.");
    write("sub/ignored.bin", "refund");
    const auto report = build(documents, index);
    BOOST_TEST(report.files == 2u);
    BOOST_TEST(report.passages == 3u);
    const auto i = passage_index::open(index);
    const auto found = i.by_words("refunds", 1).at(0);
    BOOST_TEST(found.id == "returns.md#1");
    BOOST_TEST(found.title == "Returns > Refunds");
    BOOST_TEST(found.source == "returns.md");
    const auto text = dir.read("docs/returns.md");
    const auto begin = found.metadata.at("begin").to_number<std::size_t>(),
               end = found.metadata.at("end").to_number<std::size_t>();
    BOOST_TEST(text.substr(begin, end - begin) == found.text);
    BOOST_TEST(i.by_words("notes", 1).at(0).source == "sub/notes_on-post.txt");
    BOOST_TEST(i.by_words("refund parcel", 5, filter::eq("source", "sub/notes_on-post.txt")).size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_changed_file_costs_what_changed) {
    counting_server server;
    std::string document;
    for (int n = 0; n < 10; ++n)
        document += "# Heading " + std::to_string(n) + "\n\nText " + std::to_string(n) + "\n\n";
    write("a.md", document);
    write("b.txt", "Another file.");
    write("gone.txt", "A file that goes.");
    auto first = build(documents, index, {.vectors = server.source()});
    BOOST_TEST(first.changed == 3u);
    BOOST_TEST(server.texts == 12);
    auto again = build(documents, index, {.vectors = server.source()});
    BOOST_TEST(again.changed == 0u);
    BOOST_TEST(again.passages == 12u);
    BOOST_TEST(server.texts == 12);
    write("a.md", "# New\n\nAt the top.\n\n" + document);
    fs::remove(documents / "gone.txt");
    auto later = build(documents, index, {.vectors = server.source()});
    BOOST_TEST(later.changed == 1u);
    BOOST_TEST(later.removed == 1u);
    BOOST_TEST(later.embedded == 1u);
    BOOST_TEST(later.passages == 12u);
    BOOST_TEST(server.texts == 13);
    const auto i = passage_index::open(index);
    BOOST_TEST(i.get("a.md#1")->text == "# Heading 0\n\nText 0");
    // The vectors moved along with their texts.
    const auto p = *i.get("a.md#10");
    const std::vector<float> same{static_cast<float>((p.title + "\n" + p.text).size()), 'H'};
    BOOST_TEST(i.by_vector_exactly(same, 1).at(0).score > 0.9999);
    // Other chunks are other passages.
    auto smaller = build(documents, index, {.chunks = {.tokens = 8, .overlap = 0}, .vectors = server.source()});
    BOOST_TEST(smaller.changed == 2u);
}

BOOST_AUTO_TEST_CASE(broken_files_are_listed_and_do_not_stop_the_rest) {
    write("good.txt", "A good file.");
    write("was_good.md", "# A\ntext");
    build(documents, index);
    write("large.txt", std::string(3000, 'x'));
    std::string headings;
    for (int n = 0; n < 300'000; ++n) headings += "# a\n";
    write("was_good.md", headings);
    fs::create_symlink("/etc/hostname", documents / "link.txt");
    write("bad\xff.txt", "text");
    const auto report = build(documents, index, {.max_file_bytes = 2'000'000});
    std::string told;
    for (const auto& b : report.broken) told += b.file + ": " + b.why + "\n";
    BOOST_TEST(report.broken.size() == 3u, told);
    BOOST_TEST(told.find("was_good.md: it has more than 200000 headings") != told.npos, told);
    BOOST_TEST(told.find("link.txt") != told.npos, told);
    BOOST_TEST(report.files == 2u);
    const auto i = passage_index::open(index);
    BOOST_TEST(i.count(filter::eq("source", "was_good.md")) == 0u);
    BOOST_TEST(i.count() > 1u);
    const auto small = build(documents, index, {.max_file_bytes = 1000});
    BOOST_TEST(passage_index::open(index).count() == 1u);
    BOOST_TEST(small.broken.size() == 4u);
}

BOOST_AUTO_TEST_CASE(an_index_within_its_documents_and_hidden_files_are_no_documents) {
    write("a.txt", "text");
    write(".hidden.txt", "text");
    fs::create_directories(documents / ".git");
    write(".git/notes.md", "text");
    for (int n = 0; n < 2; ++n) BOOST_TEST(build(documents, documents / "sub" / "index").files == 1u);
    write("sub/index.txt", "beside it");
    BOOST_TEST(build(documents, documents / "sub" / "index").files == 2u);
}

BOOST_AUTO_TEST_CASE(another_embedder_or_language_is_refused) {
    write("a.txt", "text");
    build(documents, index, {.vectors = vector_source{"words"}});
    auto code = [&](build_options o) {
        try {
            build(documents, index, std::move(o));
        } catch (const retrieve_error& e) {
            return e.code();
        }
        return boost::system::error_code{};
    };
    BOOST_TEST((code({}) == retrieve_errc::wrong_model));
    BOOST_TEST((code({.vectors = vector_source{"words-64"}}) == retrieve_errc::wrong_model));
    BOOST_TEST((code({.vectors = vector_source{"words"}, .language = "german"}) == retrieve_errc::bad_options));
    BOOST_TEST(!code({.vectors = vector_source{"words-512"}}));
    BOOST_CHECK_THROW(build(documents / "nothing", dir.path / "other"), retrieve_error);
    BOOST_TEST(!fs::exists(dir.path / "other"));
}

BOOST_AUTO_TEST_CASE(an_embedder_that_fails_leaves_the_index_as_it_was) {
    write("a.txt", "text");
    counting_server server;
    build(documents, index, {.vectors = server.source()});
    write("a.txt", "another text");
    write("b.txt", "text");
    loopback_server broken{[](const server_request&) { return server_response{.status = 400, .body = "{}"}; }};
    vector_options o;
    o.model = {.api_base = broken.url("/v1"), .api_key = secret{"key-1"}};
    BOOST_CHECK_THROW(build(documents, index, {.vectors = vector_source{"openai/e", o}}), lm_error);
    const auto i = passage_index::open(index);
    BOOST_TEST(i.count() == 1u);
    BOOST_TEST(i.get("a.txt#0")->text == "text");
}

BOOST_AUTO_TEST_SUITE_END()
