#pragma once

#include <reagent/module/predictor.hpp>
#include <reagent/retrieve/passage.hpp>
#include <reagent/schema/field.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace reagent {

/// Words of a passage that bear out an answer.
struct citation {
    std::size_t number =
        0;  ///< of the passage as the model was shown it, from 1: what a marker `[2]` in the answer refers to
    std::string passage_id{};  ///< `passage::id`
    std::string quote{};       ///< as the passage has it, byte for byte
    std::string title{};       ///< of the passage
    std::string source{};      ///< likewise
    std::size_t begin = 0;     ///< where the quote stands: byte offsets into the passage's text
    std::size_t end = 0;

    bool operator==(const citation&) const = default;
};

struct citation_rules {
    bool every_sentence = false;  ///< each sentence of the answer has a marker of a passage that is quoted
    std::size_t min_quote_words =
        1;  ///< in a shorter passage: all of its words; two letters of Chinese count as one, four of Thai
    std::string no_answer = "The passages do not say.";  ///< the one answer that needs no citation
};

/// A citation as a model writes it.
struct written_citation {
    field<std::int64_t, "number of the passage, as in [1]"> passage;
    field<std::string, "words of that passage that support the answer, copied exactly"> quote;
};

/// What is left of an answer's citations, and what is wrong with the answer.
struct checked_citations {
    std::vector<citation> citations{};  ///< those that are right
    std::vector<std::string> wrong{};   ///< for the model: everything that is not supported; empty: the answer may go

    bool ok() const { return wrong.empty(); }
    std::string message() const;  ///< one line each
};

/// Holds an answer against its passages: each citation names one of them and quotes it (`find_quote`), each marker
/// "[1]", "[1, 2]" in the answer, in whatever spelling ("[1-3]", "[passage 1]", "[1, p. 3]", brackets and digits of any
/// script; not what stands in backticks), stands for a passage that is quoted, there is a citation at all, and, where
/// the rules ask for it, a marker in each sentence but headings, a table's first row and the line before a list. Pure.
///
/// Whether a quote bears out what the answer says of it is not looked at: that takes a judge (`groundedness`).
checked_citations check_citations(std::string_view answer, const std::vector<written_citation>& written,
                                  const std::vector<passage>& passages, const citation_rules& rules = {});

/// Where a text has a quote, verbatim but for: Unicode's canonical forms, kinds and runs of blanks, line ends,
/// characters that are not seen (soft hyphens, zero-width spaces), forms of quotation marks and dashes, ligatures of
/// Latin letters; and quotation marks or an ellipsis around the quote. Case, words, digits and punctuation count. A
/// quote begins and ends where words do: it is not cut out of a number, an amount or what a hyphen or an apostrophe
/// joins, nor does it lose the negation of Chinese or Japanese; Korean words are whole, and phrases of Thai. Linear.
/// @return byte offsets, begin and end; none where it does not stand there, or has no letter or digit
std::optional<std::pair<std::size_t, std::size_t>> find_quote(std::string_view text, std::string_view quote);

/// A text's sentences, each with the markers behind it, by the ends that any script has. A line end of any kind ends
/// one too; abbreviations ("Dr.", "e.g."), initials, decimals and the numbers of a list do not.
std::vector<std::string> sentences(std::string_view text);

/// An answer with what bears it out.
struct cited {
    std::string answer;
    std::vector<citation> citations;
};

/// Answers a question from passages and cites them. An answer that `check_citations` finds wrong goes back to the model
/// with everything that is wrong with it, and never leaves. Without passages no model is asked, and the answer is
/// `no_answer`.
///
/// Passages are shown as data (`context`): nothing in them closes a field or opens one.
/// @throws assertion_failed from the run, with every attempt
class cited_answer : public module {
public:
    cited_answer(module& parent, std::string name, citation_rules rules = {});

    task<cited> operator()(run& r, std::string question, std::vector<passage> passages) const;

private:
    citation_rules rules_;
    predictor predict_;
};

/// `title\ntext` of each, for a field `context: str`: a list of texts in a field of text is shown numbered, `[1] ...`.
json::array shown_passages(const std::vector<passage>& passages);

}  // namespace reagent
