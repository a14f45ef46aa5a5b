// Measures of rankings, for a comparison with another implementation: JSON lines {"found": [ids], "relevant": {id:
// grade}, "k": n} in, an object of measures out for each.
#include <reagent/evaluate/retrieval_metrics.hpp>

#include <boost/json.hpp>

#include <cstdio>
#include <iostream>

int main() {
    namespace rg = reagent;
    for (std::string line; std::getline(std::cin, line);) {
        const auto asked = boost::json::parse(line).as_object();
        rg::ranking found;
        for (const auto& id : asked.at("found").as_array()) found.emplace_back(id.as_string());
        rg::relevance relevant;
        for (const auto& [id, grade] : asked.at("relevant").as_object())
            relevant.emplace(std::string{id}, grade.to_number<double>());
        const auto k = asked.at("k").to_number<std::size_t>();
        std::printf("{\"R\": %.17g, \"P\": %.17g, \"RR\": %.17g, \"nDCG\": %.17g, \"Success\": %.17g}\n",
                    rg::recall_at(found, relevant, k), rg::precision_at(found, relevant, k),
                    rg::reciprocal_rank(found, relevant, k), rg::ndcg_at(found, relevant, k),
                    rg::hit_at(found, relevant, k));
    }
}
