#include <reagent/retrieve/diverse.hpp>

#include "../base/vectors.hpp"
#include "around.hpp"

#include <limits>

namespace reagent {
namespace {

class diverse_retriever final : public detail::retriever_around {
public:
    diverse_retriever(std::shared_ptr<const retriever> from, vector_source with, diverse_options o)
        : retriever_around{std::move(from)}, with_{std::move(with)}, options_{o} {
        if (!(options_.relevance >= 0 && options_.relevance <= 1))
            throw retrieve_error{retrieve_errc::bad_options, "the relevance of `diverse` is from 0 to 1"};
    }

    task<std::vector<passage>> retrieve(run& r, retrieval what) const override {
        const std::size_t k = what.k;
        what.k = detail::deeper(k, options_.depth);
        // Not handed on, and not taken from outside: a vector there is one of the inner retriever's model.
        std::vector<std::string> query{what.query};
        const auto asked = co_await with_.embed(r, "embed_query", std::move(query), embedding_use::query);
        auto found = co_await from()->retrieve(r, std::move(what));
        std::vector<std::string> texts;
        for (const auto& p : found) texts.push_back(p.title.empty() ? p.text : p.title + "\n" + p.text);
        const auto made = co_await with_.embed(r, "embed_passages", std::move(texts), embedding_use::document);
        std::vector<passage> chosen;
        for (auto i : most_diverse(asked.vectors.at(0), made.vectors, k, options_.relevance))
            chosen.push_back(std::move(found[i]));
        co_return chosen;
    }
    std::string name() const override { return around("diverse"); }

private:
    vector_source with_;
    diverse_options options_;
};

}  // namespace

std::vector<std::size_t> most_diverse(const std::vector<float>& query, const std::vector<std::vector<float>>& passages,
                                      std::size_t k, double relevance) {
    std::vector<double> to_query, to_chosen(passages.size(), 0);
    for (const auto& p : passages) to_query.push_back(detail::cosine(query, p));
    std::vector<std::size_t> chosen;
    std::vector<bool> taken(passages.size());
    while (chosen.size() < std::min(k, passages.size())) {
        std::size_t best = passages.size();
        double most = -std::numeric_limits<double>::infinity();
        for (std::size_t i = 0; i < passages.size(); ++i)
            if (const double worth = relevance * to_query[i] - (1 - relevance) * to_chosen[i];
                !taken[i] && worth > most) {
                most = worth;
                best = i;
            }
        taken[best] = true;
        for (std::size_t i = 0; i < passages.size(); ++i) {
            const double near = detail::cosine(passages[best], passages[i]);
            to_chosen[i] = chosen.empty() ? near : std::max(to_chosen[i], near);
        }
        chosen.push_back(best);
    }
    return chosen;
}

std::shared_ptr<const retriever> diverse(std::shared_ptr<const retriever> from, vector_source with,
                                         diverse_options options) {
    return std::make_shared<const diverse_retriever>(std::move(from), std::move(with), options);
}

}  // namespace reagent
