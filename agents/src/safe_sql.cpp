#include <reagent/agents/safe_sql.hpp>

#include <boost/json.hpp>

namespace reagent {
namespace {

const std::size_t usual_length = safe_sql_options{}.preferred_bytes;

signature writer_signature() {
    signature s = detail::with_reasoning(signature_traits<detail::sql_signature>::get());
    s.instructions =
        "Write one SQL SELECT statement that answers the request from the given tables. Keep the rules. Write the "
        "statement alone: no "
        "explanation, no second version. Name the columns that are asked for, in an order that makes sense to a "
        "reader.";
    return s;
}

std::string tables_text(const safe_sql_options& o) {
    std::string text;
    for (const auto& [table, columns] : o.schema) {
        if (!sql::allows_table(o.policy, table)) continue;
        text += "- " + table + "(";
        bool first = true;
        for (const auto& c : columns) {
            if (sql::denies_column(o.policy, table, c)) continue;
            text += (std::exchange(first, false) ? "" : ", ") + c;
        }
        text += ")\n";
    }
    if (text.empty())
        for (const auto& t : o.policy.allowed_tables) text += "- " + t + "\n";
    if (!o.notes.empty()) text += o.notes;
    while (text.ends_with('\n')) text.pop_back();
    return text;
}

std::string rules_text(const sql::policy& p) {
    std::string text = p.dialect == sql::dialect::sqlite ? "The database is SQLite." : "The database is PostgreSQL.";
    text += " One SELECT, of these tables only.";
    if (p.max_rows) text += " It ends with LIMIT and a number of at most " + std::to_string(*p.max_rows) + ".";
    if (!p.denied_columns.empty()) text += " Columns that are not listed must not be used, so write no *.";
    return text;
}

// `*` right after SELECT: its columns change with the table.
bool selects_everything(std::string_view statement) {
    auto at = statement.find_first_of("*");
    if (at == statement.npos) return false;
    auto before = statement.find_last_not_of(" \t\r\n", at ? at - 1 : 0);
    return before != statement.npos && before >= 5 &&
           (statement.substr(before - 5, 6) == "SELECT" || statement.substr(before - 5, 6) == "select");
}

}  // namespace

namespace detail {

sql_writer::sql_writer(module& parent, std::string name)
    : module{parent, std::move(name)}, predict_{*this, "predict", writer_signature()} {}

task<std::string> sql_writer::operator()(run& r, std::string request, std::string tables, std::string rules,
                                         std::size_t preferred_bytes) const {
    json::object inputs{{"request", request}, {"tables", tables}, {"rules", rules}};
    auto outputs = co_await predict_.call(r, std::move(inputs));
    std::string statement = sql::extract(outputs.at("sql").as_string());
    // Wishes first: what the caller asserts next is told together with them.
    r.suggest_that(statement.size() <= preferred_bytes,
                   "The statement has " + std::to_string(statement.size()) + " bytes; write a shorter one.", *this);
    r.suggest_that(!selects_everything(statement), "Name the columns that the request needs instead of *.", *this);
    co_return statement;
}

}  // namespace detail

safe_sql::safe_sql(safe_sql_options options)
    : options_{std::move(options)}, tables_{tables_text(options_)}, rules_{rules_text(options_.policy)} {}
safe_sql::safe_sql(module& parent, std::string name, safe_sql_options options)
    : module{parent, std::move(name)},
      options_{std::move(options)},
      tables_{tables_text(options_)},
      rules_{rules_text(options_.policy)} {}

task<std::string> safe_sql::forward(run& r, std::string request) const {
    std::string statement = co_await write_(r, request, tables_, rules_, options_.preferred_bytes);
    auto verdict = sql::check(statement, options_.policy, options_.schema);
    r.assert_that(verdict.ok(), verdict.message(), write_);
    co_return statement;
}

task<safe_sql::output> safe_sql::forward(run& r, input in) const {
    output out;
    out.sql = co_await forward(r, std::move(in.request));
    co_return out;
}

ask_database::ask_database(tool query, std::string notes)
    : tools_{query}, query_{query.name()}, notes_{std::move(notes)} {}
ask_database::ask_database(module& parent, std::string name, tool query, std::string notes)
    : module{parent, std::move(name)}, tools_{query}, query_{query.name()}, notes_{std::move(notes)} {}

task<database_answer> ask_database::forward(run& r, std::string question) const {
    std::string tables = tools_.all().front().description();
    if (!notes_.empty()) tables += "\n" + notes_;
    std::string rules = "One SELECT, of these tables only.";
    std::string statement = co_await write_(r, question, tables, rules, usual_length);
    json::value arguments = json::object{{"query", statement}};
    auto found = co_await tools_.call(r, query_, query_, std::move(arguments));
    r.assert_that(!found.failed, found.text(), write_);
    std::string rows = found.text();
    auto told = co_await tell_(r, question, statement, rows);
    database_answer a{told.get<"answer">(), std::move(statement), std::move(found.value)};
    co_return a;
}

task<database_answer> ask_database::forward(run& r, input in) const { return forward(r, std::move(in.question)); }

}  // namespace reagent
