#include "stores.hpp"

#include "folder.hpp"
#include "postgres_server.hpp"
#include "qdrant_double.hpp"
#include "tried_store.hpp"

#include <reagent/retrieve/chroma.hpp>
#include <reagent/retrieve/hybrid.hpp>
#include <reagent/retrieve/lexical.hpp>
#include <reagent/retrieve/pgvector.hpp>
#include <reagent/retrieve/qdrant.hpp>
#include <reagent/retrieve/vectors.hpp>
#include <reagent/run/run.hpp>

#include <boost/test/unit_test.hpp>

#include <cstdlib>
#include <mutex>
#include <optional>

namespace reagent::test {
namespace {

enum class searched_by { vectors, words, both };

// An index on disk as a store, so that the servers are held to what it does.
class index_store final : public passage_store {
public:
    index_store(const std::filesystem::path& folder, store_options o, searched_by by)
        : folder_{folder}, options_{std::move(o)}, by_{by} {}

    std::string name() const override { return "index"; }
    task<void> put(run& r, std::vector<passage> passages, std::vector<std::vector<float>> vectors) const override {
        if (by_ == searched_by::words && vectors.empty()) vectors.resize(passages.size());
        if (vectors.empty()) {
            std::vector<std::string> texts;
            for (const auto& p : passages) texts.push_back(p.text);
            auto made = co_await options_.vectors.embed(r, "embed", std::move(texts), embedding_use::document);
            vectors = std::move(made.vectors);
        }
        auto writer = (std::filesystem::exists(folder_) ? passage_index::open(folder_) : made()).write();
        for (std::size_t i = 0; i < passages.size(); ++i) writer.put(passages[i], vectors.at(i));
        writer.commit();
    }
    task<void> remove(run&, std::vector<std::string> ids) const override {
        auto writer = passage_index::open(folder_).write();
        for (const auto& id : ids) writer.remove(id);
        writer.commit();
        co_return;
    }
    task<std::uint64_t> count(run&) const override { co_return passage_index::open(folder_).count(); }
    task<std::vector<passage>> retrieve(run& r, retrieval what) const override {
        const auto from = searching(passage_index::open(folder_));
        co_return co_await from->retrieve(r, std::move(what));
    }

private:
    passage_index made() const {
        std::lock_guard lock{mutex_};
        if (std::filesystem::exists(folder_)) return passage_index::open(folder_);
        index_options o;
        if (by_ != searched_by::words) o.embedder = options_.vectors.name();
        o.by = options_.by;
        return passage_index::create(folder_, o);
    }

    std::shared_ptr<const retriever> searching(const passage_index& i) const {
        if (by_ == searched_by::words) return lexical(i);
        auto near = nearest(i, options_.vectors);
        return by_ == searched_by::vectors ? near : hybrid({{lexical(i)}, {near}});
    }

    mutable std::mutex mutex_;
    std::filesystem::path folder_;
    store_options options_;
    searched_by by_;
};

template <searched_by By>
class on_disk final : public store_kind {
public:
    std::string name() const override {
        return By == searched_by::vectors ? "index" : By == searched_by::words ? "lexical" : "hybrid";
    }
    std::shared_ptr<const passage_store> open(store_options o) override {
        const auto path = folder_.path / o.collection;
        return std::make_shared<const index_store>(path, std::move(o), By);
    }

private:
    test::folder folder_;
};

class by_qdrant final : public store_kind {
public:
    std::string name() const override { return "qdrant"; }
    std::shared_ptr<const passage_store> open(store_options o) override {
        qdrant_options all;
        static_cast<store_options&>(all) = std::move(o);
        all.url = url_;
        return qdrant(std::move(all));
    }
    bool stop() override {
        server_.reset();
        return true;
    }

private:
    std::optional<qdrant_double> server_{std::in_place};
    std::string url_ = server_->url();
};

class by_chroma final : public store_kind {
public:
    ~by_chroma() override { stop(); }
    std::string name() const override { return "chroma"; }
    std::string missing() const override {
        return std::getenv("REAGENT_CHROMA") ? "" : "REAGENT_CHROMA is not set: no Chroma server";
    }
    std::shared_ptr<const passage_store> open(store_options o) override {
        if (url_.empty()) start();
        chroma_options all;
        static_cast<store_options&>(all) = std::move(o);
        all.url = url_;
        return chroma(std::move(all));
    }
    bool stop() override {
        if (!url_.empty()) script("stop");
        return true;
    }

private:
    int script(const std::string& what) const {
        return std::system(
            ("'" REAGENT_TEST_DATA "/support/chroma.sh' " + what + " '" + folder_.path.string() + "'").c_str());
    }
    void start() {
        if (script("start") != 0) throw std::runtime_error{"the Chroma server did not start"};
        url_ = folder_.read("url");
        while (url_.ends_with('\n')) url_.pop_back();
    }

    folder folder_;
    std::string url_;
};

class by_pgvector final : public store_kind {
public:
    std::string name() const override { return "pgvector"; }
    std::string missing() const override {
        return std::getenv("REAGENT_POSTGRES_BIN") ? ""
                                                   : "REAGENT_POSTGRES_BIN is not set: no PostgreSQL with pgvector";
    }
    std::shared_ptr<const passage_store> open(store_options o) override {
        if (conninfo_.empty()) {
            server_.emplace();
            conninfo_ = server_->conninfo();
        }
        pgvector_options all;
        static_cast<store_options&>(all) = std::move(o);
        all.conninfo = secret{conninfo_};
        return pgvector(std::move(all));
    }
    bool stop() override {
        server_.reset();
        return true;
    }

private:
    std::optional<postgres_server> server_;
    std::string conninfo_;
};

template <class Kind>
std::unique_ptr<store_kind> make() {
    return std::make_unique<Kind>();
}

}  // namespace

std::vector<std::function<std::unique_ptr<store_kind>()>> store_kinds() {
    return {make<on_disk<searched_by::vectors>>, make<by_qdrant>, make<by_chroma>, make<by_pgvector>};
}

std::vector<std::function<std::unique_ptr<store_kind>()>> retriever_kinds() {
    auto all = store_kinds();
    all.push_back(make<on_disk<searched_by::words>>);
    all.push_back(make<on_disk<searched_by::both>>);
    return all;
}

std::vector<std::unique_ptr<store_kind>> all_of(const std::vector<std::function<std::unique_ptr<store_kind>()>>& make) {
    std::vector<std::unique_ptr<store_kind>> all;
    for (const auto& one : make) all.push_back(one());
    return all;
}

void for_each_kind(const std::vector<std::unique_ptr<store_kind>>& kinds,
                   const std::function<void(store_kind&, const std::string& collection)>& behaviour) {
    static int cases = 0;
    for (const auto& kind : kinds) {
        const auto collection = "case-" + std::to_string(++cases);
        if (auto why = kind->missing(); !why.empty())
            BOOST_TEST_MESSAGE("not tried: " << why);
        else
            BOOST_TEST_CONTEXT(kind->name()) behaviour(*kind, collection);
    }
}

}  // namespace reagent::test
