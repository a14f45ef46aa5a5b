#include <reagent/retrieve/expand.hpp>

#include <reagent/module/parallel.hpp>
#include <reagent/module/predict.hpp>
#include <reagent/retrieve/hybrid.hpp>

#include "around.hpp"

namespace reagent {
namespace {

struct write_queries {
    static constexpr auto instructions =
        "Write other search queries that would find passages which answer the query: other words, other names.";
    struct input {
        std::string query;
        field<std::int64_t, "most queries to write"> most;
    };
    struct output {
        std::vector<std::string> queries;
    };
};

class query_expander final : public detail::retriever_around {
public:
    query_expander(std::shared_ptr<const retriever> from, expand_options o)
        : retriever_around{std::move(from)}, options_{std::move(o)}, write_{root_, options_.predictor} {}

    task<std::vector<passage>> retrieve(run& r, retrieval what) const override {
        const auto written = co_await write_(r, what.query, static_cast<std::int64_t>(options_.queries));
        std::vector<std::string> queries{what.query};
        for (const auto& q : written->queries)
            if (queries.size() <= options_.queries && !q.empty() &&
                std::find(queries.begin(), queries.end(), q) == queries.end())
                queries.push_back(q);
        const std::size_t k = what.k, count = queries.size();
        auto ask = [this, &what](run& branch, std::string query) {
            retrieval one = what;
            if (query != what.query) one.vector.clear();
            one.query = std::move(query);
            return from()->retrieve(branch, std::move(one));
        };
        const auto lists = co_await parallel_map(r, std::move(queries), ask);
        auto found = fused(lists, std::vector<double>(count, 1));
        if (found.size() > k) found.resize(k);
        co_return found;
    }
    std::string name() const override { return around("expanded"); }
    std::vector<const module*> parts() const override {
        auto all = from()->parts();
        all.push_back(&root_);
        return all;
    }

private:
    expand_options options_;
    module root_;
    predict<write_queries> write_;
};

}  // namespace

std::shared_ptr<const retriever> expanded(std::shared_ptr<const retriever> from, expand_options options) {
    return std::make_shared<const query_expander>(std::move(from), std::move(options));
}

}  // namespace reagent
