#include "unpack.hpp"

#include <reagent/error.hpp>

#include <zlib.h>

#include <stdexcept>

namespace reagent::http {

struct unpacker::impl {
    z_stream stream{};
    std::size_t limit = 0, written = 0;
    std::string what;
    bool begun = false, gzip = false, finished = false, later_member = false;

    [[noreturn]] void malformed(const std::string& how) const {
        throw http_error{
            http_errc::malformed_response, "the compressed response of " + what + " " + how, {.attempted = what}};
    }

    // A gzip body may be several members, one behind the other (RFC 1952, section 2.2).
    void begin_member() {
        if (!gzip) malformed("goes on behind its end");
        constexpr int gzip_only = 15 + 16;
        if (inflateReset2(&stream, gzip_only) != Z_OK) throw std::bad_alloc{};
        finished = false;
        later_member = true;
    }
};

unpacker::unpacker(std::size_t limit, std::string what) : impl_{std::make_unique<impl>()} {
    impl_->limit = limit;
    impl_->what = std::move(what);
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
    if (!impl_->begun && !packed.empty()) {
        impl_->begun = true;
        impl_->gzip = packed[0] == '\x1f';
    }
    char piece[16384];
    for (;;) {
        if (impl_->finished && z.avail_in == 0) break;
        if (impl_->finished) impl_->begin_member();
        z.next_out = reinterpret_cast<Bytef*>(piece);
        z.avail_out = sizeof piece;
        int rc = inflate(&z, Z_NO_FLUSH);
        if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
            impl_->malformed(impl_->later_member && z.total_out == 0 ? "goes on behind its end" : "is broken");
        std::size_t n = sizeof piece - z.avail_out;
        impl_->written += n;
        if (impl_->written > impl_->limit)
            throw http_error{
                http_errc::body_too_large,
                "the response of " + impl_->what + " unpacks to more than " + std::to_string(impl_->limit) + " bytes",
                {.attempted = impl_->what}};
        out.append(piece, n);
        impl_->finished = rc == Z_STREAM_END;
        if (!impl_->finished && z.avail_out != 0) break;
    }
    return out;
}

}  // namespace reagent::http
