#include "snapshot.hpp"

#include "matching.hpp"
#include "terms.hpp"
#include "word_search.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <cmath>

namespace reagent::detail {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_idle = 16, most_filters = 32;

}  // namespace

bool normalize(std::vector<float>& v, similarity by) {
    double squares = 0;
    for (float f : v) squares += static_cast<double>(f) * f;
    if (squares == 0) return false;
    const double length = std::sqrt(squares);
    if (by == similarity::cosine)
        for (float& f : v) f = static_cast<float>(f / length);
    return true;
}

void check_vector(const std::vector<float>& v, const index_options& options) {
    auto wrong = [&](const std::string& why) {
        return retrieve_error{retrieve_errc::wrong_model, "the index has vectors of \"" + options.embedder + "\" (" +
                                                              std::to_string(options.dimensions) + " numbers); " + why};
    };
    if (v.size() != options.dimensions) throw wrong("this one has " + std::to_string(v.size()) + " numbers");
    if (!std::all_of(v.begin(), v.end(), [](float f) { return std::isfinite(f); }))
        throw wrong("this one has something that is no number");
}

void rethrow_as_ours(const fs::path& where) {
    try {
        throw;
    } catch (const Xapian::DatabaseLockError& e) {
        throw retrieve_error{retrieve_errc::locked, where.string() + " has another writer: " + e.get_msg()};
    } catch (const Xapian::DatabaseCorruptError& e) {
        throw retrieve_error{retrieve_errc::corrupt, where.string() + " is damaged: " + e.get_msg()};
    } catch (const Xapian::DatabaseError& e) {
        const char* why = e.get_error_string();  // of the system
        throw retrieve_error{retrieve_errc::unwritable, where.string() + " cannot be read or written: " + e.get_msg() +
                                                            (why ? " (" + std::string{why} + ")" : "")};
    } catch (const Xapian::Error& e) {
        throw retrieve_error{retrieve_errc::corrupt,
                             where.string() + " is damaged: " + e.get_type() + std::string{": "} + e.get_msg()};
    }
}

snapshot::snapshot(const fs::path& generation, const snapshot* before)
    : folder_{generation}, text_{generation / "text"} {
    auto database = std::make_unique<Xapian::Database>(text_.string(), Xapian::DB_BACKEND_GLASS);
    revision_ = database->get_revision();
    state_ = state_from(database->get_metadata(state_key), text_);
    static_cast<void>(stemmer_for(state_.options.language));
    passages_ = documents_of(*database);
    size_ = database->get_doccount();
    if (state_.options.dimensions > 0) {
        if (database->get_lastdocid() > state_.rows)
            throw retrieve_error{retrieve_errc::corrupt,
                                 (folder_ / "vectors").string() + " is damaged: passages have no vectors"};
        rows_ = std::make_shared<const mapped_rows>(folder_ / "vectors", state_.rows, state_.options.dimensions);
    }
    database_id_ = database->get_uuid();
    if (before && before->folder_ == folder_ && before->database_id_ == database_id_) {
        std::lock_guard lock{before->mutex_};
        if (before->state_.graph.file == state_.graph.file) graph_ = before->graph_;
        sums_before_ = before->sums_ ? before->sums_ : before->sums_before_;
    }
    idle_.push_back(std::move(database));
}

snapshot::handle::~handle() {
    if (!database_) return;
    std::lock_guard lock{of_->mutex_};
    if (of_->idle_.size() < most_idle) of_->idle_.push_back(std::move(database_));
}

snapshot::handle snapshot::borrow() const {
    {
        std::lock_guard lock{mutex_};
        if (!idle_.empty()) {
            auto one = std::move(idle_.back());
            idle_.pop_back();
            return {*this, std::move(one)};
        }
    }
    auto one = std::make_unique<Xapian::Database>(text_.string(), Xapian::DB_BACKEND_GLASS);
    if (one->get_revision() != revision_) throw Xapian::DatabaseModifiedError{"there has been a commit"};
    return {*this, std::move(one)};
}

std::shared_ptr<const doc_set> snapshot::matching(const filter& where) const {
    if (where.holds_always()) return nullptr;
    const auto key = json::serialize(where.to_json());
    {
        std::lock_guard lock{mutex_};
        for (auto i = filters_.begin(); i != filters_.end(); ++i)
            if (i->first == key) {
                filters_.splice(filters_.begin(), filters_, i);
                return i->second;
            }
    }
    const auto database = borrow();
    auto found = std::make_shared<const doc_set>(matching_documents(where, *database, state_, passages_, text_));
    std::lock_guard lock{mutex_};
    filters_.emplace_front(key, found);
    if (filters_.size() > most_filters) filters_.pop_back();
    return found;
}

std::optional<passage> snapshot::get(const std::string& id) const {
    const auto database = borrow();
    const auto term = id_term(id);
    const auto found = database->postlist_begin(term);
    if (found == database->postlist_end(term)) return std::nullopt;
    return read(*database, *found, 0);
}

std::shared_ptr<const passage_sums> snapshot::sums(const Xapian::Database& database) const {
    std::lock_guard lock{mutex_};
    if (!sums_) sums_ = std::make_shared<const passage_sums>(database, std::exchange(sums_before_, nullptr).get());
    return sums_;
}

