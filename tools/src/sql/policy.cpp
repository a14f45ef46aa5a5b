// A policy: read from JSON, held against a schema, looked up.
#include "rules.hpp"
#include "shown.hpp"

#include <reagent/error.hpp>
#include <reagent/schema/convert.hpp>

#include <boost/json.hpp>

#include <algorithm>

namespace reagent::sql {
namespace {

[[noreturn]] void bad(const std::string& field, const std::string& why) {
    throw schema_error{schema_errc::mismatch, "policy: $." + field + ": " + why, {.path = "$." + field}};
}

std::vector<std::string> texts(const boost::json::value& v, const std::string& field) {
    if (!v.is_array()) bad(field, "expected a list of text");
    std::vector<std::string> out;
    for (const auto& item : v.get_array()) {
        if (!item.is_string()) bad(field + "[" + std::to_string(out.size()) + "]", "expected text");
        out.emplace_back(item.get_string());
    }
    return out;
}

// The table of "schema.table", as keys of a schema and names of a policy are written.
std::string_view without_schema(std::string_view name) {
    auto dot = name.rfind('.');
    return dot == name.npos ? name : name.substr(dot + 1);
}

// Looks names of a policy up in a schema, and finds what was meant.
class names {
public:
    names(const policy& p, const schema& s) : dialect_{p.dialect}, schemas_{p.allowed_schemas}, schema_{s} {}

    bool has_table(const std::string& name) { return !columns(name).empty(); }

    void table(const std::string& name, const std::string& field) {
        if (columns(name).empty()) bad(field, "the schema has no table \"" + name + "\"" + meant(name, tables()));
    }

    // A table that is denied need not be known, but must not be another spelling of one that is allowed.
    void meant_otherwise(const std::string& name, const std::vector<std::string>& allowed, const std::string& field) {
        if (std::find(allowed.begin(), allowed.end(), name) != allowed.end() || !columns(name).empty()) return;
        auto bare = std::string{without_schema(name)};
        bool qualified = bare != name, in_allowed_schema = false;
        for (const auto& s : schemas_) in_allowed_schema = in_allowed_schema || name == s + "." + bare;
        for (const auto& t : allowed)
            if (without_schema(t) == bare && (!qualified || in_allowed_schema)) return;
        if (auto other = meant(bare, allowed); !other.empty())
            bad(field, "the schema has no table \"" + name + "\"" + other);
    }

    void column(const std::string& name, const std::string& field) {
        auto column = split_column(name).column;
        auto of = name.substr(0, name.size() - std::min(name.size(), column.size() + 1));
        if (of == "*") of.clear();
        auto given = folded(dialect_, column);
        std::vector<std::string> others;
        auto has = [&](const std::vector<std::string>& list) {
            for (const auto& c : list) {
                if (c == column || folded(dialect_, c) == given) return true;
                others.push_back(c);
            }
            return false;
        };
        if (of.empty()) {
            for (const auto& [table, list] : schema_)
                if (has(list)) return;
            bad(field, "no table of the schema has a column \"" + column + "\"" + meant(column, others));
        }
        auto found = columns(of);
        if (found.empty()) bad(field, "the schema has no table \"" + of + "\"" + meant(of, tables()));
        for (const auto* list : found)
            if (has(*list)) return;
        bad(field, "the table \"" + of + "\" has no column \"" + column + "\"" + meant(column, others));
    }

private:
    using lists = std::vector<const std::vector<std::string>*>;

