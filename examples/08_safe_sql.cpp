// 8. SQL that cannot hurt: three hard rules (one SELECT, allowed tables and columns, a LIMIT) as one assertion, good
// style as suggestions. The program goes back to the model until the policy allows the statement. `08_safe_sql never`
// shows a model that never obeys.
#include "support/canned_model.hpp"

#include <reagent/reagent.hpp>

#include <iostream>

namespace rg = reagent;

int main(int argc, char**) {
    auto wrote = [](const std::string& sql) {
        return "[[ ## reasoning ## ]]\nThe totals are in orders.\n\n[[ ## sql ## ]]\n" + sql +
               "\n\n[[ ## completed ## ]]";
    };
    const std::string careless = wrote("SELECT * FROM customers; DROP TABLE orders");
    const std::string better = wrote(
        "SELECT c.name, c.card_number, sum(o.total) FROM customers c JOIN orders o ON o.customer_id = c.id GROUP BY 1, "
        "2");
    const std::string good = wrote(
        "SELECT c.name, sum(o.total) AS spent FROM customers c JOIN orders o ON o.customer_id = c.id "
        "GROUP BY c.name ORDER BY spent DESC LIMIT 10");
    auto lm = argc > 1 ? model_or({careless}) : model_or({careless, better, good});

    rg::safe_sql_options shop;
    shop.policy.allowed_tables = {"customers", "orders"};
    shop.policy.denied_columns = {"customers.card_number"};
    shop.policy.max_rows = 100;
    shop.schema = {{"customers", {"id", "name", "city", "card_number"}},
                   {"orders", {"id", "customer_id", "total", "placed"}}};
    rg::safe_sql write{shop};

    rg::run_options options{lm};
    options.on_event = [](const rg::run_event& e) {
        if (e.kind == rg::run_event::backtrack) std::cout << "back to " << e.path << ":\n" << e.error << "\n\n";
    };
    rg::runtime runtime;
    try {
        std::cout << runtime.run(options, write, "The ten best customers") << "\n";
    } catch (const rg::assertion_failed& e) {
        std::cout << "no statement was allowed in " << e.attempts().size() << " attempts\n";
        return 1;
    }
}
