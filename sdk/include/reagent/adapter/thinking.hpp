#pragma once

#include <string>
#include <string_view>

namespace reagent {

struct spoken_text {
    std::string text;   ///< without blanks around it
    bool open = false;  ///< thinking had no end: nothing behind its beginning is in `text`
};
/// What a model says in a text, without what it thinks there: `<think>` anywhere, and at the beginning in any of the
/// spellings that models have (`[THINK]`, `<seed:think>`, `<|channel|>analysis<|message|>`, `<reasoning>`, ...).
/// Linear; stateless, and so thread-safe.
spoken_text without_thinking(std::string_view text);

}  // namespace reagent
