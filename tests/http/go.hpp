#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <exception>

namespace reagent::test {

/// Runs a coroutine to its end on this thread; its exception is thrown on.
template <class F>
void go(F f) {
    boost::asio::io_context context;
    std::exception_ptr failure;
    boost::asio::co_spawn(context, f(context), [&](std::exception_ptr e) { failure = e; });
    context.run();
    if (failure) std::rethrow_exception(failure);
}

}  // namespace reagent::test
