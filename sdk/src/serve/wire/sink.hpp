#pragma once

#include <reagent/serve/http_exchange.hpp>

namespace reagent::detail {

/// Events as the body of an answer: in chunks, so that its end can be told from a connection that broke.
class sink final : public event_sink {
public:
    sink(std::function<task<void>(std::string)> write, bool chunked) : write_{std::move(write)}, chunked_{chunked} {}

    task<void> send(std::string events) override;
    task<void> end();

private:
    std::function<task<void>(std::string)> write_;
    bool chunked_;
};

}  // namespace reagent::detail
