#include "answers.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstdio>

namespace reagent::fuzz {
namespace {

std::string hex(std::uint64_t n) {
    char text[20];
    std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(n));
    return text;
}

std::string gzip(const std::string& text) {
    z_stream z{};
    deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
    std::string out(compressBound(static_cast<uLong>(text.size())) + 64, '\0');
    z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    z.avail_in = static_cast<uInt>(text.size());
    z.next_out = reinterpret_cast<Bytef*>(out.data());
    z.avail_out = static_cast<uInt>(out.size());
    deflate(&z, Z_FINISH);
    out.resize(out.size() - z.avail_out);
    deflateEnd(&z);
    return out;
}

std::string chunked(choices& c, const std::string& body, bool decorated) {
    std::string out;
    for (std::size_t at = 0; at < body.size();) {
        std::size_t n = std::min(body.size() - at, 1 + c.below(c.percent(50) ? 8 : 900));
        char size[32];
        std::snprintf(size, sizeof size, c.percent(50) ? "%zx" : "%04zX", n);
        out += size;
        if (decorated && c.percent(10)) out += ";a=\"b;c\"";
        out += "\r\n" + body.substr(at, n) + "\r\n";
        at += n;
    }
    out += "0\r\n";
    if (decorated) out += "Checksum: " + std::string(c.below(60), 'x') + "\r\nContent-Encoding: gzip\r\n";
    return out + "\r\n";
}

}  // namespace

std::string mark_of(std::uint64_t nonce) {
    return "n=" + hex(nonce) + ";c=" + hex(choices::mixed(nonce ^ 0x5eed)) + ";";
}

std::optional<std::uint64_t> mark_in(std::string_view text) {
    for (auto at = text.find("n="); at != text.npos; at = text.find("n=", at + 1)) {
        std::string digits{text.substr(at + 2, 16)};
        if (digits.size() < 16 || digits.find_first_not_of("0123456789abcdef") != digits.npos) continue;
        std::uint64_t n = std::stoull(digits, nullptr, 16);
        if (text.substr(at).starts_with(mark_of(n))) return n;
    }
    return {};
}

bool holds_mark_of_another(std::string_view text, std::uint64_t nonce) {
    std::string own = mark_of(nonce);
    for (;;) {
        auto found = mark_in(text);
        if (!found) return false;
        if (*found != nonce) return true;
        text.remove_prefix(text.find(own) + own.size());
    }
}

answer valid_answer(choices& c, std::uint64_t nonce, bool head_only, bool may_redirect) {
    answer a;
    for (auto n = c.percent(15) ? 1 + c.below(3) : 0; n > 0; --n)
        a.bytes += c.percent(50) ? "HTTP/1.1 100 Continue\r\n\r\n" : "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n";
    std::string body = mark_of(nonce) + std::string(c.percent(5) ? c.below(60'000) : c.below(600), 'p');
    enum { length, chunks, decorated_chunks, eof, packed, packed_chunks, http10, redirect, kinds };
    auto kind = c.below(kinds);
    if (kind == redirect && !may_redirect) kind = length;
    if (kind == redirect) {
        a.bytes += "HTTP/1.1 307 Over There\r\nLocation: /" + mark_of(nonce) + "r\r\nContent-Length: 2\r\n\r\n";
        if (!head_only) a.bytes += "go";
        a.redirects = true;
        return a;
    }
    a.bytes += kind == http10 ? "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n" : "HTTP/1.1 200 OK\r\nDate: now\r\n";
    if (kind != http10 && c.percent(5)) {
        a.bytes += "Connection: close\r\n";
        a.keeps = false;
    }
    bool is_packed = kind == packed || kind == packed_chunks;
    std::string wire = is_packed ? gzip(body) : body;
    if (is_packed) a.bytes += "Content-Encoding: gzip\r\n";
    bool in_chunks = kind == chunks || kind == decorated_chunks || kind == packed_chunks;
    if (in_chunks)
        a.bytes += "Transfer-Encoding: chunked\r\n\r\n" + (head_only ? "" : chunked(c, wire, kind == decorated_chunks));
    else if (kind == eof) {
        a.bytes += "\r\n" + (head_only ? "" : wire);
        a.keeps = false;
        a.needs_eof = !head_only;
    } else
        a.bytes += "Content-Length: " + std::to_string(wire.size()) + "\r\n\r\n" + (head_only ? "" : wire);
    a.body = head_only ? std::string{} : body;
    return a;
}

void damage(choices& c, answer& a) {
    static constexpr std::array<std::string_view, 24> words{"\r\n",
                                                            "\r\n\r\n",
                                                            "\n",
                                                            "\r",
                                                            ":",
                                                            " ",
                                                            "0\r\n\r\n",
                                                            "ffffffffffffffff\r\n",
                                                            "1;x=y\r\nz\r\n",
                                                            "HTTP/1.1 200 OK\r\n\r\n",
                                                            "HTTP/1.1 101 x\r\n\r\n",
                                                            "HTTP/1.1 204 x\r\n\r\n",
                                                            "HTTP/1.1 304 x\r\nContent-Length: 9\r\n\r\n",
                                                            "HTTP/2 200\r\n",
                                                            "Content-Length: 5\r\n",
                                                            "Content-Length: -1\r\n",
                                                            "Content-Length: 18446744073709551615\r\n",
                                                            "Transfer-Encoding: chunked\r\n",
                                                            "Transfer-Encoding: gzip\r\n",
                                                            "Content-Encoding: gzip\r\n",
                                                            "Connection: close\r\n",
                                                            "Connection: keep-alive, upgrade\r\n",
                                                            "Location: http://other.example/\r\n",
                                                            "\x1f\x8b\x08"};
    a.body.reset();
    std::string& s = a.bytes;
    for (auto n = 1 + c.below(4); n > 0; --n) {
        std::size_t at = c.below(s.size() + 1), many = std::min(s.size() - at, c.below(40));
        switch (c.below(9)) {
            case 0:
                if (at < s.size()) s[at] = static_cast<char>(s[at] ^ (1 << c.below(8)));
                break;
            case 1: s.insert(at, std::string(1 + c.below(20), static_cast<char>(c.below(256)))); break;
            case 2: s.erase(at, many); break;
            case 3: s.insert(at, s.substr(at, many)); break;
            case 4: s.insert(at, words[c.below(words.size())]); break;
            case 5: s.resize(at); break;
            case 6: {
                auto line = s.find("\r\n");
                s.insert(line == s.npos ? at : line + 2, words[c.below(words.size())]);
                break;
            }
            case 7:
                if (c.percent(30)) s += s;
                break;
            default:
                if (c.percent(80)) break;
                s.assign(c.below(300), '\0');
                for (char& x : s) x = static_cast<char>(c.below(256));
        }
        if (s.size() > 200'000) s.resize(200'000);
    }
    if (!c.percent(2)) return;
    static constexpr std::array<std::string_view, 8> units{"a",
                                                           "a: b\r\n",
                                                           "1;x=yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\nz\r\n",
                                                           "0",
                                                           "HTTP/1.1 103 x\r\n\r\n",
                                                           "1\r\nx\r\n",
                                                           "\r\n",
                                                           "800\r\n"};
    s.resize(c.below(s.size() + 1));
    for (std::string_view unit = units[c.below(units.size())]; a.flood.size() < 4096;) a.flood += unit;
    a.flood_bytes = (1 + c.below(4)) << 20;
}

}  // namespace reagent::fuzz
