#include <reagent/retrieve/cached.hpp>

#include "around.hpp"

#include <boost/json.hpp>

#include <list>
#include <map>
#include <mutex>

namespace reagent {
namespace {

class cached_retriever final : public detail::retriever_around {
public:
    cached_retriever(std::shared_ptr<const retriever> from, retrieval_cache_options o)
        : retriever_around{std::move(from)}, options_{o} {}

    task<std::vector<passage>> retrieve(run& r, retrieval what) const override {
        const auto key = key_of(what);
        if (auto known = find(key)) co_return std::move(*known);
        auto found = co_await from()->retrieve(r, std::move(what));
        keep(key, found);
        co_return found;
    }
    std::string name() const override { return around("cached"); }

private:
    struct entry {
        std::string key;
        std::vector<passage> found;
        clock::time_point made;
    };

    static std::string key_of(const retrieval& what) {
        const std::string vector{reinterpret_cast<const char*>(what.vector.data()), what.vector.size() * sizeof(float)};
        return json::serialize(json::array{json::string(what.query), what.k, what.where.to_json()}) + vector;
    }

    std::optional<std::vector<passage>> find(const std::string& key) const {
        std::lock_guard lock{mutex_};
        const auto known = places_.find(key);
        if (known == places_.end()) return std::nullopt;
        if (deadline_after(options_.max_age, known->second->made) <= clock::now()) {
            entries_.erase(known->second);
            places_.erase(known);
            return std::nullopt;
        }
        entries_.splice(entries_.begin(), entries_, known->second);
        return known->second->found;
    }

    void keep(const std::string& key, const std::vector<passage>& found) const {
        std::lock_guard lock{mutex_};
        if (options_.max_entries == 0 || places_.contains(key)) return;
        entries_.push_front({key, found, clock::now()});
        places_[key] = entries_.begin();
        if (entries_.size() <= options_.max_entries) return;
        places_.erase(entries_.back().key);
        entries_.pop_back();
    }

    retrieval_cache_options options_;
    mutable std::mutex mutex_;
    mutable std::list<entry> entries_;  // latest first
    mutable std::map<std::string, std::list<entry>::iterator> places_;
};

}  // namespace

std::shared_ptr<const retriever> cached(std::shared_ptr<const retriever> from, retrieval_cache_options options) {
    return std::make_shared<const cached_retriever>(std::move(from), options);
}

}  // namespace reagent
