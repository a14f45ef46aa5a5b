// 26. Durable runs over HTTP: POST /refund answers 202, and waits for the consent of a key that decides; POST
//    /chat keeps a conversation by X-Session-Id. Kill it and start it again: it goes on. docs/serving.md has a session.
//    26_refund_service 8080 runs.db
#include <reagent/durable/durable_service.hpp>
#include <reagent/reagent.hpp>
#include <reagent/serve/server.hpp>

#include <cstdlib>
#include <iostream>

namespace rg = reagent;

std::string refund(const std::string& order, int amount) { return "paid " + std::to_string(amount) + " for " + order; }

struct desk : rg::module {
    struct input {
        std::string order;
        int amount;
    };
    struct output {
        std::string said;
    };
    rg::tools tools;

    desk() { tools.add("refund", "Pays money back.", refund, {"order", "amount"}, {.destructive = true}); }

    rg::task<output> forward(rg::run& run, input in) const {
        rg::json::value call = rg::json::object{{"order", in.order}, {"amount", in.amount}};
        auto observed = co_await tools.call(run, "desk", "refund", call);
        co_return output{observed.text()};
    }
};
using talk = rg::predict<rg::sig<"message, history: History -> reply">>;

int main(int argc, char** argv) {
    const char* name = std::getenv("REAGENT_LM");
    rg::scripted stand_in{[](const rg::lm_request& q) {
        return rg::scripted_answer{rg::json::object{{"reply", std::to_string(q.messages.size()) + " messages"}}};
    }};
    const rg::language_model lm = name ? rg::language_model{name} : stand_in;
    rg::runtime runtime;
    rg::durable_service runs{runtime, rg::journal_store::open(argc > 2 ? argv[2] : "runs.db")};
    const desk refunds;
    const talk chat;
    rg::server_options options{.port = static_cast<unsigned short>(argc > 1 ? std::atoi(argv[1]) : 8080)};
    options.keys = {{.name = "shop", .key = rg::secret{"shop-key-0123456789"}},
                    {.name = "ada", .key = rg::secret{"ada-key-0123456789"}, .decides = true}};  // for the example
    rg::server server{runtime, options};
    server.add("/refund", refunds, {.durable = &runs});
    server.add("/chat", chat, {.run = lm, .durable = &runs, .durable_wait = std::chrono::seconds{30}});
    std::cout << server.url() << std::endl;
    server.run();
}
