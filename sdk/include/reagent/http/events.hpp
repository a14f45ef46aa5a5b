#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace reagent::http {

/// An event of a text/event-stream.
struct server_event {
    std::string name;  ///< "" where the server gave none
    std::string data;
};

/// Splits a text/event-stream into events. Pure: fed with pieces of any size, it does no I/O. An event that the
/// stream's end cuts off is dropped, unless `finish` asks for it. Source: WHATWG HTML, "Server-sent events",
/// "Interpreting an event stream".
class event_parser {
public:
    explicit event_parser(std::size_t max_event_bytes = 8 * 1024 * 1024) : limit_{max_event_bytes} {}

    using handler = std::function<void(std::string_view name, std::string_view data)>;

    /// @param on_event is called with every complete event; the texts are valid during the call
    /// @throws http_error(body_too_large) for an event beyond the limit
    void feed(std::string_view piece, const handler& on_event);
    /// @param out complete events are appended here
    void feed(std::string_view piece, std::vector<server_event>& out);

    /// For servers that end a stream without the empty line that ends an event: what the end cut off is an event after
    /// all.
    void finish(const handler& on_event);
    /// @param on_line is called with every line that is no field of an event: some servers write an error there
    void on_other_line(std::function<void(std::string_view)> on_line) { on_other_ = std::move(on_line); }

private:
    void line(std::string_view text, const handler& on_event);

    std::function<void(std::string_view)> on_other_;

    std::size_t limit_;
    std::string rest_;  // a line's beginning
    server_event event_;
    bool has_data_ = false, after_cr_ = false, at_start_ = true;
};

/// Splits a stream into lines, as of newline-delimited JSON; empty lines are left out.
class line_parser {
public:
    explicit line_parser(std::size_t max_line_bytes = 8 * 1024 * 1024) : limit_{max_line_bytes} {}

    /// @throws http_error(body_too_large) for a line beyond the limit
    void feed(std::string_view piece, std::vector<std::string>& out);
    /// The last line, where the stream ended without a newline.
    void finish(std::vector<std::string>& out);

private:
    std::size_t limit_;
    std::string rest_;
};

}  // namespace reagent::http
