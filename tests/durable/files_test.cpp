// Files under a running program: deleted, replaced, cut. And files that are no stores.
#include "fixture.hpp"
#include "support/postgres_server.hpp"

#include <reagent/lm/answer_log.hpp>

#include <boost/json.hpp>
#include <boost/test/data/test_case.hpp>

#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

using namespace reagent;
using namespace reagent::test;
using namespace reagent::literals;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

struct accident {
    const char *what, *told;
    void (*happens)(const fs::path& db);
};
std::ostream& operator<<(std::ostream& out, const accident& a) { return out << a.what; }

fs::path beside(const fs::path& db, const char* suffix) { return db.string() + suffix; }

const accident accidents[]{
    {"deleted", "deleted", [](const fs::path& db) { fs::remove(db); }},
    {"moved away", "deleted", [](const fs::path& db) { fs::rename(db, beside(db, ".old")); }},
    {"replaced by a copy of itself", "replaced",
     [](const fs::path& db) {
         fs::copy_file(db, beside(db, ".copy"));
         fs::rename(beside(db, ".copy"), db);
     }},
    {"replaced by another store", "replaced",
     [](const fs::path& db) {
         fs::remove(db);
         journal_store::open_sqlite(db)->create({.program = "other"});
     }},
    {"cut to nothing", "cut to 0 bytes", [](const fs::path& db) { fs::resize_file(db, 0); }},
    {"its log deleted", "deleted", [](const fs::path& db) { fs::remove(beside(db, "-wal")); }},
    {"its log cut", "cut to 0 bytes", [](const fs::path& db) { fs::resize_file(beside(db, "-wal"), 0); }},
    {"its log cut in the middle", "cut to ",
     [](const fs::path& db) { fs::resize_file(beside(db, "-wal"), fs::file_size(beside(db, "-wal")) / 2); }},
    {"the log's index deleted", "deleted", [](const fs::path& db) { fs::remove(beside(db, "-shm")); }},
    {"the log's index cut", "cut to 0 bytes", [](const fs::path& db) { fs::resize_file(beside(db, "-shm"), 0); }},
    {"its folder moved away", "deleted",
     [](const fs::path& db) { fs::rename(db.parent_path(), db.parent_path().string() + ".gone"); }},
};

struct in_a_folder {
    folder files;
    fs::path db = files.path / "inside" / "runs.db";
    in_a_folder() { fs::create_directory(files.path / "inside"); }
    std::string bytes(const fs::path& p) {
        std::ifstream in{p, std::ios::binary};
        return {std::istreambuf_iterator<char>{in}, {}};
    }
    void execute(const fs::path& file, const std::string& statements) {
        sqlite3* raw = nullptr;
        BOOST_REQUIRE(sqlite3_open(file.c_str(), &raw) == SQLITE_OK);
        char* why = nullptr;
        BOOST_TEST(sqlite3_exec(raw, statements.c_str(), nullptr, nullptr, &why) == SQLITE_OK, (why ? why : ""));
        sqlite3_close(raw);
    }
    std::size_t count() {
        std::size_t n = 0;
        for ([[maybe_unused]] const auto& e : fs::directory_iterator{files.path / "inside"}) ++n;
        return n;
    }
};

}  // namespace

// Between two effects the file goes: the second is not done, because nobody would ever know of it.
BOOST_DATA_TEST_CASE(no_effect_is_done_whose_record_would_be_lost, accidents, a) {
    in_a_folder f;
    auto store = journal_store::open_sqlite(f.db);
    std::vector<std::string> done;
    tools t;
    auto act = [&](std::string what) { return done.push_back(what), "ok"; };
    t.add("act", "", act, {"what"});
    runtime rt{{.journals = store}};
    program_function program = [&](run& r, const json::object&) -> task<json::object> {
        json::value first = json::object{{"what", "first"}}, second = json::object{{"what", "second"}};
        co_await t.call(r, "x", "act", first);
        a.happens(f.db);
        co_await t.call(r, "x", "act", second);
        json::object out;
        co_return out;
    };
    rt.serve("p", program, {});
    auto id = rt.submit("p", {});
    auto why = thrown(run_errc::journal_unavailable, [&] { rt.resume(id); });
    BOOST_TEST(done == std::vector<std::string>{"first"});
    BOOST_TEST(why.find(a.told) != why.npos, why);
    BOOST_TEST(why.find("runs.db") != why.npos, why);
    thrown(run_errc::journal_unavailable, [&] { store->create({.program = "p"}); });  // nor is anything else stored
}

