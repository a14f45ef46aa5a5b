#pragma once

#include "catalog.hpp"
#include "wall.hpp"

#include <map>
#include <set>

namespace reagent::sql {

/// Somebody holds a privilege, because somebody granted it.
struct holding {
    std::string holder;   // oid of a role, "0" for PUBLIC
    std::string grantor;  // quoted
    bool by_owner = false, can_grant = false;
};

/// Asks the catalog for everything that a user may do beyond the policy.
class probe {
public:
    probe(const postgres::catalog& db, const policy& p);
    std::vector<opening> run();

private:
    struct role {
        std::string name;  // quoted
        bool predefined = false;
    };
    // Of one holder; what a role holds becomes one opening of the user's.
    struct finding {
        std::string holder;
        opening_kind kind;
        std::string what;  // after "reader ": "may read public.secrets"
        std::vector<std::string> closing;
        bool serious = true;
    };
    struct table {
        std::string schema, name, quoted;
        std::vector<std::string> columns;
        bool is_allowed = false;
    };
    // What one holder may do with one relation.
    struct access {
        table* of = nullptr;
        std::string kind, extension;  // relkind
        holding by;
        bool reachable = false;  // the schema may be entered
        std::set<std::string> privileges{};
        std::vector<std::string> read_columns{};
    };

    static const std::string reach;  // begins a query: WITH reach AS (...)
    static std::string holding_of(const std::string& owner);
    static std::string held(const std::string& owner);
    static holding holding_at(const postgres::catalog::row& r, std::size_t first);
    static std::string some_of(const std::vector<std::string>& all, std::size_t most = 5);

    void roles();
    void ownership();
    void tables();
    void views();
    void relations();
    void judge(const access& a);
    void reading(const access& a);
    void creation();
    void functions();
    void idle();
    void objects(opening_kind kind, const std::string& query);
    void others();
    void future();
    void limits();

    void found(const holding& by, opening_kind kind, std::string what, std::vector<std::string> closing,
               bool serious = true);
    std::string revoke(const std::string& what, const holding& by) const;
    std::vector<std::string> instead_of_role(const std::string& role_id) const;
    std::vector<std::string> allowed_again() const;
    std::string grant_again(const table& t) const;
    std::vector<opening> openings() const;

    const postgres::catalog& db_;
    const policy& policy_;
    rules rules_;
    std::string self_, self_name_;
    bool superuser_ = false;
    std::map<std::string, role> roles_{};                            // by oid: those that the user may become
    std::map<std::pair<std::string, std::string>, table> tables_{};  // by schema and name
    std::map<std::pair<std::string, std::string>, std::set<std::string>> shows_{};  // what a view shows that is denied
    std::vector<finding> findings_{};
};

}  // namespace reagent::sql
