// Execution by construction: the statement that runs in the model's place, in which nothing denied exists.
#include "postgres_tree.hpp"

#include <algorithm>
#include <stdexcept>

namespace reagent::sql::postgres {
namespace {

class rewriter {
public:
    rewriter(tree& t, const findings& found, const safe_options& options)
        : tree_{t}, found_{found}, options_{options} {}

    void all() {
        auto* root = tree_.root();
        if (root->n_stmts != 1 || root->stmts[0]->stmt->node_case != PG_QUERY__NODE__NODE_SELECT_STMT)
            throw std::runtime_error{"only one SELECT is allowed"};
        for (const auto& g : found_.groupings)
            for (const auto& [name, of] : g.of) group_by_key(*g.at, name, found_.tables[of], g.alone);
        for (const auto& use : found_.tables) table(use);
        common_tables();
        for (auto* call : found_.calls) call_by_schema(*call);
        for (auto* name : found_.long_names) shortened(*name);
        limit();
        put_parentheses(&tree_.root()->base);
        look(&tree_.root()->base);
    }

private:
    static PgQuery__RangeVar& named(const node& n) {
        return n.node_case == PG_QUERY__NODE__NODE_RANGE_VAR ? *n.range_var
                                                             : *n.range_table_sample->relation->range_var;
    }

    // libpg_query (15-4.0.0) forgets the parentheses of some expressions below a cast, an IS and a subscript. It does
    // not around an operator, so that they are given one that changes nothing: (a AND b)::int is ((a AND b) =
    // true)::int, and (ARRAY[a, b])[1] is (ARRAY[a, b] || NULL)[1].
    void put_parentheses(ProtobufCMessage* m) {
        node* below = nullptr;
        bool subscripted = m->descriptor == &pg_query__a__indirection__descriptor;
        if (m->descriptor == &pg_query__type_cast__descriptor) below = reinterpret_cast<PgQuery__TypeCast*>(m)->arg;
        if (m->descriptor == &pg_query__null_test__descriptor) below = reinterpret_cast<PgQuery__NullTest*>(m)->arg;
        if (m->descriptor == &pg_query__boolean_test__descriptor)
            below = reinterpret_cast<PgQuery__BooleanTest*>(m)->arg;
        if (subscripted) below = reinterpret_cast<PgQuery__AIndirection*>(m)->arg;
        if (m->descriptor == &pg_query__res_target__descriptor)
            name_subscripted_array(*reinterpret_cast<PgQuery__ResTarget*>(m));
        each_message(m, [&](ProtobufCMessage* inner) { put_parentheses(inner); });
        if (!below) return;
        auto kind = below->node_case;
        if (kind == PG_QUERY__NODE__NODE_BOOL_EXPR || kind == PG_QUERY__NODE__NODE_NULL_TEST ||
            kind == PG_QUERY__NODE__NODE_BOOLEAN_TEST)
            join(*below, "=", true);
        if (subscripted && kind == PG_QUERY__NODE__NODE_A_ARRAY_EXPR) join(*below, "||", false);
        bool other = kind == PG_QUERY__NODE__NODE_CASE_EXPR || kind == PG_QUERY__NODE__NODE_COALESCE_EXPR ||
                     kind == PG_QUERY__NODE__NODE_MIN_MAX_EXPR ||
                     (kind == PG_QUERY__NODE__NODE_SUB_LINK &&
                      below->sub_link->sub_link_type == PG_QUERY__SUB_LINK_TYPE__ARRAY_SUBLINK);
        if (subscripted && other && !aggregates(&below->base)) select(*below);
    }

    // What would be another query's in a subquery.
    static bool aggregates(const ProtobufCMessage* m) {
        if (m->descriptor == &pg_query__func_call__descriptor) {
            const auto& f = *reinterpret_cast<const PgQuery__FuncCall*>(m);
            if (f.over || aggregate_functions().contains(std::string{text_of(f.funcname[f.n_funcname - 1])}))
                return true;
        }
        bool any = false;
        each_message(m, [&](const ProtobufCMessage* inner) { any = any || aggregates(inner); });
        return any;
    }

