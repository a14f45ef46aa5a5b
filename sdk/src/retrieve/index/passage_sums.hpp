#pragma once

#include "doc_set.hpp"

#include <xapian.h>

#include <string>
#include <vector>

namespace reagent::detail {

/// The checksums of all passages of one state of an index. They stand in another file than the texts, and a search that
/// looked up that of each passage would take a tenth longer. Immutable.
class passage_sums {
public:
    /// @param before of an earlier state of the same database, whose numbers are never given again; null: there is none
    passage_sums(const Xapian::Database& database, const passage_sums* before);

    /// Whether this is what was stored as that document.
    bool fit(Xapian::docid doc, const std::string& data) const;

private:
    doc_set known_;
    std::vector<std::uint32_t> sums_;
};

}  // namespace reagent::detail
