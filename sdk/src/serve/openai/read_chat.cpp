#include "read_request.hpp"

#include <boost/json.hpp>

namespace reagent::detail {
namespace {

const std::vector<std::string> chat_parameters{"model",
                                               "messages",
                                               "stream",
                                               "stream_options",
                                               "temperature",
                                               "top_p",
                                               "max_tokens",
                                               "max_completion_tokens",
                                               "seed",
                                               "stop",
                                               "n",
                                               "response_format",
                                               "tools",
                                               "tool_choice",
                                               "parallel_tool_calls",
                                               "reasoning_effort",
                                               "user",
                                               "metadata",
                                               "store",
                                               "service_tier",
                                               "safety_identifier",
                                               "prompt_cache_key",
                                               "prompt_cache_retention",
                                               "verbosity",
                                               "frequency_penalty",
                                               "presence_penalty",
                                               "logit_bias",
                                               "logprobs",
                                               "top_logprobs",
                                               "modalities",
                                               "audio",
                                               "prediction",
                                               "functions",
                                               "function_call",
                                               "web_search_options"};

std::vector<std::string> stops_in(const json::object& body) {
    auto* v = given(body, "stop");
    if (!v) return {};
    std::vector<std::string> stops;
    auto add = [&](const json::value& one) {
        if (!one.is_string() || one.get_string().empty())
            refuse_parameter("stop", "`stop` is a text, or up to four, and none of them empty", "invalid_value");
        stops.emplace_back(one.get_string());
    };
    if (auto* several = v->if_array()) {
        if (several->empty() || several->size() > 4)
            refuse_parameter("stop", "`stop` is a text, or up to four", "invalid_type");
        for (const auto& one : *several) add(one);
    } else
        add(*v);
    return stops;
}

}  // namespace

model_request read_chat(const json::value& body, const std::function<program_route*(std::string_view)>& program_named) {
    auto* o = body.if_object();
    if (!o) refuse_parameter("", "the body is a JSON object", "invalid_type");
    refuse_unknown(*o, chat_parameters);
    model_request m;
    m.program = program_in(*o, program_named);
    auto* messages = given(*o, "messages");
    if (!messages || !messages->is_array()) refuse_parameter("messages", "`messages` is a list", "invalid_type");
    std::size_t i = 0;
    for (const auto& message : messages->get_array()) {
        const std::string at = "messages[" + std::to_string(i++) + "]";
        if (!message.is_object()) refuse_parameter(at, "a message is an object", "invalid_type");
        m.messages.push_back(message_in(message.get_object(), at));
    }
    check_messages(m, "messages");
    check_tools(*o);
    refuse_set(*o, {"frequency_penalty", "presence_penalty", "logit_bias", "logprobs", "top_logprobs", "audio",
                    "prediction", "functions", "web_search_options"});
    if (number_in(*o, "n", 1, 1e6).value_or(1) != 1) refuse_parameter("n", "one answer at a time", "unsupported_value");
    m.sampling.temperature = number_in(*o, "temperature", 0, 2);
    m.sampling.top_p = number_in(*o, "top_p", 0, 1);
    auto most = whole_number_in(*o, "max_completion_tokens", 1, 1e9);
    if (!most) most = whole_number_in(*o, "max_tokens", 1, 1e9);
    if (most) m.sampling.max_tokens = static_cast<std::uint64_t>(*most);
    m.sampling.seed = whole_number_in(*o, "seed", -9e15, 9e15);
    m.stop = stops_in(*o);
    read_format(given(*o, "response_format"), "response_format", m);
    m.stream = flag_in(*o, "stream");
    if (auto* options = given(*o, "stream_options"); options && options->is_object())
        m.wants_usage = flag_in(options->get_object(), "include_usage");
    return m;
}

}  // namespace reagent::detail
