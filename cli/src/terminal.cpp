#include "commands.hpp"

#include <reagent/base/read_file.hpp>
#include <reagent/error.hpp>
#include <reagent/run/consent.hpp>

#include <unistd.h>

#include <cmath>
#include <cstdlib>
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
        throw program_error{program_errc::unreadable, "the file \"" + file + "\" cannot be read: " + e.what(), {.path = file}};
    }
}

std::string shortened(std::string s, std::size_t limit) {
    if (s.size() <= limit) return s;
    while (limit > 0 && (static_cast<unsigned char>(s[limit]) & 0xC0) == 0x80) --limit;
    s.resize(limit);
    return s + " ...";
}

CLI::Validator not_empty() {
    return CLI::Validator{[](const std::string& value) {
                              return value.empty() ? std::string{"it is empty; give it a value, or leave the option out"} : std::string{};
                          },
                          "", "not empty"};
}

CLI::Validator from_zero() {
    return CLI::Validator{[](const std::string& value) {
                              char* end = nullptr;
                              double n = std::strtod(value.c_str(), &end);
                              bool good = !value.empty() && !*end && std::isfinite(n) && n >= 0 && value.find('-') == value.npos;
                              return good ? std::string{} : "\"" + value + "\" is no number from 0";
                          },
                          "", "from 0"};
}

CLI::Validator finite() {
    return CLI::Validator{[](const std::string& value) {
                              char* end = nullptr;
                              double n = std::strtod(value.c_str(), &end);
                              return !value.empty() && !*end && std::isfinite(n) ? std::string{} : "\"" + value + "\" is no number";
                          },
                          "", "finite"};
}

std::string printable(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        auto c = static_cast<unsigned char>(text[i]);
        // C1 controls are two bytes in UTF-8: C2 80 to C2 9F.
        bool c1 = c == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0;
        std::string_view three = text.substr(i, 3);
        // Marks that turn the direction of what follows, and zero-width spaces: U+061C, U+200B, U+200E to U+202E, U+2066 to U+2069, U+FEFF.
        // Joiners stay: scripts and emoji need them.
        bool steers = three == "\xEF\xBB\xBF" || three == "\xE2\x80\x8B" ||
                      (three >= "\xE2\x80\x8E" && three <= "\xE2\x80\xAE" && (three <= "\xE2\x80\x8F" || three >= "\xE2\x80\xA8")) ||
                      (three >= "\xE2\x81\xA6" && three <= "\xE2\x81\xA9");
        if (text.substr(i, 2) == "\xD8\x9C") {
            out += visible(text.substr(i, 2));
            ++i;
        } else if (steers) {
            out += visible(three);
            i += 2;
        } else if (c1)
            out += "\\x", ++i;
        else if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
            out += c == '\r' ? "" : "^" + std::string(1, static_cast<char>(c ^ 0x40));
        else
            out += text[i];
    }
    return out;
}

}  // namespace reagent::cli
