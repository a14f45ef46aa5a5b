#include "postgres_tree.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace reagent::sql::postgres {
namespace {

// How many signs and words of a statement can nest one thing in another. A parser may need a stack frame for each of
// them, so that their number is limited before any parser sees the statement. What stands in quotes and comments counts
// as well: to tell it apart reliably takes the parser.
std::size_t nesting(std::string_view s) {
    static const std::set<std::string, std::less<>> words{
        "all",    "and",     "any",      "array",     "at",     "between", "case", "collate",
        "except", "ilike",   "in",       "intersect", "is",     "isnull",  "join", "like",
        "not",    "notnull", "operator", "or",        "select", "similar", "some", "union"};
    std::size_t n = 0;
    for (std::size_t i = 0; i < s.size();) {
        char c = s[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!word) {
            n += std::string_view{"+-*/<>=~!@#%^&|`?:(["}.find(c) != std::string_view::npos;
            ++i;
            continue;
        }
        std::size_t end = i;
        while (end < s.size() && ((s[end] >= 'a' && s[end] <= 'z') || (s[end] >= 'A' && s[end] <= 'Z'))) ++end;
        if (end - i <= 9) n += words.contains(lower(s.substr(i, end - i)));
        i = end;
    }
    return n;
}

constexpr std::size_t most_nesting = 1000;

// PostgreSQL's scanner takes the square of the length of a run of operator signs, and of the number of comments.
bool is_slow_to_scan(std::string_view s) {
    constexpr std::size_t most = 1000;
    std::size_t run = 0, comments = 0;
    for (std::size_t i = 0; i < s.size(); ++i) {
        run = std::string_view{"+-*/<>=~!@#%^&|`?"}.find(s[i]) == std::string_view::npos ? 0 : run + 1;
        comments += s.substr(i, 2) == "/*";
        if (run > most || comments > most) return true;
    }
    return false;
}

// The statement with blanks where PostgreSQL's scanner sees a constant, a quoted name or a comment. As it was when the
// scanner refuses it.
std::string without_texts(const std::string& statement) {
    auto scanned = pg_query_scan(statement.c_str());
    std::unique_ptr<PgQueryScanResult, void (*)(PgQueryScanResult*)> freed{
        &scanned, [](PgQueryScanResult* s) { pg_query_free_scan_result(*s); }};
    if (scanned.error) return statement;
    std::unique_ptr<PgQuery__ScanResult, void (*)(PgQuery__ScanResult*)> tokens{
        pg_query__scan_result__unpack(nullptr, scanned.pbuf.len,
                                      reinterpret_cast<const std::uint8_t*>(scanned.pbuf.data)),
        [](PgQuery__ScanResult* r) { pg_query__scan_result__free_unpacked(r, nullptr); }};
    if (!tokens) return statement;
    std::string text = statement;
    for (std::size_t i = 0; i < tokens->n_tokens; ++i) {
        const auto& t = *tokens->tokens[i];
        bool is_text = t.token == PG_QUERY__TOKEN__SCONST || t.token == PG_QUERY__TOKEN__USCONST ||
                       t.token == PG_QUERY__TOKEN__BCONST || t.token == PG_QUERY__TOKEN__XCONST ||
                       t.token == PG_QUERY__TOKEN__IDENT || t.token == PG_QUERY__TOKEN__UIDENT ||
                       t.token == PG_QUERY__TOKEN__SQL_COMMENT || t.token == PG_QUERY__TOKEN__C_COMMENT;
        if (is_text && t.start >= 0 && t.end >= t.start && static_cast<std::size_t>(t.end) <= text.size())
            std::fill(text.begin() + t.start, text.begin() + t.end, ' ');
    }
    return text;
}

// Zeroes what tells how and where in the text something is written, in all messages below.
void forget_places(ProtobufCMessage* m) {
    for (unsigned i = 0; i < m->descriptor->n_fields; ++i) {
        const auto& f = m->descriptor->fields[i];
        std::string_view name{f.name};
        if (f.type == PROTOBUF_C_TYPE_INT32 && (name == "location" || name == "stmt_location" || name == "stmt_len"))
            *reinterpret_cast<std::int32_t*>(reinterpret_cast<char*>(m) + f.offset) = 0;
        // trim(x) and pg_catalog.btrim(x) are one call.
        if (f.type == PROTOBUF_C_TYPE_ENUM && name == "funcformat")
            *reinterpret_cast<std::uint32_t*>(reinterpret_cast<char*>(m) + f.offset) = 0;
    }
    each_message(m, [](ProtobufCMessage* inner) { forget_places(inner); });
}

std::string packed(const PgQuery__ParseResult& r) {
    std::string bytes(pg_query__parse_result__get_packed_size(&r), '\0');
    pg_query__parse_result__pack(&r, reinterpret_cast<std::uint8_t*>(bytes.data()));
    return bytes;
}

}  // namespace

