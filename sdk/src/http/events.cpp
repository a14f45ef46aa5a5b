#include <reagent/http/events.hpp>

#include <reagent/error.hpp>

#include <utility>

namespace reagent::http {
namespace {

void check(std::size_t bytes, std::size_t limit, const char* what) {
    if (bytes > limit)
        throw http_error{http_errc::body_too_large,
                         std::string{"the stream holds "} + what + " of more than " + std::to_string(limit) + " bytes"};
}

}  // namespace

void event_parser::feed(std::string_view piece, std::vector<server_event>& out) {
    feed(piece, [&](std::string_view name, std::string_view data) {
        out.push_back({std::string{name}, std::string{data}});
    });
}

void event_parser::feed(std::string_view piece, const handler& on_event) {
    while (!piece.empty()) {
        if (after_cr_) {
            after_cr_ = false;
            if (piece.front() == '\n') {
                piece.remove_prefix(1);
                continue;
            }
        }
        auto end = piece.find_first_of("\r\n");
        auto part = piece.substr(0, end);
        check(rest_.size() + part.size() + event_.data.size(), limit_, "an event");
        if (end == piece.npos) {
            rest_ += part;
            return;
        }
        after_cr_ = piece[end] == '\r';
        piece.remove_prefix(end + 1);
        if (rest_.empty())
            line(part, on_event);
        else {
            rest_ += part;
            line(rest_, on_event);
            rest_.clear();
        }
    }
}

void event_parser::line(std::string_view text, const handler& on_event) {
    if (at_start_) {
        at_start_ = false;
        if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    }
    if (text.empty()) {
        if (has_data_) on_event(event_.name, event_.data);
        event_.name.clear();
        event_.data.clear();
        has_data_ = false;
        return;
    }
    auto colon = text.find(':');
    auto field = text.substr(0, colon);
    auto value = colon == text.npos ? std::string_view{} : text.substr(colon + 1);
    if (value.starts_with(' ')) value.remove_prefix(1);
    if (field == "data") {
        if (has_data_) event_.data += '\n';
        event_.data += value;
        has_data_ = true;
    } else if (field == "event")
        event_.name = value;
    else if (!field.empty() && field != "id" && field != "retry" && on_other_)  // a comment's field is empty
        on_other_(text);
}

void event_parser::finish(const handler& on_event) {
    if (!rest_.empty()) line(std::exchange(rest_, {}), on_event);
    line({}, on_event);
}

void line_parser::feed(std::string_view piece, std::vector<std::string>& out) {
    while (!piece.empty()) {
        auto end = piece.find('\n');
        auto part = piece.substr(0, end);
        check(rest_.size() + part.size(), limit_, "a line");
        rest_ += part;
        if (end == piece.npos) return;
        piece.remove_prefix(end + 1);
        finish(out);
    }
}

void line_parser::finish(std::vector<std::string>& out) {
    if (rest_.ends_with('\r')) rest_.pop_back();
    if (!rest_.empty()) out.push_back(std::move(rest_));
    rest_.clear();
}

}  // namespace reagent::http
