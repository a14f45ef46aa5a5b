#pragma once

#include <reagent/secret.hpp>

#include "connection.hpp"

namespace reagent::postgres {

/// A blocking connection for looking at a database's catalog: one snapshot, nothing written.
class catalog {
public:
    /// @throws tool_error(bad_configuration), never with a part of the conninfo
    explicit catalog(const secret& conninfo);

    using row = std::vector<std::string>;  // NULL is ""
    std::vector<row> ask(const std::string& query) const;

    int version() const { return PQserverVersion(db_.get()); }  // 150018 for 15.18

private:
    std::unique_ptr<PGconn, decltype(&PQfinish)> db_;
};

}  // namespace reagent::postgres
