#pragma once

#include "stores.hpp"

#include <reagent/run/runtime.hpp>

namespace reagent::test {

using vectors = std::vector<std::vector<float>>;

/// One store of a kind, with calls that wait.
class tried_store {
public:
    tried_store(store_kind& kind, store_options o, const std::string& collection)
        : store_{kind.open(named(std::move(o), collection))} {}

    void put(std::vector<passage> passages, vectors v = {}) {
        run_it([this, &passages, &v](run& r) -> task<int> { return put_into(*store_, r, passages, v); });
    }
    void remove(std::vector<std::string> ids) {
        run_it([this, &ids](run& r) -> task<int> { return remove_from(*store_, r, ids); });
    }
    std::size_t count() {
        return run_it([this](run& r) -> task<int> { return count_of(*store_, r); });
    }
    std::vector<passage> find(retrieval what) {
        std::vector<passage> found;
        run_it([&, this](run& r) -> task<int> { return find_in(*store_, r, what, found); });
        return found;
    }
    std::vector<passage> near(std::vector<float> v, std::size_t k, filter where = {}) {
        retrieval what{"", k, std::move(where)};
        what.vector = std::move(v);
        return find(std::move(what));
    }
    const std::shared_ptr<const passage_store>& store() const { return store_; }

private:
    static store_options named(store_options o, const std::string& collection) {
        o.collection = collection;
        return o;
    }
    template <class F>
    std::size_t run_it(F work) {
        return static_cast<std::size_t>(rt_.run(run_options{}, work));
    }
    static task<int> put_into(const passage_store& s, run& r, std::vector<passage> passages, vectors v) {
        co_await s.put(r, std::move(passages), std::move(v));
        co_return 0;
    }
    static task<int> remove_from(const passage_store& s, run& r, std::vector<std::string> ids) {
        co_await s.remove(r, std::move(ids));
        co_return 0;
    }
    static task<int> count_of(const passage_store& s, run& r) {
        auto n = co_await s.count(r);
        co_return static_cast<int>(n);
    }
    static task<int> find_in(const passage_store& s, run& r, retrieval what, std::vector<passage>& found) {
        found = co_await s.retrieve(r, std::move(what));
        co_return 0;
    }

    runtime rt_;
    std::shared_ptr<const passage_store> store_;
};

/// Does a case for each of these kinds, with a collection of its own; what cannot be tried here is said.
void for_each_kind(const std::vector<std::unique_ptr<store_kind>>& kinds,
                   const std::function<void(store_kind&, const std::string& collection)>& behaviour);
std::vector<std::unique_ptr<store_kind>> all_of(const std::vector<std::function<std::unique_ptr<store_kind>()>>& make);

}  // namespace reagent::test
