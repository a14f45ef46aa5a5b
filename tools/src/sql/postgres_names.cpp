// Points 4 to 8 of the rule in docs/sql-safety.md.
#include "postgres_names.hpp"

namespace reagent::sql::postgres {
namespace {

bool is_system_column(std::string_view name) {
    return name == "ctid" || name == "tableoid" || name == "xmin" || name == "xmax" || name == "cmin" || name == "cmax";
}

}  // namespace

std::string unfolded(std::string_view name) {
    std::string key{name};
    for (char& c : key)
        if (static_cast<unsigned char>(c) >= 0x80) c = '\x80';
    return key;
}

bool relation::denies(std::string_view column) const {
    return std::any_of(denied.begin(), denied.end(), [&](std::string_view d) {
        return d == column || (d.size() == column.size() && unfolded(d) == unfolded(column));
    });
}

std::string quoted(std::string_view name) { return '"' + std::string{name} + '"'; }

names::query::query(names& n) : names_{n}, outer_{n.query_}, own_{n.last_within_.size()} {
    n.query_ = own_;
    n.last_within_.push_back(own_);
}
names::query::~query() {
    names_.last_within_[own_] = names_.last_within_.size() - 1;
    names_.query_ = outer_;
}

const relation* names::add(relation r) {
    r.query = query_;
    all_.push_back(std::make_unique<relation>(std::move(r)));
    const relation* kept = all_.back().get();
    named_[unfolded(kept->name)].push_back(kept);
    if (!kept->columns.exact) all_exact_ = false;
    if (kept->is_sensitive()) sensitive_.push_back(kept);
    return kept;
}

void names::report(reason code, int position, std::string message) {
    sql::add(verdict_, code, position > 0 ? static_cast<std::size_t>(position) : 0, std::move(message));
}

void names::judge() {
    for (const auto& r : references_) {
        if (verdict_.violations.size() >= most_violations) return;
        if (r.column)
            column(*r.column, r.query);
        else if (r.indirection)
            attribute(*r.indirection, r.query);
        else if (is_denied(r.compared, r.query))
            deny_column(r.compared, 0);
    }
}

bool names::is_denied(std::string_view column, std::size_t query) const {
    return std::any_of(sensitive_.begin(), sensitive_.end(),
                       [&](const relation* r) { return r->denies(column) && reaches(query, *r); });
}

void names::deny_column(std::string_view column, int position) {
    report(reason::column_denied, position, "The column " + quoted(column) + " must not be read; leave it out.");
}

// What a name might stand for.
names::relations names::reached(std::string_view name, std::size_t query) const {
    relations all;
    if (auto found = named_.find(unfolded(name)); found != named_.end())
        for (const auto* r : found->second)
            if (reaches(query, *r)) all.push_back(r);
    return all;
}

void names::column(PgQuery__ColumnRef& c, std::size_t query) {
    if (c.n_fields == 0)
        return report(reason::syntax_error, c.location,
                      "This is not allowed here: a column without a name; write a plain SELECT.");
    const node* last = c.fields[c.n_fields - 1];
    bool star = last->node_case == PG_QUERY__NODE__NODE_A_STAR;
    auto name = text_of(last);
    if (c.n_fields == 1) {
        if (star)  // somewhere else than alone in a select list: row(*)
            return report(reason::syntax_error, c.location,
                          "This is not allowed here: * inside of an expression; write a plain SELECT.");
        return plain_name(name, query, c.location);
    }
    // alias.column, schema.table.column: the name before the last stands for a relation
    auto of = text_of(c.fields[c.n_fields - 2]);
    if (c.n_fields > 2 && found_) found_->long_names.push_back(&c);
    auto candidates = reached(of, query);
    if (candidates.empty())
        return report(reason::table_not_allowed, c.location, quoted(of) + " is no table or alias of this query.");
    // Where a table becomes a subquery, its schema is left out, and the name alone would be the nearest one's.
    if (c.n_fields > 2 && candidates.size() > 1 && how_ == use::rewritten)
        return report(reason::syntax_error, c.location,
                      "Several tables are called " + quoted(of) +
                          " here; give each an alias of its own, and write columns as alias.column.");
    for (const auto* r : candidates)
        if (star ? !wildcard(*r, c.location) : !field(*r, name, candidates, c.location)) return;
}

// alias.name is a column where the relation has one of that name, else a call of the function of that name with the
// row.
bool names::field(const relation& r, std::string_view name, const relations& candidates, int position) {
    if (r.denies(name))
        deny_column(name, position);
    else if (r.columns.has(name))
        return true;
    else if (r.is_sensitive() && how_ == use::as_written)
        report(reason::whole_row_exposes_denied_column, position,
               quoted(std::string{r.name} + "." + std::string{name}) +
                   " is no column that is known; name one of the table's columns.");
    else if (rules_.allows_function(name) && how_ == use::as_written)
        return true;
    else if (rules_.allows_function(name))
        report(reason::function_not_allowed, position,
               quoted(std::string{r.name} + "." + std::string{name}) + " may call a function; write " +
                   std::string{name} + "(" + std::string{r.name} + ").");
    else
        no_column(std::string{r.name}, name, candidates, position);
    return false;
}

void names::no_column(const std::string& of, std::string_view name, const relations& candidates, int position) {
    bool several = candidates.size() > 1;
    bool unknown =
        std::any_of(candidates.begin(), candidates.end(), [](const relation* r) { return !r->columns.exact; });
    report(reason::function_not_allowed, position,
           quoted(of + "." + std::string{name}) + " may call a function that is not allowed, since not every " +
               quoted(of) + " of the statement is known to have a column of that name; " +
               (several   ? "give each table and subquery an alias of its own."
                : unknown ? "write the column without " + quoted(of + ".") + ", or name the columns: AS " + of +
                                "(column, ...)."
                          : "name one of its columns."));
}

// A column, else the row of the relation of that name.
void names::plain_name(std::string_view name, std::size_t query, int position) {
    if (is_denied(name, query)) return deny_column(name, position);
    // Of a subquery that stands for a table there are none, so that they would be another table's.
    if (is_system_column(name) &&
        std::any_of(sensitive_.begin(), sensitive_.end(), [&](const relation* r) { return reaches(query, *r); }))
        return report(reason::column_denied, position,
                      "The system column " + quoted(name) +
                          " must not be read beside tables with columns that must not be read; leave it out.");
    if (how_ == use::rewritten) return;
    for (const auto* r : reached(name, query))
        if (r->is_sensitive() && !r->columns.has(name))
            return report(
                reason::whole_row_exposes_denied_column, position,
                quoted(name) + " is a whole row of a table with columns that must not be read; name the columns.");
}

bool names::wildcard(const relation& r, int position) {
    if (!r.is_sensitive() || how_ == use::rewritten) return true;
    report(reason::wildcard_exposes_denied_column, position,
           "* of " + quoted(r.name) + " shows columns that must not be read; name the columns that you need.");
    return false;
}

// (x).f: a field of x, or f called with x.
void names::attribute(const PgQuery__AIndirection& a, std::size_t query) {
    for (std::size_t i = 0; i < a.n_indirection; ++i) {
        if (a.indirection[i]->node_case != PG_QUERY__NODE__NODE_STRING) continue;
        auto name = text_of(a.indirection[i]);
        if (is_denied(name, query)) return deny_column(name, 0);
        if (rules_.allows_function(name) && how_ == use::as_written) continue;
        if (i == 0 && a.arg && is_field(*a.arg, name, query)) continue;
        report(reason::function_not_allowed, 0,
               "(...)." + std::string{name} +
                   " may call a function; write a column as alias.column, without parentheses, and a call as " +
                   std::string{name} + "(...).");
    }
}

// A field for sure, whatever else the statement holds.
bool names::is_field(const node& of, std::string_view name, std::size_t query) const {
    if (of.node_case == PG_QUERY__NODE__NODE_FUNC_CALL) {  // that it may be called is asked elsewhere
        auto function = std::string{text_of(of.func_call->funcname[of.func_call->n_funcname - 1])};
        auto columns = function_columns().find(function);
        return columns != function_columns().end() && harmless_functions(dialect::postgres).contains(function) &&
               std::find(columns->second.begin(), columns->second.end(), name) != columns->second.end();
    }
    if (of.node_case != PG_QUERY__NODE__NODE_COLUMN_REF || of.column_ref->n_fields != 1 || !all_exact_) return false;
    auto row = text_of(of.column_ref->fields[0]);
    for (const auto& r : all_)
        if (r->columns.has(row)) return false;  // a column of a type that we do not know
    auto candidates = reached(row, query);
    return !candidates.empty() && std::all_of(candidates.begin(), candidates.end(), [&](const relation* r) {
        return r->columns.has(name) && !r->denies(name);
    });
}

}  // namespace reagent::sql::postgres
