// The SQL check: whatever the text, it ends without a crash, and says no to what it does not understand.
#include <reagent/tools/sql.hpp>

#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace reagent;
    std::string_view text{reinterpret_cast<const char*>(data), size};
    static const sql::schema schema{{"orders", {"id", "total", "name"}}, {"customers", {"id", "name", "ssn"}}};
    for (auto d : {sql::dialect::postgres, sql::dialect::sqlite}) {
        sql::policy p{.dialect = d,
                      .allowed_tables = {"orders", "customers"},
                      .denied_columns = {"customers.ssn"},
                      .max_rows = 100};
        auto v = sql::check(text, p, schema);
        if (v.ok() != v.message().empty()) __builtin_trap();
        auto made = sql::safe(text, p, schema, {.max_rows = 101, .keys = {{"customers", {"id"}}}});
        if (made.verdict.ok() == made.statement.empty()) __builtin_trap();
        // What runs is allowed by the very check that it was made behind.
        if (made.verdict.ok() && !sql::check(made.statement,
                                             sql::policy{.dialect = d,
                                                         .allowed_tables = p.allowed_tables,
                                                         .denied_columns = p.denied_columns,
                                                         .max_length = 1'000'000},
                                             schema)
                                      .ok())
            __builtin_trap();
    }
    return 0;
}
