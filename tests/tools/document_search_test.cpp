#include "support/folder.hpp"

#include <reagent/reagent.hpp>

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <sys/stat.h>

using namespace reagent;
using namespace reagent::test;
namespace fs = std::filesystem;

namespace {

std::string found(const tool& t, const std::string& query) {
    tools all{t};
    struct program {
        const tools& all;
        task<observation> forward(run& r, std::string name, json::value a) const {
            return all.call(r, "self", name, a);
        }
    } p{all};
    runtime rt;
    return rt.run(run_options{}, p, t.name(), json::value{{"query", query}}).text();
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }

}  // namespace

BOOST_AUTO_TEST_SUITE(documents)

BOOST_AUTO_TEST_CASE(documents_are_found_by_their_words) {
    auto t = ready::document_search(std::string{REAGENT_EXAMPLE_DATA} + "/documents");
    const auto said = found(t, "warranty of kettles");
    BOOST_TEST(said.find("\"document\": \"warranty.md\"") < said.find("snippet"));
    BOOST_TEST(said.find("5 years") != std::string::npos);
    BOOST_TEST(found(t, "zebra \"AND -x*").find("Nothing found") != std::string::npos);
    folder empty;
    BOOST_CHECK_THROW(ready::document_search(empty.path), tool_error);
    BOOST_CHECK_THROW(ready::document_search("/nowhere"), tool_error);
    empty.write("a.txt", "<b>bold</b> & brave words");
    BOOST_TEST(found(ready::document_search(empty.path), "brave").find("<b>bold</b> & brave") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(documents_are_those_of_their_folder) {
    folder outside, root;
    outside.write("secret.txt", "the secret of the mill");
    root.write("a.txt", "the mill stands");
    root.write("large.txt", "mill " + std::string(5000, 'x'));
    fs::create_symlink(outside.path / "secret.txt", root.path / "link.txt");
    fs::create_directory_symlink(outside.path, root.path / "folder");
    ::mkfifo((root.path / "pipe.txt").c_str(), 0600);
    const auto said = found(ready::document_search(root.path, {.max_file_bytes = 1000}), "mill");
    BOOST_TEST(said.find("a.txt") != std::string::npos);
    for (const char* never : {"secret", "link.txt", "large.txt", "pipe.txt"})
        BOOST_TEST(said.find(never) == std::string::npos, said);
    BOOST_TEST(ready::document_search(root.path, {.max_file_bytes = 1000})
                   .description()
                   .find("1 file of more than 1000 bytes is not among them") != std::string::npos);
    BOOST_CHECK_EXCEPTION(ready::document_search(root.path, {.max_files = 2}), tool_error, [](const auto& e) {
        std::string what = e.what();
        return what.find("more than 2 such files") != what.npos && what.find("search_options::max_files") != what.npos;
    });
    BOOST_CHECK_EXCEPTION(ready::document_search(root.path, {.max_bytes = 100}), tool_error,
                          [](const auto& e) { return std::string{e.what()}.find("max_bytes") != std::string::npos; });
}

// It is the index of `retrieve`: what that one reads of a text, this one reads.
BOOST_AUTO_TEST_CASE(documents_are_read_as_passages_are) {
    folder root;
    const std::string long_word(150, 'w');
    root.write("kyoto.txt", "\u6628\u65e5\u306f\u4eac\u90fd\u3078\u884c\u304d\u307e\u3057\u305f");
    root.write("long.md", "the word " + long_word);
    root.write("latin.txt", "caf\xe9 terrace");
    const auto t = ready::document_search(root.path);
    BOOST_TEST(has(found(t, "\u4eac\u90fd"), "kyoto.txt"));
    BOOST_TEST(has(found(t, long_word), "long.md"));
    BOOST_TEST(has(found(t, "terraces"), "caf\uFFFD terrace"));
}

BOOST_AUTO_TEST_CASE(a_document_of_more_than_a_passage_on_disk_is_found_whole) {
    folder root;
    root.write("large.txt", std::string(5 << 20, ' ') + "needle");
    const auto t = ready::document_search(root.path, {.max_file_bytes = 6 << 20});
    BOOST_TEST(has(found(t, "needle"), "large.txt"));
}

BOOST_AUTO_TEST_SUITE_END()
