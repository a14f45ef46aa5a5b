// expect: reagent: `forward` is not const
#include <reagent/reagent.hpp>
struct program : reagent::module {
    reagent::task<int> forward(reagent::run&, int n) { co_return n; }
};
void f(reagent::runtime& rt, program& p) { (void)rt.start({}, p, 1); }
