#pragma once

#include <reagent/http/client.hpp>
#include <reagent/lm/language_model.hpp>

#include "call_pieces.hpp"
#include "dialect.hpp"

#include <initializer_list>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace reagent::provider {

struct content_words;

/// What a request depends on besides the `lm_request`.
struct call_settings {
    std::string model;
    sampling defaults{};
    bool structured_output = true;
    bool cache_prompt = false;
    bool drop_unsupported = false;
    bool stream = false;
    std::string_view provider{};  ///< the table's name, for what servers of one protocol do differently
    reagent::dialect dialect{};   ///< goes over the table
    std::string server{};         ///< tells servers apart, for what must not go to another one
    const rules* how = nullptr;   ///< what the table and the dialect say, where it was looked up; outlives these
};

/// A request as it goes out, but for the address before `target` and the credentials.
struct wire_call {
    std::string target;
    std::string body;
    std::vector<std::string> dropped{};  ///< options that the provider lacks
};

/// Assembles an answer from its pieces. Pure: it is fed with events, and says what they mean.
class stream_reader {
public:
    virtual ~stream_reader() = default;

    /// @param event the server-sent event's name; "" where there is none
    /// @param data  an event's data or a line; what keeps a connection alive (nothing, a comment, a few words) says
    /// nothing
    /// @param out   what the piece says is appended here
    /// @throws lm_error for an error that the provider reports, or a piece that is no JSON
    void read(std::string_view event, std::string_view data, std::vector<lm_event>& out);

    /// What was kept back of a text, because it ended in the middle of a character, is appended.
    void flush(std::vector<lm_event>& out);

    /// The whole answer. @throws lm_error(unavailable) when the stream broke off, with what the server said last
    virtual lm_response finish();

    /// Words that are no piece of the answer: the error says them, should the stream break off.
    void hear(std::string_view words);

    const usage& used_so_far() const { return answer_.usage; }
    /// What came of the answer.
    const lm_response& so_far() const { return answer_; }
    /// Whether nothing follows.
    bool done() const { return done_; }
    /// Whether the answer's end was told; what may follow is its usage.
    bool ended() const { return ended_; }
    /// Whether that is believed: not of a reason beside the first piece, nor of one that pieces followed, as servers
    /// write that tell it in every piece.
    bool end_is_sure() const { return done_ || (ended_ && sure_); }
    /// By `dialect::done_ends` `[DONE]` is taken for the answer's end also where no reason of it came.
    void obey(const rules& how) { done_ends_ = how.done_ends, several_ = how.several; }

protected:
    /// @param type the event's name where the server gave one, else the object's `type`
    virtual void read_json(std::string_view type, const json::value& data, std::vector<lm_event>& out) = 0;

    /// For protocols whose events all have a type: one without may hold a piece of the answer. @throws
    /// lm_error(malformed_response)
    static void need_type(std::string_view type, const json::value& data);

    void text(std::string piece, std::vector<lm_event>& out);
    void reasoning(std::string piece, std::vector<lm_event>& out);
    /// A piece of a message's content: a text, or parts.
    void content(const content_words& words, std::vector<lm_event>& out);
    /// A piece of a tool call.
    /// @return the call's place; nothing for a piece that says nothing new
    std::optional<std::size_t> call(const call_piece& piece, std::vector<lm_event>& out);
    /// A piece of a further completion, with `n`. @param index from 1 @param why that completion ended, where it says
    /// so
    void alternative(std::uint64_t index, const std::string& piece, std::optional<finish_reason> why);
    /// A piece of a call in a further choice: where one completion was asked for, it is a part of that.
    void call_of_choice(std::uint64_t index, call_piece piece, std::vector<lm_event>& out);
    void whole_call_of_choice(std::uint64_t index, tool_call c, std::vector<lm_event>& out);
    /// What a text in the event that ends the answer adds to those before it: some servers say the whole once more
    /// there.
    /// @throws lm_error(malformed_response) for a short one that may be the whole, or a piece that is the same
    static std::string rest_of_whole(const std::string& last, const std::string& before);
    /// Drops the calls in the event that ends the answer which repeat, from the first on, all those before it.
    void drop_told(std::vector<tool_call>& last) const;
    /// Looks for arguments in what nobody reads: a call without any may have lost them. @param known the members that
    /// are read
    void look_for_stray_arguments(const json::value& v, std::initializer_list<std::string_view> known = {});
    void note_stray_arguments() { stray_arguments_ = true; }
    /// Whether a piece of the answer came.
    bool has_begun() const;
    /// For a beginning behind pieces of an answer: what follows is another one. @throws lm_error(malformed_response)
    [[noreturn]] static void begins_again(const json::value& data);
    /// A tool call that comes in one piece, besides those before it.
    void whole_call(tool_call c, std::vector<lm_event>& out);
    void used(const usage& u, std::vector<lm_event>& out);
    /// The answer's end. Where several are told the worst counts: a later STOP does not heal SAFETY.
    void end(finish_reason why);
    /// A piece of the model's refusal: it is shown once, by the error that `finish` throws.
    void refused(const std::string& piece) { refusal_ += piece; }

