#include <reagent/module/program_store.hpp>

#include <reagent/base/write_file.hpp>
#include <reagent/schema/render.hpp>
#include <reagent/schema/repair.hpp>

#include "../base/private_file.hpp"
#include "../base/redact.hpp"
#include "../base/text.hpp"
#include "../base/utf8.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>
#include <boost/json.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <sstream>
#include <system_error>

namespace reagent {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_history = 1000;  // versions that a tag remembers
constexpr std::size_t most_digits = 15;     // of a version

std::string file_name(std::uint64_t number) {
    char name[32];
    std::snprintf(name, sizeof name, "%06llu.json", static_cast<unsigned long long>(number));
    return name;
}

std::string now_text() {
    std::time_t now = std::time(nullptr);
    std::tm utc{};
    ::gmtime_r(&now, &utc);
    char text[32];
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
    return text;
}

std::string user_name() {
    for (const char* variable : {"USER", "LOGNAME"})
        if (const char* name = std::getenv(variable); name && *name) return name;
    return "uid " + std::to_string(::getuid());
}

// Changes of one store, one after the other, also those of other processes.
class store_lock {
public:
    explicit store_lock(const fs::path& folder)
        : fd_{::open((folder / ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666)} {
        if (fd_ < 0 || ::flock(fd_, LOCK_EX) != 0) {
            std::string why = std::strerror(errno);
            if (fd_ >= 0) ::close(fd_);
            throw program_error{program_errc::unwritable,
                                "the program store \"" + folder.string() + "\" cannot be locked: " + why,
                                {.path = folder.string()}};
        }
    }
    ~store_lock() {
        ::flock(fd_, LOCK_UN);  // at once, whatever a child of this process still holds open
        ::close(fd_);
    }
    store_lock(const store_lock&) = delete;

private:
    int fd_;
};

bool is_tag(std::string_view name) {
    if (name.empty() || name.size() > 100 || name == "latest" || !std::isalpha(static_cast<unsigned char>(name[0])))
        return false;
    return std::all_of(name.begin(), name.end(),
                       [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '_'; });
}

void check_words(const char* what, std::string_view words) {
    if (detail::without_keys(words, {}) != words)
        throw program_error{program_errc::mismatch,
                            std::string{what} +
                                " holds what looks like a key, and would be shown wherever the version is; give "
                                "another one. Nothing was stored"};
}

// A model's document, wherever it stands in a program or in a member of an ensemble.
void check_models(const json::value& v, const std::string& path) {
    if (auto* a = v.if_array())
        for (std::size_t i = 0; i < a->size(); ++i) check_models((*a)[i], path + "[" + std::to_string(i) + "]");
    auto* o = v.if_object();
    if (!o) return;
    for (const auto& [name, item] : *o) {
        const std::string at = path + "." + std::string{name};
        if (name != "lm" || !item.is_object()) {
            check_models(item, at);
        } else if (detail::without(item, std::span<const secret>{}) != item)
            throw program_error{program_errc::bad_document,
                                "saved program: " + at.substr(2) +
                                    ": it holds what looks like a key, which a store would keep for good; leave it out "
                                    "of the file (keys come from the environment). Nothing was stored",
                                {.path = at}};
    }
}

void check_tag(std::string_view name) {
    if (!is_tag(name))
        throw program_error{
            program_errc::mismatch,
            "\"" + std::string{name} +
                "\" cannot be a tag: it starts with a letter, goes on with letters, digits, - and _, and is not "
                "\"latest\""};
    check_words("the tag", name);
}

}  // namespace

program_store::program_store(fs::path folder) : folder_{std::move(folder)} {
    std::error_code ec;
    fs::create_directories(folder_ / "versions", ec);
    if (!ec) fs::create_directories(folder_ / "tags", ec);
    if (ec)
        throw program_error{program_errc::unwritable,
                            "the program store \"" + folder_.string() + "\" cannot be made: " + ec.message(),
                            {.path = folder_.string()}};
}

std::vector<std::uint64_t> program_store::numbers() const {
    std::vector<std::uint64_t> all;
    std::error_code ec;
    for (const auto& f : fs::directory_iterator{folder_ / "versions", ec}) {
        std::string name = f.path().filename().string();
        if (name.size() < 6 || name.size() > 5 + most_digits) continue;
        auto number = std::strtoull(name.c_str(), nullptr, 10);
        if (number > 0 && name == file_name(number))
            all.push_back(number);  // what the store would not have named is not its own
    }
    std::sort(all.begin(), all.end());
    return all;
}

std::uint64_t program_store::put(const saved_program& program, const program_remarks& about) {
    check_words("the name of who made it", about.who);
    check_words("the remark", about.what);
    json::object document = program.document();
    check_models(document, "$");
    store_lock lock{folder_};
    for (const char* part : {"versions", "tags"}) sweep_temporaries(folder_ / part);
    auto known = numbers();
    std::uint64_t number = known.empty() ? 1 : known.back() + 1;
    json::object note{{"when", now_text()}, {"who", about.who.empty() ? user_name() : about.who}, {"what", about.what}};
    if (about.score) note["score"] = *about.score;
    if (!document.contains("metadata")) document["metadata"] = json::object{{"dependency_versions", json::object{}}};
    auto& metadata = document.at("metadata").as_object();
    if (!metadata.contains("reagent") || !metadata.at("reagent").is_object()) metadata["reagent"] = json::object{};
    metadata.at("reagent").as_object()["version"] = std::move(note);
    const saved_program version{std::move(document)};
    const auto file = folder_ / "versions" / file_name(number);
    try {
        file_replacement out{file, detail::owners_only};
        out.write(detail::valid_utf8(dump_pretty_json(version.document())) + "\n");
        out.commit();
    } catch (const std::system_error& e) {
        throw program_error{program_errc::unwritable,
                            "the program file \"" + file.string() + "\" cannot be written: " + e.what(),
                            {.path = file.string()}};
    }
    return number;
}

std::vector<std::uint64_t> program_store::history(const std::string& tag) const {
    auto file = folder_ / "tags" / tag;
    std::error_code ec;
    if (!fs::exists(file, ec)) return {};
    if (!fs::is_regular_file(file, ec))  // a FIFO would be waited for
        throw program_error{program_errc::unreadable,
                            "the tag file \"" + file.string() + "\" is no regular file",
                            {.path = file.string()}};
    std::ifstream in{file};
    std::vector<std::uint64_t> all;
    for (std::string line; std::getline(in, line);) {
        bool number = !line.empty() && line.size() <= most_digits && line.find_first_not_of("0123456789") == line.npos;
        if (!number || all.size() == 10 * most_history)
            throw program_error{program_errc::unreadable,
                                "the tag file \"" + file.string() + "\" is damaged: line " +
                                    std::to_string(all.size() + 1) + " is no version; set the tag \"" + tag + "\" anew",
                                {.path = file.string()}};
        all.push_back(std::strtoull(line.c_str(), nullptr, 10));
    }
    return all;
}

void program_store::set_history(const std::string& tag, const std::vector<std::uint64_t>& numbers) const {
    auto file = folder_ / "tags" / tag;
    std::string lines;
    for (auto n : numbers) lines += std::to_string(n) + "\n";
    try {
        write_file(file, lines);
    } catch (const std::system_error& e) {
        throw program_error{program_errc::unwritable,
                            "the tag file \"" + file.string() + "\" cannot be written: " + e.what(),
                            {.path = file.string()}};
    }
}

std::uint64_t program_store::number_of(std::string_view which) const {
    auto all = numbers();
    if (all.empty())
        throw program_error{program_errc::mismatch,
                            "there is no program in the store \"" + folder_.string() + "\" yet"};
    if (which == "latest" || which.empty()) return all.back();
    std::uint64_t number = 0;
    if (which.find_first_not_of("0123456789") == which.npos && which.size() < 19)
        number = std::strtoull(std::string{which}.c_str(), nullptr, 10);
    else if (is_tag(which)) {
        auto past = history(std::string{which});
        if (past.empty()) {
            std::vector<std::string> tags;
            std::error_code ec;
            for (const auto& f : fs::directory_iterator{folder_ / "tags", ec})
                tags.push_back(f.path().filename().string());
            auto near = did_you_mean(which, tags);
            throw program_error{program_errc::mismatch, "the store \"" + folder_.string() + "\" has no tag \"" +
                                                            std::string{which} + "\"" +
                                                            (near.empty() ? "" : "; did you mean \"" + near + "\"?")};
        }
        number = past.back();
    } else
        check_tag(which);
    if (!std::binary_search(all.begin(), all.end(), number))
        throw program_error{program_errc::mismatch, "the store \"" + folder_.string() + "\" has no version " +
                                                        std::to_string(number) + "; the latest is " +
                                                        std::to_string(all.back())};
    return number;
}

saved_program program_store::get(std::string_view which) const {
    return saved_program::load(folder_ / "versions" / file_name(number_of(which)));
}

std::vector<program_version> program_store::list() const {
    std::map<std::uint64_t, std::vector<std::string>> tags;
    std::error_code ec;
    for (const auto& f : fs::directory_iterator{folder_ / "tags", ec}) {
        std::string name = f.path().filename().string();
        if (!is_tag(name)) continue;
        try {
            if (auto past = history(name); !past.empty()) tags[past.back()].push_back(name);
        } catch (const program_error&) {  // told to whoever asks for that tag
        }
    }
    std::vector<program_version> all;
    for (auto n : numbers()) {
        program_version v{.number = n};
        v.tags = tags[n];
        std::sort(v.tags.begin(), v.tags.end());
        std::optional<saved_program> program;
        try {
            program = saved_program::load(folder_ / "versions" / file_name(n));
            v.hash = program->hash();
        } catch (const program_error& e) {
            v.problem = e.what();
        }
        if (const auto* about = program ? program->addition("version") : nullptr; about && about->is_object()) {
            const auto& o = about->get_object();
            auto text = [&](const char* key) {
                const auto* t = o.if_contains(key);
                return t && t->is_string() ? std::string{std::string_view{t->get_string()}} : std::string{};
            };
            v.when = text("when"), v.who = text("who"), v.what = text("what");
            if (const auto* score = o.if_contains("score"); score && score->is_number())
                v.score = score->to_number<double>();
        }
        all.push_back(std::move(v));
    }
    return all;
}

void program_store::tag(std::string_view name, std::uint64_t version) {
    check_tag(name);
    store_lock lock{folder_};
    for (const char* part : {"versions", "tags"}) sweep_temporaries(folder_ / part);
    get(std::to_string(version));  // what cannot be loaded is not what anybody wants
    std::vector<std::uint64_t> past;
    try {
        past = history(std::string{name});
    } catch (const program_error&) {  // damaged: begun anew
    }
    if (!past.empty() && past.back() == version) return;
    past.push_back(version);
    if (past.size() > most_history) past.erase(past.begin());
    set_history(std::string{name}, past);
}

void program_store::untag(std::string_view name) {
    check_tag(name);
    store_lock lock{folder_};
    std::error_code ec;
    if (!fs::remove(folder_ / "tags" / name, ec))
        throw program_error{program_errc::mismatch,
                            "the store \"" + folder_.string() + "\" has no tag \"" + std::string{name} + "\""};
}

std::uint64_t program_store::roll_back(std::string_view name) {
    check_tag(name);
    store_lock lock{folder_};
    auto past = history(std::string{name});
    if (past.size() < 2)
        throw program_error{program_errc::mismatch,
                            past.empty()
                                ? "the store \"" + folder_.string() + "\" has no tag \"" + std::string{name} + "\""
                                : "the tag \"" + std::string{name} + "\" never pointed elsewhere"};
    past.pop_back();
    get(std::to_string(past.back()));
    set_history(std::string{name}, past);
    return past.back();
}

std::shared_ptr<const parameters> live_parameters::current() const {
    std::lock_guard lock{mutex_};
    return current_;
}

void live_parameters::swap(parameters p) {
    auto fresh = std::make_shared<const parameters>(std::move(p));
    std::lock_guard lock{mutex_};
    current_.swap(fresh);
    version_ = 0;
}

bool live_parameters::follow(const program_store& store, std::string_view tag, const module& program, bool models) {
    auto number = store.number_of(tag);
    {
        std::lock_guard lock{mutex_};
        if (number == version_) return false;
    }
    auto fresh = std::make_shared<const parameters>(from_saved(program, store.get(std::to_string(number)), models));
    std::lock_guard lock{mutex_};
    current_.swap(fresh);
    version_ = number;
    return true;
}

}  // namespace reagent
