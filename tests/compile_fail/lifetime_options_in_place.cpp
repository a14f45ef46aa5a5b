// expect: reagent: g++ 12 destroys options that are written inside co_await twice
#include <reagent/reagent.hpp>
using qa = reagent::predict<reagent::sig<"question -> answer">>;
reagent::task<void> f(reagent::runtime& rt, qa& p, reagent::language_model lm) {
    (void)co_await rt.async_run({.lm = lm}, p, "question", boost::asio::use_awaitable);
}