    lm_response answer_;
    bool ended_ = false;  // its end was told; the usage may follow
    bool done_ = false;   // nothing follows

private:
    bool lost_arguments() const;
    void watch_growth(const std::string& piece);
    void check_growth() const;
    void join_choices();
    void drop_calls_of_alternatives();
    void take_whole_alternatives();
    void read_tree(std::string_view event, const json::value& tree, std::string_view data, std::vector<lm_event>& out);
    void weigh_end(bool reason, const std::vector<lm_event>& out, std::size_t first);

    call_pieces calls_;
    text_pieces text_, reasoning_;
    std::vector<std::optional<finish_reason>> alternatives_ended_;
    std::map<std::size_t, std::uint64_t> choice_of_call_;  // of those that are not in choice 0
    std::size_t ends_ = 0;                                 // that were told
    bool piece_came_ = false, open_piece_ = false, told_early_ = false, sure_ = false;
    std::string last_piece_;  // of the text, while each holds the one before it
    int growths_ = 0;         // of such pieces; -1: they do not grow
    std::string heard_;       // words that were no piece of the answer
    std::string refusal_;
    bool done_ends_ = false;
    bool several_ = false;          // completions were asked for
    bool is_split_ = false;         // over choices
    bool unclear_ = false;          // a member said two things
    bool stray_arguments_ = false;  // arguments stood where no call takes them
};

/// How a provider is talked to. Implementations hold no state.
class protocol {
public:
    virtual ~protocol() = default;
    virtual std::string_view name() const = 0;

    /// @throws lm_error(unsupported_option), lm_error(invalid_request) for content that cannot be sent
    wire_call write(const call_settings& s, const lm_request& r) const;

    /// Reads the body of a response with status 200. @throws lm_error(malformed_response), naming what is missing; or
    /// the error that the body reports A server that streams though it was not asked to is understood as well.
    lm_response read(std::string_view body, const rules& how = {}) const;

    virtual std::unique_ptr<stream_reader> stream() const = 0;
    /// Whether streams have a sign that nothing follows, besides the reason why an answer ended.
    virtual bool has_last_event() const { return true; }
    /// Whether a stream is lines of JSON, not server-sent events.
    virtual bool streams_lines() const { return false; }

    virtual http::header_list headers() const { return {}; }
    virtual http::header_list credentials(const secret& key) const;

protected:
    /// @param r fit for the provider: ids, arguments that are an object, no blank messages
    virtual wire_call write_request(const call_settings& s, const rules& how, const lm_request& r) const = 0;
    /// @param parsed an object that reports no error; its texts are valid UTF-8
    virtual lm_response read_answer(const json::value& parsed, std::string_view body, const rules& how) const = 0;
};

const protocol& openai_chat();
const protocol& openai_responses();
const protocol& anthropic();
const protocol& gemini();
const protocol& ollama();
const protocol& cohere();

/// A provider: its name, address and protocol.
struct facts {
    std::string_view name;
    std::string_view api_base;
    std::vector<std::string_view>
        key_variables;  ///< environment variables, the first that is set counts; none: no key needed
    std::vector<std::string_view> base_variables;
    const protocol* speaks;
};
const std::vector<facts>& all();

/// What tells a provider's servers apart: its name, or an address of the user's own, without keys.
std::string server_name(const facts& of, const std::string& api_base);

/// A digest of an address that holds what `server_name` does not show, as a query that names a tenant or a deployment;
/// "" of any other.
std::string digest_of_hidden(const std::string& api_base);

/// The error that a response with a status other than 200 stands for. The provider's message is redacted.
[[noreturn]] void throw_status(const http::response& r, const std::string& attempted, std::span<const secret> keys);

/// The error that an error object in a 200 response or a stream stands for. @param whole what the object stands in, for
/// a status beside it
[[noreturn]] void throw_error_object(const json::value& error, const json::value& whole);

}  // namespace reagent::provider
