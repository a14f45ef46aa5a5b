#include <reagent/retrieve/memory_index.hpp>

#include "index/matching.hpp"
#include "index/snapshot.hpp"
#include "index/terms.hpp"
#include "index/word_search.hpp"

#include <limits>
#include <mutex>

namespace reagent {
namespace {

const std::filesystem::path in_memory = "memory";  // where damage would be, in errors

// Xapian's excerpts are HTML.
std::string without_entities(std::string s) {
    for (auto [from, to] : {std::pair{"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", "\""}, {"&amp;", "&"}})
        for (std::size_t at = 0; (at = s.find(from, at)) != s.npos; ++at)
            s.replace(at, std::string_view{from}.size(), to);
    return s;
}

}  // namespace

// Xapian's objects serve one thread at a time, so each call holds the lock.
struct memory_index::impl {
    explicit impl(const std::string& language) : stem{detail::stemmer_for(language)} {
        state.options.language = language;
    }

    template <class Work>
    auto alone(Work work) {
        std::lock_guard lock{mutex};
        try {
            return work();
        } catch (const Xapian::Error&) {
            detail::rethrow_as_ours(in_memory);
        }
    }

    std::shared_ptr<const detail::doc_set> fitting(const filter& where) const {
        if (where.holds_always()) return nullptr;
        const auto all = detail::documents_of(database);
        return std::make_shared<const detail::doc_set>(
            detail::matching_documents(where, database, state, all, in_memory));
    }

    std::mutex mutex;
    detail::index_state state;
    Xapian::Stem stem;
    Xapian::WritableDatabase database{"", Xapian::DB_BACKEND_INMEMORY};
};

memory_index::memory_index(const std::string& language) : impl_{std::make_shared<impl>(language)} {}

void memory_index::put(const passage& p) {
    impl_->alone([&] {
        constexpr auto any_length = std::numeric_limits<std::size_t>::max();
        const auto document = detail::document_of(p, impl_->stem, impl_->state, any_length);
        impl_->database.delete_document(detail::id_term(p.id));  // of equally good ones a newer one stands behind
        impl_->database.add_document(document);
    });
}

bool memory_index::remove(const std::string& id) {
    return impl_->alone([&] {
        const auto term = detail::id_term(id);
        if (!impl_->database.term_exists(term)) return false;
        impl_->database.delete_document(term);
        return true;
    });
}

std::size_t memory_index::size() const {
    return impl_->alone([&] { return std::size_t{impl_->database.get_doccount()}; });
}

std::optional<passage> memory_index::get(const std::string& id) const {
    return impl_->alone([&]() -> std::optional<passage> {
        const auto term = detail::id_term(id);
        const auto found = impl_->database.postlist_begin(term);
        if (found == impl_->database.postlist_end(term)) return std::nullopt;
        return detail::passage_in(impl_->database.get_document(*found), in_memory);
    });
}

namespace {

std::vector<passage> passages_of(const Xapian::MSet& best) {
    std::vector<passage> found;
    for (auto m = best.begin(); m != best.end(); ++m) {
        auto& p = found.emplace_back(detail::passage_in(m.get_document(), in_memory));
        p.score = m.get_weight();
    }
    return found;
}

}  // namespace

std::vector<passage> memory_index::by_words(const std::string& query, std::size_t k, const filter& where,
                                            query_syntax syntax) const {
    return impl_->alone([&] {
        const auto best =
            detail::best_by_words(impl_->database, impl_->state.options, query, k, impl_->fitting(where), syntax);
        return passages_of(best);
    });
}

std::vector<passage> memory_index::excerpts(const std::string& query, std::size_t k, std::size_t max_bytes) const {
    return impl_->alone([&] {
        const auto best =
            detail::best_by_words(impl_->database, impl_->state.options, query, k, nullptr, query_syntax::words);
        auto found = passages_of(best);
        for (auto& p : found)
            p.text = without_entities(
                best.snippet(p.text, max_bytes, impl_->stem, Xapian::MSet::SNIPPET_BACKGROUND_MODEL, "", "", " ... "));
        return found;
    });
}

}  // namespace reagent
