#include "matching.hpp"

#include "terms.hpp"

namespace reagent::detail {
namespace {

using kind = filter::kind;

class evaluation {
public:
    evaluation(const Xapian::Database& d, const index_state& s, const doc_set& all, const std::filesystem::path& folder)
        : database_{d}, state_{s}, all_{all}, folder_{folder} {}

    doc_set of(const filter& f) {
        switch (f.what()) {
            case kind::all: return all_;
            case kind::eq: return with_value(f.field(), f.value());
            case kind::in: {
                doc_set any = none();
                for (const auto& v : f.value().get_array()) any |= with_value(f.field(), v);
                return any;
            }
            case kind::conjunction: {
                doc_set every = all_;
                for (const auto& part : f.parts()) every &= of(part);
                return every;
            }
            case kind::disjunction: {
                doc_set any = none();
                for (const auto& part : f.parts()) any |= of(part);
                return any;
            }
            case kind::negation: {
                doc_set rest = all_;
                rest -= of(f.parts().front());
                return rest;
            }
            default: return compared(f);
        }
    }

private:
    doc_set none() const { return doc_set{database_.get_lastdocid()}; }

    doc_set with_value(const std::string& field, const json::value& v) const {
        doc_set found = none();
        const auto term = value_term(field, v);
        for (auto p = database_.postlist_begin(term); p != database_.postlist_end(term); ++p) found.add(*p);
        return found;
    }

    // An order is not in the terms: every value of the field is looked at.
    doc_set compared(const filter& f) const {
        doc_set found = none();
        auto fits = [&](Xapian::docid doc) {
            return matches(f, passage_in(database_.get_document(doc), folder_).metadata);
        };
        const auto slot = state_.fields.find(f.field());
        if (slot == state_.fields.end()) {
            if (state_.fields.size() < most_fields) return found;  // no passage has the field
            for (auto doc = all_.next(1); doc != 0; doc = all_.next(doc + 1))
                if (fits(doc)) found.add(doc);
            return found;
        }
        json::object one;
        for (auto v = database_.valuestream_begin(slot->second); v != database_.valuestream_end(slot->second); ++v) {
            auto value = value_in_slot(*v);
            if (value) one[f.field()] = std::move(*value);
            if (value ? matches(f, one) : fits(v.get_docid())) found.add(v.get_docid());
        }
        return found;
    }

    const Xapian::Database& database_;
    const index_state& state_;
    const doc_set& all_;
    const std::filesystem::path& folder_;
};

}  // namespace

doc_set matching_documents(const filter& where, const Xapian::Database& database, const index_state& state,
                           const doc_set& all, const std::filesystem::path& folder) {
    return evaluation{database, state, all, folder}.of(where);
}

}  // namespace reagent::detail
