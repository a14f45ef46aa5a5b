// PostgreSQL's side of the check: the parser, rule 1 (postgres_check.cpp), the bound on rows, and what runs in the
// statement's place.
#include "postgres_tree.hpp"

#include <algorithm>
#include <stdexcept>

namespace reagent::sql {
namespace postgres {
namespace {

// What one walk finds in the expressions of a select list, subqueries left out.
struct calls_in {
    bool aggregate = false;
    bool may_give_rows = false;  // a function that is not known to give one value

    void look(const ProtobufCMessage* m) {
        if (m->descriptor == &pg_query__sub_link__descriptor) return;
        if (m->descriptor == &pg_query__func_call__descriptor) {
            const auto& f = *reinterpret_cast<const PgQuery__FuncCall*>(m);
            std::string name{f.n_funcname ? text_of(f.funcname[f.n_funcname - 1]) : std::string_view{}};
            aggregate = aggregate || (!f.over && aggregate_functions().contains(name));
            called(name);
        }
        // (x).f and x.f may call f.
        if (m->descriptor == &pg_query__a__indirection__descriptor) {
            const auto& a = *reinterpret_cast<const PgQuery__AIndirection*>(m);
            for (std::size_t i = 0; i < a.n_indirection; ++i) maybe_called(a.indirection[i]);
        }
        if (m->descriptor == &pg_query__column_ref__descriptor) {
            const auto& c = *reinterpret_cast<const PgQuery__ColumnRef*>(m);
            if (c.n_fields > 1) maybe_called(c.fields[c.n_fields - 1]);
        }
        each_message(m, [&](const ProtobufCMessage* inner) { look(inner); });
    }

private:
    void called(const std::string& name) {
        may_give_rows = may_give_rows || set_returning_functions().contains(name) ||
                        !harmless_functions(dialect::postgres).contains(name);
    }
    void maybe_called(const node* name) {
        std::string text{text_of(name)};
        may_give_rows = may_give_rows || set_returning_functions().contains(text);
    }
};

// How many rows a select can give at most, where its own text says so.
std::optional<std::uint64_t> most_rows(const PgQuery__SelectStmt& s) {
    if (s.n_values_lists) return s.n_values_lists;
    if (s.op != PG_QUERY__SET_OPERATION__SETOP_NONE || s.n_group_clause) return {};
    calls_in list;
    for (std::size_t i = 0; i < s.n_target_list; ++i) list.look(&s.target_list[i]->base);
    bool aggregate = list.aggregate;
    // What gives rows does so wherever it stands.
    for (std::size_t i = 0; i < s.n_sort_clause; ++i) list.look(&s.sort_clause[i]->base);
    for (std::size_t i = 0; i < s.n_distinct_clause; ++i) list.look(&s.distinct_clause[i]->base);
    for (std::size_t i = 0; i < s.n_window_clause; ++i) list.look(&s.window_clause[i]->base);
    if (list.may_give_rows) return {};
    if (s.n_from_clause == 0 || aggregate) return 1;
    return {};
}

void limit(const PgQuery__SelectStmt& s, std::uint64_t max, verdict& v) {
    std::string advice = "End the statement with LIMIT and a number of at most " + std::to_string(max) + ".";
    const node* n = s.limit_count;
    bool ties = s.limit_option == PG_QUERY__LIMIT_OPTION__LIMIT_OPTION_WITH_TIES;
    bool number = n && n->node_case == PG_QUERY__NODE__NODE_A_CONST && !n->a_const->isnull && !ties;
    if (number && n->a_const->val_case == PG_QUERY__A__CONST__VAL_IVAL && n->a_const->ival->ival >= 0) {
        if (static_cast<std::uint64_t>(n->a_const->ival->ival) > max)
            add(v, reason::limit_too_large, static_cast<std::size_t>(n->a_const->location), advice);
        return;
    }
    if (number && n->a_const->val_case == PG_QUERY__A__CONST__VAL_FVAL)
        return add(v, reason::limit_too_large, static_cast<std::size_t>(std::max(0, n->a_const->location)), advice);
    if (auto rows = most_rows(s)) {
        if (*rows > max)
            add(v, reason::limit_too_large, 0, "The statement gives " + std::to_string(*rows) + " rows; " + advice);
        return;
    }
    add(v, reason::missing_limit, 0, advice);
}

// One statement, and no other; rule 1; the bound on rows.
void check_all(tree& t, const rules& r, use how, verdict& v, findings* found) {
    const auto* root = t.root();
    if (!root) return;
    if (root->n_stmts == 0) return add(v, reason::empty, 0, "There is no statement; write a SELECT.");
    if (root->n_stmts > 1)
        add(v, reason::multiple_statements, static_cast<std::size_t>(std::max(0, root->stmts[1]->stmt_location)),
            "There are " + std::to_string(root->n_stmts) + " statements; write one.");
    check(t.root(), r, how, v, found);
    const node* first = root->stmts[0]->stmt;
    if (r.given.max_rows && first && first->node_case == PG_QUERY__NODE__NODE_SELECT_STMT)
        limit(*first->select_stmt, *r.given.max_rows, v);
    std::stable_sort(v.violations.begin(), v.violations.end(),
                     [](const violation& a, const violation& b) { return a.position < b.position; });
}

}  // namespace
}  // namespace postgres

void check_postgres(std::string_view statement, const rules& r, verdict& v) {
    postgres::tree t{statement, v};
    postgres::check_all(t, r, postgres::use::as_written, v, nullptr);
}

std::string rewritten_postgres(std::string_view statement, const rules& r, const safe_options& options, verdict& v) {
    postgres::tree t{statement, v};
    postgres::findings found;
    postgres::check_all(t, r, postgres::use::rewritten, v, &found);
    if (!v.ok()) return {};
    auto give_up = [&](const std::string& why) {
        add(v, reason::syntax_error, 0, "The statement cannot be made safe to run: " + why + ".");
        return std::string{};
    };
    try {
        safe_options bounded = options;
        if (bounded.max_rows && r.given.max_rows) bounded.max_rows = std::min(*bounded.max_rows, *r.given.max_rows);
        postgres::rewrite(t, found, bounded);
        std::string text = t.deparsed();
        // What comes out is trusted no more than what a model wrote.
        verdict second;
        postgres::tree again{text, second};
        if (!second.ok() || !postgres::tree::same(t, again))
            return give_up("its text cannot be written again; write it in a simpler way");
        postgres::check_all(again, r, postgres::use::as_written, second, nullptr);
        if (!second.ok()) return give_up(second.message());
        return text;
    } catch (const std::runtime_error& e) {
        return give_up(e.what());
    }
}

}  // namespace reagent::sql
