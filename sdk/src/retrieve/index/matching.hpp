#pragma once

#include "doc_set.hpp"
#include "state.hpp"

#include <xapian.h>

namespace reagent::detail {

/// The documents whose metadata fit a filter: exactly those for which `matches` holds. @param all every document
doc_set matching_documents(const filter& where, const Xapian::Database& database, const index_state& state,
                           const doc_set& all, const std::filesystem::path& folder);

/// Gives Xapian a set of documents as a part of a query.
class set_source final : public Xapian::PostingSource {
public:
    explicit set_source(std::shared_ptr<const doc_set> s)
        : set_{std::move(s)}, size_{static_cast<Xapian::doccount>(set_->size())} {}

    Xapian::doccount get_termfreq_min() const override { return size_; }
    Xapian::doccount get_termfreq_est() const override { return size_; }
    Xapian::doccount get_termfreq_max() const override { return size_; }
    void init(const Xapian::Database&) override { at_ = 0; }
    void next(double) override {
        at_ = set_->next(at_ + 1);
        ended_ = at_ == 0;
    }
    void skip_to(Xapian::docid to, double) override {
        if (at_ >= to) return;
        at_ = set_->next(to);
        ended_ = at_ == 0;
    }
    bool at_end() const override { return ended_; }
    Xapian::docid get_docid() const override { return at_; }
    PostingSource* clone() const override { return new set_source{set_}; }
    std::string get_description() const override { return "filter"; }

private:
    std::shared_ptr<const doc_set> set_;
    Xapian::doccount size_;
    Xapian::docid at_ = 0;
    bool ended_ = false;
};

}  // namespace reagent::detail
