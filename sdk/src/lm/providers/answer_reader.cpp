#include "answer_reader.hpp"

#include <reagent/error.hpp>

#include "../../base/text.hpp"
#include "reading.hpp"

#include <algorithm>

namespace reagent::provider {
namespace {

constexpr std::string_view bom = "\xEF\xBB\xBF";

std::string_view without_bom(std::string_view body) {
    if (body.starts_with(bom)) body.remove_prefix(bom.size());
    return body;
}

// Blanks before a body are not kept: what looks for its beginning would pass over all of them again with each piece.
void append_past_blanks(std::string& begun, std::string_view piece) {
    begun += piece;
    auto head = begun.starts_with(bom) ? bom.size() : 0;
    auto end = begun.begin() + static_cast<std::ptrdiff_t>(head);
    begun.erase(end, std::find_if_not(end, begun.end(), is_space));
}

}  // namespace

bool is_event_stream(std::string_view body) {
    body = without_bom(body);
    while (!body.empty() && is_space(body.front())) body.remove_prefix(1);
    for (std::string_view field : {"data:", "event:", "id:", "retry:", ":"})
        if (body.starts_with(field)) return true;
    return false;
}

answer_reader::answer_reader(const protocol& speaks, const rules& how)
    : speaks_{speaks}, how_{how}, reader_{speaks.stream()} {
    reader_->obey(how);
}

namespace {

// For the usage, or the sign that nothing follows, behind an answer whose end was told. Not every protocol has a last
// event: Gemini's older models told an end in every piece.
constexpr std::chrono::milliseconds patience_for_more{2000}, patience_for_a_doubtful_end{6000};

}  // namespace

std::optional<std::chrono::milliseconds> answer_reader::patience() const {
    if (reader_->end_is_sure() || (form_ == form::document && extent_.closed())) return patience_for_more;
    if (reader_->ended() && !speaks_.has_last_event()) return patience_for_a_doubtful_end;
    return {};
}

std::optional<std::chrono::milliseconds> end_watch::patience() const {
    if (stream_) return stream_->patience();
    return extent_.closed() ? std::optional{patience_for_more} : std::nullopt;
}

void answer_reader::begin() {
    std::string_view body = without_bom(body_);
    if (body.empty() || bom.starts_with(body)) return;
    auto first = body.find_first_not_of(" \t\r\n");
    if (first == body.npos) return;
    bool json = body[first] == '{' || body[first] == '[';
    form_ = !json ? form::events : speaks_.streams_lines() ? form::lines : form::document;
}

void answer_reader::feed(std::string_view piece, std::vector<lm_event>& out) {
    if (done()) return;
    std::string begun;
    if (form_ == form::unknown) {
        append_past_blanks(body_, piece);
        begin();
        if (form_ == form::unknown) return;
        if (form_ == form::document) return extent_.feed(without_bom(body_));
        begun = std::exchange(body_, {});
        piece = without_bom(begun);
    }
    if (form_ == form::document) {
        body_ += piece;
        extent_.feed(piece);
        return;
    }
    if (form_ == form::lines) return feed_lines(piece, out);
    events_.on_other_line([&](std::string_view line) {
        auto first = trim(line);
        if (first.starts_with('{'))
            take({}, line, out);  // an error that does not keep to the form of events, as a rule
        else
            reader_->hear(line);
    });
    events_.feed(piece, [&](std::string_view event, std::string_view data) { take(event, data, out); });
}

void answer_reader::feed_lines(std::string_view piece, std::vector<lm_event>& out) {
    std::vector<std::string> lines;
    lines_.feed(piece, lines);
    for (std::size_t i = 0; i < lines.size(); ++i) {
        if (first_line_ && trim(lines[i]).find_first_of("{[") == 0 &&
            !is_json(lines[i])) {  // one document over several lines
            form_ = form::document;
            for (; i < lines.size(); ++i) body_ += lines[i] + "\n";
            std::vector<std::string> rest;
            lines_.finish(rest);
            for (const auto& r : rest) body_ += r;
            return;
        }
        first_line_ = false;
        take({}, lines[i], out);
    }
}

// Some servers put one newline, not two, between events: then each line of the data is one.
void answer_reader::take(std::string_view event, std::string_view data, std::vector<lm_event>& out) {
    if (data.find('\n') == data.npos || is_json(data)) return reader_->read(event, data, out);
    for (const auto& line : split(data, '\n')) reader_->read(event, line, out);
}

// What the end of the body cut off counts when it is whole.
void answer_reader::take_last(std::string_view event, std::string_view data, std::vector<lm_event>& out) {
    if (is_json(data)) return reader_->read(event, data, out);
    for (const auto& line : split(data, '\n'))
        if (trim(line) == "[DONE]" || event == "error" || is_json(line))
            reader_->read(event, line, out);
        else
            reader_->hear(line);
}

lm_response answer_reader::finish(std::vector<lm_event>& out) {
    if (form_ == form::unknown) malformed("is empty", body_);
    if (form_ == form::document && !done()) return finish_document(out);
    if (!done() && form_ == form::lines) {
        std::vector<std::string> lines;
        lines_.finish(lines);
        for (const auto& l : lines) take_last({}, l, out);
    }
    if (!done() && form_ == form::events) {
        events_.on_other_line([&](std::string_view line) { take_last({}, line, out); });
        events_.finish([&](std::string_view event, std::string_view data) { take_last(event, data, out); });
    }
    reader_->flush(out);
    return reader_->finish();
}

lm_response answer_reader::finish_document(std::vector<lm_event>& out) {
    if (first_line_ && !is_json(without_bom(body_)) && trim(body_).find('\n') != std::string_view::npos) {
        first_line_ = false;
        form_ = form::lines;  // several documents, one a line
        feed_lines(without_bom(std::exchange(body_, {})), out);
        return finish(out);
    }
    if (trim(without_bom(body_)).starts_with('[')) {  // a stream that is one list
        take({}, without_bom(body_), out);
        reader_->flush(out);
        return reader_->finish();
    }
    lm_response r = speaks_.read(body_, how_);
    if (!r.reasoning.empty()) out.push_back({.kind = lm_event::reasoning, .text_piece = r.reasoning});
    if (!r.text.empty()) out.push_back({.kind = lm_event::text, .text_piece = r.text});
    for (std::size_t i = 0; i < r.tool_calls.size(); ++i)
        out.push_back({.kind = lm_event::tool_call, .index = i, .call = r.tool_calls[i]});
    out.push_back({.kind = lm_event::usage, .used = r.usage});
    return r;
}

usage answer_reader::used() const {
    usage u = reader_->used_so_far();
    if (form_ == form::document && u.tokens() == 0) u = used_in(body_);
    return u;
}

usage used_in(std::string_view body) {
    usage u;
    auto take = [&](std::string_view text) {
        boost::system::error_code ec;
        if (auto tree = parse(trim(text), {}, ec); !ec) complete_usage(u, tree);
        return !ec;
    };
    if (take(without_bom(body))) return u;
    for (std::string_view line : split(body, '\n')) {
        if (line.starts_with("data:")) line.remove_prefix(5);
        if (line.find('{') != line.npos) take(line);
    }
    return u;
}

void end_watch::feed(std::string_view piece) {
    if (whole_) return extent_.feed(piece);
    std::vector<lm_event> nothing;
    if (stream_) return stream_->feed(piece, nothing);
    append_past_blanks(begun_, piece);
    std::string_view begin = without_bom(begun_);
    auto first = begin.find_first_not_of(" \t\r\n");
    if (first == begin.npos || begin.size() - first < 6) return;
    // Lines of JSON that are one document, over several lines, are left to what reads documents.
    bool lines = speaks_.streams_lines() && begin[first] == '{';
    whole_ = !is_event_stream(begin) && !lines;
    if (whole_)
        extent_.feed(begin);
    else
        stream_.emplace(speaks_, how_).feed(begun_, nothing);
    begun_.clear();
}

lm_response protocol::read(std::string_view body, const rules& how) const {
    // A stream, though a whole answer was asked for; or several documents, one a line.
    auto begin = trim(without_bom(trim(body))).substr(0, 1);
    bool lines = begin == "{" && trim(body).find('\n') != std::string_view::npos && !is_json(without_bom(body));
    if (is_event_stream(body) || lines || begin == "[") {
        answer_reader reader{*this, how};
        std::vector<lm_event> events;
        reader.feed(body, events);
        return reader.finish(events);
    }
    unsigned char room[4096];
    json::monotonic_resource memory{room, sizeof room};
    const auto [parsed, unclear] = parse_body(body, &memory);
    lm_response r = read_answer(parsed, body, how);
    if (r.finish == finish_reason::other || r.finish == finish_reason::error) r.finish_words = finish_words_of(parsed);
    std::vector<json::value> blocks;  // a copy of a part of the tree is in its memory too
    for (const auto& block : r.reasoning_blocks) blocks.emplace_back(block, json::storage_ptr{});
    r.reasoning_blocks = std::move(blocks);
    if (unclear) r.finish = worse(r.finish, finish_reason::malformed_call);
    settle_finish(r);
    if (r.usage.prompt_tokens == 0 || r.usage.completion_tokens == 0) complete_usage(r.usage, parsed);
    r.usage.calls = 1;
    return r;
}

}  // namespace reagent::provider
