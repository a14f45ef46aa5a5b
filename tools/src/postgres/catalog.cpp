#include "catalog.hpp"

#include <reagent/error.hpp>

namespace reagent::postgres {
namespace {

tool_error failed(std::string why) {
    while (!why.empty() && why.back() == '\n') why.pop_back();
    return {tool_errc::bad_configuration, "the PostgreSQL database cannot be read: " + why};
}

// libpq's complaints about a conninfo quote it. Where it splits one in the wrong place, they quote a piece of the
// password.
bool may_be_split_wrongly(const std::string& conninfo) {
    auto begin = conninfo.find("://");
    if (begin == conninfo.npos) return false;
    auto authority = conninfo.substr(begin + 3, conninfo.rfind('@') - begin - 3);
    return conninfo.rfind('@') != conninfo.npos && authority.find_first_of("@/?#[ ") != authority.npos;
}

}  // namespace

catalog::catalog(const secret& conninfo) : db_{nullptr, PQfinish} {
    std::string text{conninfo.reveal()};
    char* complaint = nullptr;
    auto* parsed = PQconninfoParse(text.c_str(), &complaint);
    PQfreemem(complaint);
    if (!parsed || may_be_split_wrongly(text)) {
        PQconninfoFree(parsed);
        throw failed(
            "the conninfo is neither \"host=... dbname=... user=...\" nor \"postgresql://user@host/dbname\"; quote a "
            "value that holds "
            "spaces, and percent-encode a password in a URI");
    }
    PQconninfoFree(parsed);
    // What the conninfo says of connect_timeout counts more.
    const char* const words[]{"connect_timeout", "dbname", nullptr};
    const char* const values[]{"10", text.c_str(), nullptr};
    db_.reset(PQconnectdbParams(words, values, 1));
    if (PQstatus(db_.get()) != CONNECTION_OK) throw failed(PQerrorMessage(db_.get()));
    // Names mean those of the catalog, whatever the user's search_path says.
    ask("SET search_path = pg_catalog, pg_temp");
    ask("SET jit = off");  // which compiles for longer than these queries run
    ask("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY");
}

std::vector<catalog::row> catalog::ask(const std::string& query) const {
    result r{PQexec(db_.get(), query.c_str()), PQclear};
    auto status = PQresultStatus(r.get());
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) throw failed(PQresultErrorMessage(r.get()));
    std::vector<row> found(static_cast<std::size_t>(PQntuples(r.get())));
    for (int i = 0; i < PQntuples(r.get()); ++i)
        for (int k = 0; k < PQnfields(r.get()); ++k)
            found[static_cast<std::size_t>(i)].emplace_back(PQgetvalue(r.get(), i, k));
    return found;
}

}  // namespace reagent::postgres
