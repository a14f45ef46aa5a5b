// What all streams of answers have in common.
#include "call_arguments.hpp"
#include "reading.hpp"

#include <reagent/error.hpp>

#include "../../base/redact.hpp"
#include "../../base/text.hpp"

#include <algorithm>

namespace reagent::provider {
namespace {

// A few words that keep a connection alive. Anything that could be a torn piece of an answer is none: it has quotes or
// brackets.
bool is_small_talk(std::string_view data) {
    return data.size() <= 100 && std::all_of(data.begin(), data.end(), [](char c) {
               return is_alpha(c) || is_digit(c) || std::string_view{" .:!_-"}.find(c) != std::string_view::npos;
           });
}

// `[DONE]`, in any capitals, also as a text.
bool is_done(std::string_view data) {
    if (data.size() > 2 && data.front() == data.back() && (data.front() == '"' || data.front() == '\''))
        data = data.substr(1, data.size() - 2);
    return data.size() == 6 && to_lower(data) == "[done]";
}

}  // namespace

void stream_reader::read(std::string_view event, std::string_view data, std::vector<lm_event>& out) {
    data = trim(data);
    if (done_ || data.empty() || data[0] == ':') return;  // some send a comment as data
    if (is_done(data)) {
        done_ = true;
        ended_ = ended_ || done_ends_;
        return;
    }
    // The tree lives for this function only, so its memory is freed at once.
    unsigned char buffer[4096];
    json::monotonic_resource memory{buffer};
    boost::system::error_code ec;
    const auto [tree, unclear] = parse_answer(data, &memory, ec);
    if (ec && event == "error") {
        json::value words = json::string(clean_text(data));
        throw_error_object(words, words);
    }
    if (ec && is_small_talk(data)) {
        heard_ = data;
        return;
    }
    if (ec) malformed("is no JSON", data);
    unclear_ = unclear_ || unclear;
    if (tree.is_array())  // Gemini's, where the stream is one list
        for (const auto& part : tree.get_array()) read_tree(event, part, data, out);
    else
        read_tree(event, tree, data, out);
}

void stream_reader::read_tree(std::string_view event, const json::value& tree, std::string_view data,
                              std::vector<lm_event>& out) {
    if (tree.is_null()) return;
    if (event == "error") throw_error_object(tree, tree);
    if (!tree.is_object()) malformed("has a piece that is no object", data);
    check_error(tree);
    std::string type = text_member(tree, "type");
    if (type.empty()) type = event;  // some leave out the one or the other
    const auto first = out.size(), ends = ends_;
    try {
        read_json(type, tree, out);
    } catch (const lm_error&) {
        complete_usage(answer_.usage, tree);
        throw;
    }
    if (answer_.finish == finish_reason::other || answer_.finish == finish_reason::error)
        if (answer_.finish_words.empty()) answer_.finish_words = finish_words_of(tree);
    if (complete_usage(answer_.usage, tree)) out.push_back({.kind = lm_event::usage, .used = answer_.usage});
    weigh_end(ends_ > ends, out, first);
}

// @param reason whether an event gave one for the end @param first of what it said, in `out`
void stream_reader::weigh_end(bool reason, const std::vector<lm_event>& out, std::size_t first) {
    const auto begin = out.begin() + static_cast<std::ptrdiff_t>(first);
    const bool counted = std::any_of(begin, out.end(), [](const lm_event& e) { return e.kind == lm_event::usage; });
    const bool piece = std::any_of(begin, out.end(), [](const lm_event& e) { return e.kind != lm_event::usage; });
    if (piece) {
        told_early_ = told_early_ || ends_ > (reason ? 1u : 0u);
        open_piece_ = open_piece_ || !reason;
        sure_ = reason && open_piece_ && !told_early_;
    } else if (reason || (counted && ended_))
        sure_ = piece_came_;
    piece_came_ = piece_came_ || piece;
}

void stream_reader::need_type(std::string_view type, const json::value& data) {
    if (type.empty()) no_answer("has a piece of a stream without a type", data, json::serialize(data));
}

void stream_reader::flush(std::vector<lm_event>& out) {
    const bool silent = !several_ && trim(answer_.text).empty();
    for (std::size_t i = 0; silent && i < answer_.alternatives.size(); ++i)
        if (alternatives_ended_[i] && !trim(answer_.alternatives[i]).empty()) {  // the text is in another choice
            is_split_ = true;
            text(answer_.alternatives[i], out);
            break;
        }
    if (auto rest = text_.finish(); !rest.empty())
        out.push_back({.kind = lm_event::text, .text_piece = std::move(rest)});
    if (auto rest = reasoning_.finish(); !rest.empty())
        out.push_back({.kind = lm_event::reasoning, .text_piece = std::move(rest)});
}

void stream_reader::hear(std::string_view words) {
    heard_ = cut(clean_text(detail::without_keys(trim(words), {})), 200);
}

lm_response stream_reader::finish() {
    if (!ended_) {
        std::string said = heard_.empty() ? "" : "; the server said: " + heard_;
        std::string bytes = std::to_string(answer_.text.size()) + " bytes of the answer";
        if (const auto calls = answer_.tool_calls.size())
            bytes += " and " + std::to_string(calls) + (calls > 1 ? " calls" : " call");
        const bool others_ended = std::any_of(alternatives_ended_.begin(), alternatives_ended_.end(),
                                              [](const auto& why) { return why.has_value(); });
        if (others_ended) bytes += " (that of another choice than number 0 ended)";
        throw lm_error{
            lm_errc::unavailable,
            (done_
                 ? "the provider's stream ended with [DONE] after " + bytes +
                       ", but no finish reason said that it is whole (where a server never says so: dialect::done_ends)"
                 : "the provider's stream broke off after " + bytes) +
                said,
            {.provider_message = heard_}};
    }
    check_refusal(clean_text(refusal_));
    check_growth();
    if (!several_) join_choices();
    for (const auto& ended : alternatives_ended_)
        if (!ended)
            throw lm_error{lm_errc::malformed_response,
                           "the provider's stream holds a piece of a further completion that has no end"};
    take_whole_alternatives();
    answer_.text = clean_text(answer_.text);
    answer_.reasoning = clean_text(answer_.reasoning);
    for (auto& a : answer_.alternatives) a = clean_text(a);
    for (auto& b : answer_.reasoning_blocks) clean_texts(b);
    for (auto& c : answer_.tool_calls)
        for (auto part : {&tool_call::id, &tool_call::name, &tool_call::arguments, &tool_call::signature})
            c.*part = clean_text(c.*part);
    if (!calls_.drop_copy(answer_.tool_calls)) unclear_ = true;
    if (lost_arguments()) unclear_ = true;
    if (!choice_of_call_.empty()) drop_calls_of_alternatives();
    if (unclear_) answer_.finish = worse(answer_.finish, finish_reason::malformed_call);
    settle_finish(answer_);
    answer_.usage.calls = 1;
    return std::move(answer_);
}

// Some servers send all that there is so far with each piece. Three such pieces in a row, and nothing else, are no
// coincidence.
void stream_reader::watch_growth(const std::string& piece) {
    if (growths_ < 0) return;
    if (!piece.starts_with(last_piece_)) {
        growths_ = -1;
        return;
    }
    if (!last_piece_.empty() && piece.size() > last_piece_.size()) ++growths_;
    last_piece_ = piece;
}

void stream_reader::check_growth() const {
    constexpr std::size_t no_coincidence = 8;  // bytes
    if (growths_ < 2 || last_piece_.size() < no_coincidence ||
        last_piece_.find_first_not_of(last_piece_[0]) == std::string::npos)
        return;
    malformed("has pieces of its text each of which holds the one before it", last_piece_);
}

void stream_reader::text(std::string piece, std::vector<lm_event>& out) {
    if (piece.empty()) return;
    watch_growth(piece);
    answer_.text += piece;
    if (auto whole = text_.feed(piece); !whole.empty())
        out.push_back({.kind = lm_event::text, .text_piece = std::move(whole)});
}

void stream_reader::reasoning(std::string piece, std::vector<lm_event>& out) {
    if (piece.empty()) return;
    answer_.reasoning += piece;
    if (auto whole = reasoning_.feed(piece); !whole.empty())
        out.push_back({.kind = lm_event::reasoning, .text_piece = std::move(whole)});
}

void stream_reader::content(const content_words& words, std::vector<lm_event>& out) {
    reasoning(words.reasoning, out);
    text(words.text, out);
    for (const auto& type : words.unread) note_unread(answer_, type);
}

std::optional<std::size_t> stream_reader::call(const call_piece& piece, std::vector<lm_event>& out) {
    auto place = calls_.add(piece, answer_.tool_calls);
    if (!place) return {};
    tool_call news{clean_text(piece.id), clean_text(piece.name), clean_text(piece.arguments), piece.signature};
    out.push_back({.kind = lm_event::tool_call, .index = *place, .call = std::move(news)});
    return place;
}

void stream_reader::look_for_stray_arguments(const json::value& v, std::initializer_list<std::string_view> known) {
    stray_arguments_ = stray_arguments_ || holds_stray_arguments(v, known);
}

bool stream_reader::has_begun() const {
    return !answer_.text.empty() || !answer_.reasoning.empty() || !answer_.tool_calls.empty();
}

void stream_reader::begins_again(const json::value& data) {
    malformed("begins a second time, behind pieces of another answer", json::serialize(data));
}

bool stream_reader::lost_arguments() const {
    const auto& calls = answer_.tool_calls;
    return (stray_arguments_ && !calls.empty()) || calls_.lost_arguments(calls);
}

std::string stream_reader::rest_of_whole(const std::string& last, const std::string& before) {
    constexpr std::size_t no_coincidence = 8;  // bytes
    if (before.empty() || last.empty()) return last;
    const std::string all = clean_text(last), so_far = clean_text(before);
    if (so_far.size() >= no_coincidence && all.starts_with(so_far)) return all.substr(so_far.size());
    if (all == so_far) malformed("ends with a text that is a piece of it, or all of it once more", all);
    return last;
}

void stream_reader::drop_told(std::vector<tool_call>& last) const {
    const auto& told = answer_.tool_calls;
    const bool whole = !told.empty() && told.size() <= last.size() &&
                       std::equal(told.begin(), told.end(), last.begin(), [](const tool_call& a, const tool_call& b) {
                           return a.name == b.name && same_arguments(a.arguments, b.arguments) &&
                                  (a.id.empty() || b.id.empty() || a.id == b.id);
                       });
    if (whole) last.erase(last.begin(), last.begin() + static_cast<std::ptrdiff_t>(told.size()));
}

void stream_reader::whole_call(tool_call c, std::vector<lm_event>& out) {
    if (answer_.tool_calls.size() == max_tool_calls)
        throw lm_error{lm_errc::malformed_response, "the provider's stream asks for more than 128 tool calls at once"};
    answer_.tool_calls.push_back(c);
    for (auto part : {&tool_call::id, &tool_call::name, &tool_call::arguments}) c.*part = clean_text(c.*part);
    out.push_back({.kind = lm_event::tool_call, .index = answer_.tool_calls.size() - 1, .call = std::move(c)});
}

// The choices of one completion end as the worst of them.
void stream_reader::join_choices() {
    if (!is_split_) return;
    for (std::size_t i = 0; i < answer_.alternatives.size(); ++i) {
        if (!alternatives_ended_[i] && !trim(answer_.alternatives[i]).empty())
            return;  // a torn piece, which is an error
        if (auto why = alternatives_ended_[i]) answer_.finish = worse(answer_.finish, *why);
    }
    answer_.alternatives.clear();
    alternatives_ended_.clear();
}

void stream_reader::take_whole_alternatives() {
    std::vector<std::string> whole;
    for (std::size_t i = 0; i < alternatives_ended_.size(); ++i)
        if (is_whole({.text = answer_.alternatives[i], .finish = *alternatives_ended_[i]}))
            whole.push_back(answer_.alternatives[i]);
    answer_.alternatives = std::move(whole);
}

void stream_reader::call_of_choice(std::uint64_t index, call_piece piece, std::vector<lm_event>& out) {
    constexpr std::uint64_t most_calls_of_a_choice = 1'000'000;
    if (several_) return;
    is_split_ = true;
    piece.index = index * most_calls_of_a_choice + piece.index.value_or(0);
    if (auto place = call(piece, out)) choice_of_call_[*place] = index;
}

void stream_reader::whole_call_of_choice(std::uint64_t index, tool_call c, std::vector<lm_event>& out) {
    if (several_) return;
    is_split_ = true;
    choice_of_call_[answer_.tool_calls.size()] = index;
    whole_call(std::move(c), out);
}

// The same call in two choices is one wish, said twice.
void stream_reader::drop_calls_of_alternatives() {
    std::vector<tool_call> kept;
    std::vector<std::uint64_t> choices;
    auto choice_of = [&](std::size_t i) { return choice_of_call_.contains(i) ? choice_of_call_.at(i) : 0; };
    for (std::size_t i = 0; i < answer_.tool_calls.size(); ++i) {
        auto& c = answer_.tool_calls[i];
        bool told = false;
        for (std::size_t k = 0; k < kept.size(); ++k)
            told = told || (choices[k] != choice_of(i) && is_told({kept[k]}, c));
        if (told) continue;
        choices.push_back(choice_of(i));
        kept.push_back(std::move(c));
    }
    answer_.tool_calls = std::move(kept);
}

void stream_reader::alternative(std::uint64_t index, const std::string& piece, std::optional<finish_reason> why) {
    constexpr std::uint64_t most = 128;
    if (index >= most)
        throw lm_error{lm_errc::malformed_response,
                       "the provider's stream numbers a completion " + std::to_string(index)};
    if (answer_.alternatives.size() < index) answer_.alternatives.resize(index);
    alternatives_ended_.resize(answer_.alternatives.size());
    answer_.alternatives[index - 1] += piece;
    if (why) alternatives_ended_[index - 1] = why;
}

void stream_reader::end(finish_reason why) {
    answer_.finish = ended_ ? worse(answer_.finish, why) : why;
    ended_ = true;
    ++ends_;
}

void stream_reader::used(const usage& u, std::vector<lm_event>& out) {
    answer_.usage = largest_of(answer_.usage, u);
    out.push_back({.kind = lm_event::usage, .used = answer_.usage});
}

}  // namespace reagent::provider