// A run's last word may be what lets the store go, on the store's own thread: that cannot wait for itself.
BOOST_FIXTURE_TEST_CASE(a_store_that_is_let_go_on_its_own_thread_ends_in_good_order, in_a_folder) {
    auto store = journal_store::open_sqlite(db);
    store->create({.program = "p", .id = "r"});
    auto taken = store->take("r");
    std::promise<void> told;
    std::atomic<bool> go = false;
    auto* raw = store.get();
    raw->write(taken.hold, {{1, {{}, run_taken{"somebody"}}}}, {},
               [last = store, &told, &go](std::exception_ptr failure) mutable {
                   while (!go) std::this_thread::yield();
                   BOOST_TEST(!failure);
                   last.reset();
                   told.set_value();
               });
    taken.hold.reset();
    store.reset();
    go = true;
    told.get_future().get();
    auto again = journal_store::open_sqlite(db, {.access = journal_access::existing});
    BOOST_TEST(again->get("r").records == 1u);
}

// A database may become smaller in good order.
BOOST_FIXTURE_TEST_CASE(files_that_become_smaller_in_good_order_are_no_accident, in_a_folder) {
    auto store = journal_store::open_sqlite(db);
    for (int i = 0; i < 300; ++i)
        store->create({.program = "p", .inputs = {{"text", std::string(3000, 'a')}}, .id = "r" + std::to_string(i)});
    for (int i = 0; i < 299; ++i) {
        store->cancel("r" + std::to_string(i));
        store->remove("r" + std::to_string(i));
    }
    auto before = fs::file_size(db) + fs::file_size(beside(db, "-wal"));
    execute(db, "VACUUM; PRAGMA wal_checkpoint(TRUNCATE);");
    BOOST_TEST(fs::file_size(db) + fs::file_size(beside(db, "-wal")) < before);
    store->create({.program = "p", .id = "later"});
    BOOST_TEST(store->list().size() == 2u);
    execute(db, "PRAGMA wal_checkpoint(TRUNCATE);");
    store->create({.program = "p", .id = "last"});
    BOOST_TEST(store->list().size() == 3u);
}

BOOST_FIXTURE_TEST_CASE(a_link_that_is_led_elsewhere_is_noticed, in_a_folder) {
    journal_store::open_sqlite(db);
    fs::path other = files.path / "other.db", link = files.path / "link.db";
    journal_store::open_sqlite(other);
    fs::create_symlink(db, link);
    auto store = journal_store::open_sqlite(link);
    store->create({.program = "p"});
    fs::remove(link);
    fs::create_symlink(other, link);
    thrown(run_errc::journal_unavailable, [&] { store->create({.program = "p"}); });
}

