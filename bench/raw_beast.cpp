// The same POSTs as react_load, with Beast and Boost.JSON alone: what a model call costs when nothing is done with it.
#include "measure.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/json.hpp>

#include <cstdlib>
#include <iostream>

namespace asio = boost::asio;
namespace http = boost::beast::http;
namespace json = boost::json;
using tcp = asio::ip::tcp;

namespace {

struct shared {
    unsigned short port = 0;
    unsigned long next = 0, runs = 0, calls = 0, failed = 0;
    unsigned long calls_per_run = 0;
};

constexpr std::string_view step_system =
    "Inputs:\n1. `question` (str)\nOutputs:\n1. `next_thought` (str): what you know and what to do next\n2. "
    "`next_tool_name` (str): one of "
    "add, finish\n3. `next_tool_args` (dict[str, Any]): its arguments, as a JSON object\nEvery message is laid out "
    "like this:\n\n"
    "[[ ## question ## ]]\n{question}\n\n[[ ## next_thought ## ]]\n{next_thought}\n\n[[ ## next_tool_name ## "
    "]]\n{next_tool_name}\n\n"
    "[[ ## next_tool_args ## ]]\n{next_tool_args}  # one JSON object\n\n[[ ## completed ## ]]\n\nTask: From "
    "`question`, produce "
    "`answer`.\n\nWork step by step: think, call one tool, look at its observation. Earlier steps follow the inputs as "
    "thought_0, "
    "tool_name_0, tool_args_0, observation_0 and so on.\nTools:\n- add: Adds two numbers. Arguments: {\"a\": "
    "{\"type\": \"integer\"}, "
    "\"b\": {\"type\": \"integer\"}}\n- finish: Ends the work, once you know enough to produce `answer`. Arguments: {}";
constexpr std::string_view extract_system =
    "Inputs:\n1. `question` (str)\nOutputs:\n1. `reasoning` (str)\n2. `answer` (int)\nEvery message is laid out like "
    "this:\n\n"
    "[[ ## question ## ]]\n{question}\n\n[[ ## reasoning ## ]]\n{reasoning}\n\n[[ ## answer ## ]]\n{answer}  # one "
    "integer\n\n"
    "[[ ## completed ## ]]\n\nTask: From `question`, produce `answer`.\n\nBase it on the steps that follow the inputs "
    "as thought_0, "
    "tool_name_0, tool_args_0, observation_0 and so on.";

void append_step(std::string& user, unsigned long i, std::string_view thought, std::string_view tool,
                 std::string_view args, std::string_view observation) {
    const std::string n = std::to_string(i);
    auto field = [&](std::string_view name, std::string_view value) {
        (((user += "\n\n[[ ## ") += name) += n) += " ## ]]\n";
        user += value;
    };
    field("thought_", thought);
    field("tool_name_", tool);
    field("tool_args_", args);
    field("observation_", observation);
}

// The agent's requests, byte by byte: its steps so far, and at last the extraction of the answer.
std::string body_of(unsigned long run, unsigned long call, unsigned long calls) {
    const bool extracts = call + 1 == calls;
    std::string user = "[[ ## question ## ]]\nWhat is " + std::to_string(run) + " plus 1?";
    for (unsigned long i = 0; i < call && i + 2 < calls; ++i) {
        std::string observation = "2";
        if (i >= 2)
            observation += "\n[You have made this call " + std::to_string(i + 1) +
                           " times in a row; it will not help to make it again. Do something else, or finish.]";
        append_step(user, i, "I add the numbers.", "add", "{\"a\": 1, \"b\": 1}", observation);
    }
    if (extracts) append_step(user, calls - 2, "I am done.", "finish", "{}", "Completed.");
    user += extracts ? "\n\nWrite the fields `[[ ## reasoning ## ]]`, `[[ ## answer ## ]]` (one integer), then `[[ ## "
                       "completed ## ]]`."
                     : "\n\nWrite the fields `[[ ## next_thought ## ]]`, `[[ ## next_tool_name ## ]]`, `[[ ## "
                       "next_tool_args ## ]]`, then "
                       "`[[ ## completed ## ]]`.";
    return json::serialize(json::object{
        {"model", "load"},
        {"messages", json::array{json::object{{"role", "system"}, {"content", extracts ? extract_system : step_system}},
                                 json::object{{"role", "user"}, {"content", user}}}}});
}

asio::awaitable<void> worker(shared& s) {
    tcp::socket socket{co_await asio::this_coro::executor};
    co_await socket.async_connect({asio::ip::address_v4::loopback(), s.port}, asio::use_awaitable);
    socket.set_option(tcp::no_delay{true});
    boost::beast::flat_buffer buffer;
    while (s.next < s.runs) {
        const unsigned long run = s.next++;
        for (unsigned long call = 0; call < s.calls_per_run; ++call) {
            http::request<http::string_body> request{http::verb::post, "/v1/chat/completions", 11};
            request.set(http::field::host, "127.0.0.1");
            request.set(http::field::user_agent, "reagent");
            request.set(http::field::content_type, "application/json");
            request.body() = body_of(run, call, s.calls_per_run);
            request.prepare_payload();
            co_await http::async_write(socket, request, asio::use_awaitable);
            http::response<http::string_body> response;
            co_await http::async_read(socket, buffer, response, asio::use_awaitable);
            json::value answer = json::parse(response.body());
            if (!answer.at("choices").as_array().at(0).at("message").at("content").is_string()) ++s.failed;
            ++s.calls;
        }
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 4) {
        std::cerr << "usage: raw_beast PORT RUNS CONCURRENCY [CALLS_PER_RUN]\n";
        return 2;
    }
    allow_many_files();
    use_one_arena();
    shared s;
    s.port = static_cast<unsigned short>(std::strtoul(argv[1], nullptr, 10));
    s.runs = std::strtoul(argv[2], nullptr, 10);
    s.calls_per_run = argc > 4 ? std::strtoul(argv[4], nullptr, 10) : 5;
    unsigned long concurrency = std::min(s.runs, std::max(1ul, std::strtoul(argv[3], nullptr, 10)));
    asio::io_context context{1};
    std::exception_ptr failure;
    stopwatch watch;
    for (unsigned long i = 0; i < concurrency; ++i)
        asio::co_spawn(context, worker(s), [&](std::exception_ptr e) {
            if (e) failure = e;
        });
    context.run();
    try {
        if (failure) std::rethrow_exception(failure);
    } catch (const std::exception& e) {
        std::cerr << "raw_beast: " << e.what() << "\n";
        return 1;
    }
    watch.report("raw_beast", s.runs, s.calls, s.failed);
    return s.failed ? 1 : 0;
}
