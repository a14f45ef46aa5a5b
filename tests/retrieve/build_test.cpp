#include "support/folder.hpp"
#include "support/loopback_server.hpp"

#include <reagent/reagent.hpp>
#include <reagent/retrieve/build.hpp>

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <sys/resource.h>

#include <atomic>
#include <thread>

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

namespace {

long peak_memory() {  // of the process until now, in KiB
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    return used.ru_maxrss;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_line_of_a_gigabyte_is_listed_and_never_in_memory) {
    constexpr std::uintmax_t gigabyte = std::uintmax_t{1} << 30;
    write("good.txt", "A good file.");
    write("line.txt", "x");
    fs::resize_file(documents / "line.txt", gigabyte);  // takes no room on the disk
    const auto before = peak_memory();
    const auto report = build(documents, index);
    BOOST_TEST(peak_memory() - before < 200 * 1024);
    BOOST_REQUIRE_EQUAL(report.broken.size(), 1);
    BOOST_TEST(report.broken[0].file == "line.txt");
    BOOST_TEST(report.broken[0].why == "it has more than 33554432 bytes");
    BOOST_TEST(report.files == 1u);
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

BOOST_AUTO_TEST_CASE(a_first_build_that_fails_leaves_nothing) {
    write("a.txt", "text");
    loopback_server broken{[](const server_request&) { return server_response{.status = 401, .body = "{}"}; }};
    vector_options o;
    o.model = {.api_base = broken.url("/v1"), .api_key = secret{"key-1"}};
    BOOST_CHECK_THROW(build(documents, index, {.vectors = vector_source{"openai/typo", o}}), lm_error);
    BOOST_TEST(!fs::exists(index));
    BOOST_CHECK_THROW(passage_index::open(index), retrieve_error);
    fs::create_directories(index);  // a folder that was there stays, empty
    BOOST_CHECK_THROW(build(documents, index, {.vectors = vector_source{"openai/typo", o}}), lm_error);
    BOOST_TEST(fs::is_empty(index));
    BOOST_TEST(build(documents, index).passages == 1u);  // and nothing is tied to the mistake
    BOOST_TEST(passage_index::open(index).check().empty());
    BOOST_TEST(!fs::exists(index / ".first"));
}

BOOST_AUTO_TEST_CASE(what_a_killed_first_build_left_is_in_nobodys_way) {
    write("a.txt", "text");
    fs::create_directories(index / ".first" / "gen-1");
    dir.write("index/.first/gen-1/half", "x");
    dir.write("index/lock", "");
    BOOST_TEST(build(documents, index).passages == 1u);
    BOOST_TEST(!fs::exists(index / ".first"));
    fs::create_directories(dir.path / "full");
    dir.write("full/mine.txt", "x");
    BOOST_CHECK_THROW(build(documents, dir.path / "full"), retrieve_error);
    BOOST_TEST(dir.read("full/mine.txt") == "x");
    BOOST_TEST(std::distance(fs::directory_iterator{dir.path / "full"}, fs::directory_iterator{}) == 1);
}

BOOST_AUTO_TEST_CASE(first_builds_at_once_wait_for_each_other) {
    for (int n = 0; n < 20; ++n) write("f" + std::to_string(n) + ".txt", "text " + std::to_string(n));
    for (int round = 0; round < 5; ++round) {
        fs::remove_all(index);
        std::atomic<int> failed{0};
        {
            std::vector<std::jthread> threads;
            for (int t = 0; t < 4; ++t)
                threads.emplace_back([&] {
                    try {
                        build(documents, index);
                    } catch (const std::exception& e) {
                        BOOST_TEST_MESSAGE(e.what());
                        ++failed;
                    }
                });
        }
        BOOST_TEST(failed == 0);
        BOOST_TEST(passage_index::open(index).count() == 20u);
    }
}

BOOST_AUTO_TEST_CASE(a_folder_that_is_too_deep_is_listed_and_does_not_stop_the_rest) {
    write("a.txt", "text");
    std::string deep;
    for (int n = 0; n < 66; ++n) deep += "d/";
    fs::create_directories(documents / deep);
    write(deep + "x.txt", "text");
    const auto report = build(documents, index);
    BOOST_TEST(report.passages == 1u);
    BOOST_REQUIRE(report.broken.size() == 1u);
    BOOST_TEST(report.broken[0].file.starts_with("d/d/"));
    BOOST_TEST(report.broken[0].why.find("64 levels") != std::string::npos, report.broken[0].why);
    BOOST_TEST(report.files == 1u);
}

BOOST_AUTO_TEST_CASE(a_file_that_loses_its_passages_is_counted_as_gone) {
    write("a.txt", "text");
    write("b.txt", "more text");
    build(documents, index);
    write("b.txt", std::string(3000, 'x'));
    const auto report = build(documents, index, {.max_file_bytes = 1000});
    BOOST_TEST(report.removed == 1u);
    BOOST_TEST(report.passages == 1u);
    BOOST_TEST(build(documents, index, {.max_file_bytes = 1000}).removed == 0u);
}

BOOST_AUTO_TEST_CASE(documents_are_read_in_the_charset_they_say) {
    write("a.html",
          "<html><head><meta charset=\"windows-1252\"></head><body><p>R\xfc"
          "ckgabe m\xf6glich \x80\x35</p></body></html>");
    write("b.html",
          "<meta http-equiv='Content-Type' content='text/html; charset=iso-8859-2'><p>\xb3"
          "oto</p>");
    write("c.txt", std::string{"\xff\xfeR\0\xfc\0c\0k\0 \0w\0e\0g\0", 18});
    write("d.txt", std::string{"\xfe\xff\0R\0\xfc\0c\0k\0 \0o\0b\0e\0n", 20});
    write("e.md", "\xef\xbb\xbf# Policy\n\nRefund it");
    write("f.csv", "\xef\xbb\xbfname,price\nx,1\n");
    write("g.xml", "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n<a>caf\xe9</a>");
    const auto report = build(documents, index);
    BOOST_TEST(report.broken.size() == 0u);
    const auto i = passage_index::open(index);
    auto source_of = [&](const char* q) {
        const auto found = i.by_words(q, 1);
        return found.empty() ? std::string{} : found[0].source;
    };
    BOOST_TEST(source_of("Rückgabe möglich") == "a.html");
    BOOST_TEST(i.by_words("möglich", 1).at(0).text.find("€5") != std::string::npos);
    BOOST_TEST(source_of("łoto") == "b.html");
    BOOST_TEST(source_of("weg") == "c.txt");
    BOOST_TEST(source_of("oben") == "d.txt");
    BOOST_TEST(i.by_words("oben", 1).at(0).text == "Rück oben");
    BOOST_TEST(i.by_words("refund", 1).at(0).title == "Policy");
    BOOST_TEST(i.by_words("refund", 1).at(0).metadata.at("begin") == 3);  // bytes of the file
    BOOST_TEST(i.by_words("name", 1).at(0).text == "name,price\nx,1");
    BOOST_TEST(source_of("café") == "g.xml");
}

BOOST_AUTO_TEST_CASE(documents_in_no_known_charset_are_listed) {
    write("good.txt", "text");
    write("latin.txt",
          "R\xfc"
          "ckgabe teuer");
    write("binary.log", std::string{"a\0b\0\x01\x02", 6});
    write("declared.html", "<meta charset=klingon><p>caf\xe9</p>");
    write("half.txt", std::string{"\xff\xfe\x41", 3});
    const auto report = build(documents, index);
    std::string told;
    for (const auto& b : report.broken) told += b.file + ": " + b.why + "\n";
    BOOST_TEST(report.broken.size() == 4u, told);
    BOOST_TEST(told.find("latin.txt: it is no UTF-8") != told.npos, told);
    BOOST_TEST(report.passages == 1u);
}

BOOST_AUTO_TEST_CASE(words_of_json_are_found_whatever_their_escapes) {
    write(
        "faq.jsonl",
        R"({"q": "Caf\u00e9 in M\u00fcnchen \ud83d\ude00?", "a": "First line.\nSecondline tells.\tTabbed \"so\" C:\\nothing"})"
        "\n");
    write("faq.json", R"([{"q": "Gr\u00fc\u00dfe"}, {"bad": "\ud83d \u12 \x"}])");
    build(documents, index);
    const auto i = passage_index::open(index);
    for (const char* word : {"café", "München", "Secondline", "Tabbed", "First", "nothing"})
        BOOST_TEST(i.by_words(word, 1).size() == 1u, word);
    BOOST_TEST(i.by_words("nSecondline", 1).empty());
    BOOST_TEST(i.by_words("Grüße", 1).size() == 1u);
    const auto p = i.by_words("Secondline", 1).at(0);
    BOOST_TEST(p.text.find("First line.\nSecondline tells.\tTabbed") != std::string::npos, p.text);
    const auto file = dir.read("docs/faq.jsonl");
    BOOST_TEST(p.metadata.at("begin") == 0);
    BOOST_TEST(p.metadata.at("end") == file.size() - 1);
}

BOOST_AUTO_TEST_SUITE_END()
