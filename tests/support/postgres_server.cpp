#include "postgres_server.hpp"

#include <libpq-fe.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <stdexcept>

namespace reagent::test {
namespace {

int script(const std::string& what, const std::string& folder) {
    std::string command = "'" REAGENT_TEST_DATA "/support/postgres.sh' " + what + " '" + folder + "'";
    return std::system(command.c_str());
}

using result = std::unique_ptr<PGresult, decltype(&PQclear)>;

result execute(const std::string& conninfo, const std::string& statements) {
    std::unique_ptr<PGconn, decltype(&PQfinish)> db{PQconnectdb(conninfo.c_str()), PQfinish};
    if (PQstatus(db.get()) != CONNECTION_OK) throw std::runtime_error{PQerrorMessage(db.get())};
    PQsetNoticeProcessor(
        db.get(), [](void*, const char*) {}, nullptr);
    result r{PQexec(db.get(), statements.c_str()), PQclear};
    auto status = PQresultStatus(r.get());
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        throw std::runtime_error{PQresultErrorMessage(r.get())};
    return r;
}

}  // namespace

bool postgres_server::is_installed() { return std::filesystem::exists("/usr/lib/postgresql"); }

postgres_server::postgres_server() {
    auto pattern = (std::filesystem::temp_directory_path() / "reagent-postgres-XXXXXX").string();
    if (!mkdtemp(pattern.data())) throw std::runtime_error{"no temporary folder"};
    folder_ = pattern;
    if (script("start", folder_) != 0) {
        script("stop", folder_);
        throw std::runtime_error{"the PostgreSQL server did not start"};
    }
}

postgres_server::~postgres_server() { script("stop", folder_); }

void postgres_server::crash() {
    if (script("crash", folder_) != 0) throw std::runtime_error{"the PostgreSQL server did not start again"};
}

std::string postgres_server::conninfo(const std::string& user) const {
    return "host=" + folder_ + " dbname=postgres user=" + user;
}

void postgres_server::run(const std::string& statements) const { execute(conninfo(), statements); }

std::string postgres_server::ask(const std::string& query) const {
    auto r = execute(conninfo(), query);
    return PQntuples(r.get()) ? PQgetvalue(r.get(), 0, 0) : "";
}

}  // namespace reagent::test
