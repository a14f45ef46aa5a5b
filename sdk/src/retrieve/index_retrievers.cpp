#include <reagent/retrieve/lexical.hpp>
#include <reagent/retrieve/vectors.hpp>
#include <reagent/run/run.hpp>

namespace reagent {
namespace {

std::string shown_name(const memory_index&) { return "memory"; }
std::string shown_name(const passage_index& i) {
    auto folder = i.folder().lexically_normal();
    if (!folder.has_filename()) folder = folder.parent_path();
    return folder.filename().string();
}

// A search goes to the pool for what blocks: it may take milliseconds, which the run's thread has not.
task<std::vector<passage>> searched(run& r, std::function<std::vector<passage>()> search) {
    auto found = std::make_shared<std::vector<passage>>();  // the work's too: it goes on when the run is cancelled
    std::function<json::value()> work = [search = std::move(search), found] {
        *found = search();
        return json::value(nullptr);
    };
    co_await r.blocking(std::move(work));
    co_return std::move(*found);
}

template <class Index>
class lexical_retriever final : public retriever {
public:
    lexical_retriever(Index from, lexical_options o) : from_{std::move(from)}, options_{std::move(o)} {
        if (options_.name.empty()) options_.name = "lexical:" + shown_name(from_);
    }

    task<std::vector<passage>> retrieve(run& r, retrieval what) const override {
        return searched(r, [from = from_, what = std::move(what), syntax = options_.syntax] {
            return from.by_words(what.query, what.k, what.where, syntax);
        });
    }
    std::string name() const override { return options_.name; }

private:
    Index from_;
    lexical_options options_;
};

class nearest_retriever final : public retriever {
public:
    nearest_retriever(passage_index from, vector_source with, nearest_options o)
        : from_{std::move(from)}, with_{std::move(with)}, options_{std::move(o)} {
        if (options_.name.empty()) options_.name = "vectors:" + shown_name(from_);
        const auto model = from_.manifest().options.embedder;
        if (model != with_.name())
            throw retrieve_error{retrieve_errc::wrong_model,
                                 "the index " +
                                     (model.empty() ? "has no vectors" : "has vectors of \"" + model + "\"") +
                                     ", and the query's would be of \"" + with_.name() + "\""};
    }

    task<std::vector<passage>> retrieve(run& r, retrieval what) const override {
        if (what.vector.empty()) {
            std::vector<std::string> texts{what.query};
            auto made = co_await with_.embed(r, "embed_query", std::move(texts), embedding_use::query);
            what.vector = std::move(made.vectors.at(0));
        }
        std::function<std::vector<passage>()> search = [from = from_, what = std::move(what),
                                                        exactly = options_.exactly] {
            return exactly ? from.by_vector_exactly(what.vector, what.k, what.where)
                           : from.by_vector(what.vector, what.k, what.where);
        };
        co_return co_await searched(r, std::move(search));
    }
    std::string name() const override { return options_.name; }

private:
    passage_index from_;
    vector_source with_;
    nearest_options options_;
};

}  // namespace

std::shared_ptr<const retriever> lexical(passage_index from, lexical_options options) {
    return std::make_shared<const lexical_retriever<passage_index>>(std::move(from), std::move(options));
}

std::shared_ptr<const retriever> lexical(memory_index from, lexical_options options) {
    return std::make_shared<const lexical_retriever<memory_index>>(std::move(from), std::move(options));
}

std::shared_ptr<const retriever> nearest(passage_index from, vector_source with, nearest_options options) {
    return std::make_shared<const nearest_retriever>(std::move(from), std::move(with), std::move(options));
}

}  // namespace reagent
