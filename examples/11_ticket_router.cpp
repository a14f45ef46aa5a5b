// A router for support tickets: which team, and how urgent. One predictor that reasons first; a rule that its answer
// must keep.
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

struct ticket_router : rg::module {
    rg::predict<::route> route{*this, "route"};

    rg::task<::route::output> forward(rg::run& run, ::route::input ticket) const {
        auto routed = co_await route(run, "message"_f = ticket.message);
        run.suggest_that(routed->team != team::care || routed->priority != priority::low,
                         "A complaint is never of low priority.", route);
        co_return *routed;
    }
};

int main(int argc, char** argv) {
    ticket_router program;
    return rg::cli_main(argc, argv, program, "Routes support tickets to teams");
}
