#include "scoped_check.hpp"

extern "C" {
#include <pg_query.h>
#include <pg_query/pg_query.pb-c.h>
}

#include <algorithm>
#include <cstring>
#include <iterator>
#include <memory>
#include <memory_resource>
#include <set>
#include <sstream>

namespace reagent::test {
namespace {

using namespace sql;

// The rules of that time.
struct rules {
    rules(const policy& p, const schema& s) : given{p} {
        tables.insert(p.allowed_tables.begin(), p.allowed_tables.end());
        schemas.insert(p.allowed_schemas.begin(), p.allowed_schemas.end());
        for (const auto& c : p.denied_columns)
            denied_columns[c.substr(0, c.rfind('.'))].insert(c.substr(c.rfind('.') + 1));
        columns = s;
        for (const auto& t : p.allowed_tables) table_list += (table_list.empty() ? "" : ", ") + t;
    }
    bool allows_table(const std::string& in, const std::string& table) const {
        return tables.contains(table) && (in.empty() || allows_schema(in));
    }
    bool allows_schema(const std::string& name) const { return schemas.contains(name); }
    bool allows_function(const std::string& name) const { return functions().contains(name); }
    const std::set<std::string>* denied(const std::string& table) const {
        auto found = denied_columns.find(table);
        return found == denied_columns.end() ? nullptr : &found->second;
    }
    static const std::set<std::string>& functions();

    const policy& given;
    std::set<std::string> tables{}, schemas{};
    std::map<std::string, std::set<std::string>> denied_columns{};
    schema columns{};
    std::string table_list{};
};

void add(verdict& v, reason code, std::size_t position, std::string message) {
    v.violations.push_back({code, position, std::move(message)});
}

using node = PgQuery__Node;

// What a FROM clause makes visible under a name.
struct relation {
    std::string name;
    std::set<std::string> denied{};                     // columns that must not be read
    std::optional<std::vector<std::string>> columns{};  // where they are known
    bool has(const std::string& column) const {
        return columns && std::find(columns->begin(), columns->end(), column) != columns->end();
    }
};

struct scope {
    const scope* outer = nullptr;
    std::vector<relation> relations{};
};

// The common table expressions that a query sees.
struct environment {
    const environment* outer = nullptr;
    std::map<std::string, std::optional<std::vector<std::string>>> tables{};  // name to columns, where known
    const std::optional<std::vector<std::string>>* find(const std::string& name) const {
        for (const auto* e = this; e; e = e->outer)
            if (auto found = e->tables.find(name); found != e->tables.end()) return &found->second;
        return nullptr;
    }
};

std::string text_of(const node* n) {
    return n && n->node_case == PG_QUERY__NODE__NODE_STRING && n->string->sval ? n->string->sval : std::string{};
}

std::string text_of(const char* s) { return s ? s : ""; }

class checker {
public:
    checker(const rules& r, verdict& v) : rules_{r}, verdict_{v} {}

    void statement(const node* n) {
        if (!n || n->node_case != PG_QUERY__NODE__NODE_SELECT_STMT) {
            report(reason::not_select, 0, "Only SELECT is allowed; write a query that reads.");
            return;
        }
        select(n->select_stmt, nullptr, nullptr);
    }

private:
    struct deeper {
        explicit deeper(checker& c) : c_{c} { ++c_.depth_; }
        ~deeper() { --c_.depth_; }
        bool too_deep() const {
            if (c_.depth_ <= c_.rules_.given.max_depth) return false;
            c_.report(reason::too_deep, 0, "The statement is nested too deeply; write a simpler one.");
            return true;
        }
        checker& c_;
    };

    void report(reason code, int position, std::string message) {
        add(verdict_, code, position > 0 ? static_cast<std::size_t>(position) : 0, std::move(message));
    }

    void refuse(const std::string& what) {
        report(reason::syntax_error, 0, "This is not allowed here: " + what + "; write a plain SELECT.");
    }

    // ------------------------------------------------------------------ queries

