#include <reagent/tools/pdf.hpp>

#include <reagent/sandbox/process.hpp>
#include <reagent/tools/tool.hpp>

#include <unistd.h>

#include <algorithm>

namespace reagent::ready {
namespace {

constexpr const char* program = "/usr/bin/pdftotext";
constexpr std::size_t most_text = 64 * 1024 * 1024;

// Its complaints hold words of the file: the first error, shortened and without what a terminal would take as commands.
std::string first_complaint(const std::string& err) {
    const auto at = err.find("Error");  // before it stand warnings
    std::string line = err.substr(at == err.npos ? 0 : at, 200);
    line.resize(std::min(line.find('\n'), line.size()));
    std::replace_if(
        line.begin(), line.end(), [](char c) { return static_cast<unsigned char>(c) < 32 || c == 127; }, ' ');
    return line.empty() ? "pdftotext gave no reason" : line;
}

}  // namespace

bool has_pdf_reader() { return ::access(program, X_OK) == 0; }

std::string pdf_text(const std::string& bytes) {
    if (!has_pdf_reader())
        throw tool_error{tool_errc::bad_configuration,
                         std::string{"there is no "} + program + "; install the package poppler-utils"};
    sandbox::command c{.argv = {program, "-enc", "UTF-8", "-eol", "unix", "-", "-"}, .input = bytes};
    c.limit.wall_time = std::chrono::seconds{60};
    c.limit.cpu_time = std::chrono::seconds{20};
    c.limit.output_bytes = most_text;
    sandbox::outcome done;
    try {
        done = sandbox::run(c);
    } catch (const sandbox::unavailable& e) {
        throw tool_error{tool_errc::bad_configuration, std::string{"a PDF is read in the sandbox only: "} + e.what()};
    }
    auto failed = [](const std::string& why) { return std::runtime_error{"the PDF cannot be read: " + why}; };
    if (!done.exceeded.empty()) throw failed("it took more than its limit of " + done.exceeded);
    if (done.truncated) throw failed("it has more than " + std::to_string(most_text) + " bytes of text");
    if (done.signal != 0) throw failed("pdftotext died of signal " + std::to_string(done.signal));
    if (done.exit_code != 0) throw failed(first_complaint(done.err));
    return std::move(done.out);
}

}  // namespace reagent::ready
