#include <reagent/secret.hpp>

#include "text.hpp"

namespace reagent {

std::string redact(std::string_view text, const secret& s) {
    std::string out = s.empty() ? std::string{text} : replace_all(text, s.reveal(), "(secret)");
    // Providers echo keys in part: "Incorrect API key provided: sk-abc***xyz".
    for (std::size_t at = 0; (at = out.find("sk-", at)) != out.npos;) {
        if (at > 0 && is_word(out[at - 1])) {
            at += 3;
            continue;
        }
        std::size_t end = at + 3;
        while (end < out.size() && (is_word(out[end]) || out[end] == '-' || out[end] == '*')) ++end;
        if (end - at < 8) {
            at = end;
            continue;
        }
        out.replace(at, end - at, "(secret)");
        at += 8;
    }
    return out;
}

}  // namespace reagent