    // @return the names of the columns, where they are known
    std::optional<std::vector<std::string>> select(const PgQuery__SelectStmt* s, const scope* outer,
                                                   const environment* tables) {
        deeper d{*this};
        if (d.too_deep() || !s) return {};
        if (s->into_clause) report(reason::select_into, 0, "SELECT INTO creates a table; leave INTO out.");
        if (s->n_locking_clause)
            report(reason::locking_clause, 0, "FOR UPDATE and FOR SHARE lock rows; leave them out.");
        environment own{tables};
        if (s->with_clause) with(*s->with_clause, outer, own);
        if (s->op > PG_QUERY__SET_OPERATION__SETOP_NONE) {
            auto columns = select(s->larg, outer, &own);
            select(s->rarg, outer, &own);
            scope result{outer, {{"", {}, columns}}};
            many(s->sort_clause, s->n_sort_clause, result, own);
            one(s->limit_count, result, own);
            one(s->limit_offset, result, own);
            return columns;
        }
        scope here{outer};
        for (std::size_t i = 0; i < s->n_from_clause; ++i)
            for (auto& r : from(s->from_clause[i], here, own)) here.relations.push_back(std::move(r));
        many(s->distinct_clause, s->n_distinct_clause, here, own);
        many(s->target_list, s->n_target_list, here, own);
        one(s->where_clause, here, own);
        many(s->group_clause, s->n_group_clause, here, own);
        one(s->having_clause, here, own);
        many(s->window_clause, s->n_window_clause, here, own);
        many(s->values_lists, s->n_values_lists, here, own);
        many(s->sort_clause, s->n_sort_clause, here, own);
        one(s->limit_count, here, own);
        one(s->limit_offset, here, own);
        return columns_of(s, here);
    }

    static std::optional<std::vector<std::string>> columns_of(const PgQuery__SelectStmt* s, const scope& here) {
        if (s->n_values_lists) return {};
        std::vector<std::string> names;
        for (std::size_t i = 0; i < s->n_target_list; ++i) {
            const node* t = s->target_list[i];
            if (t->node_case != PG_QUERY__NODE__NODE_RES_TARGET) return {};
            std::string name = text_of(t->res_target->name);
            const node* v = t->res_target->val;
            if (name.empty() && v && v->node_case == PG_QUERY__NODE__NODE_COLUMN_REF) {
                const auto* c = v->column_ref;
                const node* last = c->fields[c->n_fields - 1];
                if (last->node_case == PG_QUERY__NODE__NODE_A_STAR) {
                    for (const auto& r : here.relations) {
                        if (c->n_fields > 1 && r.name != text_of(c->fields[c->n_fields - 2])) continue;
                        if (!r.columns) return {};
                        names.insert(names.end(), r.columns->begin(), r.columns->end());
                    }
                    continue;
                }
                name = text_of(last);
            }
            if (name.empty()) return {};  // named by PostgreSQL after what it computes
            names.push_back(name);
        }
        return names;
    }

    void with(const PgQuery__WithClause& w, const scope* outer, environment& own) {
        for (std::size_t i = 0; i < w.n_ctes; ++i) {
            if (w.ctes[i]->node_case != PG_QUERY__NODE__NODE_COMMON_TABLE_EXPR) {
                refuse("an unknown part of WITH");
                continue;
            }
            const auto* c = w.ctes[i]->common_table_expr;
            std::string name = text_of(c->ctename);
            if (c->search_clause || c->cycle_clause) refuse("SEARCH and CYCLE");
            const node* q = c->ctequery;
            if (!q || q->node_case != PG_QUERY__NODE__NODE_SELECT_STMT) {
                report(reason::data_modification, c->location,
                       "WITH \"" + name + "\" changes data; only SELECT is allowed.");
                own.tables[name] = std::nullopt;
                continue;
            }
            if (w.recursive) own.tables[name] = std::nullopt;  // it sees itself
            auto columns = select(q->select_stmt, outer, &own);
            if (c->n_aliascolnames && columns)
                for (std::size_t k = 0; k < c->n_aliascolnames && k < columns->size(); ++k)
                    (*columns)[k] = text_of(c->aliascolnames[k]);
            own.tables[name] = columns;
        }
    }

    // ------------------------------------------------------------------ FROM

