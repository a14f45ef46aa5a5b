// expect: reagent: `forward` is not const
#include <reagent/reagent.hpp>
struct program : reagent::module {
    reagent::task<int> forward(reagent::run&, int n) { co_return n; }
};
void f(reagent::runtime& rt, program& p) {
    rt.async_run({}, p, 1, [](std::exception_ptr, int) {});
}
