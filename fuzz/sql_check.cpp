// The SQL check: whatever the text, it ends without a crash, and says no to what it does not understand.
#include <reagent/tools/sql.hpp>

#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace reagent;
    std::string_view text{reinterpret_cast<const char*>(data), size};
    static const sql::schema schema{{"orders", {"id", "total", "name"}}, {"customers", {"id", "name", "ssn"}}};
    for (auto d : {sql::dialect::postgres, sql::dialect::sqlite}) {
        sql::policy p{.dialect = d, .allowed_tables = {"orders", "customers"}, .denied_columns = {"customers.ssn"}, .max_rows = 100};
        auto v = sql::check(text, p, schema);
        if (v.ok() != v.message().empty()) __builtin_trap();
    }
    return 0;
}
