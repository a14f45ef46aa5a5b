#include "support/folder.hpp"

#include <reagent/reagent.hpp>
#include <reagent/retrieve/build.hpp>
#include <reagent/retrieve/lexical.hpp>
#include <reagent/tools/pdf.hpp>

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

using namespace reagent;
using namespace reagent::test;
namespace fs = std::filesystem;

namespace {

std::string object(int n, const std::string& body) { return std::to_string(n) + " 0 obj\n" + body + "\nendobj\n"; }

// As small as a PDF can be: pages of one line each. There is no table of the objects' places, and readers look for
// them.
std::string pdf_of(const std::vector<std::string>& pages, const std::string& parent = "2 0 R") {
    std::string kids, all = "%PDF-1.4\n" + object(1, "<< /Type /Catalog /Pages 2 0 R >>");
    int n = 4;
    for (const auto& line : pages) {
        const auto content = "BT /F1 12 Tf 72 720 Td (" + line + ") Tj ET";
        kids += std::to_string(n) + " 0 R ";
        all += object(n, "<< /Type /Page /Parent " + parent + " /MediaBox [0 0 612 792] /Contents " +
                             std::to_string(n + 1) + " 0 R /Resources << /Font << /F1 3 0 R >> >> >>");
        all +=
            object(n + 1, "<< /Length " + std::to_string(content.size()) + " >>\nstream\n" + content + "\nendstream");
        n += 2;
    }
    all += object(2, "<< /Type /Pages /Kids [" + kids + "] /Count " + std::to_string(pages.size()) + " >>");
    all += object(3, "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>");
    return all + "trailer << /Root 1 0 R >>\n%%EOF\n";
}

// A tree of pages that is its own branch.
std::string pdf_that_loops() {
    return "%PDF-1.4\n" + object(1, "<< /Type /Catalog /Pages 2 0 R >>") +
           object(2, "<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 2000000000 >>") + "trailer << /Root 1 0 R >>\n%%EOF\n";
}

struct builds {
    fs::path documents, index;
    build_options options;
    task<build_report> forward(run& r) const { return build_index(r, documents, index, options); }
};

struct fixture {
    test::folder dir;
    build_options options{.readers = {{".pdf", ready::pdf_text}}};
    fixture() { fs::create_directories(dir.path / "docs"); }
    build_report build() const {
        runtime rt;
        return rt.run(run_options{}, builds{dir.path / "docs", dir.path / "index", options});
    }
    std::vector<passage> by_words(const std::string& query) const {
        return passage_index::open(dir.path / "index").by_words(query, 5);
    }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(pdf, fixture)

BOOST_AUTO_TEST_CASE(a_passage_knows_its_page_and_its_bytes) {
    const auto bytes = pdf_of({"Returns are free within thirty days.", "Parcels to Oslo take two days."});
    dir.write("docs/terms.pdf", bytes);
    dir.write("docs/notes.txt", "Oslo is far.");
    BOOST_TEST(build().files == 2);
    const auto found = by_words("parcels");
    BOOST_REQUIRE_EQUAL(found.size(), 1);
    BOOST_TEST(found[0].text == "Parcels to Oslo take two days.");
    BOOST_TEST(found[0].source == "terms.pdf");
    BOOST_TEST(found[0].metadata.at("page").to_number<int>() == 2);
    const auto text = ready::pdf_text(bytes);
    const auto begin = found[0].metadata.at("begin").to_number<std::size_t>(),
               end = found[0].metadata.at("end").to_number<std::size_t>();
    BOOST_TEST(text.substr(begin, end - begin).starts_with("Parcels to Oslo take two days."));
    BOOST_TEST(by_words("returns").at(0).metadata.at("page").to_number<int>() == 1);
    BOOST_TEST(!by_words("far").at(0).metadata.contains("page"));
}

BOOST_AUTO_TEST_CASE(what_is_no_pdf_is_listed_with_the_reason_and_the_rest_is_indexed) {
    dir.write("docs/good.pdf", pdf_of({"Parcels to Oslo take two days."}));
    dir.write("docs/bad.pdf", "no PDF at all");
    dir.write("docs/empty.pdf", "");
    dir.write("docs/loop.pdf", pdf_that_loops());
    const auto report = build();
    BOOST_TEST(report.files + report.broken.size() == 4);
    std::map<std::string, std::string> why;
    for (const auto& b : report.broken) why[b.file] = b.why;
    BOOST_TEST(why["bad.pdf"].find("the PDF cannot be read: Error") == 0);
    BOOST_TEST(why.contains("empty.pdf"));
    BOOST_TEST(!why.contains("good.pdf"));
    BOOST_TEST(by_words("parcels").size() == 1);
}

BOOST_AUTO_TEST_CASE(a_pdf_that_has_not_changed_is_not_read_again) {
    dir.write("docs/terms.pdf", pdf_of({"Parcels to Oslo take two days."}));
    int reads = 0;
    options.readers[".pdf"] = [&reads](const std::string& bytes) {
        ++reads;
        return ready::pdf_text(bytes);
    };
    build();
    BOOST_TEST(build().changed == 0);
    BOOST_TEST(reads == 1);
}

BOOST_AUTO_TEST_CASE(a_reader_that_throws_anything_leaves_its_file_out) {
    dir.write("docs/a.odd", "x");
    options.readers[".odd"] = [](const std::string&) -> std::string { throw std::logic_error{"no such kind"}; };
    const auto report = build();
    BOOST_REQUIRE_EQUAL(report.broken.size(), 1);
    BOOST_TEST(report.broken[0].why == "no such kind");
}

BOOST_AUTO_TEST_CASE(texts_without_pages_and_with_many) {
    dir.write("docs/a.odd", "x");
    options.readers[".odd"] = [](const std::string&) { return std::string{"\f\fthird page\f\f"}; };
    BOOST_TEST(build().passages == 1);
    BOOST_TEST(by_words("third").at(0).metadata.at("page").to_number<int>() == 3);
}

BOOST_AUTO_TEST_SUITE_END()