tree::tree(std::string_view statement, verdict& v) {
    std::string text{statement};
    if (is_slow_to_scan(text)) {
        add(v, reason::too_deep, 0,
            "The statement holds too many comments, or a run of too many signs; write a simpler one.");
        return;
    }
    if (nesting(text) > most_nesting && nesting(without_texts(text)) > most_nesting) {
        add(v, reason::too_deep, 0,
            "The statement holds more than " + std::to_string(most_nesting) +
                " operators and parentheses; write a simpler one.");
        return;
    }
    auto parsed = pg_query_parse_protobuf(text.c_str());
    std::unique_ptr<PgQueryProtobufParseResult, void (*)(PgQueryProtobufParseResult*)> freed{
        &parsed, [](PgQueryProtobufParseResult* p) { pg_query_free_protobuf_parse_result(*p); }};
    if (parsed.error) {
        std::string message{text_of(parsed.error->message)};
        bool deep = message.find("stack depth") != message.npos;
        auto at = parsed.error->cursorpos > 0 ? static_cast<std::size_t>(parsed.error->cursorpos - 1) : 0;
        add(v, deep ? reason::too_deep : reason::syntax_error, at,
            "PostgreSQL cannot parse the statement: " + message + ".");
        return;
    }
    // The tree goes as a whole, so its nodes come from one buffer.
    ProtobufCAllocator from_buffer{
        [](void* buffer, std::size_t size) -> void* {
            try {
                return static_cast<std::pmr::monotonic_buffer_resource*>(buffer)->allocate(size);
            } catch (const std::bad_alloc&) {
                return nullptr;  // no exception passes through C
            }
        },
        [](void*, void*) {}, &memory_};
    root_ = pg_query__parse_result__unpack(&from_buffer, parsed.parse_tree.len,
                                           reinterpret_cast<const std::uint8_t*>(parsed.parse_tree.data));
    if (!root_) add(v, reason::too_deep, 0, "The statement is nested too deeply; write a simpler one.");
}

char* tree::text(std::string_view s) {
    char* copy = static_cast<char*>(memory_.allocate(s.size() + 1, 1));
    std::memcpy(copy, s.data(), s.size());
    copy[s.size()] = '\0';
    return copy;
}

node* tree::string(std::string_view s) {
    PgQuery__String inner = PG_QUERY__STRING__INIT;
    inner.sval = text(s);
    node n = PG_QUERY__NODE__INIT;
    n.node_case = PG_QUERY__NODE__NODE_STRING;
    n.string = make(inner);
    return make(n);
}

std::string tree::deparsed() const {
    std::string bytes = packed(*root_);
    auto written = pg_query_deparse_protobuf({bytes.size(), bytes.data()});
    std::unique_ptr<PgQueryDeparseResult, void (*)(PgQueryDeparseResult*)> freed{
        &written, [](PgQueryDeparseResult* d) { pg_query_free_deparse_result(*d); }};
    if (written.error) throw std::runtime_error{std::string{text_of(written.error->message)}};
    return std::string{text_of(written.query)};
}

bool tree::same(tree& a, tree& b) {
    if (!a.root_ || !b.root_) return false;
    forget_places(&a.root_->base);
    forget_places(&b.root_->base);
    return packed(*a.root_) == packed(*b.root_);
}

}  // namespace reagent::sql::postgres
