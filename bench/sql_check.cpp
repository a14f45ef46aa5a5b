// What the SQL check costs, beside what its parser costs alone: sql_check [SECONDS]. Microseconds per statement; the
// ratio is what counts.
#include "measure.hpp"

#include <reagent/tools/sql.hpp>

#include <pg_query.h>

#include <cstdio>
#include <cstdlib>
#include <functional>

namespace {

struct measured {
    const char* name;
    const char* statement;
};
constexpr measured statements[]{
    {"short", "SELECT id, total FROM orders LIMIT 10"},
    {"join",
     "SELECT c.name, sum(o.total) AS spent FROM customers c JOIN orders o ON o.customer_id = c.id WHERE o.status = "
     "'paid' GROUP BY "
     "c.name ORDER BY spent DESC LIMIT 10"},
    {"report",
     "WITH recent AS (SELECT customer_id, total, row_number() OVER (PARTITION BY customer_id ORDER BY placed DESC) AS "
     "n FROM orders "
     "WHERE placed > CURRENT_DATE - 30), best AS (SELECT customer_id, sum(total) AS spent FROM recent WHERE n <= 5 "
     "GROUP BY customer_id "
     "HAVING sum(total) > 100) SELECT c.name, c.city, b.spent, CASE WHEN b.spent > 1000 THEN 'gold' ELSE 'silver' END "
     "AS level FROM best b "
     "JOIN customers c ON c.id = b.customer_id WHERE EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = c.id AND "
     "o.total > 50) ORDER BY "
     "b.spent DESC LIMIT 20"},
};

double microseconds(double seconds, const std::function<void()>& once) {
    std::size_t rounds = 0;
    double begin = cpu_seconds();
    do {
        for (int i = 0; i < 100; ++i) once();
        rounds += 100;
    } while (cpu_seconds() - begin < seconds);
    return (cpu_seconds() - begin) * 1e6 / static_cast<double>(rounds);
}

}  // namespace

int main(int argc, char** argv) {
    double seconds = argc > 1 ? std::atof(argv[1]) : 1;
    using namespace reagent;
    sql::schema schema{{"customers", {"id", "name", "city", "ssn"}},
                       {"orders", {"id", "customer_id", "total", "status", "placed"}}};
    std::printf("%-8s %10s %10s %7s %10s\n", "", "check us", "parse us", "ratio", "sqlite us");
    for (const auto& s : statements) {
        sql::policy policy{
            .allowed_tables = {"customers", "orders"}, .denied_columns = {"customers.ssn"}, .max_rows = 100};
        if (auto v = sql::check(s.statement, policy, schema); !v.ok()) {
            std::fprintf(stderr, "%s is refused: %s\n", s.name, v.message().c_str());
            return 1;
        }
        double check = microseconds(seconds, [&] { sql::check(s.statement, policy, schema); });
        double parse =
            microseconds(seconds, [&] { pg_query_free_protobuf_parse_result(pg_query_parse_protobuf(s.statement)); });
        policy.dialect = sql::dialect::sqlite;
        double sqlite = microseconds(seconds / 2, [&] { sql::check(s.statement, policy, schema); });
        std::printf("%-8s %10.1f %10.1f %7.2f %10.1f\n", s.name, check, parse, check / parse, sqlite);
    }
}
