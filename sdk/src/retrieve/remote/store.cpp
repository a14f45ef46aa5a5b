#include "store.hpp"

#include "../../schema/unicode.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

namespace reagent {
namespace {

constexpr std::size_t most_removed_at_once = 1000;

// The last of each id.
std::vector<stored_passage> joined(std::vector<passage> passages, std::vector<std::vector<float>> vectors) {
    std::vector<stored_passage> all;
    std::map<std::string, std::size_t> place;
    for (std::size_t i = 0; i < passages.size(); ++i) {
        auto [known, is_new] = place.emplace(passages[i].id, all.size());
        stored_passage one{std::move(passages[i]), std::move(vectors[i])};
        if (is_new)
            all.push_back(std::move(one));
        else
            all[known->second] = std::move(one);
    }
    return all;
}

bool texts_are_utf8(const passage& p) {
    return is_utf8(p.id) && is_utf8(p.text) && is_utf8(p.title) && is_utf8(p.source) &&
           is_utf8(json::serialize(p.metadata));
}

}  // namespace

remote_store::remote_store(store_options options) : options_{std::move(options)} {
    if (options_.collection.empty())
        throw retrieve_error{retrieve_errc::bad_options, "a store on a server needs the name of a collection"};
    options_.batch = std::max<std::size_t>(1, options_.batch);
}

void remote_store::fail(retrieve_errc code, const std::string& why) const {
    throw retrieve_error{code, name() + ": " + why};
}

void remote_store::check_model(const std::string& stored) const {
    if (!stored.empty() && stored != options_.vectors.name())
        fail(retrieve_errc::wrong_model, "its vectors are of " + stored + ", not of " + options_.vectors.name());
}

void remote_store::check_dimensions(std::size_t stored, std::size_t given) const {
    if (stored && stored != given)
        fail(retrieve_errc::wrong_model,
             "its vectors have " + std::to_string(stored) + " dimensions, not " + std::to_string(given));
}

void remote_store::check_distance(const json::value& stored, std::initializer_list<std::string_view> known) const {
    if (std::none_of(known.begin(), known.end(),
                     [&](std::string_view k) { return stored.is_string() && stored.get_string() == k; }))
        fail(retrieve_errc::wrong_model,
             "it ranks by the distance " + json::serialize(stored) + ", of which less is better: it is not searched");
}

task<std::vector<passage>> remote_store::retrieve(run& r, retrieval what) const {
    std::vector<passage> kept;
    if (!what.k) co_return kept;
    if (what.vector.empty()) {
        std::vector<std::string> texts{what.query};
        auto made = co_await options_.vectors.embed(r, "embed_query", std::move(texts), embedding_use::query);
        what.vector = std::move(made.vectors.at(0));
    }
    for (std::size_t n = what.k;;) {
        auto found = co_await nearest(r, what.vector, n, what.where);
        const bool no_more = found.size() < n;
        std::set<std::string> seen;
        std::erase_if(found,
                      [&](const passage& p) { return !seen.insert(p.id).second || !matches(what.where, p.metadata); });
        kept = std::move(found);
        if (kept.size() >= what.k || no_more) break;
        if (n >= options_.max_fetched)
            fail(retrieve_errc::too_large, "only " + std::to_string(kept.size()) + " of " + std::to_string(what.k) +
                                               " passages were among the " + std::to_string(n) +
                                               " nearest ones, and no more are read (store_options::max_fetched)");
        n = std::min(n * 4, options_.max_fetched);
    }
    std::stable_sort(kept.begin(), kept.end(), [](const passage& a, const passage& b) { return a.score > b.score; });
    if (kept.size() > what.k) kept.resize(what.k);
    co_return kept;
}

task<void> remote_store::put(run& r, std::vector<passage> passages, std::vector<std::vector<float>> vectors) const {
    if (passages.empty()) co_return;
    for (const auto& p : passages)
        if (p.id.empty() || !texts_are_utf8(p))
            fail(retrieve_errc::bad_passage, p.id.empty() ? "a passage has no id" : "a passage is no UTF-8");
    if (vectors.empty()) {
        std::vector<std::string> texts;
        for (const auto& p : passages) texts.push_back(p.title.empty() ? p.text : p.title + "\n" + p.text);
        auto made = co_await options_.vectors.embed(r, "embed_passages", std::move(texts), embedding_use::document);
        vectors = std::move(made.vectors);
    }
    if (vectors.size() != passages.size()) fail(retrieve_errc::wrong_model, "there is not one vector for each passage");
    for (const auto& v : vectors) {
        if (v.empty() || v.size() != vectors.front().size())
            fail(retrieve_errc::wrong_model, "vectors are of different lengths");
        if (!std::all_of(v.begin(), v.end(), [](float x) { return std::isfinite(x); }))
            fail(retrieve_errc::wrong_model, "a vector holds something that is no number");
    }
    auto all = joined(std::move(passages), std::move(vectors));
    co_await prepare(r, all.front().vector.size());
    for (std::size_t at = 0; at < all.size(); at += options_.batch) {
        const auto end = std::min(all.size(), at + options_.batch);
        std::vector<stored_passage> batch{std::make_move_iterator(all.begin() + static_cast<std::ptrdiff_t>(at)),
                                          std::make_move_iterator(all.begin() + static_cast<std::ptrdiff_t>(end))};
        co_await put_batch(r, std::move(batch));
    }
}

task<void> remote_store::remove(run& r, std::vector<std::string> ids) const {
    for (std::size_t at = 0; at < ids.size(); at += most_removed_at_once) {
        const auto end = std::min(ids.size(), at + most_removed_at_once);
        std::vector<std::string> batch{ids.begin() + static_cast<std::ptrdiff_t>(at),
                                       ids.begin() + static_cast<std::ptrdiff_t>(end)};
        co_await remove_batch(r, std::move(batch));
    }
}

}  // namespace reagent
