#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace reagent::detail {

/// Begins and ends of what models write as thinking: `<think>`, `<thinking>`, in any capitals, `<think >`.
struct thinking_tag {
    std::size_t size = 0;  ///< 0: there is none
    bool closes = false;
    bool cut = false;  ///< none as far as it goes, and more text might make it one
};
thinking_tag thinking_tag_at(std::string_view text);

/// Takes the thinking from the beginning of an answer, whole or piece by piece, in linear time: in any tag or token
/// whose name speaks of thinking (`<longcat_think>`, `<|begin_of_reasoning|>`) and in any spelling of a table
/// (`[THINK]`, `<|channel|>analysis<|message|>`, `Thinking...`), one part or several. Thinking without an end goes on
/// to the end of all.
class leading_thinking {
public:
    /// @param elements names of elements that are no thinking here, because the answer is made of them
    explicit leading_thinking(std::vector<std::string> elements = {}) : elements_{std::move(elements)} {}

    /// @return what of the text so far is known to be none, and was not returned yet
    std::string feed(std::string_view piece);
    std::string finish();
    bool is_open() const { return depth_ > 0; }

private:
    bool at_beginning(bool last);
    bool at_named(bool last, bool& cut);
    bool within(bool last);

    std::string_view rest() const { return std::string_view{held_}.substr(from_); }
    void drop(std::size_t n) { from_ += n; }  // of the rest's beginning
    std::string given();                      // the rest, which is held no more

    std::vector<std::string> elements_;
    std::string held_;
    std::size_t from_ = 0;  // what stands before it in `held_` is done with
    std::size_t spelling_ = 0;
    std::string name_;  // of the tag that is open, where it is none of the table
    int depth_ = 0;
    bool begun_ = false;  // the answer has
};

/// Whether a text may hold anything of what this file is about: nearly no answer does, and then there is nothing to
/// take from it but blanks.
bool may_hold_thinking(std::string_view text);
/// A text without the tokens of a template that a server leaves at its end: `<|im_end|>`, `</s>`, `[/INST]`.
std::string_view without_trailers(std::string_view text);
/// A text without the blanks at its beginning, as `leading_thinking` leaves it.
std::string_view without_leading_blanks(std::string_view text);

/// What stands behind the first end of thinking whose beginning the server has put in the prompt; npos: there is none.
/// @param elements as in `leading_thinking`
std::size_t behind_thinking_of_the_prompt(std::string_view text, const std::vector<std::string>& elements = {});

}  // namespace reagent::detail
