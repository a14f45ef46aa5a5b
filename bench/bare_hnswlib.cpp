#include "bare_hnswlib.hpp"

#include <hnswlib/hnswlib.h>

#include <atomic>
#include <mutex>
#include <thread>

struct bare_hnswlib::impl {
    impl(std::size_t dimensions, std::size_t count) : space{dimensions}, net{&space, count, 16, 200} {}
    hnswlib::InnerProductSpace space;
    mutable hnswlib::HierarchicalNSW<float> net;
};

bare_hnswlib::bare_hnswlib(const std::vector<std::vector<float>>& vectors, unsigned threads)
    : impl_{std::make_unique<impl>(vectors.at(0).size(), vectors.size())} {
    impl_->net.addPoint(vectors[0].data(), 0);
    std::atomic<std::size_t> next{1};
    std::vector<std::jthread> workers;
    for (unsigned t = 0; t < threads; ++t)
        workers.emplace_back([&] {
            for (std::size_t i; (i = next++) < vectors.size();) impl_->net.addPoint(vectors[i].data(), i);
        });
}

bare_hnswlib::~bare_hnswlib() = default;

std::vector<std::size_t> bare_hnswlib::nearest(const std::vector<float>& query, std::size_t k,
                                               std::size_t effort) const {
    impl_->net.setEf(effort);
    auto found = impl_->net.searchKnn(query.data(), k);
    std::vector<std::size_t> all;
    for (; !found.empty(); found.pop()) all.push_back(found.top().second);
    return all;
}