    std::vector<relation> from(const node* n, scope& here, const environment& tables) {
        deeper d{*this};
        if (d.too_deep() || !n) return {};
        switch (n->node_case) {
            case PG_QUERY__NODE__NODE_RANGE_VAR: return one_relation(table(*n->range_var, tables));
            case PG_QUERY__NODE__NODE_RANGE_SUBSELECT: {
                const auto* s = n->range_subselect;
                relation r;
                if (s->subquery && s->subquery->node_case == PG_QUERY__NODE__NODE_SELECT_STMT)
                    r.columns = select(s->subquery->select_stmt, &here, &tables);
                else
                    refuse("a subquery that is no SELECT");
                rename(r, s->alias);
                return one_relation(std::move(r));
            }
            case PG_QUERY__NODE__NODE_RANGE_FUNCTION: {
                const auto* f = n->range_function;
                for (std::size_t i = 0; i < f->n_functions; ++i) {
                    // Each is a list of the call and its column definitions.
                    const node* item = f->functions[i];
                    if (item->node_case == PG_QUERY__NODE__NODE_LIST)
                        many(item->list->items, item->list->n_items, here, tables);
                    else
                        one(item, here, tables);
                }
                many(f->coldeflist, f->n_coldeflist, here, tables);
                relation r;
                rename(r, f->alias);
                return one_relation(std::move(r));
            }
            case PG_QUERY__NODE__NODE_RANGE_TABLE_SAMPLE: {
                const auto* t = n->range_table_sample;
                std::string method = t->n_method ? text_of(t->method[t->n_method - 1]) : "";
                bool built_in = t->n_method == 1 || (t->n_method == 2 && text_of(t->method[0]) == "pg_catalog");
                if (!built_in || (method != "system" && method != "bernoulli"))  // others are functions of an extension
                    report(reason::function_not_allowed, t->location,
                           "TABLESAMPLE " + method + " is not allowed; use SYSTEM or BERNOULLI.");
                many(t->args, t->n_args, here, tables);
                one(t->repeatable, here, tables);
                return from(t->relation, here, tables);
            }
            case PG_QUERY__NODE__NODE_JOIN_EXPR: return join(*n->join_expr, here, tables);
            default: refuse("an unknown part of FROM"); return {};
        }
    }

    static std::vector<relation> one_relation(relation r) {
        std::vector<relation> list;
        list.push_back(std::move(r));
        return list;
    }

    relation table(const PgQuery__RangeVar& v, const environment& tables) {
        std::string name = text_of(v.relname), in = text_of(v.schemaname);
        relation r{name};
        const auto* common = in.empty() && text_of(v.catalogname).empty() ? tables.find(name) : nullptr;
        if (common) {
            r.columns = *common;
            rename(r, v.alias);
            return r;
        }
        if (!text_of(v.catalogname).empty())
            report(reason::schema_not_allowed, v.location, "Leave the database's name out of \"" + name + "\".");
        if (!rules_.allows_table(in, name)) {
            if (!in.empty() && !rules_.allows_schema(in))
                report(reason::schema_not_allowed, v.location,
                       "The schema \"" + in + "\" is not allowed; use " + rules_.table_list + ".");
            else
                report(reason::table_not_allowed, v.location,
                       "The table \"" + name + "\" is not allowed; use " + rules_.table_list + ".");
        }
        if (const auto* d = rules_.denied(name)) r.denied = *d;
        if (auto known = rules_.columns.find(name); known != rules_.columns.end()) r.columns = known->second;
        rename(r, v.alias);
        return r;
    }

    // `AS alias (names)`: columns are renamed from the left, denied ones too.
    void rename(relation& r, const PgQuery__Alias* a) {
        if (!a) return;
        r.name = text_of(a->aliasname);
        if (!a->n_colnames) return;
        std::vector<std::string> names;
        for (std::size_t i = 0; i < a->n_colnames; ++i) names.push_back(text_of(a->colnames[i]));
        if (!r.columns) {
            if (!r.denied.empty()) r.denied.insert(names.begin(), names.end());  // any of them may be a denied one
            return;
        }
        std::set<std::string> denied = r.denied;
        auto& columns = *r.columns;
        std::size_t renamed = std::min(names.size(), columns.size());
        for (std::size_t i = 0; i < renamed; ++i) {
            if (r.denied.contains(columns[i])) denied.insert(names[i]);
            columns[i] = names[i];
        }
        r.denied = std::move(denied);
    }