BOOST_FIXTURE_TEST_CASE(whoever_reads_makes_no_store_and_changes_none, in_a_folder) {
    fs::path foreign = files.path / "inside" / "shop.db", empty = files.path / "inside" / "empty.db",
             none = files.path / "inside" / "none.db", bare = files.path / "inside" / "bare.db",
             words = files.path / "inside" / "words.txt", logged = files.path / "inside" / "logged.db";
    execute(foreign,
            "CREATE TABLE customers (id INTEGER); CREATE TABLE \"two\nlines\" (id INTEGER); INSERT INTO customers "
            "VALUES (1);");
    execute(bare, "PRAGMA user_version = 7; CREATE TABLE t (id INTEGER); DROP TABLE t;");
    execute(logged, "PRAGMA journal_mode = WAL; CREATE TABLE customers (id INTEGER);");
    std::ofstream{empty};
    std::ofstream{words} << "no database at all\n";
    auto before = count();
    struct {
        fs::path file;
        const char* told;
    } cases[]{{foreign, "customers"},
              {empty, "empty"},
              {none, "no such file"},
              {bare, "empty database"},
              {words, "no SQLite database"},
              {logged, "customers"},
              {files.path / "inside", "no file"}};
    for (const auto& c : cases)
        for (auto access : {journal_access::read, journal_access::existing}) {
            std::string was = fs::is_regular_file(c.file) ? bytes(c.file) : "";
            auto why =
                thrown(run_errc::journal_unavailable, [&] { journal_store::open_sqlite(c.file, {.access = access}); });
            BOOST_TEST(why.find(c.told) != why.npos, why);
            BOOST_TEST(why.find('\n') == why.npos, why);
            BOOST_TEST((fs::is_regular_file(c.file) ? bytes(c.file) : "") == was);
            BOOST_TEST(count() == before);
        }
    // Who writes takes what is empty, and nothing else.
    for (const auto& file : {foreign, logged, words}) {
        std::string was = bytes(file);
        thrown(run_errc::journal_unavailable, [&] { journal_store::open_sqlite(file); });
        BOOST_TEST(bytes(file) == was);
        BOOST_TEST(count() == before);
    }
    for (const auto& file : {empty, none, bare}) journal_store::open_sqlite(file)->create({.program = "p"});
}

BOOST_FIXTURE_TEST_CASE(reading_leaves_a_store_as_it_is, in_a_folder) {
    journal_store::open_sqlite(db)->create({.program = "p", .id = "a"});
    std::string was = bytes(db);
    auto files_before = count();
    {
        auto store = journal_store::open_sqlite(db, {.access = journal_access::read});
        BOOST_TEST(store->get("a").program == "p");
        BOOST_TEST(store->list().size() == 1u);
        BOOST_TEST(store->sessions().empty());
        BOOST_TEST(store->totals().size() == 1u);
        for (auto change : std::initializer_list<std::function<void()>>{
                 [&] { store->create({.program = "p"}); }, [&] { store->cancel("a"); }, [&] { store->fork("a"); },
                 [&] { store->remove("a"); }, [&] { store->take("a"); }, [&] { store->take({"p"}, 1); }})
            thrown(run_errc::not_possible, change);
        auto writer = journal_store::open_sqlite(db);  // is seen at once
        writer->create({.program = "p", .id = "b"});
        BOOST_TEST(store->list().size() == 2u);
        writer->cancel("b");
        writer->remove("b");
    }
    journal_store::open_sqlite(db);
    was = bytes(db);
    {
        BOOST_TEST(journal_store::open_sqlite(db, {.access = journal_access::read})->list().size() == 1u);
    }
    BOOST_TEST(bytes(db) == was);
    BOOST_TEST(count() == files_before);
    // What a killed process left stays as it is too.
    auto writer = journal_store::open_sqlite(db);
    writer->create({.program = "p", .id = "c"});
    fs::path copy = files.path / "copy.db";
    fs::copy_file(db, copy);
    fs::copy_file(beside(db, "-wal"), beside(copy, "-wal"));
    was = bytes(copy);
    auto log = bytes(beside(copy, "-wal"));
    {
        BOOST_TEST(journal_store::open_sqlite(copy, {.access = journal_access::read})->list().size() == 2u);
    }
    BOOST_TEST(bytes(copy) == was);
    BOOST_TEST(bytes(beside(copy, "-wal")) == log);
}

