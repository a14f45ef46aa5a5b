#include "charset.hpp"

#include "../../base/text.hpp"
#include "../../base/utf8.hpp"

#include <iconv.h>
#include <boost/regex.hpp>

#include <array>
#include <cerrno>
#include <memory>

namespace reagent::detail {
namespace {

constexpr std::size_t looked_at = 4096;

[[noreturn]] void broken(const std::string& why) { throw retrieve_error{retrieve_errc::bad_passage, why}; }

struct closes {
    void operator()(void* c) const { ::iconv_close(c); }
};

std::string converted(std::string_view bytes, const std::string& charset) {
    const auto made = ::iconv_open("UTF-8", charset.c_str());
    // NOLINTNEXTLINE(performance-no-int-to-ptr): iconv's own word for a failure
    if (made == reinterpret_cast<iconv_t>(-1)) broken("its charset \"" + charset + "\" is not known");
    const std::unique_ptr<void, closes> converter{made};
    std::string out;
    std::array<char, 16 * 1024> part;
    auto* in = const_cast<char*>(bytes.data());  // iconv does not write there
    std::size_t left = bytes.size();
    while (left > 0) {
        auto* to = part.data();
        std::size_t room = part.size();
        const auto n = ::iconv(made, &in, &left, &to, &room);
        out.append(part.data(), part.size() - room);
        if (n == static_cast<std::size_t>(-1) && errno != E2BIG)
            broken("it is not in its charset \"" + charset + "\" at byte " + std::to_string(bytes.size() - left));
    }
    return out;
}

std::string declared_charset(std::string_view bytes, document_kind kind) {
    static const boost::regex html{R"(<meta[^>]{0,500}?charset\s{0,20}=\s{0,20}["']?\s{0,20}([A-Za-z0-9_.:-]{1,40}))",
                                   boost::regex::icase},
        xml{R"(\A<\?xml[^>]{0,200}?encoding\s{0,20}=\s{0,20}["']([A-Za-z0-9_.:-]{1,40}))"},
        python{R"(\A(?:[^\n]{0,500}\n)?[ \t\f]{0,20}#[^\n]{0,200}?coding[:=][ \t]{0,20}([-\w.]{1,40}))"};
    const std::string head{bytes.substr(0, looked_at)};
    boost::smatch m;
    auto by = [&](const boost::regex& r) { return boost::regex_search(head, m, r); };
    if (kind == document_kind::html ? by(xml) || by(html) : kind == document_kind::source && (by(xml) || by(python)))
        return to_lower(m[1].str());
    return "utf-8";
}

// What browsers read it as.
std::string read_as(const std::string& charset, document_kind kind) {
    if (charset == "utf8") return "utf-8";
    if (kind != document_kind::html) return charset;
    for (const char* one : {"iso-8859-1", "iso8859-1", "latin1", "latin-1", "l1", "ascii", "us-ascii"})
        if (charset == one) return "windows-1252";
    return charset.starts_with("utf-16") || charset == "unicode" ? "utf-8" : charset;  // it could not have been read
}

}  // namespace

decoded_document decoded(std::string_view bytes, document_kind kind) {
    constexpr std::pair<std::string_view, const char*> marks[]{{"\xEF\xBB\xBF", "utf-8"},
                                                               {{"\xFF\xFE\0\0", 4}, "UTF-32LE"},
                                                               {{"\0\0\xFE\xFF", 4}, "UTF-32BE"},
                                                               {"\xFF\xFE", "UTF-16LE"},
                                                               {"\xFE\xFF", "UTF-16BE"}};
    std::string charset;
    std::size_t offset = 0;
    for (const auto& [mark, of] : marks)
        if (charset.empty() && bytes.starts_with(mark)) {
            charset = of;
            offset = mark.size();
        }
    if (charset.empty()) charset = read_as(declared_charset(bytes, kind), kind);
    const auto rest = bytes.substr(offset);
    decoded_document d;
    if (charset == "utf-8") {
        if (!is_valid_utf8(rest)) broken("it is no UTF-8, and does not say what it is");
        d = {std::string{rest}, offset};
    } else
        d.text = converted(rest, charset);
    if (d.text.find('\0') != std::string::npos) broken("it has zero bytes: it is no text");
    return d;
}

}  // namespace reagent::detail
