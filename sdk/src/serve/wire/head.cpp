#include "head.hpp"

#include "sink.hpp"

#include <boost/beast/core/string.hpp>
#include <boost/beast/http/status.hpp>

#include <charconv>
#include <ctime>

namespace reagent {

std::string_view http_request::header(std::string_view name) const {
    for (const auto& [n, value] : headers)
        if (detail::same_word(n, name)) return value;
    return {};
}

std::string event_text(std::string_view name, std::string_view data) {
    std::string text;
    text.reserve(name.size() + data.size() + 24);
    if (!name.empty()) ((text += "event: ") += name) += '\n';
    for (std::size_t at = 0;;) {
        auto end = data.find_first_of("\r\n", at);
        ((text += "data: ") += data.substr(at, end - at)) += '\n';
        if (end == data.npos) break;
        at = end + 1 + (data.substr(end, 2) == "\r\n");
    }
    return text += '\n';
}

namespace detail {

bool same_word(std::string_view a, std::string_view b) {
    return boost::beast::iequals({a.data(), a.size()}, {b.data(), b.size()});
}

std::string_view reason_of(int status) {
    auto reason = boost::beast::http::obsolete_reason(static_cast<boost::beast::http::status>(status));
    return {reason.data(), reason.size()};
}

namespace {

// Source: RFC 9110, section 5.6.7. Made once a second.
const std::string& date() {
    thread_local std::time_t made = 0;
    thread_local std::string text;
    const auto now = std::time(nullptr);
    if (now == made) return text;
    std::tm utc{};
    ::gmtime_r(&now, &utc);
    static constexpr const char* days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                             "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    char buffer[64];
    std::snprintf(buffer, sizeof buffer, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[utc.tm_wday], utc.tm_mday,
                  months[utc.tm_mon], utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
    made = now;
    return text = buffer;
}

void add(std::string& head, std::string_view name, std::string_view value) {
    ((head += name) += ": ");
    for (char c : value) head += c == '\r' || c == '\n' || c == '\0' ? ' ' : c;
    head += "\r\n";
}

}  // namespace

std::string response_head(const http_reply& reply, std::string_view id, unsigned version, bool keep) {
    std::string head;
    head.reserve(384);
    head += version >= 11 ? "HTTP/1.1 " : "HTTP/1.0 ";
    (((head += std::to_string(reply.status)) += ' ') += reason_of(reply.status)) += "\r\n";
    add(head, "Date", date());
    if (!id.empty()) add(head, "X-Request-Id", id);
    if (reply.status != 204) add(head, "Content-Type", reply.events ? "text/event-stream" : reply.type);
    for (const auto& [name, value] : reply.headers) add(head, name, value);
    add(head, "Cache-Control", "no-store");
    add(head, "X-Content-Type-Options", "nosniff");
    if (reply.events && version >= 11)
        add(head, "Transfer-Encoding", "chunked");
    else if (!reply.events && reply.status != 204)
        add(head, "Content-Length", std::to_string(reply.body.size()));
    if (!keep || (reply.events && version < 11))
        add(head, "Connection", "close");
    else if (version < 11)
        add(head, "Connection", "keep-alive");
    return head += "\r\n";
}

task<void> sink::send(std::string events) {
    if (events.empty()) co_return;
    if (chunked_) {
        char size[32];
        auto end = std::to_chars(size, size + sizeof size, events.size(), 16).ptr;
        events = std::string{size, end} + "\r\n" + std::move(events) + "\r\n";
    }
    co_await write_(std::move(events));
}

task<void> sink::end() {
    if (chunked_) co_await write_("0\r\n\r\n");
}

}  // namespace detail
}  // namespace reagent
