#pragma once

#include <reagent/retrieve/retriever.hpp>

#include <algorithm>

namespace reagent::detail {

/// What retrievers around another one share.
class retriever_around : public retriever {
public:
    flow_flags flow() const override { return from_->flow(); }
    std::vector<const module*> parts() const override { return from_->parts(); }

protected:
    explicit retriever_around(std::shared_ptr<const retriever> from) : from_{std::move(from)} {
        if (!from_) throw retrieve_error{retrieve_errc::no_retriever, "there is no retriever to stand around"};
    }
    std::string around(const char* what) const { return std::string{what} + "(" + from_->name() + ")"; }
    const std::shared_ptr<const retriever>& from() const { return from_; }

private:
    std::shared_ptr<const retriever> from_;
};

/// How many passages are asked for where the best k of more are wanted.
inline std::size_t deeper(std::size_t k, std::size_t depth) {
    constexpr std::size_t least = 20, most = 1'000;
    return std::max(k, std::min(most, std::max(least, k * std::max<std::size_t>(1, depth))));
}

}  // namespace reagent::detail
