// What the SQL guard allows, run on real databases: sql_differential postgres|sqlite COUNT [SEED [MODE]]. A statement
// that is allowed may not read a canary, not call what is not listed and not change anything; see sql_judge.hpp. What
// `safe` returns in its place may not either, and answers the same.
//
// MODE `blind`: the policy denies no column and allows every table. `scoped`: the guard is that of
// support/scoped_check.hpp. In both there must be leaks, or the test sees nothing. `none`: no guard at all, which shows
// for each shape what the judge makes of it.
#include "sql_judge.hpp"
#include "support/scoped_check.hpp"
#include "support/sql_generator.hpp"
#include "support/sql_shop.hpp"

#include <algorithm>
#include <chrono>
#include <iomanip>
#include <iostream>
#include <map>

using namespace reagent;
using namespace reagent::test;

namespace {

enum class mode { guard, blind, scoped, none };

struct count {
    std::size_t written = 0, allowed = 0, answered = 0, found = 0;
};

struct tally {
    count all{};
    std::size_t leaks = 0, calls = 0, changes = 0, overloads = 0, mismatches = 0, refused_by_safe = 0,
                allowed_by_safe = 0;
    std::map<std::string, count> shapes{};
    std::map<std::string, std::size_t> errors{};     // of the database, about allowed statements
    std::map<std::string, std::size_t> explained{};  // answers of `safe` that may differ
    std::map<std::string, std::size_t> shown{};
    std::chrono::steady_clock::duration slowest{};
    std::string slowest_statement{};

