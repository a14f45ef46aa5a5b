#include "word_search.hpp"

#include "bm25.hpp"
#include "matching.hpp"
#include "terms.hpp"

#include <algorithm>

namespace reagent::detail {

Xapian::MSet best_by_words(const Xapian::Database& database, const index_options& of, const std::string& query,
                           std::size_t k, std::shared_ptr<const doc_set> fitting, query_syntax syntax) {
    const auto stem = stemmer_for(of.language);  // it has a state of its own: one for each search
    auto asked = syntax == query_syntax::words ? query_of_words(query, of.language, stem)
                                               : query_of_operators(query, stem, database);
    if (asked.empty()) return {};
    if (fitting)
        asked = Xapian::Query{Xapian::Query::OP_FILTER, asked,
                              Xapian::Query{(new set_source{std::move(fitting)})->release()}};
    Xapian::Enquire enquire{database};
    enquire.set_query(asked);
    enquire.set_weighting_scheme(lucene_bm25{});
    return enquire.get_mset(0, static_cast<Xapian::doccount>(std::min<std::size_t>(k, database.get_doccount())));
}

doc_set documents_of(const Xapian::Database& database) {
    doc_set all{database.get_lastdocid()};
    for (auto p = database.postlist_begin(""); p != database.postlist_end(""); ++p) all.add(*p);
    return all;
}

}  // namespace reagent::detail