// It holds what was asked and answered.
BOOST_FIXTURE_TEST_CASE(what_is_stored_is_its_owners_only_and_a_mode_that_was_given_stays, in_a_folder) {
    auto mode = [](const fs::path& f) { return static_cast<unsigned>(fs::status(f).permissions()); };
    const auto mask = ::umask(0);
    auto store = journal_store::open_sqlite(db);
    store->create({.program = "p", .id = "a"});
    for (const char* end : {"", "-wal", "-shm"}) BOOST_TEST(mode(beside(db, end)) == 0600u, end);
    store.reset();
    fs::permissions(db, fs::perms{0640});
    journal_store::open_sqlite(db)->create({.program = "p", .id = "b"});
    BOOST_TEST(mode(db) == 0640u);
    fs::path cassette = files.path / "calls.jsonl", answers = files.path / "answers.db";
    fs::path link = files.path / "link.db", linked = files.path / "linked.db", saved = files.path / "saved.jsonl";
    fs::create_symlink(linked, link);
    journal_store::open_sqlite(link)->create({.program = "p"});
    BOOST_TEST(mode(linked) == 0600u);
    save_journal(saved, journal{});
    BOOST_TEST(mode(saved) == 0600u);
    {
        answer_log log{files.path / "answers.jsonl"};
    }
    BOOST_TEST(mode(files.path / "answers.jsonl") == 0600u);
    const auto model = std::make_shared<answering>([](const lm_request&) { return chat_completion({{"answer", 42}}); });
    ask(recorded(cached(language_model{model}, {.file = answers.string()}), cassette.string()),
        predict<sig<"question -> answer">>{}, "question"_f = "What is 6 * 7?");
    ::umask(mask);
    BOOST_TEST(mode(cassette) == 0600u);
    BOOST_TEST(mode(answers) == 0600u);
}

// SQLite makes a path simpler before it opens it: what is not there for the system may be for SQLite.
BOOST_FIXTURE_TEST_CASE(a_store_is_its_owners_only_however_its_path_is_written, in_a_folder) {
    auto mode = [](const fs::path& f) { return static_cast<unsigned>(fs::status(f).permissions()); };
    const auto mask = ::umask(0);
    const std::string in = db.parent_path().string();
    const auto model = std::make_shared<answering>([](const lm_request&) { return chat_completion({{"answer", 42}}); });
    auto ask_by = [&](const std::string& file) {
        ask(cached(language_model{model}, {.file = file}), predict<sig<"question -> answer">>{},
            "question"_f = "What is 6 * 7?");
    };
    int n = 0;
    for (const std::string before : {"/none/../", "/./", "//", "/none/./../"}) {
        const std::string number = std::to_string(++n), store = in + before + "s" + number,
                          cache = in + before + "c" + number;
        auto opened = journal_store::open_sqlite(store);
        opened->create({.program = "p", .id = "a"});
        ask_by(cache);
        for (const char* end : {"", "-wal", "-shm"}) BOOST_TEST(mode(in + "/s" + number + end) == 0600u, store << end);
        BOOST_TEST(mode(in + "/c" + number) == 0600u, cache);
        opened.reset();
        BOOST_TEST(journal_store::open_sqlite(store, {.access = journal_access::read})->list().size() == 1u);
    }
    for (const char* end : {"/", "/.", "/..", "//"}) {
        auto why = thrown(run_errc::journal_unavailable, [&] { journal_store::open_sqlite(in + "/new" + end); });
        BOOST_TEST(why.find("folder") != why.npos, why);
        auto says = [](const lm_error& e) { return std::string{e.what()}.find("folder") != std::string::npos; };
        BOOST_CHECK_EXCEPTION(ask_by(in + "/new" + end), lm_error, says);
        BOOST_TEST(!fs::exists(in + "/new"));
    }
    ::umask(mask);
}

BOOST_AUTO_TEST_CASE(whoever_reads_makes_no_tables_in_postgresql) {
    if (!postgres_server::is_installed()) return;
    postgres_server server;
    for (auto access : {journal_access::read, journal_access::existing}) {
        auto why =
            thrown(run_errc::journal_unavailable, [&] { journal_store::open(server.conninfo(), {.access = access}); });
        BOOST_TEST(why.find("no journals") != why.npos, why);
    }
    journal_store::open(server.conninfo())->create({.program = "p", .id = "a"});
    auto store = journal_store::open(server.conninfo(), {.access = journal_access::read});
    BOOST_TEST(store->list().size() == 1u);
    thrown(run_errc::not_possible, [&] { store->cancel("a"); });
    journal_store::open(server.conninfo(), {.access = journal_access::existing})->cancel("a");
    BOOST_TEST((store->get("a").status == run_status::cancelled));
}

