// The rule of docs/sql-safety.md on PostgreSQL's own parse tree: one walk that collects every relation and every name,
// for postgres_names.cpp to judge. Kinds of nodes that are not listed are refused.
#include "postgres_names.hpp"

namespace reagent::sql::postgres {
namespace {

constexpr std::size_t most_columns = 1664;          // of one relation: PostgreSQL's own MaxTupleAttributeNumber
constexpr std::size_t most_listed_columns = 8'000;  // of all relations of a statement together
constexpr std::size_t most_relations = 500;         // CTEs that are not materialized count as often as they are used
constexpr std::size_t most_references =
    300'000;  // to columns, when subqueries are put into what uses them, as planners do

struct common_table {
    PgQuery__CommonTableExpr* definition;
    column_list columns{};
    std::size_t weight = 1;
    std::size_t relations = 1;  // that one more use of it adds to the work
};

struct selected {
    column_list columns{};
    std::size_t weight = 1;
};

// The common table expressions that a query sees, as PostgreSQL looks them up.
struct environment {
    const environment* outer = nullptr;
    std::vector<common_table> tables{};
    const common_table* find(std::string_view name) const {
        for (const auto* e = this; e; e = e->outer)
            for (const auto& t : e->tables)
                if (text_of(t.definition->ctename) == name) return &t;
        return nullptr;
    }
};

using joined = std::vector<const relation*>;  // what one item of FROM makes visible

class checker {
public:
    checker(const rules& r, use how, verdict& v, findings* found)
        : rules_{r}, how_{how}, verdict_{v}, found_{found}, names_{r, how, v, found} {}

