#include "passage_sums.hpp"

#include "terms.hpp"

#include <algorithm>
#include <cstring>

namespace reagent::detail {

passage_sums::passage_sums(const Xapian::Database& database, const passage_sums* before)
    : known_{database.get_lastdocid()}, sums_(std::size_t{database.get_lastdocid()} + 1) {
    Xapian::docid first = 1;
    if (before) {
        known_ |= before->known_;
        std::copy(before->sums_.begin(), before->sums_.end(), sums_.begin());
        first = static_cast<Xapian::docid>(before->sums_.size());
    }
    auto v = database.valuestream_begin(checksum_slot);
    const auto end = database.valuestream_end(checksum_slot);
    for (v.skip_to(first); v != end; ++v) {
        const std::string sum = *v;
        const auto doc = v.get_docid();
        if (doc >= sums_.size() || sum.size() != sizeof sums_[doc]) continue;
        std::memcpy(&sums_[doc], sum.data(), sum.size());
        known_.add(doc);
    }
}

bool passage_sums::fit(Xapian::docid doc, const std::string& data) const {
    return doc < sums_.size() && known_.has(doc) && sums_[doc] == checksum_of(data);
}

}  // namespace reagent::detail
