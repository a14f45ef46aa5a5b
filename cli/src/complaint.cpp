// What is told when something goes wrong, or is interrupted.
#include "commands.hpp"

#include <reagent/error.hpp>
#include <reagent/http/shown_url.hpp>
#include <reagent/secret.hpp>

#include "runs.hpp"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>

extern char** environ;

namespace reagent::cli {
namespace {

// Passes on what is written, and knows whether a line is begun.
class line_watch final : public std::streambuf {
public:
    explicit line_watch(std::ostream& out) : out_{out}, to_{out.rdbuf(this)} {}
    ~line_watch() override { out_.rdbuf(to_); }
    bool is_within_line() const { return last_ != '\n'; }

protected:
    int_type overflow(int_type c) override {
        if (traits_type::eq_int_type(c, traits_type::eof())) return traits_type::not_eof(c);
        last_ = traits_type::to_char_type(c);
        return to_->sputc(last_);
    }
    std::streamsize xsputn(const char* text, std::streamsize n) override {
        if (n > 0) last_ = text[n - 1];
        return to_->sputn(text, n);
    }
    int sync() override { return to_->pubsync(); }

private:
    std::ostream& out_;
    std::streambuf* to_;
    char last_ = '\n';
};

line_watch& watched_output() {
    static line_watch out{std::cout};
    return out;
}
line_watch& watched_errors() {
    static line_watch out{std::cerr};
    return out;
}

bool shows_both_in_one_place() {
    struct stat out {
    }, err{};
    return ::fstat(STDOUT_FILENO, &out) == 0 && ::fstat(STDERR_FILENO, &err) == 0 && out.st_dev == err.st_dev &&
           out.st_ino == err.st_ino;
}

std::vector<secret>& addresses() {
    static std::vector<secret> all;
    return all;
}

// What a signal handler may read: no allocation, no lock.
std::array<char, 1'000> farewell{};
volatile sig_atomic_t farewell_size = 0;

void say_farewell(int) {
    [[maybe_unused]] auto told = ::write(STDERR_FILENO, farewell.data(), static_cast<std::size_t>(farewell_size));
    ::_exit(130);
}

}  // namespace

void watch_lines(int argc, char** argv) {
    watched_output();
    watched_errors();
    for (int i = 1; i < argc; ++i) {
        std::string_view given = argv[i];
        if (given.find(' ') != given.npos || given.find("//") == given.npos) continue;
        if (given.starts_with("--"))
            given.remove_prefix(std::min(given.find('=') + 1, given.size()));  // --api-base=http://...
        for (auto& s : http::secrets_of_url(given)) addresses().push_back(std::move(s));
    }
    for (auto& s : http::secrets_of_proxies()) addresses().push_back(std::move(s));
    for (char** variable = environ; *variable; ++variable) {
        std::string_view one = *variable, name = one.substr(0, one.find('='));
        if (name.ends_with("_API_KEY") && one.size() > name.size() + 6)
            addresses().emplace_back(std::string{one.substr(name.size() + 1)});
    }
}

void complain(std::string_view text) {
    std::cout.flush();
    bool within = watched_errors().is_within_line() || (watched_output().is_within_line() && shows_both_in_one_place());
    std::cerr << (within ? "\n" : "") << "reagent: " << redact(naming_journals(printable(text)), addresses())
              << std::endl;
}

CLI::Validator new_id() {
    return CLI::Validator{
        [](const std::string& value) {
            if (value.empty()) return std::string{"it is empty; give it a value, or leave the option out"};
            auto is_blank = [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); };
            if (is_blank(value.front()) || is_blank(value.back()))
                return std::string{"it begins or ends with a blank; leave that out"};
            if (redact(value, addresses()) == value) return std::string{};
            return std::string{"it holds a key, or what looks like one, and would be shown wherever the run is"};
        },
        "", "new id"};
}

void tell_when_interrupted(const std::string& text) {
    struct sigaction action {};
    action.sa_handler = SIG_DFL;
    ::sigaction(SIGINT, &action, nullptr);  // while the words change
    if (text.empty()) return;
    std::string words = "\nreagent: interrupted; " + redact(printable(text), addresses()) + "\n";
    auto size = std::min(words.size(), farewell.size());
    std::copy_n(words.begin(), size, farewell.begin());
    farewell_size = static_cast<sig_atomic_t>(size);
    action.sa_handler = say_farewell;
    ::sigaction(SIGINT, &action, nullptr);
}

void check_names(const std::vector<std::string>& known, const json::object& given, const char* what) {
    for (const auto& [name, v] : given) {
        if (std::find(known.begin(), known.end(), name) != known.end()) continue;
        std::string list;
        for (const auto& k : known) list += (list.empty() ? "" : ", ") + k;
        auto near = did_you_mean(name, known);
        throw misuse{"the program has no " + std::string{what} + " `" + std::string{name} + "`" +
                     (near.empty() ? "" : "; did you mean `" + near + "`?") + (list.empty() ? "" : " It has: " + list)};
    }
}

}  // namespace reagent::cli
