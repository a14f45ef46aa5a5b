// Checking and compacting an index.
#include "snapshot.hpp"
#include "sums.hpp"
#include "terms.hpp"
#include "writer.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <cstring>
#include <sstream>

namespace reagent {

namespace fs = std::filesystem;
using namespace detail;

namespace {

constexpr const char* tables[]{"postlist", "docdata", "termlist", "position"};

void check_tables(const fs::path& text, const fs::path& root, std::vector<found_problem>& problems) {
    for (const char* table : tables) {
        const auto file = text / (std::string{table} + ".glass");
        if (!fs::exists(file)) {  // the others are made with their first entry
            if (std::string_view{table} == "postlist")
                problems.push_back({fs::relative(file, root).string(), "it is missing"});
            continue;
        }
        std::ostringstream told;
        std::string why;
        try {
            if (Xapian::Database::check((text / table).string(), 0, &told) > 0) why = "its blocks do not fit together";
        } catch (const Xapian::Error& e) {
            why = e.get_msg();
        }
        if (!why.empty()) problems.push_back({fs::relative(file, root).string(), why});
    }
}

}  // namespace

void detail::rethrow_naming_files(const fs::path& text) {
    const auto generation = text.parent_path();
    check_sums(generation);
    const auto told = in_child([&] {
        std::vector<found_problem> tables;
        check_tables(text, text, tables);
        return tables;
    });
    const auto problems = told.value_or(std::vector<found_problem>{});
    if (problems.empty()) rethrow_as_ours(text);
    std::string files;
    for (const auto& p : problems)
        files += (files.empty() ? "" : ", ") + (text / p.file).string() + " (" + p.what + ")";
    throw retrieve_error{retrieve_errc::corrupt, "damaged: " + files};
}

namespace {

void check_passages(const snapshot& s, const fs::path& text, const fs::path& root,
                    std::vector<found_problem>& problems) {
    const auto database = s.borrow();
    std::size_t damaged = 0;
    for (auto doc = s.passages().next(1); doc != 0; doc = s.passages().next(doc + 1)) try {
            const auto document = database->get_document(doc);
            const auto p = passage_in(document, text);
            const auto term = id_term(p.id);
            const auto found = database->postlist_begin(term);
            if (found == database->postlist_end(term) || *found != doc) ++damaged;
        } catch (const std::exception&) {
            ++damaged;
        } catch (const Xapian::Error&) {
            ++damaged;
        }
    if (damaged > 0)
        problems.push_back({fs::relative(text / "docdata.glass", root).string(),
                            std::to_string(damaged) + " passages cannot be read"});
}

void check_vectors(const snapshot& s, const fs::path& generation, const fs::path& root,
                   std::vector<found_problem>& problems) {
    if (s.rows() && s.rows()->checksum() != s.state().checksum)
        problems.push_back({fs::relative(generation / "vectors", root).string(), "its checksum is another one"});
    try {
        s.neighbours();
    } catch (const retrieve_error& e) {
        problems.push_back({fs::relative(generation / s.state().graph.file, root).string(), e.what()});
    }
}

// What reading all of it finds.
std::vector<found_problem> problems_inside(const fs::path& generation, const fs::path& root, const std::string& name) {
    std::vector<found_problem> problems;
    check_tables(generation / "text", root, problems);
    try {
        const snapshot s{generation, nullptr};
        check_passages(s, generation / "text", root, problems);
        check_vectors(s, generation, root, problems);
    } catch (const retrieve_error& e) {
        problems.push_back({name, e.what()});
    } catch (const Xapian::Error& e) {
        problems.push_back({name + "/text", e.get_msg()});
    }
    return problems;
}

}  // namespace

std::vector<found_problem> passage_index::check() const {
    std::vector<found_problem> problems;
    const writer_lock lock{folder(), std::chrono::seconds{30}};
    std::string name;
    try {
        name = generation_of(folder());
    } catch (const retrieve_error& e) {
        problems.push_back({"index.json", e.what()});
        return problems;
    }
    const auto generation = folder() / name;
    const auto known = compare_sums(generation, folder(), problems);
    const auto rest = [&] { return problems_inside(generation, folder(), name); };
    if (known == sums_are::known && problems.empty()) return rest();  // as it was written, so that Xapian reads it
    const auto told = in_child(rest);
    if (!told && problems.empty()) problems.push_back({name + "/text", "it is damaged: reading it ends in a crash"});
    for (const auto& p : told.value_or(std::vector<found_problem>{}))
        if (std::none_of(problems.begin(), problems.end(), [&](const auto& q) { return q.file == p.file; }))
            problems.push_back(p);
    return problems;
}

namespace {

void copy_passages(const snapshot& from, const fs::path& to, index_state& state) {
    const auto known = from.borrow();
    Xapian::WritableDatabase text{(to / "text").string(), Xapian::DB_OPEN | Xapian::DB_BACKEND_GLASS};
    text.begin_transaction();
    std::unique_ptr<row_appender> rows;
    if (from.rows()) rows = std::make_unique<row_appender>(to / "vectors", 0, state.options.dimensions, 0);
    std::vector<float> row(state.options.dimensions);
    for (auto doc = from.passages().next(1); doc != 0; doc = from.passages().next(doc + 1)) {
        text.add_document(known->get_document(doc));
        if (!rows) continue;
        const float* values = from.rows()->row(doc - 1);
        row.assign(values, values + row.size());
        rows->append(row);
    }
    for (auto key = known->metadata_keys_begin(source_keys); key != known->metadata_keys_end(source_keys); ++key)
        text.set_metadata(*key, known->get_metadata(*key));
    if (rows) {
        rows->sync();
        state.rows = static_cast<std::uint32_t>(rows->rows());
        state.checksum = rows->checksum();
    }
    text.set_metadata(state_key, written(state));
    text.commit_transaction();
}

}  // namespace

void passage_index::compact(writing_options options) const {
    const writer_lock lock{folder(), options.patience};
    const auto name = generation_of(folder());
    const auto next = "gen-" + std::to_string(std::stoul(name.substr(std::strlen("gen-"))) + 1);
    const auto generation = folder() / next;
    check_sums(folder() / name);
    try {
        const snapshot from{folder() / name, nullptr};
        index_state state = from.state();
        state.graph = {};
        state.rows = state.checksum = 0;
        make_generation(generation, state);
        copy_passages(from, generation, state);
        doc_set all{state.rows};
        for (std::uint32_t doc = 1; doc <= state.rows; ++doc) all.add(doc);
        state.graph = renewed_graph(generation, state, all, options.threads);
        Xapian::WritableDatabase text{(generation / "text").string(), Xapian::DB_OPEN | Xapian::DB_BACKEND_GLASS};
        text.set_metadata(state_key, written(state));
        text.commit();
        text.close();
        write_sums(generation);
        write_generation(folder(), next);
    } catch (const Xapian::Error&) {
        std::error_code ec;
        fs::remove_all(generation, ec);
        rethrow_as_ours(generation / "text");
    } catch (...) {
        std::error_code ec;
        if (generation_of(folder()) != next) fs::remove_all(generation, ec);
        throw;
    }
    std::error_code ec;
    fs::remove_all(folder() / name, ec);
}

}  // namespace reagent
