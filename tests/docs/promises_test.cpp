// docs/promises.md names for each promise the words, the file in which they stand, and the test that keeps them. Walked
// here.
#include <reagent/error.hpp>

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

namespace {

namespace fs = std::filesystem;
using reagent::did_you_mean;

const fs::path root = fs::path{REAGENT_TEST_DATA}.parent_path();
const std::string page_name = "docs/promises.md", unkept = "Not yet kept by a test";
constexpr std::size_t least_rows = 250, shortest = 12;

std::string read(const fs::path& file) {
    std::ifstream in{file, std::ios::binary};
    std::stringstream all;
    all << in.rdbuf();
    return all.str();
}

std::string trimmed(std::string_view s) {
    auto from = s.find_first_not_of(" \t\r"), to = s.find_last_not_of(" \t\r");
    return from == s.npos ? std::string{} : std::string{s.substr(from, to - from + 1)};
}

std::vector<std::string> parts_of(std::string_view text, char between) {
    std::vector<std::string> all;
    std::istringstream in{std::string{text}};
    for (std::string part; std::getline(in, part, between);) all.push_back(trimmed(part));
    return all;
}

// The words of a file with one space between two: where its lines break, and the marks of comments, make no difference.
std::string words_of(std::string_view text) {
    std::string all;
    for (std::string line : parts_of(text, '\n')) {
        for (const char* mark : {"///<", "///", "//", "* "})
            if (line.starts_with(mark)) {
                line.erase(0, std::string_view{mark}.size());
                break;
            }
        std::istringstream in{line};
        for (std::string word; in >> word;) all += (all.empty() ? "" : " ") + word;
    }
    return all;
}

std::size_t times_in(std::string_view text, std::string_view what) {
    std::size_t n = 0;
    for (auto at = text.find(what); at != text.npos; at = text.find(what, at + 1)) ++n;
    return n;
}

struct row {
    std::size_t line;
    bool kept;
    std::vector<std::string> cells;
};

std::vector<row> rows_of(const std::string& page) {
    std::vector<row> all;
    bool kept = true;
    std::size_t number = 0;
    for (const auto& line : parts_of(page, '\n')) {
        ++number;
        if (line.starts_with("## ")) kept = line != "## " + unkept;
        bool data = line.starts_with("| ") && !line.starts_with("| promise |");
        if (data) all.push_back({number, kept, parts_of(std::string_view{line}.substr(1), '|')});
    }
    return all;
}

// What is there to keep a promise: tests by name, and scripts and programs that ctest runs.
class keepers {
public:
    keepers() {
        const std::regex plain{R"(BOOST_(AUTO|FIXTURE|DATA)_TEST_CASE\(\s*(\w+))"},
            of_fixture{R"(BOOST_DATA_TEST_CASE_F\(\s*\w+,\s*(\w+))"};
        for (const auto& f : fs::recursive_directory_iterator{root / "tests"}) {
            std::string name = f.path().filename().string();
            if (name == "CMakeLists.txt") commands_ += read(f.path());
            if (!name.ends_with("_test.cpp")) continue;
            std::string text = read(f.path());
            for (std::sregex_iterator i{text.begin(), text.end(), plain}, end; i != end; ++i) names_.insert((*i)[2]);
            for (std::sregex_iterator i{text.begin(), text.end(), of_fixture}, end; i != end; ++i)
                names_.insert((*i)[1]);
        }
        commands_ += read(root / "examples/CMakeLists.txt");
    }

    std::size_t size() const { return names_.size(); }

    // What is wrong with a name; "": nothing.
    std::string complaint_about(const std::string& name) const {
        if (name.find('/') != name.npos) return complaint_about_file(name);
        if (names_.contains(name)) return {};
        auto near = did_you_mean(name, {names_.begin(), names_.end()});
        return "there is no test `" + name + "` in tests/ (BOOST_..._TEST_CASE in a *_test.cpp)" +
               (near.empty() ? "; was it renamed? Name the test that keeps the promise now, or write one"
                             : "; did you mean `" + near + "`?");
    }

private:
    std::string complaint_about_file(const std::string& name) const {
        fs::path file = root / name;
        if (!fs::is_regular_file(file)) return "there is no file `" + name + "`";
        std::string own = file.filename().string(),
                    whole_folder = file.parent_path().filename().string() + "/*" + file.extension().string();
        if (commands_.find(own) == std::string::npos && commands_.find(whole_folder) == std::string::npos)
            return "ctest does not run `" + name + "`: no CMakeLists.txt of tests or examples names it";
        return {};
    }

    std::set<std::string> names_;
    std::string commands_;
};

// Without the backquotes around it; "" when there are none.
std::string unquoted(std::string_view cell) {
    if (cell.size() < 3 || cell.front() != '`' || cell.back() != '`') return {};
    return std::string{cell.substr(1, cell.size() - 2)};
}

class walk {
public:
    std::vector<std::string> complaints;
    std::size_t rows = 0;

    explicit walk(const std::string& page) {
        for (const auto& r : rows_of(page)) {
            ++rows;
            row_ = &r;
            if (r.cells.size() != 3 || r.cells[0].empty() || r.cells[2].empty()) {
                complain(
                    "a row has three cells: words of the promise (no `|` in them), file, and the test that keeps it");
                continue;
            }
            check_words();
            if (r.kept) check_tests();
        }
    }

private:
    void complain(const std::string& what) {
        std::string words = row_->cells.empty() ? std::string{} : row_->cells[0].substr(0, 80);
        complaints.push_back(page_name + ":" + std::to_string(row_->line) + ": \"" + words + "\": " + what);
    }

