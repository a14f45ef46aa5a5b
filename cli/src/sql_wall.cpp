#include "sql.hpp"

#include <reagent/error.hpp>
#include <reagent/schema/render.hpp>
#include <reagent/tools/wall.hpp>

#include <boost/json.hpp>

#include <cstdlib>
#include <iostream>

namespace reagent::cli {
namespace {

int grants(const std::string& policy, const std::string& schema, const std::string& role) {
    try {
        std::cout << sql::grants(policy_in(policy), schema.empty() ? sql::schema{} : schema_in(schema), role);
    } catch (const error& e) {
        throw misuse{e.what()};
    }
    return 0;
}

// A password is not to stand on a command line, where every user of the machine can read it.
secret conninfo_from(const CLI::Option& option, const std::string& given) {
    if (given == "-") {
        std::string line;
        if (!std::getline(std::cin, line))
            throw misuse{"--conninfo - reads a line from standard input, and there is none"};
        return secret{line};
    }
    if (option.count() > 0) return secret{given};
    const char* set = std::getenv("REAGENT_CONNINFO");
    return secret{set ? set : ""};
}

void show(const std::vector<sql::opening>& found) {
    terminal t;
    std::size_t serious = 0;
    for (const auto& o : found) serious += o.serious;
    auto notes = found.size() - serious;
    std::string counts = notes ? "; " + std::to_string(notes) + (notes == 1 ? " note" : " notes") : "";
    if (serious)
        std::cout << t.red("no wall") << ": " << serious << (serious == 1 ? " opening" : " openings") << counts << "\n";
    else
        std::cout << t.green("behind the wall") << ": this user reads what the policy allows" << counts << "\n";
    for (const auto& o : found)
        std::cout << (o.serious ? t.red("open") : t.dim("note")) << "  " << t.bold(std::string{sql::to_string(o.kind)})
                  << ": " << printable(o.what) << "\n";
    for (bool of_serious : {true, false}) {
        std::string statements;
        for (const auto& o : found)
            if (o.serious == of_serious)
                for (const auto& s : o.closing) statements += printable(s) + "\n";
        if (statements.empty()) continue;
        std::cout << (of_serious ? "\n-- Closes what is open. Run it as a superuser, but not for a user that another "
                                   "program needs as it is: "
                                   "`reagent sql grants` makes a new one.\n"
                                 : "\n-- Closes the notes. FROM PUBLIC is for everybody in this database.\n")
                  << statements;
    }
}

int probe(const std::string& policy, const secret& conninfo, bool as_json) {
    std::vector<sql::opening> found;
    auto p = policy_in(policy);
    try {
        found = sql::probe_wall(conninfo, p);
    } catch (const tool_error& e) {
        throw misuse{e.what()};
    }
    bool behind = sql::behind_wall(found);
    if (as_json)
        std::cout << shown_json(json::object{{"behind_wall", behind}, {"openings", sql::to_json(found)}}) << "\n";
    else
        show(found);
    return behind ? 0 : 1;
}

}  // namespace

void add_sql_grants(CLI::App& group, command& chosen) {
    struct options {
        std::string policy, schema, role;
    };
    auto o = std::make_shared<options>();
    auto* c = group.add_subcommand(
        "grants", "Prints the SQL script that makes a PostgreSQL user who may read what a policy allows");
    c->add_option("--policy", o->policy, "JSON file, as for `check`")->required();
    c->add_option("--schema", o->schema, "JSON file: {\"table\": [\"column\", ...]}; wanted where columns are denied");
    c->add_option("--role", o->role, "name of the user")->required();
    c->footer(
        "Exit code: 0 printed, 2 misuse. The script can be run again; it begins by taking everything away from the "
        "role.\nExample:\n"
        "  reagent sql grants --policy policy.json --schema schema.json --role reader | psql -v ON_ERROR_STOP=1 -d "
        "shop");
    c->callback([o, &chosen] { chosen = [o] { return grants(o->policy, o->schema, o->role); }; });
}

void add_sql_probe(CLI::App& group, command& chosen) {
    struct options {
        std::string policy, conninfo;
        bool json = false;
    };
    auto o = std::make_shared<options>();
    auto* c = group.add_subcommand("probe",
                                   "Says whether a PostgreSQL user may do more than a policy wants; changes nothing");
    c->add_option("--policy", o->policy, "JSON file, as for `check`")->required();
    auto* conninfo = c->add_option(
        "--conninfo", o->conninfo,
        "whose wall: \"postgresql://reader@host/shop\" or \"host=... dbname=... user=...\"; - reads it from standard "
        "input; default: $REAGENT_CONNINFO, else PGHOST, PGUSER, PGPASSWORD and so on");
    c->add_flag("--json", o->json,
                "{\"behind_wall\", \"openings\": [{\"kind\", \"what\", \"serious\", \"closing\": [...]}]}");
    c->footer(
        "Exit code: 0 behind the wall, 1 not, 2 misuse or no connection. Keep passwords off the command line, where "
        "others can read them: "
        "$REAGENT_CONNINFO, $PGPASSWORD, a .pgpass file, or --conninfo -\nExamples:\n"
        "  reagent sql probe --policy policy.json --conninfo \"host=db dbname=shop user=reader\"\n"
        "  PGHOST=db PGDATABASE=shop PGUSER=reader reagent sql probe --policy policy.json --json");
    c->callback([o, conninfo, &chosen] {
        chosen = [o, conninfo] { return probe(o->policy, conninfo_from(*conninfo, o->conninfo), o->json); };
    });
}

}  // namespace reagent::cli