    // The columns of all tables that a name may mean. Where it stands as the schema writes it, one look is enough.
    lists columns(const std::string& name) {
        lists all;
        auto look = [&](const std::string& key) {
            if (auto found = schema_.find(key); found != schema_.end()) all.push_back(&found->second);
        };
        look(name);
        bool without = !all.empty();
        for (const auto& s : schemas_) look(s + "." + name);
        if (without && all.size() > 1)
            bad("schema", "the table \"" + name + "\" stands there with and without its schema; leave one of them out");
        if (!all.empty()) return all;
        // "public.orders" of a policy is "orders" of a schema, and the other way round.
        auto given = folded(dialect_, name), bare = std::string{without_schema(given)};
        auto in = given.substr(0, given.size() - bare.size());
        bool usual = in.empty() || in == "main." || std::any_of(schemas_.begin(), schemas_.end(), [&](const auto& s) {
                         return folded(dialect_, s) + "." == in;
                     });
        for (const auto& [table, list] : schema_) {
            auto key = folded(dialect_, table);
            bool whole = key.find('.') != key.npos;
            if (key == given || (whole ? without_schema(key) == given : usual && key == bare)) all.push_back(&list);
        }
        return all;
    }

    std::vector<std::string> tables() const {
        std::vector<std::string> all;
        for (const auto& [table, list] : schema_) {
            all.push_back(table);
            all.emplace_back(without_schema(table));
        }
        return all;
    }

    static std::string meant(const std::string& name, const std::vector<std::string>& all) {
        for (const auto& other : all)
            if (lower(other) == lower(name)) return "; did you mean \"" + other + "\"?";
        auto near = did_you_mean(name, all);
        return near.empty() ? "" : "; did you mean \"" + near + "\"?";
    }

