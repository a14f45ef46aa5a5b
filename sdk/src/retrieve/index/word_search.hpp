#pragma once

#include "doc_set.hpp"
#include "state.hpp"

#include <xapian.h>

#include <memory>

namespace reagent::detail {

/// The best `k` by BM25 of an index on disk or in memory. @param fitting of these only; null: of all
/// @throws retrieve_error(bad_query)
Xapian::MSet best_by_words(const Xapian::Database& database, const index_options& of, const std::string& query,
                           std::size_t k, std::shared_ptr<const doc_set> fitting, query_syntax syntax);

/// Every document that there is.
doc_set documents_of(const Xapian::Database& database);

}  // namespace reagent::detail
