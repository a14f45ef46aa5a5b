#include "writer.hpp"

#include "sums.hpp"
#include "terms.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <boost/json.hpp>

#include <algorithm>
#include <cstring>
#include <thread>
#include <utility>

namespace reagent {
namespace detail {

namespace fs = std::filesystem;

writer_lock::writer_lock(const fs::path& folder, std::chrono::milliseconds patience) {
    const auto file = folder / "lock";
    auto open = [&] {
        fd_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666);
        if (fd_ < 0)
            throw retrieve_error{retrieve_errc::unwritable,
                                 file.string() + " cannot be opened: " + std::strerror(errno)};
    };
    // A first build that failed takes its lock away.
    auto is_there = [&] {
        struct stat ours {
        }, named{};
        return ::fstat(fd_, &ours) == 0 && ::stat(file.c_str(), &named) == 0 && ours.st_ino == named.st_ino &&
               ours.st_dev == named.st_dev;
    };
    open();
    const auto end = std::chrono::steady_clock::now() + patience;
    for (;;) {
        if (::flock(fd_, LOCK_EX | LOCK_NB) == 0) {
            if (is_there()) return;
            ::close(std::exchange(fd_, -1));
            open();
            continue;
        }
        const int error = errno;
        if (error != EWOULDBLOCK || std::chrono::steady_clock::now() >= end) {
            ::close(fd_);
            if (error == EWOULDBLOCK)
                throw retrieve_error{retrieve_errc::locked, "\"" + folder.string() + "\" has another writer"};
            throw retrieve_error{retrieve_errc::unwritable,
                                 file.string() + " cannot be locked: " + std::strerror(error)};
        }
        std::this_thread::sleep_for(std::chrono::milliseconds{20});
    }
}

writer_lock::~writer_lock() { ::close(fd_); }

void sweep_index(const fs::path& folder, const std::string& generation, const std::string& graph) {
    std::error_code ec;
    for (const auto& entry : fs::directory_iterator{folder, ec})
        if (entry.path().filename().string().starts_with("gen-") && entry.path().filename() != generation)
            fs::remove_all(entry.path(), ec);
    for (const auto& entry : fs::directory_iterator{folder / generation, ec})
        if (entry.path().filename().string().starts_with("graph-") && entry.path().filename() != graph)
            fs::remove(entry.path(), ec);
}

graph_state renewed_graph(const fs::path& generation, const index_state& state, const doc_set& passages,
                          unsigned threads) {
    constexpr std::size_t samples = 100, tuned_for = 10, fewest_outside = 5'000;
    const auto& old = state.graph;
    const std::size_t count = passages.size(), outside = state.rows - old.rows;
    if (count <= exact_below || (!old.file.empty() && outside <= std::max<std::size_t>(fewest_outside, old.rows / 10)))
        return old;
    auto rows = std::make_shared<const mapped_rows>(generation / "vectors", state.rows, state.options.dimensions);
    const bool extend = !old.file.empty() && count * 2 > state.rows;  // else most of what it knows is gone
    const auto made =
        graph::build(rows, passages, threads, extend ? generation / old.file : fs::path{}, extend ? old.rows : 0);
    const auto number = old.file.empty() ? 1 : std::stoul(old.file.substr(std::strlen("graph-"))) + 1;
    graph_state s{.file = "graph-" + std::to_string(number), .rows = made->covered()};
    made->save(generation / s.file);
    s.checksum = checksum_of_file(generation / s.file);
    s.effort = made->tuned_effort(passages, tuned_for, samples);
    sync_file(generation);
    return s;
}

void make_generation(const fs::path& generation, const index_state& state) {
    std::error_code ec;
    fs::remove_all(generation, ec);
    fs::create_directories(generation, ec);
    if (ec) throw retrieve_error{retrieve_errc::unwritable, generation.string() + " cannot be made: " + ec.message()};
    Xapian::WritableDatabase text{(generation / "text").string(), Xapian::DB_CREATE | Xapian::DB_BACKEND_GLASS};
    text.set_metadata(state_key, written(state));
    text.commit();
    text.close();
    sync_file(generation / "text");
    write_sums(generation);
    sync_file(generation);
}

}  // namespace detail

