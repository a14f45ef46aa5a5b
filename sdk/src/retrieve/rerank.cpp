#include <reagent/retrieve/rerank.hpp>

#include <reagent/http/client.hpp>
#include <reagent/http/shown_url.hpp>
#include <reagent/module/predict.hpp>

#include "../base/redact.hpp"
#include "../base/text.hpp"
#include "around.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/json.hpp>

#include <cmath>

namespace reagent {
namespace {

struct rank_passages {
    static constexpr auto instructions =
        "Rank the passages by how well each helps to answer the query. Name the numbers of all passages, the most "
        "helpful one first.";
    struct input {
        std::string query;
        field<std::vector<std::string>, "each begins with its number"> passages;
    };
    struct output {
        field<std::vector<std::int64_t>, "numbers of passages, best first"> ranking;
    };
};

// The first of each that there is, and behind them the others.
std::vector<std::size_t> order_of(const std::vector<std::int64_t>& numbers, std::size_t size) {
    std::vector<std::size_t> order;
    std::vector<bool> named(size);
    auto add = [&](std::size_t i) {
        if (!named[i]) order.push_back(i);
        named[i] = true;
    };
    for (auto n : numbers)
        if (n >= 1 && static_cast<std::uint64_t>(n) <= size) add(static_cast<std::size_t>(n) - 1);
    for (std::size_t i = 0; i < size; ++i) add(i);
    return order;
}

std::string shown(const passage& p) { return p.title.empty() ? p.text : p.title + "\n" + p.text; }

class model_reranker final : public detail::retriever_around {
public:
    model_reranker(std::shared_ptr<const retriever> from, rerank_options o)
        : retriever_around{std::move(from)}, options_{std::move(o)}, rank_{root_, options_.predictor} {}

    task<std::vector<passage>> retrieve(run& r, retrieval what) const override {
        const std::size_t k = what.k;
        const std::string query = what.query;
        what.k = detail::deeper(k, options_.depth);
        auto found = co_await from()->retrieve(r, std::move(what));
        if (found.size() < 2) co_return found;
        std::vector<std::string> texts;
        for (const auto& p : found)
            texts.push_back("[" + std::to_string(texts.size() + 1) + "] " + cut(shown(p), options_.max_passage_bytes));
        const auto answer = co_await rank_(r, query, texts);
        const std::vector<std::int64_t>& numbers = answer->ranking;
        std::vector<passage> ranked;
        for (auto i : order_of(numbers, found.size())) {
            if (ranked.size() == k) break;
            ranked.push_back(std::move(found[i]));
            ranked.back().score = 1.0 / static_cast<double>(ranked.size());
        }
        co_return ranked;
    }
    std::string name() const override { return around("reranked"); }
    std::vector<const module*> parts() const override {
        auto all = from()->parts();
        all.push_back(&root_);
        return all;
    }

private:
    rerank_options options_;
    module root_;
    predict<rank_passages> rank_;
};

class endpoint_reranker final : public detail::retriever_around {
public:
    endpoint_reranker(std::shared_ptr<const retriever> from, rerank_endpoint by)
        : retriever_around{std::move(from)}, by_{std::move(by)} {
        if (by_.api_base.empty() || by_.model.empty())
            throw retrieve_error{retrieve_errc::bad_options, "a rerank endpoint has an address (api_base) and a model"};
    }

    task<std::vector<passage>> retrieve(run& r, retrieval what) const override {
        const std::size_t k = what.k;
        const std::string query = what.query;
        what.k = detail::deeper(k, by_.depth);
        auto found = co_await from()->retrieve(r, std::move(what));
        if (found.size() < 2) co_return found;
        json::array documents;
        for (const auto& p : found) documents.push_back(json::string(shown(p)));
        const json::object body{
            {"model", by_.model}, {"query", query}, {"documents", documents}, {"top_n", std::min(k, found.size())}};
        const std::string answer = co_await ask(r, json::serialize(body));
        co_return ranked(answer, found, k);
    }
    std::string name() const override { return around("reranked") + " by " + by_.model; }

private:
    std::string url() const { return http::url_below(by_.api_base, "/rerank"); }

    [[noreturn]] void refuse(const std::string& why) const {
        const std::vector<secret> keys{by_.api_key};
        throw retrieve_error{retrieve_errc::server, "POST " + http::shown_url(url()) + " " + redact(why, keys)};
    }

    task<std::string> ask(run& r, std::string body) const {
        for (unsigned attempt = 1;; ++attempt) {
            http::request q;
            q.method = "POST";
            q.url = url();
            q.headers.emplace_back("content-type", "application/json");
            if (!by_.api_key.empty())
                q.credentials.emplace_back("authorization", "Bearer " + std::string{by_.api_key.reveal()});
            q.body = body;
            q.repeatable = true;
            const http::response answer = co_await r.http().send(std::move(q), deadline_after(by_.timeout));
            if (answer.status == 200) co_return answer.body;
            const bool may_pass = answer.status == 408 || answer.status == 429 || answer.status >= 500;
            if (!may_pass || attempt >= by_.attempts)
                refuse("was answered with status " + std::to_string(answer.status) + ": " + cut(answer.body, 300));
            asio::steady_timer pause{co_await asio::this_coro::executor,
                                     std::chrono::milliseconds{200} * (1 << std::min(attempt, 6u))};
            co_await pause.async_wait(asio::use_awaitable);
        }
    }

    std::vector<passage> ranked(const std::string& answer, const std::vector<passage>& found, std::size_t k) const {
        boost::system::error_code ec;
        const auto v = json::parse(answer, ec);
        const auto* results = !ec && v.is_object() ? v.get_object().if_contains("results") : nullptr;
        if (!results || !results->is_array()) refuse("has an answer without results: " + cut(answer, 300));
        std::vector<passage> all;
        std::vector<bool> taken(found.size());
        for (const auto& one : results->get_array()) {
            const auto* index = one.is_object() ? one.get_object().if_contains("index") : nullptr;
            const auto* score = one.is_object() ? one.get_object().if_contains("relevance_score") : nullptr;
            const auto i = index ? index->to_number<std::size_t>(ec) : found.size();
            if (ec || i >= found.size() || taken[i] || !score || !score->is_number())
                refuse("has a result that is none: " + cut(json::serialize(one), 300));
            taken[i] = true;
            all.push_back(found[i]);
            all.back().score = score->to_number<double>();
        }
        if (const auto asked = std::min(k, found.size()); all.size() < asked)
            refuse("has named " + std::to_string(all.size()) + " of " + std::to_string(asked) +
                   " passages that were asked for");
        std::stable_sort(all.begin(), all.end(), [](const passage& a, const passage& b) { return a.score > b.score; });
        if (all.size() > k) all.resize(k);
        return all;
    }

    rerank_endpoint by_;
};

}  // namespace

std::shared_ptr<const retriever> reranked(std::shared_ptr<const retriever> from, rerank_options options) {
    return std::make_shared<const model_reranker>(std::move(from), std::move(options));
}

std::shared_ptr<const retriever> reranked(std::shared_ptr<const retriever> from, rerank_endpoint by) {
    return std::make_shared<const endpoint_reranker>(std::move(from), std::move(by));
}

}  // namespace reagent
