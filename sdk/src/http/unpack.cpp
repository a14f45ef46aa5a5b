#include "unpack.hpp"

#include <reagent/error.hpp>

#include <zlib.h>

#include <stdexcept>

namespace reagent::http {

struct unpacker::impl {
    z_stream stream{};
    std::size_t limit = 0, written = 0;
    bool finished = false;
};

unpacker::unpacker(std::size_t limit) : impl_{std::make_unique<impl>()} {
    impl_->limit = limit;
    constexpr int any_header = 15 + 32;  // the largest window; gzip or zlib, as the data says
    if (inflateInit2(&impl_->stream, any_header) != Z_OK) throw std::bad_alloc{};
}
unpacker::~unpacker() { inflateEnd(&impl_->stream); }

bool unpacker::finished() const { return impl_->finished; }

std::string unpacker::feed(std::string_view packed) {
    std::string out;
    auto& z = impl_->stream;
    z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
    z.avail_in = static_cast<uInt>(packed.size());
    char piece[16384];
    while (!impl_->finished) {
        z.next_out = reinterpret_cast<Bytef*>(piece);
        z.avail_out = sizeof piece;
        int rc = inflate(&z, Z_NO_FLUSH);
        if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
            throw http_error{http_errc::malformed_response, "the response's compressed body is broken"};
        std::size_t n = sizeof piece - z.avail_out;
        impl_->written += n;
        if (impl_->written > impl_->limit)
            throw http_error{http_errc::body_too_large, "the response unpacks to more than " + std::to_string(impl_->limit) + " bytes"};
        out.append(piece, n);
        impl_->finished = rc == Z_STREAM_END;
        if (z.avail_out != 0) break;
    }
    return out;
}

}  // namespace reagent::http