using namespace detail;

struct index_writer::impl {
    impl(const std::filesystem::path& f, const writing_options& o)
        : folder{f},
          options{o},
          lock{std::in_place, f, o.patience},
          generation{checked(folder / generation_of(folder))},
          before{generation, nullptr},
          known{before.borrow()},
          state{before.state()},
          stem{stemmer_for(state.options.language)},
          text{(generation / "text").string(), Xapian::DB_OPEN | Xapian::DB_BACKEND_GLASS},
          last{known->get_lastdocid()},
          count{before.size()} {
        sweep_index(folder, generation.filename(), state.graph.file);
        text.begin_transaction();
    }

    static std::filesystem::path checked(std::filesystem::path generation) {
        check_sums(generation);
        return generation;
    }
    void begin_change();

    Xapian::docid number_of(const std::string& id) const;
    void drop(Xapian::docid doc);
    void put(const passage& p, const std::vector<float>& vector);
    bool remove(const std::string& id);
    std::size_t remove_source(const std::string& source);
    void append_row(std::vector<float> vector);
    void commit();
    void end() noexcept;
    void check_open() const;

    std::filesystem::path folder;
    writing_options options;
    std::optional<writer_lock> lock;
    std::filesystem::path generation;
    snapshot before;
    snapshot::handle known;  // what there was before this change
    index_state state;
    Xapian::Stem stem;
    Xapian::WritableDatabase text;
    std::unique_ptr<row_appender> rows;
    Xapian::docid last;
    std::size_t count;
    std::unordered_map<std::string, Xapian::docid> changed;                      // by this change; 0: removed
    std::unordered_map<std::string, std::unordered_set<std::string>> by_source;  // ids that this change has put
    std::vector<Xapian::docid> dropped;
    bool ended = false, changing = false;
};

void index_writer::impl::begin_change() {
    if (!changing) forget_sums(generation);
    changing = true;
}

Xapian::docid index_writer::impl::number_of(const std::string& id) const {
    if (const auto found = changed.find(id); found != changed.end()) return found->second;
    const auto term = id_term(id);
    const auto found = known->postlist_begin(term);
    return found == known->postlist_end(term) ? 0 : *found;
}

void index_writer::impl::drop(Xapian::docid doc) {
    text.delete_document(doc);
    dropped.push_back(doc);
    --count;
}

void index_writer::impl::append_row(std::vector<float> vector) {
    auto& o = state.options;
    if (o.embedder.empty() && !vector.empty())
        throw retrieve_error{retrieve_errc::wrong_model, "the index has no vectors: it was made without an embedder"};
    if (o.embedder.empty()) return;
    if (vector.empty())
        throw retrieve_error{retrieve_errc::wrong_model, "the index has an embedder, and a passage has no vector"};
    if (o.dimensions == 0) o.dimensions = vector.size();
    check_vector(vector, o);
    normalize(vector, o.by);
    if (!rows) rows = std::make_unique<row_appender>(generation / "vectors", state.rows, o.dimensions, state.checksum);
    rows->append(vector);
}

void index_writer::impl::put(const passage& p, const std::vector<float>& vector) {
    const auto document = document_of(p, stem, state);
    const auto old = number_of(p.id);
    append_row(vector);
    if (old) drop(old);
    const auto doc = text.add_document(document);
    if (doc != ++last)
        throw retrieve_error{retrieve_errc::corrupt, (generation / "text").string() + " is damaged: it counts wrongly"};
    ++count;
    changed[p.id] = doc;
    if (!p.source.empty()) by_source[p.source].insert(p.id);
}

bool index_writer::impl::remove(const std::string& id) {
    const auto doc = number_of(id);
    if (!doc) return false;
    drop(doc);
    changed[id] = 0;
    return true;
}

