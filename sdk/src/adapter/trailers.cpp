// What a server leaves of its template at the end of an answer.
#include "thinking.hpp"

#include "../base/text.hpp"

#include <algorithm>

namespace reagent::detail {
namespace {

constexpr std::string_view trailers[]{"<|return|>",
                                      "<|end|>",
                                      "<|end_of_solution|>",
                                      "<|end_response|>",
                                      "<|im_end|>",
                                      "<|eot_id|>",
                                      "<|eom_id|>",
                                      "<|eot|>",
                                      "<|endoftext|>",
                                      "<|end_of_text|>",
                                      "<|end_of_turn|>",
                                      "<end_of_turn>",
                                      "<eos>",
                                      "</s>",
                                      "[/inst]",
                                      "<|end_of_turn_token|>",
                                      "<\uff5cend\u2581of\u2581sentence\uff5c>"};

std::string_view trim_end(std::string_view text) {
    while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
    return text;
}

// @param trailer in lower case
bool ends_with_trailer(std::string_view text, std::string_view trailer) {
    auto same = [](char a, char b) { return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b; };
    if (text.size() < trailer.size()) return false;
    const auto end = text.substr(text.size() - trailer.size());
    if (!std::equal(end.begin(), end.end(), trailer.begin(), same)) return false;
    if (trailer == "[/inst]") return text.find("[INST]") == text.npos;
    return trailer != "</s>" || text.find("<s>") == text.npos;  // an element
}

std::string_view without_last_trailer(std::string_view text) {
    for (auto t : trailers)
        if (ends_with_trailer(text, t)) return trim_end(text.substr(0, text.size() - t.size()));
    return text;
}

// The beginning of the next turn: `<|im_start|>user`.
std::string_view without_next_turn(std::string_view text) {
    constexpr std::string_view begins[]{"<|im_start|>", "<start_of_turn>", "<|start_header_id|>"},
        behind = "<|end_header_id|>";
    auto rest = text;
    if (rest.ends_with(behind)) rest.remove_suffix(behind.size());
    for (std::string_view role : {"user", "assistant", "model", "system"})
        if (rest.ends_with(role)) {
            rest.remove_suffix(role.size());
            break;
        }
    for (auto begin : begins)
        if (rest.ends_with(begin)) return trim_end(rest.substr(0, rest.size() - begin.size()));
    return text;
}

}  // namespace

std::string_view without_trailers(std::string_view text) {
    auto end = trim_end(text);
    constexpr std::string_view last_of_any = ">]rtlm";
    if (end.empty() || end.ends_with("]]") || last_of_any.find(end.back()) == last_of_any.npos) return text;
    if (auto turn = without_next_turn(end); turn.size() != end.size()) {
        end = without_last_trailer(turn);
        if (end.size() == turn.size()) return text;  // it does not stand behind the end of one
        text = end;
    }
    for (;;) {
        const auto less = without_last_trailer(end);
        if (less.size() == end.size()) return text;
        text = end = less;
    }
}

}  // namespace reagent::detail