    // An item of a select list; no name: it has the value's.
    node* item(node* value, std::string_view name) {
        PgQuery__ResTarget target = PG_QUERY__RES_TARGET__INIT;
        if (!name.empty()) target.name = tree_.text(name);
        target.val = value;
        node n = PG_QUERY__NODE__INIT;
        n.node_case = PG_QUERY__NODE__NODE_RES_TARGET;
        n.res_target = tree_.make(target);
        return tree_.make(n);
    }

    node* select_of(const std::vector<node*>& items) {
        PgQuery__SelectStmt s = PG_QUERY__SELECT_STMT__INIT;
        s.limit_option = PG_QUERY__LIMIT_OPTION__LIMIT_OPTION_DEFAULT;
        s.op = PG_QUERY__SET_OPERATION__SETOP_NONE;
        s.target_list = tree_.list(items.size());
        s.n_target_list = items.size();
        std::copy(items.begin(), items.end(), s.target_list);
        node n = PG_QUERY__NODE__INIT;
        n.node_case = PG_QUERY__NODE__NODE_SELECT_STMT;
        n.select_stmt = tree_.make(s);
        return tree_.make(n);
    }

    // (SELECT n)
    void select(node& n) {
        node value = n;
        PgQuery__SubLink link = PG_QUERY__SUB_LINK__INIT;
        link.sub_link_type = PG_QUERY__SUB_LINK_TYPE__EXPR_SUBLINK;
        link.subselect = select_of({item(tree_.make(value), {})});
        n.node_case = PG_QUERY__NODE__NODE_SUB_LINK;
        n.sub_link = tree_.make(link);
    }

    // The column of (ARRAY[a, b])[1] is called array, whatever is done to it. Source: FigureColname in PostgreSQL's
    // parse_target.c.
    void name_subscripted_array(PgQuery__ResTarget& t) {
        if (text_of(t.name).empty() && t.val && is_named_after_array(*t.val)) t.name = tree_.text("array");
    }
    static bool is_named_after_array(const node& n) {
        const node* inner = nullptr;
        if (n.node_case == PG_QUERY__NODE__NODE_A_ARRAY_EXPR) return true;
        if (n.node_case == PG_QUERY__NODE__NODE_TYPE_CAST) inner = n.type_cast->arg;
        if (n.node_case == PG_QUERY__NODE__NODE_COLLATE_CLAUSE) inner = n.collate_clause->arg;
        if (n.node_case == PG_QUERY__NODE__NODE_CASE_EXPR) inner = n.case_expr->defresult;
        if (n.node_case == PG_QUERY__NODE__NODE_A_INDIRECTION) {
            const auto& a = *n.a_indirection;
            inner = a.arg;
            for (std::size_t i = 0; i < a.n_indirection; ++i)
                if (a.indirection[i]->node_case != PG_QUERY__NODE__NODE_A_INDICES) return false;
        }
        return inner && is_named_after_array(*inner);
    }

    // n <operator> true, or NULL
    void join(node& n, std::string_view operation, bool with_true) {
        PgQuery__Boolean yes = PG_QUERY__BOOLEAN__INIT;
        yes.boolval = true;
        PgQuery__AConst value = PG_QUERY__A__CONST__INIT;
        value.isnull = !with_true;
        if (with_true) {
            value.val_case = PG_QUERY__A__CONST__VAL_BOOLVAL;
            value.boolval = tree_.make(yes);
        }
        node constant = PG_QUERY__NODE__INIT;
        constant.node_case = PG_QUERY__NODE__NODE_A_CONST;
        constant.a_const = tree_.make(value);
        PgQuery__AExpr e = PG_QUERY__A__EXPR__INIT;
        e.kind = PG_QUERY__A__EXPR__KIND__AEXPR_OP;
        e.name = tree_.list(1);
        e.name[0] = tree_.string(operation);
        e.n_name = 1;
        node left = n;
        e.lexpr = tree_.make(left);
        e.rexpr = tree_.make(constant);
        n.node_case = PG_QUERY__NODE__NODE_A_EXPR;
        n.a_expr = tree_.make(e);
    }

