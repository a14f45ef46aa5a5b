// A router for support tickets: which team, and how urgent. One predictor that reasons first; a rule that its answer must keep.
#include <reagent/cli_main.hpp>
#include <reagent/reagent.hpp>

using namespace reagent::literals;
namespace rg = reagent;

enum class team { logistics, billing, sales, accounts, care };
enum class priority { low, normal, high };

struct route {
    static constexpr auto instructions = "Send the ticket to the team that can solve it.";
    struct input {
        std::string message;
    };
    struct output {
        ::team team;
        ::priority priority;
    };
};

class ticket_router : public rg::module {
    rg::predict<::route> route{*this, "route"};

public:
    rg::task<rg::json::object> call(rg::run& run, rg::json::object inputs) const {
        std::string message{inputs.at("message").as_string()};
        auto ticket = co_await route(run, "message"_f = message);
        run.suggest_that(ticket->team != team::care || ticket->priority != priority::low, "A complaint is never of low priority.", route);
        rg::json::object outputs = ticket.to_json();
        co_return outputs;
    }
};

int main(int argc, char** argv) {
    ticket_router program;
    return rg::cli_main(argc, argv, program, "Routes support tickets to teams");
}