// @param doc one that there is: Xapian would look for it in another file
passage snapshot::read(const Xapian::Database& database, Xapian::docid doc, double score) const {
    const auto data = database.get_document(doc, Xapian::DOC_ASSUME_VALID).get_data();
    if (!sums(database)->fit(doc, data)) passage_damaged(text_);
    unsigned char room[4096];  // what is parsed is copied from, and gone
    json::monotonic_resource memory{room, sizeof room};
    auto p = passage_from_json(json::parse(data, &memory));
    p.score = score;
    return p;
}

std::vector<passage> snapshot::by_words(const std::string& query, std::size_t k, const filter& where,
                                        query_syntax syntax) const {
    const auto fitting = matching(where);
    const auto database = borrow();
    const auto best = best_by_words(*database, state_.options, query, k, fitting, syntax);
    std::vector<passage> found;
    for (auto m = best.begin(); m != best.end(); ++m) found.push_back(read(*database, *m, m.get_weight()));
    return found;
}

std::shared_ptr<const graph> snapshot::neighbours() const {
    if (state_.graph.file.empty()) return nullptr;
    std::lock_guard lock{mutex_};
    if (graph_) return graph_;
    const auto file = folder_ / state_.graph.file;
    if (checksum_of_file(file) != state_.graph.checksum)
        throw retrieve_error{retrieve_errc::corrupt,
                             file.string() + " is damaged: its checksum is another one; `compact` makes it anew"};
    return graph_ = graph::load(file, rows_, state_.graph.rows);
}

// Comparing all is as exact, and faster where a graph would look at more than are allowed, or jumps about for nearly as
// many.
std::vector<near_row> snapshot::nearest(const float* query, std::size_t k, const doc_set& allowed,
                                        std::size_t count) const {
    constexpr std::size_t links_of_a_row = 32, tuned_for = 10, cost_of_a_jump = 2;
    auto exactly = [&] { return nearest_exactly(*rows_, query, k, allowed, 0, state_.rows); };
    if (count <= exact_below || state_.graph.file.empty() || state_.graph.effort == 0) return exactly();
    const std::size_t effort = state_.graph.effort + (k > tuned_for ? 2 * (k - tuned_for) : 0);
    const double share = static_cast<double>(count) / static_cast<double>(size_);
    if (static_cast<double>(effort * links_of_a_row * cost_of_a_jump) / share >= static_cast<double>(count))
        return exactly();
    const auto net = neighbours();
    auto found = net->nearest(query, effort, allowed, count);
    if (!found || found->size() < k) return exactly();
    const auto later = nearest_exactly(*rows_, query, k, allowed, net->covered(), state_.rows);
    found->insert(found->end(), later.begin(), later.end());
    std::stable_sort(found->begin(), found->end(),
                     [](const near_row& a, const near_row& b) { return a.nearness > b.nearness; });
    found->resize(std::min(k, found->size()));
    return std::move(*found);
}

std::vector<passage> snapshot::by_vector(std::vector<float> query, std::size_t k, const filter& where,
                                         bool exactly) const {
    if (state_.options.embedder.empty())
        throw retrieve_error{retrieve_errc::wrong_model, "the index has no vectors: it was built without an embedder"};
    if (size_ == 0 || k == 0) return {};
    check_vector(query, state_.options);
    if (!normalize(query, state_.options.by)) return {};  // it points nowhere
    const auto fitting = matching(where);
    const doc_set& allowed = fitting ? *fitting : passages_;
    const auto found = exactly ? nearest_exactly(*rows_, query.data(), k, allowed, 0, state_.rows)
                               : nearest(query.data(), k, allowed, fitting ? fitting->size() : size_);
    const auto database = borrow();
    std::vector<passage> passages;
    for (const auto& one : found) {
        if (!std::isfinite(one.nearness))
            throw retrieve_error{retrieve_errc::corrupt,
                                 (folder_ / "vectors").string() + " is damaged: it holds something that is no number"};
        passages.push_back(read(*database, one.row + 1, static_cast<double>(one.nearness)));
    }
    return passages;
}

std::vector<std::vector<float>> snapshot::vectors_of(const std::vector<std::string>& ids) const {
    std::vector<std::vector<float>> all(ids.size());
    if (!rows_) return all;
    const auto database = borrow();
    for (std::size_t i = 0; i < ids.size(); ++i) {
        const auto term = id_term(ids[i]);
        const auto found = database->postlist_begin(term);
        if (found == database->postlist_end(term)) continue;
        const float* row = rows_->row(*found - 1);
        all[i].assign(row, row + rows_->dimensions());
    }
    return all;
}

std::map<std::string, json::object> snapshot::sources() const {
    std::map<std::string, json::object> all;
    const auto database = borrow();
    for (auto key = database->metadata_keys_begin(source_keys); key != database->metadata_keys_end(source_keys);
         ++key) {
        boost::system::error_code ec;
        const auto note = json::parse(database->get_metadata(*key), ec);
        const auto* name = ec || !note.is_object() ? nullptr : note.get_object().if_contains("source");
        const auto* said = name ? note.get_object().if_contains("note") : nullptr;
        if (!said || !name->is_string() || !said->is_object())
            throw retrieve_error{retrieve_errc::corrupt, text_.string() + " is damaged: a note on a source is none"};
        all[std::string{name->get_string()}] = said->get_object();
    }
    return all;
}

std::string key_of_source(const std::string& source) { return source_keys + source_term(source); }

}  // namespace reagent::detail