    // Every table of the statement is one that was put there, and nothing but SELECT is left, whatever the check has
    // seen.
    void look(const ProtobufCMessage* m) const {
        if (m->descriptor == &pg_query__range_var__descriptor && !placed_.contains(m))
            throw std::runtime_error{"the table \"" +
                                     std::string{text_of(reinterpret_cast<const PgQuery__RangeVar*>(m)->relname)} +
                                     "\" is not allowed"};
        for (const auto* other : {&pg_query__into_clause__descriptor, &pg_query__locking_clause__descriptor,
                                  &pg_query__insert_stmt__descriptor, &pg_query__update_stmt__descriptor,
                                  &pg_query__delete_stmt__descriptor, &pg_query__merge_stmt__descriptor})
            if (m->descriptor == other) throw std::runtime_error{"only SELECT is allowed"};
        each_message(m, [&](const ProtobufCMessage* inner) { look(inner); });
    }

    PgQuery__Alias* alias(std::string_view name) {
        PgQuery__Alias a = PG_QUERY__ALIAS__INIT;
        a.aliasname = tree_.text(name);
        return tree_.make(a);
    }

    void table(const findings::table_use& use) {
        auto& var = named(*use.at);
        var.schemaname = tree_.text(use.table.schema);
        placed_.insert(&var.base);
        if (use.table.denied.empty()) return;
        if (!use.table.columns)
            throw std::runtime_error{"the columns of the table \"" + use.table.name +
                                     "\" are not known; give the schema"};
        replaced_.insert(use.table.name);
        auto* outer = var.alias ? alias(text_of(var.alias->aliasname)) : alias(text_of(var.relname));
        node* columns = allowed(use.table, var.alias);
        var.alias = alias("reagent_table");  // a name that nothing else in the statement can mean
        node inner = *use.at;
        auto* select = columns->select_stmt;
        select->from_clause = tree_.list(1);
        select->from_clause[0] = tree_.make(inner);
        select->n_from_clause = 1;
        PgQuery__RangeSubselect s = PG_QUERY__RANGE_SUBSELECT__INIT;
        s.subquery = columns;
        s.alias = outer;
        use.at->node_case = PG_QUERY__NODE__NODE_RANGE_SUBSELECT;
        use.at->range_subselect = tree_.make(s);
    }

    node* column(std::initializer_list<std::string_view> names) {
        PgQuery__ColumnRef c = PG_QUERY__COLUMN_REF__INIT;
        c.fields = tree_.list(names.size());
        for (auto name : names) c.fields[c.n_fields++] = tree_.string(name);
        node n = PG_QUERY__NODE__INIT;
        n.node_case = PG_QUERY__NODE__NODE_COLUMN_REF;
        n.column_ref = tree_.make(c);
        return tree_.make(n);
    }

    // GROUP BY of a primary key lets the table's other columns be selected, of a subquery it does not: they become part
    // of the GROUP BY, which makes no other groups.
    void group_by_key(PgQuery__SelectStmt& s, std::string_view name, const findings::table_use& use, bool alone) {
        const auto* key = key_of(use.table);
        const auto& var = named(*use.at);
        if (!key || use.table.denied.empty() || !use.table.columns || (var.alias && var.alias->n_colnames)) return;
        auto is_grouped = [&](const std::string& wanted) {
            for (std::size_t i = 0; i < s.n_group_clause; ++i) {
                const node* n = s.group_clause[i];
                if (n->node_case != PG_QUERY__NODE__NODE_COLUMN_REF) continue;
                const auto& c = *n->column_ref;
                if (text_of(c.fields[c.n_fields - 1]) != wanted) continue;
                if (c.n_fields == 1 ? alone : text_of(c.fields[c.n_fields - 2]) == name) return true;
            }
            return false;
        };
        for (const auto& k : *key)
            if (!is_grouped(k)) return;
        node** all = tree_.list(s.n_group_clause + use.table.columns->size());
        std::copy(s.group_clause, s.group_clause + s.n_group_clause, all);
        s.group_clause = all;
        for (const auto& c : *use.table.columns)
            if (!use.table.denied.contains(c) && !is_grouped(c)) all[s.n_group_clause++] = column({name, c});
    }

