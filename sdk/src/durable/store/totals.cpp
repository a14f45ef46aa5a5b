// Sums over all runs, kept by the database as runs change: who reads them does not read the runs.
#include "journal_store_impl.hpp"

#include <boost/json.hpp>

#include <array>
#include <cmath>

namespace reagent {

using detail::number;
using detail::text;

namespace {

constexpr std::array usage_names{
    "calls", "prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens", "estimated_tokens", "cost"};

// Backends that change runs at the same time add to different rows, or each would wait for the other's commit.
constexpr const char* postgres_shard = "pg_backend_pid() % 64";

std::string usage_value(const std::string& row, const char* name, bool postgres) {
    return postgres ? "(" + row + "usage::json->>'" + name + "')::numeric"
                    : "json_extract(" + row + "usage, '$." + name + "')";
}

// Adds a row of reagent_runs, `OLD.` or `NEW.`, to the sums or takes it away.
std::string add(const std::string& row, bool away, bool postgres) {
    std::string sign = away ? "-" : "", columns, values, sums;
    for (const char* name : usage_names) {
        columns += std::string{", "} + name;
        values += ", " + sign + "COALESCE(" + usage_value(row, name, postgres) + ", 0)";
        sums += std::string{", "} + name + " = reagent_totals." + name + " + excluded." + name;
    }
    return "INSERT INTO reagent_totals (shard, program, status, runs, priced" + columns + ") VALUES (" +
           (postgres ? postgres_shard : "0") + ", " + row + "program, " + row + "status, " + sign + "1, " + sign +
           "CASE WHEN " + usage_value(row, "cost", postgres) + " IS NULL THEN 0 ELSE 1 END" + values +
           ") ON CONFLICT (shard, program, status) DO UPDATE SET runs = reagent_totals.runs + excluded.runs, priced = "
           "reagent_totals.priced + excluded.priced" +
           sums + ";";
}

constexpr const char* changed = "OLD.status IS DISTINCT FROM NEW.status OR OLD.usage IS DISTINCT FROM NEW.usage";
constexpr const char* changed_sqlite = "OLD.status IS NOT NEW.status OR OLD.usage IS NOT NEW.usage";

std::vector<std::string> sqlite_triggers() {
    auto trigger = [](const std::string& name, const std::string& when, const std::string& what) {
        return "CREATE TRIGGER reagent_runs_" + name + " AFTER " + when + " BEGIN " + what + " END";
    };
    std::string out = add("OLD.", true, false), in = add("NEW.", false, false);
    return {trigger("made", "INSERT ON reagent_runs", in),
            trigger("changed", std::string{"UPDATE OF status, usage ON reagent_runs WHEN "} + changed_sqlite,
                    out + " " + in),
            trigger("removed", "DELETE ON reagent_runs", out)};
}

std::vector<std::string> postgres_triggers() {
    return {
        "CREATE OR REPLACE FUNCTION reagent_count_run() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF TG_OP <> "
        "'INSERT' THEN " +
            add("OLD.", true, true) + " END IF; IF TG_OP <> 'DELETE' THEN " + add("NEW.", false, true) +
            " END IF; RETURN NULL; END $$",
        "CREATE TRIGGER reagent_runs_made AFTER INSERT OR DELETE ON reagent_runs FOR EACH ROW EXECUTE FUNCTION "
        "reagent_count_run()",
        std::string{
            "CREATE TRIGGER reagent_runs_changed AFTER UPDATE OF status, usage ON reagent_runs FOR EACH ROW WHEN ("} +
            changed + ") EXECUTE FUNCTION reagent_count_run()"};
}

std::uint64_t count_of(const std::optional<std::string>& column) {
    double n = std::strtod(text(column).c_str(), nullptr);  // as a sum it may be larger than any integer
    if (!(n > 0)) return 0;
    return n < 9.2e18 ? static_cast<std::uint64_t>(std::strtoull(text(column).c_str(), nullptr, 10)) : INT64_MAX;
}

}  // namespace

void journal_store_impl::make_totals() {
    bool postgres = db->is_postgres();
    std::string columns, sums;
    for (const char* name : usage_names) {
        columns += std::string{", "} + name + " NUMERIC NOT NULL";
        sums += std::string{", COALESCE(SUM("} + usage_value("", name, postgres) + "), 0)";
    }
    db->run(
        "CREATE TABLE reagent_totals (shard BIGINT NOT NULL, program TEXT NOT NULL, status TEXT NOT NULL, runs BIGINT "
        "NOT NULL, priced "
        "BIGINT NOT NULL" +
        columns + ", PRIMARY KEY (shard, program, status))");
    for (const auto& statement : postgres ? postgres_triggers() : sqlite_triggers()) db->run(statement);
    db->run("INSERT INTO reagent_totals SELECT 0, program, status, count(*), count(" +
            usage_value("", "cost", postgres) + ")" + sums + " FROM reagent_runs GROUP BY program, status");
}

void journal_store_impl::make_totals_again() {
    const std::string of_table = db->is_postgres() ? " ON reagent_runs" : "";
    for (const char* trigger : {"made", "changed", "removed"})
        db->run(std::string{"DROP TRIGGER IF EXISTS reagent_runs_"} + trigger + of_table);
    db->run("DROP TABLE reagent_totals");
    make_totals();
}

std::vector<journal_store::program_totals> journal_store::totals() {
    return impl_->call([&] {
        std::vector<program_totals> all;
        for (const auto& row : impl_->db->run(
                 "SELECT program, status, SUM(runs), SUM(calls), SUM(prompt_tokens), SUM(completion_tokens), "
                 "SUM(cached_tokens), SUM(reasoning_tokens), SUM(estimated_tokens), SUM(priced), SUM(cost) FROM "
                 "reagent_totals GROUP BY "
                 "program, status "
                 "HAVING SUM(runs) > 0 ORDER BY program, status")) {
            program_totals t{.program = text(row[0]),
                             .status = run_status_named(text(row[1])).value_or(run_status::failed),
                             .runs = static_cast<std::size_t>(number(row[2]))};
            t.usage = {.calls = count_of(row[3]),
                       .prompt_tokens = count_of(row[4]),
                       .completion_tokens = count_of(row[5]),
                       .cached_tokens = count_of(row[6]),
                       .reasoning_tokens = count_of(row[7]),
                       .estimated_tokens = count_of(row[8])};
            if (number(row[9]) > 0) t.usage.cost = std::max(0.0, std::strtod(text(row[10]).c_str(), nullptr));
            all.push_back(std::move(t));
        }
        return all;
    });
}

}  // namespace reagent