    std::vector<relation> join(const PgQuery__JoinExpr& j, scope& here, const environment& tables) {
        auto left = from(j.larg, here, tables);
        std::size_t first = here.relations.size();
        for (const auto& r : left) here.relations.push_back(r);  // for LATERAL on the right
        auto right = from(j.rarg, here, tables);
        for (const auto& r : right) here.relations.push_back(r);
        for (std::size_t i = 0; i < j.n_using_clause; ++i) {
            std::string column = text_of(j.using_clause[i]);
            for (const auto* side : {&left, &right})
                for (const auto& r : *side)
                    if (r.denied.contains(column)) deny_column(column, 0);
        }
        if (j.is_natural)
            for (const auto* side : {&left, &right})
                for (const auto& r : *side)
                    for (const auto& column : r.denied)
                        for (const auto& other : side == &left ? right : left)
                            if (!other.columns || other.has(column) || other.denied.contains(column))
                                deny_column(column, 0);
        one(j.quals, here, tables);
        here.relations.resize(first);
        std::vector<relation> all = std::move(left);
        all.insert(all.end(), std::make_move_iterator(right.begin()), std::make_move_iterator(right.end()));
        // A name for the whole join, or for its USING columns.
        for (const auto* a : {j.alias, j.join_using_alias}) {
            if (!a) continue;
            relation whole;
            whole.columns.emplace();
            for (const auto& r : all) {
                whole.denied.insert(r.denied.begin(), r.denied.end());
                if (!r.columns)
                    whole.columns.reset();
                else if (whole.columns)
                    whole.columns->insert(whole.columns->end(), r.columns->begin(), r.columns->end());
            }
            if (a->n_colnames) whole.columns.reset();
            rename(whole, a);
            all.push_back(std::move(whole));
        }
        return all;
    }

    // ------------------------------------------------------------------ names

    void deny_column(const std::string& column, int position) {
        report(reason::column_denied, position, "The column \"" + column + "\" must not be read; leave it out.");
    }

    void column(const PgQuery__ColumnRef& c, const scope& here) {
        if (c.n_fields == 0) return refuse("a column without a name");
        const node* last = c.fields[c.n_fields - 1];
        bool star = last->node_case == PG_QUERY__NODE__NODE_A_STAR;
        if (star && c.n_fields == 1) {
            for (const auto& r : here.relations) wildcard(r, c.location);
            return;
        }
        if (!star && c.n_fields == 1) return plain_name(text_of(last), here, c.location);
        // alias.column, schema.table.column, ...: the name before the last stands for a relation
        std::string of = text_of(c.fields[c.n_fields - 2]), name = text_of(last);
        bool found = false;
        for (const scope* s = &here; s && !found; s = s->outer)
            for (const auto& r : s->relations) {
                if (r.name != of) continue;
                found = true;
                if (star)
                    wildcard(r, c.location);
                else if (r.denied.contains(name))
                    deny_column(name, c.location);
                else if (!r.denied.empty() && (!r.columns || !r.has(name)) && !is_known_plain(r, name))
                    // `c.f` may be `f(c)`, a function of the whole row.
                    report(reason::whole_row_exposes_denied_column, c.location,
                           "\"" + of + "." + name + "\" is no column that is known; name one of the table's columns.");
            }
        if (!found) report(reason::table_not_allowed, c.location, "\"" + of + "\" is no table or alias of this query.");
    }

    // Without a schema nothing is known; then a name that no function has is taken for a column.
    bool is_known_plain(const relation& r, const std::string& name) const {
        return !r.columns && !name.empty() && name.find('_') == name.npos && !rules_.allows_function(name);
    }

    void plain_name(const std::string& name, const scope& here, int position) {
        for (const scope* s = &here; s; s = s->outer) {
            bool known = false;
            for (const auto& r : s->relations) {
                if (r.denied.contains(name)) return deny_column(name, position);
                known = known || r.has(name);
            }
            if (known) return;
            for (const auto& r : s->relations)
                if (r.name == name && !r.name.empty()) {
                    if (!r.denied.empty())
                        report(
                            reason::whole_row_exposes_denied_column, position,
                            "\"" + name +
                                "\" is a whole row of a table with columns that must not be read; name the columns.");
                    return;
                }
        }
    }

