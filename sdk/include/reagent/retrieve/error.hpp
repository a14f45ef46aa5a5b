#pragma once

#include <reagent/error.hpp>

namespace reagent {

enum class retrieve_errc {
    bad_filter = 1,   ///< a filter that cannot be read
    bad_passage,      ///< a passage that cannot be stored, or what is recorded as one and is none
    bad_options,      ///< options that do not fit together, or not to the index
    no_retriever,     ///< neither a `retrieve` module nor its run has one
    not_an_index,     ///< there is none at that path
    unknown_version,  ///< an index in a format of a later version
    corrupt,          ///< a file of the index is damaged; the message names it
    wrong_model,      ///< vectors of another embedder, or of another length
    locked,           ///< another writer has the index
    unwritable,       ///< the index cannot be written, or a file of it not read
    server,           ///< a remote retriever refused, or answered nonsense
    bad_query,        ///< a query with operators that cannot be read
    too_large,        ///< a limit was reached
};

const boost::system::error_category& category_of(retrieve_errc);

class retrieve_error : public error {
    using error::error;
};  ///< passages, indexes, retrievers

}  // namespace reagent

template <>
struct boost::system::is_error_code_enum<reagent::retrieve_errc> : std::true_type {};
