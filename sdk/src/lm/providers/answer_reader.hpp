#pragma once

#include "protocol.hpp"

#include <reagent/http/events.hpp>

#include <chrono>
#include <optional>

namespace reagent::provider {

/// Reads the body of a 200 response to a request for a stream, whatever its content type says: server-sent events,
/// lines of JSON, or one JSON document. Pure: it is fed with pieces of any size.
class answer_reader {
public:
    answer_reader(const protocol& speaks, const rules& how);

    /// @param out what the piece says is appended here
    /// @throws lm_error as `stream_reader::read`; http_error(body_too_large) for an event beyond 8 MiB
    void feed(std::string_view piece, std::vector<lm_event>& out);

    /// Whether the answer's end was told: what follows says nothing more.
    bool done() const { return reader_->done(); }

    /// How long silence is waited for; nothing: as long as there is time.
    std::optional<std::chrono::milliseconds> patience() const;

    /// The tokens that were told so far.
    usage used() const;
    /// What came of the answer; of a document, which is read as a whole, nothing.
    const lm_response& so_far() const { return reader_->so_far(); }

    /// When the answer is done, or the body is at its end. @throws lm_error(unavailable) when it broke off before its
    /// end
    lm_response finish(std::vector<lm_event>& out);

private:
    enum class form { unknown, events, lines, document };

    void begin();
    void feed_lines(std::string_view piece, std::vector<lm_event>& out);
    void take(std::string_view event, std::string_view data, std::vector<lm_event>& out);
    void take_last(std::string_view event, std::string_view data, std::vector<lm_event>& out);
    lm_response finish_document(std::vector<lm_event>& out);

    const protocol& speaks_;
    const rules how_;
    std::unique_ptr<stream_reader> reader_;
    form form_ = form::unknown;
    bool first_line_ = true;
    std::string body_;  // what is not understood yet, or the document
    json_extent extent_;
    http::event_parser events_;
    http::line_parser lines_;
};

/// Watches a body that was asked for whole: should the server stream all the same, says where the answer ends, which a
/// connection that stays open does not.
class end_watch {
public:
    end_watch(const protocol& speaks, const rules& how) : speaks_{speaks}, how_{how} {}

    /// @throws as `answer_reader::feed`
    void feed(std::string_view piece);
    bool done() const { return stream_ && stream_->done(); }
    std::optional<std::chrono::milliseconds> patience() const;  ///< as `answer_reader::patience`

private:
    const protocol& speaks_;
    const rules how_;
    std::string begun_;  // while it is not known whether it is a stream
    std::optional<answer_reader> stream_;
    json_extent extent_;  // of one that is no stream
    bool whole_ = false;
};

/// The tokens that a body tells, whatever else it holds: one document, events or lines.
usage used_in(std::string_view body);

/// Whether a body is server-sent events, by how it begins.
bool is_event_stream(std::string_view body);

}  // namespace reagent::provider
