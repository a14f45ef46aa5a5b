#include "read_request.hpp"

#include <boost/json.hpp>

namespace reagent::detail {
namespace {

const std::vector<std::string> response_parameters{"model",
                                                   "input",
                                                   "instructions",
                                                   "stream",
                                                   "stream_options",
                                                   "temperature",
                                                   "top_p",
                                                   "max_output_tokens",
                                                   "max_tool_calls",
                                                   "text",
                                                   "tools",
                                                   "tool_choice",
                                                   "parallel_tool_calls",
                                                   "metadata",
                                                   "store",
                                                   "reasoning",
                                                   "user",
                                                   "truncation",
                                                   "include",
                                                   "service_tier",
                                                   "safety_identifier",
                                                   "prompt_cache_key",
                                                   "prompt_cache_retention",
                                                   "previous_response_id",
                                                   "conversation",
                                                   "background",
                                                   "prompt",
                                                   "top_logprobs",
                                                   "presence_penalty",
                                                   "frequency_penalty",
                                                   "context_management"};

void read_input(const json::value& input, model_request& m) {
    if (input.is_string()) {
        m.messages.push_back({said::user, std::string{input.get_string()}});
        return;
    }
    if (!input.is_array()) refuse_parameter("input", "`input` is a text or a list of items", "invalid_type");
    std::size_t i = 0;
    for (const auto& item : input.get_array()) {
        const std::string at = "input[" + std::to_string(i++) + "]";
        auto* o = item.if_object();
        auto* type = o ? given(*o, "type") : nullptr;
        if (!o || (type && (!type->is_string() || type->get_string() != "message")))
            refuse_parameter(at, "this model takes messages only", "unsupported_content");
        m.messages.push_back(message_in(*o, at));
    }
}

}  // namespace

model_request read_response(const json::value& body,
                            const std::function<program_route*(std::string_view)>& program_named) {
    auto* o = body.if_object();
    if (!o) refuse_parameter("", "the body is a JSON object", "invalid_type");
    refuse_unknown(*o, response_parameters);
    model_request m;
    m.program = program_in(*o, program_named);
    if (auto* v = given(*o, "instructions")) {
        if (!v->is_string()) refuse_parameter("instructions", "`instructions` is a text", "invalid_type");
        m.messages.push_back({said::instructions, std::string{v->get_string()}});
    }
    auto* input = given(*o, "input");
    if (!input) refuse_parameter("input", "`input` is missing", "missing_input");
    read_input(*input, m);
    check_messages(m, "input");
    check_tools(*o);
    for (const char* stored : {"previous_response_id", "conversation", "prompt"})
        if (given(*o, stored))
            refuse_parameter(stored, "answers are not kept here: send what was said before with the input",
                             "unsupported_parameter");
    refuse_set(*o, {"background", "top_logprobs", "presence_penalty", "frequency_penalty"});
    m.sampling.temperature = number_in(*o, "temperature", 0, 2);
    m.sampling.top_p = number_in(*o, "top_p", 0, 1);
    if (auto most = whole_number_in(*o, "max_output_tokens", 1, 1e9))
        m.sampling.max_tokens = static_cast<std::uint64_t>(*most);
    if (auto* text = given(*o, "text"); text && text->is_object())
        read_format(given(text->get_object(), "format"), "text.format", m);
    m.stream = flag_in(*o, "stream");
    return m;
}

}  // namespace reagent::detail
