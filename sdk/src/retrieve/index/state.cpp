#include "state.hpp"

#include <reagent/base/read_file.hpp>
#include <reagent/base/write_file.hpp>

#include <sys/stat.h>
#include <boost/json.hpp>

#include <limits>
#include <system_error>

namespace reagent::detail {
namespace {

namespace fs = std::filesystem;

constexpr const char* format_name = "reagent index";

const char* word_of(similarity s) { return s == similarity::dot ? "dot" : "cosine"; }

[[noreturn]] void damaged(const fs::path& where, const std::string& what) {
    throw retrieve_error{retrieve_errc::corrupt, where.string() + " is damaged: " + what};
}

// Members of a state, each of which has to be there.
class state_reader {
public:
    state_reader(const json::object& o, const fs::path& where) : object_{o}, where_{where} {}

    std::string text(const char* name) const {
        const auto& v = at(name);
        if (!v.is_string()) damaged(where_, std::string{name} + " is no text");
        return std::string{v.get_string()};
    }
    std::uint64_t number(const char* name, std::uint64_t most = std::numeric_limits<std::uint32_t>::max()) const {
        boost::system::error_code ec;
        const auto n = at(name).to_number<std::uint64_t>(ec);
        if (ec || n > most) damaged(where_, std::string{name} + " is no such number");
        return n;
    }
    std::uint32_t small(const char* name) const { return static_cast<std::uint32_t>(number(name)); }
    const json::object& object(const char* name) const {
        const auto& v = at(name);
        if (!v.is_object()) damaged(where_, std::string{name} + " is no object");
        return v.get_object();
    }

private:
    const json::value& at(const char* name) const {
        const auto* v = object_.if_contains(name);
        if (!v) damaged(where_, std::string{name} + " is missing");
        return *v;
    }

    const json::object& object_;
    const fs::path& where_;
};

}  // namespace

std::string written(const index_state& s) {
    json::object fields;
    for (const auto& [name, slot] : s.fields) fields[name] = slot;
    json::object graph{
        {"file", s.graph.file}, {"rows", s.graph.rows}, {"checksum", s.graph.checksum}, {"effort", s.graph.effort}};
    return json::serialize(json::object{{"language", s.options.language},
                                        {"embedder", s.options.embedder},
                                        {"dimensions", s.options.dimensions},
                                        {"similarity", word_of(s.options.by)},
                                        {"rows", s.rows},
                                        {"checksum", s.checksum},
                                        {"graph", std::move(graph)},
                                        {"fields", std::move(fields)},
                                        {"settings", s.settings}});
}

index_state state_from(const std::string& text, const fs::path& where) {
    boost::system::error_code ec;
    const auto v = json::parse(text, ec);
    if (ec || !v.is_object()) damaged(where, "it has no state of an index");
    const state_reader all{v.get_object(), where};
    index_state s;
    s.options = {all.text("language"), all.text("embedder"), all.number("dimensions"),
                 all.text("similarity") == "dot" ? similarity::dot : similarity::cosine};
    s.rows = all.small("rows");
    s.checksum = all.small("checksum");
    const state_reader graph{all.object("graph"), where};
    s.graph = {graph.text("file"), graph.small("rows"), graph.small("checksum"), graph.number("effort")};
    if (s.graph.file.find('/') != std::string::npos || s.graph.rows > s.rows)
        damaged(where, "its graph is not its own");
    const state_reader fields{all.object("fields"), where};
    for (const auto& [name, slot] : all.object("fields"))
        s.fields[std::string{name}] = fields.small(std::string{name}.c_str());
    s.settings = all.object("settings");
    return s;
}

std::string generation_of(const fs::path& folder) {
    const auto file = folder / "index.json";
    std::string text;
    try {
        text = read_file(file, 64 * 1024);
    } catch (const std::system_error& e) {
        if (e.code() != std::errc::no_such_file_or_directory && e.code() != std::errc::not_a_directory)
            throw retrieve_error{retrieve_errc::unwritable, file.string() + " cannot be read: " + e.what()};
        throw retrieve_error{retrieve_errc::not_an_index,
                             "\"" + folder.string() + "\" is no index: it has no index.json"};
    }
    boost::system::error_code ec;
    const auto v = json::parse(text, ec);
    if (ec || !v.is_object()) damaged(file, "it is no JSON object");
    const state_reader all{v.get_object(), file};
    if (all.text("format") != format_name) damaged(file, "it is of another format");
    if (const auto version = all.number("version"); version != index_version)
        throw retrieve_error{retrieve_errc::unknown_version,
                             "\"" + folder.string() + "\" has version " + std::to_string(version) +
                                 " of the format, and this program reads " + std::to_string(index_version)};
    const auto name = all.text("generation");
    if (!name.starts_with("gen-") || name.find('/') != std::string::npos) damaged(file, "its generation is none");
    return name;
}

void write_generation(const fs::path& folder, const std::string& name) {
    const json::object o{{"format", format_name}, {"version", index_version}, {"generation", name}};
    try {
        write_file(folder / "index.json", json::serialize(o) + "\n");
    } catch (const std::system_error& e) {
        throw retrieve_error{retrieve_errc::unwritable,
                             (folder / "index.json").string() + " cannot be written: " + e.what()};
    }
}

file_stamp stamp_of(const fs::path& file) {
    struct stat s {};
    if (::stat(file.c_str(), &s) != 0) return {};
    return {s.st_ino, static_cast<std::uint64_t>(s.st_size), s.st_mtim.tv_sec * 1'000'000'000 + s.st_mtim.tv_nsec};
}

}  // namespace reagent::detail
