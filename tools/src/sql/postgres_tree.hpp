#pragma once

#include "rules.hpp"

extern "C" {
#include <pg_query.h>
#include <pg_query/pg_query.pb-c.h>
}

#include <memory>
#include <memory_resource>

namespace reagent::sql::postgres {

using node = PgQuery__Node;

inline std::string_view text_of(const char* s) { return s ? std::string_view{s} : std::string_view{}; }

/// The text of a String node; "" for any other.
inline std::string_view text_of(const node* n) {
    return n && n->node_case == PG_QUERY__NODE__NODE_STRING ? text_of(n->string->sval) : std::string_view{};
}

/// Calls `f` with every message that is set right below one.
template <class F>
void each_message(const ProtobufCMessage* m, F f) {
    const auto* bytes = reinterpret_cast<const char*>(m);
    for (unsigned i = 0; i < m->descriptor->n_fields; ++i) {
        const auto& field = m->descriptor->fields[i];
        if (field.type != PROTOBUF_C_TYPE_MESSAGE) continue;
        if (field.label == PROTOBUF_C_LABEL_REPEATED) {
            auto n = *reinterpret_cast<const std::size_t*>(bytes + field.quantifier_offset);
            auto* const* list = *reinterpret_cast<ProtobufCMessage* const* const*>(bytes + field.offset);
            for (std::size_t k = 0; k < n; ++k) f(list[k]);
            continue;
        }
        bool of_a_union = (field.flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;
        if (of_a_union && *reinterpret_cast<const std::uint32_t*>(bytes + field.quantifier_offset) != field.id)
            continue;
        if (auto* inner = *reinterpret_cast<ProtobufCMessage* const*>(bytes + field.offset)) f(inner);
    }
}

/// A statement as PostgreSQL's own parser reads it. Its nodes live as long as this.
class tree {
public:
    /// Adds what is wrong to `v`: no SQL, nested too deeply for the parser, larger than `max_nodes` allows.
    tree(std::string_view statement, verdict& v);
    tree(const tree&) = delete;

    PgQuery__ParseResult* root() { return root_; }  ///< null when the statement could not be parsed

    /// A copy in the tree's memory.
    template <class Message>
    Message* make(const Message& value) {
        return new (memory_.allocate(sizeof(Message), alignof(Message))) Message(value);
    }
    node** list(std::size_t n) { return static_cast<node**>(memory_.allocate(n * sizeof(node*), alignof(node*))); }
    char* text(std::string_view s);
    node* string(std::string_view s);  ///< a String node

    /// The tree as SQL. @throws std::runtime_error when libpg_query cannot write it
    std::string deparsed() const;

    /// Whether two trees mean the same: equal but for the places in the text.
    static bool same(tree& a, tree& b);

private:
    std::pmr::monotonic_buffer_resource memory_{16 * 1024};
    PgQuery__ParseResult* root_ = nullptr;
};

/// How a statement is going to be run.
enum class use {
    as_written,  ///< its own text: whatever could show a denied column is refused
    rewritten,   ///< by `rewrite`: relations are replaced by their allowed columns, so that rows and * show no others
};

/// What a rewriting needs to know of a statement.
struct findings {
    struct table_use {
        node* at;  // a RangeVar, or a RangeTableSample of one
        rules::table table;
    };
    struct cte_use {
        PgQuery__RangeVar* at;
        const PgQuery__CommonTableExpr* of;
    };
    std::vector<table_use> tables{};
    std::vector<cte_use> cte_uses{};
    std::vector<PgQuery__CommonTableExpr*> ctes{};
    std::vector<PgQuery__FuncCall*> calls{};
    std::vector<PgQuery__ColumnRef*> long_names{};  // schema.table.column
    struct grouping {
        PgQuery__SelectStmt* at;
        std::vector<std::pair<std::string_view, std::size_t>> of;  // names in its FROM that stand for `tables`
        bool alone;                                                // there is no other name
    };
    std::vector<grouping> groupings{};
};

/// Rule 1 of docs/sql-safety.md, on the whole tree.
void check(PgQuery__ParseResult* root, const rules& r, use how, verdict& v, findings* found = nullptr);

/// Puts a subquery of the allowed columns in the place of each table that has denied ones, the schema's name before the
/// others, names of its own in the place of those that WITH gives, and pg_catalog before functions.
/// @param found by `check` of this tree
/// @throws std::runtime_error when the columns of such a table are not known
void rewrite(tree& t, const findings& found, const safe_options& options);

}  // namespace reagent::sql::postgres
