#include "sql_judge.hpp"

#include "support/sql_shop.hpp"

#include <sqlite3.h>

#include <set>
#include <stdexcept>

namespace reagent::test {
namespace {

// Functions that a statement must not call; most are not in every build, all are spies here.
constexpr const char* dangerous[]{"load_extension",
                                  "readfile",
                                  "writefile",
                                  "edit",
                                  "eval",
                                  "fts3_tokenizer",
                                  "randomblob",
                                  "zeroblob",
                                  "sqlite_version",
                                  "sqlite_source_id",
                                  "last_insert_rowid",
                                  "changes",
                                  "total_changes",
                                  "sqlite_compileoption_get",
                                  "sqlite_compileoption_used",
                                  "sqlite_log",
                                  "sqlite_offset",
                                  "spy",
                                  "match",
                                  "regexp",
                                  "fsdir",
                                  "sha3",
                                  "lsmode"};

class shop {
public:
    explicit shop(side s) {
        sqlite3_open(":memory:", &db_);
        if (sqlite3_exec(db_, shop_script(sql::dialect::sqlite, s).c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
            throw std::runtime_error{sqlite3_errmsg(db_)};
        sqlite3_db_config(db_, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 1, nullptr);
        for (const char* name : dangerous) {
            names_.emplace_back(std::make_unique<spied>(spied{name, this}));
            auto call = [](sqlite3_context* c, int, sqlite3_value**) {
                auto* f = static_cast<spied*>(sqlite3_user_data(c));
                f->in->calls_.insert(f->name);
                sqlite3_result_null(c);
            };
            sqlite3_create_function(db_, name, -1, SQLITE_UTF8, names_.back().get(), call, nullptr, nullptr);
            for (int n = 0; n < 4; ++n)
                sqlite3_create_function(db_, name, n, SQLITE_UTF8, names_.back().get(), call, nullptr, nullptr);
        }
        sqlite3_progress_handler(
            db_, 1000, [](void* left) { return --*static_cast<int*>(left) < 0 ? 1 : 0; }, &left_);
        changes_ = sqlite3_total_changes(db_);
    }
    ~shop() { sqlite3_close(db_); }
    shop(const shop&) = delete;

    answer run(const std::string& statements, std::vector<finding>& findings) {
        calls_.clear();
        left_ = 1000;
        sqlite3_exec(db_, "SAVEPOINT before", nullptr, nullptr, nullptr);
        answer a;
        // All that the text holds, as sqlite3_exec would.
        for (const char* rest = statements.c_str(); *rest && a.error.empty();) rest = one(rest, a);
        if (int n = sqlite3_total_changes(db_); n != changes_) {
            findings.push_back({finding::change, "something was changed"});
            changes_ = n;
        }
        if (!calls_.empty()) {
            std::string how = "called:";
            for (const auto& c : calls_) how += " " + c;
            findings.push_back({finding::call, how});
        }
        left_ = 1000;
        sqlite3_exec(db_, "ROLLBACK TO before; RELEASE before", nullptr, nullptr, nullptr);
        return a;
    }

private:
    struct spied {
        std::string name;
        shop* in;
    };

    const char* one(const char* text, answer& a) {
        sqlite3_stmt* raw = nullptr;
        const char* next = text;
        int rc = sqlite3_prepare_v2(db_, text, -1, &raw, &next);
        std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> s{raw, sqlite3_finalize};
        if (rc == SQLITE_OK && !raw) return next;
        for (int i = 0; raw && i < sqlite3_column_count(raw); ++i) a.names.emplace_back(sqlite3_column_name(raw, i));
        while (rc == SQLITE_OK || rc == SQLITE_ROW) {
            rc = sqlite3_step(raw);
            if (rc != SQLITE_ROW) break;
            std::string row;
            for (int i = 0; i < sqlite3_column_count(raw); ++i) {
                const auto* value = reinterpret_cast<const char*>(sqlite3_column_text(raw, i));
                row += std::string{value ? value : "\x01"} + "\x02";
            }
            a.rows.push_back(std::move(row));
            if (a.rows.size() > 2000) return a.ended = true, next;
        }
        if (rc == SQLITE_DONE) return next;
        a.ended = rc == SQLITE_INTERRUPT;
        a.error = std::to_string(rc) + " " + sqlite3_errmsg(db_);
        return next;
    }

    sqlite3* db_ = nullptr;
    int left_ = 0, changes_ = 0;
    std::vector<std::unique_ptr<spied>> names_{};
    std::set<std::string> calls_{};
};

class both_shops : public judge {
public:
    judgement run(const std::string& statement) override {
        judgement j;
        j.left = left_.run(statement, j.findings);
        std::vector<finding> unused;
        j.right = right_.run(statement, unused);
        compare(j);
        return j;
    }

private:
    shop left_{side::left}, right_{side::right};
};

}  // namespace

std::unique_ptr<judge> sqlite_judge() { return std::make_unique<both_shops>(); }

}  // namespace reagent::test
