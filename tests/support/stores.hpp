#pragma once

#include <reagent/retrieve/passage_store.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace reagent::test {

/// A kind of store for passages, with a server of its own where it has one.
class store_kind {
public:
    virtual ~store_kind() = default;
    virtual std::string name() const = 0;
    /// "": it can be tried here; else why not.
    virtual std::string missing() const { return {}; }
    virtual std::shared_ptr<const passage_store> open(store_options options) = 0;
    /// The server is killed; false: there is none.
    virtual bool stop() { return false; }
};

/// Every kind that there is: an index on disk, Qdrant's REST (by a double), Chroma and pgvector (by real servers, where
/// REAGENT_CHROMA and REAGENT_POSTGRES_BIN say where they are).
std::vector<std::function<std::unique_ptr<store_kind>()>> store_kinds();

/// These, and an index on disk that is searched by words, and by both.
std::vector<std::function<std::unique_ptr<store_kind>()>> retriever_kinds();

}  // namespace reagent::test
