// Streams one answer and prints it: read_stream PROVIDER API_BASE
#include "support/ask.hpp"

#include <boost/json.hpp>

#include <iostream>

int main(int argc, char** argv) {
    using namespace reagent;
    if (argc != 3) {
        std::cerr << "usage: read_stream PROVIDER API_BASE\n";
        return 2;
    }
    try {
        language_model model{std::string{argv[1]} + "/m", {.api_base = argv[2], .api_key = secret{"k"}}};
        auto answer = test::ask_streaming(model, test::question("hi"));
        std::string pieces;
        for (const auto& e : answer.events)
            if (e.kind == lm_event::text) pieces += e.text_piece;
        if (pieces != answer.response.text) throw std::runtime_error{"the pieces are not the whole"};
        std::cout << json::serialize(to_json(answer.response)) << "\n";
    } catch (const std::exception& e) {
        std::cerr << e.what() << "\n";
        return 1;
    }
}
