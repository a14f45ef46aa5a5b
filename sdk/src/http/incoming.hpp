#pragma once

#include <boost/asio/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/read_size.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include <algorithm>
#include <cstdint>
#include <stdexcept>

namespace reagent::http {

/// What comes in on a connection, of a client or of a server: bytes that were read and not parsed yet, and how much of
/// one exchange stood around its body. Reads nothing itself.
///
/// What a peer can make it hold: what was read and is no whole line yet, at most `most_unread`, and what the parser
/// keeps of the bytes around a body, at most `max_header_bytes` for one exchange with its interim answers and trailers.
/// The body is its reader's to count.
struct incoming {
    using error_code = boost::system::error_code;
    template <bool IsRequest>
    using parser_of = boost::beast::http::basic_parser<IsRequest>;

    explicit incoming(std::size_t max_header_bytes)
        : max_header_bytes{max_header_bytes}, buffer{most_unread(max_header_bytes)} {}

    static std::size_t most_unread(std::size_t max_header_bytes) {
        return std::max<std::size_t>(max_header_bytes, 16 * 1024);
    }

    /// Forgets what the last exchange took.
    void begin_exchange() { taken = 0; }

    /// What is left of `max_header_bytes` for a head.
    std::uint32_t head_allowance() const {
        auto left = max_header_bytes - std::min<std::uint64_t>(taken, max_header_bytes);
        return static_cast<std::uint32_t>(std::min<std::uint64_t>(left, 1u << 30));
    }

    /// Whether the exchange brought more around its body than it may. A body in chunks of one byte has five bytes
    /// around each.
    /// @param body bytes of body so far, as they came
    bool overfull(std::uint64_t body) const { return taken - std::min(taken, body) > max_header_bytes + 8 * body; }

    /// Where the next bytes are read to. @param ec buffer_overflow for a line beyond the buffer
    boost::asio::mutable_buffer room(error_code& ec) {
        std::size_t size = boost::beast::read_size(buffer, 65536);
        if (size > 0) return buffer.prepare(size);
        ec = boost::beast::http::error::buffer_overflow;
        return {};
    }

    /// Feeds the parser with so many bytes that were read there. @param ec of reading them; then what it means for the
    /// message: end_of_stream where the peer closed before it said anything
    /// @return as `consume`; true with an error
    template <bool IsRequest>
    bool take(parser_of<IsRequest>& parser, std::size_t bytes, error_code& ec) {
        namespace http = boost::beast::http;
        buffer.commit(bytes);
        if (!ec) return consume(parser, ec);
        if (ec != boost::asio::error::eof) return true;
        ec = {};
        if (!parser.got_some() && buffer.size() == 0)
            ec = http::error::end_of_stream;
        else if (parser.got_some())
            parser.put_eof(ec);
        else
            ec = http::error::partial_message;
        return true;
    }

    /// Feeds the parser with what is there. @return whether that was a step, or an error that `ec` says
    template <bool IsRequest>
    bool consume(parser_of<IsRequest>& parser, error_code& ec) {
        namespace http = boost::beast::http;
        if (buffer.size() == 0) return false;
        std::size_t used = 0;
        try {
            used = parser.put(buffer.data(), ec);
        } catch (const std::length_error&) {  // a field of 64 KiB: Beast's own limit
            ec = http::error::header_limit;
        }
        buffer.consume(used);
        taken += used;
        if (used > 0 && ec == http::error::need_more) ec = {};  // some of it was a step
        return ec != http::error::need_more;
    }

    std::size_t max_header_bytes;
    std::uint64_t taken = 0;  ///< bytes of this exchange that were parsed
    boost::beast::flat_buffer buffer;
};

}  // namespace reagent::http
