#include <reagent/journal/journal_record.hpp>

#include <reagent/base/read_file.hpp>
#include <reagent/base/write_file.hpp>
#include <reagent/error.hpp>
#include <reagent/schema/repair.hpp>

#include "../base/private_file.hpp"
#include "../base/text.hpp"

#include <boost/json.hpp>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace reagent {
namespace {

run_error unavailable(const std::string& file, const std::string& what) {
    return run_error{run_errc::journal_unavailable, "the journal \"" + file + "\" cannot be " + what, {.path = file}};
}

}  // namespace

void save_journal(const std::string& file, const journal& j, const json::object& about) {
    json::object head{{"journal", "reagent"}, {"format", journal_format}};
    for (const auto& [key, value] : about) head[key] = value;
    try {
        file_replacement out{file, detail::owners_only};
        auto records = records_of(j);
        head["records"] = records.size();  // so that a reader notices when some are lost
        out.write(json::serialize(head) + "\n");
        for (const auto& r : records) out.write(to_text(r) + "\n");
        out.commit();
    } catch (const std::system_error& e) {
        throw unavailable(file, std::string{"written: "} + e.what());
    }
}

journal_file read_journal_file(const std::string& file) {
    try {
        check_regular_file(file);  // a pipe would be waited for
    } catch (const std::system_error& e) {
        throw unavailable(file, std::string{"read: "} + e.what());
    }
    std::ifstream in{file, std::ios::binary};
    if (!in) throw unavailable(file, std::string{"read: "} + std::strerror(errno));
    journal_file found;
    journal_reader reader;
    std::size_t number = 0;
    for (std::string line; std::getline(in, line);) {
        ++number;
        if (trim(line).empty()) continue;
        auto wrong = [&](const std::string& why) {
            return run_error{
                run_errc::bad_journal, "\"" + file + "\", line " + std::to_string(number) + ": " + why, {.path = file}};
        };
        if (found.about.empty()) {
            auto head = parse_json(line);
            if (!head || !head->is_object() || !head->get_object().contains("journal") ||
                !head->get_object().contains("format"))
                throw wrong("this is no journal; the first line of one names its format");
            found.about = head->get_object();
            const auto& format = found.about.at("format");
            if (!format.is_int64() || format.get_int64() < 1 || format.get_int64() > journal_format)
                throw wrong("its format " + json::serialize(format) + " is not known here, only 1 to " +
                            std::to_string(journal_format) +
                            "; use the version of Reagent that wrote it, or a newer one");
            continue;
        }
        try {
            found.records.push_back(reader.read(line));
        } catch (const run_error& e) {
            throw wrong(e.what());
        }
    }
    if (found.about.empty())
        throw run_error{run_errc::bad_journal, "\"" + file + "\" is empty and no journal", {.path = file}};
    if (auto* told = found.about.if_contains("records"); told && *told != json::value(found.records.size()))
        throw run_error{
            run_errc::bad_journal,
            "\"" + file + "\" holds " + std::to_string(found.records.size()) + " of its " + json::serialize(*told) +
                " records: it was cut or changed. Take a whole copy; what is missing cannot be told from the rest",
            {.path = file}};
    return found;
}

std::shared_ptr<const journal> replay_from(const std::string& file) {
    return load_journal(read_journal_file(file).records).history;
}

}  // namespace reagent