    std::size_t found() const { return leaks + calls + changes; }
};

// What keeps the statement of `safe` from answering as the original does, and is known.
struct difference {
    const char* why;
    const char* error;  // how the error starts, or ""
    bool (*applies)(const written& w);
};
bool names_system_column(const written& w) { return w.shapes.contains("system column"); }
bool is_sampled(const written& w) { return w.shapes.contains("sampled") || w.text.find("TABLESAMPLE") != w.text.npos; }
bool groups_by_key(const written& w) { return w.text.find("GROUP BY") != w.text.npos; }
bool calls_overload(const written& w) {
    return w.shapes.contains("a listed name of another function") || w.shapes.contains("row in a function");
}
constexpr difference differences[]{
    {"a system column: a subquery has none", "42703", names_system_column},
    {"a system column: a subquery has none", "42883", names_system_column},
    {"TABLESAMPLE is of tables alone", "42", is_sampled},
    {"GROUP BY a primary key alone, in another query than the table's: a subquery has none", "42803", groups_by_key},
    {"a function of the user's under the name of one of PostgreSQL's", "42883", calls_overload},
};

std::string shown(const written& w) {
    std::string s;
    for (const auto& shape : w.shapes) s += (s.empty() ? "" : ", ") + shape;
    return "[" + s + "] ";
}

// Adds what was found about a statement. @return whether anything was
bool note(tally& t, const judgement& j, const written& w, const std::string& statement, bool from_safe) {
    bool any = false;
    for (const auto& f : j.findings) {
        auto what = f.what;
        if (what == finding::overload && !from_safe) {
            ++t.overloads;
            continue;
        }
        any = true;
        const char* name = what == finding::leak ? "LEAK" : what == finding::change ? "CHANGE" : "CALL";
        ++(what == finding::leak ? t.leaks : what == finding::change ? t.changes : t.calls);
        if (t.shown[shown(w)]++ < 1 && t.shown.size() <= 60)
            std::cout << name << (from_safe ? " of safe (" : " (") << f.how << ") " << shown(w) << statement << "\n";
    }
    return any;
}

// The rows of `safe` beside those of the statement. @return why they differ, or ""
std::string mismatch(const written& w, const answer& plain, const answer& safe, const std::string& statement,
                     tally& t) {
    auto known = [&](const char* why) {
        ++t.explained[why];
        return std::string{};
    };
    if (safe.ended) return known("ended by a limit of time");
    if (!safe.error.empty()) {
        for (const auto& d : differences)
            if (safe.error.starts_with(d.error) && d.applies(w)) return known(d.why);
        return "error " + safe.error;
    }
    if (plain.names != safe.names) return "names of columns";
    if (plain.rows == safe.rows) return {};
    auto a = plain.rows, b = safe.rows;
    std::sort(a.begin(), a.end());
    std::sort(b.begin(), b.end());
    if (a == b) return w.ordered ? "order of rows" : known("rows in another order that was not asked for");
    if (!w.order_matters && w.text.find("LIMIT") == w.text.npos) return "rows";
    if (t.shown["by order"]++ < 3) std::cout << "ORDER? " << w.text << "\n    safe: " << statement << "\n";
    return known("other rows, by an order that was not asked for");
}

void judge_statement(judge& judge, const written& w, const sql::policy& p, const sql::schema& known, mode m, tally& t) {
    auto begin = std::chrono::steady_clock::now();
    auto verdict = m == mode::none     ? sql::verdict{}
                   : m == mode::scoped ? scoped_check(w.text, p, known)
                                       : sql::check(w.text, p, known);
    if (auto took = std::chrono::steady_clock::now() - begin; took > t.slowest)
        t.slowest = took, t.slowest_statement = w.text;
    std::optional<judgement> plain;
    bool found = false, allowed = verdict.ok(), answered = false;
    if (allowed) {
        plain = judge.run(w.text);
        answered = plain->left.error.empty();
        if (w.limit && m != mode::scoped && plain->left.rows.size() > w.limit)
            plain->findings.push_back({finding::leak, "more rows than the policy allows"});
        if (!plain->left.error.empty()) ++t.errors[plain->left.error.substr(0, 34)];
        found = note(t, *plain, w, w.text, false);
    }
    if (m == mode::guard) {
        auto safe = sql::safe(w.text, p, known, {.keys = {{"customers", {"id"}}}});
        t.refused_by_safe += allowed && !safe.verdict.ok();
        t.allowed_by_safe += !allowed && safe.verdict.ok();
        if (safe.verdict.ok() && (safe.statement != w.text || !plain)) {
            auto j = judge.run(safe.statement);
            if (w.limit && j.left.rows.size() > w.limit)
                j.findings.push_back({finding::leak, "more rows than the policy allows"});
            found = note(t, j, w, safe.statement, true) || found;
            if (plain && plain->left.ok() && plain->findings.empty())
                if (auto why = mismatch(w, plain->left, j.left, safe.statement, t); !why.empty()) {
                    ++t.mismatches;
                    if (t.shown["mismatch " + why.substr(0, 12)]++ < 5)
                        std::cout << "MISMATCH (" << why << ") " << shown(w) << w.text
                                  << "\n    safe: " << safe.statement << "\n";
                }
        }
    }
    auto add = [&](count& c) {
        ++c.written;
        c.allowed += allowed;
        c.answered += answered;
        c.found += found;
    };
    add(t.all);
    for (const auto& s : w.shapes) add(t.shapes[s]);
}

void report(const tally& t) {
    std::cout << "\nstatements with               written  allowed answered    found\n";
    for (const auto& [name, c] : t.shapes)
        std::cout << std::left << std::setw(29) << name << std::right << std::setw(8) << c.written << std::setw(9)
                  << c.allowed << std::setw(9) << c.answered << std::setw(9) << c.found << "\n";
    std::vector<std::pair<std::size_t, std::string>> errors;
    for (const auto& [what, n] : t.errors) errors.emplace_back(n, what);
    std::sort(errors.rbegin(), errors.rend());
    std::cout << "\nthe most frequent errors of the database\n";
    for (std::size_t i = 0; i < std::min<std::size_t>(12, errors.size()); ++i)
        std::cout << std::setw(8) << errors[i].first << "  " << errors[i].second << "\n";
    for (const auto& [why, n] : t.explained) std::cout << n << " answers of safe differ: " << why << "\n";
    std::cout << "\n"
              << t.all.written << " statements, " << t.all.allowed << " allowed, " << t.all.answered
              << " of them answered\n"
              << t.leaks << " leaks, " << t.calls << " calls, " << t.changes << " changes, " << t.mismatches
              << " mismatches\n"
              << t.overloads << " called a user's function under a listed name, which safe has to prevent; "
              << t.refused_by_safe << " allowed by check but not by safe, " << t.allowed_by_safe
              << " by safe but not by check\n"
              << "the slowest check took " << std::chrono::duration_cast<std::chrono::microseconds>(t.slowest).count()
              << " us: " << t.slowest_statement.substr(0, 300) << "\n";
}

int judged(const tally& t, mode m) {
    if (m != mode::guard) {
        std::size_t kinds = 0;
        for (const auto& [name, c] : t.shapes) kinds += c.found > 0 && !name.starts_with("at ");
        std::cout << kinds << " kinds of statements leak\n";
        return t.found() && kinds > 5 ? 0 : 1;
    }
    if (t.all.allowed * 100 < t.all.written * 15 || t.all.answered * 100 < t.all.allowed * 35) {
        std::cout << "too few are allowed and answered for this to say anything\n";
        return 1;
    }
    return t.found() || t.mismatches ? 1 : 0;
}

int differential(sql::dialect d, std::size_t count, std::uint64_t seed, mode m) {
    auto judge = d == sql::dialect::postgres ? postgres_judge() : sqlite_judge();
    sql_generator generator{d, seed};
    std::mt19937_64 random{seed};
    auto policies =
        m == mode::guard ? shop_policies(d) : std::vector{m == mode::blind ? shop_blind_policy(d) : shop_policy(d)};
    const sql::schema schemas[]{shop_schema(known::every_table), shop_schema(known::allowed_tables),
                                shop_schema(known::nothing)};
    tally t;
    auto last = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < count; ++i) {
        auto w = generator.statement();
        auto& policy = policies[random() % 100 < 70 ? 0 : random() % policies.size()];
        policy.max_rows = w.limit ? std::optional<std::uint64_t>{w.limit} : std::nullopt;
        auto roll = random() % 100;
        // SQLite's guard needs a schema.
        std::size_t known = m == mode::blind || roll < 60 ? 0 : roll < 88 || d == sql::dialect::sqlite ? 1 : 2;
        judge_statement(*judge, w, policy, schemas[known], m, t);
        if (std::chrono::steady_clock::now() - last > std::chrono::seconds{20}) {
            last = std::chrono::steady_clock::now();
            std::cerr << i << " of " << count << ", " << t.all.allowed << " allowed, " << t.found() << " found, "
                      << t.mismatches << " mismatches" << std::endl;
        }
    }
    report(t);
    return judged(t, m);
}

}  // namespace

int main(int argc, char** argv) {
    std::string_view dialect = argc > 1 ? argv[1] : "", how = argc > 4 ? argv[4] : "";
    bool known = how.empty() || how == "blind" || how == "none" || (how == "scoped" && dialect == "postgres");
    if (argc < 3 || (dialect != "postgres" && dialect != "sqlite") || !known) {
        std::cerr << "usage: sql_differential postgres|sqlite COUNT [SEED [blind|scoped|none]]; scoped is of postgres "
                     "alone\n";
        return 2;
    }
    return differential(dialect == "postgres" ? sql::dialect::postgres : sql::dialect::sqlite, std::stoull(argv[2]),
                        argc > 3 ? std::stoull(argv[3]) : 1,
                        how == "blind"    ? mode::blind
                        : how == "scoped" ? mode::scoped
                        : how == "none"   ? mode::none
                                          : mode::guard);
}