    void statement(node* n) {
        if (!n || n->node_case != PG_QUERY__NODE__NODE_SELECT_STMT) {
            report(reason::not_select, 0, "Only SELECT is allowed; write a query that reads.");
            return;
        }
        select(n->select_stmt, nullptr);
        if (!stopped_) names_.judge();
    }

private:
    struct deeper {
        explicit deeper(checker& c) : c_{c} { ++c_.depth_; }
        ~deeper() { --c_.depth_; }
        bool too_deep() const {
            if (c_.depth_ <= c_.rules_.given.max_depth && !c_.stopped_) return false;
            if (!c_.stopped_)
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
    // Ends the walk: what follows would only cost time.
    void stop(const std::string& what) {
        if (!stopped_) report(reason::too_deep, 0, "The statement has more than " + what + "; write a simpler one.");
        stopped_ = true;
    }

    // ------------------------------------------------------------------ queries

    selected select(PgQuery__SelectStmt* s, const environment* tables) {
        deeper d{*this};
        if (d.too_deep() || !s) return {};
        const names::query q{names_};
        environment own{tables};
        if (s->with_clause) with(*s->with_clause, own);
        return select_in(s, own);
    }

    // @param own with what the query's own WITH defines
    selected select_in(PgQuery__SelectStmt* s, const environment& own) {
        if (s->into_clause) report(reason::select_into, 0, "SELECT INTO creates a table; leave INTO out.");
        if (s->n_locking_clause)
            report(reason::locking_clause, 0, "FOR UPDATE and FOR SHARE lock rows; leave them out.");
        selected result;
        if (s->op > PG_QUERY__SET_OPERATION__SETOP_NONE) {
            result.columns = select(s->larg, &own).columns;
            select(s->rarg, &own);
            ordered(*s, own);
            return result;
        }
        joined visible;
        for (std::size_t i = 0; i < s->n_from_clause; ++i)
            for (const auto* r : from(s->from_clause[i], own)) visible.push_back(r);
        if (found_ && s->n_group_clause) {
            findings::grouping g{s, {}, visible.size() == 1};
            for (const auto* r : visible)
                if (r->table) g.of.emplace_back(r->name, *r->table);
            found_->groupings.push_back(std::move(g));
        }
        std::size_t weight = 1, widest = 1, before = names_.references();
        for (const auto* r : visible) weight = std::max(weight, r->weight);
        for (std::size_t i = 0; i < s->n_target_list; ++i) {
            std::size_t first = names_.references();
            target(s->target_list[i], visible, own);
            widest = std::max(widest, names_.references() - first);
        }
        many(s->distinct_clause, s->n_distinct_clause, own);
        one(s->where_clause, own);
        many(s->group_clause, s->n_group_clause, own);
        one(s->having_clause, own);
        many(s->window_clause, s->n_window_clause, own);
        many(s->values_lists, s->n_values_lists, own);
        ordered(*s, own);
        if ((names_.references() - before) * weight > most_references)
            stop(std::to_string(most_references) + " references to columns when its subqueries are put in place");
        result.columns = columns_of(*s, visible);
        // What is grouped, cut or made unique is not put in place.
        bool kept_apart =
            s->n_group_clause || s->having_clause || s->n_distinct_clause || s->limit_count || s->limit_offset;
        result.weight = kept_apart ? 1 : widest * weight;
        return result;
    }

    void ordered(PgQuery__SelectStmt& s, const environment& own) {
        many(s.sort_clause, s.n_sort_clause, own);
        one(s.limit_count, own);
        one(s.limit_offset, own);
    }

    void target(node* t, const joined& visible, const environment& tables) {
        // A * that stands alone shows what this FROM makes visible.
        if (t->node_case == PG_QUERY__NODE__NODE_RES_TARGET && t->res_target->val &&
            t->res_target->val->node_case == PG_QUERY__NODE__NODE_COLUMN_REF) {
            const auto& c = *t->res_target->val->column_ref;
            if (c.n_fields == 1 && c.fields[0]->node_case == PG_QUERY__NODE__NODE_A_STAR) {
                for (const auto* r : visible) names_.wildcard(*r, c.location);
                return;
            }
        }
        one(t, tables);
    }

    column_list columns_of(const PgQuery__SelectStmt& s, const joined& visible) {
        column_list all{{}, true};
        if (s.n_values_lists) {
            const node* row = s.values_lists[0];
            std::size_t n = row->node_case == PG_QUERY__NODE__NODE_LIST ? row->list->n_items : 0;
            static constexpr std::string_view names[]{"column1", "column2", "column3", "column4",
                                                      "column5", "column6", "column7", "column8"};
            all.exact = n <= std::size(names);
            all.names.assign(names, names + std::min(n, std::size(names)));
            return all;
        }
        for (std::size_t i = 0; i < s.n_target_list; ++i) {
            const node* t = s.target_list[i];
            if (t->node_case != PG_QUERY__NODE__NODE_RES_TARGET) return {};
            auto name = text_of(t->res_target->name);
            const node* v = t->res_target->val;
            const auto* c = v && v->node_case == PG_QUERY__NODE__NODE_COLUMN_REF ? v->column_ref : nullptr;
            if (name.empty() && c && c->n_fields &&
                c->fields[c->n_fields - 1]->node_case == PG_QUERY__NODE__NODE_A_STAR) {
                auto of = c->n_fields > 1 ? text_of(c->fields[c->n_fields - 2]) : std::string_view{};
                bool any = false;
                for (const auto* r : visible) {
                    if (c->n_fields > 1 && r->name != of) continue;
                    any = true;
                    append(all, r->columns);
                    all.fewer = all.fewer || r->is_sensitive();
                }
                all.exact = all.exact && any;
                if (c->n_fields == 1 && s.n_from_clause > 0 && merged_) all.exact = false;
                continue;
            }
            if (name.empty()) name = own_name(v);
            if (name.empty())
                all.exact = false;
            else
                append(all, {{name}, true});
        }
        return all;
    }

    void append(column_list& all, const column_list& more) {
        all.exact = all.exact && more.exact;
        all.fewer = all.fewer || more.fewer;
        if (all.names.size() + more.names.size() > most_columns)
            stop(std::to_string(most_columns) + " columns in a row");
        count(more.names.size());
        if (!stopped_) all.names.insert(all.names.end(), more.names.begin(), more.names.end());
    }
    void count(std::size_t columns) {
        columns_ += columns;
        if (columns_ > most_listed_columns) stop(std::to_string(most_listed_columns) + " columns");
    }

    // The name that PostgreSQL gives to a column without AS; "" where that takes more than a look.
    // Source: FigureColname in PostgreSQL's parse_target.c.
    static std::string_view own_name(const node* v) {
        if (!v) return {};
        switch (v->node_case) {
            case PG_QUERY__NODE__NODE_COLUMN_REF: return text_of(v->column_ref->fields[v->column_ref->n_fields - 1]);
            case PG_QUERY__NODE__NODE_FUNC_CALL:
                return v->func_call->n_funcname ? text_of(v->func_call->funcname[v->func_call->n_funcname - 1])
                                                : std::string_view{};
            case PG_QUERY__NODE__NODE_COALESCE_EXPR: return "coalesce";
            case PG_QUERY__NODE__NODE_TYPE_CAST: return own_name(v->type_cast->arg);
            case PG_QUERY__NODE__NODE_COLLATE_CLAUSE: return own_name(v->collate_clause->arg);
            default: return {};
        }
    }

    void with(PgQuery__WithClause& w, environment& own) {
        own.tables.reserve(w.n_ctes);
        for (std::size_t i = 0; i < w.n_ctes; ++i)
            if (w.ctes[i]->node_case != PG_QUERY__NODE__NODE_COMMON_TABLE_EXPR)
                return refuse("an unknown part of WITH");
        if (w.recursive)  // all of them see each other
            for (std::size_t i = 0; i < w.n_ctes; ++i) own.tables.push_back({w.ctes[i]->common_table_expr});
        for (std::size_t i = 0; i < w.n_ctes; ++i) {
            auto* c = w.ctes[i]->common_table_expr;
            if (found_) found_->ctes.push_back(c);
            std::size_t before = relations_;
            selected made;
            if (!c->ctequery || c->ctequery->node_case != PG_QUERY__NODE__NODE_SELECT_STMT)
                report(reason::data_modification, c->location,
                       "WITH " + quoted(text_of(c->ctename)) + " changes data; only SELECT is allowed.");
            else if (w.recursive)
                made = recursive(*c, own, i);
            else
                made = select(c->ctequery->select_stmt, &own);
            made.columns = renamed(std::move(made.columns), c->aliascolnames, c->n_aliascolnames);
            search_and_cycle(*c, made.columns, own);
            bool repeated = c->ctematerialized == PG_QUERY__CTEMATERIALIZE__CTEMaterializeNever;
            common_table t{c, std::move(made.columns), made.weight, repeated ? relations_ - before : 1};
            if (w.recursive)
                own.tables[i] = std::move(t);
            else
                own.tables.push_back(std::move(t));
        }
    }

    // SEARCH and CYCLE compare columns of the table that they stand at, and add some to it.
    void search_and_cycle(const PgQuery__CommonTableExpr& c, column_list& columns, const environment& tables) {
        if (const auto* s = c.search_clause) {
            for (std::size_t i = 0; i < s->n_search_col_list; ++i) names_.compare(text_of(s->search_col_list[i]));
            columns.names.push_back(text_of(s->search_seq_column));
        }
        if (const auto* y = c.cycle_clause) {
            for (std::size_t i = 0; i < y->n_cycle_col_list; ++i) names_.compare(text_of(y->cycle_col_list[i]));
            one(y->cycle_mark_value, tables);
            one(y->cycle_mark_default, tables);
            columns.names.push_back(text_of(y->cycle_mark_column));
            columns.names.push_back(text_of(y->cycle_path_column));
        }
    }

    // What refers to itself has the columns of its first part.
    selected recursive(PgQuery__CommonTableExpr& c, environment& own, std::size_t at) {
        auto* s = c.ctequery->select_stmt;
        if (s->op == PG_QUERY__SET_OPERATION__SETOP_NONE || s->with_clause || !s->larg || !s->rarg)
            return select(s, &own);
        deeper d{*this};
        if (d.too_deep()) return {};
        const names::query q{names_};
        if (s->n_locking_clause)
            report(reason::locking_clause, 0, "FOR UPDATE and FOR SHARE lock rows; leave them out.");
        auto columns = select(s->larg, &own).columns;
        own.tables[at].columns = renamed(columns, c.aliascolnames, c.n_aliascolnames);
        select(s->rarg, &own);
        ordered(*s, own);
        return {std::move(columns)};
    }

    // `(names)`: columns are renamed from the left.
    column_list renamed(column_list columns, node* const* names, std::size_t n) {
        if (!n) return columns;
        if (columns.fewer && how_ == use::rewritten)
            report(reason::wildcard_exposes_denied_column, 0,
                   "The names in AS alias(" + std::string{text_of(names[0])} +
                       ", ...) count columns that must not be read; select the columns by name.");
        columns.fewer = false;
        if (!columns.exact) columns.names.clear();
        if (columns.names.size() < n) columns.names.resize(n);
        for (std::size_t i = 0; i < n; ++i) columns.names[i] = text_of(names[i]);
        return columns;
    }

    // ------------------------------------------------------------------ FROM

    const relation* seen(relation r) {
        if (++relations_ > most_relations) stop(std::to_string(most_relations) + " tables");
        count(r.columns.names.size());
        return names_.add(std::move(r));
    }

    joined from(node* n, const environment& tables) {
        deeper d{*this};
        if (d.too_deep() || !n) return {};
        switch (n->node_case) {
            case PG_QUERY__NODE__NODE_RANGE_VAR: return {table(n, *n->range_var, tables)};
            case PG_QUERY__NODE__NODE_RANGE_SUBSELECT: {
                const auto* s = n->range_subselect;
                relation r;
                if (s->subquery && s->subquery->node_case == PG_QUERY__NODE__NODE_SELECT_STMT)
                    take(r, select(s->subquery->select_stmt, &tables));
                else
                    refuse("a subquery that is no SELECT");
                rename(r, s->alias);
                return {seen(std::move(r))};
            }
            case PG_QUERY__NODE__NODE_RANGE_FUNCTION: return {function_rows(*n->range_function, tables)};
            case PG_QUERY__NODE__NODE_RANGE_TABLE_SAMPLE: {
                const auto* t = n->range_table_sample;
                auto method = t->n_method ? text_of(t->method[t->n_method - 1]) : std::string_view{};
                bool built_in = t->n_method == 1 || (t->n_method == 2 && text_of(t->method[0]) == "pg_catalog");
                if (!built_in || (method != "system" && method != "bernoulli"))  // others are functions of an extension
                    report(reason::function_not_allowed, t->location,
                           "TABLESAMPLE " + std::string{method} + " is not allowed; use SYSTEM or BERNOULLI.");
                many(t->args, t->n_args, tables);
                one(t->repeatable, tables);
                if (!t->relation || t->relation->node_case != PG_QUERY__NODE__NODE_RANGE_VAR) {
                    refuse("TABLESAMPLE of what is no table");
                    return {};
                }
                return {table(n, *t->relation->range_var, tables)};
            }
            case PG_QUERY__NODE__NODE_JOIN_EXPR: return join(*n->join_expr, tables);
            default: refuse("an unknown part of FROM"); return {};
        }
    }

    static void take(relation& r, selected made) {
        r.columns = std::move(made.columns);
        r.weight = made.weight;
    }

    // @param at the item of FROM: the table's name, or a sample of it
    const relation* table(node* at, PgQuery__RangeVar& v, const environment& tables) {
        auto name = text_of(v.relname), in = text_of(v.schemaname);
        bool plain = in.empty() && text_of(v.catalogname).empty();
        const auto* common = plain ? tables.find(name) : nullptr;
        auto known = rules_.find(in, name);
        relation r{name};
        if (common) {
            r.columns = common->columns;
            r.weight = common->weight;
            relations_ += common->relations - 1;
            if (found_) found_->cte_uses.push_back({&v, common->definition});
        } else if (!text_of(v.catalogname).empty()) {
            report(reason::schema_not_allowed, v.location, "Leave the database's name out of " + quoted(name) + ".");
        } else if (!known) {
            if (!in.empty() && !rules_.allows_schema(in))
                report(reason::schema_not_allowed, v.location,
                       "The schema " + quoted(in) + " is not allowed; use " + rules_.table_list() + ".");
            else
                report(reason::table_not_allowed, v.location,
                       "The table " + quoted(name) + " is not allowed; use " + rules_.table_list() + ".");
        } else if (known->columns) {
            r.columns.exact = true;
            r.columns.names.assign(known->columns->begin(), known->columns->end());
        }
        if (known) {  // a CTE of the name of such a table is held to be both
            for (const auto& column : known->denied) r.denied.push_back(kept(column));
            if (!common && found_) {
                r.table = found_->tables.size();
                found_->tables.push_back({at, *known});
            }
        }
        rename(r, v.alias);
        return seen(std::move(r));
    }

    std::string_view kept(const std::string& text) { return *texts_.insert(text).first; }

    void rename(relation& r, const PgQuery__Alias* a) {
        if (!a) return;
        r.name = text_of(a->aliasname);
        if (!a->n_colnames) return;
        std::vector<std::string_view> denied = r.denied;
        if (r.is_sensitive())
            for (std::size_t i = 0; i < a->n_colnames; ++i)  // where the columns are not known, any may be a denied one
                if (!r.columns.exact || i >= r.columns.names.size() || r.denies(r.columns.names[i]))
                    denied.push_back(text_of(a->colnames[i]));
        r.denied = std::move(denied);
        r.columns = renamed(std::move(r.columns), a->colnames, a->n_colnames);
    }

    const relation* function_rows(const PgQuery__RangeFunction& f, const environment& tables) {
        const PgQuery__FuncCall* call = nullptr;
        for (std::size_t i = 0; i < f.n_functions; ++i) {
            // Each is a list of the call and its column definitions.
            const node* item = f.functions[i];
            if (item->node_case != PG_QUERY__NODE__NODE_LIST) {
                one(f.functions[i], tables);
                continue;
            }
            many(item->list->items, item->list->n_items, tables);
            if (!call && item->list->n_items && item->list->items[0]->node_case == PG_QUERY__NODE__NODE_FUNC_CALL)
                call = item->list->items[0]->func_call;
        }
        many(f.coldeflist, f.n_coldeflist, tables);
        relation r;
        r.name = call && call->n_funcname ? text_of(call->funcname[call->n_funcname - 1]) : std::string_view{};
        auto function = std::string{r.name};
        if (f.alias) r.name = text_of(f.alias->aliasname);
        // The columns of those that are listed; unnest's depend on its argument, a function of the user's on what it
        // returns.
        if (f.n_functions == 1 && !f.n_coldeflist && function != "unnest" &&
            harmless_functions(dialect::postgres).contains(function)) {
            if (auto columns = function_columns().find(function); columns != function_columns().end())
                r.columns.names.assign(columns->second.begin(), columns->second.end());
            else if (set_returning_functions().contains(function))
                r.columns.names.push_back(r.name);
            r.columns.exact = !r.columns.names.empty();
            if (f.ordinality) r.columns.names.push_back("ordinality");
        }
        rename(r, f.alias);
        return seen(std::move(r));
    }

    joined join(PgQuery__JoinExpr& j, const environment& tables) {
        auto left = from(j.larg, tables);
        auto right = from(j.rarg, tables);
        for (std::size_t i = 0; i < j.n_using_clause; ++i) names_.compare(text_of(j.using_clause[i]));
        if (j.is_natural) {
            compare_all(left, right);
            compare_all(right, left);
        }
        if (j.is_natural || j.n_using_clause) merged_ = true;
        one(j.quals, tables);
        joined all = left;
        all.insert(all.end(), right.begin(), right.end());
        if (j.join_using_alias) {
            relation u;
            for (std::size_t i = 0; i < j.n_using_clause; ++i) u.columns.names.push_back(text_of(j.using_clause[i]));
            u.columns.exact = true;
            rename(u, j.join_using_alias);
            all.push_back(seen(std::move(u)));
        }
        if (!j.alias) return all;
        relation whole;  // hides the names inside of it
        whole.columns.exact = !j.is_natural && !j.n_using_clause;
        for (const auto* r : all) {
            if (j.join_using_alias && r == all.back()) continue;
            whole.denied.insert(whole.denied.end(), r->denied.begin(), r->denied.end());
            append(whole.columns, r->columns);
            whole.columns.fewer = whole.columns.fewer || r->is_sensitive();
            whole.weight = std::max(whole.weight, r->weight);
        }
        rename(whole, j.alias);
        return {seen(std::move(whole))};
    }

    // NATURAL compares a denied column when the other side may have one of that name.
    void compare_all(const joined& side, const joined& other) {
        for (const auto* r : side)
            for (auto column : r->denied)
                for (const auto* o : other)
                    if (!o->columns.exact || o->columns.has(column) || o->denies(column))
                        report(reason::column_denied, 0,
                               "NATURAL JOIN may compare the column " + quoted(column) +
                                   ", which must not be read; join with ON or USING.");
    }

    // ------------------------------------------------------------------ expressions

    void many(node** list, std::size_t n, const environment& tables) {
        for (std::size_t i = 0; i < n; ++i) one(list[i], tables);
    }

    void function(PgQuery__FuncCall& f) {
        auto name = f.n_funcname ? text_of(f.funcname[f.n_funcname - 1]) : std::string_view{};
        bool own_schema = f.n_funcname == 1 || (f.n_funcname == 2 && text_of(f.funcname[0]) == "pg_catalog");
        if (!own_schema || !rules_.allows_function(name))
            return report(reason::function_not_allowed, f.location,
                          "The function " + quoted(name) + " is not allowed; do without it.");
        if (needs_constants(name))
            for (std::size_t i = 1; i < f.n_args; ++i)
                if (f.args[i]->node_case != PG_QUERY__NODE__NODE_A_CONST)
                    report(reason::function_not_allowed, f.location,
                           "Only constants are allowed behind the first argument of " + quoted(name) +
                               "; write the characters themselves.");
        if (found_) found_->calls.push_back(&f);
    }

    // These take the product of the lengths of two texts, and PostgreSQL looks at no timeout meanwhile.
    static bool needs_constants(std::string_view function) {
        return function == "translate" || function == "btrim" || function == "ltrim" || function == "rtrim";
    }

    void type(const PgQuery__TypeName& t) {
        auto name = t.n_names ? text_of(t.names[t.n_names - 1]) : std::string_view{};
        bool own_schema = t.n_names == 1 || (t.n_names == 2 && text_of(t.names[0]) == "pg_catalog");
        if (!own_schema || !harmless_types().contains(std::string{name}) || t.pct_type || t.setof)
            report(reason::function_not_allowed, t.location,
                   "A cast to the type " + quoted(name) + " is not allowed; use a plain type.");
    }

    void operator_name(node* const* names, std::size_t n, int position) {
        if (n > 1 && text_of(names[0]) != "pg_catalog")
            report(reason::function_not_allowed, position, "Operators of other schemas are not allowed.");
    }

    void one(node* n, const environment& tables) {
        if (!n) return;
        deeper d{*this};
        if (d.too_deep()) return;
        switch (n->node_case) {
            case PG_QUERY__NODE__NODE_COLUMN_REF: names_.refer(*n->column_ref); return;
            case PG_QUERY__NODE__NODE_SELECT_STMT: select(n->select_stmt, &tables); return;
            case PG_QUERY__NODE__NODE_A_CONST:
            case PG_QUERY__NODE__NODE_STRING:
            case PG_QUERY__NODE__NODE_INTEGER:
            case PG_QUERY__NODE__NODE_FLOAT:
            case PG_QUERY__NODE__NODE_BOOLEAN:
            case PG_QUERY__NODE__NODE_BIT_STRING:
            case PG_QUERY__NODE__NODE_A_STAR:
            case PG_QUERY__NODE__NODE_SET_TO_DEFAULT: return;
            case PG_QUERY__NODE__NODE_LIST: return many(n->list->items, n->list->n_items, tables);
            case PG_QUERY__NODE__NODE_RES_TARGET:
                many(n->res_target->indirection, n->res_target->n_indirection, tables);
                return one(n->res_target->val, tables);
            case PG_QUERY__NODE__NODE_A_EXPR:
                operator_name(n->a_expr->name, n->a_expr->n_name, n->a_expr->location);
                one(n->a_expr->lexpr, tables);
                return one(n->a_expr->rexpr, tables);
            case PG_QUERY__NODE__NODE_BOOL_EXPR: return many(n->bool_expr->args, n->bool_expr->n_args, tables);
            case PG_QUERY__NODE__NODE_NULL_TEST: return one(n->null_test->arg, tables);
            case PG_QUERY__NODE__NODE_BOOLEAN_TEST: return one(n->boolean_test->arg, tables);
            case PG_QUERY__NODE__NODE_FUNC_CALL: {
                auto* f = n->func_call;
                function(*f);
                many(f->args, f->n_args, tables);
                many(f->agg_order, f->n_agg_order, tables);
                one(f->agg_filter, tables);
                if (f->over) window(*f->over, tables);
                return;
            }
            case PG_QUERY__NODE__NODE_NAMED_ARG_EXPR: return one(n->named_arg_expr->arg, tables);
            case PG_QUERY__NODE__NODE_SUB_LINK:
                operator_name(n->sub_link->oper_name, n->sub_link->n_oper_name, n->sub_link->location);
                one(n->sub_link->testexpr, tables);
                return one(n->sub_link->subselect, tables);
            case PG_QUERY__NODE__NODE_CASE_EXPR:
                one(n->case_expr->arg, tables);
                many(n->case_expr->args, n->case_expr->n_args, tables);
                return one(n->case_expr->defresult, tables);
            case PG_QUERY__NODE__NODE_CASE_WHEN:
                one(n->case_when->expr, tables);
                return one(n->case_when->result, tables);
            case PG_QUERY__NODE__NODE_COALESCE_EXPR:
                return many(n->coalesce_expr->args, n->coalesce_expr->n_args, tables);
            case PG_QUERY__NODE__NODE_MIN_MAX_EXPR: return many(n->min_max_expr->args, n->min_max_expr->n_args, tables);
            case PG_QUERY__NODE__NODE_SQLVALUE_FUNCTION:
                if (n->sqlvalue_function->op >= PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_ROLE)
                    report(reason::function_not_allowed, n->sqlvalue_function->location,
                           "Who is logged in must not be asked.");
                return;
            case PG_QUERY__NODE__NODE_TYPE_CAST:
                if (n->type_cast->type_name) type(*n->type_cast->type_name);
                return one(n->type_cast->arg, tables);
            case PG_QUERY__NODE__NODE_TYPE_NAME: return type(*n->type_name);
            case PG_QUERY__NODE__NODE_COLUMN_DEF:  // f() AS t(a int)
                if (n->column_def->type_name) type(*n->column_def->type_name);
                return;
            case PG_QUERY__NODE__NODE_COLLATE_CLAUSE: return one(n->collate_clause->arg, tables);
            case PG_QUERY__NODE__NODE_A_ARRAY_EXPR:
                return many(n->a_array_expr->elements, n->a_array_expr->n_elements, tables);
            case PG_QUERY__NODE__NODE_A_INDIRECTION:
                names_.refer(*n->a_indirection);
                many(n->a_indirection->indirection, n->a_indirection->n_indirection, tables);
                return one(n->a_indirection->arg, tables);
            case PG_QUERY__NODE__NODE_A_INDICES:
                one(n->a_indices->lidx, tables);
                return one(n->a_indices->uidx, tables);
            case PG_QUERY__NODE__NODE_ROW_EXPR: return many(n->row_expr->args, n->row_expr->n_args, tables);
            case PG_QUERY__NODE__NODE_GROUPING_SET:
                return many(n->grouping_set->content, n->grouping_set->n_content, tables);
            case PG_QUERY__NODE__NODE_GROUPING_FUNC:
                return many(n->grouping_func->args, n->grouping_func->n_args, tables);
            case PG_QUERY__NODE__NODE_SORT_BY:
                operator_name(n->sort_by->use_op, n->sort_by->n_use_op, n->sort_by->location);
                return one(n->sort_by->node, tables);
            case PG_QUERY__NODE__NODE_WINDOW_DEF: return window(*n->window_def, tables);
            case PG_QUERY__NODE__NODE__NOT_SET: return;  // the empty element of DISTINCT
            default: return refuse("an expression of the kind " + kind_of(*n));
        }
    }

    static std::string kind_of(const node& n) {
        const auto* field = protobuf_c_message_descriptor_get_field(n.base.descriptor, n.node_case);
        return field ? std::string{field->name} : "unknown";
    }

    void window(const PgQuery__WindowDef& w, const environment& tables) {
        many(w.partition_clause, w.n_partition_clause, tables);
        many(w.order_clause, w.n_order_clause, tables);
        one(w.start_offset, tables);
        one(w.end_offset, tables);
    }

    const rules& rules_;
    use how_;
    verdict& verdict_;
    findings* found_;

    names names_;
    std::set<std::string> texts_;
    std::size_t depth_ = 0, relations_ = 0, columns_ = 0;
    bool merged_ = false;  // USING or NATURAL stand somewhere: the order of a join's columns is not known
    bool stopped_ = false;
};

}  // namespace

void check(PgQuery__ParseResult* root, const rules& r, use how, verdict& v, findings* found) {
    checker c{r, how, v, found};
    for (std::size_t i = 0; i < root->n_stmts; ++i) c.statement(root->stmts[i]->stmt);
}

}  // namespace reagent::sql::postgres