std::size_t index_writer::impl::remove_source(const std::string& source) {
    std::vector<std::string> ids;
    if (const auto own = by_source.find(source); own != by_source.end()) {
        ids.assign(own->second.begin(), own->second.end());
        by_source.erase(own);
    }
    // One that this change has put under its id may have another source by now.
    std::erase_if(ids, [&](const std::string& id) {
        const auto doc = number_of(id);
        return !doc || passage_in(text.get_document(doc), generation / "text").source != source;
    });
    const auto term = source_term(source);
    for (auto p = known->postlist_begin(term); p != known->postlist_end(term); ++p)
        if (auto id = known->get_document(*p).get_value(id_slot); !changed.contains(id)) ids.push_back(std::move(id));
    for (const auto& id : ids) remove(id);
    text.set_metadata(key_of_source(source), "");
    return ids.size();
}

void index_writer::impl::commit() {
    doc_set passages{last};
    for (auto doc = before.passages().next(1); doc != 0; doc = before.passages().next(doc + 1)) passages.add(doc);
    for (auto doc = known->get_lastdocid() + 1; doc <= last; ++doc) passages.add(doc);
    doc_set gone{last};
    for (auto doc : dropped) gone.add(doc);
    passages -= gone;
    if (rows) {
        if (rows->rows() != last)  // a `put` failed half way
            throw retrieve_error{retrieve_errc::unwritable,
                                 (generation / "vectors").string() + " does not fit the passages; nothing was changed"};
        rows->sync();
        state.rows = static_cast<std::uint32_t>(rows->rows());
        state.checksum = rows->checksum();
        state.graph = renewed_graph(generation, state, passages, options.threads);
    }
    text.set_metadata(state_key, written(state));
    text.commit_transaction();
    ended = true;
    text.close();
    write_sums(generation);
    sweep_index(folder, generation.filename(), state.graph.file);
    lock.reset();
}

void index_writer::impl::end() noexcept {
    if (ended) return;
    ended = true;
    try {
        text.cancel_transaction();
        text.close();
        if (changing) write_sums(generation);
    } catch (const Xapian::Error&) {  // nothing was committed
    } catch (const std::exception&) {
    }
    lock.reset();
}

void index_writer::impl::check_open() const {
    if (ended) throw retrieve_error{retrieve_errc::bad_options, "this writer has come to its end; take another one"};
}

namespace {

// A failure of Xapian's is told as ours, with the place.
template <class Work>
auto as_ours(const std::filesystem::path& where, Work work) {
    try {
        return work();
    } catch (const Xapian::Error&) {
        rethrow_as_ours(where);
    }
}

}  // namespace

index_writer::index_writer(std::unique_ptr<impl> i) : impl_{std::move(i)} {}
index_writer::index_writer(index_writer&&) noexcept = default;

index_writer::~index_writer() {
    if (impl_) impl_->end();
}

void index_writer::put(const passage& p, const std::vector<float>& vector) {
    impl_->check_open();
    impl_->begin_change();
    as_ours(impl_->generation / "text", [&] { impl_->put(p, vector); });
}

bool index_writer::remove(const std::string& id) {
    impl_->check_open();
    impl_->begin_change();
    return as_ours(impl_->generation / "text", [&] { return impl_->remove(id); });
}

std::size_t index_writer::remove_source(const std::string& source) {
    impl_->check_open();
    impl_->begin_change();
    return as_ours(impl_->generation / "text", [&] { return impl_->remove_source(source); });
}

void index_writer::set_source(const std::string& source, json::object note) {
    impl_->check_open();
    impl_->begin_change();
    const json::object kept{{"source", source}, {"note", std::move(note)}};
    as_ours(impl_->generation / "text",
            [&] { impl_->text.set_metadata(key_of_source(source), json::serialize(kept)); });
}

void index_writer::set_settings(json::object settings) { impl_->state.settings = std::move(settings); }

std::uint64_t index_writer::passages() const { return impl_->count; }

void index_writer::commit() {
    impl_->check_open();
    try {
        impl_->begin_change();
        as_ours(impl_->generation / "text", [&] { impl_->commit(); });
    } catch (...) {
        impl_->end();
        throw;
    }
}

index_writer passage_index::write(writing_options options) const {
    return as_ours(folder() / "text",
                   [&] { return index_writer{std::make_unique<index_writer::impl>(folder(), options)}; });
}

}  // namespace reagent
