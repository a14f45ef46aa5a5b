#pragma once

#include "text_pieces.hpp"

#include <reagent/lm/message.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace reagent::provider {

/// The provider's word must not make us allocate at will.
inline constexpr std::size_t max_tool_calls = 128;

/// What one piece of a stream says of a tool call. Empty texts say nothing.
struct call_piece {
    std::optional<std::uint64_t> index{};  ///< the server's number of the call; many give none, or always the same
    std::string id{}, name{}, arguments{}, signature{};
    bool whole = false;   ///< the arguments were an object, and no piece of its text
    bool single = false;  ///< by the member that came before there were several calls: a copy of one of them, as a rule
    bool elsewhere = false;  ///< there are no arguments, and a member that is not known holds what could be them
};

/// Puts tool calls together from pieces whose indices and ids are missing, always the same, or changing: a call ends
/// where its arguments are a closed object, and what then comes with a name or an id of its own is the next call.
class call_pieces {
public:
    /// @return the call's place; nothing for a piece that says nothing new
    /// @throws lm_error(malformed_response) for arguments that belong to no call, or go on after their end; for more
    /// than 128 calls
    std::optional<std::size_t> add(const call_piece& piece, std::vector<tool_call>& calls);

    /// Drops the single call where it is a copy. @return false where it says something else than the others
    bool drop_copy(std::vector<tool_call>& calls) const;

    /// Whether a call has no arguments, and a piece of it held what could be them.
    bool lost_arguments(const std::vector<tool_call>& calls) const;

private:
    enum class meaning { goes_on, another, nothing };
    struct place {
        std::optional<std::uint64_t> index;
        bool single = false, elsewhere = false;
        bool torn = false;                    // a piece that is nothing but one of the arguments has them elsewhere
        std::optional<std::size_t> doubts{};  // a call of the same name that had nothing yet: this may be a piece of it
        json_extent extent{};
    };

    std::optional<std::size_t> candidate(const call_piece& piece, const std::vector<tool_call>& calls) const;
    void check_only_one_open(const call_piece& piece) const;
    meaning meaning_of(const call_piece& piece, const tool_call& call, const place& at) const;
    static bool goes_on(const call_piece& piece, const tool_call& call, const place& at);
    static bool is_another_without_arguments(const call_piece& piece, const tool_call& call, const place& at);
    meaning of_same_id(const call_piece& piece, const tool_call& call, const place& at) const;
    meaning of_name(const call_piece& piece, const tool_call& call, const place& at) const;

    std::vector<place> places_;
};

/// Whether two calls' arguments are the same: their texts, or the objects that both are.
bool same_arguments(const std::string& a, const std::string& b);

/// Drops calls that copy another. @param single tells, by a call's place, which of them may be copies
/// @return false where one says something else than all the others
bool drop_copies(std::vector<tool_call>& calls, const std::vector<bool>& single);

/// Gives every call an id of its own; the same call once more, under its id, is none.
/// @return false where one id stands for different calls: nobody knows which of them is meant
/// @throws lm_error(malformed_response) for a call without a name that arguments came for
bool settle(std::vector<tool_call>& calls);

}  // namespace reagent::provider