    void wildcard(const relation& r, int position) {
        if (!r.denied.empty())
            report(reason::wildcard_exposes_denied_column, position,
                   "* of \"" + r.name + "\" shows columns that must not be read; name the columns that you need.");
    }

    // ------------------------------------------------------------------ expressions

    void many(node** list, std::size_t n, const scope& here, const environment& tables) {
        for (std::size_t i = 0; i < n; ++i) one(list[i], here, tables);
    }

    void function(const PgQuery__FuncCall& f) {
        std::string name = f.n_funcname ? text_of(f.funcname[f.n_funcname - 1]) : "";
        bool own_schema = f.n_funcname == 1 || (f.n_funcname == 2 && text_of(f.funcname[0]) == "pg_catalog");
        if (!own_schema || !rules_.allows_function(name))
            report(reason::function_not_allowed, f.location,
                   "The function \"" + name + "\" is not allowed; do without it.");
    }

    void type(const PgQuery__TypeName& t) {
        static const std::set<std::string> harmless{"bool",        "bpchar",  "bytea",    "char",    "date",
                                                    "float4",      "float8",  "int2",     "int4",    "int8",
                                                    "int",         "integer", "interval", "json",    "jsonb",
                                                    "money",       "numeric", "text",     "time",    "timestamp",
                                                    "timestamptz", "timetz",  "uuid",     "varchar", "bit",
                                                    "varbit",      "name",    "decimal",  "float",   "double precision",
                                                    "smallint",    "bigint",  "string"};
        std::string name = t.n_names ? text_of(t.names[t.n_names - 1]) : "";
        bool own_schema = t.n_names == 1 || (t.n_names == 2 && text_of(t.names[0]) == "pg_catalog");
        if (!own_schema || !harmless.contains(name) || t.pct_type || t.setof)
            report(reason::function_not_allowed, t.location,
                   "A cast to the type \"" + name + "\" is not allowed; use a plain type.");
    }