    const std::vector<std::string>* key_of(const rules::table& t) const {
        auto found = options_.keys.find(t.schema + "." + t.name);
        if (found == options_.keys.end()) found = options_.keys.find(t.name);
        return found == options_.keys.end() || found->second.empty() ? nullptr : &found->second;
    }

    void limit() {
        auto& s = *tree_.root()->stmts[0]->stmt->select_stmt;
        if (!options_.max_rows || s.limit_count) return;
        PgQuery__Integer rows = PG_QUERY__INTEGER__INIT;
        rows.ival = static_cast<std::int32_t>(std::min<std::uint64_t>(*options_.max_rows, 0x7fffffff));
        PgQuery__AConst number = PG_QUERY__A__CONST__INIT;
        number.val_case = PG_QUERY__A__CONST__VAL_IVAL;
        number.ival = tree_.make(rows);
        node n = PG_QUERY__NODE__INIT;
        n.node_case = PG_QUERY__NODE__NODE_A_CONST;
        n.a_const = tree_.make(number);
        s.limit_count = tree_.make(n);
        s.limit_option = PG_QUERY__LIMIT_OPTION__LIMIT_OPTION_COUNT;
    }

    // SELECT of the columns that may be read, under the names that `AS alias(names)` gives them.
    node* allowed(const rules::table& t, const PgQuery__Alias* names) {
        std::size_t renamed = names ? names->n_colnames : 0;
        if (renamed > t.columns->size())
            throw std::runtime_error{"the table \"" + t.name + "\" has no " + std::to_string(renamed) +
                                     " columns to rename"};
        std::vector<node*> items;
        for (std::size_t i = 0; i < t.columns->size(); ++i) {
            const auto& name = (*t.columns)[i];
            if (!t.denied.contains(name))
                items.push_back(item(column({name}), i < renamed ? text_of(names->colnames[i]) : std::string_view{}));
        }
        return select_of(items);
    }

    // A name that we took for one of WITH's is one of WITH's, or nothing: no table has it.
    void common_tables() {
        std::map<const PgQuery__CommonTableExpr*, char*> names;
        for (auto* c : found_.ctes) names[c] = tree_.text("reagent_with_" + std::to_string(names.size() + 1));
        for (const auto& use : found_.cte_uses) {
            if (!use.at->alias) use.at->alias = alias(text_of(use.at->relname));
            use.at->relname = names.at(use.of);
            placed_.insert(&use.at->base);
        }
        for (auto* c : found_.ctes) c->ctename = names.at(c);
    }

    // EXTRACT(...), AT TIME ZONE and their like become calls: libpg_query loses their parentheses, as in (t AT TIME
    // ZONE 'UTC')::date.
    void call_by_schema(PgQuery__FuncCall& f) {
        f.funcformat = PG_QUERY__COERCION_FORM__COERCE_EXPLICIT_CALL;
        if (f.n_funcname > 1) return;
        bool of_several = f.n_args > 1 && text_of(f.funcname[0]) == "unnest";  // known to the parser by its bare name
        if (of_several) return;
        if (!harmless_functions(dialect::postgres).contains(std::string{text_of(f.funcname[0])}))
            return;  // one that the policy names
        node** name = tree_.list(2);
        name[0] = tree_.string("pg_catalog");
        name[1] = f.funcname[0];
        f.funcname = name;
        f.n_funcname = 2;
    }

    // A subquery is not found by its table's schema.
    void shortened(PgQuery__ColumnRef& c) {
        if (!replaced_.contains(std::string{text_of(c.fields[c.n_fields - 2])})) return;
        c.fields += c.n_fields - 2;
        c.n_fields = 2;
    }

    tree& tree_;
    const findings& found_;
    const safe_options& options_;
    std::set<std::string> replaced_;            // tables that are subqueries now
    std::set<const ProtobufCMessage*> placed_;  // RangeVars
};

}  // namespace

void rewrite(tree& t, const findings& found, const safe_options& options) { rewriter{t, found, options}.all(); }

}  // namespace reagent::sql::postgres
