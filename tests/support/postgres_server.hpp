#pragma once

#include <string>

namespace reagent::test {

/// A PostgreSQL server of its own, gone with the object. Reached by a socket in a temporary folder.
class postgres_server {
public:
    postgres_server();  ///< @throws std::runtime_error when there is none to start
    ~postgres_server();
    postgres_server(const postgres_server&) = delete;

    static bool is_installed();

    /// @param user "owner" may do everything
    std::string conninfo(const std::string& user = "owner") const;

    const std::string& folder() const { return folder_; }  ///< where its socket is
    /// Kills the server as a crash does, and starts it again on what it had stored.
    void crash();

    /// Runs statements as the owner. @throws std::runtime_error with the server's words
    void run(const std::string& statements) const;
    /// The first column of the first row.
    std::string ask(const std::string& query) const;

private:
    std::string folder_;
};

}  // namespace reagent::test
