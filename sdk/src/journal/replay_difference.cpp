#include "replay_difference.hpp"

#include <reagent/error.hpp>

#include "../base/redact.hpp"
#include "../base/secret_search.hpp"
#include "../base/text.hpp"

#include <boost/json.hpp>

#include <algorithm>

namespace reagent::detail {

std::string difference(const lm_request& recorded, const lm_request& now, const secret_search& secrets) {
    auto around = [](const std::string& text, std::size_t at) {
        std::size_t from = at > 30 ? at - 30 : 0;
        while (from > 0 && (static_cast<unsigned char>(text[from]) & 0xC0) == 0x80) --from;
        return "\"" + cut(text.substr(from), 80) + "\"";
    };
    for (std::size_t i = 0; i < std::min(recorded.messages.size(), now.messages.size()); ++i) {
        const auto &a = recorded.messages[i], &b = now.messages[i];
        if (a == b) continue;
        std::string where = "message " + std::to_string(i + 1) + " (" + std::string{to_string(b.role)} + ")";
        if (a.role != b.role) return where + " was one of the " + std::string{to_string(a.role)};
        if (a.content == b.content) return where + " has other tool calls, images or reasoning";
        // Before anything is cut: nobody knows half a key again.
        std::string before = without(a.content, secrets), after = without(b.content, secrets);
        if (before == after) return where + " differs in a secret, which is not shown";
        std::size_t at = 0;
        while (at < std::min(before.size(), after.size()) && before[at] == after[at]) ++at;
        auto line = std::count(before.begin(), before.begin() + static_cast<std::ptrdiff_t>(at), '\n') + 1;
        return where + " differs in line " + std::to_string(line) + ": the journal has " + around(before, at) +
               ", the program " + around(after, at);
    }
    if (recorded.messages.size() != now.messages.size())
        return "the journal has " + std::to_string(recorded.messages.size()) + " messages, the program " +
               std::to_string(now.messages.size());
    return "other tools are offered";
}

std::string place_text(std::string_view branch, std::string_view path, std::uint32_t occurrence) {
    std::string text = "\"" + std::string{path} + "\"";
    if (occurrence) text += ", call " + std::to_string(occurrence + 1);
    if (!branch.empty()) text += ", branch " + std::string{branch};
    return text;
}

std::string event_text(const event& e) {
    std::string what = e.kind == event_kind::model_call  ? "a model call"
                       : e.kind == event_kind::tool_call ? "a call of tool " + e.tool
                       : e.kind == event_kind::clock     ? "the time"
                       : e.kind == event_kind::approval  ? "consent to tool " + e.tool
                                                         : "a random number";
    return what + " at " + place_text(e.branch, e.path, e.occurrence);
}

void mismatch(const event& asked, const std::string& how) {
    throw run_error{run_errc::replay_mismatch,
                    "replay: the program asks for " + event_text(asked) + ", " + how +
                        "; what a program does may depend on its inputs and on what goes through the run only",
                    {.attempted = "replaying a journal", .path = asked.path}};
}

}  // namespace reagent::detail
