#include "commands.hpp"

#include <reagent/base/read_file.hpp>
#include <reagent/error.hpp>
#include <reagent/run/consent.hpp>
#include <reagent/schema/render.hpp>

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

std::string printable(std::string_view text) { return visible_lines(text); }

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
