// Where durable runs are kept, how a command names that, and words about a run that every command has.
#include "runs.hpp"

#include <reagent/run/consent.hpp>
#include <reagent/schema/render.hpp>

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <random>

namespace reagent::cli {

int exit_code(run_status s) {
    switch (s) {
        case run_status::finished: return 0;
        case run_status::awaiting_approval:
        case run_status::outcome_unknown: return 3;
        default: return 1;
    }
}

std::string halted_text(const stored_run& r) {
    std::string text = "run " + visible_name(r.id) + " is " + std::string{to_string(r.status)};
    return r.error.empty() ? text : text + ": " + indented(r.error, "  ");
}

std::string time_text(std::chrono::system_clock::time_point t) {
    std::time_t seconds = std::chrono::system_clock::to_time_t(t);
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    char text[40];
    std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%SZ", &parts);
    return text;
}

std::string random_id() {
    std::random_device device;
    std::string id;
    for (int i = 0; i < 8; ++i) id += "0123456789abcdefghjkmnpqrstvwxyz"[device() % 32];
    return id;
}

std::string default_journals() {
    const char* where = std::getenv("REAGENT_JOURNALS");
    return where && *where ? where : "reagent-runs.db";
}

namespace {

// What SQLite would keep in memory, or read as an address: nothing of it is there when this process has ended.
void check_is_kept(const std::string& where) {
    std::string_view place = where;
    if (place.starts_with("sqlite:")) place.remove_prefix(7);
    if (place.empty() || place == ":memory:" || place.starts_with("file:"))
        throw misuse{"--journals \"" + where +
                     "\" names no file that is kept: give the path of a file, as runs.db, or postgresql://..."};
}

}  // namespace

void check_there(const std::string& where) {
    std::string place = where.empty() ? default_journals() : where;
    check_is_kept(place);
    bool file = place.find("://") == place.npos && !place.starts_with("host=") && !place.starts_with("dbname=");
    if (file && !std::filesystem::exists(place.starts_with("sqlite:") ? place.substr(7) : place))
        throw std::runtime_error{"there are no journals in \"" + place +
                                 "\"; name them with --journals, or in $REAGENT_JOURNALS"};
}

void want_journals(const std::string& option, const std::string& value) {
    const char* where = std::getenv("REAGENT_JOURNALS");
    if (!where || !*where)
        throw misuse{option + " " + shell_word(value) +
                     " needs --journals: the file, or the database, that keeps the run; $REAGENT_JOURNALS "
                     "names it as well"};
}

std::string with_journals(const std::string& where) {
    if (where.empty()) return {};
    bool file = where.find("://") == where.npos && !where.starts_with("host=") && !where.starts_with("dbname=");
    return file ? " --journals " + shell_word(where) : ", with the same --journals";
}

namespace {

std::string& journals_given() {
    static std::string where;
    return where;
}

}  // namespace

std::string naming_journals(std::string text) {
    const auto& where = journals_given();
    if (where.empty()) return text;
    std::string option = with_journals(where);
    if (!option.starts_with(" --")) option = " --journals postgresql://...";  // an address may hold a password
    constexpr std::string_view begins = "reagent runs ";
    for (std::size_t at = 0; (at = text.find(begins, at)) != text.npos;) {
        at += begins.size();
        while (at < text.size() && text[at] >= 'a' && text[at] <= 'z')
            ++at;  // its name: an option may stand right behind it
        auto line = std::string_view{text}.substr(at, text.find('\n', at) - at);
        if (at == text.size() || text[at] != ' ' ||
            line.substr(0, line.find("reagent runs ")).find("--journals") != line.npos)
            continue;
        text.insert(at, option);
        at += option.size();
    }
    return text;
}

std::shared_ptr<journal_store> open_journals(const std::string& where, journal_access access,
                                             journal_store_options options) {
    journals_given() = where;
    check_is_kept(where.empty() ? default_journals() : where);
    if (access != journal_access::create) check_there(where);
    options.access = access;
    return journal_store::open(where.empty() ? default_journals() : where, std::move(options));
}

}  // namespace reagent::cli
