#include "commands.hpp"
#include "subject.hpp"

#include <reagent/base/read_file.hpp>
#include <reagent/error.hpp>
#include <reagent/run/consent.hpp>
#include <reagent/schema/render.hpp>

#include <unistd.h>

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <system_error>

namespace reagent::cli {

// NO_COLOR: no-color.org.
terminal::terminal(bool to_stderr)
    : colours_{isatty(to_stderr ? STDERR_FILENO : STDOUT_FILENO) && !std::getenv("NO_COLOR") &&
               !(std::getenv("TERM") && std::string{std::getenv("TERM")} == "dumb")} {}

std::string text_of(const std::string& file) {
    constexpr std::uint64_t most = 256 * 1024 * 1024;
    try {
        return read_file(file, most, pipes::read);
    } catch (const std::system_error& e) {
        throw program_error{
            program_errc::unreadable, "the file \"" + file + "\" cannot be read: " + e.what(), {.path = file}};
    }
}

void check_is_file(const std::string& option, const std::string& path) {
    std::error_code ec;
    auto kind = std::filesystem::status(path, ec).type();
    if (ec || kind == std::filesystem::file_type::not_found || kind == std::filesystem::file_type::regular) return;
    const char* what = kind == std::filesystem::file_type::fifo        ? "a pipe"
                       : kind == std::filesystem::file_type::directory ? "a folder"
                       : kind == std::filesystem::file_type::socket    ? "a socket"
                                                                       : "a device";
    throw misuse{option + ": \"" + path + "\" is " + what + ", not a file; name a file"};
}

void check_folder(const std::string& option, const std::string& path) {
    const std::filesystem::path file{path};
    std::error_code ec;
    if (std::filesystem::exists(file, ec)) return;
    const std::string place = option + ": \"" + path + "\" ";
    if (std::filesystem::is_symlink(file, ec)) throw misuse{place + "is a link that leads to nothing; name a file"};
    const auto folder = file.has_parent_path() ? file.parent_path() : std::filesystem::path{"."};
    if (!std::filesystem::is_directory(folder, ec))
        throw misuse{place + "cannot be written: there is no folder \"" + folder.string() + "\"; make it first"};
    if (::access(folder.c_str(), W_OK | X_OK) != 0)
        throw misuse{place + "cannot be written: you may not write into the folder \"" + folder.string() + "\""};
}

std::string shortened(std::string s, std::size_t limit) {
    if (s.size() <= limit) return s;
    while (limit > 0 && (static_cast<unsigned char>(s[limit]) & 0xC0) == 0x80) --limit;
    s.resize(limit);
    return s + " ...";
}

CLI::Validator not_empty() {
    return CLI::Validator{
        [](const std::string& value) {
            return value.empty() ? std::string{"it is empty; give it a value, or leave the option out"} : std::string{};
        },
        "", "not empty"};
}

namespace {

template <class Number>
std::string range_text(Number least, Number most, bool open) {
    std::ostringstream text;
    text << "from " << least;
    if (!open) text << " to " << most;
    return text.str();
}

}  // namespace

CLI::Validator whole_number(std::uint64_t least, std::uint64_t most) {
    std::string range = range_text(least, most, most >= std::uint64_t{1} << 31);
    return CLI::Validator{[=](const std::string& value) {
                              std::uint64_t n = 0;
                              auto end = value.data() + value.size();
                              auto read = std::from_chars(value.data(), end, n);
                              bool good = read.ec == std::errc{} && read.ptr == end && n >= least && n <= most;
                              return good ? std::string{}
                                          : "takes a whole number " + range + ", not \"" + visible(value) + "\"";
                          },
                          "", range};
}

CLI::Validator number(double least, double most) {
    std::string range = range_text(least, most, most >= 1e18);
    return CLI::Validator{
        [=](const std::string& value) {
            double n = 0;
            auto end = value.data() + value.size();
            auto read = std::from_chars(value.data(), end, n);
            bool good = read.ec == std::errc{} && read.ptr == end && std::isfinite(n) && n >= least && n <= most;
            return good ? std::string{} : "takes a number " + range + ", not \"" + visible(value) + "\"";
        },
        "", range};
}

CLI::Validator finite() {
    return CLI::Validator{[](const std::string& value) {
                              char* end = nullptr;
                              double n = std::strtod(value.c_str(), &end);
                              return !value.empty() && !*end && std::isfinite(n) ? std::string{}
                                                                                 : "\"" + value + "\" is no number";
                          },
                          "", "finite"};
}

std::string printable(std::string_view text) { return visible_lines(text); }

std::string with_unseen_escaped(const std::string& text) {
    std::string out;
    for (std::size_t i = 0; i < text.size();) {
        auto lead = static_cast<unsigned char>(text[i]);
        std::size_t n = lead < 0x80 ? 1 : lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
        std::string_view one = std::string_view{text}.substr(i, n);
        i += n;
        if ((n == 1 && lead != 0x7F) || visible_lines(one) == one) {  // of ASCII only DEL stands in JSON as it is
            out += one;
            continue;
        }
        unsigned point = n == 1 ? lead : lead & (0xFFu >> (n + 1));
        for (char c : one.substr(1)) point = point << 6 | (static_cast<unsigned char>(c) & 0x3Fu);
        auto escape = [&](unsigned unit) {
            static constexpr char hex[] = "0123456789abcdef";
            out += "\\u";
            for (int shift = 12; shift >= 0; shift -= 4) out += hex[unit >> shift & 15];
        };
        if (point >= 0x10000) {
            escape(0xD800 + ((point - 0x10000) >> 10));
            escape(0xDC00 + ((point - 0x10000) & 0x3FF));
        } else
            escape(point);
    }
    return out;
}

std::string shown_json(const boost::json::value& v) {
    std::string text = dump_strict_json(v);
    return isatty(STDOUT_FILENO) ? with_unseen_escaped(text) : text;
}

std::string answer_text(const boost::json::value& v, bool alone) {
    std::string text = printable(v.is_structured() ? dump_json(v) : python_str(v));
    return alone ? text : indented(text, "  ");
}

std::string indented(std::string_view text, std::string_view by) {
    std::string out;
    for (char c : text) {
        out += c;
        if (c == '\n') out += by;
    }
    return out;
}

}  // namespace reagent::cli
