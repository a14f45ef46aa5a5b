#pragma once

#include <atomic>
#include <memory>
#include <string>

namespace reagent::test {

/// Stands between a program and a PostgreSQL server, on a socket in a temporary folder, forwards what they say, and
/// drops connections where it is told to. Thread-safe.
class postgres_proxy {
public:
    /// @param server_folder where the server's socket is: `postgres_server::folder`
    explicit postgres_proxy(const std::string& server_folder);
    ~postgres_proxy();
    postgres_proxy(const postgres_proxy&) = delete;

    std::string conninfo(const std::string& user = "owner") const;

    enum class loss {
        reply,    ///< the server has committed, the client's connection drops before it is told
        request,  ///< the connection drops before the server has the COMMIT
        late,     ///< the client's connection drops at once; the server has the COMMIT a moment later
    };
    /// The next COMMIT, on any connection, is lost so. @param skip how many pass before it
    void lose_commit(loss how, int skip = 0);
    int losses() const;  ///< so far

    void cut();   ///< drops all connections, and every new one: the database is away
    void mend();  ///< and it is back

private:
    struct state;
    std::shared_ptr<state> state_;
};

}  // namespace reagent::test
