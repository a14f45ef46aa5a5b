#include <reagent/retrieve/index.hpp>

#include "first_index.hpp"
#include "snapshot.hpp"
#include "sums.hpp"
#include "terms.hpp"
#include "writer.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <mutex>
#include <sstream>

namespace reagent {

namespace fs = std::filesystem;
using namespace detail;

struct passage_index::impl {
    explicit impl(fs::path f) : folder{std::move(f)} {}

    struct stamps {
        file_stamp generation, commit;
        bool operator==(const stamps&) const = default;
    };

    std::shared_ptr<const snapshot> current(std::string& generation);
    void check_unless_changing(const std::string& of_it) const;
    template <class Work>
    auto reading(Work work);

    const fs::path folder, named_in = folder / "index.json";
    fs::path commit_file;  // of the generation
    std::mutex mutex;
    std::string generation;
    std::shared_ptr<const snapshot> latest;
    stamps taken;
};

// Looks whether there has been a commit since, which gives its file another inode. @param of_it the generation, also
// when this fails
std::shared_ptr<const snapshot> passage_index::impl::current(std::string& of_it) {
    std::lock_guard lock{mutex};
    stamps now{stamp_of(named_in), {}};
    if (!latest || !(now.generation == taken.generation)) {
        generation = generation_of(folder);
        commit_file = folder / generation / "text" / "iamglass";
    }
    of_it = generation;
    now.commit = stamp_of(commit_file);
    if (!latest || !(now == taken)) {
        latest = std::make_shared<const snapshot>(folder / generation, latest.get());
        taken = now;
    }
    return latest;
}

// A damaged number of a commit looks like a newer one. @throws retrieve_error(corrupt)
void passage_index::impl::check_unless_changing(const std::string& of_it) const {
    std::optional<writer_lock> lock;
    try {
        lock.emplace(folder, std::chrono::milliseconds{0});
    } catch (const retrieve_error&) {  // somebody writes
        return;
    }
    check_sums(folder / of_it);
}

// A reader that was overtaken by two commits, or by a compaction, starts again.
template <class Work>
auto passage_index::impl::reading(Work work) {
    constexpr int most_attempts = 100;
    for (int attempt = 1;; ++attempt) {
        std::string of_it;
        auto is_current = [&] { return attempt == most_attempts || generation_of(folder) == of_it; };
        try {
            return work(*current(of_it));
        } catch (const Xapian::DatabaseModifiedError& e) {
            if (attempt == most_attempts) check_unless_changing(of_it);
            if (attempt == most_attempts)
                throw retrieve_error{retrieve_errc::locked,
                                     "\"" + folder.string() + "\" changes faster than it can be read: " + e.get_msg()};
            std::lock_guard lock{mutex};
            latest = nullptr;
        } catch (const Xapian::Error&) {
            if (is_current()) rethrow_naming_files(folder / of_it / "text");
        } catch (const retrieve_error& e) {
            if (!is_current()) continue;
            if (e.code() == retrieve_errc::corrupt) check_unless_changing(of_it);  // another file may be to blame
            throw;
        }
    }
}

passage_index passage_index::create(const fs::path& folder, index_options options) {
    index_state state;
    state.options = std::move(options);
    if (state.options.dimensions > 65'536)
        throw retrieve_error{retrieve_errc::bad_options, "vectors have at most 65536 numbers"};
    if (state.options.embedder.empty() && state.options.dimensions > 0)
        throw retrieve_error{retrieve_errc::bad_options, "vectors have a length but no embedder: say whose they are"};
    static_cast<void>(stemmer_for(state.options.language));
    std::error_code ec;
    fs::create_directories(folder, ec);
    if (!fs::is_directory(folder, ec))
        throw retrieve_error{retrieve_errc::unwritable, "\"" + folder.string() + "\" cannot be made a folder"};
    auto refuse_one_there = [&] {
        if (fs::exists(folder / "index.json"))
            throw retrieve_error{retrieve_errc::bad_options, "\"" + folder.string() + "\" is an index already"};
    };
    refuse_one_there();
    check_place(folder);
    const writer_lock lock{folder, std::chrono::seconds{30}};
    refuse_one_there();
    try {
        make_generation(folder / "gen-1", state);
    } catch (const Xapian::Error&) {
        rethrow_as_ours(folder / "gen-1" / "text");
    }
    write_generation(folder, "gen-1");
    return open(folder);
}

passage_index passage_index::open(const fs::path& folder) {
    passage_index opened{std::make_shared<impl>(folder)};
    opened.impl_->reading([](const snapshot&) { return 0; });
    return opened;
}

const fs::path& passage_index::folder() const { return impl_->folder; }

index_manifest passage_index::manifest() const {
    return impl_->reading([&](const snapshot& s) {
        index_manifest m{.options = s.state().options,
                         .passages = s.size(),
                         .graph_rows = s.state().graph.rows,
                         .settings = s.state().settings};
        if (s.rows()) m.removed = s.state().rows - s.size();
        std::error_code ec;
        for (const auto& entry : fs::recursive_directory_iterator{impl_->folder, ec})
            if (entry.is_regular_file(ec)) m.bytes += entry.file_size(ec);
        return m;
    });
}

std::optional<passage> passage_index::get(const std::string& id) const {
    return impl_->reading([&](const snapshot& s) { return s.get(id); });
}

std::uint64_t passage_index::count(const filter& where) const {
    return impl_->reading([&](const snapshot& s) -> std::uint64_t {
        const auto fitting = s.matching(where);
        return fitting ? fitting->size() : s.size();
    });
}

std::vector<passage> passage_index::by_words(const std::string& query, std::size_t k, const filter& where,
                                             query_syntax syntax) const {
    return impl_->reading([&](const snapshot& s) { return s.by_words(query, k, where, syntax); });
}

std::vector<passage> passage_index::by_vector(const std::vector<float>& query, std::size_t k,
                                              const filter& where) const {
    return impl_->reading([&](const snapshot& s) { return s.by_vector(query, k, where, false); });
}

std::vector<passage> passage_index::by_vector_exactly(const std::vector<float>& query, std::size_t k,
                                                      const filter& where) const {
    return impl_->reading([&](const snapshot& s) { return s.by_vector(query, k, where, true); });
}

std::vector<std::vector<float>> passage_index::vectors_of(const std::vector<std::string>& ids) const {
    return impl_->reading([&](const snapshot& s) { return s.vectors_of(ids); });
}

std::map<std::string, json::object> passage_index::sources() const {
    return impl_->reading([&](const snapshot& s) { return s.sources(); });
}

}  // namespace reagent