    void one(const node* n, const scope& here, const environment& tables) {
        if (!n) return;
        deeper d{*this};
        if (d.too_deep()) return;
        switch (n->node_case) {
            case PG_QUERY__NODE__NODE_COLUMN_REF: return column(*n->column_ref, here);
            case PG_QUERY__NODE__NODE_SELECT_STMT: select(n->select_stmt, &here, &tables); return;
            case PG_QUERY__NODE__NODE_A_CONST:
            case PG_QUERY__NODE__NODE_STRING:
            case PG_QUERY__NODE__NODE_INTEGER:
            case PG_QUERY__NODE__NODE_FLOAT:
            case PG_QUERY__NODE__NODE_BOOLEAN:
            case PG_QUERY__NODE__NODE_BIT_STRING:
            case PG_QUERY__NODE__NODE_A_STAR:
            case PG_QUERY__NODE__NODE_SET_TO_DEFAULT: return;
            case PG_QUERY__NODE__NODE_LIST: return many(n->list->items, n->list->n_items, here, tables);
            case PG_QUERY__NODE__NODE_RES_TARGET:
                many(n->res_target->indirection, n->res_target->n_indirection, here, tables);
                return one(n->res_target->val, here, tables);
            case PG_QUERY__NODE__NODE_A_EXPR: {
                const auto* e = n->a_expr;
                if (e->n_name > 1 && text_of(e->name[0]) != "pg_catalog")
                    report(reason::function_not_allowed, e->location, "Operators of other schemas are not allowed.");
                one(e->lexpr, here, tables);
                return one(e->rexpr, here, tables);
            }
            case PG_QUERY__NODE__NODE_BOOL_EXPR: return many(n->bool_expr->args, n->bool_expr->n_args, here, tables);
            case PG_QUERY__NODE__NODE_NULL_TEST: return one(n->null_test->arg, here, tables);
            case PG_QUERY__NODE__NODE_BOOLEAN_TEST: return one(n->boolean_test->arg, here, tables);
            case PG_QUERY__NODE__NODE_FUNC_CALL: {
                const auto* f = n->func_call;
                function(*f);
                many(f->args, f->n_args, here, tables);
                many(f->agg_order, f->n_agg_order, here, tables);
                one(f->agg_filter, here, tables);
                if (f->over) window(*f->over, here, tables);
                return;
            }
            case PG_QUERY__NODE__NODE_NAMED_ARG_EXPR: return one(n->named_arg_expr->arg, here, tables);
            case PG_QUERY__NODE__NODE_SUB_LINK: {
                const auto* s = n->sub_link;
                if (s->n_oper_name > 1 && text_of(s->oper_name[0]) != "pg_catalog")
                    report(reason::function_not_allowed, s->location, "Operators of other schemas are not allowed.");
                one(s->testexpr, here, tables);
                return one(s->subselect, here, tables);
            }
            case PG_QUERY__NODE__NODE_CASE_EXPR:
                one(n->case_expr->arg, here, tables);
                many(n->case_expr->args, n->case_expr->n_args, here, tables);
                return one(n->case_expr->defresult, here, tables);
            case PG_QUERY__NODE__NODE_CASE_WHEN:
                one(n->case_when->expr, here, tables);
                return one(n->case_when->result, here, tables);
            case PG_QUERY__NODE__NODE_COALESCE_EXPR:
                return many(n->coalesce_expr->args, n->coalesce_expr->n_args, here, tables);
            case PG_QUERY__NODE__NODE_MIN_MAX_EXPR:
                return many(n->min_max_expr->args, n->min_max_expr->n_args, here, tables);
            case PG_QUERY__NODE__NODE_SQLVALUE_FUNCTION:
                if (n->sqlvalue_function->op >= PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_ROLE)
                    report(reason::function_not_allowed, n->sqlvalue_function->location,
                           "Who is logged in must not be asked.");
                return;
            case PG_QUERY__NODE__NODE_TYPE_CAST:
                if (n->type_cast->type_name) type(*n->type_cast->type_name);
                return one(n->type_cast->arg, here, tables);
            case PG_QUERY__NODE__NODE_TYPE_NAME: return type(*n->type_name);
            case PG_QUERY__NODE__NODE_COLUMN_DEF:  // f() AS t(a int)
                if (n->column_def->type_name) type(*n->column_def->type_name);
                return;
            case PG_QUERY__NODE__NODE_COLLATE_CLAUSE: return one(n->collate_clause->arg, here, tables);
            case PG_QUERY__NODE__NODE_A_ARRAY_EXPR:
                return many(n->a_array_expr->elements, n->a_array_expr->n_elements, here, tables);
            case PG_QUERY__NODE__NODE_A_INDIRECTION:
                many(n->a_indirection->indirection, n->a_indirection->n_indirection, here, tables);
                return one(n->a_indirection->arg, here, tables);
            case PG_QUERY__NODE__NODE_A_INDICES:
                one(n->a_indices->lidx, here, tables);
                return one(n->a_indices->uidx, here, tables);
            case PG_QUERY__NODE__NODE_ROW_EXPR: return many(n->row_expr->args, n->row_expr->n_args, here, tables);
            case PG_QUERY__NODE__NODE_GROUPING_SET:
                return many(n->grouping_set->content, n->grouping_set->n_content, here, tables);
            case PG_QUERY__NODE__NODE_GROUPING_FUNC:
                return many(n->grouping_func->args, n->grouping_func->n_args, here, tables);
            case PG_QUERY__NODE__NODE_SORT_BY: {
                const auto* s = n->sort_by;
                if (s->n_use_op) report(reason::function_not_allowed, s->location, "ORDER BY USING is not allowed.");
                return one(s->node, here, tables);
            }
            case PG_QUERY__NODE__NODE_WINDOW_DEF: return window(*n->window_def, here, tables);
            case PG_QUERY__NODE__NODE__NOT_SET: return;  // the empty element of DISTINCT
            default: return refuse("an unknown kind of expression");
        }
    }

    void window(const PgQuery__WindowDef& w, const scope& here, const environment& tables) {
        many(w.partition_clause, w.n_partition_clause, here, tables);
        many(w.order_clause, w.n_order_clause, here, tables);
        one(w.start_offset, here, tables);
        one(w.end_offset, here, tables);
    }

