#include "sql.hpp"

#include <reagent/error.hpp>
#include <reagent/run/consent.hpp>
#include <reagent/schema/render.hpp>
#include <reagent/schema/repair.hpp>

#include <boost/json.hpp>
#include <boost/json/basic_parser_impl.hpp>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <iterator>
#include <set>
#include <sstream>

namespace reagent::cli {
namespace {

// Looks for keys that stand twice in one object: of those the last would count, without a word.
struct keys {
    static constexpr std::size_t max_object_size = SIZE_MAX, max_array_size = SIZE_MAX, max_key_size = SIZE_MAX,
                                 max_string_size = SIZE_MAX;
    using error = boost::system::error_code;

    std::vector<std::set<std::string>> open{};
    std::string part{}, twice{};

    bool on_document_begin(error&) { return true; }
    bool on_document_end(error&) { return true; }
    bool on_object_begin(error&) { return open.emplace_back(), true; }
    bool on_object_end(std::size_t, error&) { return open.pop_back(), true; }
    bool on_array_begin(error&) { return true; }
    bool on_array_end(std::size_t, error&) { return true; }
    bool on_key_part(json::string_view s, std::size_t, error&) { return part.append(s), true; }
    bool on_key(json::string_view s, std::size_t, error&) {
        part.append(s);
        if (!open.back().insert(part).second && twice.empty()) twice = part;
        return part.clear(), true;
    }
    bool on_string_part(json::string_view, std::size_t, error&) { return true; }
    bool on_string(json::string_view, std::size_t, error&) { return true; }
    bool on_number_part(json::string_view, error&) { return true; }
    bool on_int64(std::int64_t, json::string_view, error&) { return true; }
    bool on_uint64(std::uint64_t, json::string_view, error&) { return true; }
    bool on_double(double, json::string_view, error&) { return true; }
    bool on_bool(bool, error&) { return true; }
    bool on_null(error&) { return true; }
    bool on_comment_part(json::string_view, error&) { return true; }
    bool on_comment(json::string_view, error&) { return true; }
};

}  // namespace

std::string repeated_key(const std::string& text) {
    json::basic_parser<keys> parser{json::parse_options{}};
    boost::system::error_code ec;
    parser.write_some(false, text.data(), text.size(), ec);
    return parser.handler().twice;
}

namespace {

json::value json_file(const std::string& path) {
    std::string text;
    try {
        text = text_of(path);
    } catch (const program_error& e) {
        throw misuse{e.what()};
    }
    if (text.starts_with("\xEF\xBB\xBF")) text.erase(0, 3);
    auto v = parse_json(text);
    if (!v) throw misuse{"the file \"" + path + "\" is no JSON"};
    if (auto twice = repeated_key(text); !twice.empty())
        throw misuse{"the file \"" + path + "\" has the key \"" + visible(twice) +
                     "\" twice in one object; which of them counts?"};
    return *v;
}

// All of it, or one byte more than `most`: what is too long is not read to its end, which may not come.
std::string beginning_of(std::istream& in, std::size_t most) {
    std::string text;
    char piece[65536];
    while (text.size() <= most && in) {
        auto wanted = std::min<std::size_t>(sizeof piece, most - text.size());
        in.read(piece, static_cast<std::streamsize>(wanted < sizeof piece ? wanted + 1 : wanted));
        text.append(piece, static_cast<std::size_t>(in.gcount()));
    }
    return text;
}

int check(const std::string& policy_file, const std::string& schema_file, const std::string& dialect, bool rewritten,
          bool as_json) {
    sql::policy policy = policy_in(policy_file);
    sql::schema schema;
    if (!schema_file.empty()) schema = schema_in(schema_file);
    if (!dialect.empty()) policy.dialect = dialect == "sqlite" ? sql::dialect::sqlite : sql::dialect::postgres;
    if (policy.dialect == sql::dialect::sqlite && schema.empty())
        throw misuse{"SQLite compiles the statement against the schema; give it with --schema FILE"};
    std::string statement = beginning_of(std::cin, policy.max_length);
    sql::safe_statement safe;
    try {
        if (rewritten)
            safe = sql::safe(statement, policy, schema);
        else
            safe.verdict = sql::check(statement, policy, schema);
    } catch (const schema_error& e) {
        throw misuse{e.what()};
    }
    const auto& verdict = safe.verdict;
    if (as_json) {
        auto told = sql::to_json(verdict);
        if (rewritten && verdict.ok()) told["statement"] = safe.statement;
        std::cout << shown_json(told) << "\n";
        return verdict.ok() ? 0 : 1;
    }
    terminal t;
    if (verdict.ok() && rewritten)
        std::cout << safe.statement << "\n";
    else if (verdict.ok())
        std::cout << t.green("allowed") << "\n";
    for (const auto& v : verdict.violations)
        std::cout << t.red("denied") << "  " << t.bold(std::string{sql::to_string(v.code)}) << " at byte " << v.position
                  << ": " << printable(v.message) << "\n";
    return verdict.ok() ? 0 : 1;
}

}  // namespace

sql::policy policy_in(const std::string& file) {
    try {
        return sql::policy_from_json(json_file(file));
    } catch (const schema_error& e) {
        throw misuse{e.what()};
    }
}

sql::schema schema_in(const std::string& file) {
    try {
        return sql::schema_from_json(json_file(file));
    } catch (const schema_error& e) {
        throw misuse{e.what()};
    }
}

void add_sql(CLI::App& app, command& chosen) {
    struct options {
        std::string policy, schema, dialect;
        bool rewritten = false, json = false;
    };
    auto o = std::make_shared<options>();
    auto* group = app.add_subcommand("sql", "Judges SQL by a policy, and the database user who runs it");
    auto* c = group->add_subcommand(
        "check", "Reads a statement from stdin and says whether a policy allows it; executes nothing");
    group->require_subcommand(1);
    c->add_option("--policy", o->policy,
                  "JSON file: {\"dialect\", \"allowed_tables\", \"denied_columns\", \"max_rows\", ...}")
        ->required();
    c->add_option("--schema", o->schema, "JSON file: {\"table\": [\"column\", ...]}");
    c->add_option("--dialect", o->dialect, "postgres or sqlite; default: as the policy says")
        ->check(CLI::IsMember({"postgres", "sqlite"}));
    c->add_flag("--rewritten", o->rewritten,
                "judge as the query tools do, and print the statement that they run in its place");
    c->add_flag("--json", o->json,
                "{\"verdict\", \"violations\": [{\"code\", \"position\", \"message\"}], \"statement\"}");
    c->footer(
        "Exit code: 0 allowed, 1 denied, 2 misuse.\nExample:\n  echo 'SELECT * FROM users' | reagent sql check "
        "--policy policy.json "
        "--schema schema.json");
    c->callback(
        [o, &chosen] { chosen = [o] { return check(o->policy, o->schema, o->dialect, o->rewritten, o->json); }; });
    add_sql_grants(*group, chosen);
    add_sql_probe(*group, chosen);
}

}  // namespace reagent::cli