    void check_words() {
        const std::string &words = row_->cells[0], file = unquoted(row_->cells[1]);
        if (file.empty() || !fs::is_regular_file(root / file))
            return complain("there is no file " + row_->cells[1] + "; where do the words stand now?");
        if (!seen_.insert(file + "\n" + words).second) complain("the row stands there twice");
        if (words.size() < shortest) return complain("quote more: so few words stand anywhere");
        auto [text, fresh] = texts_.try_emplace(file);
        if (fresh) text->second = words_of(read(root / file));
        auto n = times_in(text->second, words);
        if (n == 0)
            complain("these words do not stand in " + file + ". If the sentence was changed, see that " +
                     row_->cells[2] +
                     " still keeps what it says now, and quote it anew; if the promise is gone, take the row out");
        if (n > 1)
            complain("these words stand " + std::to_string(n) + " times in " + file + ": quote more of the sentence");
    }

    void check_tests() {
        for (const auto& cell : parts_of(row_->cells[2], ',')) {
            auto name = unquoted(cell);
            if (name.empty())
                complain("write the test's name in backquotes, several with commas between them, not " + cell);
            else if (auto why = all_.complaint_about(name); !why.empty())
                complain(why);
        }
    }

    const row* row_ = nullptr;
    keepers all_;
    std::set<std::string> seen_;
    std::map<std::string, std::string> texts_;
};

std::string shown(const std::vector<std::string>& complaints) {
    std::string text;
    for (const auto& c : complaints) text += "\n" + c;
    return text;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(promises)

BOOST_AUTO_TEST_CASE(every_promise_stands_where_the_page_says_and_has_its_test) {
    BOOST_REQUIRE(keepers{}.size() > 300u);
    walk w{read(root / page_name)};
    BOOST_TEST(w.complaints.empty(), shown(w.complaints));
    BOOST_TEST(w.rows >= least_rows, w.rows << " rows: promises were taken out of the page");
}

struct broken_page {
    const char *rows, *complaint;
};
std::ostream& operator<<(std::ostream& out, const broken_page& p) { return out << p.complaint; }

// The walk is tried on words and tests of this folder, so that no other change breaks it.
const broken_page broken_pages[]{
    {"| each promise lies | `tests/docs/README.md` | `a_page_that_is_broken_is_told_with_the_row_and_what_to_do` |",
     ":2: \"each promise lies\": these words do not stand in tests/docs/README.md. If the sentence was changed, see "
     "that "
     "`a_page_that_is_broken_is_told_with_the_row_and_what_to_do` still keeps"},
    {"| each promise stands | `tests/docs/READ.md` | `lines_and_marks_of_comments_make_no_difference` |",
     "there is no file `tests/docs/READ.md`"},
    {"| each promise stands | tests/docs/README.md | `lines_and_marks_of_comments_make_no_difference` |",
     "there is no file tests/docs"},
    {"| each promise stands | `tests/docs/README.md` | `lines_and_marks_of_coments_make_no_difference` |",
     "did you mean `lines_and_marks_of_comments_make_no_difference`?"},
    {"| each promise stands | `tests/docs/README.md` | `nothing_of_the_kind_was_ever_tried_by_anybody` |",
     "was it renamed?"},
    {"| each promise stands | `tests/docs/README.md` | lines_and_marks_of_comments_make_no_difference |",
     "in backquotes"},
    {"| each promise stands | `tests/docs/README.md` | `tests/docs/none.sh` |",
     "there is no file `tests/docs/none.sh`"},
    {"| each promise stands | `tests/docs/README.md` | `tests/docs/README.md` |",
     "ctest does not run `tests/docs/README.md`"},
    {"| each promise stands | `tests/docs/README.md` |", "a row has three cells"},
    {"| each promise stands | `tests/docs/README.md` | `lines_and_marks_of_comments_make_no_difference` |\n"
     "| each promise stands | `tests/docs/README.md` | `lines_and_marks_of_comments_make_no_difference` |",
     ":3: \"each promise stands\": the row stands there twice"},
    {"| each | `tests/docs/README.md` | `lines_and_marks_of_comments_make_no_difference` |", "quote more: so few"},
    {"| BOOST_AUTO_TEST_SUITE | `tests/docs/promises_test.cpp` | `lines_and_marks_of_comments_make_no_difference` |",
     "quote more of the sentence"},
    {"\n## Not yet kept by a test\n| each promise lies | `tests/docs/README.md` | nothing |",
     ":4: \"each promise lies\": these words"},
};

BOOST_DATA_TEST_CASE(a_page_that_is_broken_is_told_with_the_row_and_what_to_do, broken_pages) {
    walk w{std::string{"## Room\n"} + sample.rows + "\n"};
    BOOST_TEST(!w.complaints.empty());
    BOOST_TEST(shown(w.complaints).find(sample.complaint) != std::string::npos, shown(w.complaints));
}

BOOST_AUTO_TEST_CASE(lines_and_marks_of_comments_make_no_difference) {
    BOOST_TEST(
        words_of("    /// Does not\n    ///  print, and\n    int x;  ///< compares to\n            ///< nothing\n") ==
        "Does not print, and int x; ///< compares to nothing");
    walk good{
        "## Room\n| each promise stands where the page says | `tests/docs/README.md` | "
        "`lines_and_marks_of_comments_make_no_difference`, "
        "`tests/compile_fail/no_arrow.cpp`, `tests/cli/runs.sh` |\n## Not yet kept by a test\n"
        "| and the test that keeps it is there | `tests/docs/README.md` | anything |\n"};
    BOOST_TEST(good.complaints.empty(), shown(good.complaints));
    BOOST_TEST(good.rows == 2u);
}

BOOST_AUTO_TEST_SUITE_END()