    const rules& rules_;
    verdict& verdict_;
    std::size_t depth_ = 0;
};

const std::set<std::string>& rules::functions() {
    static const std::set<std::string> names = [] {
        std::istringstream list{
            "abs age array_agg array_append array_cat array_length array_position array_remove array_to_string ascii "
            "avg bit_and "
            "bit_length bit_or bool_and bool_or btrim cardinality cbrt ceil ceiling char_length character_length chr "
            "clock_timestamp "
            "coalesce concat concat_ws corr cos count covar_pop covar_samp cume_dist date_bin date_part date_trunc "
            "degrees dense_rank div "
            "every exp extract first_value floor format gcd generate_series greatest initcap isfinite json_agg "
            "json_array_elements "
            "json_array_length json_build_array json_build_object json_object_agg jsonb_agg jsonb_array_elements "
            "jsonb_array_length "
            "jsonb_build_array jsonb_build_object jsonb_object_agg justify_days justify_hours justify_interval lag "
            "last_value lcm lead "
            "least left length like like_escape ln log log10 lower lpad ltrim make_date make_interval make_time "
            "make_timestamp "
            "make_timestamptz max md5 min mod mode nth_value now ntile nullif num_nonnulls num_nulls octet_length "
            "overlay overlaps "
            "percent_rank percentile_cont percentile_disc pi position pow power quote_literal radians rank "
            "regexp_match regexp_replace "
            "regexp_split_to_array regr_slope repeat replace reverse right round row_number rpad rtrim scale sign "
            "similar_to_escape sin "
            "split_part sqrt starts_with statement_timestamp stddev stddev_pop stddev_samp string_agg string_to_array "
            "strpos substr "
            "substring sum tan timezone to_char to_date to_json to_jsonb to_number to_timestamp transaction_timestamp "
            "translate trim trunc "
            "unnest upper var_pop var_samp variance width_bucket"};
        return std::set<std::string>{std::istream_iterator<std::string>{list}, {}};
    }();
    return names;
}

void check_postgres(std::string_view statement, const rules& r, verdict& v) {
    std::string text{statement};
    auto parsed = pg_query_parse_protobuf(text.c_str());
    std::unique_ptr<PgQueryProtobufParseResult, void (*)(PgQueryProtobufParseResult*)> freed{
        &parsed, [](PgQueryProtobufParseResult* p) { pg_query_free_protobuf_parse_result(*p); }};
    if (parsed.error) {
        std::string message = text_of(parsed.error->message);
        bool deep = message.find("stack depth") != message.npos;
        auto at = parsed.error->cursorpos > 0 ? static_cast<std::size_t>(parsed.error->cursorpos - 1) : 0;
        add(v, deep ? reason::too_deep : reason::syntax_error, at,
            "PostgreSQL cannot parse the statement: " + message + ".");
        return;
    }
    // The tree goes as a whole, so its nodes come from one buffer.
    std::pmr::monotonic_buffer_resource nodes{16 * 1024};
    ProtobufCAllocator from_buffer{
        [](void* buffer, std::size_t size) -> void* {
            try {
                return static_cast<std::pmr::monotonic_buffer_resource*>(buffer)->allocate(size);
            } catch (const std::bad_alloc&) {
                return nullptr;  // no exception passes through C
            }
        },
        [](void*, void*) {}, &nodes};
    const PgQuery__ParseResult* tree = pg_query__parse_result__unpack(
        &from_buffer, parsed.parse_tree.len, reinterpret_cast<const std::uint8_t*>(parsed.parse_tree.data));
    if (!tree) return add(v, reason::too_deep, 0, "The statement is nested too deeply; write a simpler one.");
    if (tree->n_stmts == 0) return add(v, reason::empty, 0, "There is no statement; write a SELECT.");
    if (tree->n_stmts > 1)
        add(v, reason::multiple_statements, static_cast<std::size_t>(std::max(0, tree->stmts[1]->stmt_location)),
            "There are " + std::to_string(tree->n_stmts) + " statements; write one.");
    checker c{r, v};
    for (std::size_t i = 0; i < tree->n_stmts; ++i) c.statement(tree->stmts[i]->stmt);
}

}  // namespace

sql::verdict scoped_check(std::string_view statement, const sql::policy& p, const sql::schema& columns) {
    sql::verdict v;
    check_postgres(statement, {p, columns}, v);
    return v;
}

}  // namespace reagent::test