// In a folder that all may write to, a log of somebody else's would lock the owner out.
BOOST_FIXTURE_TEST_CASE(whoever_may_only_read_a_file_leaves_nothing_beside_it, in_a_folder) {
#ifdef __SANITIZE_THREAD__
    return;  // it lets no child of a fork start threads
#endif
    if (::geteuid() != 0) return;  // else nobody else can be tried
    fs::permissions(files.path, fs::perms{0755});
    fs::permissions(db.parent_path(), fs::perms{01777});
    {
        journal_store::open_sqlite(db)->create({.program = "p", .id = "a"});
    }
    BOOST_REQUIRE(!fs::exists(beside(db, "-wal")));
    fs::permissions(db, fs::perms{0644});
    auto as_nobody = [&](int more) {
        const pid_t child = ::fork();
        if (child == 0) {
            int code = 9;
            if (::setgid(65534) == 0 && ::setuid(65534) == 0) try {
                    auto store = journal_store::open_sqlite(db, {.access = journal_access::read});
                    code = static_cast<int>(store->list().size());
                    if (more) {  // and sees what is stored meanwhile
                        for (int i = 0; i < 500 && store->list().size() < 2; ++i) std::this_thread::sleep_for(20ms);
                        code = static_cast<int>(store->list().size());
                    }
                } catch (const std::exception&) {
                    code = 8;
                }
            ::_exit(code);
        }
        return child;
    };
    auto code_of = [](pid_t child) {
        int status = 0;
        ::waitpid(child, &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    };
    BOOST_TEST(code_of(as_nobody(0)) == 1);
    BOOST_TEST(!fs::exists(beside(db, "-wal")));
    BOOST_TEST(!fs::exists(beside(db, "-shm")));
    auto looking = as_nobody(1);
    std::this_thread::sleep_for(200ms);
    {  // Open until it was seen: SQLite itself leaves files where a reader begins as the last writer ends.
        auto owner = journal_store::open_sqlite(db);
        owner->create({.program = "p", .id = "b"});
        BOOST_TEST(code_of(looking) == 2);
    }
    for (const char* end : {"-wal", "-shm"}) {  // the owner's own may be left, since somebody was looking
        struct stat left{};
        if (::stat(beside(db, end).c_str(), &left) == 0) BOOST_TEST(left.st_uid == 0u);
    }
    {
        journal_store::open_sqlite(db)->create({.program = "p", .id = "c"});
    }
    auto writing = journal_store::open_sqlite(db);  // while somebody has it open, too
    writing->create({.program = "p", .id = "d"});
    BOOST_TEST(code_of(as_nobody(0)) == 4);
    writing->create({.program = "p", .id = "e"});
}

// Whose mode says that nobody writes it, or whose folder does.
BOOST_FIXTURE_TEST_CASE(a_store_that_may_not_be_written_is_read_and_nothing_is_left_beside_it, in_a_folder) {
#ifdef __SANITIZE_THREAD__
    return;  // it lets no child of a fork start threads
#endif
    if (::geteuid() != 0) return;  // for whom it goes by the mode
    fs::permissions(files.path, fs::perms{0755});
    {
        journal_store::open_sqlite(db)->create({.program = "p", .id = "a"});
    }
    auto as_nobody = [&](auto work) {  // what it throws
        int ends[2];
        BOOST_REQUIRE(::pipe(ends) == 0);
        const pid_t child = ::fork();
        if (child == 0) {
            std::string told = "done";
            if (::setgid(65534) != 0 || ::setuid(65534) != 0) ::_exit(9);
            try {
                work();
            } catch (const std::exception& e) {
                told = e.what();
            }
            if (::write(ends[1], told.data(), told.size()) < 0) ::_exit(8);
            ::_exit(0);
        }
        ::close(ends[1]);
        std::string told(4096, '\0');
        told.resize(static_cast<std::size_t>(std::max<ssize_t>(0, ::read(ends[0], told.data(), told.size()))));
        ::close(ends[0]);
        ::waitpid(child, nullptr, 0);
        return told;
    };
    auto list = [&] {
        if (journal_store::open_sqlite(db, {.access = journal_access::read})->list().size() != 1)
            throw std::runtime_error{"no runs"};
    };
    auto cancel = [&] { journal_store::open_sqlite(db, {.access = journal_access::existing})->cancel("a"); };
    auto create = [&] { journal_store::open_sqlite(db)->create({.program = "p"}); };
    for (uid_t owner : {uid_t{65534}, uid_t{0}})
        for (bool by_folder : {false, true}) {
            BOOST_TEST_CONTEXT("owner " << owner << (by_folder ? ", by the folder" : ", by the file")) {
                BOOST_REQUIRE(::chown(db.c_str(), owner, owner) == 0);
                BOOST_REQUIRE(::chown(db.parent_path().c_str(), owner, owner) == 0);
                fs::permissions(db, fs::perms{by_folder ? 0666u : 0444u});
                fs::permissions(db.parent_path(), fs::perms{by_folder ? 0555u : 0777u});
                BOOST_TEST(as_nobody(list) == "done");
                for (const auto& told : {as_nobody(cancel), as_nobody(create)}) {
                    BOOST_TEST((told.find("belongs to another user") != told.npos) == (owner == 0), told);
                    BOOST_TEST((told.find("is read-only; make it writable") != told.npos) == (owner != 0), told);
                    BOOST_TEST((told.find("runs.db is") == told.npos) == (by_folder || owner == 0), told);
                }
                fs::permissions(db.parent_path(), fs::perms{0777});
                BOOST_TEST(count() == 1u);  // files there
            }
        }
}

// A journal as a file says how many records it holds: one that was cut between two of them, or has lost some, is no
// journal of that run.
BOOST_FIXTURE_TEST_CASE(a_journal_file_that_lost_records_is_noticed, in_a_folder) {
    auto model = std::make_shared<answering>([](const lm_request&) { return chat_completion({{"answer", 4}}); });
    runtime rt;
    predict<sig<"n: int -> answer: int">> p;
    struct three {
        const predict<sig<"n: int -> answer: int">>& p;
        task<int> forward(run& r) const {
            for (int i = 0; i < 3; ++i) {
                r.now("x");
                co_await p(r, i);
            }
            co_return 0;
        }
    } whole{p};
    auto result = rt.execute(run_options{language_model{model}}, whole);
    auto file = (files.path / "run.jsonl").string();
    save_journal(file, *result.report.history);
    auto all = read_journal_file(file).records.size();
    BOOST_TEST(all > 5u);
    std::vector<std::string> lines;
    {
        std::ifstream in{file};
        for (std::string line; std::getline(in, line);) lines.push_back(line);
    }
    for (std::size_t gone = 1; gone < lines.size(); ++gone)
        for (bool rest : {false, true}) {  // one line, and all from there on
            {
                std::ofstream out{file};
                for (std::size_t i = 0; i < lines.size(); ++i)
                    if (i < gone || (i > gone && !rest)) out << lines[i] << "\n";
            }
            auto why = thrown(run_errc::bad_journal, [&] { read_journal_file(file); });
            BOOST_TEST(
                (why.find("of its " + std::to_string(all)) != why.npos || why.find("no record before it") != why.npos),
                why);
        }
    {
        std::ofstream out{file};  // one of before
        auto head = json::parse(lines[0]).as_object();
        head.erase("records");
        out << json::serialize(head) << "\n" << lines[1] << "\n";
    }
    BOOST_TEST(read_journal_file(file).records.size() == 1u);
}
