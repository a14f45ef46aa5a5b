// Programs behind a server, for judges that others wrote: prints its address. With a key: "judge-key-0123456789".
#include <reagent/reagent.hpp>
#include <reagent/serve/server.hpp>

#include <iostream>

namespace rg = reagent;

namespace {

// A text that has the question in it.
rg::scripted_answer answer(const rg::lm_request& r) {
    const std::string& asked = r.messages.back().content;
    auto begin = asked.find("[[ ## question ## ]]");
    std::string question = begin == asked.npos ? asked : asked.substr(begin + 21);
    question = question.substr(0, std::min<std::size_t>(question.find("\n\nWrite"), 200));
    return rg::json::object{{"answer", "You asked: " + question}};
}

}  // namespace

int main() {
    rg::scripted lm{answer};
    rg::scripted routes{[](const rg::lm_request&) {
        return rg::scripted_answer{rg::json::object{{"team", "billing"}, {"urgent", true}}};
    }};
    rg::runtime runtime;
    rg::predict<rg::sig<"question -> answer">> qa;
    rg::predict<rg::sig<"message -> team: Literal['logistics', 'billing'], urgent: bool">> router;
    rg::server server{runtime, {.port = 0, .keys = {{.name = "judge", .key = rg::secret{"judge-key-0123456789"}}}}};
    server.add("/qa", qa, {.run = lm});
    server.add("/classify", router, {.run = routes});
    std::cout << server.url() << std::endl;
    server.run();
}
