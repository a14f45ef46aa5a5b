#pragma once

#include <reagent/evaluate/example.hpp>
#include <reagent/retrieve/retriever.hpp>

#include <map>

namespace reagent::test {

/// A relation of the corpus: how a passage says it and what a question calls it.
struct relation {
    std::string name;  ///< "birthplace": a question asks for the birthplace of somebody
    std::string before,
        middle;    ///< "", " was born in ": before and after the subject; the object follows, and a full stop
    int from, to;  ///< kinds of entities: 0 people, 1 companies, 2 cities, 3 countries
};
const std::vector<relation>& relations();

struct two_hop_corpus {
    std::vector<passage> passages;
    dataset questions;  ///< question, answer, and `gold`: ids of the two passages
};

/// 300 entities, each with a passage that says its relations, and 300 passages that only mention them. The questions
/// ask for a relation of a relation ("What is the birthplace of the founder of Acme?"): the entity in the middle is
/// named in the first passage only. The same for a seed.
two_hop_corpus make_two_hop_corpus(std::uint64_t seed, std::size_t questions);

/// Okapi BM25 over passages in memory. Words are runs of ASCII letters and digits, in lower case.
class memory_bm25 final : public retriever {
public:
    explicit memory_bm25(std::vector<passage> passages);
    task<std::vector<passage>> retrieve(run& r, retrieval what) const override;
    std::string name() const override { return "bm25:memory"; }

private:
    std::vector<passage> passages_;
    std::vector<std::map<std::string, double, std::less<>>> counts_;
    std::map<std::string, double, std::less<>> documents_with_;
    double mean_length_ = 0;
};

}  // namespace reagent::test
