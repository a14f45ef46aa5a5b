#pragma once

#include <xapian.h>

#include <cmath>

namespace reagent::detail {

/// BM25 as Lucene computes it. Xapian's own scheme changes the weights of words that more than every second document
/// has. Source: Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009; Kamphuis and
/// others, "Which BM25 Do You Mean?", 2020, table 1, "Lucene (accurate)".
class lucene_bm25 final : public Xapian::Weight {
public:
    lucene_bm25() {
        for (auto needed : {COLLECTION_SIZE, AVERAGE_LENGTH, TERMFREQ, WQF, WDF, WDF_MAX, DOC_LENGTH, DOC_LENGTH_MIN})
            need_stat(needed);
    }

    std::string name() const override { return "reagent::lucene_bm25"; }
    Weight* clone() const override { return new lucene_bm25; }

    void init(double factor) override {
        const double all = get_collection_size(), with = get_termfreq();
        weight_ = std::log(1 + (all - with + 0.5) / (with + 0.5)) * get_wqf() * factor;
        average_ = get_average_length() > 0 ? get_average_length() : 1;
    }
    double get_sumpart(Xapian::termcount wdf, Xapian::termcount length, Xapian::termcount) const override {
        const double tf = wdf;
        return weight_ * tf / (tf + k1 * (1 - b + b * length / average_));
    }
    double get_maxpart() const override { return get_sumpart(get_wdf_upper_bound(), get_doclength_lower_bound(), 0); }
    double get_sumextra(Xapian::termcount, Xapian::termcount) const override { return 0; }
    double get_maxextra() const override { return 0; }

private:
    static constexpr double k1 = 1.2, b = 0.75;
    double weight_ = 0, average_ = 1;
};

}  // namespace reagent::detail