    dialect dialect_;
    const std::vector<std::string>& schemas_;
    const schema& schema_;
};

std::string item(const char* field, std::size_t i) { return field + ("[" + std::to_string(i)) + "]"; }

// "public.orders" as a prompt shows it.
std::string shown_path(std::string_view name) {
    auto dot = name.rfind('.');
    return dot == name.npos ? shown(name) : shown(name.substr(0, dot)) + "." + shown(name.substr(dot + 1));
}

bool too_long(const policy& p, std::string_view name) { return p.dialect == dialect::postgres && name.size() > 63; }

void plain_names(const policy& p, const std::vector<std::string>& list, const char* field, const char* expected) {
    for (std::size_t i = 0; i < list.size(); ++i) {
        auto name = std::string_view{list[i]}, table = without_schema(name);
        bool plain = !table.empty() && !name.starts_with('.') && name.find('*') == name.npos;
        bool in_quotes = table.size() > 1 && table.front() == '"' && table.back() == '"';
        if (!plain || in_quotes)
            bad(item(field, i), std::string{"expected "} + expected + ", as the database writes it, without quotes");
        if (too_long(p, table)) bad(item(field, i), "PostgreSQL's names have at most 63 bytes");
    }
}

}  // namespace

std::string folded(dialect d, std::string_view name) { return d == dialect::sqlite ? lower(name) : std::string{name}; }

column_name split_column(std::string_view name) {
    auto dot = name.rfind('.');
    if (dot == name.npos) return {"", std::string{name}};
    auto table = without_schema(name.substr(0, dot));
    return {std::string{table == "*" ? std::string_view{} : table}, std::string{name.substr(dot + 1)}};
}

void validate(const policy& p, const schema& columns) {
    if (p.allowed_tables.empty()) bad("allowed_tables", "no table is allowed; list those that may be read");
    if (p.allowed_schemas.empty() && p.dialect == dialect::postgres)
        bad("allowed_schemas", "no schema is allowed; leave it out for \"public\"");
    plain_names(p, p.allowed_schemas, "allowed_schemas", "the name of a schema");
    plain_names(p, p.allowed_tables, "allowed_tables", "\"table\" or \"schema.table\"");
    plain_names(p, p.denied_tables, "denied_tables", "\"table\" or \"schema.table\"");
    for (std::size_t i = 0; i < p.denied_columns.size(); ++i) {
        const auto& c = p.denied_columns[i];
        auto [table, column] = split_column(c);
        if (column.empty() || column == "*" || c.starts_with('.'))
            bad(item("denied_columns", i), "expected \"table.column\", \"column\" or \"*.column\"");
        if (too_long(p, column) || too_long(p, table))
            bad(item("denied_columns", i), "PostgreSQL's names have at most 63 bytes");
    }
    names known{p, columns};
    for (std::size_t i = 0; i < p.denied_tables.size(); ++i)
        known.meant_otherwise(p.denied_tables[i], p.allowed_tables, item("denied_tables", i));
    if (columns.empty()) return;
    // What is denied as a whole need not be known.
    auto is_denied = [&](std::string_view table) {
        return std::any_of(p.denied_tables.begin(), p.denied_tables.end(), [&](const auto& t) {
            return folded(p.dialect, t) == folded(p.dialect, table) ||
                   folded(p.dialect, without_schema(t)) == folded(p.dialect, table);
        });
    };
    for (std::size_t i = 0; i < p.allowed_tables.size(); ++i)
        if (!is_denied(p.allowed_tables[i])) known.table(p.allowed_tables[i], item("allowed_tables", i));
    for (std::size_t i = 0; i < p.denied_columns.size(); ++i)
        if (!is_denied(split_column(p.denied_columns[i]).table))
            known.column(p.denied_columns[i], item("denied_columns", i));
    for (std::size_t i = 0; i < p.listed_columns.size(); ++i)
        known.column(p.listed_columns[i], item("listed_columns", i));
}

void validate_denied_columns(const policy& p, const schema& columns) {
    names known{p, columns};
    for (std::size_t i = 0; i < p.denied_columns.size(); ++i) {
        const auto& c = p.denied_columns[i];
        auto of = c.substr(0, c.size() - std::min(c.size(), split_column(c).column.size() + 1));
        if (of.empty() || of == "*" || known.has_table(of)) known.column(c, item("denied_columns", i));
    }
}

rules::rules(const policy& p, const schema& s) : given{p}, schema_{&s} {
    auto name = [&](std::string_view n) {
        auto given_name = folded(p.dialect, n);
        if (p.dialect == dialect::sqlite && given_name.starts_with("main.")) given_name.erase(0, 5);
        return given_name;
    };
    for (const auto& t : p.allowed_tables) tables_.insert(name(t));
    for (const auto& t : p.denied_tables) denied_tables_.insert(name(t));
    for (const auto& x : p.allowed_schemas) schemas_.insert(name(x));
    if (p.dialect == dialect::sqlite) {
        schemas_.insert("main");
        for (const auto& [table, list] : s)
            for (const auto& c : list) folded_[name(table)].push_back(name(c));
        schema_ = &folded_;
    }
    functions_ = &harmless_functions(p.dialect);
    if (p.allowed_functions) {
        for (const auto& f : *p.allowed_functions) own_functions_.insert(lower(f));
        functions_ = &own_functions_;
    }
    for (const auto& c : p.denied_columns) {
        auto [table, column] = split_column(c);
        denied_columns_[name(table)].insert(name(column));
    }
    for (const auto& t : p.allowed_tables)
        if (!denied_tables_.contains(name(t))) table_list_ += (table_list_.empty() ? "" : ", ") + shown_path(t);
}

rules::rules(const policy& p)
    : rules{p, [&]() -> const schema& {
                static const schema none;
                return none;
            }()} {}

std::set<std::string> rules::denied_columns(const std::string& table) const {
    std::set<std::string> all;
    for (const auto& key : {table, std::string{}})
        if (auto denied = denied_columns_.find(key); denied != denied_columns_.end())
            all.insert(denied->second.begin(), denied->second.end());
    return all;
}

const std::vector<std::string>* rules::columns_of(const std::string& table) const {
    auto found = schema_->find(table);
    return found == schema_->end() ? nullptr : &found->second;
}

std::optional<rules::table> rules::find(std::string_view in, std::string_view name) const {
    if (name.find('.') != name.npos) return {};  // a policy could not tell it from "schema.table"
    table t{std::string{in}, std::string{name}};
    auto whole = [&](const std::string& schema) { return schema + "." + t.name; };
    if (in.empty()) {
        if (!tables_.contains(t.name) || denied_tables_.contains(t.name)) return {};
        t.schema = given.dialect == dialect::sqlite ? "main"
                   : given.allowed_schemas.empty()  ? "public"
                                                    : given.allowed_schemas.front();
        // The first schema that has it, as the search path takes it.
        for (const auto& s : given.allowed_schemas)
            if (schema_->contains(whole(s))) {
                t.schema = s;
                break;
            }
    } else {
        bool allowed = tables_.contains(whole(t.schema)) || (tables_.contains(t.name) && allows_schema(in));
        if (!allowed || denied_tables_.contains(t.name)) return {};
    }
    if (denied_tables_.contains(whole(t.schema))) return {};
    t.columns = columns_of(whole(t.schema));
    // A table that stands without a schema is one of the allowed schemas'.
    if (!t.columns && (in.empty() || allows_schema(in))) t.columns = columns_of(t.name);
    t.denied = denied_columns(t.name);  // also those that the schema does not list: it may be older than the database
    return t;
}

bool allows_table(const policy& p, std::string_view table, std::string_view table_schema) {
    return rules{p}.find(folded(p.dialect, table_schema), folded(p.dialect, table)).has_value();
}

namespace {

bool names_column(const policy& p, const std::vector<std::string>& list, std::string_view table,
                  std::string_view column) {
    return std::any_of(list.begin(), list.end(), [&](const std::string& c) {
        auto [of, name] = split_column(c);
        return (of.empty() || folded(p.dialect, of) == folded(p.dialect, table)) &&
               folded(p.dialect, name) == folded(p.dialect, column);
    });
}

}  // namespace

bool denies_column(const policy& p, std::string_view table, std::string_view column) {
    return names_column(p, p.denied_columns, table, column);
}
bool lists_column(const policy& p, std::string_view table, std::string_view column) {
    return names_column(p, p.listed_columns, table, column);
}

policy policy_from_json(const boost::json::value& v) {
    if (!v.is_object()) throw schema_error{schema_errc::mismatch, "policy: expected an object"};
    policy p;
    for (const auto& [key, value] : v.get_object()) {
        std::string field{key};
        auto count = [&, &number = value]() -> std::uint64_t {
            if (number.is_int64() && number.get_int64() >= 0) return static_cast<std::uint64_t>(number.get_int64());
            if (number.is_uint64()) return number.get_uint64();
            bad(field, "expected a whole number from 0");
        };
        if (field == "dialect") {
            if (value == "postgres" || value == "postgresql")
                p.dialect = dialect::postgres;
            else if (value == "sqlite")
                p.dialect = dialect::sqlite;
            else
                bad(field, "expected \"postgres\" or \"sqlite\"");
        } else if (field == "allowed_tables")
            p.allowed_tables = texts(value, field);
        else if (field == "denied_tables")
            p.denied_tables = texts(value, field);
        else if (field == "allowed_schemas")
            p.allowed_schemas = texts(value, field);
        else if (field == "denied_columns")
            p.denied_columns = texts(value, field);
        else if (field == "listed_columns")
            p.listed_columns = texts(value, field);
        else if (field == "allowed_functions") {
            if (!value.is_null()) p.allowed_functions = texts(value, field);
        } else if (field == "max_rows") {
            if (!value.is_null()) p.max_rows = count();
        } else if (field == "max_length")
            p.max_length = count();
        else if (field == "max_depth")
            p.max_depth = count();
        else {
            auto near =
                did_you_mean(field, {"dialect", "allowed_tables", "denied_tables", "allowed_schemas", "denied_columns",
                                     "listed_columns", "allowed_functions", "max_rows", "max_length", "max_depth"});
            bad(field, near.empty() ? "no such setting" : "no such setting; did you mean \"" + near + "\"?");
        }
    }
    return p;
}

schema schema_from_json(const boost::json::value& v) {
    if (!v.is_object())
        throw schema_error{schema_errc::mismatch, "schema: expected an object of table name to list of columns"};
    schema s;
    for (const auto& [table, list] : v.get_object()) s[std::string{table}] = texts(list, std::string{table});
    return s;
}

}  // namespace reagent::sql
