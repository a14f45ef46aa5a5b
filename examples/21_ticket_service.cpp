// 21. The ticket router as a service: POST /classify, /openapi.json, /metrics, and a model for OpenAI clients at /v1.
//    21_ticket_service 8080 programs@production      then: curl localhost:8080/classify --json '{"message": "Where is
//    my parcel?"}'
#include <reagent/reagent.hpp>
#include <reagent/serve/server.hpp>

#include <cstdlib>
#include <iostream>

namespace rg = reagent;
using router = rg::predict<rg::sig<"message -> team: Literal['logistics', 'billing', 'care'], urgent: bool">>;

int main(int argc, char** argv) {
    const char* name = std::getenv("REAGENT_LM");
    rg::scripted stand_in{[](const rg::lm_request&) {
        return rg::scripted_answer{rg::json::object{{"team", "logistics"}, {"urgent", false}}};
    }};
    rg::runtime runtime;
    router program;
    rg::server server{runtime, {.port = static_cast<unsigned short>(argc > 1 ? std::atoi(argv[1]) : 8080)}};
    server.add("/classify", program,
               {.run = name ? rg::language_model{name} : stand_in, .saved = argc > 2 ? argv[2] : ""});
    std::cout << server.url() << std::endl;
    server.run();
}
