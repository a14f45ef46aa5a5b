// Statements that are made to cost much: sql_bombs [RANDOM_STATEMENTS [SEED]]. Each is checked in a process of its own,
// whose time on the processor and memory are measured; the worst of each shape is printed, and whatever comes near the
// promised bounds. Exit code 1 where a check takes more than 64 MB, or does not end.
#include <reagent/tools/sql.hpp>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <random>
#include <string>
#include <vector>

using namespace reagent;

namespace {

const sql::schema tables{{"orders", {"id", "total", "customer_id", "note"}},
                         {"customers", {"id", "name", "city", "ssn"}}};

std::string times(int n, const std::function<std::string(int)>& part) {
    std::string all;
    for (int i = 0; i < n; ++i) all += part(i);
    return all;
}
std::string n(int i) { return std::to_string(i); }

// Each takes a size.
struct shape {
    const char* name;
    std::function<std::string(int)> write;
};

const std::vector<shape> shapes{
    {"CTEs that join the one before with itself",
     [](int k) {
         return "WITH a0 AS (SELECT * FROM orders)" +
                times(k,
                      [](int i) { return ", a" + n(i + 1) + " AS (SELECT * FROM a" + n(i) + " x, a" + n(i) + " y)"; }) +
                " SELECT 1 FROM orders";
     }},
    {"CTEs that ask the one before twice",
     [](int k) {
         return "WITH a0 AS (SELECT 1 AS x)" +
                times(k,
                      [](int i) {
                          return ", a" + n(i + 1) + " AS (SELECT x FROM a" + n(i) + " WHERE x IN (SELECT x FROM a" +
                                 n(i) + "))";
                      }) +
                " SELECT x FROM a" + n(k) + " LIMIT 1";
     }},
    {"the same, not materialized",
     [](int k) {
         return "WITH a0 AS NOT MATERIALIZED (SELECT 1 AS x)" +
                times(k,
                      [](int i) {
                          return ", a" + n(i + 1) + " AS NOT MATERIALIZED (SELECT x.x FROM a" + n(i) + " x, a" + n(i) +
                                 " y)";
                      }) +
                " SELECT x FROM a" + n(k);
     }},
    {"the same, names in quotes",
     [](int k) {
         return "WITH \"a0\" AS (SELECT 1 AS x)" +
                times(k,
                      [](int i) {
                          return ", \"a" + n(i + 1) + "\" AS (SELECT x FROM \"a" + n(i) +
                                 "\" WHERE x IN (SELECT x FROM \"a" + n(i) + "\"))";
                      }) +
                " SELECT x FROM \"a" + n(k) + "\" LIMIT 1";
     }},
    {"the same, with comments between",
     [](int k) {
         return "WITH a0 AS/**/(SELECT 1 AS x)" +
                times(k,
                      [](int i) {
                          return ", a" + n(i + 1) + "--\n AS --\n(SELECT x FROM a" + n(i) +
                                 " WHERE x IN (SELECT x FROM a" + n(i) + "))";
                      }) +
                " SELECT x FROM a" + n(k) + " LIMIT 1";
     }},
    {"the same, WITH inside of WITH",
     [](int k) {
         std::string s = "SELECT 1 AS x";
         for (int i = 0; i < k; ++i)
             s = "WITH a" + n(i) + " AS (" + s + ") SELECT x FROM a" + n(i) + " WHERE x IN (SELECT x FROM a" + n(i) +
                 ")";
         return s;
     }},
    {"the same, forward",
     [](int k) {
         return "WITH RECURSIVE " +
                times(k,
                      [](int i) {
                          return "a" + n(i) + " AS (SELECT x FROM a" + n(i + 1) + " WHERE x IN (SELECT x FROM a" +
                                 n(i + 1) + ")), ";
                      }) +
                "a" + n(k) + " AS (SELECT 1 AS x) SELECT x FROM a0 LIMIT 1";
     }},
    {"stars of stars",
     [](int k) {
         std::string s = "SELECT *, *, *, * FROM orders";
         for (int i = 0; i < k; ++i) s = "SELECT *, *, * FROM (" + s + ") t" + n(i);
         return s;
     }},
    {"stars of stars by WITH",
     [](int k) {
         return "WITH a0 AS (SELECT *, * FROM orders)" +
                times(k, [](int i) { return ", a" + n(i + 1) + " AS (SELECT *, * FROM a" + n(i) + ")"; }) +
                " SELECT 1 FROM a" + n(k);
     }},
    {"one wide row, again and again",
     [](int k) {
         return "WITH w AS (SELECT " + times(150, [](int i) { return (i ? ", id AS c" : "id AS c") + n(i); }) +
                " FROM orders)" +
                times(k,
                      [](int i) {
                          return ", a" + n(i) + " AS (SELECT * FROM " + (i ? "a" + n(i - 1) : std::string{"w"}) + ")";
                      }) +
                " SELECT 1 FROM a" + n(k - 1);
     }},
    {"an expression in an expression",
     [](int k) {
         std::string s = "SELECT id AS x FROM orders";
         for (int i = 0; i < k; ++i) s = "SELECT x+x+x+x+x+x+x+x AS x FROM (" + s + ") t" + n(i);
         return s;
     }},
    {"an expression in an expression by WITH",
     [](int k) {
         return "WITH a0 AS (SELECT id AS x FROM orders)" +
                times(k, [](int i) { return ", a" + n(i + 1) + " AS (SELECT x+x AS x FROM a" + n(i) + ")"; }) +
                " SELECT x FROM a" + n(k);
     }},
    {"few levels of wide expressions",
     [](int k) {
         std::string s = "SELECT id AS x FROM orders", wide = times(k, [](int i) { return i ? ",x" : "x"; });
         for (int i = 0; i < 3; ++i) s = "SELECT coalesce(" + wide + ") AS x FROM (" + s + ") t" + n(i);
         return s;
     }},
    {"an alias in a list",
     [](int k) {
         return "SELECT 1 IN (" + times(k, [](int i) { return std::string{i ? ",1" : "1"}; }) + ") k WHERE 1 IN (" +
                times(k, [](int i) { return std::string{i ? ",k" : "k"}; }) + ")";
     }},
    {"aliases of aliases",
     [](int k) {
         std::string s = "SELECT 1 AS k0";
         for (int i = 0; i < k && i < 12; ++i) {
             std::string uses = times(std::min(k, 14), [&](int j) { return (j ? ",k" : "k") + n(i); });
             s += " WHERE 1 IN (SELECT 1 IN (" + uses + ") AS k" + n(i + 1);
         }
         return s + std::string(static_cast<std::size_t>(std::min(k, 12)), ')');
     }},
    {"GROUP BY of an alias",
     [](int k) {
         return "SELECT id+id+id AS x FROM orders GROUP BY " +
                times(k, [](int i) { return std::string{i ? ",x" : "x"}; });
     }},
    {"ORDER BY of a place",
     [](int k) {
         return "SELECT id IN (" + times(k, [](int i) { return std::string{i ? ",1" : "1"}; }) +
                ") FROM orders ORDER BY " + times(k, [](int i) { return std::string{i ? ",1" : "1"}; });
     }},
    {"parentheses",
     [](int k) {
         return "SELECT " + std::string(static_cast<std::size_t>(k), '(') + "1" +
                std::string(static_cast<std::size_t>(k), ')');
     }},
    {"signs", [](int k) { return "SELECT 1" + times(k, [](int) { return std::string{"+1"}; }); }},
    {"NOT", [](int k) { return "SELECT " + times(k, [](int) { return std::string{"NOT "}; }) + "true"; }},
    {"CASE",
     [](int k) {
         return "SELECT " + times(k, [](int) { return std::string{"CASE WHEN true THEN "}; }) + "1" +
                times(k, [](int) { return std::string{" END"}; });
     }},
    {"UNION", [](int k) { return "SELECT 1" + times(k, [](int) { return std::string{" UNION SELECT 1"}; }); }},
    {"subqueries",
     [](int k) {
         return times(k, [](int) { return std::string{"SELECT * FROM ("}; }) + "SELECT 1" +
                times(k, [](int i) { return ") t" + n(i); });
     }},
    {"scalar subqueries",
     [](int k) {
         return times(k, [](int) { return std::string{"SELECT ("}; }) + "SELECT 1" +
                times(k, [](int) { return std::string{")"}; });
     }},
    {"tables", [](int k) { return "SELECT 1 FROM orders" + times(k, [](int i) { return ", orders o" + n(i); }); }},
    {"tables and references to one name",
     [](int k) {
         return "SELECT " + times(k, [](int i) { return std::string{i ? ",a.x" : "a.x"} + n(i); }) + " FROM orders" +
                times(k / 2, [](int) { return std::string{",orders a"}; });
     }},
    {"joins with USING",
     [](int k) {
         return "SELECT 1 FROM orders" + times(k, [](int i) { return " JOIN orders o" + n(i) + " USING (id)"; });
     }},
    {"natural joins",
     [](int k) { return "SELECT 1 FROM orders" + times(k, [](int i) { return " NATURAL JOIN customers o" + n(i); }); }},
    {"joins with aliases",
     [](int k) {
         std::string s = "orders";
         for (int i = 0; i < k; ++i) s = "(" + s + " JOIN orders b" + n(i) + " ON true) AS j" + n(i);
         return "SELECT 1 FROM " + s;
     }},
    {"a long IN list",
     [](int k) {
         return "SELECT id FROM orders WHERE id IN (" + times(k, [](int i) { return (i ? "," : "") + n(i); }) + ")";
     }},
    {"a long list of texts",
     [](int k) {
         return "SELECT id FROM orders WHERE note IN (" +
                times(k, [](int i) { return std::string{i ? "," : ""} + "'a-b-c-" + n(i) + "'"; }) + ")";
     }},
    {"columns", [](int k) { return "SELECT " + times(k, [](int i) { return (i ? ",id" : "id"); }) + " FROM orders"; }},
    {"rows of VALUES", [](int k) { return "VALUES (1)" + times(k, [](int) { return std::string{",(1)"}; }); }},
    {"WINDOW",
     [](int k) {
         return "SELECT 1 FROM orders WINDOW w0 AS ()" +
                times(k, [](int i) { return ", w" + n(i + 1) + " AS (w" + n(i) + ")"; });
     }},
    {"CUBE",
     [](int k) {
         return "SELECT 1 FROM orders GROUP BY CUBE (id" + times(k, [](int) { return std::string{",id"}; }) + ")";
     }},
    {"arguments", [](int k) { return "SELECT concat(1" + times(k, [](int) { return std::string{",1"}; }) + ")"; }},
    {"dots",
     [](int k) { return "SELECT " + times(k, [](int i) { return std::string{i ? ".a" : "a"}; }) + " FROM orders"; }},
    {"fields",
     [](int k) { return "SELECT (id)" + times(k, [](int) { return std::string{".abs"}; }) + " FROM orders"; }},
    {"casts", [](int k) { return "SELECT 1" + times(k, [](int) { return std::string{"::int"}; }); }},
    {"JSON arrows",
     [](int k) { return "SELECT note" + times(k, [](int) { return std::string{"->'a'"}; }) + " FROM orders"; }},
};

struct cost {
    double milliseconds = 0;
    long megabytes = 0;
    bool ended = false;
};

cost of(sql::dialect d, const std::string& statement) {
    int pipe_[2];
    if (::pipe(pipe_) != 0) std::abort();
    pid_t child = ::fork();
    if (child == 0) {
        rlimit memory{2ul << 30, 2ul << 30}, time{20, 20};
        ::setrlimit(RLIMIT_AS, &memory);
        ::setrlimit(RLIMIT_CPU, &time);
        sql::policy p{.dialect = d,
                      .allowed_tables = {"orders", "customers"},
                      .denied_columns = {"customers.ssn"},
                      .max_rows = 100};
        sql::check("SELECT 1", p, tables);  // what is made once
        rusage before{}, after{};
        ::getrusage(RUSAGE_SELF, &before);
        sql::safe(statement, p, tables);
        ::getrusage(RUSAGE_SELF, &after);
        auto spent = [](const timeval& from, const timeval& to) {
            return static_cast<double>(to.tv_sec - from.tv_sec) * 1e3 +
                   static_cast<double>(to.tv_usec - from.tv_usec) / 1e3;
        };
        cost c{spent(before.ru_utime, after.ru_utime) + spent(before.ru_stime, after.ru_stime), 0, true};
        c.megabytes = (after.ru_maxrss - before.ru_maxrss) / 1024;
        ssize_t written = ::write(pipe_[1], &c, sizeof c);
        ::_exit(written == sizeof c ? 0 : 1);
    }
    ::close(pipe_[1]);
    cost c;
    if (::read(pipe_[0], &c, sizeof c) != sizeof c) c = cost{};
    ::close(pipe_[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    return c;
}

// The longest of a shape that the default policy lets in, and some below: what is refused at once costs nothing.
std::vector<int> sizes(const shape& s) {
    int most = 1;
    while (most < 20'000 && s.write(most * 2).size() <= sql::policy{}.max_length) most *= 2;
    int step = most;
    for (; step > 0; step /= 2)
        if (s.write(most + step).size() <= sql::policy{}.max_length) most += step;
    std::vector<int> all;
    for (int k : {1,  2,  3,   5,   7,   9,   11,  13,  15,  18,  22,   27,   33,   40,  48,
                  60, 80, 100, 130, 180, 250, 350, 500, 700, 950, 1300, 2000, 3000, 5000})
        if (k < most) all.push_back(k);
    all.push_back(most);
    return all;
}

// A part of one shape in the place of a part of another.
std::string mixed(std::mt19937_64& random) {
    auto pick = [&](std::size_t most) { return std::uniform_int_distribution<std::size_t>{0, most - 1}(random); };
    auto part = [&] { return shapes[pick(shapes.size())].write(1 + static_cast<int>(pick(40))); };
    std::string s = part();
    for (std::size_t i = 1 + pick(3); i > 0; --i) {
        std::string other = "(" + part() + ")";
        if (auto at = s.find("orders", pick(s.size())); at != s.npos)
            s.replace(at, 6, other + " q" + n(static_cast<int>(pick(100))));
        else if (auto one = s.find('1', pick(s.size())); one != s.npos)
            s.replace(one, 1, other);
    }
    return s;
}

}  // namespace

int main(int argc, char** argv) {
    std::size_t random_statements = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 0;
    std::mt19937_64 random{argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1};
    constexpr long most_megabytes = 64;
    constexpr double worth_telling = 100;
    bool failed = false;
    auto judge = [&](const char* name, const std::string& statement, const cost& c) {
        bool bad = !c.ended || c.megabytes > most_megabytes;
        if (bad || c.milliseconds > worth_telling)
            std::printf("  %s: %s, %zu bytes: %.0f ms, %ld MB%s\n    %.300s\n", bad ? "TOO MUCH" : "long", name,
                        statement.size(), c.milliseconds, c.megabytes, c.ended ? "" : ", did not end",
                        statement.c_str());
        failed = failed || bad;
    };
    for (auto d : {sql::dialect::postgres, sql::dialect::sqlite}) {
        std::printf("%s\n", d == sql::dialect::postgres ? "PostgreSQL" : "SQLite");
        for (const auto& s : shapes) {
            cost worst{0, 0, true};
            for (int k : sizes(s)) {
                std::string statement = s.write(k);
                auto c = of(d, statement);
                judge(s.name, statement, c);
                worst.milliseconds = std::max(worst.milliseconds, c.milliseconds);
                worst.megabytes = std::max(worst.megabytes, c.megabytes);
            }
            std::printf("  %-42s %7.1f ms %4ld MB\n", s.name, worst.milliseconds, worst.megabytes);
            std::fflush(stdout);
        }
        cost worst{0, 0, true};
        for (std::size_t i = 0; i < random_statements; ++i) {
            std::string statement = mixed(random);
            auto c = of(d, statement);
            judge("mixed", statement, c);
            worst.milliseconds = std::max(worst.milliseconds, c.milliseconds);
            worst.megabytes = std::max(worst.megabytes, c.megabytes);
        }
        if (random_statements)
            std::printf("  %zu mixed: %.1f ms, %ld MB at most\n", random_statements, worst.milliseconds,
                        worst.megabytes);
    }
    return failed;
}
